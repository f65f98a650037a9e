"""Handlers: the classes that speak a protocol, in three styles.

| style | base class | the handler |
|---|---|---|
| classic | `BaseRequestHandler`, `StreamRequestHandler`, `DatagramRequestHandler` | blocks on the real socket |
| coroutine | `CoroutineHandler` | awaits its `Connection` |
| protocol | `ProtocolHandler` | takes bytes and returns bytes; no I/O in sight |

Every engine runs all three.
"""

from __future__ import annotations

import socket
from io import BufferedIOBase, BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .connection import Connection
from .context import Context
from .errors import PlugserveError
from .life import current, row_of
from .start_tls import check, start_tls_at_place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from .lane import Lane
    from .server import BaseServer, HandlerFacts

__all__ = [
    "BaseRequestHandler",
    "CoroutineHandler",
    "DatagramRequestHandler",
    "ProtocolHandler",
    "StreamRequestHandler",
]


class BaseRequestHandler:
    """A classic handler: making an instance handles the request. See `socketserver.BaseRequestHandler`.

    Parameters:
        request: the connected socket, or `(data, socket)` for a datagram.
        client_address: the client's address.
        server: the server.
    """

    speaks_first: ClassVar[bool | None] = None
    """True: the handler sends before it reads, so it is called at once; False: it reads first; None: unknown."""

    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        self.request = request
        self.client_address = client_address
        self.server = server
        self.setup()
        try:
            self.handle()
        finally:
            self.finish()

    def setup(self) -> None:
        """Called before `handle`. May be overridden."""

    def handle(self) -> None:
        """Do all the work of the request. To be overridden."""

    def finish(self) -> None:
        """Called after `handle`, whatever its end, unless `setup` failed. May be overridden."""

    def start_tls(self, rest: bytes = b"") -> None:
        """Encrypt the connection from here on, as `Connection.start_tls`; `request` stays the same object.

        Parameters:
            rest: what was received behind the client's request for it.

        Errors: those of `Connection.start_tls`; `OSError` once the connection is over.
        """
        start_tls_at_place(self.server, self.request, rest)


class StreamRequestHandler(BaseRequestHandler):
    """A classic handler with files: `rfile` to read from, `wfile` to write to."""

    rbufsize = -1
    """Buffer of `rfile` in bytes; negative: the default size; 0: unbuffered."""
    wbufsize = 0
    """Buffer of `wfile` in bytes; 0: each write is sent whole, at once."""
    timeout: float | None = None
    """Seconds for each operation on the connection; None waits for ever."""
    disable_nagle_algorithm = False
    """Whether to set TCP_NODELAY."""

    def setup(self) -> None:
        """Open the files on the connection."""
        self.connection = self.request
        if self.timeout is not None:
            self.connection.settimeout(self.timeout)
        if self.disable_nagle_algorithm:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile: Any
        if self.wbufsize == 0:
            self.wfile = _SocketWriter(self.connection)
        else:
            self.wfile = self.connection.makefile("wb", self.wbufsize)

    def start_tls(self, rest: bytes = b"") -> None:
        """Encrypt the connection from here on; `rfile` and `wfile` are read from and written to as before. What `rfile`
        has read ahead is taken back for the handshake."""
        self.wfile.flush()
        super().start_tls(rest + _take_back(self.connection, self.rfile))

    def finish(self) -> None:
        """Send what is buffered, and close the files."""
        if not self.wfile.closed:
            try:
                self.wfile.flush()
            except OSError:
                pass  # the client has gone
        self.wfile.close()
        self.rfile.close()


def _take_back(sock: Any, file: Any) -> bytes:
    """What a file has read ahead of its socket, or the socket has already."""
    if not hasattr(file, "peek"):
        return b""  # unbuffered
    before = sock.gettimeout()
    # With an empty buffer peek() receives, and must not wait.
    sock.settimeout(0.0)
    try:
        data = bytes(file.peek())
    finally:
        sock.settimeout(before)
    return bytes(file.read(len(data))) if data else b""


class _SocketWriter(BufferedIOBase):
    """An unbuffered file whose `write` sends everything: a raw `SocketIO` may send a part."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._sock.sendall(data)
        with memoryview(data) as view:
            return view.nbytes

    def fileno(self) -> int:
        return self._sock.fileno()


class DatagramRequestHandler(BaseRequestHandler):
    """A classic handler of one datagram with files: what is written to `wfile` is sent back as one datagram."""

    def setup(self) -> None:
        """Open the files on the packet."""
        self.packet, self.socket = self.request
        self.rfile = BytesIO(self.packet)
        self.wfile = BytesIO()

    def finish(self) -> None:
        """Send the reply."""
        self.socket.sendto(self.wfile.getvalue(), self.client_address)


class ModernHandler:
    """What coroutine and protocol handlers share: they hold a `Connection` instead of running in their constructor.

    Parameters: as `BaseRequestHandler`; called by the server only.
    """

    _style: ClassVar[str]

    Options: ClassVar[type | None] = None
    """A dataclass of the handler's options; None if it has none."""

    speaks_first: ClassVar[bool | None] = None
    """True: the handler sends before it reads, so it is started at once; False: it reads first; None: unknown."""

    needs: ClassVar[Literal["stream", "datagrams"] | None] = None
    """The only kind of socket that the protocol is spoken on; None: both. A classic handler may have it, too."""

    needs_shared_memory: ClassVar[bool] = False
    """Whether what one request changes must be there for the next: an engine with a child for each request is refused
    then. A classic handler may have it, too."""

    reply_ratio: ClassVar[float | None]
    """Bytes of a reply to a datagram, as a multiple of those that it answers, while its source may be forged; None: any
    number. Without it `Limits.reply_ratio` holds. A classic handler may have it, too."""

    options: Any
    """The instance of `Options` of this server, the same for all its requests."""

    def __init__(self, request: Any, client_address: Any, server: BaseServer) -> None:
        connection = current.connection
        if connection is None or connection.server is not server:
            raise PlugserveError(
                f"{type(self).__name__} cannot be made by hand: a server does it. For tests use for_test()"
            )
        self._set_up(connection, server._core_options)
        self.request = request
        self.client_address = client_address
        self.server = server

    def _set_up(self, connection: Connection, options: Any) -> None:
        self.connection = connection
        self.options = options
        connection.handler = self

    @property
    def context(self) -> Context:
        """The facts of the request, read-only."""
        return self.connection.context

    @classmethod
    def refusal(cls, reason: str) -> bytes | None:
        """What the protocol says to a client when there are too many of them, before it is disconnected; None: nothing.

        Parameters:
            reason: why, for the server's own people; it is not meant for the client.
        """
        return None

    @classmethod
    def server_activate(cls, server: BaseServer) -> None:
        """A listener with this handler begins: its address is final, and nothing has been served yet. Called after the
        hook `server_activate`; what it raises refuses to start."""

    @classmethod
    def server_close(cls, server: BaseServer) -> None:
        """A listener with this handler has ended, or could not begin. Called before the hook `server_close`."""

    def goodbye(self, deadline: float) -> None:
        """The server drains: come to an end within `deadline` seconds. Called by the loop's thread, or in the
        child that has the request, or by `shutdown` on the engine `sync`."""

    def urgent(self, data: bytes) -> bytes | None:
        """The peer sent an urgent byte, and the listener's policy is `event`. Called within a read, the pending one or
        the next. Returns what to send.

        Parameters:
            data: the byte; it is no part of the stream.
        """
        return None

    def _take_urgent(self, data: bytes) -> None:
        answer = self.urgent(data)
        if answer:
            self.connection.write(answer)

    def _live(self) -> Awaitable[None]:
        """What the life awaits in the middle of the request."""
        raise NotImplementedError


class CoroutineHandler(ModernHandler):
    """A handler that awaits its connection: the same code blocks in a thread and is parked on an event loop.

    Await nothing but what `self.connection` gives: there is no asyncio around it.
    """

    _style = "coroutine"

    async def handle(self) -> None:
        """Do all the work of the request. To be overridden. The connection is flushed and closed afterwards."""

    def _live(self) -> Awaitable[None]:
        return self.handle()


class ProtocolHandler(ModernHandler):
    """A handler without I/O: bytes come in through `receive`, bytes go out as what it returns.

    Of a datagram there is one `receive`, and what it returns is the reply. Where the server has sessions, one handler
    gets all datagrams of a peer, each by a `receive`; what that returns, and what each `send` is given, is a datagram.
    """

    _style = "protocol"

    _timer: float | None = None
    _in_call = False
    _ending = False
    _paused = False
    _forking = False
    _first_encrypted: bytes | None = None
    _looked_at = False
    """Of a datagram in whose life nobody takes part: whether there is a connection all the same."""
    _beside: tuple[Callable[..., Any], tuple[Any, ...], Callable[[Any], bytes | None], Lane | None] | None = None

    def opened(self) -> bytes | None:
        """The connection is there. Returns what to send first."""
        return None

    def receive(self, data: bytes) -> bytes | None:
        """Bytes arrived; on a stream they may come in any portions. Returns what to send."""
        return None

    def eof(self) -> bytes | None:
        """The peer ended its stream. Returns what to send before the connection closes."""
        return None

    def timer_expired(self) -> bytes | None:
        """The time set by `set_timer` has come. Returns what to send."""
        return None

    def closed(self) -> None:
        """The last call of all, whatever the end: give back what was taken."""

    def send(self, data: bytes) -> None:
        """Send now, from within any of the calls above."""
        self.connection.write(data)

    def close(self) -> None:
        """End the connection once everything has been sent, what the call that runs now returns included."""
        connection = self.connection
        if self._in_call:
            self._ending = True
        elif connection.feeder is not None and not connection.operation:
            # It is being fed just now.
            self._ending, connection.feeder = True, None
        else:
            connection.close()

    def set_timer(self, seconds: float | None) -> None:
        """Have `timer_expired` called once, this many seconds from now; None: not at all. Replaces an earlier one."""
        self._timer = None if seconds is None else self.connection.server.clock() + seconds
        self.connection.feeder = None

    def offload(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        then: Callable[[Any], bytes | None] | None = None,
        lane: Lane | None = None,
    ) -> None:
        """Have something that blocks or computes called beside, once the call that runs now has returned.

        Parameters:
            function: what to call, as with `Connection.offload`. What it raises ends the request as if `receive` did.
            arguments: for it.
            then: called with what it returns; returns what to send. Until then nothing new is received.
            lane: in whose threads, as with `Connection.offload`.

        Errors: `PlugserveError` while an earlier one is under way.
        """
        if self._beside is not None:
            raise PlugserveError("offload: an earlier one is under way: continue in its then()")
        self._beside = (function, arguments, then or _nothing, lane)
        self.connection.feeder = None

    def fork(self) -> None:
        """Let a child process go on with this request, once the call that runs now has returned and what it returns
        was sent. See `Connection.fork`; in the parent, `closed` is the last call."""
        self._forking = True
        self.connection.feeder = None

    def start_tls(self, rest: bytes = b"") -> None:
        """Encrypt the connection, once the call that runs now has returned and what it returns was sent in clear;
        `tls_started` is called then. See `Connection.start_tls`.

        Parameters:
            rest: what `receive` was given behind the client's request for it: its part of the handshake.

        Errors: `PlugserveError` at once, where no plugin offers it (`connection.offers_tls` tells) or it is encrypted
            already. If the handshake fails the request ends.
        """
        check(self.connection)
        self._first_encrypted = rest
        self.connection.feeder = None

    def tls_started(self) -> bytes | None:
        """The connection is encrypted, and `context.tls` has the facts. Returns what to send."""
        return None

    def put_back(self, data: bytes) -> None:
        """Have `receive` called with these bytes again, before all others: once what it returns now was sent, as far as
        `Limits.high_water` asks. So a handler that answers much to little stops in the middle, and goes on there.

        Parameters:
            data: the end of what `receive` was given, on a stream.
        """
        connection = self.connection
        connection.feeder = None
        connection._unread = data + connection._unread

    def pause(self) -> None:
        """Receive nothing more until `resume()`: what the peer sends stays with the kernel, and holds the peer up."""
        self._paused = True
        self.connection.feeder = None

    def resume(self) -> None:
        """Receive again. From the thread that runs this handler, or the loop's."""
        if self._paused:
            self._paused = False
            self.connection.wake()

    async def _live(self) -> None:
        connection = self.connection
        try:
            self._call(self.opened)
            if self._beside is not None:
                await self._wait_beside()
            if not connection.server.is_stream and connection.server._core_sessions is None:
                # An empty datagram is one, too: some protocols ask with it (RFC 868).
                self._call(self.receive, await connection.read())
                while self._beside is not None:
                    await self._wait_beside()
                if self._forking:
                    await connection.fork()
                return
            while not connection.output_closed:
                if self._forking:
                    self._forking = False
                    await connection.fork()
                if self._first_encrypted is not None:
                    rest, self._first_encrypted = self._first_encrypted, None
                    await connection.start_tls(rest)
                    self._call(self.tls_started)
                    continue
                if self._beside is not None:
                    await self._wait_beside()
                    continue
                if self._paused:
                    await self._stay_paused()
                    continue
                if self._timer is not None:
                    left = self._timer - connection.server.clock()
                    if left <= 0:
                        self._timer = None
                        self._call(self.timer_expired)
                        continue
                    if not await connection.wait_readable(left):
                        continue
                elif await connection.feed(self.receive):
                    if self._ending:
                        connection.close()
                    continue
                data = await connection.read()
                if data:
                    self._call(self.receive, data)
                elif not connection.output_closed:
                    self._call(self.eof)
                    while self._beside is not None:
                        await self._wait_beside()
                    break
        finally:
            self.closed()

    def _take_urgent(self, data: bytes) -> None:
        self._call(self.urgent, data)

    async def _wait_beside(self) -> None:
        """Do what `offload` was told, then go on."""
        assert self._beside is not None, "it is asked before"
        function, arguments, then, lane = self._beside
        result = await self.connection.offload(function, *arguments, lane=lane)
        self._beside = None
        self._call(then, result)

    async def _stay_paused(self) -> None:
        """Wait for `resume`, `close` or the timer."""
        connection = self.connection
        while self._paused and not connection.output_closed:
            left = None if self._timer is None else self._timer - connection.server.clock()
            if left is not None and left <= 0:
                self._timer = None
                self._call(self.timer_expired)
            else:
                await connection.wait_for_wake(left)

    def __getattr__(self, name: str) -> Any:
        # Of a datagram in whose life nobody takes part there is none until somebody looks.
        if name == "connection" and "server" in vars(self):
            connection = self.connection = row_of(self)
            return connection
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def _answer(self, request: tuple[bytes, Any], facts: HandlerFacts) -> bool:
        """All of a datagram's life that does not wait. Returns whether something is left to be done."""
        later = False
        packet, sock = request
        ratio = facts.reply_ratio
        try:
            if facts.opens:
                self._call(self.opened)
                self._in_call = self._looked_at
            reply = self.receive(packet)
            if reply and not self._looked_at and (ratio is None or len(reply) <= ratio * len(packet)):
                # There is nothing more to it.
                try:
                    sock.sendto(reply, self.client_address)
                except OSError:
                    pass  # nobody can be told
            elif reply or self._looked_at:
                self._in_call = False
                self._take(reply)
                later = self._beside is not None
            return later
        finally:
            if facts.closes and not later:
                self.closed()

    async def _finish_later(self) -> None:
        """What is left of it."""
        try:
            while self._beside is not None:
                await self._wait_beside()
        finally:
            self.closed()

    def _call(self, method: Callable[..., bytes | None], *arguments: Any) -> None:
        """Call one of the methods above, send what it returns, and close if it asked for that."""
        self._in_call = True
        try:
            data = method(*arguments)
        finally:
            self._in_call = False
        self._take(data)

    def _take(self, data: bytes | None) -> None:
        if data:
            self.connection.write(data)
        if self._ending:
            self.connection.close()

    @classmethod
    def for_test(cls, *, options: Any = None, context: Any = None) -> Self:
        """An instance without a server, for tests that call `receive` and look at what it returns.

        Parameters:
            options: as a server would give it; the defaults of `Options` if None.
            context: stands for `self.context`: any object with the attributes that the handler looks at.

        What `send` sends is collected in `sent`, and `close()` sets `was_closed`.
        """
        handler = cls.__new__(cls)
        declared = cls.Options
        handler.options = options if options is not None or declared is None else declared()
        bare = _BareConnection(context)
        handler.connection = bare  # type: ignore[assignment]  # a fake with the three things a protocol handler uses
        handler.sent = bare.sent
        return handler

    sent: list[bytes]

    @property
    def was_closed(self) -> bool:
        """Whether `close()` has been called."""
        return self.connection.output_closed


def _nothing(result: Any) -> None:
    """What comes of a call beside that nobody waits for."""


class _BareConnection:
    """The connection of a handler made by `for_test`: what a protocol handler uses of one."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.sent: list[bytes] = []
        self.output_closed = False
        self.feeder = None
        self.operation = 0
        self._unread = b""
        self.server = self

    def clock(self) -> float:
        return 0.0

    def write(self, data: bytes) -> None:
        if self.output_closed:
            raise PlugserveError("write after close")
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.output_closed = True
