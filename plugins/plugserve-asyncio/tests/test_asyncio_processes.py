"""What of other processes a request on an asyncio loop may have: it can be passed on and taken, but not forked."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import plugserve_asyncio
from plugserve import CoroutineHandler, PlugserveError
from plugserve.testing import hosted

PATIENCE = 20


@pytest.mark.parametrize("engine", ["asyncio", "uvloop"])
def test_a_fork_is_refused_with_the_way_out(engine: str) -> None:
    """The request goes on where it is."""

    class Forks(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                await self.connection.fork()
            except PlugserveError as error:
                self.connection.write(str(error).encode())

    with hosted(engine, Forks) as host:
        client = host.connect()
        client.send(b"x")
        assert b"use offload_to_process()" in client.rest()


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="waits for a platform with SO_PEERCRED")
@pytest.mark.parametrize("engine", ["asyncio", "uvloop"])
def test_a_request_goes_from_one_loop_to_another(tmp_path: Path, engine: str) -> None:
    """With its unread bytes; the first loop serves on."""
    from plugserve import PassedServer

    path = str(tmp_path / "pass.sock")

    class Sorter(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_until(b"\n", 100)
            await self.connection.pass_on(path, b"state")

    class Worker(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(self.connection.passed_state or b"")
            while data := await self.connection.read():
                self.connection.write(data)

    mix_in: Any = getattr(plugserve_asyncio, "AsyncioMixIn" if engine == "asyncio" else "UvloopMixIn")
    server_class: Any = type("Taking", (mix_in, PassedServer), {})
    with server_class(path, Worker) as server, hosted(engine, Sorter) as host:
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        for _ in range(3):
            client = host.connect()
            client.send(b"first\nahead")
            assert client.take(10) == b"stateahead"
            client.send(b"later")
            assert client.take(5) == b"later"
            client.end()
            assert client.rest() == b""
        server.shutdown(drain=PATIENCE)
        loop.join(PATIENCE)
        assert not loop.is_alive()
