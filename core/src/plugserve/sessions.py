"""Sessions: one handler for all datagrams of a peer.

A server of datagrams that says `sessions = 1000` keeps, for each client address, one request with one handler; later
datagrams from that address are given to it. Its life is that of any request (`life.py`) with one step more: once it is
admitted, it takes a place, of which there are so many; who has to go for it when none is free says `seats.py`. Its
channel is fed by whoever receives, since it has no descriptor of its own: a life that waits on a front is resumed then,
one that waits in its own thread wakes by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from functools import cached_property, partial
from math import inf
from threading import Condition, Lock
from typing import TYPE_CHECKING, Any, Final

from .channel import DONTWAIT, DatagramChannel
from .connection import ARRIVED, CLOSED, READ, Connection
from .datagrams import reply_refused
from .errors import Aborted, ConfigurationError
from .faults import report
from .life import live
from .seats import Seats
from .table import peer_key

if TYPE_CHECKING:
    from .front import Front
    from .limits import Limits
    from .server import BaseServer

__all__ = ["SessionChannel", "Sessions", "sessions_of"]

_MOST_WAITING: Final = 64
"""Datagrams that wait for one session's handler; with more, or with more than `Limits.high_water` bytes, further ones
are dropped, as the kernel drops those that nobody receives."""
_SOON: Final = 0.001
"""Seconds that are waited at least, so that what a clock rounds does not make the loop turn in vain."""


def sessions_of(server: Any, handler: Any) -> int | None:
    """How many sessions a datagram server has at the most; None if it has none.

    Parameters:
        server: it, or its class.
        handler: its handler class.

    Errors: `ConfigurationError` for what makes no sense, or cannot be on this engine or with this handler.
    """
    most, idle = server.sessions, server.session_idle
    classic = getattr(handler, "_style", "classic") == "classic"
    if not isinstance(most, int) or isinstance(most, bool) or (classic and most < 1):
        return None  # none, or a program's own attribute of this name
    if most < 1:
        raise ConfigurationError(f"sessions is {most}: give 1 or more, or leave it out", option="sessions")
    if isinstance(idle, bool) or not isinstance(idle, (int, float)) or not 0 < idle < inf:
        raise ConfigurationError(f"session_idle is {idle!r}: give seconds above 0", option="session_idle")
    if classic:
        raise ConfigurationError(
            f"sessions = {most}: {getattr(handler, '__name__', handler)} is a classic handler, which gets one datagram "
            f"and no more: use a coroutine or protocol handler, or leave sessions out",
            option="sessions",
        )
    if not server.shares_memory:
        raise ConfigurationError(
            f"sessions = {most}: the engine {server.engine_name!r} handles a request in a child process, which later "
            f"datagrams cannot reach: use multiplexing, or leave sessions out",
            option="sessions",
        )
    if server._core_inline:
        raise ConfigurationError(
            f"sessions = {most}: the engine {server.engine_name!r} handles one request at a time, and a session would "
            f"keep it from all others: use multiplexing, or leave sessions out",
            option="sessions",
        )
    for name in () if server.handles_on_front else ("workers", "max_threads"):
        threads = getattr(server, name, None)
        if threads is not None and threads < most:
            raise ConfigurationError(
                f"sessions = {most}: each takes a thread for as long as it lasts, and {name} is {threads}: give no "
                f"more than that, or use multiplexing",
                option="sessions",
            )
    return most


class SessionChannel(DatagramChannel):
    """The datagrams of one peer: each read gives one, each write sends one, at once.

    Parameters:
        connection: whose.
        key: who the peer is.
        ratio: bytes that the peer may be sent, as a multiple of those that it has sent; None: any number.
    """

    __slots__ = (
        "_arrived",
        "_changed",
        "_connection",
        "_ratio",
        "_unread",
        "answered",
        "ended",
        "interrupted",
        "key",
        "proved",
        "seated",
        "until",
        "withheld",
    )

    def __init__(self, connection: Connection, key: Hashable, ratio: float | None) -> None:
        super().__init__(b"", connection.request[1], connection.client_address, None if ratio is None else 0)
        self._connection: Connection | None = connection
        self._ratio = ratio
        self.key = key
        self._arrived: deque[tuple[bytes, Any]] = deque()
        self._unread = 0
        """Bytes in it."""
        self._changed = Condition(Lock())
        self.ended = False
        """Whether nothing more comes."""
        self.interrupted = False
        self.answered = False
        """Whether the peer has been sent anything."""
        self.proved = False
        """Whether it is known that the peer is where it says it is."""
        self.withheld: str | None = None
        """Why something was not sent."""
        self.seated = False
        """Whether it has a place."""
        self.until = inf
        """When its peer has been silent for too long; after that, when its handler has had the time to end."""

    # -- the side of whoever receives ----------------------------------------------------------------------------------

    def put(self, packet: bytes, sock: Any) -> None:
        """The peer has sent this. With too much waiting it is dropped."""
        c = self._connection
        with self._changed:
            if c is None or len(self._arrived) >= _MOST_WAITING or self._unread > c.limits.high_water:
                return
            self._arrived.append((packet, sock))
            self._unread += len(packet)
            if self.most is not None and self._ratio is not None:
                self.most += int(self._ratio * len(packet))
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._arrived

    def end_input(self) -> None:
        """Nothing more comes: once what has come is read, a read gives `b""`."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def interrupt(self) -> None:
        with self._changed:
            self.ended = self.interrupted = True
            self._changed.notify_all()

    # -- the side of the connection ------------------------------------------------------------------------------------

    def receive(self, limit: int) -> bytes | None:
        with self._changed:
            while self.blocking and not self._arrived and not self.ended:
                self._changed.wait()
            if not self._arrived:
                return b"" if self.ended else None
            packet, self.socket = self._arrived.popleft()
            self.size = len(packet)
            self._unread -= len(packet)
            return packet

    def wait(self, timeout: float | None, *, reading: bool) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self.interrupted or (reading and (self.ended or bool(self._arrived))), timeout
            )

    def send(self, data: bytes | memoryview) -> int:
        size = len(data)
        c = self._connection
        if self.most is not None and c is not None:
            if c.identity is not None:
                self.confirm()
            elif size > self.most:
                if self.withheld is None:
                    self.withheld = reply_refused(size, self.most, self.size)
                    report(f"{c.server.handler_name} on {c.server.listener_name}", level="warning", text=self.withheld)
                return size
            else:
                self.most -= size
        self.answered = True
        if self.client_address:
            try:
                # What there is no room for is lost, as datagrams are: nobody is held up by a peer that takes none.
                self.socket.sendto(data, DONTWAIT, self.client_address)
            except OSError:
                pass  # nobody can be told
        return size

    def confirm(self) -> None:
        super().confirm()
        self.proved = True

    def end_output(self) -> None:
        c = self._connection
        if self.withheld is not None and c is not None and c.outcome == "ok":
            c.outcome, c.reason = "error", self.withheld

    def release(self) -> None:
        """Its life has ended: the cycle goes, for the collector to have nothing to find."""
        self._connection = None

    def fileno(self) -> int:
        """There is none: whoever receives its datagrams resumes the life."""
        return -1


class Sessions:
    """All sessions of one server.

    Parameters:
        server: whose.
        most: how many there may be.
        idle: seconds without a datagram after which one ends.
    """

    def __init__(self, server: BaseServer, most: int, idle: float) -> None:
        self._server = server
        self._idle = float(idle)
        self._lock = Lock()
        self._seats = Seats(most)
        self._by_peer: dict[Hashable, Connection] = {}
        """Whom a datagram is for: those with a place, and those on their way to one."""
        self._leaving: dict[int, Connection | None] = {}
        """Whoever has lost the place and has not ended yet, by its id, and who gets the place then."""
        self._ending: deque[Connection] = deque()
        """Who has been told to end, in that order."""
        self._watching: Front | None = None
        """Who looks for silent peers."""

    @cached_property
    def _limits(self) -> Limits:
        # A session has an idle time of its own, and ends by it without a fault.
        return self._server._core_limits.but(first_byte=None, idle=None, minimum_rate=None)

    # -- datagrams -----------------------------------------------------------------------------------------------------

    def take(self, front: Front, request: Any, client_address: Any) -> None:
        """A datagram has come: it goes to its session, or begins one."""
        packet, sock = request
        # Who handles one request does not wait for the end of a session.
        front.last = None
        self._watch(front)
        with self._lock:
            c = self._by_peer.get(client_address) if client_address else None
            if c is not None:
                self._note(c)
        if c is None:
            self._begin(front, request, client_address)
        elif packet:
            # An empty one is a sign of life and no more, since an empty read means the end.
            _channel(c).put(packet, sock)
            if c.blocks:
                return
            if c.front is not front:
                self._server._core_resume_soon(c)
            elif c.parked and c.operation == READ:
                front.advance(c)

    def _note(self, c: Connection) -> None:
        """Its peer has been heard. Under the lock."""
        channel = _channel(c)
        channel.until = self._server.clock() + self._idle
        if channel.seated:
            proved = channel.proved or c.identity is not None
            self._seats.heard(channel.key, answered=channel.answered, proved=proved)

    def _begin(self, front: Front, request: Any, client_address: Any) -> None:
        server = self._server
        if server.draining is not None:
            return  # no new ones; whoever is there asks again
        c = server._core_new_connection(request, client_address)
        c.front = front
        c.limits = self._limits
        # Whoever has no address (unix(7), an unnamed socket) cannot be told again, and has this one datagram.
        channel = SessionChannel(c, client_address or object(), server._core_handler.reply_ratio)
        channel.until = server.clock() + self._idle
        c.channel = channel
        packet, sock = request
        if packet:
            channel.put(packet, sock)
        if client_address:
            with self._lock:
                self._by_peer[client_address] = c
        else:
            channel.end_input()
        server._core_requests[id(request)] = c
        c.life = live(c)
        front.begin(c)

    # -- places --------------------------------------------------------------------------------------------------------

    async def seat(self, c: Connection) -> str | None:
        """Take a place, after who has it has gone if need be. Returns the reason of a refusal."""
        channel = c.channel
        if not isinstance(channel, SessionChannel):
            return None  # somebody accepted it and brought it here
        weakest: Connection | None = None
        with self._lock:
            if len(self._seats) + len(self._leaving) < self._seats.most:
                self._enter(c)
                return None
            weakest = self._seats.weakest(_waits)
            if weakest is not None:
                self._unseat(weakest, c)
        c.rejected_by = "sessions"
        if weakest is None:
            return f"{self._seats.most} sessions, and none that has to go"
        weakest.abort(Aborted("its session went to a newcomer: there were as many as may be, and it waited longest"))
        try:
            while not channel.seated:
                await c.wait_for_wake()
        except Aborted as exception:
            return str(exception)
        c.rejected_by = None
        return None

    def _enter(self, c: Connection) -> None:
        channel = _channel(c)
        self._seats.add(channel.key, peer_key(c.client_address, c.limits.ipv6_prefix), c)
        channel.seated = True
        channel.until = self._server.clock() + self._idle

    def _unseat(self, c: Connection, newcomer: Connection | None = None) -> None:
        """Take its place away: it counts until it has ended, and later datagrams begin another one. Under the lock."""
        channel = _channel(c)
        self._seats.remove(channel.key)
        channel.seated = False
        self._by_peer.pop(channel.key, None)
        self._leaving[c.id] = newcomer

    def forget(self, c: Connection) -> None:
        """Its life has ended."""
        channel = c.channel
        if not isinstance(channel, SessionChannel):
            return
        channel.release()
        newcomer: Connection | None = None
        with self._lock:
            if channel.seated:
                self._seats.remove(channel.key)
                channel.seated = False
            else:
                newcomer = self._leaving.pop(c.id, None)
            if self._by_peer.get(channel.key) is c:
                del self._by_peer[channel.key]
            if newcomer is not None and newcomer.state == ARRIVED:
                self._enter(newcomer)
        if newcomer is not None:
            self._server._core_resume_soon(newcomer)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def end(self, c: Connection) -> None:
        """Let a session come to its end: its next read gives what has come, then `b""`."""
        channel = c.channel
        if not isinstance(channel, SessionChannel):
            return
        with self._lock:
            if channel.seated:
                self._unseat(c)
            elif channel.ended:
                return
            channel.until = self._server.clock() + self._idle
            self._ending.append(c)
        channel.end_input()
        if not c.blocks:
            self._server._core_resume_soon(c)

    def end_all(self) -> None:
        """Let all come to their ends."""
        with self._lock:
            sessions = self._seats.items()
        for c in sessions:
            self.end(c)

    def _watch(self, front: Front) -> None:
        if self._watching is None or self._watching.closed:
            self._watching = front
            front.call_later(self._idle, partial(self._look, front))

    def _look(self, front: Front) -> None:
        """End those whose peers have been silent for too long; abort those whose handlers went on after that."""
        now = self._server.clock()
        while (c := self._first_silent()) is not None and _channel(c).until <= now:
            self.end(c)
        while self._ending and (self._ending[0].state == CLOSED or _channel(self._ending[0]).until <= now):
            stubborn = self._ending.popleft()
            if stubborn.state != CLOSED:
                stubborn.abort(Aborted("its session has ended, and its handler went on"))
        waited = [_channel(one).until for one in (c, self._ending[0] if self._ending else None) if one is not None]
        if self._watching is front:
            self._watching = None
            if waited:
                self._watching = front
                front.call_later(max(_SOON, min(waited) - now), partial(self._look, front))

    def _first_silent(self) -> Connection | None:
        with self._lock:
            found: Connection | None = self._seats.longest_silent()
            return found


def _channel(c: Connection) -> SessionChannel:
    assert isinstance(c.channel, SessionChannel), "a session was made with one"
    return c.channel


def _waits(c: Connection) -> bool:
    """Whether a session does nothing but wait for its peer, so that nobody's answer is lost if it goes."""
    return c.operation == READ and c.awaits is None and _channel(c).empty
