"""The handlers: thin drivers of `protocol.py`, one loop for both."""

from __future__ import annotations

import errno
import importlib
import math
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from plugserve import ConfigurationError, CoroutineHandler

from .authentication import Gate
from .conditions import evaluate, if_range_holds
from .dates import format_date
from .files import Found, Missing, Opening
from .listing import LISTING_POLICY, href, listing_page
from .media import media_type
from .protocol import METHODS, Exchange, Header, Request
from .ranges import Piece, Unsatisfiable, content_range, multipart, parse_ranges
from .rates import count_request
from .refusal import Refusal
from .target import path_names
from .wsgi import SPOOL, AppError, Call, environ_of

__all__ = ["FilesHandler", "WSGIHandler"]

_CHUNK: Final = 65536
"""Bytes of a body that are read and sent at once."""

_KEEP_ALIVE: Final = 15.0
"""Seconds that a connection waits for its next request: browsers come back within these for the rest of a page."""

_KEEP_ALIVE_WITH: Final = {"sync": 0.0, "forking": 2.0}
"""The same with engines where waiting costs more than a thread. With `sync` who waits for nothing in particular keeps
everybody else out; with `forking` it holds a process, which cannot be told that the server drains."""

_RATE: Final = 500
"""Bytes a second that a request must come at once its time is up, as in Apache's mod_reqtimeout."""

_FACT: Final = 200
"""Characters of a target that `context.data` keeps."""

_SERVER: Final = ("Server", "plugserve")
_NOSNIFF: Final = ("X-Content-Type-Options", "nosniff")
_ALLOW: Final = ("Allow", "GET, HEAD, OPTIONS")

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""The host is out of something: the client may come again (RFC 9110, section 15.6.4), and the log says what."""


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """Options of both."""

    keep_alive: float | None = None
    request_timeout: float = 20.0
    authenticate: bool | str = True

    def __post_init__(self) -> None:
        seconds = self.keep_alive
        if seconds is not None and not (_is_number(seconds) and 0 <= seconds < math.inf):
            raise ConfigurationError(
                f"option 'keep-alive' is {seconds!r}: give a number of seconds, 0 or more", option="keep_alive"
            )
        seconds = self.request_timeout
        if not (_is_number(seconds) and 0 < seconds < math.inf):
            raise ConfigurationError(
                f"option 'request-timeout' is {seconds!r}: give a number of seconds above 0", option="request_timeout"
            )
        realm = self.authenticate
        if isinstance(realm, str) and not (realm and realm.isascii() and realm.isprintable()):
            raise ConfigurationError(
                f"option 'authenticate' is {realm!r}: give true, false, or a name in plain ASCII", option="authenticate"
            )


class _HTTPHandler(CoroutineHandler):
    """The connection: request after request, each answered by `respond`."""

    speaks_first = False
    needs = "stream"

    @classmethod
    def authenticates(cls, options: Any) -> bool:
        """Whether its clients are asked who they are by itself, for plugins that would else do that before."""
        return bool(getattr(options, "authenticate", True))

    @classmethod
    def refusal(cls, reason: str) -> bytes:
        """What a client too many is told: to come again (RFC 9110, 15.6.4)."""
        body = b"503 Service Unavailable: too many requests at once\n"
        return (
            b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    options: _Shared

    _closing = False
    _idle = False
    _due = 0.0
    """When the rest of the present request must have arrived, on the server's clock."""

    def now(self) -> float:
        """Seconds since the epoch. Overridden in tests."""
        return time.time()

    def max_body(self) -> int:
        """Bytes that the body of a request may have."""
        return 0

    async def respond(self, exchange: Exchange, request: Request) -> None:
        """Answer one request. A `Refusal` may be raised as long as nothing has been sent."""
        raise NotImplementedError

    def goodbye(self, deadline: float) -> None:
        """The response at hand is finished, and says that it was the last one; between requests, that is the end."""
        self._closing = True
        if self._idle:
            self.connection.end_input()

    async def handle(self) -> None:
        """Serve one connection."""
        if self.context.transport == "tcp":
            # Otherwise the last piece of a response may wait for the client's delayed acknowledgement of the one before
            # (RFC 1122, section 4.2.3.2): 40 ms on Linux. What belongs together is written together here anyway.
            try:
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            except OSError:
                pass  # the client has gone, which is found out where it matters
        exchange, first = Exchange(self.max_body()), True
        gate = Gate(self.connection, self.context, self.options.authenticate)
        while True:
            request = None
            self._due = self.connection.server.clock() + self.options.request_timeout
            try:
                request = await self._next(exchange, first=first)
                if request is None:
                    return
                first = False
                self._note(request, 0)
                try:
                    admitted = await gate.admit(request)
                finally:
                    # By whoever it is now: one that nobody admits is counted as well.
                    await count_request(self.connection, self.context)
                await self.respond(exchange, admitted)
            except Refusal as refusal:
                await self.refuse(exchange, refusal)
                self._note(request, refusal.status)
            if not exchange.proceed():
                return

    async def _next(self, exchange: Exchange, *, first: bool) -> Request | None:
        while (request := exchange.head()) is None:
            if exchange.ended:
                return None
            if exchange.fresh:
                # In this order: goodbye() comes from another thread, and looks the other way round.
                self._idle = True
                if self._closing:
                    self.connection.end_input()
                if not first and not await self.connection.wait_readable(self._patience()):
                    return None
                self._due = self.connection.server.clock() + self.options.request_timeout
            await self._receive(exchange)
            self._idle = False
        return request

    async def _receive(self, exchange: Exchange) -> None:
        """Read some of the request. A client that keeps its place open by a byte now and then is told to go: an idle
        limit alone does not stop it."""
        left = self._due - self.connection.server.clock()
        if left <= 0 or not await self.connection.wait_readable(left):
            raise Refusal(408, "the request took too long to arrive")
        data = await self.connection.read()
        self._due += len(data) / _RATE
        exchange.receive(data)

    def _patience(self) -> float:
        """Seconds to wait for the next request."""
        if self.options.keep_alive is not None:
            return self.options.keep_alive
        return _KEEP_ALIVE_WITH.get(self.context.engine_name, _KEEP_ALIVE)

    def _note(self, request: Request | None, status: int) -> None:
        """The facts of the request for plugins, such as a log."""
        what = f"{request.method} {request.target[:_FACT]}" if request is not None else "-"
        self.context.data["http"] = f"{what} {status or '-'}"

    # -- responses -------------------------------------------------------------------------------------------------

    def start(
        self,
        exchange: Exchange,
        request: Request | None,
        status: int,
        headers: Iterable[Header],
        *,
        reason: str | None = None,
        close: bool = False,
    ) -> bytes:
        """The head of a response, with the headers that all have."""
        fields = list(headers)
        given = {name.lower() for name, _ in fields}
        common = [("Date", format_date(self.now())), _SERVER]
        fields = [header for header in common if header[0].lower() not in given] + fields
        close = close or self._closing or self.connection.draining or self._patience() == 0
        self._note(request, status)
        return exchange.start(status, fields, reason=reason, close=close)

    async def send(
        self, exchange: Exchange, request: Request | None, status: int, headers: Iterable[Header], body: bytes
    ) -> None:
        """A whole response."""
        fields = [*headers, ("Content-Length", str(len(body)))]
        head = self.start(exchange, request, status, fields)
        if not exchange.sends_body(status):
            body = b""
        for offset in range(0, max(1, len(body)), _CHUNK):
            self.connection.write(head + exchange.data(body[offset : offset + _CHUNK]))
            head = b""
            await self.connection.drain()
        self.connection.write(exchange.end())

    async def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        """An error response."""
        headers = [("Content-Type", "text/plain; charset=utf-8"), _NOSNIFF, *refusal.headers]
        await self.send(exchange, None, refusal.status, headers, f"{refusal}\n".encode())

    async def fail(self, exchange: Exchange, request: Request, error: BaseException) -> None:
        """Say that something went wrong here, if there is still a way to say it; the client is not told what."""
        if not exchange.started:
            status = 503 if isinstance(error, OSError) and error.errno in _EXHAUSTED else 500
            self._closing = True  # the error is raised on, which ends the connection
            await self.refuse(exchange, Refusal(status, "the server's log says why"))
            self._note(request, status)


class FilesHandler(_HTTPHandler):
    """Serves the files below a folder."""

    @dataclass(frozen=True, kw_only=True)
    class Options(_Shared):
        """Options of `http-files`.

        Parameters:
            root: the folder.
            listing: whether a folder without an index is shown as a page of what is in it.
            index: names of files that stand for their folder; the first that is there does.
            hidden: whether names that begin with a dot are served.
            keep_alive: seconds that a connection waits for its next request; 0: one request each; None: 15, but 2 with
                the engine `forking` and 0 with `sync`.
            request_timeout: seconds within which a request must have arrived; a second more for every 500 bytes of it.
            authenticate: whether clients are asked who they are, where the listener has a plugin that can tell; text is
                the realm that they are shown, and needs such a plugin.

        Errors: `ConfigurationError` for a root that is no folder, an index that is no plain name, and values out of
            range.
        """

        root: Path | str = "."
        listing: bool = True
        index: tuple[str, ...] = ("index.html",)
        hidden: bool = False
        folder: str = field(init=False, repr=False)

        def __post_init__(self) -> None:
            super().__post_init__()
            # Made absolute now: a program may change its folder later, as a daemon does.
            folder = os.path.abspath(self.root)
            if not os.path.isdir(folder):
                raise ConfigurationError(f"option 'root': {folder} is no folder: give the path of one", option="root")
            index: object = self.index  # from code anything may come
            names = (index,) if isinstance(index, str) else tuple(self.index)
            for name in names:
                if not name or any(char in name for char in "/\\\0") or name in (".", ".."):
                    raise ConfigurationError(
                        f"option 'index' has {name!r}: give the name of a file, without a path", option="index"
                    )
            object.__setattr__(self, "index", names)
            object.__setattr__(self, "folder", folder)

    options: Options

    def boundary(self) -> str:
        """What parts a multipart body: 128 random bits occur in no file. Overridden in tests."""
        return secrets.token_hex(16)

    async def respond(self, exchange: Exchange, request: Request) -> None:
        """Answer with a file, a part of it, or the page of a folder."""
        if request.method not in METHODS:
            raise Refusal(501, "this method is not known here")
        if request.method == "OPTIONS":
            self.connection.write(self.start(exchange, request, 204, [_ALLOW]) + exchange.end())
            return
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "files can be read, and that is all", [_ALLOW])
        path, slash = path_names(request.path.encode("ascii")), request.path.endswith("/")
        if path is None or (not self.options.hidden and any(name.startswith(".") for name in path)):
            raise _nothing()
        opening = Opening(self.options.folder)
        try:
            try:
                found = await self.connection.offload(opening.open, path, slash, self.options.index)
            except Missing:
                raise _nothing() from None
            except PermissionError:
                raise Refusal(403, "the server may not read this") from None
            except OSError as error:
                await self.fail(exchange, request, error)
                raise
            if found.kind == "redirect":
                query = f"?{request.query}" if request.query is not None else ""
                raise Refusal(301, "a folder's path ends with a slash", [("Location", f"{href(path)}{query}")])
            if found.kind == "folder":
                await self._list(exchange, request, opening, path)
            else:
                await self._send_file(exchange, request, opening, found)
        finally:
            opening.close()

    async def _list(self, exchange: Exchange, request: Request, opening: Opening, path: list[str]) -> None:
        if not self.options.listing:
            raise _nothing()

        def page() -> bytes:
            return listing_page(path, *opening.entries(path, hidden=self.options.hidden))

        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            _NOSNIFF,
            ("Cache-Control", "no-cache"),
            ("Content-Security-Policy", LISTING_POLICY),
        ]
        try:
            body = await self.connection.offload(page)
        except OSError as error:
            await self.fail(exchange, request, error)
            raise
        await self.send(exchange, request, 200, headers, body)

    async def _send_file(self, exchange: Exchange, request: Request, opening: Opening, found: Found) -> None:
        now, kind = self.now(), media_type(found.name, "utf-8")
        validators = found.validators(now)
        headers = [("ETag", validators.etag), ("Last-Modified", format_date(validators.modified))]
        decided = evaluate(request, validators, now)
        if decided == 304:
            self.connection.write(self.start(exchange, request, 304, headers) + exchange.end())
            return
        if decided is not None:
            raise Refusal(decided, "the file has changed, or not, contrary to the condition")
        headers += [("Accept-Ranges", "bytes"), _NOSNIFF]
        status, pieces = 200, [Piece(b"", 0, found.size)]
        wanted = request.get("range") if request.method == "GET" else None
        if wanted is not None and if_range_holds(request, validators, now):
            try:
                ranges = parse_ranges(wanted, found.size)
            except Unsatisfiable:
                why = f"the file has {found.size} bytes"
                raise Refusal(416, why, [("Content-Range", f"bytes */{found.size}")]) from None
            if ranges is not None:
                status = 206
                if len(ranges) == 1:
                    first, last = ranges[0]
                    headers.append(("Content-Range", content_range(first, last, found.size)))
                    pieces = [Piece(b"", first, last - first + 1)]
                else:
                    boundary = self.boundary()
                    pieces = multipart(ranges, found.size, kind, boundary)
                    kind = f"multipart/byteranges; boundary={boundary}"
        length = sum(len(piece.text) + piece.length for piece in pieces)
        headers += [("Content-Type", kind), ("Content-Length", str(length))]
        head = self.start(exchange, request, status, headers)
        if exchange.sends_body(status):
            await self._send_pieces(exchange, opening, head, pieces)
        else:
            self.connection.write(head)
        self.connection.write(exchange.end())

    async def _send_pieces(self, exchange: Exchange, opening: Opening, pending: bytes, pieces: list[Piece]) -> None:
        connection = self.connection
        for text, first, length in pieces:
            pending += exchange.data(text)
            offset, end = first, first + length
            while offset < end:
                chunk = await connection.offload(opening.read, offset, min(_CHUNK, end - offset))
                if not chunk:
                    # The length has been promised: all that is left is to end the connection before it is reached.
                    connection.abort("the file became shorter while it was sent")
                offset += len(chunk)
                connection.write(pending + exchange.data(chunk))
                pending = b""
                await connection.drain()
        if pending:
            connection.write(pending)


class WSGIHandler(_HTTPHandler):
    """Serves a WSGI application (PEP 3333)."""

    @dataclass(frozen=True, kw_only=True)
    class Options(_Shared):
        """Options of `http-wsgi`.

        Parameters:
            app: the application: a callable, or `"module:name"`.
            script_name: the path that the application is at, such as `/shop`; others get 404. `""`: all paths.
            max_body: bytes that the body of a request may have.
            keep_alive: seconds that a connection waits for its next request; 0: one request each; None: 15, but 2 with
                the engine `forking` and 0 with `sync`.
            request_timeout: seconds within which a request must have arrived; a second more for every 500 bytes of it.
            authenticate: whether clients are asked who they are, where the listener has a plugin that can tell; text is
                the realm that they are shown, and needs such a plugin.

        Errors: `ConfigurationError` for an application that cannot be loaded, and values out of range.
        """

        app: Any
        script_name: str = ""
        max_body: int = 64 * 1024 * 1024
        call: Callable[..., Iterable[bytes]] = field(init=False, repr=False)

        def __post_init__(self) -> None:
            super().__post_init__()
            name = self.script_name
            if name and (not name.startswith("/") or name.endswith("/") or not name.isascii() or "//" in name):
                raise ConfigurationError(
                    f"option 'script-name' is {name!r}: give a path such as '/shop', or nothing", option="script_name"
                )
            if not _is_number(self.max_body) or self.max_body % 1 or self.max_body < 0:
                raise ConfigurationError(
                    f"option 'max-body' is {self.max_body!r}: give a whole number of bytes, 0 or more",
                    option="max_body",
                )
            object.__setattr__(self, "call", _load(self.app))

    options: Options

    def max_body(self) -> int:
        """As the option says."""
        return self.options.max_body

    async def respond(self, exchange: Exchange, request: Request) -> None:
        """Read the body, call the application, and send what it gives."""
        script_name = self.options.script_name
        if request.path == "*" and script_name:
            raise _nothing()
        path = unquote_to_bytes(request.path).decode("latin-1")
        if path != script_name and not path.startswith(script_name + "/") and path != "*":
            raise _nothing()
        body: SpooledTemporaryFile[bytes]
        with SpooledTemporaryFile(SPOOL) as body:
            length = await self._read_body(exchange, request, body)
            call = Call(self.options.call, self._environ(request, body, length), lambda data: transmit(data))

            def transmit(data: bytes) -> None:
                for piece in self._pieces(exchange, request, call, data):
                    self.connection.write(piece)

            try:
                try:
                    await self._run(exchange, request, call)
                finally:
                    await self._close(call)
            except Exception as error:
                if error is call.error:
                    await self.fail(exchange, request, error)
                raise
            self.connection.write(exchange.end())

    async def _read_body(self, exchange: Exchange, request: Request, body: Any) -> int:
        length = 0
        while (part := exchange.body()) != b"":
            if part is None:
                interim = exchange.interim()
                if interim:
                    self.connection.write(interim)
                await self._receive(exchange)
            else:
                length += len(part)
                body.write(part)
        body.seek(0)
        return length

    def _environ(self, request: Request, body: Any, length: int) -> dict[str, Any]:
        context = self.context
        tls = context.tls is not None
        server = _host_and_port(context.local_address) or ("localhost", "443" if tls else "80")
        environ = environ_of(
            request,
            body,
            length=length,
            server=server,
            client=_host_and_port(context.client_address) or ("", ""),
            script_name=self.options.script_name,
            scheme="https" if tls else "http",
            multithread=context.engine_name not in ("sync", "forking"),
            multiprocess=context.engine_name == "forking",
            user=None if context.identity is None else str(context.identity),
        )
        environ["plugserve.context"] = context
        return environ

    async def _run(self, exchange: Exchange, request: Request, call: Call) -> None:
        connection = self.connection
        while (chunk := await connection.offload(call.advance)) is not None:
            for piece in self._pieces(exchange, request, call, chunk):
                connection.write(piece)
                await connection.drain()
            if call.committed and call.status is not None and not exchange.sends_body(call.status[0]):
                return  # HEAD, 204, 304: nobody wants the rest
        if not call.committed:
            if not any(name.lower() == "content-length" for name, _ in call.headers):
                call.headers.append(("Content-Length", "0"))
            connection.write(self._commit(exchange, request, call))
        if exchange.left:
            call.error = AppError(f"the application gave {exchange.left} bytes less than its Content-Length says")
            raise call.error

    def _pieces(self, exchange: Exchange, request: Request, call: Call, chunk: bytes) -> Iterator[bytes]:
        """A part of the body as it goes over the wire, in pieces between which the client may take its time."""
        if not chunk:
            return  # PEP 3333: the head is not sent before there is something to send
        pending = b""
        if not call.committed:
            if call.status is None:
                raise AppError("the application gave a body before it called start_response")
            pending = self._commit(exchange, request, call)
        if call.status is not None and not exchange.sends_body(call.status[0]):
            if pending:
                yield pending
            return
        left = exchange.left
        for offset in range(0, len(chunk) if left is None else min(len(chunk), left), _CHUNK):
            end = offset + _CHUNK if left is None else min(offset + _CHUNK, left)
            yield pending + exchange.data(chunk[offset:end])
            pending = b""
        if pending:
            yield pending
        if left is not None and len(chunk) > left:
            call.error = AppError("the application gave more body than its Content-Length says")
            raise call.error

    def _commit(self, exchange: Exchange, request: Request, call: Call) -> bytes:
        assert call.status is not None, "advance() sees to it"
        status, reason = call.status
        headers = call.headers
        if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            # 204 must not have one (RFC 9110, section 8.6), and for 304 it would be that of the 200.
            headers = [header for header in headers if header[0].lower() != "content-length"]
        head = self.start(exchange, request, status, headers, reason=reason)
        call.committed = True
        return head

    async def _close(self, call: Call) -> None:
        """Whatever happened; with an aborted connection, right here, since nothing is awaited on it any more."""
        try:
            if self.connection.aborted is None:
                await self.connection.offload(call.close)
        finally:
            call.close()  # does nothing the second time


def _nothing() -> Refusal:
    return Refusal(404, "there is nothing here")


def _host_and_port(address: object) -> tuple[str, str] | None:
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str):
        return address[0], str(address[1])
    return None


def _is_number(value: object) -> bool:
    """Whether it is one: options from code have not been looked at by anybody."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _load(app: object) -> Callable[..., Iterable[bytes]]:
    """Errors: `ConfigurationError`."""
    if callable(app):
        return app
    if not isinstance(app, str):
        raise ConfigurationError(f"option 'app' is {app!r}: give a callable, or 'module:name'", option="app")
    module, colon, path = app.partition(":")
    if not (module and colon and path):
        raise ConfigurationError(f"option 'app' is {app!r}: give 'module:name'", option="app")
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # an installed script does not look into the folder that it is started in
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"option 'app': there is no module {error.name!r}: install it, or start in the folder that it is in",
            option="app",
        ) from error
    except Exception as error:
        raise ConfigurationError(
            f"option 'app': {module} cannot be imported: {error!r}: mend it", option="app"
        ) from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(
                f"option 'app': {module} has no {path!r}: give the name of the application in it", option="app"
            )
        found = getattr(found, name)
    if not callable(found):
        raise ConfigurationError(
            f"option 'app': {app} is a {type(found).__name__}: a WSGI application can be called", option="app"
        )
    result: Callable[..., Iterable[bytes]] = found
    return result
