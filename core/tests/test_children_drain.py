"""A drain reaches the requests that child processes handle."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import BaseRequestHandler, Context, CoroutineHandler, ProtocolHandler, hookimpl
from plugserve.connection import Connection
from plugserve.control import Control, say
from plugserve.testing import STREAM_ENGINES, CipherLayer, ToyCipher, hosted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="waits for a platform with fork()")

PATIENCE = 20


class Ends:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self.seen.append((context.outcome, reason))


class Polite(CoroutineHandler):
    """Says farewell when the server drains."""

    def goodbye(self, deadline: float) -> None:
        self.left = deadline
        self.connection.end_input()

    async def handle(self) -> None:
        await self.connection.read()
        await self.connection.fork()
        self.connection.write(b"welcome\n")
        while line := await self.connection.read():
            self.connection.write(line)
        if self.connection.draining:
            self.connection.write(b"farewell %d\n" % (0 < self.left <= 3600))


class PoliteProtocol(ProtocolHandler):
    greeted = False

    def goodbye(self, deadline: float) -> None:
        self.connection.end_input()

    def receive(self, data: bytes) -> bytes:
        if self.greeted:
            return data
        self.greeted = True
        self.fork()
        self.set_timer(0.0)
        return b""

    def timer_expired(self) -> bytes:
        return b"welcome\n"

    def eof(self) -> bytes:
        return b"farewell 1\n"


class Naps(CoroutineHandler):
    """Waits for the time, not for its client."""

    def goodbye(self, deadline: float) -> None:
        self.connection.write(b"farewell 1\n")
        self.connection.close()

    async def handle(self) -> None:
        await self.connection.read()
        await self.connection.fork()
        self.connection.write(b"welcome\n")
        while not self.connection.output_closed:
            await self.connection.wait_readable(3600)


class SpeaksFirst(CoroutineHandler):
    """Says farewell in `goodbye` itself, while its life waits for the client."""

    def goodbye(self, deadline: float) -> None:
        self.connection.write(b"farewell 1\n")
        self.connection.close()

    async def handle(self) -> None:
        await self.connection.read()
        await self.connection.fork()
        self.connection.write(b"welcome\n")
        while await self.connection.read():
            pass


class Deaf(CoroutineHandler):
    async def handle(self) -> None:
        await self.connection.read()
        await self.connection.fork()
        self.connection.write(b"welcome\n")
        while await self.connection.read():
            pass


class Classic(BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(10)
        self.request.sendall(b"welcome\n")
        while data := self.request.recv(100):
            self.request.sendall(data)


@contextmanager
def _served(engine: str, handler: Any, ends: Ends, **attributes: Any) -> Iterator[Any]:
    with type("Server", (STREAM_ENGINES[engine],), attributes)(("127.0.0.1", 0), handler, plugins=[ends]) as server:
        server._core_warned_of_threads = True
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


@contextmanager
def _client(server: Any) -> Iterator[socket.socket]:
    with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
        client.sendall(b"x")
        assert client.recv(8) == b"welcome\n"
        yield client


@pytest.mark.parametrize("engine", ["forking", "sync", "multiplexing", "threading"])
@pytest.mark.parametrize("handler", [Polite, PoliteProtocol, Naps, SpeaksFirst])
@pytest.mark.parametrize("urgent", [None, "event", "inline"])
def test_an_idle_child_says_farewell_and_holds_nobody_up(engine: str, handler: type, urgent: str | None) -> None:
    """It hears of the drain while it waits for its client, for urgent data or for the time, and the drain ends when it
    has."""
    ends = Ends()
    with _served(engine, handler, ends, urgent=urgent) as server, _client(server) as client:
        stopping = threading.Thread(target=server.shutdown, kwargs={"drain": 3600})
        stopping.start()
        assert _rest(client) == b"farewell 1\n"
        client.close()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()
    assert ends.seen == [("ok", "finished")]


@pytest.mark.parametrize("engine", ["forking", "sync", "multiplexing"])
@pytest.mark.parametrize("urgent", [None, "event"])
def test_a_child_that_does_not_come_to_an_end_is_ended_at_the_deadline(engine: str, urgent: str | None) -> None:
    """Its connection ends, and it reports that it was aborted."""
    ends = Ends()
    with _served(engine, Deaf, ends, urgent=urgent) as server, _client(server) as client:
        server.shutdown(drain=0.05)
        assert _rest(client) == b""
    assert ends.seen == [("aborted", "the server's drain deadline passed")]


def test_so_is_one_whose_classic_handler_waits_for_the_socket_by_itself() -> None:
    """It sees the end of its stream."""
    ends = Ends()
    with _served("forking", Classic, ends) as server, _client(server) as client:
        server.shutdown(drain=0.05)
        assert _rest(client) == b""
    assert [outcome for outcome, _ in ends.seen] == ["ok"]


def test_a_request_that_the_server_aborts_ends_in_its_child() -> None:
    """Whoever has the connection's row may say so."""
    ends = Ends()
    with _served("forking", Deaf, ends) as server, _client(server) as client:
        [c] = server._core_requests.values()
        while not server._core_children.pids:
            os.sched_yield()  # the child may be ahead of the parent
        c.abort("enough")
        assert _rest(client) == b""
    assert ends.seen == [("aborted", "the server ended the request")]


def test_the_time_that_a_classic_handler_sets_for_its_socket_holds_behind_a_layer() -> None:
    """There the child waits for its parent, too, but no longer than the handler asked for."""

    class Impatient(BaseRequestHandler):
        def handle(self) -> None:
            assert self.request.recv(1) == b"x"
            self.request.settimeout(0.01)
            try:
                self.request.recv(1)
            except TimeoutError:
                self.request.sendall(b"too long")

    cipher = ToyCipher(7)
    with hosted("forking", Impatient, plugins=[CipherLayer()]) as host:
        client = host.connect()
        client.send(b"KEY\x07" + cipher.encode(b"x"))
        assert client.take(2) == b"OK"
        assert cipher.feed(client.take(9)) == b"too long"


def test_a_child_whose_parent_has_died_goes_on() -> None:
    """It hears the end of the socket pair once, and looks at its client alone from then on."""
    ours, theirs = socket.socketpair()
    here, there = socket.socketpair()
    with STREAM_ENGINES["sync"](("127.0.0.1", 0), Deaf) as server, theirs, here, there:
        c = Connection(server, here, None)
        c.open_channel()
        control = Control(theirs)
        c.draining = True
        say(ours, "goodbye", 0.0)
        ours.close()
        there.send(b"x")
        control.wait(c)
        control.wait(c)
        assert control.fileno() == -1
        control.wait(c)
        control.send(b"a report that nobody reads")
        c.cut()


def test_telling_a_child_that_has_ended_is_no_error() -> None:
    """Its report may be on its way."""
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        say(ours, "goodbye", 1.0)
