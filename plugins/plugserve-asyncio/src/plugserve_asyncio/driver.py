"""A life in a task: what stands between the front, which resumes lives, and asyncio, which knows tasks.

The life goes on being driven by the front, in the same callback in which its socket turned out to be ready; a task that
had to be woken would cost another round of the loop for each message. Around each such step its task is entered, which
is what asyncio documents for implementations of tasks ("Extending", `_enter_task`), so `asyncio.current_task()` is a
real one, with its own context.

That task runs `_Body`, which does nothing but stay until the life has ended, and pass on a cancellation. Where the life
awaits a future of asyncio, the connection stays parked, for something that the front cannot see come, and the future's
callback resumes it.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from plugserve.connection import ELSEWHERE, OFFLOAD, Connection
from plugserve.errors import PlugserveError

if TYPE_CHECKING:
    from .front import AsyncioFront

__all__ = ["Driver"]


class Driver(Coroutine[Any, Any, BaseException | None]):
    """Stands for a life, `Connection.life`, and drives it within a task.

    Parameters:
        front: where it is driven.
        connection: whose life it is.
        life: the life.

    It lets nothing out but operations of a connection: for a future of asyncio it gives `ELSEWHERE`.
    """

    __slots__ = (
        "__weakref__",
        "_awaited",
        "_body",
        "_cancel",
        "_ends_at",
        "_front",
        "_life",
        "_loop",
        "_run",
        "_task",
        "connection",
    )

    def __init__(
        self, front: AsyncioFront, connection: Connection, life: Coroutine[Any, Any, BaseException | None]
    ) -> None:
        self._front = front
        self._life = life
        self.connection = connection
        self._awaited: asyncio.Future[Any] | None = None
        self._cancel: BaseException | None = None
        self._ends_at: float | None = None
        context = front.context.copy()
        self._loop = front.loop
        self._run = context.run
        self._body = _Body(self, front, f"plugserve request {connection.id}", context)
        self._task = self._body.task

    # -- what the front calls ------------------------------------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Resume the life. Returns what it waits for next."""
        c = self.connection
        if c.blocks:
            # It has been taken to a place of its own, where it finds no loop.
            self._step_aside()
            return self._life.send(value)
        awaited = self._awaited
        if awaited is None and self._cancel is None:
            return self._step(self._life.send, value)
        if self._cancel is not None:
            cancel, self._cancel = self._cancel, None
            return self._throw(cancel)
        if awaited is not None and not awaited.done():
            # Resumed by something else: a deadline, an abort from outside.
            error = self._abort_due()
            return ELSEWHERE if error is None else self._throw(error)
        self._awaited = None
        c.operation = 0
        return self._step(self._life.send, value)

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> Any:
        """Raise an exception where the life is suspended."""
        if val is None:
            return self._throw(typ)
        return self._throw(val)

    def close(self) -> None:
        """Throw the life away."""
        self.connection.torn_down = True
        self._end()
        self._life.close()

    def __await__(self) -> Any:
        raise TypeError("a life is driven by its front, and awaited by nobody")

    def _throw(self, exception: Any) -> Any:
        self._awaited = None
        self.connection.operation = 0
        return self._step(self._life.throw, exception)

    def _step(self, method: Callable[[Any], Any], argument: Any) -> Any:
        loop, task = self._loop, self._task
        while True:
            _enter_task(loop, task)
            try:
                operation = self._run(method, argument)
            except BaseException:
                self._end()
                raise
            finally:
                _leave_task(loop, task)
            if type(operation) is int:
                return operation
            error = self._await(operation)
            if error is None:
                return ELSEWHERE
            method, argument = self._life.throw, error

    # -- what is of asyncio --------------------------------------------------------------------------------------------

    def _await(self, awaited: Any) -> BaseException | None:
        """Wait for what the life has yielded. Returns what to raise instead if it must not."""
        c, loop = self.connection, self._front.loop
        if awaited is None:
            # A bare yield: asyncio.sleep(0).
            future: asyncio.Future[Any] = loop.create_future()
            future.set_result(None)
        elif getattr(awaited, "_asyncio_future_blocking", None):
            if awaited.get_loop() is not loop:
                return PlugserveError(f"awaited something that belongs to another event loop: {awaited!r}")
            future = awaited
            future._asyncio_future_blocking = False
        else:
            return PlugserveError(f"awaited something that neither the connection nor asyncio gave: {awaited!r}")
        if c.aborted is not None:
            error = None if c._abort_told else self._abort_due()
            if error is not None:
                return error
            # It knows, and cleans up: that may take a while, but not for ever.
            if self._ends_at is None:
                self._ends_at = c.server.clock() + c.limits.close_timeout
            c.deadline = self._ends_at
        self._awaited = future
        c.operation = ELSEWHERE
        future.add_done_callback(self._come, context=self._front.context)
        return None

    def _come(self, future: asyncio.Future[Any]) -> None:
        if self._awaited is future:
            self._front.go_on(self)

    def _abort_due(self) -> BaseException | None:
        """What `abort` makes the pending await raise: once, and again when the time to clean up is over."""
        c = self.connection
        if c.aborted is None or (self._ends_at is not None and c.server.clock() < self._ends_at):
            return None
        try:
            c._raise_abort()
        except BaseException as exception:
            return exception
        return None

    def cancelled(self, exception: BaseException) -> None:
        """Somebody cancelled the task: so is what the life waits for, as with any task."""
        if self._awaited is not None and not self._awaited.done() and self._awaited.cancel():
            return
        self._cancel = exception
        # A call in a worker thread cannot be taken back: the life is resumed when it has returned.
        if self.connection.operation != OFFLOAD:
            self._front.call_soon(partial(self._front.go_on_soon, self))

    def _step_aside(self) -> None:
        """Leave the life to whoever drives it now, from that thread."""
        self.connection.life = self._life
        try:
            self._loop.call_soon_threadsafe(self._body.end)
        except RuntimeError:
            pass  # the loop is closed

    def _end(self) -> None:
        self._body.end()


class _Body(Coroutine[Any, Any, None]):
    """What the task of a request runs: it waits for the end, and passes on a cancellation."""

    __slots__ = ("__weakref__", "_driver", "_front", "_over", "_waiter", "task")

    def __init__(self, driver: Driver, front: AsyncioFront, name: str, context: Any) -> None:
        self._driver: Driver | None = driver
        self._front = front
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self.task = asyncio.Task(self, loop=front.loop, name=name, context=context)
        front.bodies.add(self.task)
        self.task.add_done_callback(self._ended)

    __name__ = "plugserve_request"

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._front.bodies.discard(task)
        if not task.cancelled():
            task.exception()  # Ctrl-C may strike here as anywhere; it has been raised where it belongs, too

    def end(self) -> None:
        """The life has ended."""
        self._over = True
        self._driver = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def send(self, value: Any) -> Any:
        """Called by the task."""
        if self._over:
            raise StopIteration
        return self._wait()

    def throw(self, typ: Any, val: Any = None, tb: TracebackType | None = None, /) -> Any:
        """Called by the task, to cancel it."""
        exception = typ if val is None else val
        if self._driver is None:
            raise StopIteration
        self._driver.cancelled(exception)
        return self._wait()

    def close(self) -> None:
        """Called when the task is thrown away."""

    def __await__(self) -> Any:
        raise TypeError("run by a task only")

    def _wait(self) -> asyncio.Future[None]:
        self._waiter = self._front.loop.create_future()
        # What `Future.__await__` tells a task with.
        self._waiter._asyncio_future_blocking = True
        return self._waiter
