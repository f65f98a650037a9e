"""Lines for people: `name=value`, with what is not known left out and a traceback indented below its line."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from .escaping import visible

__all__ = ["TRACEBACK_MARGIN", "Human"]

TRACEBACK_MARGIN: Final = "    | "
"""What every line of a traceback begins with: no line of a log does, so none can be forged in an exception's text."""

_COLOURS: Final = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_LEVEL_WIDTH: Final = 7
_EVENT_WIDTH: Final = 8


class Human:
    """A structlog processor, the last one: makes the text of a line from its fields.

    Parameters:
        colours: whether the level is coloured.
        ascii_only: whether to escape what is not ASCII.
    """

    def __init__(self, colours: bool = False, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only
        self._levels = {
            level: f"{colour}{level:{_LEVEL_WIDTH}}{_PLAIN}" if colours else f"{level:{_LEVEL_WIDTH}}"
            for level, colour in _COLOURS.items()
        }

    def __call__(self, _: Any, __: str, fields: MutableMapping[str, Any]) -> str:
        """The line, without its last line break."""
        level = self._levels[fields.pop("level")]
        start = f"{fields.pop('time')} {level} {fields.pop('event'):{_EVENT_WIDTH}}"
        trace = fields.pop("traceback", None)
        _shorten(fields)
        pieces = [start, *[f"{name}={self._show(value)}" for name, value in fields.items() if value is not None]]
        line = " ".join(pieces).rstrip()
        if trace:
            line += "".join([f"\n{TRACEBACK_MARGIN}{self._safe(part)}" for part in trace.split("\n")])
        return line

    def _show(self, value: Any) -> str:
        if not isinstance(value, str):
            return str(value)
        text = self._safe(value)
        # A value must not look like two.
        if text and " " not in text and "=" not in text and '"' not in text:
            return text
        return '"' + text.replace('"', '\\"') + '"'

    def _safe(self, text: str) -> str:
        return visible(text, ascii_only=self._ascii_only)


def _shorten(fields: MutableMapping[str, Any]) -> None:
    """Say in fewer words what a person needs to know of a request."""
    port, client = fields.pop("port", None), fields.get("client")
    if port is not None:
        fields["client"] = f"[{client}]:{port}" if client is not None and ":" in client else f"{client}:{port}"
    if fields.get("outcome") == "ok":
        del fields["reason"]
    elif fields.get("outcome") == "rejected":
        del fields["outcome"]
    if "duration" in fields:
        fields["duration"] = _duration(fields["duration"])
    if "client" in fields:
        # Who and what comes first; what is the same in most lines last.
        for name in ("handler", "listener", "id"):
            fields[name] = fields.pop(name)


def _duration(seconds: float) -> str:
    """Three digits or more of a duration: `0.182ms`, `12.3ms`, `4.56s`."""
    if seconds < 1:
        return f"{seconds * 1000:.3f}ms" if seconds < 0.01 else f"{seconds * 1000:.1f}ms"
    return f"{seconds:.2f}s"
