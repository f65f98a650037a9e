"""What a client says to each handler, for `plugserve.testing.matrix`: every engine must answer it alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from plugserve.testing.dialogues import Dialogue

from .handler import FilesHandler, WSGIHandler

__all__ = ["DIALOGUES"]

_NOW: Final = 1_000_000_000.0
"""9 September 2001, 01:46:40 UTC."""


class _Files(FilesHandler):
    def now(self) -> float:
        return _NOW


class _WSGI(WSGIHandler):
    def now(self) -> float:
        return _NOW


def _shout(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Sends the body back in capitals and in two pieces, or fails."""
    if environ["PATH_INFO"] == "/fails":
        raise LookupError("by intention")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).upper()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body[:3], body[3:]]


# How long connections are kept is said, since what is left unsaid depends on the engine.
_FOLDER: Final = FilesHandler.Options(root=Path(__file__).parent, keep_alive=10)
_APP: Final = WSGIHandler.Options(app=_shout, keep_alive=10)
_GET: Final = b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
_POST: Final = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhallo"

DIALOGUES: Final = [
    Dialogue(_Files, [_GET % b"py.typed", _GET % b"missing"], options=_FOLDER, half_close=True, name="files"),
    Dialogue(
        _Files,
        [b"GET /dialogues.py HTTP/1.1\r\nHost: localhost\r\nRange: bytes=3-9\r\n\r\n"],
        options=_FOLDER,
        half_close=True,
        name="files-range",
    ),
    Dialogue(
        _Files, [b"no HTTP at all\r\n\r\n"], options=_FOLDER, half_close=True, orderly=False, name="files-refused"
    ),
    Dialogue(_WSGI, [_POST, _GET % b"again"], options=_APP, half_close=True, name="wsgi"),
    Dialogue(_WSGI, [_GET % b"fails"], options=_APP, half_close=True, orderly=False, name="wsgi-failing"),
]
