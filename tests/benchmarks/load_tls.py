"""The load of `make bench` for TLS: blocking sockets in one thread, with the interface of `load.c`.

    python load_tls.py WORKLOAD ADDRESS PORT [--connections N] [--size BYTES] [--seconds S | --requests N] [--warm N]
        [--idle N] [--wait]

Workloads:
    tls            N streams; on all of them BYTES out, then on all of them the same BYTES back, again
    tls-handshake  connect, shake hands, BYTES out, BYTES back, close; one after the other
    tls-idle       tls, then N --idle streams more which exchanged one byte and are silent, then tls again

TLS 1.3; no certificate is verified, and no session resumed, so that every handshake is a whole one. What it prints, and
--wait, are those of `load.c`; so is the check of every reply.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import sys
from time import perf_counter

PATIENCE = 10
"""Seconds without a reply before the load gives up."""

SOURCES = 250
"""Addresses that clients come from in turn, so that closed connections do not use up the ports of one."""


class Load:
    """What is done to one server."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.pattern = bytes(at % 251 + 1 for at in range(arguments.size))
        self.opened = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3

    def open(self) -> ssl.SSLSocket:
        """A connection that has shaken hands."""
        plain = socket.socket()
        plain.settimeout(PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.arguments.workload == "tls-handshake":
            plain.bind((f"127.1.0.{self.opened % SOURCES + 1}", 0))
        plain.connect((self.arguments.address, self.arguments.port))
        self.opened += 1
        return self.context.wrap_socket(plain)

    def expect(self, connection: ssl.SSLSocket, data: bytes) -> None:
        """The reply; ends the program if it is another one."""
        got = bytearray()
        while len(got) < len(data):
            piece = connection.recv(65536)
            if not piece:
                sys.exit(f"load: the server closed a connection after {len(got)} of {len(data)} bytes")
            got += piece
        if got != data:
            sys.exit("load: the server sent other bytes than it got")

    def phase(self, connections: list[ssl.SSLSocket], count: int | None, seconds: float | None) -> tuple[int, float]:
        """Requests until the count or the time is reached. Returns how many, and the seconds that they took."""
        self.times: list[float] = []
        begin = perf_counter()
        while True:
            now = perf_counter()
            if (count is not None and len(self.times) >= count) or (seconds is not None and now - begin >= seconds):
                break
            if connections:
                for connection in connections:
                    connection.sendall(self.pattern)
                for connection in connections:
                    self.expect(connection, self.pattern)
                    self.times.append(perf_counter() - now)
            else:
                with self.open() as connection:
                    connection.sendall(self.pattern)
                    self.expect(connection, self.pattern)
                    self.times.append(perf_counter() - now)
                    say_goodbye(connection)
        return len(self.times), perf_counter() - begin

    def report(self, requests: int, seconds: float) -> None:
        """One line of figures."""
        ordered = sorted(self.times)

        def percentile(share: float) -> float:
            return ordered[max(0, round(share * len(ordered)) - 1)] * 1e6 if ordered else 0.0

        figures = {"requests": requests, "seconds": seconds, "p50": percentile(0.5), "p99": percentile(0.99)}
        print(json.dumps(figures | {"connections": self.opened}), flush=True)

    def pause(self) -> None:
        """Wait for the word to go."""
        if self.arguments.wait:
            print("ready", self.opened, flush=True)
            if not sys.stdin.readline():
                sys.exit(1)

    def measure(self, connections: list[ssl.SSLSocket]) -> None:
        """Warm up, wait, measure, report."""
        if self.arguments.warm:
            self.phase(connections, self.arguments.warm, None)
        self.pause()
        self.report(*self.phase(connections, self.arguments.requests, self.arguments.seconds))

    def run(self) -> None:
        """All of it."""
        one_each = self.arguments.workload != "tls-handshake"
        connections = [self.open() for _ in range(self.arguments.connections)] if one_each else []
        self.measure(connections)
        if self.arguments.workload == "tls-idle":
            self.pause()
            silent = [self.open() for _ in range(self.arguments.idle)]
            for connection in silent:
                connection.sendall(self.pattern[:1])
                self.expect(connection, self.pattern[:1])
            print(json.dumps({"opened": len(silent)}), flush=True)
            self.measure(connections)
        if self.arguments.wait:
            sys.stdin.read()


def say_goodbye(connection: ssl.SSLSocket) -> None:
    """Send close_notify, as a client must (RFC 8446, section 6.1), and do not wait for the server's."""
    connection.settimeout(0)
    try:
        connection.unwrap()
    except ssl.SSLWantReadError:
        pass


def main() -> None:
    """Read the arguments and load."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("workload", choices=["tls", "tls-handshake", "tls-idle"])
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--warm", type=int, default=0)
    parser.add_argument("--idle", type=int, default=1000)
    parser.add_argument("--wait", action="store_true")
    arguments = parser.parse_args()
    if arguments.seconds is None and arguments.requests is None:
        parser.error("give --seconds or --requests")
    try:
        Load(arguments).run()
    except OSError as error:
        sys.exit(f"load: {error}")


if __name__ == "__main__":
    main()
