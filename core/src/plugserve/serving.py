"""Several servers in one program, from their start to the last request of the drain.

`serve_threads` runs each server's loop in a thread of its own, `serve_processes` in a process of its own: a process
that forks for each request must have no other thread, since a child inherits every lock in the state that the other
threads left it in (fork(3p), "Rationale").

In both the main thread waits for signals. The first SIGINT or SIGTERM drains: listeners stop, requests may finish until
a deadline, then they are aborted. The second one ends the program at once.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .server import BaseServer

__all__ = ["DRAIN", "serve_processes", "serve_threads"]

DRAIN: Final = 10.0
"""Seconds that requests get to finish after the first signal: what `docker stop` waits before it kills."""

_CLOSE: Final = 2.0
"""Seconds for what is left after the drain to notice that it has been aborted."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_FAILED: Final = 70
"""Exit status of a loop that broke down: EX_SOFTWARE of sysexits.h."""

_log = logging.getLogger("plugserve")


def serve_threads(
    servers: Sequence[BaseServer],
    *,
    drain: float = DRAIN,
    ready: Callable[[], object] = lambda: None,
    draining: Callable[[int, float], object] = lambda running, seconds: None,
    ended: Callable[[int, int], object] = lambda index, status: None,
) -> int:
    """Run servers until a signal; close them.

    Parameters:
        servers: bound and activated. They are closed in the end, whatever that is.
        drain: seconds that requests get to finish after the first signal.
        ready: called once, when all are served and signals mean what is said above.
        draining: called once, when the drain begins, with the number of requests that are not finished and the seconds
            that they get.
        ended: called for each server when it has been closed, with its index and its exit status.

    Returns:
        An exit status: 0 after a signal, or when one of the servers was shut down; 70 if a loop broke down.

    Call it in the main thread. The signal handlers of before are back when it returns.
    """
    failures: dict[BaseServer, BaseException] = {}
    bell, ringer = _bell()

    def ring(word: bytes) -> None:
        try:
            ringer.send(word)
        except BlockingIOError:  # full of words that say the same
            pass

    def loop(server: BaseServer) -> None:
        try:
            server.serve_forever()
        except BaseException as error:
            _log.error("the listener %s ended: %s: %s", server.listener_name, type(error).__name__, error)
            failures[server] = error
        finally:
            ring(b".")

    threads = [
        threading.Thread(target=loop, args=(server,), name=f"plugserve {server.listener_name}") for server in servers
    ]
    with bell, ringer, _signals(lambda: ring(b"!"), wake=ringer):
        try:
            for thread in threads:
                thread.start()
            ready()
            stopping, running = False, len(threads)
            while running:
                words = _wait_for(bell)
                running -= words.count(b".")
                if not stopping and (b"!" in words or b"." in words):
                    # A signal; or a loop has ended by itself, and a half of what was asked for is not what was asked
                    # for. Side by side: the deadline is one for all, and `shutdown` waits for its loop to end.
                    stopping = True
                    draining(sum(map(_unfinished, servers)), drain)
                    for server in servers:
                        threading.Thread(target=server.shutdown, kwargs={"drain": drain}, daemon=True).start()
            for thread in threads:
                thread.join()
        finally:
            for index, server in enumerate(servers):
                _close(server)
                ended(index, _FAILED if server in failures else 0)
    return _FAILED if failures else 0


def serve_processes(
    makers: Sequence[Callable[[], BaseServer]],
    *,
    drain: float = DRAIN,
    ready: Callable[[], object] = lambda: None,
    draining: Callable[[int, float], object] = lambda running, seconds: None,
    ended: Callable[[int, int], object] = lambda index, status: None,
) -> int:
    """Run each server in a process of its own until a signal; with only one, in this process.

    Parameters:
        makers: each makes its server, bound and activated, and is called in the process that serves it. Sockets that
            were bound before are inherited.
        drain: seconds that requests get to finish after the first signal.
        ready: called once, in this process, when signals mean what is said above.
        draining: as of `serve_threads`, but once for each server, in the process that serves it, and from a signal
            handler: it may not write to a buffered file (io, "Reentrancy").
        ended: called in this process for each server that has ended, with its index and its exit status.

    Returns:
        The highest exit status: 0 after a signal, 70 if a loop broke down, 78 if a server could not be made.

    Raises:
        ConfigurationError: the only server could not be made.

    Call it in the main thread of a process that has no others.
    """
    if len(makers) == 1:
        status = _serve_here(makers[0], drain, ready, draining)
        ended(0, status)
        return status
    children: dict[int, int] = {}
    told = False

    def pass_on() -> None:
        nonlocal told
        told = True
        for child in children:
            _terminate(child)

    pipes = _Pipes()
    bell, ringer = _bell()
    # The children count signals themselves: the second one ends them at once, the third one ourselves, too.
    with bell, ringer, _signals(pass_on, times=2, wake=ringer, children=True):
        # A signal that comes in between is for all children, those included that are still to be made.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for maker in makers:
                pipes.before_fork()
                child = os.fork()
                if child == 0:
                    _be_a_child(maker, drain, pipes, draining)
                pipes.after_fork()
                children[child] = len(children)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if pipes.all_ready(len(children), bell):
            ready()
        statuses: list[int] = []
        while True:
            for child in list(children):
                gone, status = os.waitpid(child, os.WNOHANG)
                if gone:
                    code = os.waitstatus_to_exitcode(status)
                    statuses.append(code if code >= 0 else 128 - code)
                    ended(children.pop(child), statuses[-1])
            if not children:
                break
            if statuses and not told:
                # A half of what was asked for is not what was asked for.
                pass_on()
            _wait_for(bell)
        pipes.close()
    return max(statuses)


class _Pipes:
    """What parent and children know of each other: that a child serves, and that the parent is still there."""

    def __init__(self) -> None:
        self.ready, self.say_ready = os.pipe()
        self.lifeline = -1
        self.holds: list[int] = []

    def before_fork(self) -> None:
        """In the parent: make the next child's lifeline. Each has its own, since its owner is kept with the pipe."""
        self.lifeline, hold = os.pipe()
        self.holds.append(hold)

    def after_fork(self) -> None:
        """In the parent: the reading end is the child's."""
        os.close(self.lifeline)

    def all_ready(self, count: int, bell: socket.socket) -> bool:
        """In the parent: wait until each child serves. Returns False if one ended before it did."""
        os.close(self.say_ready)
        while count:
            _wait_for(bell, self.ready)
            if not select.select([self.ready], [], [], 0)[0]:
                continue  # a signal: its handler has run
            words = os.read(self.ready, count)
            if not words:
                break
            count -= len(words)
        os.close(self.ready)
        return not count

    def enter_child(self) -> None:
        """In a child: have SIGTERM sent to it when the parent is gone, even if that was killed."""
        os.close(self.ready)
        # These are copies: a lifeline ends with the last of its holders.
        for hold in self.holds:
            os.close(hold)
        try:
            import fcntl

            # The kernel signals the owner of the reading end when the last writer closes (fcntl(2), F_SETOWN). It costs
            # no thread, which a process that forks must not have.
            signal.signal(signal.SIGIO, lambda *_: _terminate(os.getpid()))
            fcntl.fcntl(self.lifeline, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self.lifeline, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        except (ImportError, AttributeError, OSError):
            pass  # this system cannot: whoever kills the parent has to end the children, too

    def child_is_ready(self) -> None:
        """In a child: tell the parent that it serves."""
        os.write(self.say_ready, b".")
        os.close(self.say_ready)

    def close(self) -> None:
        """In the parent: let go."""
        for hold in self.holds:
            os.close(hold)


def _be_a_child(
    maker: Callable[[], BaseServer], drain: float, pipes: _Pipes, draining: Callable[[int, float], object]
) -> None:
    status = _FAILED
    try:
        # Ctrl-C reaches the whole group of processes; what it means is for the parent to say, with SIGTERM.
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        pipes.enter_child()
        status = _serve_here(maker, drain, pipes.child_is_ready, draining)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        status = os.EX_CONFIG
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve_here(
    maker: Callable[[], BaseServer],
    drain: float,
    ready: Callable[[], object],
    draining: Callable[[int, float], object],
) -> int:
    """Run one server's loop in the main thread."""
    with maker() as server:

        def drop() -> None:
            for child in server._core_children.pids:
                _terminate(child)

        def stop() -> None:
            # In the loop's own thread `shutdown` does not wait, so a signal handler may call it.
            server.shutdown(drain=drain)
            draining(_unfinished(server), drain)

        with _signals(stop, last=drop):
            try:
                ready()
                server.serve_forever()
            except OSError as error:
                _log.error("the listener %s ended: %s", server.listener_name, error)
                return _FAILED
            finally:
                _close(server)
    return 0


def _unfinished(server: BaseServer) -> int:
    return len(server._core_requests)


def _close(server: BaseServer) -> None:
    # The parameter is the core's own, put round whatever override there is.
    close: Any = server.server_close
    close(timeout=_CLOSE)


def _terminate(child: int) -> None:
    try:
        os.kill(child, signal.SIGTERM)
    except ProcessLookupError:
        pass


@contextmanager
def _signals(
    first: Callable[[], object],
    *,
    times: int = 1,
    last: Callable[[], object] = lambda: None,
    wake: socket.socket | None = None,
    children: bool = False,
) -> Iterator[None]:
    """Call `first` at a signal, as often as `times`; at the next one call `last` and end the program.

    `wake` gets a byte at every signal, also at the end of a child if `children`. The functions alone are not enough
    for a thread that waits: Python calls them between two of its instructions, so one that comes right before the
    system call would find nobody until that returns (`signal.set_wakeup_fd`).
    """
    owner = os.getpid()
    count = 0

    def on_signal(number: int, frame: Any) -> None:
        nonlocal count
        count += 1
        if os.getpid() != owner:
            # The child of a handler or of the forking engine, which has inherited this function. Ctrl-C reaches it as
            # it does its parent, who lets requests finish: so it goes on. SIGTERM is its parent's own word.
            if number == signal.SIGTERM or count > times:
                os._exit(128 + number)
        elif count > times:
            last()
            os._exit(128 + number)
        else:
            first()

    before: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    if children:
        before[signal.SIGCHLD] = signal.getsignal(signal.SIGCHLD)
        signal.signal(signal.SIGCHLD, lambda *_: None)
    descriptor = -1 if wake is None else signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    for number in _SIGNALS:
        # Ignored from the start, as a shell without job control does for what runs in the background: leave it so.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        yield
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
        if wake is not None:
            signal.set_wakeup_fd(descriptor)


def _bell() -> tuple[socket.socket, socket.socket]:
    """Two ends of a line: words that are sent into the second come out of the first, neither ever waits to send."""
    bell, ringer = socket.socketpair()
    ringer.setblocking(False)
    bell.setblocking(False)
    return bell, ringer


def _wait_for(bell: socket.socket, *others: int) -> bytes:
    """Wait until somebody rings, or one of the other descriptors is readable; gives back what was rung."""
    select.select([bell.fileno(), *others], [], [])
    try:
        return bell.recv(4096)
    except BlockingIOError:
        return b""
