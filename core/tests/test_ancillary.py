"""Descriptors and credentials on Unix sockets, on every engine."""

from __future__ import annotations

import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    CoroutineHandler,
    Limits,
    PlugserveError,
    ProtocolHandler,
    hookimpl,
)
from plugserve.ancillary import MOST_UNTAKEN, PeerCredentials
from plugserve.life import current

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")

ENGINES: dict[str, type | None] = {
    "sync": None,
    "threading": plugserve.ThreadingMixIn,
    "thread-pool": plugserve.ThreadPoolMixIn,
    "multiplexing": plugserve.MultiplexingMixIn,
    "forking": plugserve.ForkingMixIn,
}
BASES = {"stream": plugserve.UnixStreamServer, "seqpacket": plugserve.UnixSeqpacketServer}
PATIENCE = 20.0


@contextmanager
def served(
    path: Path, engine: str, handler: Any, *, kind: str = "stream", accept: int = 0, **arguments: Any
) -> Iterator[socket.socket]:
    """A client of a server on a path."""
    mix_in = ENGINES[engine]
    bases = (BASES[kind],) if mix_in is None else (mix_in, BASES[kind])
    server_class: Any = type("Server", bases, {"accept_descriptors": accept})
    with server_class(str(path / "socket"), handler, **arguments) as server, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        server._core_warned_of_threads = True  # the test's own threads are there by design
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            with socket.socket(socket.AF_UNIX, BASES[kind].socket_type) as client:
                client.settimeout(PATIENCE)
                client.connect(str(path / "socket"))
                yield client
                try:
                    client.shutdown(socket.SHUT_RDWR)  # a child of a forking server holds a copy of it
                except OSError:
                    pass  # ended already
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join()


def send_with(client: socket.socket, data: bytes, descriptors: list[int]) -> None:
    """One message."""
    socket.send_fds(client, [data], descriptors)


def contents(descriptors: list[int]) -> bytes:
    """What can be read from each, after which they are closed."""
    found = b""
    for descriptor in descriptors:
        with os.fdopen(descriptor, "rb") as file:
            found += file.read() + b";"
    return found


class Reader(CoroutineHandler):
    """Answers with what the descriptors lead to."""

    async def handle(self) -> None:
        data = await self.connection.read_exactly(2)
        self.connection.write(data + b":" + contents(self.connection.take_descriptors()))


class ReaderProtocol(ProtocolHandler):
    """The same without I/O of its own."""

    def receive(self, data: bytes) -> bytes:
        self.close()
        return data + b":" + contents(self.connection.take_descriptors())


def pipes(*texts: bytes) -> list[int]:
    """Descriptors to read these from."""
    found = []
    for text in texts:
        reading, writing = os.pipe()
        os.write(writing, text)
        os.close(writing)
        found.append(reading)
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", BASES)
@pytest.mark.parametrize("handler", [Reader, ReaderProtocol])
def test_a_handler_takes_the_descriptors_that_came_with_what_it_has_read(
    engine: str, kind: str, handler: Any, tmp_path: Path
) -> None:
    """In the order in which they were sent."""
    mine = pipes(b"one", b"two", b"three")
    with served(tmp_path, engine, handler, kind=kind, accept=3) as client:
        send_with(client, b"ab", mine)
        for descriptor in mine:
            os.close(descriptor)
        answer = b""
        while more := client.recv(100):
            answer += more
    assert answer == b"ab:one;two;three;"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("accept", [0, 2])
def test_descriptors_that_nobody_takes_are_closed(engine: str, accept: int, tmp_path: Path) -> None:
    """The other end of the pipe sees it; with no descriptors accepted none are ever ours."""

    class Ignore(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_exactly(2)

    reading, writing = os.pipe()
    with served(tmp_path, engine, Ignore, accept=accept) as client:
        send_with(client, b"ab", [writing, writing])
        os.close(writing)
        assert client.recv(100) == b""
        client.shutdown(socket.SHUT_WR)
        assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("engine", ["sync", "multiplexing"])
@pytest.mark.parametrize("accept", [1, 2, 3])
def test_more_descriptors_than_accepted_end_the_connection(
    engine: str, accept: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And none of them is left open."""
    ended: list[str] = []

    class Note:
        @hookimpl
        def connection_closed(self, context: Any) -> None:
            ended.append(str(context.exception))

    reading, writing = os.pipe()
    with served(tmp_path, engine, Reader, accept=accept, plugins=[Note()]) as client:
        send_with(client, b"ab", [writing] * (accept + 1))
        os.close(writing)
        assert client.recv(100) == b""
        client.shutdown(socket.SHUT_WR)
        assert os.read(reading, 1) == b""
    os.close(reading)
    assert f"more than {accept} descriptors at once" in ended[0]


def test_a_handler_that_never_takes_any_cannot_be_made_to_hoard_them(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There is a cap on those that wait."""

    class Patient(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read(1):
                self.connection.write(b".")

    reading, writing = os.pipe()
    with served(tmp_path, "multiplexing", Patient, accept=200) as client:
        for _ in range(MOST_UNTAKEN // 200):
            send_with(client, b"a", [writing] * 200)
            assert client.recv(1) == b"."
        send_with(client, b"a", [writing] * 200)
        os.close(writing)
        assert client.recv(1) == b""
        client.shutdown(socket.SHUT_WR)
        assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_came_is_not_inherited_by_programs_that_a_handler_starts(engine: str, tmp_path: Path) -> None:
    """Close-on-exec is set from the first moment."""

    class Look(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_exactly(1)
            [descriptor] = self.connection.take_descriptors()
            self.connection.write(b"%d" % os.get_inheritable(descriptor))
            os.close(descriptor)

    [mine] = pipes(b"")
    with served(tmp_path, engine, Look, accept=1) as client:
        send_with(client, b"a", [mine])
        assert client.recv(1) == b"0"
    os.close(mine)


def receive_all(client: socket.socket) -> tuple[bytes, list[int], list[int]]:
    """The stream, the descriptors, and where in the stream each came."""
    stream, descriptors, places = b"", [], []
    while True:
        data, came, _, _ = socket.recv_fds(client, 65536, 10)
        descriptors += came
        places += [len(stream)] * len(came)
        if not data:
            return stream, descriptors, places
        stream += data


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("amount", [0, 3_000_000])
def test_a_server_sends_descriptors_in_their_place(engine: str, amount: int, tmp_path: Path) -> None:
    """Also behind output that the peer takes late; the handler may close its own at once."""

    class Give(CoroutineHandler):
        async def handle(self) -> None:
            connection = self.connection
            connection.write(b"b" * amount)
            for text in (b"one", b"two"):
                [descriptor] = pipes(text)
                await connection.send_descriptors(b"here", [descriptor])
                os.close(descriptor)
            connection.write(b"after")

    limits = Limits(output=4_000_000, high_water=4_000_000)
    with served(tmp_path, engine, Give, limits=limits) as client:
        stream, descriptors, places = receive_all(client)
    assert stream == b"b" * amount + b"hereherea" + b"fter"
    assert contents(descriptors) == b"one;two;"
    assert places[1] == amount + 4
    assert places[0] <= amount  # a receive may begin before, and gives both


def test_descriptors_that_were_not_sent_in_time_are_closed(tmp_path: Path) -> None:
    """The peer that takes nothing is cut off, and nothing stays open."""
    reading, writing = os.pipe()

    class Give(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(b"b" * 3_000_000)
            await self.connection.send_descriptors(b"here", [writing])
            os.close(writing)

    limits = Limits(output=4_000_000, high_water=4_000_000, close_timeout=0.05)
    with served(tmp_path, "multiplexing", Give, limits=limits):
        assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", BASES)
def test_the_peers_credentials_are_known_to_votes_and_handlers(engine: str, kind: str, tmp_path: Path) -> None:
    """As the kernel noted them when it connected."""
    seen: list[PeerCredentials | None] = []

    class Vote:
        @hookimpl
        def verify_request(self, context: Any) -> bool:
            seen.append(context.peer_credentials)
            return bool(context.peer_credentials.uid == os.getuid())

    class Who(CoroutineHandler):
        async def handle(self) -> None:
            who = self.connection.peer_credentials
            assert who is not None
            self.connection.write(b"%d" % who.uid)

    with served(tmp_path, engine, Who, kind=kind, plugins=[Vote()]) as client:
        assert client.recv(100) == b"%d" % os.getuid()
    assert seen == [PeerCredentials(os.getpid(), os.getuid(), os.getgid())]


def test_on_other_transports_there_are_no_credentials() -> None:
    """None, whatever is asked."""
    from plugserve.testing import hosted

    class Who(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            return repr(self.context.peer_credentials).encode()

    for engine in ("sync", "memory"):
        with hosted(engine, Who) as host:
            client = host.connect()
            client.send(b"?")
            assert client.take(4) == b"None"
    with hosted("sync", Who, datagrams=True) as host:
        assert host.ask(b"????") == b"None"


def test_a_classic_handler_takes_descriptors_from_its_socket(tmp_path: Path) -> None:
    """It has the real one; what is for the others says so."""
    errors: list[BaseException] = []

    class Classic(BaseRequestHandler):
        def handle(self) -> None:
            data, descriptors, _, _ = socket.recv_fds(self.request, 10, 2)
            try:
                connection = current.connection
                assert connection is not None
                connection.take_descriptors()
            except PlugserveError as error:
                errors.append(error)
            self.request.sendall(data + contents(descriptors))

    mine = pipes(b"one")
    with served(tmp_path, "threading", Classic, accept=2) as client:
        send_with(client, b"ab", mine)
        os.close(mine[0])
        assert client.recv(100) == b"abone;"
    assert "take descriptors with socket.recv_fds" in str(errors[0])


def test_what_cannot_be_sent_or_accepted_is_refused(tmp_path: Path) -> None:
    """At the call, or at start."""
    from plugserve.testing import hosted

    class Give(CoroutineHandler):
        async def handle(self) -> None:
            with pytest.raises(ValueError, match="at least one byte"):
                await self.connection.send_descriptors(b"", [0])
            with pytest.raises(ValueError, match="one to 253"):
                await self.connection.send_descriptors(b"a", [])
            with pytest.raises(OSError, match="Bad file descriptor"):
                await self.connection.send_descriptors(b"a", [-1])
            self.connection.write(b"ok")

    with served(tmp_path, "threading", Give) as client:
        assert client.recv(2) == b"ok"

    class GiveTCP(CoroutineHandler):
        async def handle(self) -> None:
            with pytest.raises(PlugserveError, match="another process of this machine only, and this is tcp"):
                await self.connection.send_descriptors(b"a", [0])
            self.connection.write(b"ok")

    with hosted("sync", GiveTCP) as host:
        assert host.connect().take(2) == b"ok"
    for wrong in (-1, 254, True):
        server_class: Any = type("Server", (plugserve.UnixStreamServer,), {"accept_descriptors": wrong})
        with pytest.raises(ConfigurationError, match="give 0 to 253"):
            server_class(str(tmp_path / f"socket{wrong}"), Reader)
