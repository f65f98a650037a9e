"""Readiness: the one seam behind which the kernel's ways to wait for many descriptors stand."""

from __future__ import annotations

import os
import select
import selectors
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from .errors import ConfigurationError

__all__ = ["LISTENER", "POLLERS", "READABLE", "WRITABLE", "KernelPoller", "make_poller"]

READABLE: Final = selectors.EVENT_READ
WRITABLE: Final = selectors.EVENT_WRITE
LISTENER: Final = object()
"""What a poller reports for the listening socket."""


class _Forks:
    """Whether this process has ever forked: its children may hold any of its descriptors open."""

    any = not hasattr(os, "register_at_fork")

    def note(self) -> None:
        self.any = True


forks: Final = _Forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=forks.note)


class _Waker:
    """Makes a poller's `select` come back, from any thread or signal handler."""

    def __init__(self) -> None:
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        self.fd = -1
        if hasattr(os, "eventfd"):
            self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._sockets = socket.socketpair()
            for end in self._sockets:
                end.setblocking(False)
            self.fd = self._sockets[0].fileno()

    def wake(self) -> None:
        try:
            if self._sockets is None:
                os.eventfd_write(self.fd, 1)
            else:
                self._sockets[1].send(b"\0")
        except (OSError, ValueError):
            pass  # full: it is awake already; closed: nobody waits

    def woken(self) -> None:
        try:
            if self._sockets is None:
                os.eventfd_read(self.fd)
            else:
                self._sockets[0].recv(4096)
        except OSError:
            pass  # somebody else has read it

    def close(self) -> None:
        if self._sockets is not None:
            for end in self._sockets:
                end.close()
        elif self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class KernelPoller:
    """On a selector of the standard library.

    Parameters:
        selector: its class; by default the best one here: kqueue, poll or select.
    """

    def __init__(self, selector: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector) -> None:
        self._waker = _Waker()
        self.wake = self._waker.wake
        self._open(selector)
        self.register(self._waker.fd, READABLE, self._waker.woken)

    def _open(self, selector: Callable[[], selectors.BaseSelector]) -> None:
        self._selector = selector()
        self.register: Callable[[int, int, Any], Any] = self._selector.register
        self.modify: Callable[[int, int, Any], Any] = self._selector.modify

    def unregister(self, fd: int) -> None:
        """Forget a descriptor; one that is not known, or closed meanwhile, is no error."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def forget(self, fd: int) -> None:
        """Forget a descriptor that its owner closes at once."""
        self.unregister(fd)

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        """What is ready, as (data, events), after at most `timeout` seconds."""
        return [(key.data, events) for key, events in self._selector.select(timeout)]

    def fileno(self) -> int:
        """A descriptor that is readable while something is ready, so that another loop can wait for this one.

        Errors: `ConfigurationError` where the system call has none (`poll`, `select`).
        """
        fileno: Callable[[], int] | None = getattr(self._selector, "fileno", None)
        if fileno is None:
            raise ConfigurationError(
                "to be waited for, the server's poller must be epoll or kqueue: not on this platform"
            )
        return fileno()

    def close(self) -> None:
        """Give everything back. What was registered is not touched: after a fork it may be another process's, too."""
        if self._waker.fd >= 0:
            self._close()
            self._waker.close()

    def _close(self) -> None:
        self._selector.close()

    def __del__(self) -> None:
        # A server that is dropped without server_close() gives its listener to the collector; so does this.
        self.close()


class _EpollPoller(KernelPoller):
    """On epoll(7) itself: the selectors module costs as much again as the system call."""

    def _open(self, selector: Callable[[], selectors.BaseSelector]) -> None:
        self._epoll = select.epoll()
        self._data: dict[int, Any] = {}
        self.register = self._register
        self.modify = self._modify

    def _register(self, fd: int, events: int, data: Any) -> None:
        self._epoll.register(fd, _TO_EPOLL[events])
        self._data[fd] = data

    def _modify(self, fd: int, events: int, data: Any) -> None:
        self._epoll.modify(fd, _TO_EPOLL[events])
        self._data[fd] = data

    def unregister(self, fd: int) -> None:
        if self._data.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except (OSError, ValueError):
                pass  # the descriptor, or the poller itself, was closed meanwhile: the kernel has forgotten it

    def forget(self, fd: int) -> None:
        # Closing takes it out of the set, as long as no other process holds it open (epoll(7), "Questions and
        # answers"): one system call less for each connection of a process that has never forked.
        if forks.any:
            self.unregister(fd)
        else:
            self._data.pop(fd, None)

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        data = self._data
        # Of an error or a hang-up whoever waits for anything has to know. A time is rounded up to the millisecond of
        # epoll_wait(2): a loop that wakes early would turn once in vain. No time stays no time.
        return [
            (data[fd], (READABLE if events & ~_OUT else 0) | (WRITABLE if events & ~_IN else 0))
            for fd, events in self._epoll.poll(timeout + 0.0005 if timeout else timeout)
            if fd in data
        ]

    def fileno(self) -> int:
        return self._epoll.fileno()

    def _close(self) -> None:
        self._epoll.close()


if hasattr(select, "epoll"):
    _IN: Final = select.EPOLLIN
    _OUT: Final = select.EPOLLOUT
    _TO_EPOLL: Final = {READABLE: _IN, WRITABLE: _OUT, READABLE | WRITABLE: _IN | _OUT}

POLLERS: Final[dict[str, Callable[[], KernelPoller]]] = {}
"""The ways to wait that this platform has, by the name of their system call, the best first."""

if hasattr(select, "epoll"):
    POLLERS["epoll"] = _EpollPoller
if hasattr(selectors, "KqueueSelector"):
    POLLERS["kqueue"] = partial(KernelPoller, selectors.KqueueSelector)
if hasattr(selectors, "PollSelector"):
    POLLERS["poll"] = partial(KernelPoller, selectors.PollSelector)
POLLERS["select"] = partial(KernelPoller, selectors.SelectSelector)


def make_poller(name: str = "auto") -> KernelPoller:
    """A poller.

    Parameters:
        name: one of `POLLERS`, or `"auto"` for the best that this platform has.

    Errors: `ConfigurationError` for one that it has not.
    """
    found = next(iter(POLLERS.values())) if name == "auto" else POLLERS.get(name)
    if found is None:
        raise ConfigurationError(f"there is no {name} here: use auto, {' or '.join(POLLERS)}", option="poller")
    return found()
