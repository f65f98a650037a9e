"""A thousand clients that never finish their handshake: how long do the others wait?

    .audit/venv/bin/python tests/tls/silent_clients.py [--engine NAME ...] [--rounds 5] [--write]

In each round, on each engine, one client after the other connects, verifies the server, sends a word and takes its
echo: first alone, then beside a thousand that have connected from 250 addresses and send nothing (every other one: the
first bytes of a ClientHello). What counts is the 99th percentile of the time of these, as a multiple of that alone, in
the same round; the median of the rounds is told. `--write` renews the table in the documentation.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from serving import Certificates, connect, served

ENGINES = ("sync", "threading", "thread-pool", "forking", "multiplexing", "asyncio", "uvloop")
SILENT = 1000
HELLO = bytes.fromhex("1603010200")  # RFC 8446, section 5.1: a record of 512 bytes, which never come
TABLE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "silent-clients-table.md"


class Figures(NamedTuple):
    """Of one engine: seconds at the 99th percentile."""

    alone: float
    beside: float
    ratio: float
    refused: int


@contextlib.contextmanager
def silent(port: int) -> Iterator[list[socket.socket]]:
    """A thousand clients that have connected, from addresses of 127/8."""
    clients = []
    try:
        for number in range(SILENT):
            client = socket.socket()
            client.bind((f"127.0.1.{number % 250 + 1}", 0))
            client.connect(("127.0.0.1", port))
            if number % 2:
                client.sendall(HELLO)
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.close()


def gone(client: socket.socket) -> bool:
    """Whether the server has ended a silent client's connection: then it was no burden while others were measured."""
    try:
        client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def p99(port: int, context: ssl.SSLContext, requests: int) -> tuple[float, int]:
    """The 99th percentile of so many requests, in seconds, and how many failed."""
    times, failed = [], 0
    for _ in range(requests):
        begin = time.perf_counter()
        try:
            with context.wrap_socket(connect(port, 10), server_hostname="localhost") as client:
                client.sendall(b"word")
                if client.recv(100) != b"word":
                    failed += 1
        except OSError:
            failed += 1
        times.append(time.perf_counter() - begin)
    return statistics.quantiles(times, n=100, method="inclusive")[98], failed


def measure(engine: str, certificates: Certificates, rounds: int, requests: int) -> Figures:
    """One engine."""
    context = ssl.create_default_context(cafile=str(certificates.trusted))
    alone: list[float] = []
    beside: list[float] = []
    failed = 0
    for _ in range(rounds):
        with served(
            engine,
            certificates,
            imports="from plugserve_simple import EchoHandler; from plugserve import Limits",
            handler="EchoHandler",
            # So that they stay as long as the others are measured: by default they are gone after 5 seconds.
            arguments=", limits=Limits(layers_timeout=120, first_byte=120)",
        ) as port:
            p99(port, context, requests // 10)
            for times, others in ((alone, contextlib.nullcontext([])), (beside, silent(port))):
                with others as clients:
                    seconds, wrong = p99(port, context, requests)
                    lost = sum(map(gone, clients))
                if lost:
                    raise SystemExit(f"{engine}: {lost} of {SILENT} silent clients did not stay: nothing was measured")
                times.append(seconds)
                failed += wrong
    ratio = statistics.median(more / less for more, less in zip(beside, alone, strict=True))
    return Figures(statistics.median(alone), statistics.median(beside), ratio, failed)


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--write", action="store_true", help=f"renew {TABLE.name}")
    given = parser.parse_args()
    lines = [
        "| engine | p99 alone (ms) | p99 beside 1,000 silent clients (ms) | ratio | failed |",
        "|---|---|---|---|---|",
    ]
    worst, failed = 0.0, 0
    with tempfile.TemporaryDirectory() as name:
        certificates = Certificates(Path(name))
        for engine in given.engine or ENGINES:
            one = measure(engine, certificates, given.rounds, given.requests)
            lines.append(
                f"| {engine} | {one.alone * 1e3:.2f} | {one.beside * 1e3:.2f} | {one.ratio:.2f} | {one.refused} |"
            )
            print(lines[-1], flush=True)
            worst, failed = max(worst, one.ratio), failed + one.refused
    if given.write:
        TABLE.write_text("\n".join(lines) + "\n")
    print(f"worst ratio {worst:.2f} (wanted: at most 2), {failed} failed")
    return 1 if failed or worst > 2 else 0


if __name__ == "__main__":
    sys.exit(main())
