"""Stopping well: `shutdown(drain=seconds)` on every engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import BaseRequestHandler, Context, CoroutineHandler, ProtocolHandler, hookimpl
from plugserve.testing import STREAM_ENGINES

PATIENCE = 20
# A child is asked in another way, which test_children_* is about.
HERE = sorted(STREAM_ENGINES.keys() - {"memory", "forking"})


class Polite(CoroutineHandler):
    """Says farewell when the server drains."""

    def goodbye(self, deadline: float) -> None:
        self.connection.end_input()

    async def handle(self) -> None:
        self.connection.write(b"welcome\n")
        while line := await self.connection.read():
            self.connection.write(line)
        self.connection.write(b"farewell\n" if self.connection.draining else b"bye\n")


class PoliteProtocol(ProtocolHandler):
    speaks_first = True

    def opened(self) -> bytes:
        return b"welcome\n"

    def goodbye(self, deadline: float) -> None:
        self.connection.end_input()

    def receive(self, data: bytes) -> bytes:
        return data

    def eof(self) -> bytes:
        return b"farewell\n" if self.connection.draining else b"bye\n"


class Deaf(CoroutineHandler):
    """Does not care."""

    async def handle(self) -> None:
        self.connection.write(b"welcome\n")
        while await self.connection.read():
            pass


class Classic(BaseRequestHandler):
    speaks_first = True

    def handle(self) -> None:
        self.request.sendall(b"welcome\n")
        while data := self.request.recv(100):
            self.request.sendall(data)
        self.request.sendall(b"farewell\n")


class Ends:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self.seen.append((context.outcome, reason))


@contextmanager
def _served(engine: str, handler: Any, ends: Ends) -> Iterator[Any]:
    with STREAM_ENGINES[engine](("127.0.0.1", 0), handler, plugins=[ends]) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown()
            loop.join(PATIENCE)
            assert not loop.is_alive()


def _rest(client: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: client.recv(100), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("handler", [Polite, PoliteProtocol])
def test_an_idle_client_hears_the_farewell_of_its_protocol(engine: str, handler: type) -> None:
    """A handler that waits for its client is told, on the engine `sync`, whose loop is busy with it, too; the drain
    ends as soon as the last request has."""
    ends = Ends()
    with _served(engine, handler, ends) as server:
        with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
            assert client.recv(100) == b"welcome\n"
            stopping = threading.Thread(target=server.shutdown, kwargs={"drain": 3600})
            stopping.start()
            assert _rest(client) == b"farewell\n"
        stopping.join(PATIENCE)
    assert ends.seen == [("ok", "finished")]


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("handler", [Deaf, Classic])
def test_who_does_not_come_to_an_end_is_ended_at_the_deadline(engine: str, handler: type) -> None:
    """The client sees the end of its connection, and the request counts as aborted."""
    ends = Ends()
    with (
        _served(engine, handler, ends) as server,
        socket.create_connection(server.server_address, timeout=PATIENCE) as client,
    ):
        assert client.recv(100) == b"welcome\n"
        server.shutdown(drain=0.05)
        assert _rest(client) in (b"", b"farewell\n")
    [(outcome, reason)] = ends.seen
    if handler is Deaf:
        assert outcome == "aborted"
        assert "drain deadline" in reason


@pytest.mark.parametrize("engine", HERE)
def test_clients_that_the_kernel_had_accepted_are_served(engine: str) -> None:
    """They were promised an answer when their connection was established."""
    ends = Ends()
    entered, go_on = threading.Event(), threading.Event()

    class Slow(BaseRequestHandler):
        speaks_first = True

        def handle(self) -> None:
            entered.set()
            go_on.wait(PATIENCE)
            self.request.sendall(b"served")

    with _served(engine, Slow, ends) as server:
        clients = [socket.create_connection(server.server_address, timeout=PATIENCE)]
        assert entered.wait(PATIENCE)
        # More than have been accepted where the loop is busy with the first.
        clients += [socket.create_connection(server.server_address, timeout=PATIENCE) for _ in range(3)]
        stopping = threading.Thread(target=server.shutdown, kwargs={"drain": 3600})
        stopping.start()
        go_on.set()
        assert [_rest(client) for client in clients] == [b"served"] * 4
        for client in clients:
            client.close()
        stopping.join(PATIENCE)
    assert [outcome for outcome, _ in ends.seen] == ["ok"] * 4
