"""Hide what Windows lacks, then import plugserve and serve; for a subprocess. Prints the classes that have served."""

from __future__ import annotations

# ruff: noqa: E402  # what is hidden has to be hidden before it is imported by others
import os
import select
import signal
import sys
from typing import Any

OS = "fork forkpty register_at_fork waitid posix_spawn pidfd_open eventfd getuid mkfifo"
SOCKET = "AF_UNIX AF_VSOCK SO_REUSEPORT MSG_DONTWAIT MSG_NOSIGNAL CMSG_LEN TCP_INFO"
SELECT = "poll epoll kqueue devpoll"
SIGNAL = "SIGKILL SIGHUP SIGUSR1 SIGUSR2 SIGCHLD SIGALRM SIGPIPE SIGIO pthread_sigmask pthread_kill setitimer"
MODULES = "fcntl pwd grp resource termios"


def hide(owner: Any, names: str) -> None:
    """Take names away, as far as this platform has them."""
    for name in names.split():
        if hasattr(owner, name):
            delattr(owner, name)


def absent(self: object) -> Any:
    """As a property: an attribute that is not there."""
    raise AttributeError("hidden")


def only_pipes(*_: object) -> Any:
    """What Windows has of it is for pipes."""
    raise OSError(22, "not a pipe")


assert "socket" not in sys.modules
assert "selectors" not in sys.modules
hide(os, OS)
if sys.version_info < (3, 12):
    hide(os, "set_blocking get_blocking")
else:
    os.set_blocking = os.get_blocking = only_pipes
hide(select, SELECT)
hide(signal, SIGNAL)
for module in MODULES.split():
    sys.modules[module] = None  # type: ignore[assignment]  # an import of it fails

import _socket

hide(_socket, SOCKET)

import socket

for method in ("recvmsg", "recvmsg_into", "sendmsg"):
    setattr(socket.socket, method, property(absent))
hide(socket, "send_fds recv_fds fromfd")


def socketpair(*_: object) -> tuple[socket.socket, socket.socket]:
    """As Windows makes one: two ends of a TCP connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        left = socket.create_connection(listener.getsockname())
        return left, listener.accept()[0]


socket.socketpair = socketpair

# The standard library first: what it does on Windows needs modules that only Windows has.
import importlib.metadata
import logging
import selectors
import tempfile
import threading
import traceback

import pluggy

_ = importlib.metadata, logging, tempfile, traceback, pluggy
assert selectors.DefaultSelector is selectors.SelectSelector
sys.platform = "win32"

import plugserve

assert not [name for name in plugserve.__all__ if "Fork" in name or "Unix" in name or not hasattr(plugserve, name)]

TIMEOUT = 20.0


class Stream(plugserve.StreamRequestHandler):
    """Echoes a line."""

    def handle(self) -> None:
        """Read one line and send it back."""
        self.wfile.write(self.rfile.readline())


class Datagram(plugserve.DatagramRequestHandler):
    """Echoes a datagram."""

    def handle(self) -> None:
        """Send the packet back."""
        self.wfile.write(self.rfile.read())


class Coroutine(plugserve.CoroutineHandler):
    """Echoes all that comes."""

    async def handle(self) -> None:
        """Send back what is read."""
        while data := await self.connection.read():
            self.connection.write(data)


def ask(server: Any) -> None:
    """One client."""
    with socket.socket(socket.AF_INET, server.socket_type) as client:
        client.settimeout(TIMEOUT)
        client.connect(server.server_address)
        client.sendall(b"hello\n")
        assert client.recv(100) == b"hello\n"


for name in ("TCPServer", "UDPServer", "ThreadingTCPServer", "ThreadingUDPServer"):
    classic = Datagram if "UDP" in name else Stream
    for handler in (classic, Coroutine):
        with getattr(plugserve, name)(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(3600,))
            thread.start()
            ask(server)
            ask(server)
            server.shutdown()
            thread.join(TIMEOUT)
            assert not thread.is_alive()
            server.timeout = 0
            server.handle_request()
    print(name)
