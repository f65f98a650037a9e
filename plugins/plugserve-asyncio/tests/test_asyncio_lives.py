"""Requests on an asyncio loop: every style, transport and engine, and the same life as everywhere else."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import plugserve_asyncio
from plugserve import (
    BaseRequestHandler,
    CoroutineHandler,
    DatagramRequestHandler,
    Limits,
    ProtocolHandler,
    StreamRequestHandler,
    TCPServer,
    hookimpl,
)
from plugserve.testing import HeaderLayer, Recorder, hosted

PATIENCE = 20

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


class ClassicShout(StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class ClassicDatagram(DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class CoroutineShout(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            await asyncio.sleep(0)
            self.connection.write(data.upper())


class ProtocolShout(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.upper()


STYLES = {"classic": ClassicShout, "coroutine": CoroutineShout, "protocol": ProtocolShout}


def server_of(engine: str, kind: str) -> Any:
    """A ready-made class."""
    return getattr(plugserve_asyncio, f"{engine.capitalize()}{kind}Server")


@contextmanager
def served(server: Any) -> Iterator[Any]:
    """Serve in a thread for as long as the block runs."""
    with server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join()


def talk(address: Any, family: int, sent: bytes) -> bytes:
    """Send, end our side, and read to the end."""
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        client.connect(address)
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(65536):
            got += data
        return got


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_served_over_tcp(engine: str, style: str) -> None:
    """With the ready-made class, as with a mix-in of one's own."""
    mix_in = getattr(plugserve_asyncio, f"{engine.capitalize()}MixIn")
    for server_class in (server_of(engine, "TCP"), type("Own", (mix_in, TCPServer), {})):
        with served(server_class(("127.0.0.1", 0), STYLES[style])) as server:
            assert talk(server.server_address, socket.AF_INET, b"hello" * 20000) == b"HELLO" * 20000


@unix
@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_served_over_unix_streams(engine: str, style: str, tmp_path: Path) -> None:
    """The same over a path."""
    path = str(tmp_path / "socket")
    with served(server_of(engine, "UnixStream")(path, STYLES[style])):
        assert talk(path, socket.AF_UNIX, b"hello") == b"HELLO"


@pytest.mark.parametrize("handler", [ClassicDatagram, CoroutineShout, ProtocolShout])
def test_every_style_answers_datagrams(engine: str, handler: type) -> None:
    """Over UDP."""
    with (
        served(server_of(engine, "UDP")(("127.0.0.1", 0), handler)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        for data in (b"one", b"two"):
            client.sendto(data, server.server_address)
            assert client.recv(100) == data.upper()


@unix
@pytest.mark.parametrize("handler", [ClassicDatagram, CoroutineShout, ProtocolShout])
def test_every_style_answers_datagrams_over_unix_sockets(engine: str, handler: type, tmp_path: Path) -> None:
    """Where the client has a path of its own to be answered at."""
    path, own = str(tmp_path / "server"), str(tmp_path / "client")
    with (
        served(server_of(engine, "UnixDatagram")(path, handler)),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        client.bind(own)
        client.sendto(b"hello", path)
        assert client.recv(100) == b"HELLO"


def events_of(engine: str, handler: type, plugins: list[Any], sent: bytes, **arguments: Any) -> list[Any]:
    """The hooks that one conversation calls."""
    recorder = Recorder()
    with hosted(engine, handler, plugins=[*plugins, recorder], **arguments) as host:
        client = host.connect()
        client.send(sent)
        client.end()
        client.rest()
    events = recorder.events
    recorder.close()
    return events


class Failing(CoroutineHandler):
    async def handle(self) -> None:
        await self.connection.read()
        await self.fail()

    async def fail(self) -> None:
        raise LookupError("by design")


class FailingLater(Failing):
    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise LookupError("by design")


@pytest.mark.parametrize("style", STYLES)
def test_the_order_of_hooks_is_that_of_the_sync_engine(engine: str, style: str) -> None:
    """The same names, the same facts, in the same order, through a layer, too."""
    handler = STYLES[style] if style != "coroutine" else Polite
    for layers, sent in (([], b"hello"), ([HeaderLayer()], b"CLIENT 203.0.113.7 4711\nhello")):
        expected = events_of("sync", handler, layers, sent)
        assert [event[0] for event in expected][-1] == "connection_closed"
        assert events_of(engine, handler, layers, sent) == expected


class Polite(CoroutineHandler):
    """Awaits asyncio where there is one."""

    async def handle(self) -> None:
        while data := await self.connection.read():
            if self.server.engine_name != "sync":
                await asyncio.sleep(0)
            self.connection.write(data)


def test_an_exception_of_a_handler_is_told_as_everywhere(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To the hooks, and to `handle_error`, whether the handler had awaited asyncio or not."""
    expected = events_of("sync", Failing, [], b"x")
    for handler in (Failing, FailingLater):
        assert events_of(engine, handler, [], b"x") == expected
        assert "LookupError: by design" in capsys.readouterr().err


def test_a_denied_client_leaves_no_task(engine: str) -> None:
    """It is told of and closed as everywhere, and the task that was made for it ends."""

    class Door:
        @hookimpl
        def verify_request(self, client_address: Any) -> bool:
            return False

    recorder = Recorder()
    with hosted(engine, CoroutineShout, plugins=[Door(), recorder]) as host:
        assert host.connect().rest() == b""
    assert recorder.hooks == ["request_rejected"]
    recorder.close()


def test_clients_that_hang_up_are_no_error(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the handler waits for."""

    class Slow(CoroutineHandler):
        async def handle(self) -> None:
            while data := await self.connection.read():
                await asyncio.sleep(0.001)
                self.connection.write(data * 10000)

    with hosted(engine, Slow) as host:
        for _ in range(5):
            client = host.connect()
            client.send(b"x" * 100)
            client.reset()
        client = host.connect()
        client.send(b"x")
        client.end()
        assert client.rest() == b"x" * 10000
    assert capsys.readouterr().err == ""


def test_an_error_of_accept_ends_nothing(engine: str, no_drift: list[str]) -> None:
    """The host is out of descriptors for a moment: the listener rests, and goes on."""
    with hosted(engine, ProtocolShout, accept_errors=[errno.EMFILE] * 2) as host:
        client = host.connect()
        client.send(b"hello")
        assert client.take(5) == b"HELLO"
    assert len(no_drift) == 1
    no_drift.clear()


@pytest.mark.parametrize("style", ["coroutine", "protocol"])
def test_many_clients_are_served_at_once_by_one_thread(engine: str, style: str) -> None:
    """All are connected before any is answered."""
    base = server_of(engine, "TCP")
    server_class = type("Deep", (base,), {"request_queue_size": 128})
    with served(server_class(("127.0.0.1", 0), STYLES[style])) as server:
        before = threading.active_count()
        clients = [socket.create_connection(server.server_address, timeout=PATIENCE) for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(b"client %d" % number)
        for number, client in enumerate(clients):
            assert client.recv(100) == b"CLIENT %d" % number
        assert threading.active_count() == before
        for client in clients:
            client.close()


def test_the_table_shows_requests_that_await_asyncio(engine: str) -> None:
    """They are being handled, and nobody keeps them idle."""

    class Waiting(CoroutineHandler):
        async def handle(self) -> None:
            data = await self.connection.read()
            going.set()
            await asyncio.to_thread(go_on.wait, PATIENCE)
            self.connection.write(data)

    going, go_on = threading.Event(), threading.Event()
    with hosted(engine, Waiting, limits=Limits(idle=0.001)) as host:
        client = host.connect()
        client.send(b"x")
        assert going.wait(PATIENCE)
        [row] = host.server.requests()
        assert (row.state, row.idle) == ("handling", 0.0)
        go_on.set()
        assert client.rest() == b"x"


def test_handle_request_sees_one_request_through(engine: str) -> None:
    """Without `serve_forever`, again and again, on the same loop."""
    loops = []

    class Once(CoroutineHandler):
        async def handle(self) -> None:
            loops.append(asyncio.get_running_loop())
            data = await self.connection.read()
            await asyncio.sleep(0.001)
            self.connection.write(data.upper())

    with server_of(engine, "TCP")(("127.0.0.1", 0), Once) as server:
        for data in (b"one", b"two"):
            with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                server.handle_request()
                assert client.recv(100) == data.upper()
        server.timeout = 0.001
        server.handle_request()
    assert loops[0] is loops[1]
    assert loops[0].is_closed()


def test_a_loop_of_known_software_serves_handlers_on_the_loop(engine: str) -> None:
    """Programs that bring a serve_forever of their own call `_handle_request_noblock` from outside any loop."""
    with (
        server_of(engine, "TCP")(("127.0.0.1", 0), CoroutineShout) as server,
        socket.create_connection(server.server_address, timeout=PATIENCE) as client,
    ):
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        server._handle_request_noblock()
        assert client.recv(100) == b"HELLO"


def test_service_actions_tick_and_a_fault_of_theirs_ends_nothing(engine: str, no_drift: list[str]) -> None:
    """As on every engine."""
    base = server_of(engine, "TCP")

    class Ticking(base):  # type: ignore[misc]  # chosen at run time
        ticks = 0

        def service_actions(self) -> None:
            self.ticks += 1
            raise LookupError("by design")

    with Ticking(("127.0.0.1", 0), ProtocolShout) as server:
        loop = threading.Thread(target=server.serve_forever, args=(0.001,))
        loop.start()
        while server.ticks < 3:
            pass
        assert talk(server.server_address, socket.AF_INET, b"hello") == b"HELLO"
        server.shutdown()
        loop.join()
    assert "LookupError: by design" in no_drift[0]
    no_drift.clear()


def test_offloaded_work_and_layers_run_as_everywhere(engine: str) -> None:
    """A worker thread of the front, behind a layer."""

    class Beside(CoroutineHandler):
        async def handle(self) -> None:
            data = await self.connection.read()
            there = await self.connection.offload(threading.get_ident)
            self.connection.write(data + b"%d" % (there != threading.get_ident()))

    with hosted(engine, Beside, plugins=[HeaderLayer()]) as host:
        client = host.connect()
        client.send(b"CLIENT 203.0.113.7 4711\nx")
        assert client.rest() == b"x1"


def test_the_real_request_of_a_classic_handler_is_a_plain_socket(engine: str) -> None:
    """Nothing of the loop is in its way."""

    class Plain(BaseRequestHandler):
        def handle(self) -> None:
            assert type(self.request) is socket.socket
            assert self.request.gettimeout() is None
            self.request.sendall(self.request.recv(100))

    with hosted(engine, Plain) as host:
        client = host.connect()
        client.send(b"hello")
        assert client.rest() == b"hello"
