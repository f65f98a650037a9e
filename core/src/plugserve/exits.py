"""How a command ends that cannot do what it was asked for: every mistake in a line of its own, and an exit status.

The statuses are those of sysexits.h, which service managers know: systemd prints their names (systemd.exec(5), "Process
Exit Codes").
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import click

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CONFIGURATION", "NO_PERMISSION", "SOFTWARE", "UNAVAILABLE", "Mistakes", "fail", "printable"]

UNAVAILABLE: Final = 69
"""EX_UNAVAILABLE: an address is not to be had."""
SOFTWARE: Final = 70
"""EX_SOFTWARE: a listener broke down."""
NO_PERMISSION: Final = 77
"""EX_NOPERM: an address needs more rights."""
CONFIGURATION: Final = 78
"""EX_CONFIG: something in what was asked for is wrong."""


class Mistakes:
    """Collects what is wrong, so that all of it can be told at once."""

    def __init__(self) -> None:
        self.lines: dict[str, None] = {}

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Whatever is wrong in the body is told later."""
        try:
            yield
        except ConfigurationError as error:
            # The same mistake may be met once for each listener.
            self.lines |= dict.fromkeys(str(error).splitlines())

    def tell(self) -> None:
        """End the program if there was any mistake."""
        if self.lines:
            fail(CONFIGURATION, *self.lines)


def fail(status: int, *lines: str) -> NoReturn:
    """End the program, with these lines on standard error."""
    for line in lines:
        click.echo(f"{click.style('plugserve:', fg='red', bold=True)} {printable(line)}", err=True)
    raise SystemExit(status)


def printable(line: str) -> str:
    """A line that may quote what anybody wrote, with nothing in it that a terminal would obey."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)
