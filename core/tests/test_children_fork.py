"""`fork()` out of a running request: part of it here, the rest in a child, and nothing lost on the way."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import pytest

from plugserve import (
    ChildError,
    CoroutineHandler,
    Limits,
    MultiplexingTCPServer,
    PlugserveError,
    ProtocolHandler,
    TCPServer,
    hookimpl,
)
from plugserve.testing import CipherLayer, ToyCipher, hosted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="waits for a platform with fork()")

ENGINES = ["sync", "multiplexing", "threading", "thread-pool"]


class Facts:
    """Keeps what the parent's observers are told, and in which process."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.processes: set[int] = set()

    @hookimpl
    def connection_closed(self, context: Any, reason: str) -> None:
        self.processes.add(os.getpid())
        self.told.append((context.outcome, context.bytes_in, context.bytes_out, context.identity, reason))

    @hookimpl
    def handle_error(self, exception: BaseException) -> None:
        self.processes.add(os.getpid())
        self.told.append(exception)


class Halves(CoroutineHandler):
    """Reads one line in the server's process and the others in a child."""

    async def handle(self) -> None:
        connection = self.connection
        first = await connection.read_until(b"\n", 100)
        before = os.getpid()
        connection.write(b"%d\n" % before)
        await connection.fork()
        connection.identity = first.decode().strip()
        connection.write(b"%d %d\n" % (os.getpid(), os.getpid() != before))
        while line := await connection.read():
            connection.write(first.strip() + b":" + line)


class HalvesProtocol(ProtocolHandler):
    """The same without I/O."""

    def opened(self) -> None:
        self.first = b""
        self.before = 0

    def receive(self, data: bytes) -> bytes:
        if not self.first:
            self.first, rest = data.split(b"\n", 1)
            self.before = os.getpid()
            self.rest = rest
            self.fork()
            self.set_timer(0.0)
            return b"%d\n" % os.getpid()
        return self.first + b":" + data

    def timer_expired(self) -> bytes:
        self.connection.identity = self.first.decode()
        said = b"%d %d\n" % (os.getpid(), os.getpid() != self.before)
        return said + (self.receive(self.rest) if self.rest else b"")


def _line(client: Any) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = client.take(1)
        assert piece, f"the stream ended after {line!r}"
        line += piece
    return line


@pytest.mark.parametrize("handler", [Halves, HalvesProtocol])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_child_goes_on_with_what_was_read_parsed_and_remembered(engine: str, handler: type[Any]) -> None:
    """Unread bytes and local variables are all there; the parent serves on and learns the facts once."""
    facts = Facts()
    with hosted(engine, handler, plugins=[facts]) as host:
        client = host.connect()
        client.send(b"name\nahead\n")
        here = int(_line(client))
        child, other = _line(client).split()
        assert here == os.getpid()
        assert (int(child) != here, other) == (True, b"1")
        assert client.take(11) == b"name:ahead\n"
        second = host.connect()
        second.send(b"other\n")
        assert int(_line(second)) == here, "the parent serves on while the child is at work"
        assert _line(second)
        client.send(b"later\n")
        assert client.take(11) == b"name:later\n"
        client.end()
        assert client.rest() == b""
        second.end()
        assert second.rest() == b""
    assert sorted(fact[:2] + fact[3:] for fact in facts.told) == [
        ("ok", 6, "other", "finished"),
        ("ok", 17, "name", "finished"),
    ]
    assert facts.processes == {os.getpid()}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_transform_goes_on_in_the_child(engine: str) -> None:
    """Its state, and plain bytes that it had decoded and nobody had read, come along."""
    cipher = ToyCipher(7)
    with hosted(engine, Halves, plugins=[CipherLayer()]) as host:
        client = host.connect()
        client.send(b"KEY\x07" + cipher.encode(b"name\nahead\n"))
        assert client.take(2) == b"OK"
        client.send(cipher.encode(b"later\n") + cipher.close())
        said = cipher.feed(client.rest()).split(b"\n")
    assert said[1].endswith(b" 1")
    # The second portion may have come before or after the child read the first.
    assert said[2:] in ([b"name:ahead", b"name:later", b""], [b"name:ahead", b"later", b""])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_request_stays_in_the_table_until_its_child_has_reported(engine: str) -> None:
    """As away; its descriptor here is closed, and the client sees no end of its stream."""

    class Stays(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                await self.connection.fork()
            finally:
                gone.set()
            self.connection.write(b"child")
            await self.connection.read()

    gone = threading.Event()
    with hosted(engine, Stays) as host:
        client = host.connect()
        client.send(b"x")
        assert client.take(5) == b"child"
        assert gone.wait(20)
        [row] = host.server.requests()
        assert row.state == "away"
        [c] = host.server._core_requests.values()
        assert c.request.fileno() == -1
        assert c.process not in (None, os.getpid())
        client.end()
        assert client.rest() == b""
    assert host.server.requests() == []


@pytest.mark.parametrize("engine", ENGINES)
def test_what_fails_in_the_child_is_told_in_the_parent(engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    """handle_error with a ChildError, then connection_closed, each once."""

    class Fails(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            await self.connection.fork()
            raise LookupError("nobody knows")

    facts = Facts()
    with hosted(engine, Fails, plugins=[facts]) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    error, closed = facts.told
    assert isinstance(error, ChildError)
    assert (error.kind, error.text, closed[0]) == ("LookupError", "nobody knows", "error")
    assert facts.processes == {os.getpid()}
    assert "LookupError" in capfd.readouterr().err


@pytest.mark.parametrize("engine", ENGINES)
def test_a_child_that_is_killed_is_an_error_of_its_request(engine: str) -> None:
    """Nothing was reported, so the parent says what it saw."""

    class Dies(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            await self.connection.fork()
            os.kill(os.getpid(), signal.SIGKILL)

    facts = Facts()
    with hosted(engine, Dies, plugins=[facts]) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    assert "signal 9" in str(facts.told[0])
    assert facts.told[1][0] == "error"


@pytest.mark.parametrize("engine", ENGINES)
def test_finally_clauses_run_in_the_parent_too_and_cannot_reach_the_client(engine: str) -> None:
    """What they would send there is the child's to send; the handler's hook `finish` runs in the child alone."""
    seen: list[str] = []
    here = os.getpid()

    class Cleans(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                await self.connection.fork()
                self.connection.write(b"child")
            finally:
                seen.append("cleaned")
                self.connection.write(b"parent" if os.getpid() == here else b"end")

    class Finish:
        @hookimpl
        def finish(self) -> None:
            seen.append("finish")

    with hosted(engine, Cleans, plugins=[Finish()]) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b"childend"
    assert seen == ["cleaned"]


@pytest.mark.parametrize("engine", ENGINES)
def test_without_room_for_another_process_the_handler_is_told_and_may_go_on(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fork(2) fails with EAGAIN; the request is still here, and whole."""

    class Tries(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_exactly(1)
            try:
                await self.connection.fork()
            except BlockingIOError:
                self.connection.write(b"no room: ")
            self.connection.write(await self.connection.read_exactly(3))

    def refuses() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    facts = Facts()
    with hosted(engine, Tries, plugins=[facts]) as host:
        monkeypatch.setattr(os, "fork", refuses)
        client = host.connect()
        client.send(b"x")
        client.send(b"abc")
        assert client.take(12) == b"no room: abc"
    assert facts.told == [("ok", 4, 12, None, "finished")]


def test_output_that_the_loop_could_not_send_yet_is_sent_by_the_child() -> None:
    """The client takes it while the child waits for the next bytes."""
    size = 32 * 1024 * 1024
    written = threading.Event()

    class Much(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_exactly(1)
            self.connection.write(b"m" * size)
            buffered = self.connection.buffered
            written.set()
            await self.connection.fork()
            self.connection.write(b"%d" % (buffered > 0))
            await self.connection.read_exactly(1)

    with hosted("multiplexing", Much, limits=Limits(output=2 * size)) as host:
        client = host.connect()
        client.send(b"x")
        assert written.wait(20)
        got = 0
        while got < size:
            got += len(client.take(min(size - got, 65536)))
        assert client.take(1) == b"1"
        client.send(b"y")
        assert client.rest() == b""


@pytest.mark.parametrize("engine", ["forking", "memory"])
def test_where_there_is_a_process_for_each_request_or_none_at_all_it_does_nothing(engine: str) -> None:
    """So a handler that forks runs there, too; and a second fork() in a child is nothing, likewise."""

    class Forks(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            before = os.getpid()
            await self.connection.fork()
            self.connection.write(b"%d" % (os.getpid() == before))

    with hosted(engine, Forks) as host:
        client = host.connect()
        client.send(b"x")
        assert client.take(1) == b"1"


def test_a_second_fork_in_the_child_does_nothing() -> None:
    """It has a process of its own already."""

    class Twice(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            await self.connection.fork()
            child = os.getpid()
            await self.connection.fork()
            self.connection.write(b"%d" % (os.getpid() == child))

    with hosted("sync", Twice) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b"1"


@pytest.mark.parametrize("engine", ["sync", "multiplexing"])
def test_a_datagram_is_refused_with_the_way_out(engine: str) -> None:
    """There is no stream to go on with."""
    refused: list[str] = []

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.fork()
            except PlugserveError as error:
                refused.append(str(error))
            self.connection.write(b"done")

    with hosted(engine, Asks, datagrams=True) as host:
        assert host.ask(b"four") == b"done"
    assert refused == ["fork: a datagram has nothing to go on with: use offload_to_process()"]


def test_an_engine_that_cannot_says_why() -> None:
    """As asyncio's do."""

    class Never(TCPServer):
        _core_no_fork = "not here"

    refused: list[str] = []

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.fork()
            except PlugserveError as error:
                refused.append(str(error))

    with Never(("127.0.0.1", 0), Asks) as server, socket.create_connection(server.server_address, 20) as client:
        client.sendall(b"x")
        server.handle_request()
    assert refused == ["fork: not here"]


def test_a_layer_may_not_fork(no_drift: list[str]) -> None:
    """Before its handler a request belongs to the front."""

    class Layer:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            await connection.fork()

    facts = Facts()
    with hosted("multiplexing", Halves, plugins=[Layer(), facts]) as host:
        assert host.connect().rest() == b""
    assert facts.told == []
    [record] = no_drift
    assert "only the handler of a request may do that" in record
    no_drift.clear()


@pytest.mark.parametrize("server_class", [TCPServer, MultiplexingTCPServer])
def test_handle_request_comes_back_while_the_child_is_at_work(server_class: Any) -> None:
    """A later turn, or server_close(), takes note of its end."""
    facts = Facts()
    with (
        server_class(("127.0.0.1", 0), Halves, plugins=[facts]) as server,
        socket.create_connection(server.server_address, 20) as client,
    ):
        server._core_warned_of_threads = True
        client.sendall(b"name\n")
        server.handle_request()
        while not server._core_children.pids:
            server.timeout = 0.05
            server.handle_request()
        assert [row.state for row in server.requests()] == ["away"]
        client.shutdown(socket.SHUT_WR)
        while client.recv(100):
            pass
    assert [fact[0] for fact in facts.told] == ["ok"]
    assert not server._core_children.pids


def test_an_override_of_the_closing_methods_is_not_called_for_a_request_that_went_on() -> None:
    """It would end the stream that the child speaks on."""
    closed: list[int] = []

    class Server(TCPServer):
        def shutdown_request(self, request: Any) -> None:
            closed.append(request.fileno())
            super().shutdown_request(request)

    with Server(("127.0.0.1", 0), Halves) as server, socket.create_connection(server.server_address, 20) as client:
        server._core_warned_of_threads = True
        client.sendall(b"name\n")
        server.handle_request()
        client.shutdown(socket.SHUT_WR)
        while client.recv(100):
            pass
    assert closed == []
