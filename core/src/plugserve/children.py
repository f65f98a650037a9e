"""The child processes of a server, each with a request of its own.

The engine `forking` starts one for each request; `Connection.fork` starts one in the middle of a request. In both the
parent keeps the request's row in its table, and a life that waits for the child's report; the child has the connection.

Parent and child are joined by a socket pair. The child sends its report on it, once, when it is done; the parent may
say meanwhile that the server drains, or that the request must end (`Control`).
"""

from __future__ import annotations

import os
import socket
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn

from .background import is_background
from .connection import AWAY, Connection
from .control import Control, say
from .errors import ChildError
from .faults import ends_the_loop, report, text_of
from .life import Report, follow
from .table import RequestTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .front import Front
    from .server import BaseServer

__all__ = ["Children"]

_MOST_REPORT: Final = 32 * 1024
"""Bytes of one report at the most: less than a socket buffer holds, so a child never waits for its parent."""

_BUFFER: Final = 64 * 1024
"""Bytes that a socket pair must hold; on Linux it does (unix(7)), elsewhere it has to be asked for."""

_LOOK: Final = 0.01
"""Seconds between two looks at a child where nothing says that it has ended."""

_GIVEN_UP: Final = "the request goes on in a child process"


class _Child:
    """A child process and the request that it handles."""

    __slots__ = ("connection", "control", "pidfd", "watched_by")

    def __init__(self, connection: Connection | None, control: socket.socket, pidfd: int) -> None:
        self.connection = connection
        self.control = control
        self.pidfd = pidfd
        self.watched_by: Front | None = None


class Children:
    """The children of one server.

    Parameters:
        server: whose.
    """

    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self.pids: set[int] = set()
        """Of those at work."""
        self._children: dict[int, _Child] = {}

    # -- starting one --------------------------------------------------------------------------------------------------

    def fork(self, c: Connection | None, forget: Callable[[Connection], object] | None = None) -> Control | None:
        """Fork.

        Parameters:
            c: the request that the child is for; None if nobody here knows it.
            forget: called in the parent, before anybody can notice that the child has ended.

        Returns: None in the parent; in the child, which has let go of all that is the parent's, its end.
        Errors: `OSError`, when the host has no room for another process.
        """
        self._warn_of_threads()
        ours, theirs = socket.socketpair()
        try:
            if not hasattr(os, "pidfd_open"):
                for end in (ours, theirs):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            pid = os.fork()
        except BaseException:
            ours.close()
            theirs.close()
            raise
        if not pid:
            try:
                ours.close()
                return self._become_child(c, theirs)
            except BaseException:
                # Nothing may come back into the parent's own frames.
                import traceback

                traceback.print_exc()
                os._exit(1)
        theirs.close()
        ours.setblocking(False)
        front = c.front if c is not None else None
        self._children[pid] = child = _Child(c, ours, _pidfd(pid))
        try:
            if c is not None:
                c.state = AWAY
                c.process = pid
                if c.draining and self._server.draining is not None:
                    self.say_goodbye(c, self._server.draining)  # asked by another thread, and only here
                if forget is not None:
                    forget(c)
        finally:
            self.pids.add(pid)
            here = self._server._core_front_here()
            if here is not None:
                self._watch(pid, child, here)
            elif front is not None:
                # A thread of its own forked: the loop belongs to another one.
                front.call_soon(partial(self.watch, front))
        return None

    def fork_in_handler(self, c: Connection) -> OSError | None:
        """Let a child go on with a request that is being handled, in the very place where its life is suspended.

        Parameters:
            c: no poller knows its descriptor any more.

        Returns: None in the parent, where the request is forgotten: its descriptor is closed, its row waits for the
            report. The exception if there is no child. In the child it does not return.
        """
        try:
            control = self.fork(c, self._give_up)
        except OSError as exception:
            return exception
        if control is not None:
            from .place import handle_here

            self.end_as_child(c, control, c.request, c.client_address, partial(handle_here, c))
        return None

    def _give_up(self, c: Connection) -> None:
        """The parent's part of a request that a child goes on with."""
        life, c.life = c.life, None
        if c.urgency is not None:
            c.urgency.leave_place()  # while the descriptor is still its own
        c.request.close()
        c.fork_shares = True
        c.blocks = False
        # What `finally` clauses of the handler try to send or receive here would be the child's.
        c.torn_down = True
        c._abort = given_up = OSError(_GIVEN_UP)
        failure: BaseException | None = None
        try:
            if life is not None:
                life.close()
        except BaseException as exception:
            failure = exception if exception is not given_up else None
        c.let_go()
        c.torn_down = False
        c.life = follow(c)
        c.life.send(None)
        if failure is not None:
            if ends_the_loop(failure):
                raise failure
            report(f"{self._server.handler_name}: what runs in the parent after fork()", failure)

    def _warn_of_threads(self) -> None:
        server = self._server
        if server._core_warned_of_threads:
            return
        here = threading.current_thread()
        foreign = [
            thread.name
            for thread in threading.enumerate()
            if thread is not here and thread is not threading.main_thread() and not is_background(thread)
        ]
        if foreign:
            server._core_warned_of_threads = True
            # To the log: as a Python warning it would refuse the request wherever warnings are made errors.
            report(
                f"{type(server).__name__} on {server.listener_name}",
                level="warning",
                text=f"forking while other threads run ({', '.join(foreign[:3])}): a lock that one of them holds "
                f"stays locked in the child",
            )

    # -- in the child --------------------------------------------------------------------------------------------------

    def _become_child(self, c: Connection | None, end: socket.socket) -> Control:
        """Let go of all that belongs to the parent: its loop, its listener, its other clients."""
        server = self._server
        control = Control(end)
        if c is not None:
            c.away = True
            c.front = None
            c.counted_peer = None
        for front in [*server._core_fronts.values(), *server._core_spare_fronts]:
            front.poller.close()
        server._core_fronts.clear()
        server._core_spare_fronts = []
        for child in self._children.values():
            child.control.close()
            if child.pidfd >= 0:
                os.close(child.pidfd)
        self._children = {}
        self.pids = set()
        server._core_lock = threading.Lock()
        if server.is_stream:
            server.socket.close()
            for other in list(server._core_requests.values()):
                if other is not c and other.process is None:
                    if hasattr(other.request, "close"):
                        other.request.close()
                    for outgoing in other.outgoing or ():
                        outgoing.request.close()
        server._core_requests = RequestTable()
        if c is not None:
            server._core_requests[id(c.request)] = c
        server._core_in_child(control)
        return control

    def end_as_child(
        self, c: Connection | None, control: Control, request: Any, client_address: Any, work: Callable[[], object]
    ) -> NoReturn:
        """Handle a request in this child, report, and end.

        Parameters:
            c: the request; None if the parent does not know it, and wants no report.
            control: what `fork` gave.
            request: as `process_request` got it.
            client_address: likewise.
            work: handles it.
        """
        server, status = self._server, 1
        known = c.identity if c is not None else None
        try:
            try:
                if c is not None and c.buffered:
                    _flush(c)
                work()
                status = 0
            except Exception:
                server.handle_error(request, client_address)
            finally:
                server.shutdown_request(request)
        except BaseException as exception:
            if not isinstance(exception, (SystemExit, KeyboardInterrupt)):
                import traceback

                traceback.print_exc()
        finally:
            try:
                if c is not None:
                    control.send(_encode(c, known))
            finally:
                os._exit(status)

    # -- in the parent: what children are told -------------------------------------------------------------------------

    def say_goodbye(self, c: Connection, deadline: float) -> None:
        """Tell the child that handles a request that the server drains.

        Parameters:
            deadline: on the system's monotonic clock, which processes share.
        """
        self._say(c, "goodbye", deadline)

    def abort(self, c: Connection) -> None:
        """Tell the child that handles a request to end it now."""
        self._say(c, "abort", 0.0)

    def _say(self, c: Connection, what: str, when: float) -> None:
        child = self._children.get(c.process or 0)
        if child is not None and child.connection is c:
            say(child.control, what, when)

    # -- in the parent: when children end ------------------------------------------------------------------------------

    def watch(self, front: Front) -> None:
        """Have a loop tell of children that end, as far as no other loop does. By its own thread."""
        for pid in list(self.pids):
            child = self._children.get(pid)
            if child is not None and (child.watched_by is None or child.watched_by.closed):
                self._watch(pid, child, front)

    def _watch(self, pid: int, child: _Child, front: Front) -> None:
        if child.pidfd >= 0:
            child.watched_by = front
            front.poller.register(child.pidfd, 1, partial(self.collect, pid))
        elif not front.closed:
            child.watched_by = front
            front.call_later(_LOOK, partial(self._look, pid, front))

    def _look(self, pid: int, front: Front) -> None:
        self.collect(pid)
        child = self._children.get(pid)
        if child is not None:
            self._watch(pid, child, front)

    def collect(self, pid: int, *, wait: bool = False) -> bool:
        """Take note of a child that has ended. Returns False if it has not."""
        try:
            ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
        except ChildProcessError:
            # Somebody else has waited for it, by waitpid(-1) or by ignoring SIGCHLD (waitpid(2), "Notes").
            ended, status = pid, 0
        if ended != pid:
            return False
        self.pids.discard(pid)
        child = self._children.pop(pid, None)
        if child is not None:
            self._finish(child, status)
        self._server._core_child_ended()
        return True

    def collect_all(self, *, wait: bool = False) -> None:
        """Take note of those that have ended.

        Parameters:
            wait: whether to wait for all, no longer than `server_close(timeout=...)` allows.
        """
        until = self._server._core_close_by
        for pid in list(self.pids):
            self.collect(pid, wait=wait and until is None)
        if wait and until is not None:
            self._collect_until(until)

    def _collect_until(self, deadline: float) -> None:
        pause = threading.Event()
        while self.pids and monotonic() < deadline:
            pause.wait(_LOOK)
            for pid in list(self.pids):
                self.collect(pid)
        for pid in list(self.pids):
            # Its connection is all that we may end: what the handler started is its own.
            import signal

            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # ended just now
            self.collect(pid, wait=True)

    def _finish(self, child: _Child, status: int) -> None:
        if child.watched_by is not None and child.pidfd >= 0:
            child.watched_by.poller.unregister(child.pidfd)
        if child.pidfd >= 0:
            os.close(child.pidfd)
        data = _read_all(child.control)
        child.control.close()
        c = child.connection
        if c is not None and c.life is not None:
            try:
                c.resume(_decode(data, status))
            except StopIteration:
                pass


def _flush(c: Connection) -> None:
    """Send what the parent's loop had not been able to send: in the child nobody waits for that beside reading."""
    c.blocks = True
    if c.channel is not None:
        c.channel.block()
    try:
        c._flush()
    except OSError as exception:
        c.abort(exception)


def _pidfd(pid: int) -> int:
    """A descriptor that becomes readable when the process ends (pidfd_open(2)); -1 where there is none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _read_all(control: socket.socket) -> bytes:
    parts = []
    try:
        while part := control.recv(_MOST_REPORT):
            parts.append(part)
    except (BlockingIOError, ConnectionResetError):
        pass  # a grandchild holds the other end open, or the child has left unread what it was told
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
