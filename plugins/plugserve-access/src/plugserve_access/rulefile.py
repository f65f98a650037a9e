"""A list of rules in a file: read with care, and looked at for changes.

The format: one rule a line; what follows `#` is a comment; blank lines mean nothing.

A changed file is not read at once, but when it has looked the same twice in a row: whoever writes it in place first
empties it, and a list that is read half-written lacks rules without showing it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Final

from plugserve.errors import ConfigurationError

from .networks import STEP, BadRule, Rule, parse_rule

__all__ = ["MAX_BYTES", "RuleFile", "Signature"]

MAX_BYTES: Final = 32 * 1024 * 1024
"""A larger file is refused: it holds more than a million networks, so something else got in its place."""

Signature = tuple[int, ...]
"""What tells one content of a file from another without reading it."""


class RuleFile:
    """One file of allow or of deny rules, and what was last read from it.

    Parameters:
        path: where it is; a relative one counts from the working directory of now, whatever it is later.
        allow: whether its rules allow; else they deny.
        option: the plugin option that names it, for errors.
    """

    def __init__(self, path: Path, *, allow: bool, option: str) -> None:
        self.path = path.absolute()
        self.allow = allow
        self.option = option
        self.rules: list[Rule] = []
        self._done: Signature | None = None  # of the content that was last taken over, or refused
        self._seen: Signature | None = None  # at the last look

    @property
    def name(self) -> str:
        """The path, fit for a log."""
        return ascii(str(self.path))[1:-1]

    def changed(self) -> bool:
        """Take one look, which is one system call: whether there is a new content that has come to rest."""
        signature = self._look()
        resting = signature == self._seen
        self._seen = signature
        return resting and signature != self._done

    def forget(self) -> None:
        """Let the content of now count as new: what was read of it could not be put to use."""
        self._done = None

    def read(self) -> Generator[None, None, list[Rule] | None]:
        """Read all rules in small steps: a generator that yields often and returns the rules.

        The caller puts them into `rules` when it has use for them. However it ends, this content is not `changed` any
        more, but None is returned for a file that was written to just then: it is `changed` again later.

        Errors: `ConfigurationError` that names the file, and the line if it is one's fault.
        """
        self._done = self._look()
        try:
            # Looked at first: to open some devices does something. O_NONBLOCK: a FIFO that takes its place between
            # the two calls must not hold up the server's loop until somebody writes to it.
            self._refuse_irregular(self.path.stat())
            with open(self.path, "rb", opener=_open_without_waiting) as file:
                status = os.fstat(file.fileno())
                self._refuse_irregular(status)
                if status.st_size > MAX_BYTES:
                    raise ConfigurationError(
                        f"{self.option}: {self.name} has {status.st_size} bytes, and more than {MAX_BYTES} are no list "
                        f"of rules: check the path",
                        option=self.option,
                    )
                content = file.read(MAX_BYTES)
                if _signature(status) != self._done or _signature(os.fstat(file.fileno())) != self._done:
                    self._done = None
                    return None
        except (OSError, ValueError) as error:
            # ValueError: a NUL in the path.
            raise ConfigurationError(
                f"{self.option}: cannot read {self.name}: {getattr(error, 'strerror', None) or error}: "
                f"{_remedy(error)}",
                option=self.option,
            ) from error
        return (yield from self._parse(content))

    def _parse(self, content: bytes) -> Generator[None, None, list[Rule]]:
        # A comment may be in any encoding. A byte that is not UTF-8 in a rule becomes a character that no rule has.
        text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        rules = []
        for number, line in enumerate(text.split("\n"), 1):
            if number % STEP == 0:
                yield
            word = line.partition("#")[0].strip()
            if word:
                try:
                    rules.append(parse_rule(word, allow=self.allow, source=self.name, line=number))
                except BadRule as error:
                    raise ConfigurationError(
                        f"{self.option}: {self.name}, line {number}: {error}", option=self.option
                    ) from None
        return rules

    def _refuse_irregular(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(
                f"{self.option}: {self.name} is not a regular file: give the path of a list", option=self.option
            )

    def _look(self) -> Signature:
        try:
            return _signature(self.path.stat())
        except OSError as error:
            # Not to be seen is a content, too: told of once, until it changes.
            return (-1, error.errno or 0)
        except ValueError:
            return (-1, 0)


def _remedy(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "let the server's user read it"
    return "give the path of a list, which may be empty"


def _signature(status: os.stat_result) -> Signature:
    # The change time cannot be set back, unlike the time of modification (stat(2)).
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
