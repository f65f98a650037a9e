"""Deadlines at blocking places: one thread a process looks after all of them.

A thread or child that waits in recv(2) cannot look at a clock. This one can: it marks the connection and calls
shutdown(2), which makes the other come back. It sweeps coarsely; a deadline may come up to `SWEEP` seconds late.

A classic handler reads and writes its socket itself, so nobody here knows when it waits. What its client does is known
from the counters of the kernel (tcp(7), TCP_INFO): on Linux the deadlines hold for it, too, over TCP.
"""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING

from .background import Background
from .channel import TCPCounters, bytes_unread, tcp_counters
from .connection import CLOSED, IDLE, SILENT, SLOW, STALLED

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["SWEEP", "watchdog"]

SWEEP = 0.25
"""Seconds between two looks: the coarseness of deadlines at blocking places."""


_DOZE = 20
"""Looks at nobody after which the thread sleeps."""


class Watchdog(Background):
    """Watches connections from `watch` to `unwatch`; runs only while there are any."""

    def __init__(self) -> None:
        super().__init__("plugserve-watchdog")
        self._watched: dict[Connection, _Bystander | None] = {}
        self._dozing = False

    def watch(self, connection: Connection) -> None:
        """Keep the deadlines of a request that is about to be handled at a blocking place."""
        raw = connection.server.is_stream and not connection.counted
        self._watched[connection] = _Bystander(connection) if raw else None
        self.start()
        if self._dozing:
            self.wake()

    def unwatch(self, connection: Connection) -> None:
        """It has been handled."""
        self._watched.pop(connection, None)

    def run(self) -> None:
        quiet = 0
        while not self.stopping():
            # After a while without anybody to watch it sleeps until it is woken; before, watch() needs no system call.
            quiet = 0 if self._watched else quiet + 1
            self._dozing = quiet > _DOZE
            readable, _, _ = select.select(
                [self.wake_fd], [], [], None if self._dozing and not self._watched else SWEEP
            )
            if readable:
                self.clear_wake()
            # A copy is made in one go, whatever other threads add and remove meanwhile.
            for connection, bystander in self._watched.copy().items():
                self._look(connection, bystander)

    def _look(self, connection: Connection, bystander: _Bystander | None) -> None:
        if connection.state == CLOSED:
            self.unwatch(connection)  # it ended while somebody set out to watch it
            return
        now = connection.server.clock()
        what = connection.overdue(now)
        if what is None and bystander is not None:
            what = bystander.look(now)
        if what is not None:
            connection.expire(what)

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._watched = {}
        self._dozing = False


class _Bystander:
    """Judges a client by what the kernel counts, while a classic handler uses the socket itself.

    Parameters:
        connection: its request is the socket.

    Whether the handler waits for its client or computes cannot be seen. It is taken to compute while input lies there
    unread, and to wait otherwise.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._began = self._looked = connection.server.clock()
        self._moved_at = self._took_at = self._began
        self._before: TCPCounters | None = None
        self._waited = 0.0
        self._mark = 0

    def look(self, now: float) -> str | None:
        """What has taken too long, in words; None if nothing has, or nobody can tell."""
        limits, sock = self._connection.limits, self._connection.request
        counters = tcp_counters(sock)
        if counters is None:
            return None
        before, self._before = self._before, counters
        took = before is None or counters.taken != before.taken
        computing = not counters.pending and bool(bytes_unread(sock))
        if took or not counters.pending:
            self._took_at = now
        if took or computing or before is None or counters.received != before.received:
            self._moved_at = now
        if not computing:
            self._waited += now - self._looked
        self._looked = now
        if limits.write_timeout is not None and now - self._took_at >= limits.write_timeout:
            return STALLED
        if not counters.received and not counters.taken and not counters.pending and limits.first_byte is not None:
            if now - self._began >= limits.first_byte:
                return SILENT
        elif limits.idle is not None and now - self._moved_at >= limits.idle:
            return STALLED if counters.pending else IDLE
        if limits.minimum_rate is not None and self._waited >= limits.rate_grace:
            moved = counters.received + counters.taken
            if moved - self._mark < limits.minimum_rate * self._waited:
                return SLOW.format(limits.minimum_rate)
            self._waited, self._mark = 0.0, moved
        return None


_lock = threading.Lock()
_watchdog: Watchdog | None = None


def watchdog() -> Watchdog:
    """The one of this process."""
    global _watchdog
    if _watchdog is None:
        with _lock:
            if _watchdog is None:
                _watchdog = Watchdog()
    return _watchdog
