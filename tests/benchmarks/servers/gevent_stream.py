"""gevent: `StreamServer` (`tcp`) or `DatagramServer` (`udp`)."""

import sys
from typing import Any

from common import BACKLOG, HOST, ready
from gevent.server import DatagramServer, StreamServer  # type: ignore[import-untyped]


def echo(sock: Any, address: object) -> None:
    """Echo until the client closes."""
    while data := sock.recv(65536):
        sock.sendall(data)


class EchoDatagram(DatagramServer):  # type: ignore[misc]  # gevent is not typed
    """Echo each datagram."""

    def handle(self, data: bytes, address: object) -> None:
        self.socket.sendto(data, address)


server = EchoDatagram((HOST, 0)) if sys.argv[1] == "udp" else StreamServer((HOST, 0), echo, backlog=BACKLOG)
server.start()
ready(server.server_port)
server.serve_forever()
