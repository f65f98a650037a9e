"""`plugserve explain`: the life of a request through each listener, and what would happen to a client."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from plugserve.commands.asking import asked_plan, what_to_serve
from plugserve.errors import ConfigurationError
from plugserve.exits import CONFIGURATION, fail, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugserve.plan import Plan

__all__ = ["explain"]

_REFUSED: Final = 1
"""Exit status if some listener would not serve the client: for scripts, as grep(1) has it."""


@click.command()
@what_to_serve
@click.option(
    "--client", metavar="ADDRESS", help="Say what would happen to a client: an IP address, unix or vsock:CID."
)
@click.option("--peer", metavar="ADDRESS", help="The proxy that the client comes through.")
@click.option("--identity", metavar="NAME", help="Who the client has proved to be, by then.")
@click.option("--tls", is_flag=True, help="The client comes through TLS.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with an object for each listener.")
@click.option("--svg", "as_svg", is_flag=True, help="Print a drawing.")
def explain(
    client: str | None,
    peer: str | None,
    identity: str | None,
    tls: bool,
    as_json: bool,
    as_svg: bool,
    **asked: Any,
) -> None:
    """Show a request's life, and judge a client.

    All steps through each listener, with every plugin at its place and the line that asks for it.

    With --client: whether that client would be served, and the vote of each plugin, without opening a socket. The
    status is then 0 if every listener would serve it, 1 if one would not or it cannot be told, 78 for a mistake.

    \b
    plugserve explain -c site.toml
    plugserve explain -c site.toml --client 203.0.113.7
    plugserve explain -c site.toml --svg > site.svg
    plugserve explain echo --with access:deny=203.0.113.0/24 --client 203.0.113.7
    """
    if as_json and as_svg:
        raise click.UsageError("--json and --svg are two forms of the same: choose one.")
    if client is None and (peer or identity or tls):
        raise click.UsageError("--peer, --identity and --tls are about a client: name it with --client.")
    plan = asked_plan(**asked)
    if plan.faults:
        fail(CONFIGURATION, *plan.faults)
    explained = list(_explained(plan, client, peer, identity, tls))
    if as_json:
        import json

        click.echo(json.dumps(explained, indent=2))
    elif as_svg:
        from plugserve.drawing import draw

        click.echo(draw(explained))
    else:
        _show(explained)
    if any(one["verdict"] and not one["verdict"]["served"] for one in explained):
        raise SystemExit(_REFUSED)


def _explained(
    plan: Plan, client: str | None, peer: str | None, identity: str | None, tls: bool
) -> Iterator[dict[str, Any]]:
    """Each listener as plain data."""
    from plugserve.dry_run import DryRun, client_of
    from plugserve.explain import explain as life_of
    from plugserve.explain import with_verdict

    for listener in plan.listeners:
        described = life_of(listener)
        if client is not None:
            try:
                who = client_of(listener, client, peer=peer, identity=identity, tls=tls)
                with DryRun(listener) as run:
                    described = with_verdict(described, client, run.judge(who))
            except ConfigurationError as error:
                fail(CONFIGURATION, *str(error).splitlines())
        yield described


# -- as text -----------------------------------------------------------------------------------------------------------

_STYLES: Final = {"denies": "red", "fails": "red", "agrees": "green", "not asked": "bright_black"}


def _show(explained: list[dict[str, Any]]) -> None:
    for number, listener in enumerate(explained):
        if number:
            click.echo()
        for line in _lines(listener):
            click.echo(line)
    sys.stdout.flush()


def _lines(listener: dict[str, Any]) -> Iterator[str]:
    """One listener as lines: what it is, its steps in order, and the verdict."""
    import json

    title = click.style(printable(listener["name"]), bold=True)
    yield f"{title}  {printable(listener['address'])}  {_dim(listener['origin'])}"
    yield f"  {listener['handler_label']}, {listener['engine_label']}"
    for key, value in listener["options"].items():
        shown = "none" if value is None else json.dumps(value)
        yield f"  {_dim('option')} {key} = {printable(shown)}"
    for line in _limits(listener["limits"]):
        yield f"  {_dim('limits')} {line}"
    yield ""
    rows = list(_rows(listener))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    place_before = None
    for step, plugin, rule, where, place in rows:
        if step and place != place_before:
            yield f"  {_dim(f'-- {place} --')}"
            place_before = place
        line = f"  {step:{widths[0]}}  {plugin:{widths[1]}}  {rule:{widths[2]}}  {where}".rstrip()
        yield line if plugin else _dim(line)
    if listener["verdict"]:
        yield ""
        yield from _verdict(listener["verdict"])


def _limits(limits: dict[str, Any]) -> list[str]:
    """Those that hold, on as few lines as fit."""
    import textwrap

    shown = [
        f"{name} = {value if isinstance(value, str) else f'{value:g}' if isinstance(value, float) else value}"
        for name, value in limits.items()
        if value is not None and value is not False
    ]
    # A name and its value stay together.
    lines = textwrap.wrap(", ".join(one.replace(" ", "\0") for one in shown), 100, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _rows(listener: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Step, plugin, rule, where it is asked for (or what the step is for), and the place it runs at."""
    for step in listener["steps"]:
        rule = step["rule"] or ""
        if not step["calls"]:
            yield step["step"], "", rule, step["note"], step["place"]
        for index, call in enumerate(step["calls"]):
            yield "" if index else step["step"], call["plugin"], "" if index else rule, call["origin"], step["place"]


def _verdict(verdict: dict[str, Any]) -> Iterator[str]:
    client = printable(verdict["client"])
    if verdict["served"]:
        yield f"client {client}: " + click.style("served", fg="green", bold=True)
    else:
        word = "refused" if verdict["served"] is False else "cannot be told"
        head = click.style(word, fg="red", bold=True)
        yield f"client {client}: {head}, at {verdict['ended_at']}: {printable(verdict['reason'])}"
    votes = verdict["votes"]
    if votes:
        widths = [max(len(vote[key]) for vote in votes) for key in ("hook", "plugin", "answer")]
        for vote in votes:
            answer = click.style(f"{vote['answer']:{widths[2]}}", fg=_STYLES.get(vote["answer"]))
            line = f"  {vote['hook']:{widths[0]}}  {vote['plugin']:{widths[1]}}  {answer}  {printable(vote['why'])}"
            yield line.rstrip()
    else:
        yield "  nobody votes"
    for assumed in verdict["assumed"]:
        yield _dim(f"  assumed: {assumed}")


def _dim(text: str) -> str:
    return click.style(text, fg="bright_black")
