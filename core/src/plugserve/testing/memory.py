"""The engine `memory`: no sockets, a virtual clock, one thread that does what the test says.

```python
server = MemoryTCPServer("test", EchoHandler)
client = server.connect()
client.send(b"hallo")
server.run()                    # until nothing is left to do at this moment
assert client.take() == b"hallo"
server.advance(60)              # a minute later
```

Everything above the socket is the real thing: the front, the life, the hooks. Only accept, receive, send, readiness and
time are of memory. Classic handlers, which block, run in threads as on every engine that handles on its loop; `run()`
waits for them to end or to block, so that the outcome does not depend on the scheduler.
"""

from __future__ import annotations

import errno
import io
import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from plugserve.internet import TCPServer, UDPServer
from plugserve.onfront import OnFrontMixIn
from plugserve.poller import LISTENER, READABLE, URGENT, WRITABLE
from plugserve.request_socket import ThroughConnection

if TYPE_CHECKING:
    from plugserve.front import Front

    _Base = TCPServer
else:
    _Base = object

__all__ = ["MemoryMixIn", "MemoryNetwork", "MemorySocket", "MemoryTCPServer", "MemoryUDPServer"]

_DONTWAIT = getattr(socket, "MSG_DONTWAIT", 0x40)
_PATIENCE = 5.0
"""Real seconds that `run()` gives a handler's thread to end or to block: only a test that hangs needs them."""


class MemoryNetwork:
    """What the sockets of one test share: the clock, the descriptors' numbers, and who waits for what."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds on the virtual clock."""
        self.changed = threading.Condition()
        self.numbers = itertools.count(1_000_000)  # far from real descriptors, so that a mix-up fails
        self.waiters: list[Callable[[], bool]] = []
        """For each thread that waits in a call on one of these sockets, whether it could go on."""


class _Pipe:
    """One direction of a stream."""

    __slots__ = ("capacity", "data", "ended", "inline", "mark", "reset", "unwanted", "urgent_taken")

    def __init__(self, capacity: int) -> None:
        self.data = bytearray()
        self.capacity = capacity
        self.ended = False
        """The writer will write no more."""
        self.unwanted = False
        """The reader will read no more."""
        self.reset = False
        self.mark: int | None = None
        """Where in `data` the urgent byte stands, as on Linux: of several the last, and the others are ordinary."""
        self.urgent_taken = False
        """Whether it has been taken with MSG_OOB; it stays in `data` all the same."""
        self.inline = False
        """Whether the reader wants it in line (SO_OOBINLINE)."""

    def add(self, data: Any, *, urgent: bool) -> None:
        """More bytes, the last of them urgent if it says so."""
        if urgent:
            if self.mark == 0 and not self.inline:
                # tcp_check_urg() of Linux: one that stands right where the reader is, and is overtaken, is gone.
                del self.data[0]
            self.mark, self.urgent_taken = len(self.data) + len(data) - 1, False
        self.data += data

    def stops(self) -> tuple[int, int]:
        """Where ordinary bytes begin, and where a read stops."""
        if self.mark is None:
            return 0, len(self.data)
        if self.mark:
            return 0, self.mark
        return (0 if self.inline else 1), len(self.data)

    def remove(self, count: int) -> None:
        """The reader has come so far."""
        del self.data[:count]
        if self.mark is not None:
            self.mark = self.mark - count if self.mark >= count else None

    @property
    def urgent(self) -> bool:
        """Whether an urgent byte is there to be taken."""
        return self.mark is not None and not self.urgent_taken


class MemorySocket:
    """One end of a stream, with the methods of a socket.

    The end that `server.connect()` returns never waits: a `recv` with nothing there raises `BlockingIOError`.
    """

    __slots__ = ("__weakref__", "_address", "_fd", "_in", "_network", "_never_waits", "_out", "_peer", "_timeout")

    family = getattr(socket, "AF_UNIX", socket.AF_INET)
    type = socket.SOCK_STREAM
    proto = 0

    def __init__(
        self, network: MemoryNetwork, incoming: _Pipe, outgoing: _Pipe, address: Any, peer: Any, number: int
    ) -> None:
        self._network = network
        self._in = incoming
        self._out = outgoing
        self._address = address
        self._peer = peer
        self._fd = number
        self._timeout: float | None = None
        self._never_waits = False

    @property
    def through(self) -> Any:
        """What it becomes for a classic handler behind transforms."""
        return _ThroughMemory

    # -- what a test does ------------------------------------------------------------------------------------------

    def take(self) -> bytes:
        """All bytes that have arrived."""
        data = b""
        with self._network.changed:
            while self.readable() and self._in.data:
                start, stop = self._in.stops()
                data += self._in.data[start:stop]
                self._in.remove(stop)
            self._network.changed.notify_all()
        return data

    @property
    def ended(self) -> bool:
        """Whether the other end will send no more, and everything it sent has been taken."""
        return (self._in.ended or self._in.reset) and not self._in.data

    @property
    def was_reset(self) -> bool:
        """Whether the other end cut the connection instead of ending it."""
        return self._in.reset

    def reset(self) -> None:
        """Cut the connection, as a TCP reset does: the other end's next call fails."""
        with self._network.changed:
            for pipe in (self._in, self._out):
                pipe.reset = pipe.ended = pipe.unwanted = True
                pipe.data.clear()
                pipe.mark = None
            self._fd = -1
            self._network.changed.notify_all()

    # -- what a socket does ----------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._fd

    def gettimeout(self) -> float | None:
        return self._timeout

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0.0

    def getsockname(self) -> Any:
        return self._address

    def getpeername(self) -> Any:
        return self._peer

    def setsockopt(self, level: int, option: int, value: Any = 0, *arguments: Any) -> None:
        """There is SO_OOBINLINE; setting any other option does nothing."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_OOBINLINE):
            with self._network.changed:
                self._in.inline = bool(value)
                self._network.changed.notify_all()

    def getsockopt(self, *arguments: Any) -> Any:
        raise OSError(errno.ENOPROTOOPT, "a memory socket has no options")

    def at_mark(self) -> bool:
        """What sockatmark(3) says."""
        return self._in.mark == 0

    def wait_events(self, events: int, timeout: float | None) -> int:
        """What poll(2) says, of 1 (POLLIN) and 2 (POLLPRI), after at most `timeout` seconds."""

        def now() -> int:
            return events & ((1 if self.readable() or self._fd < 0 else 0) | (2 if self._in.urgent else 0))

        with self._network.changed:
            if timeout != 0:
                self._wait_for(lambda: bool(now()), timeout)
            return now()

    def hung_up(self) -> bool:
        """Whether the other end is gone for good."""
        return self._in.reset or (self._in.ended and self._out.unwanted)

    def readable(self) -> bool:
        start, stop = self._in.stops()
        return start < stop or self._in.ended or self._in.reset

    def urgent(self) -> bool:
        return self._in.urgent

    def writable(self) -> bool:
        return self._out.reset or self._out.unwanted or len(self._out.data) < self._out.capacity

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        with self._network.changed:
            self._check_open()
            if flags & socket.MSG_OOB:
                return self._take_urgent()
            self._await(self.readable, flags)
            if self._in.reset:
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            start, stop = self._in.stops()
            stop = min(stop, start + bufsize)
            data = bytes(self._in.data[start:stop])
            if not flags & socket.MSG_PEEK:
                self._in.remove(stop)
                self._network.changed.notify_all()
            return data

    def _take_urgent(self) -> bytes:
        pipe = self._in
        if pipe.mark is None or pipe.urgent_taken or pipe.inline:
            raise OSError(errno.EINVAL, "Invalid argument")
        pipe.urgent_taken = True
        return bytes(pipe.data[pipe.mark : pipe.mark + 1])

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        with memoryview(buffer).cast("B") as view:
            data = self.recv(nbytes or len(view), flags)
            view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0, /) -> int:
        with self._network.changed, memoryview(data).cast("B") as view:
            self._check_open()
            self._await(self.writable, flags)
            if self._out.ended and not self._out.reset:
                raise BrokenPipeError(errno.EPIPE, "Broken pipe")
            if self._out.reset or self._out.unwanted:
                raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
            part = view[: self._out.capacity - len(self._out.data)]
            self._out.add(part, urgent=bool(flags & socket.MSG_OOB) and len(part) == len(view))
            self._network.changed.notify_all()
            return len(part)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                sent += MemorySocket.send(self, view[sent:], flags)

    def _await(self, ready: Callable[[], bool], flags: int) -> None:
        """Wait, unless this end or this call does not; the condition is held."""
        if ready():
            return
        if self._never_waits or flags & _DONTWAIT or self._timeout == 0:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self._wait_for(ready, self._timeout)
        self._check_open()
        if not ready():
            raise TimeoutError("timed out")

    def _wait_for(self, ready: Callable[[], bool], timeout: float | None) -> None:
        network = self._network
        until = None if timeout is None else network.now + timeout

        def can_go_on() -> bool:
            return ready() or self._fd < 0 or (until is not None and network.now >= until)

        network.waiters.append(can_go_on)
        network.changed.notify_all()
        try:
            network.changed.wait_for(can_go_on)
        finally:
            network.waiters.remove(can_go_on)

    def _check_open(self) -> None:
        if self._fd < 0:
            raise OSError(errno.EBADF, "Bad file descriptor")

    def shutdown(self, how: int) -> None:
        with self._network.changed:
            if self._fd < 0 or self._in.reset:
                raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
            if how in (socket.SHUT_WR, socket.SHUT_RDWR):
                self._out.ended = True
            if how in (socket.SHUT_RD, socket.SHUT_RDWR):
                self._in.ended = True
            self._network.changed.notify_all()

    def close(self) -> None:
        with self._network.changed:
            if self._fd >= 0:
                self._fd = -1
                if self._in.data:
                    # As TCP does it (RFC 2525, section 2.17): closing with unread input resets.
                    self._out.reset = True
                    self._out.data.clear()
                self._out.ended = True
                self._in.unwanted = True
                self._network.changed.notify_all()

    def detach(self) -> int:
        number, self._fd = self._fd, -1
        return number

    def makefile(self, mode: str = "r", buffering: int | None = None, **text: Any) -> Any:
        raw = _MemoryFile(self, mode)
        size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
        if size == 0:
            return raw
        stream: Any = io.BufferedWriter(raw, size) if "w" in mode else io.BufferedReader(raw, size)
        return stream if "b" in mode else io.TextIOWrapper(stream, **text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class _ThroughMemory(ThroughConnection, MemorySocket):
    """A memory socket behind transforms."""

    __slots__ = ()


class _MemoryFile(io.RawIOBase):
    """What `makefile()` buffers."""

    def __init__(self, sock: MemorySocket, mode: str) -> None:
        self._sock = sock
        self._mode = mode

    def readable(self) -> bool:
        return "r" in self._mode

    def writable(self) -> bool:
        return "w" in self._mode

    def readinto(self, buffer: Any) -> int | None:
        try:
            return self._sock.recv_into(buffer)
        except BlockingIOError:
            return None  # as SocketIO has it, where the socket does not wait

    def write(self, data: Any) -> int:
        return self._sock.send(data)


class _MemoryListener:
    """The listening end: what connected and has not been accepted, and the errors that accepting shall give."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.waiting: deque[Any] = deque()
        self.errors: list[BaseException] = []
        self.raised = 0
        self._fd = next(network.numbers)
        self._address: Any = None

    def bind(self, address: Any) -> None:
        self._address = address

    def listen(self, backlog: int = 0) -> None:
        """It always does."""

    def setsockopt(self, *arguments: Any) -> None:
        """There are no options; setting one does nothing."""

    def getsockname(self) -> Any:
        return self._address

    def gettimeout(self) -> None:
        return None

    def fileno(self) -> int:
        return self._fd

    def readable(self) -> bool:
        return bool(self.waiting or self.errors)

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self._fd = -1

    def _next(self) -> Any:
        if self.errors:
            self.raised += 1
            raise self.errors.pop(0)
        if not self.waiting:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return self.waiting.popleft()

    def accept(self) -> tuple[MemorySocket, Any]:
        sock: MemorySocket = self._next()
        return sock, sock.getpeername()

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        data, address = self._next()
        return data[:size], address

    replies: deque[tuple[bytes, Any]]

    def sendto(self, data: bytes, *rest: Any) -> int:
        self.replies.append((bytes(data), rest[-1]))
        return len(data)


class _MemoryPoller:
    """Readiness of memory sockets."""

    def __init__(self, network: MemoryNetwork, find: Callable[[int], Any]) -> None:
        self._network = network
        self._find = find
        self._watched: dict[int, tuple[int, Any]] = {}
        self._woken = False

    def register(self, fd: int, events: int, data: Any) -> None:
        self._watched[fd] = (events, data)

    modify = register

    def unregister(self, fd: int) -> None:
        self._watched.pop(fd, None)

    forget = unregister

    def ready(self) -> list[tuple[Any, int]]:
        """What is ready now."""
        result = []
        for fd, (events, data) in self._watched.items():
            end = self._find(fd)
            if end is not None:
                now = (READABLE if end.readable() else 0) | (WRITABLE if end.writable() else 0)
                if events & URGENT and end.urgent():
                    now |= URGENT
                if events & now:
                    result.append((data, events & now))
        return sorted(result, key=lambda item: item[0] is LISTENER)

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        with self._network.changed:
            ready = self.ready()
            if not ready and timeout != 0 and not self._woken:
                self._network.changed.wait(timeout)
                ready = self.ready()
            self._woken = False
            return ready

    def wake(self) -> None:
        with self._network.changed:
            self._woken = True
            self._network.changed.notify_all()

    def close(self) -> None:
        self._watched.clear()


class MemoryMixIn(OnFrontMixIn, _Base):
    """Mix-in: the server's socket, its clients and its clock are of memory."""

    engine_name = "memory"
    transport = "memory"
    real_time = False
    keeps_front = True
    daemon_threads = True  # a test that fails with a blocked handler must be able to end

    network: MemoryNetwork

    def _core_make_socket(self) -> Any:
        self.network = vars(self).get("network") or MemoryNetwork()
        self._core_ends: dict[int, Any] = {}
        listener = _MemoryListener(self.network)
        listener.replies = deque()
        return listener

    def _core_make_poller(self) -> Any:
        return _MemoryPoller(self.network, self._core_find)

    def _core_find(self, fd: int) -> Any:
        return self.socket if fd == self.socket.fileno() else self._core_ends.get(fd)

    def clock(self) -> float:
        """Seconds on the virtual clock."""
        network: MemoryNetwork | None = vars(self).get("network")
        return network.now if network is not None else 0.0

    def fail_accept(self, *errors: BaseException) -> None:
        """Have the next calls of accept raise these, in order, before anything else is accepted."""
        self.socket.errors[:0] = errors

    def connect(self, address: Any = ("192.0.2.1", 40000), *, capacity: int = 65536) -> MemorySocket:
        """A client's end of a new connection, waiting to be accepted.

        Parameters:
            address: the client's address, as accept will give it.
            capacity: bytes that each direction holds before a sender has to wait.
        """
        to_server, to_client = _Pipe(capacity), _Pipe(capacity)
        number = next(self.network.numbers)
        theirs = MemorySocket(self.network, to_server, to_client, self.server_address, address, number)
        ours = MemorySocket(self.network, to_client, to_server, address, self.server_address, number + 500_000_000)
        ours._never_waits = True
        with self.network.changed:
            self._core_ends[number] = theirs
            self.socket.waiting.append(theirs)
            self.network.changed.notify_all()
        return ours

    def send_datagram(self, data: bytes, address: Any = ("192.0.2.1", 40000)) -> None:
        """A datagram from a client."""
        with self.network.changed:
            self.socket.waiting.append((data, address))
            self.network.changed.notify_all()

    def take_replies(self) -> list[tuple[bytes, Any]]:
        """The datagrams sent so far, each with where it was sent to."""
        replies = list(self.socket.replies)
        self.socket.replies.clear()
        return replies

    def run(self) -> None:
        """Do everything there is to do at this moment, with the loop's own guards."""
        self._core_start()
        front = self._core_enter()
        try:
            front.listen(self.fileno())
            while True:
                self._core_settle(front)
                if not self._core_due(front):
                    return
                self._core_turn(front, 0)
        finally:
            front.stop_listening()
            self._core_exit(front)

    def advance(self, seconds: float) -> None:
        """Let time pass, and do at each moment what is due then."""
        until = self.network.now + seconds
        self.run()
        while True:
            times = [timers[0][0] for front in self._core_spare_fronts if (timers := front._timers)]
            times += [alarms[0][0] for front in self._core_spare_fronts if (alarms := front._alarms)]
            times += [front._paused_until for front in self._core_spare_fronts if front._paused_until is not None]
            times = [time for time in times if time <= until]
            with self.network.changed:
                self.network.now = max(self.network.now, min(times)) if times else until
                self.network.changed.notify_all()
            self.run()
            if not times:
                return

    def _core_due(self, front: Front) -> bool:
        now = self.clock()
        with self.network.changed:
            return bool(
                front._calls
                or front.poller.ready()
                or (front._timers and front._timers[0][0] <= now)
                or (front._alarms and front._alarms[0][0] <= now)
                or (front._paused_until is not None and front._paused_until <= now)
            )

    def _core_settle(self, front: Front) -> None:
        """Wait until every thread that a handler or an offloaded call runs in has ended or waits for its client."""
        with self.network.changed:
            settled = self.network.changed.wait_for(
                lambda: self._core_at_work + front._offloads <= self._core_idle(front), _PATIENCE
            )
        if not settled:
            raise TimeoutError("a handler's thread neither ended nor waited for its client")

    def _core_idle(self, front: Front) -> int:
        """How many of the threads at work cannot go on by themselves, or have handed over to the loop."""
        return sum(not can_go_on() for can_go_on in self.network.waiters) + len(front._calls)

    _core_at_work = 0

    def _core_thread_body(self, request: Any, client_address: Any) -> None:
        try:
            super()._core_thread_body(request, client_address)
        finally:
            with self.network.changed:
                self._core_at_work -= 1
                self.network.changed.notify_all()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.handler_style == "classic":
            with self.network.changed:
                self._core_at_work += 1
        try:
            super().process_request(request, client_address)
        except BaseException:
            if self.handler_style == "classic":
                self._core_at_work -= 1
            raise


class MemoryTCPServer(MemoryMixIn, TCPServer):
    """A stream server of memory."""


class MemoryUDPServer(MemoryMixIn, UDPServer):
    """A datagram server of memory."""
