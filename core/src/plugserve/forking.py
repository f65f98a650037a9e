"""The engine `forking`: a child process a request.

Up to `authorize` a request lives in the parent; the child runs `setup` to `finish`, closes the connection, and reports
through a pipe; the parent tells the observers. So logs, counters and bans live in one place, although a child's memory
never comes back.

Before the fork the connection is *forgotten* by the parent's loop: unregistered, since closing a descriptor that a
child holds, too, does not take it out of an epoll set (epoll(7), "Questions and answers").
"""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from .background import is_background
from .connection import AWAY, QUEUED, Connection
from .errors import ChildError, ConfigurationError, ShuttingDown
from .faults import report, text_of
from .life import Report
from .mixing import EngineMixIn
from .table import RequestTable

if TYPE_CHECKING:
    from .server import BaseServer as _Base
else:
    _Base = EngineMixIn

__all__ = ["ForkingMixIn"]

_MOST_REPORT = 32 * 1024
"""Bytes of one report at the most: less than a pipe holds (pipe(7): 64 KiB), so a child never waits for its parent."""


class _Child:
    """A child process and the request that it handles."""

    __slots__ = ("connection", "pidfd", "pipe", "watched_by")

    def __init__(self, connection: Connection | None, pipe: int, pidfd: int) -> None:
        self.connection = connection
        self.pipe = pipe
        self.pidfd = pidfd
        self.watched_by: Any = None


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

    _core_children: dict[int, _Child] | None = None
    _core_waiting: deque[Connection] | None = None
    _core_warned_of_threads = False

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
        for pid in list(self.active_children or ()):
            self._core_collect(pid, wait=blocking and self._core_close_by is None)
        if blocking and self._core_close_by is not None:
            self._core_collect_until(self._core_close_by)

    def _core_collect_until(self, deadline: float) -> None:
        pause = threading.Event()
        while self.active_children and monotonic() < deadline:
            pause.wait(0.01)
            for pid in list(self.active_children):
                self._core_collect(pid, wait=False)
        for pid in list(self.active_children or ()):
            # Its connection is all that we may end: what the handler started is its own.
            import signal

            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # ended just now
            self._core_collect(pid, wait=True)

    def _core_collect(self, pid: int, *, wait: bool) -> None:
        try:
            ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        except ChildProcessError:
            # Somebody else has waited for it, by waitpid(-1) or by ignoring SIGCHLD (waitpid(2), "Notes").
            ended, status = pid, 0
        if ended != pid:
            return
        if self.active_children is not None:
            self.active_children.discard(pid)
        child = (self._core_children or {}).pop(pid, None)
        if child is not None:
            self._core_finish_child(child, status)
        waiting = self._core_waiting
        while waiting and len(self.active_children or ()) < self.max_children:
            c = waiting.popleft()
            if c.state == QUEUED and c.front is not None:
                c.front.call_soon(partial(self._core_fork_for, c))

    def _core_finish_child(self, child: _Child, status: int) -> None:
        if child.watched_by is not None:
            child.watched_by.poller.unregister(child.pidfd)
        if child.pidfd >= 0:
            os.close(child.pidfd)
        data = _read_all(child.pipe)
        os.close(child.pipe)
        c = child.connection
        if c is not None and c.life is not None:
            try:
                c.resume(_decode(data, status))
            except StopIteration:
                pass

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
        self._core_warn_of_threads()
        reading, writing = os.pipe()
        try:
            pid = os.fork()
        except BaseException:
            os.close(reading)
            os.close(writing)
            raise
        if pid:
            os.close(writing)
            os.set_blocking(reading, False)
            self._core_watch(pid, _Child(c, reading, _pidfd(pid)))
            if c is not None:
                c.state = AWAY
                c.process = pid
            self.close_request(request)
            return
        self._core_live_as_child(c, reading, writing, request, client_address)

    def _core_watch(self, pid: int, child: _Child) -> None:
        if self.active_children is None:
            self.active_children = set()
        if self._core_children is None:
            self._core_children = {}
        self.active_children.add(pid)
        self._core_children[pid] = child
        front = self._core_front_here()
        if child.pidfd >= 0 and front is not None:
            front.poller.register(child.pidfd, 1, lambda: self._core_collect(pid, wait=False))
            child.watched_by = front

    def _core_live_as_child(
        self, c: Connection | None, reading: int, writing: int, request: Any, client_address: Any
    ) -> None:
        """Handle the request, report, and end: never returns."""
        status = 1
        known = c.identity if c is not None else None
        try:
            os.close(reading)
            self._core_become_child(c)
            try:
                self.finish_request(request, client_address)
                status = 0
            except Exception:
                self.handle_error(request, client_address)
            finally:
                self.shutdown_request(request)
        except BaseException as exception:
            if not isinstance(exception, (SystemExit, KeyboardInterrupt)):
                import traceback

                traceback.print_exc()
        finally:
            try:
                if c is not None:
                    os.write(writing, _encode(c, known))
            finally:
                os._exit(status)

    def _core_become_child(self, c: Connection | None) -> None:
        """Let go of all that belongs to the parent: its loop, its listener, its other clients."""
        if c is not None:
            c.away = True
            c.front = None
        for front in [*self._core_fronts.values(), *self._core_spare_fronts]:
            front.poller.close()
        self._core_fronts.clear()
        self._core_spare_fronts = []
        for child in (self._core_children or {}).values():
            os.close(child.pipe)
            if child.pidfd >= 0:
                os.close(child.pidfd)
        self._core_children = None
        self.active_children = None
        self._core_waiting = None
        self._core_lock = threading.Lock()
        if self.is_stream:
            self.socket.close()
            for other in list(self._core_requests.values()):
                if other is not c and other.process is None and hasattr(other.request, "close"):
                    other.request.close()
        self._core_requests = RequestTable()
        if c is not None:
            self._core_requests[id(c.request)] = c

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket and wait for the children."""
        super().server_close()
        for c in list(self._core_waiting or ()):
            c.abort(ShuttingDown("the server was closed"))
        if self.block_on_close:
            self.collect_children(blocking=True)

    def _core_warn_of_threads(self) -> None:
        if self._core_warned_of_threads:
            return
        here = threading.current_thread()
        foreign = [
            thread.name
            for thread in threading.enumerate()
            if thread is not here and thread is not threading.main_thread() and not is_background(thread)
        ]
        if foreign:
            self._core_warned_of_threads = True
            # To the log: as a Python warning it would refuse the request wherever warnings are made errors.
            report(
                f"{type(self).__name__} on {self.listener_name}",
                level="warning",
                text=f"forking while other threads run ({', '.join(foreign[:3])}): a lock that one of them holds "
                f"stays locked in the child",
            )


def _pidfd(pid: int) -> int:
    """A descriptor that becomes readable when the process ends (pidfd_open(2)); -1 where there is none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _read_all(pipe: int) -> bytes:
    parts = []
    try:
        while part := os.read(pipe, _MOST_REPORT):
            parts.append(part)
    except BlockingIOError:
        pass  # a grandchild holds the other end open: what has come is all
    return b"".join(parts)


def _encode(c: Connection, known: object) -> bytes:
    import json
    import traceback

    exception = c.exception
    facts: dict[str, Any] = {
        "outcome": c.outcome,
        "reason": c.reason[:1024],
        "rejected_by": c.rejected_by,
        "in": c.total_in,
        "out": c.total_out,
    }
    if c.identity is not known:
        facts["identity"] = c.identity if isinstance(c.identity, (str, int)) else str(c.identity)[:1024]
    if exception is not None:
        facts["exception"] = [
            type(exception).__name__,
            text_of(exception)[:1024],
            "".join(traceback.format_exception(exception))[-4096:],
        ]
    # What is no valid Unicode becomes an escape, which JSON reads back.
    return json.dumps(facts, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _decode(data: bytes, status: int) -> Report:
    import json

    try:
        facts = json.loads(data)
    except ValueError:
        code = os.waitstatus_to_exitcode(status)
        how = f"signal {-code}" if code < 0 else f"status {code}"
        lost = ChildError("ChildProcessError", f"the child ended with {how} before it could report", "")
        return Report("error", str(lost), None, lost, None, -1, -1)
    exception = ChildError(*facts["exception"]) if "exception" in facts else None
    return Report(
        facts["outcome"],
        facts["reason"],
        facts["rejected_by"],
        exception,
        facts.get("identity"),
        facts["in"],
        facts["out"],
    )
