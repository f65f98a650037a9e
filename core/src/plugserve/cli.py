"""The command `plugserve`.

All mistakes are reported at once, one line each, on standard error, and never as a traceback. The exit status is that
of sysexits.h: 78 for a mistake, 69 for an address that is not to be had, 77 for one that needs more rights, 70 for a
listener that broke down; 2 for a command line that click does not understand.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, cast

import click

from .discovery import core_version

__all__ = ["main"]

_COMMANDS: Final = ("serve", "check", "explain", "plugins", "schema", "adopt", "new", "completion")
"""The subcommands, in the order of the help: each is the function of that name in the module of that name."""

_BIND_INSTEAD: Final = ("--port", "--host", "--address", "--listen", "-p")
"""What other programs call the address; here a handler may have several, each one word."""


class _LazyGroup(click.Group):
    """Imports a subcommand when somebody asks for it: what `serve` needs does not delay the others, nor theirs it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return cast("click.Command", getattr(import_module(f"plugserve.commands.{cmd_name}"), cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word not in _COMMANDS and not word.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{word}': {_instead_of(word)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            takes_bind = error.ctx is not None and any(p.name == "binds" for p in error.ctx.command.params)
            if takes_bind and error.option_name in _BIND_INSTEAD:
                said = f"No such option '{error.option_name}': write --bind HOST:PORT"
                raise click.UsageError(said, error.ctx) from error
            raise


def _instead_of(word: str) -> str:
    """What to write in place of a word that is no command."""
    import difflib

    from .discovery import list_entries

    if word.endswith(".toml"):
        return f"write plugserve serve -c {word}"
    name = word.partition("@")[0]
    if ".py" in name or any(entry.name == name for entry in list_entries("handler")):
        return f"write plugserve serve {word}"
    near = difflib.get_close_matches(word, _COMMANDS, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(_COMMANDS)}"


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Tell the version, alone on the first line; then what else a report of a defect needs."""
    if not wanted or context.resilient_parsing:
        return
    import platform

    from .discovery import list_entries
    from .exits import printable

    click.echo(f"plugserve {core_version()}")
    python = f"Python {platform.python_version()} ({platform.python_implementation()})"
    click.echo(f"{python} on {platform.system()} {platform.release()} {platform.machine()}")
    # The first line has said it of the core, unless what is installed is not what runs.
    origins = {f"plugserve {core_version()}": False}
    for entry in list_entries():
        origins[entry.origin] = origins.get(entry.origin, False) or bool(entry.problems)
    for origin in sorted(origins, key=str.lower):
        if origins[origin] or origin != f"plugserve {core_version()}":
            click.echo(printable(origin) + (" (broken: see plugserve plugins)" if origins[origin] else ""))
    context.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def main() -> None:
    """Network servers of any protocol, put together from installed handlers, plugins and engines."""
