"""Small things that several tests of compatibility need: a server that serves beside the test, and clients."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import plugserve

PATIENCE = 20.0
"""Seconds after which anything that a test waits for has hung; nothing waits that long when all is well."""

FOREVER = 3600.0
"""A poll interval that no test lives through: whatever happens did not wait for it."""

ENGINES = ["TCPServer", "ThreadingTCPServer", "ForkingTCPServer"]
"""Of the server classes, one an engine."""


class Echo(plugserve.StreamRequestHandler):
    """Echoes one line."""

    def handle(self) -> None:
        """Read a line, send it back."""
        self.wfile.write(self.rfile.readline())


class Serving:
    """A server whose `serve_forever` runs in a thread.

    Attributes:
        error: what ended it, if not its own stop.
    """

    def __init__(self, server: Any, poll_interval: float) -> None:
        self.server = server
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(poll_interval,), name="serving")
        self.thread.start()

    def _run(self, poll_interval: float) -> None:
        try:
            self.server.serve_forever(poll_interval)
        except BaseException as error:
            self.error = error

    def ended(self) -> bool:
        """Wait for the end of the loop; returns whether it came."""
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()


@contextlib.contextmanager
def serving(server: Any, poll_interval: float = FOREVER) -> Iterator[Serving]:
    """Serve while the body runs, then shut down and close; whatever ended the loop before is an error."""
    loop = Serving(server, poll_interval)
    try:
        yield loop
    finally:
        server.shutdown()
        assert loop.ended()
        server.server_close()
    assert loop.error is None, loop.error


def connect(server: Any) -> socket.socket:
    """A client's connection."""
    return socket.create_connection(server.server_address[:2], timeout=PATIENCE)


def drain(sock: socket.socket) -> bytes:
    """All that comes until the end of the stream; a reset is an end, too."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65536):
            received += data
    return received


def ask(server: Any, data: bytes = b"hello\n") -> bytes:
    """One client: send, and return all that comes back."""
    with connect(server) as sock:
        sock.sendall(data)
        return drain(sock)
