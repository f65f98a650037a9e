"""Clients of the matrix: one end of a stream that sends piece by piece, on the kernel's network or in memory.

A piece is sent once the server has taken the one before, so that it is a read of its own. Sockets of the kernel are
looked at for at most `TAKING`, since a server need not read at all; one that never waits only merges pieces.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, Final, Protocol

from .memory import MemorySocket
from .segments import count_unread

__all__ = ["PATIENCE", "TAKING", "Caller", "KernelCaller", "MemoryCaller"]

PATIENCE: Final = 10.0
"""Seconds after which a client gives up: a bound for servers that hang, never a measure."""
TAKING: Final = 2.0
"""Seconds that a client waits, in all, for a server to take pieces."""


class Caller(Protocol):
    """One end of a stream."""

    ended: str
    """How the stream ended: empty as long as it has not."""
    address: Any
    """Our address, as the server's accept gives it."""

    def send(self, piece: bytes) -> None:
        """Send all of it; what arrives meanwhile is received."""

    def end(self) -> None:
        """End our side of the stream."""

    def wait(self, satisfied: Callable[[], bool]) -> bool:
        """Receive until this is true or the stream has ended. Returns whether it is true."""

    def close(self) -> None:
        """Close it."""


class KernelCaller:
    """A client's socket, TCP or Unix.

    Parameters:
        family: the address family.
        server_address: where to connect to.
        received: is given what arrives; `b""` once at the end of the stream.
        patience: seconds after which it gives up.
    """

    def __init__(
        self, family: int, server_address: Any, received: Callable[[bytes], None], patience: float = PATIENCE
    ) -> None:
        self.ended = ""
        self._patience = patience
        self._received = received
        self._taking = TAKING
        self._sent = False
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(patience)
            self._socket.connect(server_address)
            if family != getattr(socket, "AF_UNIX", None):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setblocking(False)
            self.address = self._socket.getsockname()
        except BaseException:
            self._socket.close()
            raise

    def send(self, piece: bytes) -> None:
        if self._sent:
            self._see_taken()
        self._sent = True
        view = memoryview(piece)
        until = monotonic() + self._patience
        while view and not self.ended:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._turn(0.1, writing=True)
                if monotonic() > until:
                    self.ended = "the server stopped reading"
            except OSError:
                self._lost()

    def _see_taken(self) -> None:
        """Wait until the server has read what was sent, as far as the system tells and as long as it is worth it."""
        began = monotonic()
        step = 0.00005
        while not self.ended and self._taking > 0:
            self._turn(0)
            if not count_unread(self._socket):
                return
            sleep(step)  # a look now and then; the kernel has no event for it
            step = min(step * 2, 0.002)
            self._taking -= monotonic() - began
            began = monotonic()

    def end(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._lost()

    def wait(self, satisfied: Callable[[], bool]) -> bool:
        until = monotonic() + self._patience
        while not satisfied():
            if self.ended:
                return False
            if monotonic() > until:
                self.ended = "the server fell silent"
                return False
            self._turn(0.1)
        return True

    def _turn(self, timeout: float, *, writing: bool = False) -> None:
        writers = [self._socket] if writing else []
        readable, _, _ = select.select([self._socket], writers, [], timeout)
        if not readable:
            return
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self.ended = "reset"
            return
        if not data:
            self.ended = "end of stream"
        self._received(data)

    def _lost(self) -> None:
        """The connection is gone. What had arrived before is still there."""
        try:
            while not self.ended and (data := self._socket.recv(65536)):
                self._received(data)
        except OSError:
            pass  # what arrived has been received
        self.ended = self.ended or "reset"

    def close(self) -> None:
        self.ended = self.ended or "left"
        try:
            # A child of a forking server holds a copy of this descriptor; so end it, not only this copy of it.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # ended already
        self._socket.close()


class MemoryCaller:
    """A client's end of a connection of the engine `memory`: the server has dealt with each piece before the next.

    Parameters:
        server: the server.
        address: the client's address.
        received, patience: as for `KernelCaller`.
    """

    def __init__(
        self, server: Any, address: Any, received: Callable[[bytes], None], patience: float = PATIENCE
    ) -> None:
        self._patience = patience
        self.ended = ""
        self.address = address
        self._server = server
        self._received = received
        self._end: MemorySocket = server.connect(address)
        self._turn()

    def send(self, piece: bytes) -> None:
        view = memoryview(piece)
        try:
            while view and not self.ended:
                try:
                    view = view[self._end.send(view) :]
                except BlockingIOError:
                    if not self._turn():
                        self.ended = "the server stopped reading"
                else:
                    self._turn()
        except OSError:
            self._turn()
            self.ended = self.ended or "reset"

    def end(self) -> None:
        try:
            self._end.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = self.ended or "reset"
        self._turn()

    def wait(self, satisfied: Callable[[], bool]) -> bool:
        until = monotonic() + self._patience
        while not satisfied():
            if self.ended:
                return False
            if not self._turn():
                # Nothing comes by itself: time has to pass (a banner's patience, a sleep).
                self._server.advance(0.1)
                if monotonic() > until:
                    self.ended = "the server fell silent"
        return True

    def _turn(self) -> bool:
        """Let the server work, and receive. Returns whether anything came."""
        self._server.run()
        data = self._end.take()
        if data:
            self._received(data)
            self._server.run()
        if self._end.ended and not self.ended:
            self.ended = "reset" if self._end.was_reset else "end of stream"
            if not self._end.was_reset:
                self._received(b"")
            return True
        return bool(data)

    def close(self) -> None:
        self.ended = self.ended or "left"
        self._end.close()
        self._server.run()
