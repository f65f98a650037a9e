"""Functions that compute, in processes beside: one bounded pool a server, started when it is first needed."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ProcessPoolExecutor

__all__ = ["Processes"]


class Processes:
    """The worker processes of one server: as many as processors.

    They are started anew (the start method "spawn" of `multiprocessing`), not forked: a fork would take the locks of
    all threads and the descriptors of all clients along.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in one of them, and wait for it.

        Errors: what it raises; what `pickle` raises for a function or an argument that cannot be sent;
            `concurrent.futures.BrokenExecutor` if the process died of it.
        """
        from concurrent.futures import BrokenExecutor

        with self._lock:
            if self._pool is None:
                self._pool = _start()
            pool = self._pool
        try:
            return pool.submit(function, *arguments).result()
        except BrokenExecutor:
            # The next call gets new ones.
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            pool.shutdown()
            raise

    def close(self) -> None:
        """End them, at once: nobody waits for what they compute any more."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            for worker in list((getattr(pool, "_processes", None) or {}).values()):
                worker.terminate()
            pool.shutdown(cancel_futures=True)


def _start() -> ProcessPoolExecutor:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("spawn"))
