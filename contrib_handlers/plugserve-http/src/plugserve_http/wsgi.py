"""The server's side of WSGI (PEP 3333) without I/O of its own: the environ, and one call of an application."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper, is_hop_by_hop

if TYPE_CHECKING:
    from .protocol import Header, Request

__all__ = ["SPOOL", "AppError", "Call", "environ_of"]

SPOOL: Final = 1024 * 1024
"""Bytes of a body that stay in memory; a longer one is in a temporary file."""

_PART: Final = 256 * 1024
"""Bytes of what was written that are taken back at once."""

_STATUS: Final = re.compile(r"([2-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN: Final = re.compile(r"[a-z0-9-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class AppError(Exception):
    """The application did what PEP 3333 forbids. The message says what, and what would be right."""


def environ_of(
    request: Request,
    body: IO[bytes],
    *,
    length: int,
    server: tuple[str, str],
    client: tuple[str, str],
    script_name: str,
    scheme: str,
    multithread: bool,
    multiprocess: bool,
    user: str | None = None,
) -> dict[str, Any]:
    """The environ of a request.

    Parameters:
        request: its head; its path must be below `script_name`.
        body: the whole body.
        length: of the body, in bytes.
        server: host and port that the client connected to.
        client: its host and port; `("", "")` if it has none.
        script_name: the path of the application, without a slash at its end.
        scheme: `"http"` or `"https"`.
        multithread: whether the application may be called by another thread meanwhile.
        multiprocess: whether it may be called by another process meanwhile.
        user: who the client is, as far as a layer has proved it.
    """
    # Of `OPTIONS *` there is no path; "*" would be none either (PEP 3333: it begins with a slash, or is empty).
    path = unquote_to_bytes(request.path).decode("latin-1")[len(script_name) :] if request.path != "*" else ""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path,
        "QUERY_STRING": request.query or "",
        "REQUEST_URI": request.target,
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[1],
        "SERVER_PROTOCOL": request.version,
        "SERVER_SOFTWARE": "plugserve",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": client[1],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if user is not None:
        environ["REMOTE_USER"] = user
    if scheme == "https":
        environ["HTTPS"] = "on"
    for name, value in request.headers:
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        # `Proxy` would be the variable HTTP_PROXY, which HTTP clients obey (CVE-2016-5385), and a name with `_`, or
        # anything else but letters, digits and `-`, could be taken for another one, behind the back of whoever filters
        # by name. The body has no framing any more.
        elif not _PLAIN.fullmatch(name) or name in ("content-length", "expect", "proxy", "transfer-encoding"):
            continue
        else:
            key = "HTTP_" + name.upper().replace("-", "_")
            separator = "; " if name == "cookie" else ", "
            environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    if request.host:
        environ["HTTP_HOST"] = request.host  # that of the target goes first (RFC 9112, section 3.2.2)
    if length or request.length is None or request.get("content-length") is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


class Call:
    """One call of an application. `advance()` until it gives None; then, whatever happened, `close()`.

    Parameters:
        app: the application.
        environ: see `environ_of`.
        transmit: sends a part of the body at once, the head before it. Used by `write()` where the application runs in
            the thread that made this object, which then may wait for the client. In any other thread nobody may touch
            the connection: what is written is kept, on disk if it is much, and comes out of `advance()`.

    These methods run the application's code, so they may block, and may be called from another thread.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        environ: dict[str, Any],
        transmit: Callable[[bytes], object] = lambda data: None,
    ) -> None:
        self._app = app
        self._environ = environ
        self._transmit = transmit
        self._home = threading.get_ident()
        self._result: Any = None
        self._iterator: Iterator[bytes] | None = None
        self._written: SpooledTemporaryFile[bytes] | None = None
        self._held: bytes | None = None
        self._wrote = False
        self._closed = False
        self.status: tuple[int, str] | None = None
        """Code and reason phrase, once the application has called start_response."""
        self.headers: list[Header] = []
        self.committed = False
        """Whether the head has been sent; set by whoever sends it."""
        self.error: BaseException | None = None
        """What the application raised."""

    def advance(self) -> bytes | None:
        """The next part of the body, perhaps empty; None at its end.

        Errors: those of the application, kept in `error`, too.
        """
        try:
            return self._advance()
        except BaseException as error:
            self.error = error
            raise

    def _advance(self) -> bytes | None:
        first = self._iterator is None
        if self._iterator is None:
            self._result = self._app(self._environ, self.start_response)
            if self._closed:
                # Whoever waited for this call has given up meanwhile.
                self._closed = False
                self.close()
                return None
            self._iterator = iter(self._result)
        if self._written is not None or self._held is not None:
            return self._kept()
        chunk = self._next_chunk()
        if first and not self._wrote and self.status is not None and not self._has_length():
            # PEP 3333, "Handling the Content-Length Header": all of it is known.
            if isinstance(self._result, (list, tuple)):
                self.headers.append(("Content-Length", str(sum(map(len, self._result)))))
            elif chunk is not None and self._length() == 1:
                self.headers.append(("Content-Length", str(len(chunk))))
        if self._written is not None:
            self._held = chunk
            return self._kept()
        return chunk

    def _next_chunk(self) -> bytes | None:
        assert self._iterator is not None, "the application has been called"
        chunk = next(self._iterator, None)
        if chunk is None:
            if self.status is None:
                raise AppError("the application did not call start_response: call it before the first byte of the body")
            return None
        if not isinstance(chunk, bytes):
            raise AppError(f"the application gave a {type(chunk).__name__} as body: give bytes")
        if self.status is None and chunk:
            raise AppError("the application gave a body before it called start_response")
        return chunk

    def _kept(self) -> bytes:
        """Some of what was written, then what the iterable gave after it."""
        if self._written is not None:
            if data := self._written.read(_PART):
                return data
            self._written.close()
            self._written = None
        held, self._held = self._held, None
        return held or b""

    def close(self) -> None:
        """Call the iterable's `close()`, once, as PEP 3333 demands whatever happened."""
        if self._closed:
            return
        self._closed = True
        result, self._result, self._iterator = self._result, None, None
        if self._written is not None:
            self._written.close()
        if hasattr(result, "close"):
            try:
                result.close()
            except BaseException as error:
                self.error = error
                raise

    def start_response(
        self, status: str, headers: list[Header], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], object]:
        """The callable of that name in PEP 3333.

        Errors: `AppError` for what must not be sent; the exception in `exc_info` if the head has been sent already.
        """
        try:
            if exc_info is not None:
                if self.committed or self._wrote:
                    raise exc_info[1].with_traceback(exc_info[2])
            elif self.status is not None:
                raise AppError("start_response was called twice: the second call needs exc_info")
        finally:
            exc_info = None  # no cycle through the traceback
        checked = _status(status)
        self.headers = _headers(headers)
        self.status = checked
        return self._write

    def _write(self, data: bytes) -> None:
        """What start_response returns: sends at once, or keeps what is written "for transmission" (PEP 3333)."""
        if not isinstance(data, bytes):
            raise AppError(f"write() was given a {type(data).__name__}: give bytes")
        if not data:
            return
        self._wrote = True
        if threading.get_ident() == self._home:
            self._transmit(data)
            return
        if self._written is None:
            self._written = SpooledTemporaryFile(SPOOL)  # noqa: SIM115  # closed by _kept() or close()
        place = self._written.tell()
        self._written.seek(0, os.SEEK_END)
        self._written.write(data)
        self._written.seek(place)

    def _length(self) -> int | None:
        try:
            return len(self._result)
        except TypeError:
            return None

    def _has_length(self) -> bool:
        return any(name.lower() == "content-length" for name, _ in self.headers)


def _status(status: object) -> tuple[int, str]:
    if not isinstance(status, str):
        raise AppError(f"the status is a {type(status).__name__}: give a str such as '200 OK'")
    match = _STATUS.fullmatch(status)
    if match is None:
        raise AppError(f"the status is {status!r}: give a code from 200, a space and a phrase, such as '200 OK'")
    return int(match[1]), match[2]


def _headers(headers: object) -> list[Header]:
    """Errors: `AppError` for what would be another header, another response, or the connection's own business."""
    if not isinstance(headers, list):
        raise AppError(f"the headers are a {type(headers).__name__}: give a list")
    checked = []
    lengths = 0
    for header in headers:
        if not (isinstance(header, tuple) and len(header) == 2 and all(isinstance(part, str) for part in header)):
            raise AppError(f"a header is {header!r}: give a tuple of two str")
        name, value = header
        if not _NAME.fullmatch(name):
            raise AppError(f"{name!r} is no name of a header: give letters, digits and '-'")
        if not _VALUE.fullmatch(value):
            raise AppError(f"the header {name} is {value!r}: leave out line ends and other control characters")
        if is_hop_by_hop(name):
            raise AppError(f"the header {name} is about the connection, which is the server's business: leave it out")
        if name.lower() == "content-length":
            lengths += 1
            if lengths > 1 or not _LENGTH.fullmatch(value):
                raise AppError(f"Content-Length is {value!r}: give it once, a number")
        checked.append((name, value.strip(" \t")))
    return checked
