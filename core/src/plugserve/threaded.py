"""The engine `threading`: a thread a request."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, ShuttingDown
from .mixing import EngineMixIn
from .waiting import WaitingLine

if TYPE_CHECKING:
    from .server import BaseServer as _Base
else:
    _Base = EngineMixIn

__all__ = ["ThreadingMixIn"]


class _Threads(list[threading.Thread]):
    """The threads of one server that `server_close()` has to wait for. Each takes itself out when it ends, so that
    nothing is kept for ever (CPython's gh-81374)."""

    def append(self, thread: threading.Thread) -> None:
        """Keep one to wait for; a daemon is not waited for."""
        self.reap()
        if not thread.daemon:
            super().append(thread)

    def reap(self) -> None:
        """Forget those that have ended without taking themselves out. A thread that has not started has not ended."""
        if any(thread.ident is not None and not thread.is_alive() for thread in self[-1:]):
            self[:] = [thread for thread in self if thread.ident is None or thread.is_alive()]

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


class _NoThreads:
    """Stands for the threads of a server that waits for none."""

    def append(self, thread: threading.Thread) -> None:
        """Nobody waits for it."""

    def reap(self) -> None:
        """There is nothing to forget."""

    discard = append

    def pop_all(self) -> list[threading.Thread]:
        """None at all."""
        return []

    def join(self, deadline: float | None = None) -> bool:
        """All of none have ended."""
        return True


class ThreadingMixIn(_Base):
    """Mix-in: each request in a thread of its own. See `socketserver.ThreadingMixIn`."""

    engine_name = "threading"
    _core_inline = False
    engine_options: tuple[str, ...] = ("max_threads", "daemon_threads", "block_on_close")
    engine_place = "a thread for each request"

    max_threads: int | None = None
    """How many requests may be handled at once; further ones wait in the table. None: as many as come."""
    daemon_threads: bool = False
    """Whether the program may end while a request is being handled."""
    block_on_close: bool = True
    """Whether `server_close()` waits for the threads that are no daemons."""
    _threads: Any = _NoThreads()

    _core_places_taken = 0
    _core_line: WaitingLine | None = None

    @classmethod
    def check_engine_options(cls, **options: Any) -> None:
        """Refuse what makes no sense.

        Errors: `ConfigurationError`.
        """
        most = options.get("max_threads")
        if most is not None and most < 1:
            raise ConfigurationError("no request is handled without a thread: give 1 or more", option="max_threads")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What a request's thread does. May be overridden."""
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for one request, or let it wait while `max_threads` are at work. May be overridden."""
        if self.max_threads is not None and not self._core_take_place(request):
            return
        if "_threads" not in vars(self):
            self._threads = self._core_make_threads()
        thread = threading.Thread(target=self._core_thread_body, args=(request, client_address))
        thread.daemon = self.daemon_threads
        self._threads.append(thread)
        try:
            thread.start()
        except BaseException:
            # Out of threads: one that never ran cannot be joined.
            self._threads.discard(thread)
            self._core_give_place_back()
            raise

    def _core_take_place(self, request: Any) -> bool:
        """Count one more request at work. If there are too many, it waits, and False comes back."""
        c = self._core_requests.get(id(request))
        with self._core_lock:
            if c is None or self._core_places_taken < (self.max_threads or 0):
                self._core_places_taken += 1
                return True
            if self._core_line is None:
                self._core_line = WaitingLine(self)
            self._core_line.add(c, None)
        return False

    def _core_give_place_back(self) -> None:
        if self.max_threads is None:
            return
        with self._core_lock:
            self._core_places_taken -= 1
            if self._core_line:
                self._core_line.free()

    def _core_make_threads(self) -> Any:
        """Where to note the threads that `server_close()` waits for."""
        return _Threads() if self.block_on_close else _NoThreads()

    def _core_thread_body(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            self._core_give_place_back()
        # One that dies of an exception stays in: whoever closes the server waits for its last words, too.
        self._threads.discard(threading.current_thread())

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket and wait for the threads; with `server_close(timeout=...)` no longer than that,
        after which their connections are aborted."""
        super().server_close()
        if self._core_line is not None:
            self._core_line.refuse_all("the server was closed")
        threads = self._threads
        if not threads.join(self._core_close_by):
            for c in list(self._core_requests.values()):
                c.abort(ShuttingDown("the server was closed"))
            threads.join(monotonic() + self._core_limits.close_timeout)
