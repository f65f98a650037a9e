"""One live request: its I/O and its facts; also its row in the table of unfinished requests.

Rules of this file:

1. The awaited methods are generators that yield an operation (`READ`, `WRITE`, ...) when, and only when, the channel
   would have to wait. Whoever drives the life (`front.py`, `place.py`) waits, and resumes it.
2. Try the system call first, wait after.
3. Bytes read before a transform is pushed are its first input; nothing is lost and nothing overtakes.
4. Nothing is ever cancelled: `abort` makes the pending and every later call raise.
"""

from __future__ import annotations

import itertools
import socket
import types
from collections.abc import Generator
from functools import partial
from time import time
from typing import TYPE_CHECKING, Any, Final

from .channel import CHUNK, DONTWAIT, Channel, DatagramChannel, StreamChannel, tcp_totals
from .context import Context, Outcome
from .errors import Aborted, DeadlineExceeded, EndOfStream, HandlerIgnoredAbort, LimitExceeded, PlugserveError
from .faults import report

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from .ancillary import Ancillary, PeerCredentials
    from .front import Front
    from .hooks import Hooks
    from .lane import Lane
    from .limits import Limits
    from .outgoing import Outgoing
    from .server import BaseServer
    from .transform import EstablishedTransform, Transform
    from .urgent import Urgency

__all__ = ["Connection"]

# What a suspended life waits for.
READ: Final = 1
WRITE: Final = 2
SLEEP: Final = 3
OFFLOAD: Final = 4
MOVE: Final = 5
HANDLED: Final = 6
ELSEWHERE: Final = 7
FORK: Final = 8
"""For something that the front itself cannot see come: whoever can resumes the life."""

# Where a request is.
ARRIVED: Final = "arrived"
MOVED: Final = "moved"
QUEUED: Final = "queued"
AWAY: Final = "away"
HANDLING: Final = "handling"
DONE: Final = "handled"
CLOSING: Final = "closing"
CLOSED: Final = "closed"

_LOOK_AGAIN: Final = 0.05
"""Seconds after which a thread that waits for `wake()` looks whether it has been called."""

# Why a wait must end.
SILENT: Final = "the peer said nothing in time"
IDLE: Final = "the peer was idle for too long"
STALLED: Final = "the peer took nothing of the output in time"
SLOW: Final = "the peer is slower than {:g} bytes a second"
LAYERS: Final = "the layers did not finish in time"
TOTAL: Final = "the request took too long"
DRAINED: Final = "the server's drain deadline passed"

_PIECE: Final = 64 * 1024
"""Bytes that are sent in one call where it may wait."""

_numbers = itertools.count(1)

Step = Generator[int, None, Any]


class Connection:
    """One live request.

    Awaited: `read`, `read_exactly`, `read_until`, `drain`, `sleep`, `offload`. Plain: `write`, `push`, `close`,
    `abort`, `end_input`. Facts that a layer may set: `client_address`, `identity`, `tls`.
    """

    __slots__ = (
        "__weakref__",
        "_abort",
        "_abort_told",
        "_context",
        "_duration",
        "_eof",
        "_output",
        "_pace",
        "_raw_end",
        "_since",
        "_stalled",
        "_transforms",
        "_unread",
        "accepted_at",
        "ancillary",
        "awaits",
        "away",
        "blocks",
        "budget",
        "channel",
        "client_address",
        "counted",
        "counted_peer",
        "deadline",
        "draining",
        "ending",
        "exception",
        "fault",
        "feeder",
        "fork_shares",
        "front",
        "handler",
        "hooks",
        "id",
        "identity",
        "interest",
        "life",
        "limits",
        "offloaded",
        "operation",
        "outcome",
        "outgoing",
        "output_closed",
        "parked",
        "passed_state",
        "peer_address",
        "plain",
        "process",
        "reason",
        "rejected_by",
        "request",
        "server",
        "state",
        "strayed",
        "timer_at",
        "tls",
        "torn_down",
        "total_in",
        "total_out",
        "urgency",
        "urgent",
        "waiting",
        "wake_at",
        "watched_fd",
    )

    def __init__(self, server: BaseServer, request: Any, client_address: Any) -> None:
        self.id = next(_numbers)
        self.server = server
        self.hooks: Hooks = server._core_hooks
        self.limits: Limits = server._core_limits
        self.request = request
        self.client_address = client_address
        self.peer_address = client_address
        self.accepted_at = time()
        self._since = server.clock()
        self._duration: float | None = None
        self.state = ARRIVED
        self.outcome: Outcome = "open"
        self._context: Context | None = None
        self.identity: Any = None
        self.tls: Any = None
        self.urgent: bytes | None = None
        self.urgency: Urgency | None = None
        """Its urgent data; None unless its listener has a policy for that."""
        self.ancillary: Ancillary | None = None
        """Descriptors that came and were not taken, and those that have not left yet."""
        self.rejected_by: str | None = None
        self.exception: BaseException | None = None
        self.feeder: Callable[[bytes], bytes | None] | None = None
        """Who is given each arrival at once, while the life is suspended in `feed`."""
        self.plain: tuple[Callable[[int, int], bytes], Callable[[Any, int], int]] | None = None
        self.fault: BaseException | None = None
        self.reason = ""
        self.handler: Any = None
        self.channel: Channel | None = None
        self.front: Front | None = None
        self.life: Coroutine[Any, Any, BaseException | None] | None = None
        self.operation = 0
        self.passed_state: bytes | None = None
        """What the handler of another process gave along when it passed this request on; None if none did."""
        self.process: int | None = None
        """The child process in which it is handled; None in this one."""
        self.away = False
        """Whether this is the child's copy, which reports to the parent instead of telling observers."""
        self.fork_shares = False
        """Whether the handler itself forked, so that a child may go on using the socket."""
        self.strayed = False
        """Whether this is the copy in a child that the handler forked."""
        self.ending = "shutdown_request"
        self.output_closed = False
        self.torn_down = False
        self.draining = False
        self.waiting: float | None = None
        self.awaits: tuple[tuple[Connection, int], ...] | None = None
        """What the suspended life waits for, where that is not just this connection."""
        self.outgoing: list[Outgoing] | None = None
        """The connections that its handler has made."""
        self.offloaded: tuple[bool, Any] | None = None
        self.deadline: float | None = None
        self.wake_at: float | None = None
        self.timer_at: float | None = None
        self.interest = 0
        self.watched_fd = -1
        self.parked = False
        self.blocks = False
        """Whether its place is a thread or process of its own, where system calls may wait."""
        self.budget: int | None = None
        self.counted_peer: tuple[object] | None = None
        self.total_in = 0
        self.total_out = 0
        self.counted = True
        """Whether every byte passes through the channel; not so for a classic handler with the real socket."""
        self._unread = b""
        self._output: bytearray | None = None
        self._stalled: tuple[float, int | None] | None = None
        """Since when the peer has taken nothing of the unsent output, and how much it had taken of all before."""
        self._pace: tuple[float, int] | None = None
        """Of the current average: seconds that the peer has kept the handler waiting, and the bytes it began with."""
        self._transforms: list[Transform] | None = None
        self._eof = False
        self._raw_end = False
        self._abort: BaseException | None = None
        self._abort_told = False

    # -- facts ---------------------------------------------------------------------------------------------------------

    @property
    def context(self) -> Context:
        """The read-only view of this request that hooks get."""
        if self._context is None:
            self._context = Context(self)
        return self._context

    @property
    def connection(self) -> Connection:
        """Itself: the argument `connection` of a hook."""
        return self

    @property
    def local_address(self) -> Any:
        """The address that the peer connected to; None when the socket is gone."""
        try:
            return (self.request if self.server.is_stream else self.request[1]).getsockname()
        except (OSError, AttributeError):
            return None

    @property
    def duration(self) -> float:
        """Seconds since accept, or for which it lived."""
        return self.server.clock() - self._since if self._duration is None else self._duration

    @property
    def bytes_in(self) -> int | None:
        """Bytes received, as on the wire; None where nobody can know."""
        return self.total_in if self.total_in >= 0 else None

    @property
    def bytes_out(self) -> int | None:
        """Bytes sent, as on the wire; None where nobody can know."""
        return self.total_out if self.total_out >= 0 else None

    @property
    def buffered(self) -> int:
        """Bytes of output that the peer has not taken yet."""
        return len(self._output) if self._output else 0

    @property
    def ended(self) -> bool:
        """Whether the peer's stream has ended and everything before its end has been read."""
        return self._eof and not self._unread

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        """Process, user and group of the peer of a Unix socket, as the kernel noted them when it connected (unix(7),
        SO_PEERCRED); None on other transports and where the system does not tell."""
        from .ancillary import peer_credentials

        return peer_credentials(self.request if self.server.is_stream else None)

    @property
    def at_mark(self) -> bool:
        """Whether the next byte that a read gives is the urgent one; only with the policy `inline`.

        A read never goes across the mark: it gives what stands before, then the urgent byte alone. Await
        `wait_readable()` first to know what comes before it is read.
        """
        return self.urgency is not None and self.urgency.at_mark()

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.client_address!r} {self.state}>"

    # -- reading -------------------------------------------------------------------------------------------------------

    @types.coroutine
    def read(self, limit: int = CHUNK) -> Generator[int, None, bytes]:
        """At least one and at most `limit` bytes; `b""` at the end of the stream.

        With more output than `Limits.high_water` unsent it first waits until no more than `Limits.low_water` is, so
        that nobody has to remember `drain()`.

        Errors: `Aborted` and what `abort` was given; `ConnectionError` from the socket; what a transform raises.
        """
        if self._output:
            yield from self._relieve()
        while not self._unread:
            if self._eof:
                if self._abort is not None:
                    self._raise_abort()
                return b""
            if self._must_wait():
                # As in _fill, without its frame: each one more is gone through at every resumption.
                yield from self._wait(READ)
        if self._abort is not None:
            self._raise_abort()
        data = self._unread
        if len(data) <= limit:
            self._unread = b""
            return data
        self._unread = data[limit:]
        return data[:limit]

    @types.coroutine
    def read_exactly(self, count: int) -> Generator[int, None, bytes]:
        """Exactly `count` bytes.

        Errors: `EndOfStream`, with what did arrive in `partial`; those of `read`.
        """
        if self._output:
            yield from self._relieve()
        while len(self._unread) < count:
            if self._eof:
                partial, self._unread = self._unread, b""
                raise EndOfStream(f"the stream ended after {len(partial)} of {count} bytes", partial)
            yield from self._fill()
        if self._abort is not None:
            self._raise_abort()
        data, self._unread = self._unread[:count], self._unread[count:]
        return data

    @types.coroutine
    def read_until(self, separator: bytes, limit: int) -> Generator[int, None, bytes]:
        """Bytes up to and with `separator`.

        Parameters:
            separator: at least one byte.
            limit: how many bytes there may be, the separator included.

        Errors: `LimitExceeded`, after which what was read is gone; `EndOfStream`; those of `read`.
        """
        if self._output:
            yield from self._relieve()
        searched = 0
        while True:
            at = self._unread.find(separator, searched, limit)
            if at >= 0:
                break
            if len(self._unread) >= limit:
                self._unread = b""
                raise LimitExceeded(f"no {separator!r} within {limit} bytes")
            if self._eof:
                partial, self._unread = self._unread, b""
                raise EndOfStream(f"the stream ended before {separator!r}", partial)
            searched = max(0, len(self._unread) - len(separator) + 1)
            yield from self._fill()
        if self._abort is not None:
            self._raise_abort()
        end = at + len(separator)
        line, self._unread = self._unread[:end], self._unread[end:]
        return line

    @types.coroutine
    def _peek(self) -> Generator[int, None, bytes]:
        """Receive until there is something to look at; what there is stays unread."""
        while not self._unread and not self._eof:
            yield from self._fill()
        return self._unread

    def _fill(self) -> Step:
        """Receive once, waiting if need be; the result is in `_unread` or `_eof`."""
        while self._must_wait():
            yield from self._wait(READ)
            if self._eof:
                return  # end_input(), meanwhile

    def _must_wait(self) -> bool:
        """Receive once, if that is not known to be in vain. Returns whether it was."""
        if self._abort is not None:
            self._raise_abort()
        channel = self.channel
        assert channel is not None, "there is I/O between accept and close only"
        if channel.dry and not channel.blocking:
            channel.dry = False
            return True
        return not self._receive()

    @types.coroutine
    def feed(self, receive: Callable[[bytes], bytes | None]) -> Generator[int, None, bool]:
        """Give each arrival to a function and send what it returns, for as long as nothing else happens.

        The front does that without resuming the life, which makes the difference for small messages. The life goes on
        at the stream's end, after `close`, `push` or `set_timer`, with output that the peer does not take, and with
        whatever the function raises.

        Parameters:
            receive: as `ProtocolHandler.receive`.

        Returns: whether it did anything. Where it cannot (at a blocking place, behind a transform, with input or
            output waiting, under a minimum rate) the caller reads and writes by itself.
        """
        channel = self.channel
        if channel is None or channel.blocking or self._transforms or self._unread or self._eof or self._output:
            return False
        if self.limits.minimum_rate is not None:
            return False  # each wait counts
        if self.urgency is not None and self.urgency.watches:
            return False  # a read that goes on is what tells of urgent data
        if not self.total_in and self.limits.idle_comes_first:
            return False  # the first byte brings the deadline nearer, and nobody here would notice
        if self._abort is not None:
            self._raise_abort()
        self.plain = channel.plain()
        if self.plain is None:
            return False
        self.feeder = receive
        try:
            if channel.dry or self.take_in():
                yield from self._wait(READ)
        finally:
            self.feeder = None
            self.operation = 0
        if self.fault is not None:
            raise self.fault
        if self._abort is not None:
            self._raise_abort()
        return True

    def take_in(self) -> bool:
        """One arrival, to the function that is being fed. Returns False if the life has to look.

        What it does for each message is what a message costs, so it reaches for the socket's own methods.
        """
        assert self.plain is not None, "it is being fed"
        feeder = self.feeder
        assert feeder is not None, "it is being fed"
        receive, send = self.plain
        try:
            try:
                data = receive(self.limits.read_size, DONTWAIT)
            except (BlockingIOError, InterruptedError):
                return True
            if not data:
                self._raw_end = self._eof = True
                return False
            self.total_in += len(data)
            self.operation = 0  # it waits for nobody now
            reply = feeder(data)
            if reply and self._abort is None:
                if self.feeder is None or self._output:
                    self.write(reply)
                else:
                    try:
                        sent = send(reply, DONTWAIT)
                    except (BlockingIOError, InterruptedError):
                        sent = 0
                    self.total_out += sent
                    if sent != len(reply):
                        self._emit(memoryview(reply)[sent:], 0)
        except BaseException as exception:
            # It belongs to the life, whose handler it comes from.
            self.fault = exception
            return False
        self.operation = READ
        return self.feeder is not None and not self._output

    def _receive(self) -> bool:
        """One receive. Returns False if it would have to wait."""
        assert self.channel is not None, "there is I/O between accept and close only"
        limit = self.limits.read_size
        if self.budget is not None:
            if self.budget <= 0:
                raise LimitExceeded(f"more than {self.limits.layers_bytes} bytes before the request was admitted")
            limit = min(limit, self.budget)
        if self.channel.blocking:
            self.waiting, self.operation = self.server.clock(), READ
            try:
                if self.away:
                    self.server._core_listen_to_parent(self)
                raw = self.channel.receive(limit)
            finally:
                if self.limits.minimum_rate is not None:
                    self._count_wait()
                self.waiting, self.operation = None, 0
            if self._abort is not None:
                self._raise_abort()
        else:
            raw = self.channel.receive(limit)
        if raw is None:
            return self._eof
        if not raw:
            self._raw_end = True
        self.total_in += len(raw)
        if self.budget is not None:
            self.budget -= len(raw)
        if self._transforms:
            self._deliver(raw, 0)
        elif raw:
            self._unread = self._unread + raw if self._unread else raw
        else:
            self._eof = True
        return True

    def _deliver(self, data: bytes, level: int) -> None:
        """Bytes, or the end (`b""`), through the transforms from `level` inwards."""
        transforms = self._transforms or []
        if self._eof:
            return
        if level == len(transforms):
            if data:
                self._unread += data
            else:
                self._eof = True
            return
        if transforms[level].ended:
            return
        transform = transforms[level]
        try:
            plain = transform.feed(data)
        except BaseException:
            self._say_why(transform, level)
            raise
        own = transform.pending()
        if own:
            self._emit(own, level)
        if plain:
            self._deliver(plain, level + 1)
        if transform.ended or not data:
            self._deliver(b"", level + 1)

    def _say_why(self, transform: Transform, level: int) -> None:
        """Send what a transform that failed has to say of it (an alert of TLS), if that goes."""
        try:
            own = transform.pending()
            if own:
                self._emit(own, level)
        except (OSError, PlugserveError):
            pass  # the peer is gone

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or keep to send, `data`. Where the place blocks, this waits; elsewhere it never does.

        Errors: `LimitExceeded` when more than `Limits.output` bytes are unsent: await `drain()` between big pieces;
            `PlugserveError` after `close()`; `Aborted`; `ConnectionError` from the socket.
        """
        if self._abort is not None:
            self._raise_abort()
        if self.output_closed:
            raise PlugserveError("write after close: the connection has been told to end")
        if data:
            self._emit(data, len(self._transforms) if self._transforms else 0)

    def send_urgent(self, byte: bytes) -> None:
        """Send one urgent byte, behind all that was written before (send(2), MSG_OOB).

        Parameters:
            byte: one byte, since the kernel knows one only (RFC 6093, section 3.1).

        Errors: `PlugserveError` where there is no urgent data: on datagrams, below TLS, on most Unix sockets;
            `ValueError` for anything but one byte; those of `write`.
        """
        from .ordered_output import send_urgent

        self._check_output()
        send_urgent(self, byte)

    @types.coroutine
    def send_descriptors(self, data: bytes, descriptors: Sequence[int]) -> Generator[int, None, None]:
        """Send open descriptors to the peer of a Unix socket, with `data`, behind all that was written before
        (unix(7), SCM_RIGHTS). The peer gets copies; ours stay open, and may be closed as soon as this returns.

        Parameters:
            data: at least one byte, which carries them.
            descriptors: one to 253, as the kernel wants it.

        Errors: `PlugserveError` where descriptors cannot be sent; `ValueError` without data or descriptors; those of
            `write`.
        """
        from .ordered_output import send_descriptors

        self._check_output()
        send_descriptors(self, data, descriptors)
        yield from self._drain_to(self.limits.high_water)

    def take_descriptors(self) -> list[int]:
        """The descriptors that came with what has been read so far, in order, and are not taken yet; they are the
        caller's to close from now on. `UnixStreamServer.accept_descriptors` says how many may come.

        Errors: `PlugserveError` for a classic handler, which has the real socket: `socket.recv_fds` takes them.
        """
        if not self.counted:
            raise PlugserveError(
                f"{self.server.handler_name} has the real socket: take descriptors with socket.recv_fds(request, ...)"
            )
        return [] if self.ancillary is None else self.ancillary.take()

    def _check_output(self) -> None:
        if self._abort is not None:
            self._raise_abort()
        if self.output_closed:
            raise PlugserveError("write after close: the connection has been told to end")

    def _emit(self, data: bytes | bytearray | memoryview, level: int) -> None:
        """Send bytes from `level` outwards."""
        if level:
            transforms = self._transforms or []
            for transform in reversed(transforms[:level]):
                data = transform.encode(bytes(data))
            if not data:
                return
        if self._output:
            self._output += data
        else:
            sent = self._send(data)
            if sent < len(data):
                self._output = bytearray(memoryview(data)[sent:])
                if self.limits.write_timeout is not None or self.limits.idle is not None:
                    self._stalled = (self.server.clock(), self._taken())
        if self._output and len(self._output) > self.limits.output:
            raise LimitExceeded(f"more than {self.limits.output} bytes of output are unsent: await drain()")

    def _send(self, data: Any) -> int:
        assert self.channel is not None, "there is I/O between accept and close only"
        if self.channel.blocking:
            return self._send_waiting(self.channel, data)
        sent = self.channel.send(data)
        self.total_out += sent
        return sent

    def _send_waiting(self, channel: Channel, data: Any) -> int:
        """Send all, waiting in the system call, in pieces: the time of each is limited by itself."""
        count = len(data)
        view = data if count <= _PIECE else memoryview(data)
        sent = 0
        # A goodbye() may write while the life waits for its client.
        before = self.waiting, self.operation
        try:
            while sent < count:
                self.waiting, self.operation = self.server.clock(), WRITE
                done = channel.send(view if count <= _PIECE else view[sent : sent + _PIECE])
                if self.limits.minimum_rate is not None:
                    self._count_wait()
                sent += done
                self.total_out += done
        except OSError:
            if self._abort is not None:
                self._raise_abort()
            raise
        finally:
            (self.waiting, self.operation), self._stalled = before, None
        return sent

    def _flush(self) -> bool:
        """Try to send what is unsent. Returns whether all of it went."""
        if self._output:
            with memoryview(self._output) as view:
                sent = self._send(view)
            if sent:
                del self._output[:sent]
                if self._stalled is not None:
                    self._stalled = (self.server.clock(), self._taken())
        return not self._output

    @types.coroutine
    def drain(self) -> Generator[int, None, None]:
        """With more output than `Limits.high_water` unsent, wait until no more than `Limits.low_water` is."""
        if self._abort is not None:
            self._raise_abort()
        yield from self._relieve()

    def _relieve(self) -> Step:
        """Two marks, so that a pause is worth its while: one alone would end it with the next byte."""
        if self.buffered > self.limits.high_water:
            yield from self._drain_to(self.limits.resume_at)

    def _drain_to(self, left: int) -> Step:
        while self.buffered > left and not self._flush() and self.buffered > left:
            yield from self._wait(WRITE)

    @types.coroutine
    def all_sent(self) -> Generator[int, None, None]:
        """Wait until the kernel has all that was written."""
        yield from self._drain_to(0)

    # -- waiting -------------------------------------------------------------------------------------------------------

    def _wait(self, operation: int) -> Step:
        """Suspend the life until the operation can go on, or raise because it must not."""
        self.waiting = self.server.clock()
        self.operation = operation
        try:
            # Asked only now: an abort that finds no operation wakes nobody, and one that finds it does.
            if self._abort is None:
                yield operation
        except GeneratorExit:
            # Raised here, and not by anybody's code: the life itself is being thrown away.
            self.torn_down = True
            raise
        finally:
            if self.limits.minimum_rate is not None and operation != SLEEP and self._waits_for_peer():
                self._count_wait()
            self.operation = 0
            self.waiting = None
        if self._abort is not None:
            self._raise_abort()

    def wait_for_any(self, awaits: tuple[tuple[Connection, int], ...]) -> Step:
        """Suspend the life until one of several connections, its own or those it has made, can go on."""
        self.awaits = awaits
        try:
            yield from self._wait(READ if any(operation == READ for _, operation in awaits) else WRITE)
        finally:
            self.awaits = None

    until_any = types.coroutine(wait_for_any)

    async def connect(self, address: Any, *, timeout: float = 10.0) -> Outgoing:
        """Open a stream to somebody else, on every engine, without holding up anybody.

        Parameters:
            address: `(host, port)`, or the path of a Unix socket.
            timeout: seconds in all.

        Returns: a connection with the same methods. It belongs to this request, which closes it at its end.
        Errors: `TimeoutError`; `OSError`, such as `ConnectionRefusedError`, of the last address that was tried;
            `socket.gaierror` for a name that is not known.
        """
        from .outgoing import connect

        return await connect(self, address, timeout)

    async def relay(self, other: Outgoing) -> tuple[int, int]:
        """Pass everything on between this client and another connection, both ways, until both streams have ended.

        The end of one direction is passed on as such, and the other goes on. Neither side can make data pile up: of
        what it does not take no more than `Limits.high_water` and one piece is kept.

        Returns: bytes passed to `other`, and bytes passed back.
        Errors: as `read`, of either.
        """
        from .outgoing import relay

        return await relay(self, other)

    async def start_tls(self, rest: bytes = b"") -> None:
        """Encrypt the connection from here on, after the peer was told that it may begin (STARTTLS).

        What was written before leaves in clear first. What the peer has sent behind its request is taken for its part
        of the handshake, and cannot be taken for anything else. `Limits.layers_timeout` and `Limits.layers_bytes` hold
        as for layers. Afterwards `tls` has the facts.

        Parameters:
            rest: what was read of that and not used.

        Errors: `PlugserveError` where no plugin offers it (`offers_tls` tells), or it is encrypted already; what the
            plugin raises, such as `ProtocolError`: then the connection is over, and cannot go on in clear.
        """
        from .start_tls import start_tls

        await start_tls(self, rest)

    @property
    def offers_tls(self) -> bool:
        """Whether `start_tls` can be called: a plugin offers it, and the connection is in clear."""
        return bool(self.hooks.start_tls) and self.tls is None

    def post(self, data: bytes) -> None:
        """Send to this client from outside of its own handler: from another request's, or from any thread.

        It goes out between two writes of the handler. A client that has more than `Limits.output` bytes waiting for it
        is cut off; one that has gone already is passed over.

        Errors: `PlugserveError` where a thread of its own handles the request behind a transform, which cannot be
            shared.
        """
        front = self.front
        if self.state == CLOSED or self.output_closed or self.process is not None:
            return
        if not self.blocks and front is not None:
            front.call_soon(partial(front.post, self, bytes(data)))
        elif self._transforms or self.channel is None:
            raise PlugserveError("post: a request behind a transform is written to by its own thread alone")
        else:
            try:
                self.channel.send(data)
            except OSError:
                pass  # its own thread will see that, too
            else:
                self.total_out += len(data)

    @types.coroutine
    def sleep(self, seconds: float) -> Generator[int, None, None]:
        """Let `seconds` pass, without holding up anybody else."""
        until = self.server.clock() + seconds
        if self._abort is not None:
            self._raise_abort()
        while (now := self.server.clock()) < until:
            self.wake_at = now + (until - now)
            try:
                yield from self._wait(SLEEP)
            finally:
                self.wake_at = None

    @types.coroutine
    def wait_for_wake(self, seconds: float | None = None) -> Generator[int, None, None]:
        """Wait until `wake()`, at most `seconds`; it may come back earlier."""
        if self._abort is not None:
            self._raise_abort()
        if self.blocks:
            # Nothing but the socket wakes a thread there, so it looks again now and then.
            seconds = _LOOK_AGAIN if seconds is None else min(seconds, _LOOK_AGAIN)
        self.wake_at = None if seconds is None else self.server.clock() + seconds
        try:
            yield from self._wait(SLEEP)
        finally:
            self.wake_at = None

    def wake(self) -> None:
        """End a `wait_for_wake`. From any thread."""
        if self.operation == SLEEP and not self.blocks:
            self.server._core_resume_soon(self)

    @types.coroutine
    def wait_readable(self, seconds: float | None = None) -> Generator[int, None, bool]:
        """Wait until a read would give something, its end included, at most `seconds`. Returns whether it would."""
        if self._abort is not None:
            self._raise_abort()
        if seconds is None:
            while not self._unread and not self._eof:
                yield from self._fill()
            return True
        until = self.server.clock() + seconds
        channel = self.channel
        assert channel is not None, "there is I/O between accept and close only"
        while not self._unread and not self._eof:
            # With a time limit even a blocking place must not block in the system call.
            channel.unblock()
            try:
                if self._receive():
                    continue
            finally:
                if self.blocks:
                    channel.block()
            if self.server.clock() >= until:
                return False
            self.wake_at = until
            try:
                yield from self._wait(READ)
            finally:
                self.wake_at = None
        return True

    @types.coroutine
    def offload(
        self, function: Callable[..., Any], *arguments: Any, lane: Lane | None = None
    ) -> Generator[int, None, Any]:
        """Call something that blocks or computes: directly where the place may block, in a worker thread elsewhere.

        Parameters:
            function: what to call. It is not called if the connection is aborted before there is a thread for it.
            arguments: for it.
            lane: in whose threads; None: in one of eight that are for all work that names no lane.

        Returns what it returns; raises what it raises, and the lane's refusal where there is no room in it.
        """
        channel = self.open_channel()  # a voter may be the first to ask for anything
        if self._abort is not None:
            self._raise_abort()
        if channel.blocking:
            return function(*arguments)
        self.offloaded = None
        self.server._core_offload(self, function, arguments, lane)
        while self.offloaded is None:
            # An abort waits for the call to come back: its thread cannot be taken away from it.
            self.operation = OFFLOAD
            try:
                yield OFFLOAD
            except GeneratorExit:
                self.torn_down = True
                raise
        self.operation = 0
        (succeeded, result), self.offloaded = self.offloaded, None
        if self._output and self._stalled is not None:
            # Meanwhile nobody has offered the peer anything.
            self._stalled = (self.server.clock(), self._taken())
        if self._abort is not None:
            self._raise_abort()
        if not succeeded:
            raise result
        return result

    @types.coroutine
    def fork(self) -> Generator[int, Any, None]:
        """Let a child process go on with this request; the server's own process forgets it and serves on.

        What comes after it runs in the child alone, with all that the handler has read, parsed and remembered. The
        parent closes its descriptor and tells the observers once the child reports. What surrounds the call in the
        handler (`finally` clauses, context managers) is left in the parent, too, where any use of the connection fails.

        Where the request has a process of its own already, as on the engine `forking`, and on the memory engine, it
        does nothing.

        Errors: `PlugserveError` where there is no going on in a child: on asyncio's engines, for datagrams, before the
            handler, and on platforms without fork(2); `OSError` when the host has no room for another process.
        """
        if self._abort is not None:
            self._raise_abort()
        if self.away or not self.server.real_time:
            return
        self.server._core_check_fork(self)
        try:
            failure = yield FORK
        except GeneratorExit:
            self.torn_down = True
            raise
        if failure is not None:
            raise failure

    async def pass_on(self, path: Any, state: bytes = b"", *, timeout: float = 10.0) -> None:
        """Pass this request to another process, which goes on with it; see `PassedServer` for the other side.

        Afterwards it belongs to the other one: here it ends as `ok`, with the reason "passed on", and reads give `b""`.
        What was received and not read yet goes along; what was written is sent before. If it fails, the request is
        still here, and whole.

        Parameters:
            path: of the Unix socket at which a `PassedServer` of the same user takes requests.
            state: what its handler shall find as `connection.passed_state`.
            timeout: seconds in all.

        Errors: `PlugserveError` while a layer changes the bytes, for datagrams, for too much state,
            and with its reason where the other side refuses; `TimeoutError`; `OSError` where nobody listens.
        """
        if self._abort is not None:
            self._raise_abort()
        from .passing import pass_on

        await pass_on(self, path, state, timeout)

    async def offload_to_process(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call something that computes in another process, on every engine: in one of as many as there are processors,
        or right here where the request has a process of its own.

        Parameters:
            function: one that `pickle` can send: of a module, not of another function.
            arguments: likewise.

        Returns what it returns; raises what it raises, and `concurrent.futures.BrokenExecutor` if the process died.
        """
        if self.away:
            return function(*arguments)
        return await self.offload(self.server._core_processes.call, function, *arguments)

    @types.coroutine
    def wait_arrival(self, seconds: float | None) -> Generator[int, None, None]:
        """Wait until something has arrived, without reading it, at most `seconds`."""
        assert self.channel is not None, "there is I/O between accept and close only"
        if self.channel.arrived():
            return
        until = None if seconds is None else self.server.clock() + seconds
        self.wake_at = until
        try:
            yield from self._wait(READ)
        finally:
            self.wake_at = None

    @property
    def input_ended(self) -> bool:
        """Whether the peer's end of the stream has been received."""
        return self._raw_end

    def confirm_peer(self) -> None:
        """The source of this datagram is known to be real, by a cookie that it sent back or the like: replies may be of
        any size from now on, and in a session no flood of forged sources takes its place. A request with an identity
        needs no word."""
        if isinstance(self.channel, DatagramChannel):
            self.channel.confirm()

    def _send_reply(self, channel: Channel) -> None:
        """Send the one reply of a datagram, unless it is too long for a source that may be forged."""
        if self.identity is not None:
            self.confirm_peer()
        try:
            channel.end_output()
        except OSError:
            pass  # nobody can be told
        except LimitExceeded as exception:
            self.outcome, self.reason = "error", str(exception)
            report(f"{self.server.handler_name} on {self.server.listener_name}", level="warning", text=self.reason)

    def part_now(self) -> bool:
        """Do what `part` does, if nothing has to be waited for. Returns False if something has."""
        channel = self.channel
        if channel is None or not self.counted:
            return True
        if self._output or self._transforms:
            return False
        if channel.is_datagram:
            self._send_reply(channel)
            return True
        return self._raw_end

    @types.coroutine
    def part(self) -> Generator[int, None, None]:
        """Flush, tell the peer that nothing more comes, and wait for its own end, so that closing does not reset the
        connection and destroy what the peer has not read yet (RFC 9112 section 9.6 describes the same for HTTP)."""
        channel = self.channel
        assert channel is not None, "there is I/O between accept and close only"
        self.deadline = self.server.clock() + self.limits.close_timeout
        last = self.last_bytes()
        if last:
            self._emit(last, 0)
        yield from self._drain_to(0)
        if channel.is_datagram:
            self._send_reply(channel)
            return
        channel.end_output()
        channel.unblock()
        if self._raw_end:
            return
        self.deadline = self.server.clock() + self.limits.close_timeout
        while True:
            raw = channel.receive(CHUNK)
            if raw is None:
                yield from self._wait(READ)
            elif not raw:
                return

    def stay(self) -> None:
        """What `move` comes to where the request is at its place already."""
        self.open_channel()
        self.state = MOVED

    @types.coroutine
    def move(self) -> Generator[int, Any, Any]:
        """Suspend the life until it is resumed at its place, or a report says that it was handled elsewhere."""
        try:
            return (yield MOVE)
        except GeneratorExit:
            self.torn_down = self.exception is None
            raise

    @types.coroutine
    def handled(self) -> Generator[int, None, None]:
        """Suspend the life between handling and closing."""
        try:
            yield HANDLED
        except GeneratorExit:
            self.torn_down = True
            raise

    # -- transforms, ending --------------------------------------------------------------------------------------------

    def push(self, transform: Transform) -> None:
        """Change the bytes of this connection from now on. What was read and not yet used is its first input."""
        self.feeder = None
        if self._transforms is None:
            self._transforms = []
        self._transforms.append(transform)
        if self.urgency is not None:
            self.urgency.transform()
        level = len(self._transforms) - 1
        unread, self._unread = self._unread, b""
        ended, self._eof = self._eof, False
        own = transform.pending()
        if own:
            self._emit(own, level)
        if unread:
            self._deliver(unread, level)
        if ended:
            self._deliver(b"", level)

    @types.coroutine
    def push_established(self, transform: EstablishedTransform) -> Generator[int, None, None]:
        """Push a transform that begins with a handshake, and wait until that is over.

        Errors: what its `feed` raises, after what it has to say of that was sent; `EndOfStream`; those of `read`.
        """
        self.push(transform)
        while not transform.established:
            if self._eof:
                if self._abort is not None:
                    self._raise_abort()
                raise EndOfStream("the peer ended the connection in the handshake")
            if self._must_wait():
                yield from self._wait(READ)
        if self._abort is not None:
            self._raise_abort()

    @property
    def transformed(self) -> bool:
        """Whether the bytes of the socket are not the plain bytes, or some of them have been read ahead."""
        return bool(self._transforms) or bool(self._unread) or self._eof

    def close(self) -> None:
        """End the connection once everything written has been sent. Later reads give `b""`, later writes fail."""
        self.output_closed = True
        self.end_input()

    def end_input(self) -> None:
        """Make the pending and later reads give `b""` once what has arrived is read. May be called from any thread."""
        self.feeder = None
        self._eof = True
        if self.operation != READ or self.channel is None:
            return
        if not self.blocks:
            self.server._core_resume_soon(self)
        else:
            try:
                self.channel.end_input()
            except OSError:
                pass  # gone already

    def abort(self, reason: str | BaseException) -> None:
        """End the connection at once: the pending and every later I/O call raise. May be called from any thread.

        Parameters:
            reason: the exception, or the text of an `Aborted`.
        """
        self.feeder = None
        if self._abort is None:
            self._abort = Aborted(reason) if isinstance(reason, str) else reason
        if self.operation and not self.blocks:
            self.server._core_resume_soon(self)
        else:
            self._interrupt(self.channel)

    def _interrupt(self, channel: Channel | None) -> None:
        """Wake a thread that is blocked on the socket, a classic handler's included."""
        if self.process is not None:
            self.server._core_children.abort(self)
            return
        try:
            if channel is not None:
                channel.interrupt()
            elif self.server.is_stream and self.state in (MOVED, HANDLING):
                self.request.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass  # gone already

    @property
    def aborted(self) -> BaseException | None:
        """What `abort` was given."""
        return self._abort

    def ended_by(self, exception: BaseException) -> bool:
        """Whether this exception is, or holds, the one that `abort` makes I/O calls raise."""
        if isinstance(exception, BaseExceptionGroup):
            return any(self.ended_by(part) for part in exception.exceptions)
        return exception is self._abort or isinstance(exception, HandlerIgnoredAbort)

    def _raise_abort(self) -> None:
        assert self._abort is not None
        if self._abort_told and self.state == HANDLING:
            raise HandlerIgnoredAbort(f"the handler went on after: {self._abort}") from self._abort
        self._abort_told = True
        raise self._abort

    def resume(self, value: object = None) -> int:
        """Drive the life to its next suspension. Returns what it waits for.

        Raises: `StopIteration` at the end of the life.
        """
        assert self.life is not None, "a closed request is not resumed"
        operation = self.life.send(value)
        return operation if type(operation) is int else self.refuse(operation)

    def refuse(self, operation: object) -> int:
        """The life has awaited something that belongs to another event loop: nobody here would ever wake it."""
        assert self.life is not None
        while type(operation) is not int:
            operation = self.life.throw(
                PlugserveError(
                    f"awaited something that the connection did not give ({operation!r}): there is no asyncio here"
                )
            )
        return operation

    # -- what drives it ------------------------------------------------------------------------------------------------

    def open_channel(self) -> Channel:
        """The channel of this request, made when it is first needed."""
        if self.channel is None:
            if self.server.is_stream:
                make = self.server._core_make_channel
                if make is None:
                    self.channel = StreamChannel(self.request, packets=self.server.keeps_records)
                else:
                    self.channel = make(self)
            else:
                packet, sock = self.request
                ratio = self.server._core_handler.reply_ratio
                most = None if ratio is None else int(ratio * len(packet))
                self.channel = DatagramChannel(packet, sock, self.client_address, most)
            if self.blocks:
                self.channel.block()
        return self.channel

    def time_limit(self) -> tuple[float, str] | None:
        """When the wait that is going on must end, and why then; `overdue` says whether it really must."""
        nearest = None
        waiting, operation, limits = self.waiting, self.operation, self.limits
        if waiting is not None and operation != OFFLOAD and self.budget is None:
            if operation == READ:
                if not self.total_in and limits.first_byte is not None:
                    nearest = (waiting + limits.first_byte, SILENT)
                elif limits.idle is not None:
                    nearest = (waiting + limits.idle, IDLE)
            if operation == WRITE or self._output:
                allowed = limits.write_timeout
                if operation == WRITE and limits.idle is not None and (allowed is None or limits.idle < allowed):
                    allowed = limits.idle
                if allowed is not None:
                    at = (waiting if self._stalled is None else self._stalled[0]) + allowed
                    if nearest is None or at < nearest[0]:
                        nearest = (at, STALLED)
            if limits.minimum_rate is not None and operation != SLEEP and self._waits_for_peer():
                at = waiting + limits.rate_grace - (0.0 if self._pace is None else self._pace[0])
                if nearest is None or at < nearest[0]:
                    nearest = (at, SLOW)
        if self.draining and self.blocks and (end := self.server.draining) is not None:
            # Where the loop itself is what handles, nobody else can end it.
            if nearest is None or end < nearest[0]:
                nearest = (end, DRAINED)
        if self.deadline is not None and (nearest is None or self.deadline < nearest[0]):
            return self.deadline, LAYERS if self.budget is not None else TOTAL
        return nearest

    def overdue(self, now: float) -> str | None:
        """What has taken too long, in words; None if nothing has.

        What the peer has taken of the output meanwhile is asked of the kernel first: a socket becomes writable only
        when a good part of its buffer is free, which may take a slow peer longer than any limit.
        """
        for _ in range(3):
            limit = self.time_limit()
            if limit is None or limit[0] > now:
                return None
            if limit[1] is STALLED and self._takes_some(now):
                continue
            if limit[1] is SLOW and self._keeps_pace(now):
                continue
            return SLOW.format(self.limits.minimum_rate or 0) if limit[1] is SLOW else limit[1]
        return None

    def _takes_some(self, now: float) -> bool:
        """Whether the peer has taken any output since the last look; if so, its time begins anew."""
        taken = self._taken()
        if taken is None or (self._stalled is not None and taken == self._stalled[1]):
            return False
        # At a blocking place this is the first look at this call: nothing to compare with yet.
        self._stalled = (now, taken)
        return True

    def _keeps_pace(self, now: float) -> bool:
        """Whether the peer was fast enough over the average that ends now; if so, the next one begins."""
        limits, waiting = self.limits, self.waiting
        if limits.minimum_rate is None or waiting is None:
            return True  # seen from another thread, the wait may be over
        taken = self._taken()
        moved = self.total_in + (self.total_out if taken is None else taken)
        if moved - (0 if self._pace is None else self._pace[1]) < limits.minimum_rate * limits.rate_grace:
            return False
        self._pace = (waiting - now, moved)
        return True

    def _waits_for_peer(self) -> bool:
        """Whether the client is among those that are waited for."""
        return self.awaits is None or any(which is self for which, _ in self.awaits)

    def _count_wait(self) -> None:
        """A wait for the peer is over."""
        if self.waiting is not None:
            waited, mark = self._pace or (0.0, 0)
            self._pace = (waited + self.server.clock() - self.waiting, mark)

    def _taken(self) -> int | None:
        """Bytes of the output that the peer has taken, as far as the kernel knows; None if it cannot tell."""
        return None if self.channel is None else self.channel.taken(self.total_out)

    def expire(self, what: str) -> None:
        """A deadline passed."""
        self.abort(DeadlineExceeded(what))

    def last_bytes(self) -> bytes:
        """What the transforms have to say at the end, innermost first and through those around them."""
        raw = b""
        transforms = self._transforms or []
        for index in range(len(transforms) - 1, -1, -1):
            wrapped = transforms[index].encode(raw) if raw else b""
            raw = wrapped + transforms[index].close()
        return raw

    def capture_totals(self) -> None:
        """Ask the kernel for the totals of a request whose bytes did not all pass through here; before it closes."""
        if not self.counted:
            if not self.server.is_stream:
                self.total_in, self.total_out = len(self.request[0]), -1
                return
            totals = tcp_totals(self.request) if type(self.server).transport == "tcp" else None
            self.total_in, self.total_out = totals if totals is not None else (-1, -1)

    def cut(self) -> None:
        """Freeze the facts and cut the cycles, so that the collector has nothing to find."""
        self._duration = self.server.clock() - self._since
        self.state = CLOSED
        self.life = None
        self.handler = None
        self._output = None
        self._unread = b""
        self._transforms = None
        if self.outgoing:
            outgoing, self.outgoing = self.outgoing, None
            for other in outgoing:
                other.close()
        if self.ancillary is not None:
            self.ancillary.close()

    def passed_on(self) -> None:
        """Another process has it: its descriptor here will be closed, and nothing is told to the peer."""
        if self.front is not None and not self.blocks:
            # Closing a descriptor that somebody else holds, too, takes it out of no epoll set.
            self.front.leave(self)
        self.fork_shares = self.output_closed = self._eof = self._raw_end = True
        self._unread = b""
        self.reason = "passed on"

    def let_go(self) -> None:
        """Drop all that a child has taken over: its descriptors here are closed, and nothing is told to any peer."""
        self.front = self.handler = self.channel = self._abort = self._output = self._transforms = None
        self.feeder = self.offloaded = self.deadline = self.wake_at = self.waiting = None
        self._unread = b""
        self._abort_told = False
        self.operation = 0
        outgoing, self.outgoing = self.outgoing, None
        for other in outgoing or ():
            other.request.close()
            other.cut()

    def release(self) -> None:
        """Nobody will be told of this request again: the last cycle goes."""
        self._context = None
