"""Connections that a handler makes, relays, and what is sent from outside of a request: on every engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from plugserve import Context, CoroutineHandler, PlugserveError, ProtocolHandler, TCPServer, hookimpl
from plugserve.testing import STREAM_ENGINES

PATIENCE = 20
ENGINES = sorted(STREAM_ENGINES.keys() - {"memory"})


class Backend:
    """A listener whose connections a test holds itself."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = self.listener.getsockname()

    def accept(self) -> socket.socket:
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        return sock


@pytest.fixture
def backend() -> Iterator[Backend]:
    """One for the test."""
    made = Backend()
    yield made
    made.listener.close()


class Ends:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.happened = threading.Semaphore(0)

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        self.seen.append(context.outcome)
        self.happened.release()


@contextmanager
def _served(engine: str, handler: Any, **arguments: Any) -> Iterator[Any]:
    with STREAM_ENGINES[engine](("127.0.0.1", 0), handler, **arguments) as server:
        server._core_warned_of_threads = True
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


def _connect(server: TCPServer) -> socket.socket:
    return socket.create_connection(server.server_address, timeout=PATIENCE)


def _rest(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def _relay_to(address: Any) -> type[CoroutineHandler]:
    class Relay(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.relay(await self.connection.connect(address))

    return Relay


@pytest.mark.parametrize("engine", ENGINES)
def test_a_relay_passes_on_bytes_and_ends_both_ways(engine: str, backend: Backend) -> None:
    """Each direction ends on its own, and the other goes on."""
    ends = Ends()
    with _served(engine, _relay_to(backend.address), plugins=[ends]) as server:
        with _connect(server) as client, backend.accept() as behind:
            client.sendall(b"question")
            assert behind.recv(100) == b"question"
            behind.sendall(b"answer")
            assert client.recv(100) == b"answer"
            client.shutdown(socket.SHUT_WR)
            assert behind.recv(100) == b""
            behind.sendall(b"and more")
            behind.shutdown(socket.SHUT_WR)
            assert _rest(client) == b"and more"
        assert ends.happened.acquire(timeout=PATIENCE)
    assert ends.seen == ["ok"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_relay_of_much_data_loses_nothing(engine: str, backend: Backend) -> None:
    """More than any buffer holds, both ways at once."""
    data = bytes(range(256)) * 16_384
    with _served(engine, _relay_to(backend.address)) as server, _connect(server) as client, backend.accept() as behind:

        def send(sock: socket.socket) -> threading.Thread:
            def run() -> None:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        heard: list[bytes] = []
        threads = [send(client), send(behind), threading.Thread(target=lambda: heard.append(_rest(behind)))]
        threads[2].start()
        assert _rest(client) == data
        for thread in threads:
            thread.join(PATIENCE)
        assert heard == [data]


@pytest.mark.parametrize("engine", ENGINES)
def test_questions_can_be_asked_elsewhere_by_turns(engine: str, backend: Backend) -> None:
    """A handler reads from its client and from another server as it likes."""

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            other = await self.connection.connect(backend.address)
            while line := await self.connection.read():
                other.write(b"<" + line + b">")
                self.connection.write(await other.read_until(b".", 100))
            await other.finish()
            self.connection.write(await other.read())

    with _served(engine, Asks) as server, _connect(server) as client, backend.accept() as behind:
        for word in (b"one", b"two", b"three"):
            client.sendall(word)
            assert behind.recv(100) == b"<" + word + b">"
            behind.sendall(word.upper() + b".")
            assert client.recv(100) == word.upper() + b"."
        client.shutdown(socket.SHUT_WR)
        assert behind.recv(100) == b""
        behind.sendall(b"bye")
        assert _rest(client) == b"bye"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_is_not_there_is_an_error_that_can_be_caught(engine: str) -> None:
    """With the address in its text, and nothing left open."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = nobody.getsockname()

    class Tries(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            try:
                await self.connection.connect(address)
            except ConnectionRefusedError as error:
                self.connection.write(str(error).encode())

    with _served(engine, Tries) as server, _connect(server) as client:
        answer = _rest(client).decode()
    assert str(address[1]) in answer
    assert "ECONNREFUSED" in answer


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_a_unix_socket_can_be_connected_to(tmp_path: Any) -> None:
    """By its path."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with _served("multiplexing", _relay_to(path)) as server, _connect(server) as client:
            behind, _ = listener.accept()
            with behind:
                client.sendall(b"through")
                assert behind.recv(100) == b"through"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_abort_ends_a_request_that_waits_for_somebody_else(engine: str, backend: Backend) -> None:
    """Closing the server does not wait for a backend that says nothing."""
    if engine == "forking":
        pytest.skip("a child is ended by a signal, which test_forking is about")

    class Waits(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            other = await self.connection.connect(backend.address)
            self.connection.write(b"connected")
            await other.read()

    ends = Ends()
    with _served(engine, Waits, plugins=[ends]) as server:
        with _connect(server) as client, backend.accept() as behind:
            assert client.recv(100) == b"connected"
            [c] = server._core_requests.values()
            c.abort("told to")
            assert _rest(behind) == b""
        assert ends.happened.acquire(timeout=PATIENCE)
    assert ends.seen == ["aborted"]


def test_the_memory_engine_says_that_it_cannot_connect() -> None:
    """A test that needs a network is told so."""
    from plugserve.testing import hosted

    class Tries(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            try:
                await self.connection.connect(("127.0.0.1", 1))
            except PlugserveError as error:
                self.connection.write(str(error).encode())

    with hosted("memory", Tries) as host:
        assert b"no network" in host.connect().rest()


class Chat(ProtocolHandler):
    """What one says, all hear."""

    speaks_first = True
    room: ClassVar[set[Chat]] = set()

    def opened(self) -> bytes:
        self.room.add(self)
        return b"welcome"

    def receive(self, data: bytes) -> None:
        for other in tuple(self.room):
            other.connection.post(data)

    def closed(self) -> None:
        self.room.discard(self)


@pytest.mark.parametrize("engine", ["threading", "thread-pool", "multiplexing"])
def test_a_broadcast_is_an_ordinary_handler(engine: str) -> None:
    """What is posted reaches clients whose own requests wait, whatever thread handles them."""
    with _served(engine, Chat) as server:
        clients = [_connect(server) for _ in range(3)]
        for client in clients:
            assert client.recv(100) == b"welcome"
        for client in clients:
            client.sendall(b"hello")
            assert [other.recv(100) for other in clients] == [b"hello"] * 3
        for client in clients:
            client.close()
    assert not Chat.room


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    """What others post to it does not pile up without bounds."""
    ends = Ends()
    with _served("multiplexing", Chat, plugins=[ends]) as server:
        with _connect(server) as deaf, _connect(server) as speaker:
            assert speaker.recv(100) == b"welcome"
            piece = b"x" * 65536
            while not ends.seen:
                speaker.sendall(piece)
                speaker.recv(65536)
            deaf.close()
        assert ends.happened.acquire(timeout=PATIENCE)
        assert ends.happened.acquire(timeout=PATIENCE)
    # The speaker may leave with some of its own words unread, which resets its connection.
    assert sorted(ends.seen) in (["aborted", "ok"], ["aborted", "peer-closed"])
