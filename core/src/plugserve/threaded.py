"""The engine `threading`: a thread a request."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from .errors import ShuttingDown

if TYPE_CHECKING:
    from .server import BaseServer as _Base
else:
    _Base = object

__all__ = ["ThreadingMixIn"]


class _Threads(list[threading.Thread]):
    """The threads of one server that `server_close()` has to wait for. Each takes itself out when it ends, so that
    nothing is kept for ever (CPython's gh-81374)."""

    def discard(self, thread: threading.Thread) -> None:
        """Take one out, if it is in."""
        try:
            self.remove(thread)
        except ValueError:
            pass  # server_close() took it out to wait for it

    def pop_all(self) -> list[threading.Thread]:
        """Take all out."""
        self[:], threads = [], self[:]
        return threads

    def join(self, deadline: float | None = None) -> bool:
        """Wait for all. Returns whether all have ended by `deadline` (monotonic seconds; None: no matter when)."""
        for thread in self.pop_all():
            if thread is not threading.current_thread():
                thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
                if thread.is_alive():
                    self.append(thread)
        return not self


class ThreadingMixIn(_Base):
    """Mix-in: each request in a thread of its own. See `socketserver.ThreadingMixIn`."""

    engine_name = "threading"

    daemon_threads = False
    """Whether the program may end while a request is being handled."""
    block_on_close = True
    """Whether `server_close()` waits for the threads that are no daemons."""
    _threads: Any = ()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What a request's thread does. May be overridden."""
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for one request. May be overridden."""
        thread = threading.Thread(target=self._thread_body, args=(request, client_address))
        thread.daemon = self.daemon_threads
        if self.block_on_close and not thread.daemon:
            threads = vars(self).setdefault("_threads", _Threads())
            threads.append(thread)
            try:
                thread.start()
            except BaseException:
                # Out of threads: one that never ran cannot be joined.
                threads.discard(thread)
                raise
        else:
            thread.start()

    def _thread_body(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            threads = self._threads
            if threads:
                threads.discard(threading.current_thread())

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket and wait for the threads; with `server_close(timeout=...)` no longer than that,
        after which their connections are aborted."""
        super().server_close()
        threads = self._threads
        if threads and not threads.join(self._close_by):
            for c in list(self._requests.values()):
                c.abort(ShuttingDown("the server was closed"))
            threads.join(monotonic() + self.limits.close_timeout)
