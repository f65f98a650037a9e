"""The engine `thread-pool`: a bounded number of threads, a bounded queue before them, and a rule for when both are
full."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal

from .errors import ConfigurationError
from .threaded import ThreadingMixIn
from .waiting import WaitingLine, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ThreadPoolMixIn"]


class _Pool:
    """Worker threads, started when there is work for them, up to a number.

    Parameters:
        most: that number.
        work: called with each item, in a worker; must not raise.
        started: called with each new thread before it starts.
        ended: called with each thread, by itself, when it ends.
    """

    def __init__(
        self,
        most: int,
        work: Callable[[Any], object],
        started: Callable[[threading.Thread], object],
        ended: Callable[[threading.Thread], object],
    ) -> None:
        self._most = most
        self._work = work
        self._started = started
        self._ended = ended
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._threads = 0
        self.queued = self._queue.qsize

    def put(self, item: Any) -> None:
        """Have one of the workers do this; from the loop's thread alone."""
        self._queue.put(item)
        # Whoever has been put and not taken up yet finds nobody idle, as far as can be told without a lock.
        if self._threads < self._most and self._queue.qsize():
            thread = threading.Thread(target=self._run, name="plugserve-worker")
            self._started(thread)
            self._threads += 1
            try:
                thread.start()
            except BaseException:
                self._threads -= 1
                self._ended(thread)
                if not self._threads:
                    raise  # somebody has to take it up

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._work(item)
        finally:
            self._ended(threading.current_thread())

    def stop(self) -> None:
        """Let each worker end when all that was put has been done."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._threads = 0


class ThreadPoolMixIn(ThreadingMixIn):
    """Mix-in: at most `workers` requests are handled at once, each by a thread that is kept for the next one.

    As with every engine, a request whose layers are unfinished or whose client has not spoken yet waits in the table
    and takes no worker. When all workers are busy, `queue_size` requests wait for them; what then happens to further
    ones says `when_full`.
    """

    engine_name = "thread-pool"
    engine_options = ("workers", "queue_size", "when_full", "wait_timeout", "block_on_close")
    engine_place = "one of a bounded number of threads"

    workers: int = 32
    """How many requests are handled at once."""
    queue_size: int = 256
    """How many requests wait for a worker before `when_full` holds."""
    when_full: Literal["wait", "refuse"] = "wait"
    """`wait`: further requests wait in the table, no longer than `wait_timeout`; `refuse`: they are refused at once."""
    wait_timeout: float = 10.0
    """Seconds after which a request that waits in the table is refused."""

    _core_pool: _Pool | None = None

    @classmethod
    def check_engine_options(cls, **options: Any) -> None:
        """Refuse numbers that make no sense.

        Errors: `ConfigurationError`.
        """
        for name in ("workers", "queue_size", "wait_timeout"):
            if name in options and not options[name] > 0:
                raise ConfigurationError(f"{name} is {options[name]}: give a number above 0", option=name)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give one request to a worker, or let it wait, or refuse it."""
        pool = self._core_pool
        if pool is None:
            pool = self._core_start_pool()
        if pool.queued() < self.queue_size:
            pool.put((request, client_address))
            return
        c = self._core_requests.get(id(request))
        if c is None or self.when_full == "refuse":
            if c is None:
                # Somebody accepted it and brings it here: nobody else can close it.
                self.shutdown_request(request)
            else:
                refuse(c, "all workers are busy, and as many requests wait as may")
            return
        assert self._core_line is not None, "it is made with the pool"
        self._core_line.add(c, self.wait_timeout)

    def _core_start_pool(self) -> _Pool:
        with self._core_lock:
            if self._core_pool is None:
                if "_threads" not in vars(self):
                    self._threads = self._core_make_threads()
                self._core_line = WaitingLine(self)
                self._core_pool = _Pool(self.workers, self._core_work, self._threads.append, self._threads.discard)
            return self._core_pool

    def _core_work(self, item: tuple[Any, Any]) -> None:
        line = self._core_line
        if line:
            line.free()
        try:
            self.process_request_thread(*item)
        except SystemExit:
            pass  # which ends a thread in silence; the worker goes on
        except BaseException as exception:
            # As at the top of a thread.
            trace = exception.__traceback__
            threading.excepthook(
                threading.ExceptHookArgs((type(exception), exception, trace, threading.current_thread()))
            )

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket, let the workers do what is queued, and wait for them; with `server_close(
        timeout=...)` no longer than that, after which their connections are aborted."""
        pool, self._core_pool = self._core_pool, None
        if pool is not None:
            pool.stop()
        super().server_close()
