"""One measurement: one server, one load, figures of both."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .competitors import Competitor
from .processes import cpu_seconds, resident_bytes
from .programs import BenchmarkError
from .workloads import Workload

__all__ = ["LOAD_TLS", "Figures", "Programs", "cores", "measure"]

LOAD_TLS = Path(__file__).resolve().parent.parent / "load_tls.py"
"""The load that speaks TLS."""

PATIENCE = 20.0
"""Seconds for lines to reach the log."""


@dataclass(frozen=True)
class Programs:
    """Where the compiled programs are."""

    load: Path
    echo: Path

    def loading(self, workload: Workload) -> list[str]:
        """The command that makes the load."""
        return [sys.executable, str(LOAD_TLS)] if workload.transport == "tls" else [str(self.load)]


@dataclass(frozen=True)
class Figures:
    """What one measurement gave.

    Parameters:
        cpu: the server's CPU time a request in microseconds: user and system, children included.
        rate: requests a second.
        p50, p99: time of a request in microseconds.
        memory: resident bytes a connection; None where the workload holds none idle.
        p99_alone: p99 before the idle connections were there, or None.
    """

    cpu: float
    rate: float
    p50: float
    p99: float
    memory: float | None = None
    p99_alone: float | None = None

    @property
    def slowdown(self) -> float | None:
        """p99 as a multiple of that with no connection idle."""
        return None if self.p99_alone is None else self.p99 / self.p99_alone


def cores() -> tuple[int | None, int | None]:
    """The core of the server and that of the load; None, None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[-1], allowed[0]) if len(allowed) > 1 else (None, None)


@contextlib.contextmanager
def _started(command: list[str], core: int | None, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """A process on one core, killed at the end if it still runs."""
    # Children inherit it, and nothing runs between fork and exec, as it would with preexec_fn.
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(command, text=True, start_new_session=True, **streams)
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _line(process: subprocess.Popen[str], who: str, errors: IO[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(10)
        errors.seek(0)
        raise BenchmarkError(f"{who} ended with status {process.returncode}: {errors.read().strip() or 'no word'}")
    return line.rstrip("\n")


def _go(load: subprocess.Popen[str]) -> None:
    assert load.stdin is not None
    load.stdin.write("\n")
    load.stdin.flush()


def _all_lines(competitor: Competitor, log: Path, connections: int) -> None:
    """Wait until every connection that was closed has its line in the log: to write it is part of its cost."""
    deadline = time.monotonic() + PATIENCE
    while (lines := log.read_bytes().count(b'"event":"request"')) != connections:
        if time.monotonic() > deadline or lines > connections:
            raise BenchmarkError(f"{competitor.name}: {lines} lines in the log, {connections} connections")
        time.sleep(0.02)


def measure(competitor: Competitor, workload: Workload, seconds: float, programs: Programs) -> Figures:
    """Start the server, load it, and stop it.

    Errors: `BenchmarkError` when a reply was wrong or missing, or a log line.
    """
    server_core, load_core = cores()
    who = f"{competitor.name}, {workload.name}"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plugserve-bench-")))
        log = folder / "requests.log"
        errors = stack.enter_context((folder / "server").open("w+"))
        complaints = stack.enter_context((folder / "load").open("w+"))
        server = stack.enter_context(
            _started(
                competitor.command(workload.transport, programs.echo, log),
                server_core,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        )
        word, _, port = _line(server, f"{who}: the server", errors).partition(" ")
        if word != "ready":
            raise BenchmarkError(f"{who}: the server said {word!r} instead of `ready PORT`")
        load = stack.enter_context(
            _started(
                [*programs.loading(workload), workload.kind, "127.0.0.1", port, "--wait", *workload.command(seconds)],
                load_core,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        )

        def phase(before: int) -> tuple[dict[str, Any], float]:
            """One phase of the load: its figures, and CPU seconds of the server."""
            if competitor.log and workload.kind == "connect":
                _all_lines(competitor, log, before)
            used = cpu_seconds(server.pid)
            _go(load)
            result: dict[str, Any] = json.loads(_line(load, f"{who}: the load", complaints))
            if competitor.log and workload.kind == "connect":
                _all_lines(competitor, log, int(result["connections"]))
            return result, cpu_seconds(server.pid) - used

        def ready() -> int:
            """Wait for the load; how many connections it has opened."""
            return int(_line(load, f"{who}: the load", complaints).removeprefix("ready "))

        result, used = phase(ready())
        alone, memory = None, None
        if workload.idle:
            alone = float(result["p99"])
            before = resident_bytes(server.pid)
            ready()
            _go(load)
            _line(load, f"{who}: the load", complaints)  # all are open
            opened = ready()
            memory = (resident_bytes(server.pid) - before) / workload.idle
            result, used = phase(opened)
        assert load.stdin is not None
        load.stdin.close()
        if load.wait(60):
            complaints.seek(0)
            raise BenchmarkError(f"{who}: {complaints.read().strip()}")
        if competitor.log:
            _all_lines(competitor, log, int(result["connections"]))
        if server.poll() is not None:
            raise BenchmarkError(f"{who}: the server ended with status {server.returncode}")
    return Figures(
        cpu=used / result["requests"] * 1e6,
        rate=result["requests"] / result["seconds"],
        p50=float(result["p50"]),
        p99=float(result["p99"]),
        memory=memory,
        p99_alone=alone,
    )
