"""What a parent tells the child process that handles one of its requests, and how the child notices.

The child waits for its client in a system call, so it waits for both: before each receive that may block it polls the
connection and its end of the socket pair (poll(2)). What it then finds is done in its own thread, between two receives.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final

from .connection import DRAINED
from .errors import ShuttingDown

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Control", "say"]

_FORM: Final = struct.Struct("=cd")
_WORDS: Final = {"goodbye": b"G", "abort": b"A"}


def say(end: socket.socket, what: str, when: float) -> None:
    """Tell a child something; one that has ended hears nothing more.

    Parameters:
        end: the parent's, which does not block.
        what: `goodbye` or `abort`.
        when: seconds on the monotonic clock, where it has a meaning.
    """
    try:
        end.send(_FORM.pack(_WORDS[what], when))
    except OSError:
        pass  # it has ended; or it takes nothing, and has been told often enough


class Control:
    """The child's end.

    Parameters:
        end: of the socket pair.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._came = b""
        self._deaf = False

    def send(self, data: bytes) -> None:
        """Report to the parent. One that is gone is told nothing."""
        self._end.setblocking(True)
        try:
            self._end.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def fileno(self) -> int:
        """The descriptor to wait for; -1 once the parent has gone."""
        return -1 if self._deaf else self._end.fileno()

    def wait(self, c: Connection) -> None:
        """Wait until the client of a request has sent something, and do meanwhile what the parent says.

        Errors: `TimeoutError` where the socket has a time of its own (`settimeout`).
        """
        channel = c.channel
        if self._deaf or channel is None or channel.is_datagram or not hasattr(select, "poll"):
            return
        client, timeout = channel.fileno(), channel.patience()
        poll = select.poll()
        poll.register(client, select.POLLIN)
        poll.register(self._end.fileno(), select.POLLIN)
        while True:
            ready = dict(poll.poll(None if timeout is None else timeout * 1000))
            if self._end.fileno() in ready:
                self.heed(c)
                if self._deaf:
                    poll.unregister(self._end.fileno())
            if client in ready or c.aborted is not None:
                return
            if not ready:
                raise TimeoutError("timed out")

    def heed(self, c: Connection, *, urgently: bool = False) -> None:
        """Do what the parent has said.

        Parameters:
            c: the request that this child handles.
            urgently: whether anything may just be going on in this thread, so that no lock may be taken.
        """
        self._end.setblocking(False)
        try:
            came = self._end.recv(_FORM.size * 16)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if not came:
            self._deaf = True  # the parent has died; this request need not
            return
        self._came += came
        while len(self._came) >= _FORM.size:
            (what, when), self._came = _FORM.unpack_from(self._came), self._came[_FORM.size :]
            if what == _WORDS["abort"]:
                c.abort(ShuttingDown(DRAINED if c.draining else "the server ended the request"))
            elif not c.draining and urgently:
                c.draining = True
            elif not c.draining:
                c.server._core_drain_in_child(c, when)

    def interrupt(self, c: Connection) -> None:
        """Have a request ended even while its handler waits for the socket by itself, as a classic one does.

        What the parent says then comes with SIGIO (fcntl(2), `O_ASYNC`), and Python takes up the interrupted system
        call again (PEP 475). Where a program uses that signal for itself, the request goes on until it ends.
        """
        signal_number, by_signal = getattr(signal, "SIGIO", None), getattr(os, "O_ASYNC", 0)
        if signal_number is None or not by_signal or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal_number) is not signal.SIG_DFL:
            return
        import fcntl

        signal.signal(signal_number, lambda *_: self.heed(c, urgently=True))
        fcntl.fcntl(self._end, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._end, fcntl.F_SETFL, fcntl.fcntl(self._end, fcntl.F_GETFL) | by_signal)
        self.heed(c, urgently=True)  # what was said before
