"""A server that runs out of descriptors, on a clock that only we turn; for a subprocess.

    python out_of_descriptors.py CLASS

Prints one line for each thing that is to be proved.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import threading
from typing import Any

import plugserve

PATIENCE = 20.0
lines: list[str] = []


class Lines(logging.Handler):
    """Keeps what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        lines.append(record.getMessage())


logging.getLogger("plugserve").addHandler(Lines())


class Server(getattr(plugserve, sys.argv[1])):  # type: ignore[misc]  # the engine is a parameter
    """Counts its attempts to accept and the turns of its loop."""

    now = 0.0
    attempts = 0

    def __init__(self, *args: Any) -> None:
        self.turns = threading.Semaphore(0)
        super().__init__(*args)

    def clock(self) -> float:
        """The time, which stands still until somebody turns it."""
        return self.now

    def get_request(self) -> Any:
        """Accept, counted."""
        self.attempts += 1
        return super().get_request()

    def service_actions(self) -> None:
        """A turn of the loop."""
        super().service_actions()
        self.turns.release()

    def after_turns(self, count: int) -> int:
        """Wait for some turns of the loop; returns how often it tried to accept until then."""
        for _ in range(count):
            assert self.turns.acquire(timeout=PATIENCE)
        return self.attempts


class Echo(plugserve.BaseRequestHandler):
    """Echoes until the client ends."""

    def handle(self) -> None:
        """Send back what comes."""
        while data := self.request.recv(100):
            self.request.sendall(data)


def ask(client: socket.socket) -> bytes:
    """One question on an open connection."""
    client.sendall(b"hello")
    return client.recv(100)


server = Server(("127.0.0.1", 0), Echo)
# Handlers of the synchronous server would hold the loop up: it has no old client.
old = None if sys.argv[1] == "TCPServer" else socket.create_connection(server.server_address, PATIENCE)
new = socket.socket()
new.settimeout(PATIENCE)
thread = threading.Thread(target=server.serve_forever, args=(0.01,))
thread.start()
server.after_turns(1)
if old is not None:
    assert ask(old) == b"hello"

resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
hoard = []
try:
    while True:
        hoard.append(os.dup(0))
except OSError as error:
    print("exhausted", error.errno)

before = server.attempts
new.connect(server.server_address)
while server.attempts == before:
    server.after_turns(1)
print("attempts while the clock stands still:", server.after_turns(10) - before)
server.now += 0.05
print("attempts after half the pause:", server.after_turns(10) - before)
server.now += 0.06
print("attempts after the pause:", server.after_turns(10) - before)
server.now += 0.11
print("attempts after another pause:", server.after_turns(10) - before)
print("lines logged:", len(lines))
if old is not None:
    assert ask(old) == b"hello"
print("old connections live")

for number in hoard:
    os.close(number)
server.now += 0.11
print("served afterwards:", ask(new))
# Shut down, not closed: a child holds copies of these, too.
new.shutdown(socket.SHUT_RDWR)
if old is not None:
    old.shutdown(socket.SHUT_RDWR)
server.shutdown()
thread.join(PATIENCE)
server.server_close()
print("closed:", not thread.is_alive())
