"""Requests that are ready to be handled while all places are taken: they wait in the table, first come, first served.

No thread, worker or child is spent on them, and accepting goes on. Each waits no longer than its engine lets it, and is
refused then.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from .connection import QUEUED
from .errors import RequestRejected

if TYPE_CHECKING:
    from .connection import Connection
    from .server import BaseServer

__all__ = ["WaitingLine"]


class WaitingLine:
    """The waiting requests of one server.

    Parameters:
        server: whose.

    All of it but `free` is for the thread of the server's loop.
    """

    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self._line: deque[Connection] = deque()

    def __len__(self) -> int:
        return len(self._line)

    def add(self, c: Connection, seconds: float | None) -> None:
        """Let a request wait.

        Parameters:
            c: it has been moved, and nobody handles it yet.
            seconds: after which it is refused; None: however long it takes.
        """
        c.state = QUEUED
        self._line.append(c)
        if seconds is not None and c.front is not None:
            c.front.call_later(seconds, partial(self._expire, c))

    def free(self) -> None:
        """A place has become free. From any thread."""
        for c in self._line:
            if c.front is not None:
                c.front.call_soon(self._next)
            return

    def refuse_all(self, reason: str) -> None:
        """There will be no more places."""
        while self._line:
            c = self._line.popleft()
            if c.state == QUEUED:
                refuse(c, reason)

    def _next(self) -> None:
        while self._line:
            c = self._line.popleft()
            if c.state == QUEUED and c.front is not None:
                # With the care that its first call had: it may have to wait again, at the end of the line.
                c.front.hand_over(c)
                return

    def _expire(self, c: Connection) -> None:
        if c.state == QUEUED and c in self._line:
            self._line.remove(c)
            refuse(c, "no place became free in time")


def refuse(c: Connection, reason: str) -> None:
    """End a request that was moved and that nobody handles: `request_rejected` is told, by the name of the limits."""
    if c.life is not None:
        try:
            c.life.throw(RequestRejected(reason))
        except StopIteration:
            pass
