"""The engine `forking`: a child process a request.

Up to `authorize` a request lives in the parent; the child runs `setup` to `finish`, closes the connection, and reports
to the parent, which tells the observers. So logs, counters and bans live in one place, although a child's memory
never comes back.

Before the fork the connection is *forgotten* by the parent's loop: unregistered, since closing a descriptor that a
child holds, too, does not take it out of an epoll set (epoll(7), "Questions and answers").
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from .connection import QUEUED, Connection
from .errors import ConfigurationError, ShuttingDown
from .mixing import EngineMixIn

if TYPE_CHECKING:
    from .control import Control
    from .server import BaseServer as _Base
else:
    _Base = EngineMixIn

__all__ = ["ForkingMixIn"]


class ForkingMixIn(_Base):
    """Mix-in: each request in a child process of its own. See `socketserver.ForkingMixIn`.

    With `max_children` at work, further requests wait in the table of unfinished requests; accepting goes on. Only
    children that this server started are waited for.
    """

    engine_name = "forking"
    shares_memory = False
    _core_inline = False
    engine_options = ("max_children", "block_on_close")
    engine_place = "a child process for each request"

    timeout: float | None = 300
    active_children: set[int] | None = None
    """The process ids of the children at work; None before the first."""
    max_children: int = 40
    """How many children may be at work at once."""
    block_on_close: bool = True
    """Whether `server_close()` waits for the children."""

    _core_waiting: deque[Connection] | None = None

    @classmethod
    def check_engine_options(cls, *, max_children: int = 1, **others: Any) -> None:
        """Refuse what makes no sense.

        Errors: `ConfigurationError`.
        """
        if max_children < 1:
            raise ConfigurationError("no request is handled without a child: give 1 or more", option="max_children")

    def collect_children(self, *, blocking: bool = False) -> None:
        """Take note of the children that have ended, and give their places to requests that wait.

        Parameters:
            blocking: whether to wait for all of them, no longer than `server_close(timeout=...)` allows.
        """
        if self.active_children is not None:
            self._core_share_set()
        self._core_children.collect_all(wait=blocking)

    def handle_timeout(self) -> None:
        """Take note of the children that have ended while no request came."""
        self.collect_children()

    def service_actions(self) -> None:
        """Take note of the children that have ended."""
        self.collect_children()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Fork a child for one request, or let it wait until `max_children` are no longer at work."""
        c = self._core_requests.get(id(request))
        if c is None:
            # Somebody accepted it and brings it here: nothing but the child knows its life.
            self._core_fork(None, request, client_address)
            return
        if self.active_children and len(self.active_children) >= self.max_children:
            self.collect_children()
        if len(self.active_children or ()) >= self.max_children:
            if self._core_waiting is None:
                self._core_waiting = deque()
            c.state = QUEUED
            self._core_waiting.append(c)
            return
        self._core_fork(c, request, client_address)

    def _core_fork_for(self, c: Connection) -> None:
        """Fork for a request that had to wait, with the care that its first call would have had."""
        if c.state == QUEUED and c.front is not None:
            c.front.hand_over(c)

    def _core_fork(self, c: Connection | None, request: Any, client_address: Any) -> None:
        control = self._core_children.fork(c)
        if control is not None:
            if c is not None and self.is_stream and self._core_handler.classic:
                control.interrupt(c)
            work = partial(self.finish_request, request, client_address)
            self._core_children.end_as_child(c, control, request, client_address, work)
        self._core_share_set()
        self.close_request(request)

    def _core_share_set(self) -> None:
        """One set of process ids, whoever made it: people look into `active_children`, and some put theirs in."""
        if self.active_children is None:
            self.active_children = self._core_children.pids
        elif self.active_children is not self._core_children.pids:
            self.active_children |= self._core_children.pids
            self._core_children.pids = self.active_children

    def _core_child_ended(self) -> None:
        waiting = self._core_waiting
        while waiting and len(self.active_children or ()) < self.max_children:
            c = waiting.popleft()
            if c.state == QUEUED and c.front is not None:
                c.front.call_soon(partial(self._core_fork_for, c))

    def _core_in_child(self, control: Control) -> None:
        super()._core_in_child(control)
        self.active_children = None
        self._core_waiting = None

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket and wait for the children."""
        super().server_close()
        for c in list(self._core_waiting or ()):
            c.abort(ShuttingDown("the server was closed"))
        if self.block_on_close:
            self.collect_children(blocking=True)
