"""On real servers: each request is in the log exactly once, whatever its engine and its end."""

from __future__ import annotations

import io
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve import BaseRequestHandler, CoroutineHandler, ProtocolHandler, RequestRejected, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_log import Log

# The clients here, and pytest's own watchdog, are threads beside a forking server: that is the point of such a test.
pytestmark = pytest.mark.filterwarnings("ignore:forking while other threads run:RuntimeWarning")

every_engine = pytest.mark.parametrize("engine", STREAM_ENGINES)
forking = pytest.mark.skipif(not hasattr(plugserve, "ForkingTCPServer"), reason="needs fork")

REQUESTS = 40


class Classic(BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data)
            if data == b"fail":
                raise ValueError("asked \x1b[31m to")


class Coroutine(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read(100):
            self.connection.write(data)
            await self.connection.drain()
            if data == b"fail":
                raise ValueError("asked \x1b[31m to")


class Protocol(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        if data == b"fail":
            self.send(data)
            raise ValueError("asked \x1b[31m to")
        return data


class QuietMixIn:
    """Keeps the server's own report of a failed handler off standard error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


class Door:
    """Refuses as it is told to, at one moment or the other."""

    def __init__(self, hook: str) -> None:
        self.hook = hook

    @hookimpl
    def verify_request(self) -> bool | None:
        return False if self.hook == "verify_request" else None

    @hookimpl
    def setup(self) -> None:
        if self.hook == "setup":
            raise RequestRejected("not today")


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@every_engine
@pytest.mark.parametrize("handler", [Classic, Coroutine, Protocol])
def test_each_request_is_logged_once(engine: str, handler: Any) -> None:
    """Requests that came together and ended well each have one line, with who, what, how long and how much."""
    stream = io.StringIO()
    with hosted(engine, handler, plugins=[Log(stream=stream)], name="front") as host:
        clients = [host.connect() for _ in range(1 if engine == "sync" else 5)]
        for client in clients:
            client.send(b"hello")
            client.end()
            assert client.rest() == b"hello"
    start, *lines, stop = read(stream)
    assert (start["event"], start["listener"], stop["event"]) == ("start", "front", "stop")
    assert (start["engine"], start["handler"]) == (host.server.engine_name, handler.__name__)
    assert len(lines) == len(clients)
    assert len({line["id"] for line in lines}) == len(lines)
    for line in lines:
        assert (line["event"], line["outcome"], line["client"]) == ("request", "ok", "127.0.0.1")
        assert (line["listener"], line["handler"]) == ("front", handler.__name__)
        assert line["bytes_in"] in (5, None)
        assert line["bytes_out"] in (5, None)
        assert line["duration"] >= 0


@every_engine
def test_a_failed_request_has_an_error_line_and_its_own(
    engine: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The failure of a handler is one error line with the traceback, and then the request's line, for the same id."""
    monkeypatch.setattr(STREAM_ENGINES[engine], "handle_error", QuietMixIn.handle_error)
    stream = io.StringIO()
    with hosted(engine, Classic, plugins=[Log(stream=stream)]) as host:
        client = host.connect()
        client.send(b"fail")
        assert client.rest() == b"fail"
    error, request = read(stream)[1:-1]
    assert (error["event"], error["level"], error["exception"]) == ("error", "error", "ValueError")
    assert error["text"] == "asked \x1b[31m to"
    assert "in handle" in error["traceback"]
    assert (request["event"], request["outcome"]) == ("request", "error")
    assert error["id"] == request["id"]


@every_engine
@pytest.mark.parametrize("moment", ["verify_request", "setup"])
def test_a_rejected_request_is_logged_once(engine: str, moment: str) -> None:
    """A refusal is one line that names who refused, also when a child process did; no line of a request follows."""
    stream = io.StringIO()
    with hosted(engine, Classic, plugins=[Door(moment), Log(stream=stream)]) as host:
        client = host.connect()
        assert client.rest() == b""
    (rejected,) = read(stream)[1:-1]
    assert (rejected["event"], rejected["outcome"], rejected["rejected_by"]) == ("rejected", "rejected", "door")
    assert rejected["reason"] == ("not today" if moment == "setup" else "denied by door")


@every_engine
def test_a_client_that_hangs_up_is_no_error(engine: str) -> None:
    """A connection that is cut is told once as a request, and at debug level why; nothing is an error."""
    stream = io.StringIO()
    with hosted(engine, Coroutine, plugins=[Log(stream=stream, level="debug")]) as host:
        client = host.connect()
        client.send(b"x")
        client.take(1)
        client.reset()
    lines = read(stream)[1:-1]
    assert [line["outcome"] for line in lines if line["event"] == "request"] == ["peer-closed"]
    assert {line["level"] for line in lines} <= {"debug", "info"}
    assert [line["event"] for line in lines if line["level"] == "debug"] == ["hung-up"]


@every_engine
def test_each_datagram_is_logged_once(engine: str) -> None:
    """Over UDP a request is a datagram."""
    stream = io.StringIO()
    with hosted(engine, Protocol, datagrams=True, plugins=[Log(stream=stream)]) as host:
        for _ in range(5):
            assert host.ask(b"hello") == b"hello"
    start, *lines, _ = read(stream)
    assert start["transport"] == host.server.transport
    assert [(line["event"], line["outcome"], line["bytes_in"]) for line in lines] == [("request", "ok", 5)] * 5


@pytest.mark.parametrize("engine", ["threading", pytest.param("forking", marks=forking)])
def test_under_load_every_request_is_in_the_file_once(engine: str, tmp_path: Path) -> None:
    """Clients that come at once from many threads are all logged, each once, and none is dropped."""
    path = tmp_path / "log"
    log = Log(path=path)
    ports: list[int] = []

    def visit() -> None:
        for _ in range(REQUESTS // 4):
            client: Any = host.connect()
            ports.append(client.socket.getsockname()[1])
            client.send(b"hello")
            client.end()
            assert client.rest() == b"hello"
            client.close()

    with hosted(engine, Classic, plugins=[log]) as host:
        visitors = [threading.Thread(target=visit) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    logged = Counter((line["id"], line["port"]) for line in lines if line["event"] == "request")
    assert set(logged.values()) == {1}
    assert sorted(port for _, port in logged) == sorted(ports)
    assert (log.dropped, log.written) == (0, REQUESTS + 2)


@forking
def test_a_handler_that_forks_by_itself_is_logged_once() -> None:
    """A plain `os.fork()` within a handler, whose child serves the client, makes one line and not two."""

    class Forks(BaseRequestHandler):
        def handle(self) -> None:
            data = self.request.recv(100)
            pid = os.fork()
            if pid == 0:
                self.request.sendall(data)
                return  # and not even os._exit
            os.waitpid(pid, 0)

    stream = io.StringIO()
    with hosted("threading", Forks, plugins=[Log(stream=stream)]) as host:
        client = host.connect()
        client.send(b"hello")
        assert client.rest() == b"hello"
    assert [line["event"] for line in read(stream)] == ["start", "request", "stop"]


def test_a_blocked_log_does_not_hold_up_requests() -> None:
    """With a pipe that nobody reads as the log, clients are served as ever, and every line is accounted for."""
    if os.name != "posix":
        pytest.skip("needs a pipe as POSIX has it")
    reader, writer = os.pipe()
    with open(writer, "wb", buffering=0) as stream:
        log = Log(stream=stream, queue_size=5)
        with hosted("threading", Classic, plugins=[log]) as host:
            while log.dropped < 10:
                # Fill the pipe without many connections: the log is what is under test.
                for _ in range(200):
                    log._tell("info", "filler", {})
                client = host.connect()
                client.send(b"hello")
                client.end()
                assert client.rest() == b"hello"
                client.close()
            received: list[bytes] = []
            thread = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(reader, 65536), b"")))
            thread.start()
    thread.join()
    os.close(reader)
    lines = [json.loads(line) for line in b"".join(received).splitlines()]
    assert sum(line["lines"] for line in lines if line["event"] == "dropped") == log.dropped
    assert sum(line["event"] != "dropped" for line in lines) == log.written
