"""The toxic proxy: each fault, at its place in the stream."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import ProtocolHandler, UnixStreamServer
from plugserve.testing import Recorder, ToxicProxy, hosted

PATIENCE = 20


class Noting(ProtocolHandler):
    """Sends back what comes, and notes in which pieces it came."""

    pieces: list[bytes]

    def receive(self, data: bytes) -> bytes:
        self.pieces.append(data)
        return data


def _noting() -> type[Noting]:
    return type("Noting", (Noting,), {"pieces": []})


@pytest.fixture
def through() -> Any:
    """A proxy, a client through it, and the pieces in which the server got what was sent."""
    handler = _noting()
    with (
        hosted("multiplexing", handler) as host,
        ToxicProxy(host.server.server_address) as proxy,
        socket.create_connection(proxy.address, timeout=PATIENCE) as client,
    ):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield proxy, client, handler.pieces


def _take(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := client.recv(count - len(data))):
        data += more
    return data


def test_without_a_fault_everything_goes_through(through: Any) -> None:
    """Both ways, the ends of streams included."""
    proxy, client, _ = through
    client.sendall(b"hello")
    assert _take(client, 5) == b"hello"
    client.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b""
    assert proxy.to_server.passed == proxy.to_client.passed == 5


def test_slices_are_no_larger_than_was_said(through: Any) -> None:
    """And nothing is lost between them."""
    proxy, client, pieces = through
    proxy.to_server.slice(1)
    client.sendall(b"slices")
    assert _take(client, 6) == b"slices"
    assert b"".join(pieces) == b"slices"


def test_what_is_stalled_comes_after_the_release(through: Any) -> None:
    """What lies before the place goes through, the rest waits."""
    proxy, client, pieces = through
    proxy.to_server.stall(after=3)
    client.sendall(b"abcdef")
    assert _take(client, 3) == b"abc"
    assert b"".join(pieces) == b"abc"
    proxy.to_server.release()
    assert _take(client, 3) == b"def"


def test_a_limit_ends_both_ways_after_its_bytes(through: Any) -> None:
    """In good order."""
    proxy, client, _ = through
    proxy.to_client.limit(after=4)
    client.sendall(b"abcdef")
    assert _take(client, 10) == b"abcd"


def test_a_reset_is_one(through: Any) -> None:
    """The client's next read fails, after what was passed on before."""
    proxy, client, _ = through
    proxy.to_client.reset(after=2)
    client.sendall(b"abc")
    heard = b""
    with pytest.raises(ConnectionResetError):
        while data := client.recv(10):
            heard += data
    assert heard in (b"", b"ab")  # a reset may overtake what has not been read


@contextmanager
def _to_nobody() -> Iterator[tuple[ToxicProxy, socket.socket, socket.socket]]:
    """A proxy, and both ends of one connection through it, in the hands of the test."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ToxicProxy(listener.getsockname()) as proxy,
        socket.create_connection(proxy.address, timeout=PATIENCE) as client,
    ):
        listener.settimeout(PATIENCE)
        server, _ = listener.accept()
        server.settimeout(PATIENCE)
        with server:
            yield proxy, client, server


@pytest.mark.parametrize("direction", ["to_server", "to_client"])
def test_a_reset_comes_to_both_sides_at_once(direction: str) -> None:
    """Although no byte is on its way: to the server it is no end of the stream either."""
    with _to_nobody() as (proxy, client, server):
        getattr(proxy, direction).reset()
        for end in (client, server):
            with pytest.raises(ConnectionResetError):
                end.recv(1)


def test_a_stalled_connection_can_be_reset() -> None:
    """What was held is lost."""
    with _to_nobody() as (proxy, client, server):
        proxy.to_server.stall(after=1)
        client.sendall(b"ab")
        assert server.recv(10) == b"a"
        proxy.to_client.reset()
        for end in (client, server):
            with pytest.raises(ConnectionResetError):
                end.recv(1)


def test_what_is_asked_for_later_holds_for_the_next_byte() -> None:
    """Nothing that came after the word is passed on."""
    with _to_nobody() as (proxy, client, server):
        client.sendall(b"abc")
        assert _take(server, 3) == b"abc"
        proxy.to_server.half_close(after=3)
        assert server.recv(1) == b""
        client.sendall(b"lost")
        server.sendall(b"the other way goes on")
        assert _take(client, 21) == b"the other way goes on"
        assert proxy.to_server.passed == 3


@pytest.mark.parametrize("engine", ["sync", "threading", "forking", "multiplexing"])
def test_a_reset_is_one_for_the_handler_too(engine: str, hook_recorder: Recorder) -> None:
    """Although a child holds copies of all that the test has open."""
    with hosted(engine, _noting(), plugins=[hook_recorder]) as host, ToxicProxy(host.server.server_address) as proxy:
        client = host.connect(through=proxy)
        client.send(b"hello")
        assert client.take(5) == b"hello"
        proxy.to_server.reset()
        with pytest.raises(ConnectionResetError):
            client.take(1)
    hook, facts = hook_recorder.events[-1]
    assert (hook, facts["outcome"]) == ("connection_closed", "peer-closed")


def test_a_server_in_memory_has_no_proxy() -> None:
    """It is told at once."""
    with hosted("memory", _noting()) as host, pytest.raises(ValueError, match="take another engine"):
        host.connect(through=ToxicProxy.__new__(ToxicProxy))


def test_one_direction_can_end_alone(through: Any) -> None:
    """The server hears the end, and the other direction goes on."""
    proxy, client, pieces = through
    proxy.to_server.half_close(after=3)
    client.sendall(b"abcdef")
    assert _take(client, 10) == b"abc"
    assert b"".join(pieces) == b"abc"


def test_delay_and_bandwidth_only_take_time(through: Any) -> None:
    """The bytes stay what they are."""
    proxy, client, _ = through
    proxy.to_server.delay(0.001, jitter=0.001)
    proxy.to_client.bandwidth(100_000)
    client.sendall(b"slowly")
    assert _take(client, 6) == b"slowly"
    proxy.to_server.heal()
    client.sendall(b"healed")
    assert _take(client, 6) == b"healed"


def test_closing_ends_a_connection_that_is_stalled() -> None:
    """Nothing is left behind, which the fixture of every test sees to."""
    with hosted("threading", _noting()) as host:
        proxy = ToxicProxy(host.server.server_address)
        proxy.to_server.stall()
        with socket.create_connection(proxy.address, timeout=PATIENCE) as client:
            client.sendall(b"lost")
            proxy.close()
            try:
                assert client.recv(10) == b""
            except ConnectionResetError:
                pass  # what it had not read yet was thrown away


def test_a_server_that_is_not_there_is_a_connection_that_ends() -> None:
    """As a real proxy does it."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with ToxicProxy(address) as proxy, socket.create_connection(proxy.address, timeout=PATIENCE) as client:
        assert client.recv(10) == b""


def test_unix_sockets_on_both_sides(tmp_path: Any) -> None:
    """By their paths."""
    behind, before = str(tmp_path / "behind"), str(tmp_path / "before")
    with UnixStreamServer(behind, _noting()) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            with ToxicProxy(behind, path=before) as proxy, socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(proxy.address)
                client.sendall(b"unix")
                assert _take(client, 4) == b"unix"
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)
