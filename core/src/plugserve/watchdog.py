"""Deadlines at blocking places: one thread a process looks after all of them.

A thread or child that waits in recv(2) cannot look at a clock. This one can: it marks the connection and calls
shutdown(2), which makes the other come back. It sweeps coarsely; a deadline may come up to `SWEEP` seconds late.
"""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING

from .background import Background
from .connection import CLOSED

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["SWEEP", "watchdog"]

SWEEP = 0.25
"""Seconds between two looks: the coarseness of deadlines at blocking places."""


class Watchdog(Background):
    """Watches connections from `watch` to `unwatch`; runs only while there are any."""

    def __init__(self) -> None:
        super().__init__("plugserve-watchdog")
        self._watched: set[Connection] = set()

    def watch(self, connection: Connection) -> None:
        """Keep the deadlines of a request that is about to be handled at a blocking place."""
        self._watched.add(connection)
        self.start()

    def unwatch(self, connection: Connection) -> None:
        """It has been handled."""
        self._watched.discard(connection)

    def run(self) -> None:
        while not self.stopping():
            # Nobody to watch: sleep until the thread is asked to stop, and look again now and then, so that
            # watch() needs no system call.
            readable, _, _ = select.select([self.wake_fd], [], [], SWEEP if self._watched else 4 * SWEEP)
            if readable:
                self.clear_wake()
            for connection in tuple(self._watched):
                self._look(connection)

    def _look(self, connection: Connection) -> None:
        if connection.state == CLOSED:
            self.unwatch(connection)  # it ended while somebody set out to watch it
            return
        limit = connection.time_limit()
        if limit is not None and limit[0] <= connection.server.clock():
            connection.expire(limit[1])

    def _after_fork_in_child(self) -> None:
        super()._after_fork_in_child()
        self._watched = set()


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
