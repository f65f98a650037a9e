"""The arguments and options with which `serve`, `check`, `explain` and `schema` are told what to serve."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from plugserve.completions import complete_engine, complete_handler, complete_plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugserve.plan import Plan

__all__ = ["asked_plan", "config_option", "what_to_serve"]


def config_option(help_text: str) -> Callable[[Any], Any]:
    """The option `-c`, which may be repeated, as the parameter `files`."""
    return click.option("-c", "--config", "files", multiple=True, metavar="FILE", type=click.Path(), help=help_text)


_OPTIONS = (
    click.argument("handlers", nargs=-1, metavar="[HANDLER[@ADDRESS]]...", shell_complete=complete_handler),
    config_option(
        "A configuration file in TOML, or a folder of them (*.toml). It says all that HANDLER, --bind, --engine, "
        "--with and --option would, so none of these goes with it."
    ),
    click.option(
        "--bind",
        "binds",
        multiple=True,
        metavar="ADDRESS",
        help="Where to listen: tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH, ...; for TCP also HOST:PORT, or PORT on "
        "127.0.0.1. With one handler, every --bind is its own; with several, one --bind each, in order. A handler with "
        "an @ADDRESS takes none. Default: a free port on 127.0.0.1.",
    ),
    click.option(
        "--engine",
        default=None,
        metavar="NAME",
        help="How requests run side by side: threading (the default), thread-pool, multiplexing, forking, sync, or "
        "another that is installed.",
        shell_complete=complete_engine,
    ),
    click.option(
        "--with",
        "plugins",
        multiple=True,
        metavar="PLUGIN,...",
        help="Plugins, in the order in which a request meets them: NAME, NAME:FLAG or NAME:KEY=VALUE, and more "
        "KEY=VALUE behind commas.",
        shell_complete=complete_plugins,
    ),
    click.option(
        "--option",
        "options",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the handler; HANDLER.KEY=VALUE says of which one.",
    ),
)


def what_to_serve(command: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the command takes these arguments and options, for `asked_plan`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_plan(
    *,
    handlers: tuple[str, ...],
    files: tuple[str, ...],
    binds: tuple[str, ...],
    engine: str | None,
    plugins: tuple[str, ...],
    options: tuple[str, ...],
) -> Plan:
    """The plan that the words ask for, with what is wrong in its `faults`.

    Errors: `click.UsageError` if neither handlers nor files are named, or both, or a file in place of a handler.
    """
    from plugserve.discovery import Catalog
    from plugserve.plan import plan_files, plan_words

    given = {"HANDLER": handlers, "--bind": binds, "--engine": engine, "--with": plugins, "--option": options}
    if files:
        if beside := [name for name, words in given.items() if words]:
            raise click.UsageError(f"{beside[0]} and -c do not go together: write it into the file.")
        return plan_files(files, Catalog())
    for word in handlers:
        if word.endswith(".toml"):
            raise click.UsageError(f"{word} is a file: write -c {word}")
        if os.sep in word and os.path.isdir(word):
            raise click.UsageError(f"{word} is a folder: write -c {word}")
    if not handlers:
        raise click.UsageError("Missing argument 'HANDLER[@ADDRESS]...', or -c FILE: nothing says what to serve.")
    return plan_words(handlers, binds, engine or "threading", plugins, options, Catalog())
