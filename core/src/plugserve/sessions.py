"""Sessions: one handler for all datagrams of a peer.

A server of datagrams that says `sessions = 1000` keeps, for each client address, one request with one handler; later
datagrams from that address are given to it. Its life is that of any request (`life.py`): it waits in the table of a
front for its peer, and whoever receives resumes it, since it has no descriptor of its own. So it needs an engine that
handles on its loop; a thread for each address that somebody claims to have would be an invitation.

Who keeps a session when there are as many as may be is decided in `seats.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from .channel import DatagramChannel
from .connection import READ, Connection
from .datagrams import reply_refused
from .errors import Aborted, ConfigurationError
from .faults import report
from .hooks import observe
from .life import live
from .seats import Seats
from .table import peer_key

if TYPE_CHECKING:
    from .front import Front
    from .limits import Limits
    from .server import BaseServer

__all__ = ["SessionChannel", "Sessions", "check_handler", "check_options", "make_sessions"]

_MOST_WAITING: Final = 64
"""Datagrams that wait for one session's handler; further ones are dropped, as the kernel drops those that nobody
receives. As many as are received in one turn at the most."""
_SWEEPS: Final = 4
"""How often the idle ones are looked for, in one idle time."""


def check_options(most: int, idle: float) -> None:
    """Refuse what makes no sense.

    Errors: `ConfigurationError`.
    """
    if most < 1:
        raise ConfigurationError(f"sessions is {most!r}: give 1 or more, or leave it out", option="sessions")
    if not 0 < idle < float("inf"):
        raise ConfigurationError(f"session_idle is {idle!r}: give seconds above 0", option="session_idle")


def make_sessions(server: BaseServer, most: int, idle: float) -> Sessions:
    """The sessions of a server.

    Errors: `ConfigurationError` for what makes no sense, or where there are no datagrams.
    """
    check_options(most, idle)
    if server.is_stream:
        raise ConfigurationError(
            f"sessions = {most}: only datagrams need them, and this is {type(server).transport}: remove it",
            option="sessions",
        )
    return Sessions(server, most, idle)


def check_handler(handler: Any) -> None:
    """Refuse a handler that cannot have sessions.

    Errors: `ConfigurationError`.
    """
    if getattr(handler, "_style", "classic") == "classic":
        raise ConfigurationError(
            f"sessions: {getattr(handler, '__name__', handler)} is a classic handler, which gets one datagram and no "
            f"more: use a coroutine or protocol handler, or remove them",
            option="sessions",
        )


class SessionChannel(DatagramChannel):
    """The datagrams of one peer: each read gives one, each write sends one, at once.

    Parameters:
        connection: whose.
        sock: the first datagram's.
        ratio: bytes that the peer may be sent, as a multiple of those that it has sent; None: any number.
    """

    __slots__ = (
        "_arrived",
        "_connection",
        "_ratio",
        "_sent",
        "answered",
        "ended",
        "proved",
        "seat",
        "seen",
        "withheld",
    )

    def __init__(self, connection: Connection, sock: Any, ratio: float | None) -> None:
        super().__init__(b"", sock, connection.client_address, None if ratio is None else 0)
        self._connection: Connection | None = connection
        self._ratio = ratio
        self._arrived: deque[tuple[bytes, Any]] = deque()
        self.ended = False
        """Whether nothing more comes."""
        self.answered = False
        """Whether the peer has been sent anything."""
        self.proved = False
        """Whether it is known that the peer is where it says it is."""
        self.withheld: str | None = None
        """Why something was not sent."""
        self.seat: Hashable = None
        """Its key while it has one."""
        self.seen = 0.0
        """When the peer was last heard."""

    # -- the side of whoever receives ----------------------------------------------------------------------------------

    def put(self, packet: bytes, sock: Any) -> None:
        """The peer has sent this. With too much waiting it is dropped."""
        if len(self._arrived) < _MOST_WAITING:
            self._arrived.append((packet, sock))
            if self.most is not None and self._ratio is not None:
                self.most += int(self._ratio * len(packet))

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._arrived

    def end_input(self) -> None:
        """Nothing more comes: once what has come is read, a read gives `b""`."""
        self.ended = True

    def interrupt(self) -> None:
        self._arrived.clear()
        self.ended = True

    # -- the side of the connection ------------------------------------------------------------------------------------

    def receive(self, limit: int) -> bytes | None:
        if not self._arrived:
            return b"" if self.ended else None
        packet, self.socket = self._arrived.popleft()
        self.size = len(packet)
        return packet

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
        try:
            self.socket.sendto(data, self.client_address)
        except OSError:
            pass  # nobody can be told
        return size

    def confirm(self) -> None:
        super().confirm()
        self.proved = True

    def end_output(self) -> None:
        c, self._connection = self._connection, None
        if self.withheld is not None and c is not None and c.outcome == "ok":
            c.outcome, c.reason = "error", self.withheld

    def fileno(self) -> int:
        """There is none: whoever receives its datagrams resumes the life."""
        return -1


class Sessions:
    """All sessions of one server, on one front.

    Parameters:
        server: whose.
        most: how many there may be.
        idle: seconds without a datagram after which one ends.
    """

    def __init__(self, server: BaseServer, most: int, idle: float) -> None:
        self.server = server
        self.seats = Seats(most)
        self._idle = float(idle)
        self._leaving: dict[int, Connection] = {}
        """Those that have lost their seats, and whose lives have not ended yet: they count."""
        self._sweeper: Front | None = None

    @cached_property
    def _limits(self) -> Limits:
        # A session has an idle time of its own, and ends by it without a fault.
        return self.server._core_limits.but(first_byte=None, idle=None, minimum_rate=None)

    def end_all(self, front: Front) -> None:
        """Nothing more is received: let all come to their ends."""
        for c in self.seats.items():
            self._end(front, c)

    def _end(self, front: Front, c: Connection) -> None:
        self._unseat(c)
        _channel_of(c).end_input()
        self._resume(front, c)

    def take(self, front: Front, request: Any, client_address: Any) -> None:
        """A datagram has come: it goes to its session, or begins one."""
        packet, sock = request
        c: Connection | None = self.seats.find(client_address) if client_address else None
        if c is None:
            self._begin(front, request, client_address)
            return
        channel = _channel_of(c)
        self.seats.heard(client_address, answered=channel.answered, proved=channel.proved or c.identity is not None)
        channel.seen = front.now
        if packet:  # an empty one is a sign of life and no more, since an empty read means the end
            channel.put(packet, sock)
            self._resume(front, c)

    def _begin(self, front: Front, request: Any, client_address: Any) -> None:
        server = self.server
        if server.draining is not None:
            return  # whoever is real asks again, somebody else perhaps
        if not self._make_room(front):
            c = server._core_new_connection(request, client_address)
            c.outcome, c.rejected_by = "rejected", "sessions"
            c.reason = f"{self.seats.most} sessions, and none that has to go"
            if c.hooks.request_rejected:
                observe(c.hooks.request_rejected, c)
            c.cut()
            c.release()
            return
        packet, sock = request
        c = front.last = server._core_new_connection(request, client_address)
        c.front, c.limits = front, self._limits
        channel = c.channel = SessionChannel(c, sock, server._core_handler.reply_ratio)
        channel.seen = front.now
        # Without an address (unix(7): an unnamed sender) there is nobody who could send another one.
        channel.seat = client_address or c.id
        network = peer_key(client_address, self._limits.ipv6_prefix) or client_address
        self.seats.add(channel.seat, network if isinstance(network, Hashable) else c.id, c)
        if packet:
            channel.put(packet, sock)
        if not client_address:
            channel.end_input()
        if self._sweeper is not front:
            self._sweeper = front
            front.call_later(self._idle / _SWEEPS, partial(self._sweep, front))
        server._core_requests[id(request)] = c
        c.life = live(c)
        front.begin(c)

    def _make_room(self, front: Front) -> bool:
        """Whether there is room for one more, now or once somebody has gone."""
        if len(self.seats) + len(self._leaving) < self.seats.most:
            return True
        weakest = self.seats.weakest(_waits)
        if weakest is None:
            return False
        c = self._unseat(self.seats.find(weakest))
        c.abort(Aborted("its session went to a newcomer: there were as many as may be, and it waited longest"))
        self._resume(front, c)
        # It may have something to do yet, and counts until then.
        return len(self.seats) + len(self._leaving) < self.seats.most

    def _resume(self, front: Front, c: Connection) -> None:
        if c.parked and c.operation == READ:
            front.last = c
            front.advance(c)

    def _unseat(self, c: Connection) -> Connection:
        channel = _channel_of(c)
        self.seats.remove(channel.seat)
        channel.seat = None
        self._leaving[c.id] = c
        return c

    def forget(self, c: Connection) -> None:
        """Its life has ended."""
        channel = c.channel
        if isinstance(channel, SessionChannel):
            if channel.seat is not None:
                self.seats.remove(channel.seat)
                channel.seat = None
            self._leaving.pop(c.id, None)

    def _sweep(self, front: Front) -> None:
        """Let those come to an end that have been idle for too long; abort those whose handlers went on then."""
        before = front.now - self._idle
        for c in [c for c in self._leaving.values() if _channel_of(c).seen <= before - self._idle]:
            c.abort(Aborted("its session has ended, and its handler went on"))
        for c in [c for c in self.seats.items() if _channel_of(c).seen <= before]:
            self._end(front, c)
        self._sweeper = None
        if self.seats or self._leaving:
            self._sweeper = front
            front.call_later(self._idle / _SWEEPS, partial(self._sweep, front))


def _channel_of(c: Connection) -> SessionChannel:
    assert isinstance(c.channel, SessionChannel), "it was made with one"
    return c.channel


def _waits(c: Connection) -> bool:
    """Whether a session does nothing but wait for its peer."""
    return c.parked and c.operation == READ and _channel_of(c).empty
