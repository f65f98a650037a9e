"""`plugserve adopt`: run an existing program on plugserve."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from plugserve.completions import complete_plugins
from plugserve.errors import ConfigurationError
from plugserve.exits import CONFIGURATION, UNAVAILABLE, fail

__all__ = ["adopt"]


# What is not an option of ours may be one of Python's: `adopt -u server.py`.
@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--with",
    "plugins",
    multiple=True,
    metavar="PLUGIN,...",
    help="Plugins for every server, in the order in which a request meets them: NAME, NAME:FLAG or NAME:KEY=VALUE, and "
    "more KEY=VALUE behind commas.",
    shell_complete=complete_plugins,
)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] PROGRAM [ARGUMENT]...")
def adopt(plugins: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Run a Python program whose servers are made with socketserver, with plugins attached to each of them.

    A PROGRAM is -m MODULE, a path, or the name of a Python program on PATH; options of Python may stand before it. It
    runs unchanged, in this process, with the same input, output and signals; so do the Python programs that it starts.
    What is built on asyncio or on sockets alone cannot be adopted, and in the end a line says so.

    \b
    plugserve adopt --with access,log -- -m http.server 8000
    plugserve adopt --with access:allow=10.0.0.0/8,log:path=access.log -- server.py --port 7007
    """
    from plugserve.adoption import Adoption
    from plugserve.arguments import plugin_words
    from plugserve.program import find_program

    mistakes: list[str] = []
    adoption = Adoption((), os.getcwd())
    arguments: tuple[str, ...] = ()
    try:
        adoption = Adoption(tuple(plugin_words(plugins)), os.getcwd())
    except ConfigurationError as error:
        mistakes += str(error).splitlines()
    mistakes += adoption.mistakes()
    try:
        arguments = find_program(words).arguments
    except ConfigurationError as error:
        mistakes += str(error).splitlines()
    if mistakes:
        fail(CONFIGURATION, *mistakes)
    _become([sys.executable, *arguments], adoption.environment(os.environ))


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Replace this process by another program; on Windows, which cannot, stand by until that ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if sys.platform != "win32":
            os.execve(command[0], command, environment)
    except OSError as error:
        fail(UNAVAILABLE, f"{command[0]} cannot be run: {error.strerror}")
    import signal
    import subprocess

    # Ctrl-C goes to both, and is the program's to obey.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)
