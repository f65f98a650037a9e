"""Server CPU a connection (connect, send, receive, close): plugserve's threading server against the standard one.

    python tests/benchmarks/threading_connections.py [--connections N] [--rounds N]

Each round runs every variant once, in a process of its own, with the same client; what is compared is the CPU time of
the server's process between the first and the last connection, as the ratio to the standard server of the same round,
because the speed of a machine drifts from round to round. With `access` and `log` attached the number of log lines is
checked against the number of connections.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VARIANTS = ["socketserver", "plugserve", "plugserve + access", "plugserve + access + log"]


def serve(variant: str, log: str) -> None:
    """The server's process: prints its port, serves until its standard input ends, prints its CPU seconds."""
    import socketserver
    import threading

    module: Any = socketserver
    plugins: dict[str, Any] = {}
    if variant != "socketserver":
        import plugserve

        module = plugserve
        given: list[Any] = []
        if "access" in variant:
            from plugserve_access import Access

            given.append(Access(allow=["127.0.0.0/8"]))
        if "log" in variant:
            from plugserve_log import Log

            given.append(Log(path=log))
        plugins = {"plugins": given}

    class Echo(module.BaseRequestHandler):  # type: ignore[misc]  # the base is chosen at run time
        def handle(self) -> None:
            self.request.sendall(self.request.recv(100))

    class Server(module.ThreadingTCPServer):  # type: ignore[misc]
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Echo, **plugins) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for _ in range(200):  # what is done only once is done now
            converse(server.server_address)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        before = usage.ru_utime + usage.ru_stime
        print(server.server_address[1], flush=True)
        sys.stdin.readline()
        server.shutdown()
        thread.join()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(usage.ru_utime + usage.ru_stime - before, flush=True)


def converse(address: tuple[str, int]) -> None:
    """One connection."""
    with socket.create_connection(address) as client:
        client.sendall(b"x" * 64)
        assert client.recv(100) == b"x" * 64


def measure(variant: str, connections: int, folder: Path) -> float:
    """CPU seconds a connection of one server."""
    log = folder / f"{os.urandom(4).hex()}.log"
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", variant, "--log", str(log)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    address = ("127.0.0.1", int(process.stdout.readline()))
    for _ in range(connections):
        converse(address)
    out, _ = process.communicate("\n")
    if "log" in variant:
        requests = sum('"client"' in line for line in log.read_text().splitlines())
        assert requests >= connections + 200, f"{requests} lines for {connections + 200} connections"
    return float(out) / connections


def main() -> None:
    """Run the rounds and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--connections", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.log)
        return
    results: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for variant in VARIANTS:
                results[variant].append(measure(variant, arguments.connections, Path(folder)))
    for variant in VARIANTS:
        ratios = [own / standard for own, standard in zip(results[variant], results["socketserver"], strict=True)]
        print(
            f"{variant:28} {statistics.median(results[variant]) * 1e6:7.1f} µs CPU a connection, ratio "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
