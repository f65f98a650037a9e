"""Readiness: the one seam behind which the kernel's ways to wait for many descriptors stand."""

from __future__ import annotations

import os
import select
import selectors
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from .errors import ConfigurationError

__all__ = ["LISTENER", "POLLERS", "READABLE", "URGENT", "WRITABLE", "KernelPoller", "make_poller"]

READABLE: Final = selectors.EVENT_READ
WRITABLE: Final = selectors.EVENT_WRITE
URGENT: Final = 4
"""Urgent data has arrived and has not been taken (poll(2), POLLPRI); only where `watches_urgent` says so."""
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

    watches_urgent = False
    """Whether `URGENT` may be asked for: the selectors module knows of no such event."""

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
        fileno: Callable[[], int] | None = getattr(getattr(self, "_selector", None), "fileno", None)
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

    watches_urgent = True

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
        # A time is rounded up to the millisecond of epoll_wait(2): a loop that wakes early would turn once in
        # vain. No time stays no time.
        return [
            (data[fd], _FROM_EPOLL[events])
            for fd, events in self._epoll.poll(timeout + 0.0005 if timeout else timeout)
            if fd in data
        ]

    def fileno(self) -> int:
        return self._epoll.fileno()

    def _close(self) -> None:
        self._epoll.close()


class _PollPoller(KernelPoller):
    """On poll(2) itself: the selectors module does not let POLLPRI through."""

    watches_urgent = True

    def _open(self, selector: Callable[[], selectors.BaseSelector]) -> None:
        self._poll = select.poll()
        self._data: dict[int, Any] = {}
        self.register = self.modify = self._register

    def _register(self, fd: int, events: int, data: Any) -> None:
        self._poll.register(
            fd,
            (select.POLLIN if events & READABLE else 0)
            | (select.POLLOUT if events & WRITABLE else 0)
            | (select.POLLPRI if events & URGENT else 0),
        )
        self._data[fd] = data

    def unregister(self, fd: int) -> None:
        if self._data.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        data = self._data
        return [
            (data[fd], _from_poll(events, select.POLLIN, select.POLLOUT, select.POLLPRI))
            for fd, events in self._poll.poll(None if timeout is None else int(timeout * 1000 + 0.999))
            if fd in data
        ]

    def _close(self) -> None:
        self._data.clear()


class _SelectPoller(KernelPoller):
    """On select(2) itself, whose third set is that of urgent data."""

    watches_urgent = sys.platform != "win32"
    """On Windows the third set also tells of connections that failed."""

    def _open(self, selector: Callable[[], selectors.BaseSelector]) -> None:
        self._sets: tuple[set[int], set[int], set[int]] = (set(), set(), set())
        self._data: dict[int, Any] = {}
        self.register = self.modify = self._register

    def _register(self, fd: int, events: int, data: Any) -> None:
        self._data[fd] = data
        for descriptors, event in zip(self._sets, (READABLE, WRITABLE, URGENT), strict=True):
            (descriptors.add if events & event else descriptors.discard)(fd)

    def unregister(self, fd: int) -> None:
        if self._data.pop(fd, None) is not None:
            for descriptors in self._sets:
                descriptors.discard(fd)

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        ready: dict[int, int] = {}
        for descriptors, event in zip(select.select(*self._sets, timeout), (READABLE, WRITABLE, URGENT), strict=True):
            for fd in descriptors:
                ready[fd] = ready.get(fd, 0) | event
        return [(self._data[fd], events) for fd, events in ready.items()]

    def _close(self) -> None:
        self._data.clear()


def _from_poll(events: int, readable: int, writable: int, urgent: int) -> int:
    """What the kernel says, in our words. Of an error or a hang-up whoever waits for anything has to know."""
    return (
        (READABLE if events & ~(writable | urgent) else 0)
        | (WRITABLE if events & ~(readable | urgent) else 0)
        | (URGENT if events & urgent else 0)
    )


if hasattr(select, "epoll"):
    _TO_EPOLL: Final = tuple(
        (select.EPOLLIN if events & READABLE else 0)
        | (select.EPOLLOUT if events & WRITABLE else 0)
        | (select.EPOLLPRI if events & URGENT else 0)
        for events in range(8)
    )
    _FROM_EPOLL: Final = tuple(
        _from_poll(events, select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI) for events in range(32)
    )
    """By the bits of EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR and EPOLLHUP: nothing else is asked for."""

POLLERS: Final[dict[str, Callable[[], KernelPoller]]] = {}
"""The ways to wait that this platform has, by the name of their system call, the best first."""

if hasattr(select, "epoll"):
    POLLERS["epoll"] = _EpollPoller
if hasattr(selectors, "KqueueSelector"):
    POLLERS["kqueue"] = partial(KernelPoller, selectors.KqueueSelector)
if hasattr(select, "poll"):
    POLLERS["poll"] = _PollPoller
POLLERS["select"] = _SelectPoller


def make_poller(name: str = "auto", *, urgent: bool = False) -> KernelPoller:
    """A poller.

    Parameters:
        name: one of `POLLERS`, or `"auto"` for the best that this platform has.
        urgent: whether it has to tell of urgent data.

    Errors: `ConfigurationError` for one that this platform has not, or that knows nothing of urgent data.
    """
    if name == "auto":
        for candidate in POLLERS.values():
            poller = candidate()
            if poller.watches_urgent or not urgent:
                return poller
            poller.close()
        raise ConfigurationError("nothing here tells of urgent data: use urgent = drop or inline", option="urgent")
    found = POLLERS.get(name)
    if found is None:
        raise ConfigurationError(f"there is no {name} here: use auto, {' or '.join(POLLERS)}", option="poller")
    poller = found()
    if urgent and not poller.watches_urgent:
        poller.close()
        raise ConfigurationError(f"{name} does not tell of urgent data here: use poller = auto", option="poller")
    return poller
