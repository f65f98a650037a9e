"""NULL calls beside libtirpc: server CPU for each, the same C client against both, in one run.

    .venv/bin/python contrib_handlers/plugserve-sunrpc/tests/rpc_figures.py [--rounds 9] [--calls 20000]

Needs gcc, rpcgen and libtirpc (Debian: gcc, rpcsvc-proto, libtirpc-dev). The servers are what users have: the stubs of
rpcgen with `svc_run`, and a program with `rpc_handler` on the engine multiplexing, with default limits. The server is
pinned to one core and the client to another; rounds interleave; the median of each round's ratio is told.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
OURS = """
import sys, threading
from plugserve import MultiplexingTCPServer, MultiplexingUDPServer
from plugserve_sunrpc import load, rpc_handler
X = load(sys.argv[1], name="figures_compiled")
handler = rpc_handler(X.FIGURES_V1Server())
classes = {"tcp": MultiplexingTCPServer, "udp": MultiplexingUDPServer}
with classes[sys.argv[2]](("127.0.0.1", 0), handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


def build(folder: Path) -> None:
    """The C programs, in a folder. Errors: `SystemExit` for what is missing."""
    for name, package in (("rpcgen", "rpcsvc-proto"), ("gcc", "gcc")):
        if shutil.which(name) is None:
            raise SystemExit(f"needs {name}: install the package {package}")
    for file in ("null.x", "null_server.c", "null_client.c"):
        shutil.copy(HERE / file, folder)

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)

    for option, file in (("-h", "null.h"), ("-l", "null_clnt.c"), ("-m", "null_svc.c")):
        run("rpcgen", "-N", option, "-o", file, "null.x")
    for main, stub in (("null_client", "null_clnt.c"), ("null_server", "null_svc.c")):
        run("gcc", "-O2", "-w", "-I/usr/include/tirpc", "-I.", "-o", main, f"{main}.c", stub, "-ltirpc")


@contextmanager
def serving(command: list[str], core: int) -> Iterator[tuple[int, list[int]]]:
    """A server pinned to a core: its process, and the ports that it prints."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
    )
    try:
        assert process.stdout is not None
        yield process.pid, [int(word) for word in process.stdout.readline().split()]
    finally:
        process.kill()
        process.communicate()


def cpu_of(process: int) -> float:
    """Seconds of user and system time (proc_pid_stat(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(folder: Path, command: list[str], transport: str, port: int, calls: int, cores: tuple[int, int]) -> float:
    """Server CPU of one call, in microseconds."""
    with serving(command, cores[0]) as (process, ports):
        client = [str(folder / "null_client"), transport, str(ports[port])]
        for number in (calls // 10, calls):
            before = cpu_of(process)
            subprocess.run(
                [*client, str(number)], check=True, preexec_fn=lambda: os.sched_setaffinity(0, {cores[1]}), timeout=300
            )
        return (cpu_of(process) - before) / calls * 1e6


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20000)
    given = parser.parse_args()
    available = sorted(os.sched_getaffinity(0))
    cores = available[0], available[-1]
    print("| NULL over | libtirpc (µs) | plugserve (µs) | calls per CPU second, plugserve : libtirpc |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        for transport in ("tcp", "udp"):
            ours = [sys.executable, "-c", OURS, str(HERE / "null.x"), transport]
            theirs = [str(folder / "null_server")]
            pairs = []
            for number in range(given.rounds):
                both = [
                    (theirs, ("udp", "tcp").index(transport)),
                    (ours, 0),
                ]
                costs = {}
                for command, port in both if number % 2 else reversed(both):
                    costs[command is ours] = measure(folder, command, transport, port, given.calls, cores)
                pairs.append((costs[False], costs[True]))
            ratio = statistics.median(c / python for c, python in pairs)
            medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
            print(f"| {transport.upper()} | {medians[0]:.1f} | {medians[1]:.1f} | {ratio:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
