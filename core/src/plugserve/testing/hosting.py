"""One server on any engine, and clients that look the same whether the network is the kernel's or of memory.

```python
with hosted("forking", EchoHandler) as host:
    client = host.connect()
    client.send(b"hallo")
    client.end()
    assert client.rest() == b"hallo"
```
"""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import plugserve
from plugserve.compose import server_class
from plugserve.discovery import list_entries, load
from plugserve.errors import PlugserveError
from plugserve.server import BaseServer

from .accept_errors import inject_accept_errors
from .memory import MemorySocket, MemoryTCPServer, MemoryUDPServer
from .resetting import reset

if TYPE_CHECKING:
    from .toxic import ToxicProxy

__all__ = ["STREAM_ENGINES", "Client", "Host", "hosted"]

_PATIENCE = 20.0
"""Seconds that a client waits for the server before the test fails: a bound for tests that hang, never a measure."""


def _stream_engines() -> dict[str, Any]:
    engines: dict[str, Any] = {
        "sync": plugserve.TCPServer,
        "threading": plugserve.ThreadingTCPServer,
        "thread-pool": plugserve.ThreadPoolTCPServer,
        "multiplexing": plugserve.MultiplexingTCPServer,
        "memory": MemoryTCPServer,
    }
    if hasattr(os, "fork"):
        engines["forking"] = plugserve.ForkingTCPServer
    return engines


def _datagram_engines() -> dict[str, Any]:
    engines: dict[str, Any] = {
        "sync": plugserve.UDPServer,
        "threading": plugserve.ThreadingUDPServer,
        "thread-pool": plugserve.ThreadPoolUDPServer,
        "multiplexing": plugserve.MultiplexingUDPServer,
        "memory": MemoryUDPServer,
    }
    if hasattr(os, "fork"):
        engines["forking"] = plugserve.ForkingUDPServer
    return engines


def _with_installed(engines: dict[str, Any], transport: str) -> dict[str, Any]:
    """Add the engines that other distributions bring. One that cannot be loaded here, since a package that it needs is
    optional and absent, is left out."""
    for entry in list_entries("plugserve.engines"):
        if entry.name not in engines:
            try:
                engines[entry.name] = server_class(transport, load("engine", entry.name))
            except PlugserveError:
                continue
    return engines


STREAM_ENGINES: dict[str, Any] = _with_installed(_stream_engines(), "tcp")
"""The stream server class of each engine, those of installed distributions included, by the engine's name."""
DATAGRAM_ENGINES: dict[str, Any] = _with_installed(_datagram_engines(), "udp")


class Client(Protocol):
    """A test's end of a connection."""

    def send(self, data: bytes) -> None:
        """Send all of it; with the memory engine the server has dealt with it afterwards."""

    def send_urgent(self, byte: bytes) -> None:
        """Send one urgent byte."""

    def take_urgent(self) -> bytes:
        """The urgent byte that has arrived; whoever knows that it has may ask."""

    def end(self) -> None:
        """End our side of the stream."""

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer if the stream ends first."""

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""

    def reset(self) -> None:
        """Cut the connection."""

    def close(self) -> None:
        """Close it."""


class _KernelClient:
    def __init__(self, address: Any) -> None:
        self.socket = socket.create_connection(address, timeout=_PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_urgent(self, byte: bytes) -> None:
        self.socket.send(byte, socket.MSG_OOB)

    def take_urgent(self) -> bytes:
        return self.socket.recv(1, socket.MSG_OOB)

    def end(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (more := self.socket.recv(count - len(data))):
            data += more
        return data

    def rest(self) -> bytes:
        data = b""
        while more := self.socket.recv(65536):
            data += more
        return data

    def reset(self) -> None:
        reset(self.socket)
        self.socket.close()

    def close(self) -> None:
        try:
            # A child of a forking server holds a copy of this descriptor, too: closing it alone would do nothing.
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # ended already
        self.socket.close()


class _MemoryClient:
    def __init__(self, server: Any, end: MemorySocket) -> None:
        self._server = server
        self._end = end
        server.run()

    def send(self, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            sent += self._end.send(data[sent:])
            self._server.run()

    def send_urgent(self, byte: bytes) -> None:
        self._end.send(byte, socket.MSG_OOB)
        self._server.run()

    def take_urgent(self) -> bytes:
        return self._end.recv(1, socket.MSG_OOB)

    def end(self) -> None:
        self._end.shutdown(socket.SHUT_WR)
        self._server.run()

    def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count and not self._end.ended:
            self._server.run()
            more = self._end.recv(count - len(data))
            data += more
        return data

    def rest(self) -> bytes:
        data = b""
        while not self._end.ended:
            more = self._end.take()
            data += more
            self._server.run()
            if not more and not self._end.readable():
                # Nothing will come by itself: time has to pass (a banner's patience, a sleep).
                self._server.advance(0.1)
        if self._end.was_reset:
            raise ConnectionResetError("the server cut the connection")
        return data

    def reset(self) -> None:
        self._end.reset()
        self._server.run()

    def close(self) -> None:
        self._end.close()
        self._server.run()


class Host:
    """A server that is being served, and how to reach it."""

    def __init__(self, server: BaseServer) -> None:
        self.server = server
        self._clients: list[Client] = []

    def connect(self, through: ToxicProxy | None = None) -> Client:
        """A new connection to it.

        Parameters:
            through: a proxy that stands before it.

        Errors: `ValueError` for a proxy before the memory engine, which has no sockets.
        """
        server: Any = self.server
        client: Client
        if server.real_time:
            client = _KernelClient(server.server_address if through is None else through.address)
        elif through is not None:
            raise ValueError("the memory engine has no sockets for a proxy: take another engine")
        else:
            client = _MemoryClient(server, server.connect(("127.0.0.1", 40000 + len(self._clients))))
        self._clients.append(client)
        return client

    def ask(self, datagram: bytes) -> bytes:
        """Send one datagram and return the reply."""
        server: Any = self.server
        if not server.real_time:
            server.send_datagram(datagram)
            server.run()
            return bytes(server.take_replies()[0][0])
        with socket.socket(server.address_family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PATIENCE)
            sock.sendto(datagram, server.server_address)
            return sock.recv(65536)

    def settle(self) -> None:
        """Let the server finish what can be finished now."""
        server: Any = self.server
        if not server.real_time:
            server.run()


@contextmanager
def hosted(
    engine: str,
    handler: Callable[..., Any],
    *,
    datagrams: bool = False,
    attributes: Mapping[str, Any] | None = None,
    accept_errors: Iterable[int | BaseException] = (),
    **arguments: Any,
) -> Iterator[Host]:
    """Serve on loopback, port 0, or in memory, for as long as the block runs.

    Parameters:
        engine: the engine's name.
        handler: the handler class.
        datagrams: a datagram server instead of a stream server.
        attributes: class attributes of the server that are set anew: `{"urgent": "event"}`.
        accept_errors: what the first attempts to accept fail with, as for `inject_accept_errors`.
        arguments: for the server: `plugins`, `options`, `limits` ...

    At the end the server is shut down, waited for and closed; requests still alive after `_PATIENCE` seconds are
    aborted.
    """
    server_class = (DATAGRAM_ENGINES if datagrams else STREAM_ENGINES)[engine]
    if attributes:
        server_class = type(server_class.__name__, (server_class,), dict(attributes))
    with server_class(("127.0.0.1", 0), handler, **arguments) as server:
        host = Host(server)
        errors = list(accept_errors)
        if errors:
            inject_accept_errors(server, errors)
        if not server.real_time:
            try:
                yield host
                server.run()
            finally:
                for client in host._clients:
                    client.close()
                server.server_close(timeout=_PATIENCE)
            return
        server._core_warned_of_threads = True  # the test's own threads are there by design
        thread = threading.Thread(target=server.serve_forever, args=(3600,), name="plugserve-hosted")
        with warnings.catch_warnings():
            # Python's own word of them, from 3.12 on.
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            thread.start()
            try:
                yield host
            finally:
                for client in host._clients:
                    client.close()
                server.shutdown(drain=_PATIENCE)
                thread.join()
                server.server_close(timeout=_PATIENCE)
