"""Readiness: the one seam behind which epoll, kqueue, poll and select stand."""

from __future__ import annotations

import os
import selectors
import socket
from typing import Any

__all__ = ["LISTENER", "READABLE", "WRITABLE", "KernelPoller"]

READABLE = selectors.EVENT_READ
WRITABLE = selectors.EVENT_WRITE
LISTENER = object()
"""What a poller reports for the listening socket."""


class KernelPoller:
    """The best selector of this platform, and a way to wake it from another thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_socket: tuple[socket.socket, socket.socket] | None = None
        self._wake_fd = -1
        if hasattr(os, "eventfd"):
            self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._selector.register(self._wake_fd, READABLE, self._woken)
        else:
            self._wake_socket = reader, writer = socket.socketpair()
            reader.setblocking(False)
            writer.setblocking(False)
            self._selector.register(reader, READABLE, self._woken)
        self.modify = self._selector.modify
        self.register = self._selector.register

    def unregister(self, fd: int) -> None:
        """Forget a descriptor; one that is not known, or closed meanwhile, is no error."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def select(self, timeout: float | None) -> list[tuple[Any, int]]:
        """What is ready, as (data, events), after at most `timeout` seconds."""
        return [(key.data, events) for key, events in self._selector.select(timeout)]

    def wake(self) -> None:
        """Make a `select` that is going on, or the next one, come back at once. From any thread or signal handler."""
        try:
            if self._wake_socket is None:
                os.eventfd_write(self._wake_fd, 1)
            else:
                self._wake_socket[1].send(b"\0")
        except (OSError, ValueError):
            pass  # full: it is awake already; closed: nobody waits

    def _woken(self) -> None:
        try:
            if self._wake_socket is None:
                os.eventfd_read(self._wake_fd)
            else:
                self._wake_socket[0].recv(4096)
        except OSError:
            pass

    def close(self) -> None:
        """Give everything back. Closing the epoll descriptor does not touch what was registered."""
        self._selector.close()
        if self._wake_socket is not None:
            for end in self._wake_socket:
                end.close()
        elif self._wake_fd >= 0:
            os.close(self._wake_fd)
        self._wake_fd = -1

    def __del__(self) -> None:
        # A server that is dropped without server_close() gives its listener to the collector; so does this.
        if self._wake_fd >= 0:
            self.close()
