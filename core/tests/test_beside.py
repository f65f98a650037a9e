"""Work beside: `offload`, `offload_to_process`, and a protocol handler that pauses."""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugserve import BaseRequestHandler, Connection, CoroutineHandler, ProtocolHandler, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted

PATIENCE = 60
ENGINES = sorted(STREAM_ENGINES)


@pytest.fixture
def no_tracker() -> Iterator[None]:
    """The resource tracker of multiprocessing stays for the rest of the process unless it is told to go."""
    yield
    from multiprocessing import resource_tracker

    # A semaphore of the pool that is collected later would start it again.
    gc.collect()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


FUNCTIONS = """
import os

def where(data):
    return data + b"%10d" % os.getpid()

def fail(data):
    raise ValueError(data.decode())

def die(data):
    os._exit(3)
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that another process finds, wherever it was started."""
    (tmp_path / "beside_functions.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("beside_functions")
    del sys.modules["beside_functions"]


class InProcess(CoroutineHandler):
    async def handle(self) -> None:
        while line := await self.connection.read():
            there: Any = sys.modules["beside_functions"]
            function = {b"fail": there.fail, b"die": there.die}.get(line, there.where)
            try:
                answer = await self.connection.offload_to_process(function, line)
            except Exception as error:
                answer = f"{type(error).__name__}: {error}".encode()
            self.connection.write(answer)


@pytest.mark.usefixtures("no_tracker", "functions")
@pytest.mark.parametrize("engine", ["sync", "thread-pool", "multiplexing", "forking"])
def test_a_function_is_called_in_another_process(engine: str) -> None:
    """What it returns and what it raises come back; one that kills its process harms nobody else."""
    with hosted(engine, InProcess) as host:
        client = host.connect()
        client.send(b"here")
        answer = client.take(14)
        assert answer[:4] == b"here"
        assert int(answer[4:]) != os.getpid()
        client.send(b"fail")
        assert client.take(16) == b"ValueError: fail"
        if engine != "forking":
            client.send(b"die")
            assert client.take(18) == b"BrokenProcessPool:"
        client.end()
        client.rest()


class Slow(ProtocolHandler):
    """Has its answers worked out elsewhere."""

    reply_ratio = 2.0

    def receive(self, data: bytes) -> None:
        self.offload(bytes.upper, data, then=self.done)

    def done(self, result: bytes) -> bytes:
        return result + b"\n"

    def eof(self) -> bytes:
        self.offload(bytes.lower, b"BYE", then=self.done)
        return b"end "


@pytest.mark.parametrize("engine", ENGINES)
def test_a_protocol_handler_works_beside(engine: str) -> None:
    """Its continuation gets the result and returns what to send; at the end of the stream as well."""
    with hosted(engine, Slow) as host:
        client = host.connect()
        for word in (b"one", b"two"):
            client.send(word)
            assert client.take(4) == word.upper() + b"\n"
        client.end()
        assert client.rest() == b"end bye\n"


def test_a_datagram_may_be_answered_from_beside() -> None:
    """The reply waits for the result."""
    with hosted("multiplexing", Slow, datagrams=True) as host:
        assert host.ask(b"packet") == b"PACKET\n"


class Pausing(ProtocolHandler):
    """Stops receiving after each arrival, until a test says so."""

    handlers: list[Pausing]

    def receive(self, data: bytes) -> bytes:
        self.pause()
        self.handlers.append(self)
        return data + b";"


@pytest.mark.parametrize("engine", sorted(STREAM_ENGINES.keys() - {"forking", "memory", "sync"}))
def test_a_paused_protocol_receives_nothing_until_it_resumes(engine: str) -> None:
    """What has come meanwhile is there then."""
    seen: list[Any] = []
    happened = threading.Semaphore(0)

    class Noting(Pausing):
        handlers = seen

        def receive(self, data: bytes) -> bytes:
            answer = super().receive(data)
            happened.release()
            return answer

    with hosted(engine, Noting) as host, socket.create_connection(host.server.server_address, PATIENCE) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"a;"
        assert happened.acquire(timeout=PATIENCE)
        client.sendall(b"b")
        # Whoever would receive it in spite of the pause had every chance while this goes to and fro.
        with socket.create_connection(host.server.server_address, PATIENCE) as other:
            other.sendall(b"x")
            assert other.recv(10) == b"x;"
            assert happened.acquire(timeout=PATIENCE)
        assert len(seen) == 2
        seen[0].resume()
        assert client.recv(10) == b"b;"
        seen[-1].resume()
        seen[1].resume()


@pytest.mark.parametrize("engine", sorted(STREAM_ENGINES))
@pytest.mark.parametrize("handler", ["classic", "coroutine", "protocol"])
def test_a_vote_may_be_worked_out_beside_before_anything_was_read(engine: str, handler: str) -> None:
    """As by a plugin that asks a store, where no layer stands."""

    class Asks:
        @hookimpl
        async def authorize(self, connection: Connection) -> bool:
            return bool(await connection.offload(lambda: True))

    class Classic(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(self.request.recv(5))

    class Awaiting(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(await self.connection.read(5))

    class Protocol(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            return data

    chosen: Any = {"classic": Classic, "coroutine": Awaiting, "protocol": Protocol}[handler]
    with hosted(engine, chosen, plugins=[Asks()]) as host:
        client = host.connect()
        client.send(b"hello")
        assert client.take(5) == b"hello"
