"""`plugserve new`: a distribution of one's own, complete and working, to begin with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from plugserve.discovery import Catalog
from plugserve.exits import CONFIGURATION, Mistakes, fail
from plugserve.scaffold import STYLES, Scaffold, default_author, default_description

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugserve.scaffold import Kind

__all__ = ["new"]


@click.group()
def new() -> None:
    """Make a new distribution with a handler or a plugin.

    What is made works at once: a small example in the style that is asked for, with typed options, a README, tests, and
    the configuration of pytest, ruff and mypy. Needs copier: pip install 'plugserve[new]', in a checkout
    pip install './core[new]'.

    \b
    plugserve new handler shout
    plugserve new plugin quota --style vote --author 'Ada Lovelace'
    """


def _common(kind: Kind) -> Callable[[Any], Any]:
    """The argument and the options that both kinds have."""
    styles = STYLES[kind]

    def decorate(function: Any) -> Any:
        for decorator in (
            click.option(
                "--into",
                type=click.Path(path_type=Path),
                metavar="FOLDER",
                help="Where to make it; a folder that is not there yet, or empty. Default: plugserve-NAME.",
            ),
            click.option(
                "--description", metavar="TEXT", help="What it does, in one line. Default: what the example does."
            ),
            click.option(
                "--author", metavar="TEXT", help="Who holds the copyright. Default: plugserve-NAME contributors."
            ),
            click.option("--style", type=click.Choice(list(styles)), default=next(iter(styles)), show_default=True),
            click.argument("name"),
        ):
            function = decorator(function)
        return function

    return decorate


@new.command()
@_common("handler")
def handler(name: str, style: str, author: str | None, description: str | None, into: Path | None) -> None:
    """Make the distribution plugserve-NAME with a handler.

    It answers each line of its clients with the same line in capital letters, and greets them. Its protocol knows no
    socket; the styles are three ways to drive it: bytes in and bytes out, a coroutine that awaits its connection, or
    code that blocks on the real socket, as for socketserver.

    \b
    plugserve new handler shout
    plugserve new handler shout --style coroutine --author 'Ada Lovelace' --into shout
    """
    _make(Scaffold(kind="handler", name=name, style=style, author=author, description=description, folder=into))


@new.command()
@_common("plugin")
def plugin(name: str, style: str, author: str | None, description: str | None, into: Path | None) -> None:
    """Make the distribution plugserve-NAME with a plugin.

    \b
    vote     serves at most so many requests of each client
    observe  counts requests, refusals and bytes, and reports the totals
    layer    wants a line from the client before the handler sees a byte
    wrap     measures how long the handler takes

    \b
    plugserve new plugin quota
    plugserve new plugin stopwatch --style wrap
    """
    _make(Scaffold(kind="plugin", name=name, style=style, author=author, description=description, folder=into))


def _make(wanted: Scaffold) -> None:
    if found := wanted.mistakes():
        fail(CONFIGURATION, *found)
    if sys.stdin.isatty() and sys.stdout.isatty():
        wanted = _asked(wanted)
    mistakes = Mistakes()
    with mistakes.caught():
        wanted.make()
    mistakes.tell()
    _say_what_next(wanted)


def _asked(wanted: Scaffold) -> Scaffold:
    """The same with what somebody at a terminal has answered to what was not given."""
    from dataclasses import replace

    author, description = wanted.author, wanted.description
    if author is None:
        author = click.prompt("Author", default=default_author(wanted.name))
    if description is None:
        description = click.prompt("Description", default=default_description(wanted.kind, wanted.style))
    return replace(wanted, author=author, description=description)


def _say_what_next(wanted: Scaffold) -> None:
    import shlex

    click.echo(f"{wanted.distribution} is in {wanted.place}: a {wanted.kind} in the style {wanted.style}. Next:\n")
    steps = [f"cd {shlex.quote(str(wanted.place))}", "pip install -e ."]
    if wanted.kind == "handler":
        steps.append(f"plugserve serve {wanted.name}")
    else:
        if not any(entry.name == "echo" for entry in Catalog().list_entries("handler")):
            steps.append("pip install plugserve-simple    # brings echo")
        steps.append(f"plugserve serve echo --with {wanted.name}")
    # Groups are of PEP 735, which pip knows since 25.1.
    steps += ["pip install --upgrade pip", "pip install --group dev    # pytest, mypy and ruff", "pytest"]
    for step in steps:
        click.echo(f"  {step}")
