"""The server's side of WSGI (PEP 3333) without I/O of its own: the environ, and one call of an application."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper, is_hop_by_hop

if TYPE_CHECKING:
    from .protocol import Header, Request

__all__ = ["AppError", "Call", "environ_of"]

_STATUS: Final = re.compile(r"([2-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1")[len(script_name) :],
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
    for name, value in request.headers:
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        # `Proxy` would be the variable HTTP_PROXY, which HTTP clients obey (CVE-2016-5385), and a name with `_` would
        # be taken for one with `-`, behind the back of whoever filters by name. The body has no framing any more.
        elif "_" in name or name in ("content-length", "expect", "proxy", "transfer-encoding"):
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

    These methods run the application's code, so they may block, and may be called from another thread.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> None:
        self._app = app
        self._environ = environ
        self._result: Any = None
        self._iterator: Iterator[bytes] | None = None
        self._written = b""
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
            self._iterator = iter(self._result)
        chunk = next(self._iterator, None)
        written = self._take_written()
        if chunk is None:
            if self.status is None:
                raise AppError("the application did not call start_response: call it before the first byte of the body")
            return written or None
        if not isinstance(chunk, bytes):
            raise AppError(f"the application gave a {type(chunk).__name__} as body: give bytes")
        if self.status is None and chunk:
            raise AppError("the application gave a body before it called start_response")
        if first and not written and self._length() == 1 and self.status is not None and not self._has_length():
            # PEP 3333, "Handling the Content-Length Header": all of it is known.
            self.headers.append(("Content-Length", str(len(chunk))))
        return written + chunk

    def close(self) -> None:
        """Call the iterable's `close()`, as PEP 3333 demands whatever happened."""
        result, self._result, self._iterator = self._result, None, None
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
                if self.committed:
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
        """What start_response returns. There is no awaiting here: what is written is sent with what the iterable gives
        next."""
        if not isinstance(data, bytes):
            raise AppError(f"write() was given a {type(data).__name__}: give bytes")
        self._written += data

    def _take_written(self) -> bytes:
        written, self._written = self._written, b""
        return written

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
