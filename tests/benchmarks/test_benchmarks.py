"""What the benchmarks rest on: a load that counts right and lets no fault pass, and arithmetic over rounds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from comparison.bars import judge
from comparison.chart import draw
from comparison.competitors import COMPETITORS, SERVERS
from comparison.measuring import LOAD_TLS, Figures, Programs, measure
from comparison.processes import cpu_seconds, resident_bytes, tree
from comparison.programs import BenchmarkError, compile_program
from comparison.rounds import interleaved, median, ratio
from comparison.table import workload_as_markdown
from comparison.workloads import WORKLOADS
from plugserve import ProtocolHandler
from plugserve.testing import hosted
from plugserve_tls import TLS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load is on epoll, the figures come from proc(5)")


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The compiled programs."""
    if shutil.which("cc") is None:
        message = "there is no C compiler: install gcc and libc6-dev"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    folder = tmp_path_factory.mktemp("programs")
    return Programs(compile_program("load", folder), compile_program("echo", folder))


class EchoBack(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data


class Liar(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data[::-1]


class Counters:
    """What a server saw."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connections = self.received = 0


@contextmanager
def serving(reply: Callable[[bytes], bytes]) -> Iterator[tuple[int, Counters]]:
    """A stream server that answers what it reads with `reply` of it; an empty answer closes."""
    counters = Counters()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with counters.lock:
                counters.connections += 1
            try:
                while data := self.request.recv(65536):
                    with counters.lock:
                        counters.received += len(data)
                    if not (answer := reply(data)):
                        return
                    self.request.sendall(answer)
            except ConnectionError:
                pass  # a load that found a fault has left

    class Server(socketserver.ThreadingTCPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], counters
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def echoing(programs: Programs, transport: str) -> Iterator[int]:
    """The echo server in C."""
    command = [str(programs.echo), transport, "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().removeprefix("ready "))
        finally:
            process.kill()


def load(programs: Programs, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the load to its end."""
    return subprocess.run([str(programs.load), *map(str, words)], capture_output=True, text=True, timeout=50)


def test_ping_pong_counts_every_request(programs: Programs) -> None:
    """As many as were asked for, each of the size asked for, on as many connections; each is opened with one more."""
    with serving(lambda data: data) as (port, seen):
        run = load(programs, "pingpong", "127.0.0.1", port, "--connections", 5, "--size", 100, "--requests", 200)
    result = json.loads(run.stdout)
    assert (result["requests"], result["connections"]) == (200, 5)
    assert (seen.connections, seen.received) == (5, (200 + 5) * 100)
    assert 0 < result["p50"] <= result["p99"] <= result["seconds"] * 1e6


def test_connections_are_opened_for_each_request(programs: Programs) -> None:
    """`connect` makes one for each, those of the warm-up included."""
    with serving(lambda data: data) as (port, seen):
        words = ("--connections", 3, "--size", 10, "--requests", 40, "--warm", 10)
        run = load(programs, "connect", "127.0.0.1", port, *words)
    result = json.loads(run.stdout)
    assert (result["requests"], result["connections"]) == (40, 50)
    assert (seen.connections, seen.received) == (50, 500)


def test_large_requests_arrive_whole(programs: Programs) -> None:
    """Also those that no socket's buffer holds."""
    with echoing(programs, "tcp") as port:
        run = load(programs, "pingpong", "127.0.0.1", port, "--connections", 2, "--size", 1_000_000, "--requests", 6)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["requests"] == 6


def test_datagrams_are_counted(programs: Programs) -> None:
    """One out, one back."""
    with echoing(programs, "udp") as port:
        run = load(programs, "udp", "127.0.0.1", port, "--connections", 4, "--requests", 100)
    result = json.loads(run.stdout)
    assert (result["requests"], result["connections"]) == (100, 4)


def test_idle_connections_are_opened_between_two_measurements(programs: Programs) -> None:
    """Two lines with figures, and between them that the idle ones are there."""
    with echoing(programs, "tcp") as port:
        run = load(programs, "idle", "127.0.0.1", port, "--connections", 4, "--requests", 100, "--idle", 150)
    first, opened, second = map(json.loads, run.stdout.splitlines())
    assert opened == {"opened": 150}
    assert [(one["requests"], one["connections"]) for one in (first, second)] == [(100, 4), (100, 154)]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda data: data + b"x", "more than the 10 bytes"),
        (lambda data: data[::-1], "other bytes than it got"),
        (lambda data: b"", "closed a connection after 0 of 10 bytes"),
    ],
    ids=["surplus", "wrong", "closed"],
)
def test_a_fault_of_the_server_ends_the_load(programs: Programs, reply: Callable[[bytes], bytes], words: str) -> None:
    """With status 1, and no figures."""
    with serving(reply) as (port, _):
        run = load(programs, "pingpong", "127.0.0.1", port, "--connections", 1, "--size", 10, "--requests", 5)
    assert (run.returncode, run.stdout) == (1, "")
    assert words in run.stderr


def test_nobody_listening_ends_the_load(programs: Programs) -> None:
    """With the kernel's words."""
    with socket.socket() as bound:  # not listening
        bound.bind(("127.0.0.1", 0))
        run = load(programs, "connect", "127.0.0.1", bound.getsockname()[1], "--requests", 5)
    assert run.returncode == 1
    assert "Connection refused" in run.stderr


def test_too_few_descriptors_are_told_before_anything_is_opened(programs: Programs) -> None:
    """With how many would do."""
    command = f"ulimit -n 100; exec {programs.load} idle 127.0.0.1 1 --idle 500 --requests 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "580 descriptors are needed, 100 allowed" in run.stderr


def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is not there is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError, match="install gcc"):
        compile_program("load", tmp_path)
    (tmp_path / "cc").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    with pytest.raises(BenchmarkError, match=r"load\.c: broken"):
        compile_program("load", tmp_path)


@pytest.mark.parametrize("workload", ["pingpong", "connect"])
def test_our_server_is_measured_with_all_its_lines(programs: Programs, workload: str) -> None:
    """One whole measurement: all figures are there, and the log had a line for each connection."""
    figures = measure(COMPETITORS["protocol+"], WORKLOADS[workload], 0.05, programs)
    assert min(figures.cpu, figures.rate, figures.p50, figures.p99) > 0
    assert (figures.memory, figures.slowdown) == (None, None)


@pytest.mark.parametrize("workload", ["tls-16k", "tls-handshake", "tls-idle"])
def test_our_server_is_measured_through_tls(programs: Programs, workload: str) -> None:
    """With memory where connections are idle."""
    few = replace(WORKLOADS[workload], idle=20) if WORKLOADS[workload].idle else WORKLOADS[workload]
    figures = measure(COMPETITORS["protocol"], few, 0.05, programs)
    assert min(figures.cpu, figures.rate, figures.p50, figures.p99) > 0
    assert (figures.memory is not None) is bool(few.idle)


@pytest.mark.parametrize("words", [("tls", "--connections", 3, "--warm", 6), ("tls-handshake", "--warm", 6)])
def test_requests_through_tls_are_counted(words: tuple[object, ...]) -> None:
    """Each handshake a whole one, each reply compared; a wrong one ends the load."""
    for handler, status in ((EchoBack, 0), (Liar, 1)):
        with hosted("threading", handler, plugins=[TLS(self_signed=True)]) as host:
            port = host.server.server_address[1]
            command = [sys.executable, str(LOAD_TLS), words[0], "127.0.0.1", port, "--requests", 9, *words[1:]]
            run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=50)
        assert run.returncode == status
        if status:
            assert "other bytes than it got" in run.stderr
        else:
            result = json.loads(run.stdout)
            assert (result["requests"], result["connections"]) == (9, 15 if words[0] == "tls-handshake" else 3)


def test_a_server_that_does_not_start_is_quoted(programs: Programs) -> None:
    """With its last words."""
    missing = Programs(programs.load, Path("/nonexistent/echo"))
    with pytest.raises(FileNotFoundError):
        measure(COMPETITORS["c"], WORKLOADS["udp"], 0.05, missing)
    broken = Programs(programs.load, programs.load)  # it knows no workload `udp 127.0.0.1`
    with pytest.raises(BenchmarkError, match=r"c, udp: the server ended with status 1: load: give WORKLOAD"):
        measure(COMPETITORS["c"], WORKLOADS["udp"], 0.05, broken)


def test_the_cpu_of_children_counts() -> None:
    """Of those that live, and of those that have been waited for; not twice."""
    code = """
import os, sys, time
def burn():
    while time.process_time() < 0.2: pass
for _ in range(2):
    if (child := os.fork()) == 0:
        burn()
        os._exit(0)
    os.waitpid(child, 0)
if os.fork() == 0:
    burn()
    print("ready", flush=True)
    sys.stdin.readline()
    os._exit(0)
sys.stdin.readline()
os.wait()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(tree(process.pid)) == 2
        # Those that have ended are counted in hundredths of a second.
        assert cpu_seconds(process.pid) >= 3 * 0.2 - 0.04
        assert resident_bytes(process.pid) > 1_000_000
        process.communicate("\n\n")


def figures(cpu: float, **others: Any) -> Figures:
    """Figures of one round."""
    return Figures(cpu, rate=1000 / cpu, p50=cpu, p99=2 * cpu, **others)


def test_each_round_has_every_server_once_and_begins_with_another() -> None:
    """In their order otherwise."""
    order = ["".join(name for at, name in interleaved("abc", 4) if at == number) for number in range(4)]
    assert order == ["abc", "bca", "cab", "abc"]


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """Not the ratio of the medians: that would be 10 / 20 here."""
    results = {"mine": [figures(cpu) for cpu in (10, 40, 9)], "base": [figures(cpu) for cpu in (20, 20, 10)]}
    assert median(results["mine"], lambda one: one.cpu) == 10
    assert ratio(results, "mine", "base", lambda one: one.cpu) == 0.9
    assert ratio(results, "mine", "absent", lambda one: one.cpu) is None
    assert ratio(results, "mine", "base", lambda one: one.memory) is None
    results["base"].pop()
    assert ratio(results, "mine", "base", lambda one: one.cpu) is None


def test_a_bar_tells_by_how_much_it_is_missed() -> None:
    """Relative to the bar; equal is reached; what was not measured is no failure."""
    results = {
        "connect": {"protocol": [figures(23)] * 3, "uvloop-protocol": [figures(20)] * 3, "c": [figures(10)] * 3},
        "idle": {
            "protocol": [figures(10, memory=2048.0, p99_alone=10.0)],
            "uvloop-protocol": [figures(10, memory=1024.0, p99_alone=16.0)],
        },
    }
    verdicts = {(one.bar.workload, one.bar.ours, one.bar.base): one for one in judge(results)}
    equal = verdicts["connect", "protocol", "uvloop-protocol"]
    assert (equal.measured, equal.reached) == (1.15, True)
    missed = verdicts["connect", "protocol", "c"]
    assert missed.reached is False
    assert missed.words()[-1] == "missed by 70.4%"
    assert verdicts["idle", "protocol", None].words()[-2:] == ["2.00 KiB", "reached (-33%)"]
    assert verdicts["idle", "protocol", "uvloop-protocol"].measured == 1.6
    assert verdicts["udp", "protocol", "socketserver"].words()[-1] == "not measured"


def test_the_table_has_the_cheapest_first() -> None:
    """With the ratios to C and to uvloop."""
    results = {"protocol": [figures(30)], "c": [figures(10)], "uvloop-protocol": [figures(20)]}
    lines = workload_as_markdown(WORKLOADS["udp"], results).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| C epoll",
        "| uvloop protocol",
        "| plugserve protocol, multiplexing",
    ]
    assert lines[4].split(" | ")[1:4] == ["30.0", "3.00", "1.50"]


def test_the_chart_is_the_same_for_the_same_figures() -> None:
    """And it is XML, with every server's figure beside its bar, even where the bar is cut off."""
    results = {"udp": {"c": [figures(10)], "protocol": [figures(12)], "trio": [figures(13)], "gevent": [figures(900)]}}
    drawing = draw(results, "a machine <with> two cores & a date")
    assert drawing == draw(results, "a machine <with> two cores & a date")
    texts = [element.text for element in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]
    assert {"10.0", "12.0", "13.0", "900.0", "a machine <with> two cores & a date"} <= set(texts)


def test_every_server_has_its_script_and_every_workload_its_servers() -> None:
    """And no script is left over."""
    scripts = {competitor.script for competitor in COMPETITORS.values()} - {None}
    assert scripts == {path.name for path in SERVERS.glob("*.py")} - {"common.py"}
    assert {name for competitor in COMPETITORS.values() for name in competitor.workloads} == set(WORKLOADS)
