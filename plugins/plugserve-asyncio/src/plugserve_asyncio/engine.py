"""The engine `asyncio`: requests are handled on an asyncio loop of the server's own."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing

from plugserve.front import Front
from plugserve.onfront import OnFrontMixIn

from .front import AsyncioFront

__all__ = ["AsyncioMixIn"]


class AsyncioMixIn(OnFrontMixIn):
    """Mix-in: coroutine and protocol handlers run on an asyncio loop; a coroutine handler within a task.

    In a `CoroutineHandler` everything of `asyncio` may be awaited besides the connection, and so may it in a layer's
    `open_connection` and in `authorize`. A classic handler gets a thread, where there is no loop.
    """

    engine_name = "asyncio"
    engine_options: tuple[str, ...] = ("max_threads", "daemon_threads", "block_on_close")
    engine_place = "a task of the server's own asyncio loop, a thread for a classic handler"
    _core_no_fork = "an asyncio loop does not survive a fork in one of its tasks: use offload_to_process()"

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make the loop that the server runs and closes. May be overridden.

        Returns: one that can watch descriptors (`add_reader`).
        """
        return asyncio.SelectorEventLoop()

    async def serve(self, poll_interval: float = 0.5) -> None:
        """Serve until `shutdown()`, as `serve_forever()` does, on the loop that runs already.

        Parameters:
            poll_interval: as in `serve_forever()`.

        Where it ends, requests that are left are aborted: nobody else would run them. Cancelling the task that awaits
        it ends it in the same way.

        Errors: `OSError` when the listening socket turns out to be none.
        """
        with closing(self._core_serve(poll_interval)) as phases:
            try:
                for front, going_on, longest in phases:
                    assert isinstance(front, AsyncioFront)
                    await front.run_embedded(going_on, longest)
            except BaseException:
                # Cancelled, as a rule: the same end, without the drain.
                here = self._core_front_here()
                if isinstance(here, AsyncioFront):
                    here.stop_listening()
                    for _, going_on, longest in here.ending():
                        await here.run_embedded(going_on, longest)
                raise

    def _core_enter(self) -> Front:
        loop = _loop_here()
        if loop is None:
            return super()._core_enter()
        front: AsyncioFront = self._core_front_kind()(self, self._core_make_poller(), loop, embedded=True)
        with self._core_lock:
            self._core_fronts[threading.get_ident()] = front
        front.enter()
        return front

    def _core_exit(self, front: Front) -> None:
        if isinstance(front, AsyncioFront) and front.embedded:
            front.drop_all()
        super()._core_exit(front)

    def _core_close_front(self, front: Front) -> None:
        if _loop_here() is None:
            super()._core_close_front(front)
            return
        # Closed from within an asyncio program: a thread can run only one loop at a time.
        thread = threading.Thread(target=super()._core_close_front, args=(front,), name="plugserve-closing")
        thread.start()
        thread.join()

    _core_front_class = AsyncioFront

    def _core_make_front(self) -> AsyncioFront:
        poller = self._core_make_poller()
        poller.fileno()
        front: AsyncioFront = self._core_front_kind()(self, poller, self.new_event_loop())
        return front


def _loop_here() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
