"""Urgent data of TCP: what a listener's policy makes of it.

RFC 9293 (3.8.5) calls urgent data a place in the stream; every kernel makes it one byte out of band (RFC 6093, section
3). It arrives as a readiness of its own (poll(2), POLLPRI), is taken with MSG_OOB, and a `recv` never reads across it.

Rules of this file:

1. Whether an urgent byte comes next is asked only when it is known that something is there to be read: a `recv` on a
   queue that is empty may run over one that arrives meanwhile, and the kernel then forgets it.
2. A byte is taken, and the hook called, under the connection's lock: by the reader if there is one, else by whoever
   watches (the front, or the watcher thread of this process).
3. A handler's `urgent` is called within its own read, and nowhere else.
4. No connection may have more than `EVENTS` events in `SWEEP` seconds: then nobody looks until they are over.
"""

from __future__ import annotations

import errno
import platform
import select
import socket
import struct
import sys
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from .background import Background
from .channel import StreamChannel
from .connection import ARRIVED, CLOSED, CLOSING, DONE, HANDLING, OFFLOAD, READ, WRITE, Connection
from .errors import ConfigurationError
from .faults import report
from .front import Front
from .hooks import observe
from .poller import READABLE, URGENT, WRITABLE

if TYPE_CHECKING:
    from .server import BaseServer

__all__ = [
    "EVENTS",
    "POLICIES",
    "SWEEP",
    "Policy",
    "Urgency",
    "UrgentChannel",
    "UrgentFront",
    "at_mark",
    "policy_of",
    "prepare_listener",
    "urgent_front",
]

Policy = Literal["drop", "inline", "event", "abort"]
POLICIES: Final[tuple[str, ...]] = get_args(Policy)

EVENTS: Final = 16
"""Urgent bytes of one connection that are looked at in one sweep: more than any protocol sends in earnest."""
SWEEP: Final = 1.0
"""Seconds of one sweep."""

_DONTWAIT: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)
_IN: Final = 1
_PRI: Final = 2
_WORD: Final = 4


def policy_of(server: BaseServer) -> Policy:
    """What a server makes of urgent data.

    Errors: `ConfigurationError` for a policy that there is not, or that this server cannot keep.
    """
    policy = server.urgent
    if not isinstance(policy, str):
        return "drop"  # a program's own attribute of this name
    if policy not in POLICIES:
        raise ConfigurationError(f"urgent is {policy!r}: use one of {', '.join(POLICIES)}", option="urgent")
    if policy == "drop":
        return "drop"
    if not server.is_stream or type(server).transport not in ("tcp", "memory"):
        raise ConfigurationError(
            f"urgent = {policy}: only TCP has urgent data, and this is {type(server).transport}: remove it",
            option="urgent",
        )
    if policy != "inline" and not server.delivers_out_of_band:
        raise ConfigurationError(
            f"urgent = {policy}: the engine {server.engine_name!r} does not deliver urgent data: use drop or inline, "
            f"or another engine",
            option="urgent",
        )
    if policy == "inline" and sys.platform == "win32":
        raise ConfigurationError(
            "urgent = inline: this system cannot tell where the mark is: use drop", option="urgent"
        )
    return cast("Policy", policy)


def prepare_listener(server: BaseServer) -> None:
    """Have accepted sockets inherit SO_OOBINLINE: else the kernel may take an urgent byte out of the stream that comes
    before the connection is accepted. Not where a layer reads first, and must not stumble over it."""
    if server._core_urgent == "inline" and not server._core_hooks.open_connection:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)


# asm/sockios.h: 0x8905 nearly everywhere on Linux; _IOR('s', 7, int) where it follows BSD.
_BSD_STYLE: Final = ("mips", "alpha", "sparc", "sh", "parisc")
_SIOCATMARK: Final = 0x8905 if sys.platform == "linux" and not platform.machine().startswith(_BSD_STYLE) else 0x40047307


def at_mark(sock: Any) -> bool:
    """Whether the next byte that `sock.recv` gives is the urgent one (sockatmark(3)).

    Parameters:
        sock: a TCP socket with SO_OOBINLINE, as with the policy `inline`; without it, whether the urgent byte was here.

    Errors: `OSError` from the socket.
    """
    own = getattr(sock, "at_mark", None)
    if own is not None:
        return bool(own())
    from fcntl import ioctl

    return bool(struct.unpack("i", ioctl(sock.fileno(), _SIOCATMARK, b"\0" * 4))[0])


class Urgency:
    """The urgent data of one connection.

    Parameters:
        connection: whose.
        channel: its channel.
        policy: that of its listener. Until the request is admitted only `abort` holds; the others drop.
    """

    __slots__ = (
        "_channel",
        "_first",
        "_lock",
        "_muted_until",
        "_pending",
        "_reading",
        "_skipped",
        "_taken",
        "connection",
        "count",
        "policy",
        "rests",
        "watched_fd",
    )

    def __init__(self, connection: Connection, channel: UrgentChannel, policy: Policy) -> None:
        self.connection = connection
        self._channel = channel
        self.policy: Policy = policy if policy == "abort" else "drop"
        self.count = 0
        """Urgent bytes that were taken."""
        self._pending: deque[bytes] = deque(maxlen=EVENTS)
        # Reentrant: a hook may do what leads here again.
        self._lock = threading.RLock()
        self._reading = False
        self._skipped = False
        self._first = self._muted_until = float("-inf")
        self._taken = 0
        self.watched_fd = -1
        self.rests = False
        """Whether a front has set its alarm for the end of a flood."""

    # -- which policy holds ------------------------------------------------------------------------------------------

    @property
    def watches(self) -> bool:
        """Whether urgent data has to be looked for."""
        return self.policy in ("event", "abort")

    @property
    def over(self) -> bool:
        """Whether the handler has ended, after which nobody wants to know."""
        return self.connection.state in (DONE, CLOSING, CLOSED)

    @property
    def needs_channel(self) -> bool:
        """Whether a classic handler has to read through the channel: a thread that is blocked in recv(2) itself runs
        over an urgent byte before anybody can look."""
        request = self.connection.request
        return self.watches and (type(request) is socket.socket or hasattr(request, "through"))

    def admit(self) -> None:
        """The layers are through: from now on the listener's policy holds, unless they changed the bytes."""
        c = self.connection
        if not c._transforms:
            self.policy = c.server._core_urgent or "drop"
            if self.policy == "inline":
                c.request.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)

    def transform(self) -> None:
        """The bytes below are not the handler's any more: in line a stray byte would destroy them, and as an event it
        would be something said in clear that seems to come through the encryption."""
        if self.policy == "inline":
            self.connection.request.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 0)
        if self.policy != "abort":
            self.policy = "drop"

    def at_mark(self) -> bool:
        """Whether the next byte that a read gives is the urgent one."""
        c = self.connection
        if self.policy != "inline":
            return False
        if c._unread:
            return len(c._unread) == 1 and self._channel.marked
        try:
            return at_mark(self._channel.socket)
        except OSError:
            return False

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def muted(self) -> float:
        """Seconds for which nobody looks, since there were too many; 0 if there were not."""
        return max(0.0, self._muted_until - self.connection.server.clock())

    def look(self) -> None:
        """Take the urgent byte, if one is there, and tell of it."""
        with self._lock:
            c = self.connection
            channel = self._channel
            if self.over or not self.watches or self.muted:
                return
            byte = channel.take_urgent()
            if byte is None:
                return
            self._bound()
            self.count += 1
            c.urgent = byte
            if self.policy == "abort":
                if c.state == ARRIVED:
                    c.rejected_by = "urgent"
                c.abort("the peer sent urgent data, and this listener does not take any")
                return
            self._pending.append(byte)
            if c.hooks.out_of_band:
                observe(c.hooks.out_of_band, c)

    def _bound(self) -> None:
        now = self.connection.server.clock()
        if now - self._first >= SWEEP:
            self._first, self._taken = now, 0
        self._taken += 1
        if self._taken >= EVENTS:
            self._muted_until = self._first + SWEEP

    def look_beside(self) -> None:
        """The same from another thread than the reader's, who looks for himself while he reads."""
        with self._lock:
            if self._reading:
                self._skipped = True
            else:
                self.look()

    def begin_reading(self) -> None:
        """From now on the calling thread looks."""
        with self._lock:
            self._reading = True
            self._skipped = False

    def end_reading(self) -> None:
        """It does not any more."""
        with self._lock:
            self._reading = False
            if self._skipped:
                self._skipped = False
                self.look()

    def tell(self) -> bool:
        """Give the handler what was taken; in the handler's own read. Returns whether it has ended its input.

        Errors: what the handler raises; what `abort` was given.
        """
        c = self.connection
        if c._abort is not None:
            c._raise_abort()
        while self._pending:
            byte = self._pending.popleft()
            if c.handler is None or c.state != HANDLING:
                continue
            # It may write, which would end the wait of the read that goes on.
            waiting, operation = c.waiting, c.operation
            try:
                c.handler._take_urgent(byte)
            finally:
                c.waiting, c.operation = waiting, operation
        return c._eof

    # -- at a blocking place -----------------------------------------------------------------------------------------

    def enter_place(self) -> None:
        """The request is about to be handled where nobody but this process's watcher can look for it."""
        if self.watches and self.connection.server.real_time:
            watcher().watch(self)

    def leave_place(self) -> None:
        """It has been handled. A hook that runs on the watcher's thread is waited for."""
        if self.watches and self.connection.server.real_time:
            watcher().unwatch(self)
            with self._lock:
                pass

    def wait_here(self, timeout: float | None) -> None:
        """Wait in this thread for something to read or to look at."""
        channel = self._channel
        self.begin_reading()
        try:
            muted = self.muted
            ends = [seconds for seconds in (timeout, muted) if seconds]
            if timeout != 0 and channel.wait(_IN if muted else _IN | _PRI, min(ends) if ends else None) & _PRI:
                self.look()
        finally:
            self.end_reading()

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._channel.fileno()


class UrgentChannel(StreamChannel):
    """A TCP socket of a listener with a policy."""

    __slots__ = ("_urgency", "marked")

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.request)
        self._urgency = connection.urgency = Urgency(connection, self, connection.server._core_urgent or "drop")
        self.marked = False
        """Whether what was received last is the urgent byte, in line."""

    def take_urgent(self) -> bytes | None:
        """The urgent byte; None if there is none that has not been taken."""
        try:
            if not self.socket.gettimeout() or not isinstance(self.socket, socket.socket):
                return self._recv(1, socket.MSG_OOB | _DONTWAIT) or None
            # With a Python-level timeout every call first waits for ordinary data.
            alias = socket.socket(self.socket.family, self.socket.type, self.socket.proto, self.socket.fileno())
            try:
                return alias.recv(1, socket.MSG_OOB | _DONTWAIT) or None
            finally:
                alias.detach()
        except (OSError, ValueError):
            return None  # EINVAL: none, or taken already; EAGAIN: announced, and not here yet (recv(2))

    def receive(self, limit: int) -> bytes | None:
        data = self._receive(limit)
        # There is more to look at than bytes.
        self.dry = False
        return data

    def _receive(self, limit: int) -> bytes | None:
        urgency = self._urgency
        if urgency.policy == "drop" or urgency.over:
            return super().receive(limit)
        if urgency.policy == "inline":
            return self._receive_to_mark(limit)
        urgency.begin_reading()
        try:
            while True:
                # From here on nobody else takes one, so what is told now is all that there was before the wait.
                if urgency.tell():
                    return None
                events = self._await_events()
                if events & _PRI:
                    urgency.look()
                    if urgency.tell():
                        return None
                if events & _IN:
                    return super().receive(limit)
                if not self.blocking:
                    return None
        finally:
            urgency.end_reading()

    def _receive_to_mark(self, limit: int) -> bytes | None:
        """Up to the urgent byte, or that byte alone: so that whoever reads can tell it from its neighbours."""
        if not self.wait(_IN, self.socket.gettimeout() if self.blocking else 0.0):
            if self.blocking:
                raise TimeoutError("timed out")
            return None
        self.marked = at_mark(self.socket)
        return super().receive(1 if self.marked else limit)

    def _await_events(self) -> int:
        """Wait, if this channel does, until there is something to read or to look at."""
        if not self.blocking:
            return self.wait(_IN if self._urgency.muted else _IN | _PRI, 0.0)
        timeout = self.socket.gettimeout()
        while True:
            muted = self._urgency.muted
            if not muted:
                events = self.wait(_IN | _PRI, timeout)
            else:
                events = self.wait(_IN, muted if timeout is None else min(muted, timeout))
                if not events and (timeout is None or timeout > muted):
                    timeout = None if timeout is None else timeout - muted
                    continue
            if not events:
                if timeout == 0:
                    raise BlockingIOError(errno.EAGAIN, "nothing has arrived yet")
                raise TimeoutError("timed out")
            return events

    def wait(self, events: int, timeout: float | None) -> int:
        """poll(2) on the socket: which of `_IN` and `_PRI` have come; an error or hang-up is something to read. In a
        child process `_WORD`: its parent had something to say, and was heeded."""
        own = getattr(self.socket, "wait_events", None)
        if own is not None:
            return int(own(events, timeout))
        fd = self.socket.fileno()
        if not hasattr(select, "poll"):
            readable, _, urgent = select.select([fd], [], [fd] if events & _PRI else [], timeout)
            return (_IN if readable else 0) | (_PRI if urgent else 0)
        poll = select.poll()
        poll.register(fd, (select.POLLIN if events & _IN else 0) | (select.POLLPRI if events & _PRI else 0))
        c = self._urgency.connection
        parent = c.server._core_control
        if parent is not None and parent.fileno() >= 0:
            poll.register(parent.fileno(), select.POLLIN)
        found = dict(poll.poll(None if timeout is None else int(timeout * 1000 + 0.999)))
        came = found.pop(fd, 0)
        if found and parent is not None:
            parent.heed(c)
        return (_PRI if came & select.POLLPRI else 0) | (_IN if came & ~select.POLLPRI else 0) | (_WORD if found else 0)


class UrgentFront(Front):
    """A front that also watches its parked requests for urgent data."""

    def _watch(self, c: Connection, operation: int, *, disturbed: bool = False) -> None:
        urgency = c.urgency
        if urgency is None or not urgency.watches or c.channel is None or c.state in (DONE, CLOSING, CLOSED):
            super()._watch(c, operation, disturbed=disturbed)
            return
        mask = READABLE if operation == READ else 0
        if operation == WRITE or (c.buffered and operation != OFFLOAD):
            mask |= WRITABLE
        muted = urgency.muted
        if not muted:
            mask |= URGENT
        elif not urgency.rests:
            urgency.rests = True
            self.call_later(muted, partial(self._again, c, urgency))
        if mask != c.interest:
            self._set_interest(c, mask)

    def _again(self, c: Connection, urgency: Urgency) -> None:
        """The sweep in which there were too many is over."""
        urgency.rests = False
        if c.parked:
            self._watch(c, c.operation)

    def _ready(self, c: Connection, events: int) -> None:
        if _waits(c) and events & URGENT and c.urgency is not None:
            c.urgency.look()
            if c.aborted is not None:
                return
            if not events & READABLE and c.operation == READ:
                # A read that goes on is what tells the handler. It is no sign of life: its time goes on, too.
                since = c.waiting
                self.advance(c)
                if _waits(c) and c.operation == READ:
                    c.waiting = since
                return
        super()._ready(c, events & ~URGENT)


def _waits(c: Connection) -> bool:
    return c.parked


def urgent_front(kind: type[Front]) -> type[Front]:
    """A kind of front that watches for urgent data, too."""
    return UrgentFront if kind is Front else type(f"Urgent{kind.__name__}", (UrgentFront, kind), {})


class _Watcher(Background):
    """Looks for urgent data of requests that are handled at blocking places, where no loop of ours can."""

    def __init__(self) -> None:
        super().__init__("plugserve-urgent")
        self._watched: dict[int, Urgency] = {}
        self._muted: dict[int, Urgency] = {}
        self._epoll: Any = None
        self._guard = threading.Lock()

    def descriptors(self) -> set[int]:
        """Those that it keeps open."""
        with self._guard:
            return super().descriptors() | ({self._epoll.fileno()} if self._epoll is not None else set())

    def watch(self, urgency: Urgency) -> None:
        """Look for this one from now on."""
        fd = urgency.watched_fd = urgency.fileno()
        with self._guard:
            self._watched[fd] = urgency
            if self._epoll is not None:
                self._epoll.register(fd, select.EPOLLPRI | select.EPOLLET)
        self.start()

    def unwatch(self, urgency: Urgency) -> None:
        """It has been handled."""
        fd = urgency.watched_fd
        with self._guard:
            if self._watched.get(fd) is urgency:
                del self._watched[fd]
                self._muted.pop(fd, None)
                if self._epoll is not None:
                    try:
                        self._epoll.unregister(fd)
                    except OSError:
                        pass  # closed already: the kernel has forgotten it

    def run(self) -> None:
        if not hasattr(select, "epoll"):
            self._sweep()
            return
        with self._guard:
            self._epoll = select.epoll()
            for fd in self._watched:
                self._epoll.register(fd, select.EPOLLPRI | select.EPOLLET)
        try:
            self._epoll.register(self.wake_fd, select.EPOLLIN)
            while not self.stopping():
                for fd, _ in self._epoll.poll(SWEEP / 4 if self._muted else None):
                    if fd == self.wake_fd:
                        self.clear_wake()
                    elif (urgency := self._watched.get(fd)) is not None:
                        self._look(urgency)
                        if urgency.muted:
                            self._mute(fd, urgency)
                self._unmute()
        finally:
            with self._guard:
                self._epoll.close()
                self._epoll = None
                self._muted.clear()

    def _mute(self, fd: int, urgency: Urgency) -> None:
        """Not even wake for this one, until its sweep is over."""
        with self._guard:
            if self._watched.get(fd) is urgency:
                self._muted[fd] = urgency
                self._modify(fd, select.EPOLLET)

    def _modify(self, fd: int, events: int) -> None:
        try:
            self._epoll.modify(fd, events)
        except OSError:
            pass  # the handler has closed it

    def _unmute(self) -> None:
        """Have the kernel tell again of what was left alone: changing an entry makes its edge anew (epoll(7))."""
        for fd, urgency in list(self._muted.items()):
            if not urgency.muted:
                with self._guard:
                    if self._muted.pop(fd, None) is not None and self._watched.get(fd) is urgency:
                        self._modify(fd, select.EPOLLPRI | select.EPOLLET)

    def _sweep(self) -> None:
        """Where there is no epoll: without an edge a byte that is left alone would wake us for ever, so look now and
        then instead."""
        while not self.stopping():
            if select.select([self.wake_fd], [], [], SWEEP / 4)[0]:
                self.clear_wake()
            for urgency in list(self._watched.values()):
                self._look(urgency)

    def _look(self, urgency: Urgency) -> None:
        try:
            urgency.look_beside()
        except BaseException as exception:
            report("the watcher for urgent data", exception)

    def _after_fork_in_parent(self) -> None:
        super()._after_fork_in_parent()
        if self._watched:
            self.start()

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._watched = {}
        self._muted = {}
        self._guard = threading.Lock()
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None


_lock = threading.Lock()
_watcher: _Watcher | None = None


def watcher() -> _Watcher:
    """The one of this process."""
    global _watcher
    if _watcher is None:
        with _lock:
            if _watcher is None:
                _watcher = _Watcher()
    return _watcher
