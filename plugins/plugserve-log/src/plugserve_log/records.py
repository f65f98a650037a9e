"""What the core and other plugins report through `logging`, as lines of the same log.

The core reports a plugin's fault to the logger `plugserve`. Without anybody listening there, Python prints it to
standard error as it is, whatever an exception's text does to the terminal.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Final

from .escaping import clip
from .facts import error_fields
from .rendering import LEVELS, Level, Line

__all__ = ["LOGGER", "RecordHandler"]

LOGGER: Final = "plugserve"
"""The logger of the core; those of our plugins are below it."""


class RecordHandler(logging.Handler):
    """A `logging` handler that makes lines of records.

    Parameters:
        take: takes a line; it must not wait.
        show: makes the bytes of a line.
    """

    def __init__(self, take: Callable[[Line], None], show: Callable[[Line], bytes]) -> None:
        super().__init__()
        self._take = take
        self._show = show
        self._process = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            line = _line(record)
            if os.getpid() == self._process:
                self._take(line)
            elif sys.stderr is not None:
                # In a child that handles a request nobody would ever write it, and the log is the parent's.
                print(self._show(line).decode(), end="", file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)

    def attach(self) -> None:
        """Begin to listen. What else the logger is set up to do stays as it is."""
        logging.getLogger(LOGGER).addHandler(self)

    def detach(self) -> None:
        """Stop listening."""
        logging.getLogger(LOGGER).removeHandler(self)


def _line(record: logging.LogRecord) -> Line:
    fields: dict[str, Any] = {"logger": record.name, "text": clip(record.getMessage())}
    exception = record.exc_info[1] if record.exc_info else None
    if exception is not None:
        told = error_fields(exception, trace=True)
        fields |= {"exception": told["exception"], "exception_text": told["text"], "traceback": told["traceback"]}
    return "record", _level(record.levelno), record.created, fields


def _level(number: int) -> Level:
    level: Level = "debug"
    name: Level
    for name in ("info", "warning", "error"):
        if number >= LEVELS[name]:
            level = name
    return level
