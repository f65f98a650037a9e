"""Threads of our own that do not stand in the way of `fork()`.

POSIX leaves a forked child with one thread and with every lock in the state it had (fork(3p), "Rationale"). So a thread
of ours is never alive while the process forks: a `Background` is stopped before each `os.fork()` and goes on, when
there is work for it, afterwards. It must therefore keep what it has not done yet in its object, and come to an end
within milliseconds when asked.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
import weakref
from abc import ABC, abstractmethod

__all__ = ["Background", "is_background"]


class Background(ABC):
    """One restartable thread; subclass it and write `run`.

    `run` loops until `stopping()` is true. Wherever it waits, it also waits for `wake_fd` to become readable (poll or
    select), which `wake()`, `stop()` and a fork bring about; `clear_wake()` then makes it quiet again.

    Parameters:
        name: the thread's name.

    Resource handling: the first `start()` opens a socket pair; `stop()` closes it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = False
        self._waking = False
        self._wake_read: socket.socket | None = None
        self._wake_write: socket.socket | None = None
        _instances.add(self)
        _hook_once()

    @abstractmethod
    def run(self) -> None:
        """Do the work until `stopping()`; override."""

    def stopping(self) -> bool:
        """Whether `run` must return now."""
        return self._stop

    @property
    def wake_fd(self) -> int:
        """The descriptor that becomes readable when `run` should look around."""
        assert self._wake_read is not None, "wake_fd exists while the thread runs"
        return self._wake_read.fileno()

    def descriptors(self) -> set[int]:
        """Those that it keeps open, for whoever looks for forgotten ones; a subclass adds its own."""
        return {end.fileno() for end in (self._wake_read, self._wake_write) if end is not None}

    def start(self) -> None:
        """Start the thread unless it runs. Cheap when it does."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            return
        with self._lock:
            # One that outlived the patience of a fork has been told to stop, and ends when it can.
            if self._thread is not None and self._thread.is_alive():
                return
            if self._wake_read is None:
                self._wake_read, self._wake_write = socket.socketpair()
                self._wake_read.setblocking(False)
                self._wake_write.setblocking(False)
            self._stop = False
            thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            thread.start()
            self._thread = thread

    def wake(self) -> None:
        """Make `wake_fd` readable, from any thread. One system call for any number of calls until `clear_wake()`."""
        if not self._waking and self._wake_write is not None:
            self._waking = True
            try:
                self._wake_write.send(b"\0")
            except (BlockingIOError, OSError):
                # Full: it is readable already. Closed: nobody waits any more.
                pass

    def clear_wake(self) -> None:
        """Take back the wake-ups so far; called by `run` before it looks at its work and at `stopping()`, so that none
        is missed."""
        try:
            while self._wake_read is not None and len(self._wake_read.recv(4096)) == 4096:
                pass
        except (BlockingIOError, OSError):
            pass
        # In this order: a wake-up in between finds it set and sends nothing, and its work is looked at next.
        self._waking = False

    def stop(self, timeout: float | None = None) -> bool:
        """End the thread and close its descriptors; `start()` would begin anew.

        Parameters:
            timeout: seconds to wait for it; None waits as long as it takes.

        Returns: whether it has ended.
        """
        with self._lock:
            ended = self._end(timeout)
            if ended:
                self._close_wake()
        return ended

    def _run(self) -> None:
        self.run()

    def _end(self, timeout: float | None) -> bool:
        thread = self._thread
        if thread is None:
            return True
        self._stop = True
        self._waking = False
        self.wake()
        if thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                return False
        self._thread = None
        return True

    def _close_wake(self) -> None:
        for end in (self._wake_read, self._wake_write):
            if end is not None:
                end.close()
        self._wake_read = self._wake_write = None
        self._waking = False

    def _before_fork(self) -> None:
        self._lock.acquire()
        self._end(_FORK_PATIENCE)

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        # The parent's thread does not exist here, and its socket pair is shared with the parent: a new one is made
        # if anybody starts this again.
        self._thread = None
        self._close_wake()
        self._lock = threading.Lock()


_FORK_PATIENCE = 2.0
"""Seconds that a fork waits for a thread of ours; one that breaks its promise must not hang the server."""

_instances: weakref.WeakSet[Background] = weakref.WeakSet()
_fork_lock = threading.Lock()
_held: list[Background] = []
_hooked = False


def is_background(thread: threading.Thread) -> bool:
    """Whether a thread is one of ours, stopped around every fork."""
    return any(instance._thread is thread for instance in list(_instances))


def _hook_once() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def _at_exit() -> None:
    for instance in list(_instances):
        instance.stop(_FORK_PATIENCE)


def _before_fork() -> None:
    # Two threads may fork at once; whoever comes second waits here until the first fork is over.
    _fork_lock.acquire()
    _held[:] = list(_instances)
    for instance in _held:
        instance._before_fork()


def _after_in_parent() -> None:
    for instance in _held:
        instance._after_fork_in_parent()
    _held.clear()
    _fork_lock.release()


def _after_in_child() -> None:
    for instance in _held:
        instance._after_fork_in_child()
    _held.clear()
    _fork_lock.release()
