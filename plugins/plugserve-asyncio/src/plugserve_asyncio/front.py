"""The front on an asyncio loop: what waits is asyncio, what is done is `Front`'s.

The server's own poller is nested in the loop: an epoll (or kqueue) descriptor is itself readable while something in it
is ready, so the loop watches one descriptor of ours and knows nothing of our connections. Then, and when a time of ours
has come, it calls `_batch`, which is one turn of `Front` without waiting. So registering costs what it costs on the
engine `multiplexing`, many ready connections cost one callback, and priority data is seen, which asyncio cannot watch.

Rules of this file:

1. Lives run inside `_batch` only, so every one of them sees the running loop, and every fault meets the server's guard.
2. The loop is left as it is found: no signal handlers, no child watcher, no policy.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from plugserve.connection import Connection
from plugserve.errors import ShuttingDown
from plugserve.faults import report
from plugserve.front import Front, Phase

from .driver import Driver

if TYPE_CHECKING:
    from plugserve.server import BaseServer

__all__ = ["AsyncioFront"]

_ROUNDING = 0.0005
"""Seconds added to every wait: loops round to the millisecond, and one that wakes early would turn once in vain."""


class AsyncioFront(Front):
    """One server's part of an asyncio loop.

    Parameters:
        server: whose.
        poller: readiness; it has a descriptor of its own.
        loop: the loop.
        embedded: whether the loop is another's, which runs it and closes it.
    """

    reusable = True
    answers = False

    def __init__(
        self, server: BaseServer, poller: Any, loop: asyncio.AbstractEventLoop, *, embedded: bool = False
    ) -> None:
        super().__init__(server, poller)
        self.loop = loop
        self.embedded = embedded
        self.reusable = not embedded
        # What the loop calls for us belongs to no request, so it does not run in the context of one.
        self.context = contextvars.copy_context()
        self.bodies: set[asyncio.Task[None]] = set()
        """The tasks of requests, so that each is kept alive until it has ended."""
        self._going_on: Callable[[], bool] | None = None
        self._longest: float | None = None
        self._inside = False
        self._come: Driver | None = None
        self._scheduled = False
        self._stopping = False
        self._ended: asyncio.Future[None] | None = None
        self._accepting = False
        self._escaped: BaseException | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._watched = poller.fileno()
        self.context.run(loop.add_reader, self._watched, self._batch)

    # -- the loop ------------------------------------------------------------------------------------------------------

    def run(self, going_on: Callable[[], bool], timeout: float | None) -> None:
        """Run the loop, once, for as long as `going_on` says so after each batch."""
        if self.embedded:
            raise RuntimeError("an asyncio loop runs in this thread already: await server.serve() instead")
        self._going_on = going_on
        try:
            super().run(going_on, timeout)
        finally:
            self._going_on = None

    async def run_embedded(self, going_on: Callable[[], bool], timeout: float | None) -> None:
        """The same within a loop that runs already."""
        self._going_on, self._longest = going_on, timeout
        try:
            while going_on():
                self._ended = self.loop.create_future()
                self._arm()
                await self._ended
                self._raise_escaped()
        finally:
            self._going_on = self._ended = None
            self._stopping = False
            self._disarm()

    def ending(self) -> Iterator[Phase]:
        """On another's loop: abort what is left, since nobody else would run it, and see it end."""
        if self.embedded:
            deadline = monotonic() + self.server._core_limits.close_timeout
            for c in self._own():
                c.abort(ShuttingDown("the server's loop ended"))
            yield self, lambda: bool(self.parked_now()) and monotonic() < deadline, 0.05

    def drop_all(self) -> None:
        """Throw away what did not end."""
        self._calls.clear()
        for c in self._own():
            self.server._core_drop(c)

    def _own(self) -> list[Connection]:
        return [c for c in self.server._core_requests.copy().values() if c.front is self and c.parked]

    def turn(self, timeout: float | None) -> bool:
        """Run the loop until something of ours has happened, or for as long as `run` wants it."""
        if self._come is not None:
            driver, self._come = self._come, None
            if driver.connection.parked and driver.connection.life is driver:
                self.advance(driver.connection)
            return False
        if self._inside:
            return super().turn(timeout)
        if self.embedded:
            raise RuntimeError("an asyncio loop runs in this thread already: call this from another thread")
        self._accepting = False
        self._longest = timeout
        self._arm()
        try:
            self.loop.run_forever()
        finally:
            self._stopping = False
            self._disarm()
        self._raise_escaped()
        return self._accepting

    def _raise_escaped(self) -> None:
        escaped, self._escaped = self._escaped, None
        if escaped is not None:
            raise escaped

    def _batch(self) -> None:
        """Do what is due. A callback of the loop."""
        self._scheduled = False
        if self.closed:
            return
        self._inside = True
        try:
            if self._going_on is None:
                self._accepting |= self.turn(0)
            else:
                self.server._core_turn(self, 0)
        except BaseException as exception:
            # A loop has ways of its own to deal with it; this one is for whoever runs the front.
            self._escaped = exception
        finally:
            self._inside = False
        if self._escaped is not None or self._going_on is None or not self._going_on():
            self._stop()
        else:
            self._arm()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        if not self.embedded:
            self.loop.stop()
        elif self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _arm(self) -> None:
        """See to it that the loop calls us when the next thing of ours is due."""
        if self._calls:
            self._soon()
            return
        if self._alarm is not None and not self._earlier(self._alarm_at):
            return  # it looks again when it comes
        delay = self._longest
        if self._timers or self._alarms or self._paused_until is not None:
            delay = self._until_due(delay)
        if delay is None:
            return
        if delay <= 0:
            self._soon()
            return
        self._disarm()
        self._alarm = self.loop.call_later(delay + _ROUNDING, self._on_alarm, context=self.context)
        self._alarm_at = self.server.clock() + delay

    def _earlier(self, at: float) -> bool:
        """Whether anything is due before this time."""
        return bool(
            (self._timers and self._timers[0][0] < at)
            or (self._alarms and self._alarms[0][0] < at)
            or (self._paused_until is not None and self._paused_until < at)
        )

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _on_alarm(self) -> None:
        self._alarm = None
        self._batch()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._batch, context=self.context)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have something done by the loop's thread. From any thread."""
        self._calls.append(function)
        if threading.get_ident() != self.thread or not self.running:
            self.poller.wake()
        elif not self._inside:
            self._soon()

    # -- requests ------------------------------------------------------------------------------------------------------

    def begin(self, c: Connection) -> None:
        """Start the life of a request, in a task of its own where somebody may ask for one."""
        if not self._inside:
            self.call_soon(partial(self.begin, c))
            return
        if self.server.handler_style == "coroutine" or c.hooks.open_connection or c.hooks.authorize:
            assert c.life is not None
            c.life = Driver(self, c, c.life)
        self.advance(c)

    def go_on(self, driver: Driver) -> None:
        """What a life awaited has come. Called by the loop, not by us."""
        # A turn for this one alone: if a socket is ready, too, the loop knows.
        self._come = driver
        self._batch()

    def go_on_soon(self, driver: Driver) -> None:
        """Resume a life if it is still waiting here."""
        c = driver.connection
        if c.parked and c.life is driver:
            self.advance(c)

    # -- the end -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End what is left on the loop and close it: tasks that handlers started, asynchronous generators, threads."""
        if self._watched >= 0:
            self.closed = True
            self._disarm()
            self.loop.remove_reader(self._watched)
            self._watched = -1
            if not self.embedded:
                try:
                    self._end_loop()
                finally:
                    self.loop.close()
        super().close()

    def _end_loop(self) -> None:
        patience = self.server._core_limits.close_timeout
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks - self.bodies:
            task.cancel("the server was closed")
        if tasks:
            _, left = self.loop.run_until_complete(asyncio.wait(tasks, timeout=patience))
            for task in left:
                report(f"{task!r}", text=f"did not end within {patience:g} s of being cancelled: the server was closed")
        self.loop.run_until_complete(asyncio.wait_for(self.loop.shutdown_asyncgens(), patience))
