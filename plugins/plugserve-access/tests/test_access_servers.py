"""The plugin on real servers: every transport that a test can reach, and every engine of the core."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve import ConfigurationError, hookimpl
from plugserve_access import Access

# The clients here, and pytest's own watchdog, are threads beside a forking server: that is the point of such a test.
pytestmark = pytest.mark.filterwarnings("ignore:forking while other threads run:RuntimeWarning")

LOOPBACK4, LOOPBACK6 = ("127.0.0.1", 0), ("::1", 0, 0, 0)
PATIENCE = 20.0

forking = pytest.mark.skipif(not hasattr(plugserve, "ForkingTCPServer"), reason="needs fork")
unix = pytest.mark.skipif(not hasattr(plugserve, "UnixStreamServer"), reason="needs Unix sockets")
ENGINES = [
    "TCPServer",
    "ThreadingTCPServer",
    pytest.param("ForkingTCPServer", marks=forking),
]
UNIX_ENGINES = [
    "UnixStreamServer",
    "ThreadingUnixStreamServer",
    pytest.param("ForkingUnixStreamServer", marks=forking),
]


class Hello(plugserve.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"hello")


class CoroutineHello(plugserve.CoroutineHandler):
    speaks_first = True

    async def handle(self) -> None:
        self.connection.write(b"hello")
        await self.connection.drain()


class DatagramHello(plugserve.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(b"hello " + data, self.client_address)


class Rejections:
    """Remembers who refused whom, and lets a test wait for it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str | None, Any]] = []
        self._happened = threading.Semaphore(0)

    @hookimpl
    def request_rejected(self, client_address: Any, context: Any) -> None:
        self.seen.append((context.rejected_by, client_address))
        self._happened.release()

    def wait(self) -> None:
        """Wait for the next one."""
        assert self._happened.acquire(timeout=PATIENCE)


class Turns:
    """Counts turns of the server's loop, and lets a test wait for some."""

    def __init__(self) -> None:
        self.count = 0
        self._happened = threading.Semaphore(0)

    @hookimpl
    def service_actions(self) -> None:
        self.count += 1
        self._happened.release()

    def wait(self, count: int) -> None:
        """Wait until the plugins before this one have been called so often from now on."""
        while self._happened.acquire(blocking=False):
            pass
        # One more: a turn may be under way already.
        for _ in range(count + 1):
            assert self._happened.acquire(timeout=PATIENCE)


class Said:
    """A layer: the client says in a line who it is, as a PROXY header would."""

    phase = "peer"

    @hookimpl
    async def open_connection(self, connection: Any) -> None:
        line = await connection.read_until(b"\n", 100)
        connection.client_address = (line.strip().decode(), 0)


@contextmanager
def served(
    kind: str, address: Any, *plugins: Any, handler: type = Hello, **attributes: object
) -> Iterator[tuple[Any, Rejections]]:
    """A running server of some class, and who was refused by it."""
    rejections = Rejections()
    server_class: Any = type("Server", (getattr(plugserve, kind),), attributes)
    with server_class(address, handler, plugins=[*plugins, rejections]) as server:
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        loop.start()
        try:
            yield server, rejections
        finally:
            server.shutdown()
            loop.join(PATIENCE)


def ask(address: Any, family: int, first: bytes = b"") -> bytes:
    """What a client is told until the end of the stream; nothing if it is turned away."""
    with socket.socket(family) as client:
        client.settimeout(PATIENCE)
        client.connect(address)
        answer = b""
        try:
            if first:
                client.sendall(first)
            while data := client.recv(100):
                answer += data
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


@pytest.fixture
def ipv6() -> None:
    """Skips where the host has no IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(LOOPBACK6)
    except OSError:
        pytest.skip("needs IPv6 on the loopback interface")


@pytest.mark.parametrize("handler", [Hello, CoroutineHello])
@pytest.mark.parametrize("kind", ENGINES)
def test_a_tcp_peer_is_served_or_refused_on_every_engine(kind: str, handler: type) -> None:
    """An allowed one is answered; a denied one is told nothing, and the refusal names the plugin."""
    with served(kind, LOOPBACK4, Access(allow=["127.0.0.1"]), handler=handler) as (server, rejections):
        assert ask(server.server_address, socket.AF_INET) == b"hello"
        assert rejections.seen == []
    with served(kind, LOOPBACK4, Access(deny=["127.0.0.0/8"]), handler=handler) as (server, rejections):
        assert ask(server.server_address, socket.AF_INET, b"please") == b""
        assert [(by, address[0]) for by, address in rejections.seen] == [("access", "127.0.0.1")]


@pytest.mark.parametrize("kind", ENGINES)
def test_without_rules_a_loopback_peer_is_served_on_every_engine(kind: str) -> None:
    """What the demo and every first try rely on."""
    with served(kind, LOOPBACK4, Access()) as (server, rejections):
        assert ask(server.server_address, socket.AF_INET) == b"hello"
    assert rejections.seen == []


@unix
@pytest.mark.parametrize("kind", UNIX_ENGINES)
def test_a_unix_peer_is_served_or_refused_on_every_engine(kind: str, tmp_path: Path) -> None:
    """Served without rules and by the rule `unix`, refused by a list of networks."""
    for number, (access, answer) in enumerate(
        [(Access(), b"hello"), (Access(allow=["unix"]), b"hello"), (Access(allow=["127.0.0.1"]), b"")]
    ):
        path = str(tmp_path / str(number))
        with served(kind, path, access) as (_, rejections):
            assert ask(path, socket.AF_UNIX) == answer
        assert [by for by, _ in rejections.seen] == ([] if answer else ["access"])


@unix
def test_a_unix_peer_with_a_name_is_the_same_peer(tmp_path: Path) -> None:
    """A path that a client has bound itself to says nothing."""
    path = str(tmp_path / "server")
    with (
        served("ThreadingUnixStreamServer", path, Access(deny=["unix"])) as (_, rejections),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(PATIENCE)
        client.bind(str(tmp_path / "client"))
        client.connect(path)
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass
    assert [by for by, _ in rejections.seen] == ["access"]


@unix
def test_unix_datagrams_are_voted_on(tmp_path: Path) -> None:
    """With a name to reply to, or without one."""
    path = str(tmp_path / "server")
    with (
        served("UnixDatagramServer", path, Access(), handler=DatagramHello) as (_, rejections),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        client.bind(str(tmp_path / "client"))
        client.sendto(b"you", path)
        assert client.recv(100) == b"hello you"
    assert rejections.seen == []
    path = str(tmp_path / "other")
    with (
        served("UnixDatagramServer", path, Access(deny=["unix"]), handler=DatagramHello) as (_, rejections),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
    ):
        client.sendto(b"you", path)
        rejections.wait()
    assert [by for by, _ in rejections.seen] == ["access"]


def test_a_datagram_is_voted_on() -> None:
    """A denied one gets no answer; the next, to another server, does."""
    with (
        served("UDPServer", LOOPBACK4, Access(deny=["127.0.0.1"]), handler=DatagramHello) as (server, rejections),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(server.server_address)
        client.send(b"you")
        rejections.wait()
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(100)
    with (
        served("UDPServer", LOOPBACK4, Access(allow=["127.0.0.1"]), handler=DatagramHello) as (server, _),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        client.connect(server.server_address)
        client.send(b"you")
        assert client.recv(100) == b"hello you"


@pytest.mark.usefixtures("ipv6")
def test_an_ipv4_client_of_a_dual_stack_server_is_an_ipv4_peer() -> None:
    """The rules about IPv4 hold for it, those about IPv6 do not, and the other way round."""
    for access, answers in [
        (Access(), (b"hello", b"hello")),
        (Access(allow=["127.0.0.1"]), (b"hello", b"")),
        (Access(allow=["::1"]), (b"", b"hello")),
        (Access(allow=["::/0"]), (b"", b"hello")),
        (Access(deny=["127.0.0.0/8"]), (b"", b"hello")),
    ]:
        with served("ThreadingTCPServer", ("::", 0, 0, 0), access, dual_stack=True) as (server, _):
            port = server.server_address[1]
            assert ask(("127.0.0.1", port), socket.AF_INET) == answers[0]
            assert ask(("::1", port), socket.AF_INET6) == answers[1]


@pytest.mark.parametrize("kind", ENGINES)
def test_the_real_client_behind_a_layer_is_voted_on(kind: str) -> None:
    """The peer is allowed to connect; whom it speaks for is another question."""
    access = Access(allow=["127.0.0.1", "192.0.2.0/24"])
    with served(kind, LOOPBACK4, access, Said()) as (server, rejections):
        for client, answer in [
            (b"192.0.2.1\n", b"hello"),
            (b"198.51.100.1\n", b""),
            (b"unknown\n", b""),
            (b"::ffff:192.0.2.9\n", b"hello"),
        ]:
            assert ask(server.server_address, socket.AF_INET, client) == answer
    assert rejections.seen == [("access", ("198.51.100.1", 0)), ("access", ("unknown", 0))]


@pytest.mark.parametrize("first", [True, False])
def test_the_order_of_voter_and_layer_does_not_matter(first: bool) -> None:
    """The peer is refused before the layer has read a byte, wherever it stands."""
    plugins = [Access(deny=["127.0.0.1"]), Said()]
    if not first:
        plugins.reverse()
    with served("ThreadingTCPServer", LOOPBACK4, *plugins) as (server, rejections):
        assert ask(server.server_address, socket.AF_INET) == b""
    assert [address[0] for _, address in rejections.seen] == ["127.0.0.1"]


@pytest.mark.parametrize("kind", ENGINES)
def test_a_list_that_changes_is_in_force_on_a_running_server(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart, on every engine, in the process that accepts."""
    path = tmp_path / "denied"
    path.write_text("192.0.2.1")
    access = Access(deny_file=path)
    turns = Turns()
    began = access._book._clock()
    monkeypatch.setattr(access._book, "_clock", lambda: began + 2 * turns.count)
    with served(kind, LOOPBACK4, access, turns) as (server, _):
        for content, answer in [("192.0.2.1", b"hello"), ("192.0.2.1\n127.0.0.1", b""), ("", b"hello")]:
            path.write_text(content)
            turns.wait(5)
            assert ask(server.server_address, socket.AF_INET) == answer


@pytest.mark.parametrize("kind", ENGINES)
def test_a_broken_list_refuses_to_start_the_server(kind: str, tmp_path: Path) -> None:
    """The constructor raises, and the error names file and line."""
    path = tmp_path / "allowed"
    path.write_text("127.0.0.1\n127.0.0.1/8")
    with pytest.raises(ConfigurationError, match=f"{path}, line 2: .* write 127.0.0.0/8"):
        getattr(plugserve, kind)(LOOPBACK4, Hello, plugins=[Access(allow_file=path)])
