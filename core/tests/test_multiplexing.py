"""The engine `multiplexing`: one thread, whatever the system call that it waits with."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import (
    ConfigurationError,
    CoroutineHandler,
    MultiplexingMixIn,
    MultiplexingTCPServer,
    MultiplexingUDPServer,
    ProtocolHandler,
    StreamRequestHandler,
)
from plugserve.poller import POLLERS, make_poller

PATIENCE = 20


class Shout(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.upper()


class SlowShout(CoroutineHandler):
    """Says in which thread it runs, and works beside."""

    async def handle(self) -> None:
        while data := await self.connection.read():
            here = threading.get_ident()
            there = await self.connection.offload(threading.get_ident)
            self.connection.write(data.upper() + b"%d" % (here != there))


class ClassicShout(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


@contextmanager
def _served(server: Any) -> Iterator[Any]:
    with server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join()


def _with(poller: str, base: type = MultiplexingTCPServer) -> Any:
    return type("Forced", (base,), {"poller": poller, "request_queue_size": 128})


@pytest.mark.parametrize("poller", POLLERS)
@pytest.mark.parametrize("handler", [Shout, SlowShout, ClassicShout])
def test_every_way_to_wait_serves_many_clients_at_once(poller: str, handler: type) -> None:
    """All are connected before any is answered, and each gets its own answer."""
    with _served(_with(poller)(("127.0.0.1", 0), handler)) as server:
        clients = [socket.create_connection(server.server_address, timeout=PATIENCE) for _ in range(50)]
        for number, client in enumerate(clients):
            client.sendall(b"client %d\n" % number)
        for number, client in enumerate(clients):
            expected = b"CLIENT %d\n" % number + (b"1" if handler is SlowShout else b"")
            answer = b""
            while len(answer) < len(expected):
                answer += client.recv(100)
            assert answer == expected
            client.close()


@pytest.mark.parametrize("name", POLLERS)
def test_a_way_to_wait_that_another_loop_cannot_wait_for_says_so(name: str) -> None:
    """Only epoll and kqueue have a descriptor of their own."""
    poller = make_poller(name)
    try:
        if name in ("epoll", "kqueue"):
            assert poller.fileno() >= 0
        else:
            with pytest.raises(ConfigurationError, match="must be epoll or kqueue"):
                poller.fileno()
    finally:
        poller.close()


@pytest.mark.parametrize("poller", POLLERS)
def test_datagrams_are_answered_whatever_the_way_to_wait(poller: str) -> None:
    """One socket, many clients."""
    with _served(_with(poller, MultiplexingUDPServer)(("127.0.0.1", 0), Shout)) as server:
        for number in range(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.sendto(b"hello %d" % number, server.server_address)
                assert client.recv(100) == b"HELLO %d" % number


@pytest.mark.parametrize("handler", [Shout, SlowShout])
def test_without_work_beside_no_thread_is_started(handler: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with neither threads nor fork is enough: everything runs in the one that calls serve_forever."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    with _served(MultiplexingTCPServer(("127.0.0.1", 0), handler)) as server:
        monkeypatch.setattr(threading.Thread, "start", noted)
        with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
            client.sendall(b"a")
            assert client.recv(100).startswith(b"A")
    assert all(thread.name.startswith("plugserve-offload") for thread in started)
    assert bool(started) == (handler is SlowShout)


def test_the_table_tells_of_every_unfinished_request_from_any_thread() -> None:
    """Who it is, where it is, how old, how long it waits, and how many bytes have gone each way."""
    with _served(MultiplexingTCPServer(("127.0.0.1", 0), Shout)) as server:
        with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"
            while not (rows := server.requests()) or rows[0].idle == 0.0 or not rows[0].bytes_out:
                pass
            [row] = rows
            assert row.client_address == client.getsockname()
            assert (row.handler, row.state) == ("Shout", "handling")
            assert (row.bytes_in, row.bytes_out, row.buffered) == (5, 5, 0)
            assert row.age >= row.idle > 0
        while server.requests():
            pass


def test_a_way_to_wait_that_is_not_here_is_refused() -> None:
    """In words that say which there are."""
    with pytest.raises(ConfigurationError, match="there is no iocp here: use auto, ") as caught:
        make_poller("iocp")
    assert caught.value.option == "poller"
    with pytest.raises(ConfigurationError):
        MultiplexingMixIn.check_engine_options(poller="iocp")
    MultiplexingMixIn.check_engine_options(poller="select")
