"""Datagrams: where a reply comes from, how long it may be, and that the short way to it does what the long one does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import BaseRequestHandler, Context, CoroutineHandler, Limits, ProtocolHandler, hookimpl
from plugserve.testing.hosting import DATAGRAM_ENGINES, hosted

PATIENCE = 20
REAL = sorted(DATAGRAM_ENGINES.keys() - {"memory"})


class Protocol(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        if data == b"long":
            return b"l" * 100
        return str(self.context.local_address[0]).encode() if data.startswith(b"where") else data


class Coroutine(CoroutineHandler):
    async def handle(self) -> None:
        data = await self.connection.read()
        answer = str(self.connection.local_address[0]).encode() if data.startswith(b"where") else data
        self.connection.write(b"l" * 100 if data == b"long" else answer)


class Classic(BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        answer = str(sock.getsockname()[0]).encode() if data.startswith(b"where") else data
        sock.sendto(b"l" * 100 if data == b"long" else answer, self.client_address)


@contextmanager
def _served(engine: str, handler: Any, host: str = "127.0.0.1", **arguments: Any) -> Iterator[Any]:
    with DATAGRAM_ENGINES[engine]((host, 0), handler, **arguments) as server:
        server._core_warned_of_threads = True
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


def _asking(server: Any, host: str) -> socket.socket:
    """A connected socket: the kernel gives it replies from the address that it asked alone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE)
    sock.connect((host, server.server_address[1]))
    return sock


@pytest.mark.parametrize("engine", REAL)
@pytest.mark.parametrize("handler", [Protocol, Coroutine, Classic])
def test_a_reply_leaves_from_the_address_that_was_asked(engine: str, handler: type) -> None:
    """On a server that is bound to all addresses; its handler sees that address as the local one."""
    with _served(engine, handler, "0.0.0.0", limits=Limits.none()) as server:
        for host in ("127.0.0.5", "127.0.0.1"):
            with _asking(server, host) as sock:
                sock.send(b"where")
                assert sock.recv(100) == host.encode()


@pytest.mark.parametrize("handler", [Protocol, Classic])
def test_so_it_does_over_ipv6(handler: type) -> None:
    """With IPV6_PKTINFO."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")
    with _served("multiplexing", handler, "::", limits=Limits.none()) as server, _asking(server, "::1") as sock:
        sock.send(b"where")
        assert sock.recv(100) == b"::1"


@pytest.mark.parametrize("engine", REAL)
def test_on_one_address_the_request_has_the_server_s_own_socket(engine: str) -> None:
    """As in socketserver: there is nothing to be asked."""

    class Same(BaseRequestHandler):
        def handle(self) -> None:
            same = type(self.request[1]) is socket.socket
            self.request[1].sendto(b"same" if same else b"another", self.client_address)

    with _served(engine, Same) as server, _asking(server, "127.0.0.1") as sock:
        sock.send(b"ask")
        assert sock.recv(100) == b"same"


@pytest.mark.parametrize("engine", sorted(set(REAL) - {"forking"}))
@pytest.mark.parametrize("handler", [Protocol, Coroutine])
def test_a_reply_is_no_longer_than_its_request(engine: str, handler: type, no_drift: list[str]) -> None:
    """The source may be forged: the long reply is not sent, the log says why, and others are answered."""
    with _served(engine, handler) as server, _asking(server, "127.0.0.1") as sock:
        sock.send(b"long")
        sock.send(b"next")
        assert sock.recv(1000) == b"next"
    [line] = no_drift
    assert "a reply of 100 bytes to a datagram of 4 was not sent" in line
    assert "reply_ratio" in line
    no_drift.clear()


def test_a_classic_handler_is_held_to_it_where_the_limit_is_set(no_drift: list[str]) -> None:
    """Its sendto fails, and the log says why."""
    with _served("threading", Classic, limits=Limits()) as server, _asking(server, "127.0.0.1") as sock:
        sock.send(b"long")
        sock.send(b"next")
        assert sock.recv(1000) == b"next"
    [line] = no_drift
    assert "a reply of 100 bytes to a datagram of 4 was not sent" in line
    no_drift.clear()


@pytest.mark.parametrize("handler", [Protocol, Coroutine, Classic])
def test_a_handler_may_say_that_it_needs_more(handler: type) -> None:
    """By its own `reply_ratio`, which goes before the limit."""
    more = type("More", (handler,), {"reply_ratio": 25.0})
    with _served("multiplexing", more, limits=Limits()) as server, _asking(server, "127.0.0.1") as sock:
        sock.send(b"long")
        assert sock.recv(1000) == b"l" * 100


def test_a_source_that_has_proved_itself_may_be_sent_more() -> None:
    """By a cookie or the like, of which the handler knows."""

    class Proved(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            self.connection.confirm_peer()
            self.connection.write(b"l" * 100)

    with _served("multiplexing", Proved) as server, _asking(server, "127.0.0.1") as sock:
        sock.send(b"cookie")
        assert sock.recv(1000) == b"l" * 100


class Watcher:
    """A plugin that takes part, so that the long way is taken."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        self.outcomes.append(context.outcome)


class Doing(ProtocolHandler):
    """Does what it is told, once for each datagram."""

    reply_ratio = None
    done: list[str]

    def opened(self) -> bytes:
        return b"opened "

    def receive(self, data: bytes) -> bytes | None:
        match data:
            case b"nothing":
                return None
            case b"send":
                self.send(b"sent ")
            case b"close":
                self.close()
            case b"fail":
                raise ValueError("told to fail")
            case b"abort":
                self.connection.abort("told to abort")
            case b"beside":
                self.offload(bytes.upper, data, then=self.finished)
                return None
            case b"fail beside":
                self.offload(int, data, then=self.finished)
                return None
        return data

    def finished(self, result: bytes) -> bytes:
        return result

    def closed(self) -> None:
        self.done.append("closed")


COMMANDS = [b"x", b"nothing", b"send", b"close", b"fail", b"abort", b"beside", b"fail beside", b""]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_short_way_to_a_reply_does_what_the_long_one_does(command: bytes, capfd: Any) -> None:
    """Bytes, calls, and what is printed: with a plugin that takes part, and with none."""
    heard: list[Any] = []
    for plugins in ([], [Watcher()]):
        done: list[str] = []
        handler = type("Doing", (Doing,), {"done": done})
        with _served("multiplexing", handler, plugins=plugins) as server, _asking(server, "127.0.0.1") as sock:
            sock.send(command)
            sock.send(b"last")
            answers = []
            while not answers or answers[-1] != b"opened last":
                answers.append(sock.recv(100))
            # What is worked out beside may come after the last.
            server.shutdown(drain=PATIENCE)
            sock.setblocking(False)
            try:
                answers.append(sock.recv(100))
            except BlockingIOError:
                pass
        errors = [line for line in capfd.readouterr().err.splitlines() if "Error: " in line]
        heard.append((sorted(answers), done, errors))
    assert heard[0] == heard[1]


def test_many_datagrams_at_once_are_all_answered() -> None:
    """They are received in batches, and none is lost that the kernel had."""
    with _served("multiplexing", Protocol) as server, _asking(server, "127.0.0.1") as sock:
        for _ in range(5):
            for number in range(40):
                sock.send(b"%d" % number)
            assert [sock.recv(100) for _ in range(40)] == [b"%d" % number for number in range(40)]


@pytest.mark.parametrize("looks", ["not at all", "at its context", "by sending", "by closing", "in opened"])
def test_a_datagram_has_a_connection_as_soon_as_somebody_looks(looks: str) -> None:
    """Until then it costs none; the reply is the same, and its row is in the table meanwhile."""
    rows: list[int] = []

    class Looks(ProtocolHandler):
        def opened(self) -> bytes | None:
            if looks == "in opened":
                self.send(b"1")
            return None

        def receive(self, data: bytes) -> bytes:
            if looks == "at its context":
                assert self.context.client_address == self.client_address
                assert self.context.bytes_in == len(data)
            elif looks == "by sending":
                self.send(b"1")
            elif looks == "by closing":
                self.close()
            rows.append(len(self.server.requests()))
            return data[1:] if looks in ("by sending", "in opened") else data

    with hosted("multiplexing", Looks, datagrams=True) as host:
        server: Any = host.server
        assert host.ask(b"123") == b"123"
    assert server.requests() == []
    assert rows == [0 if looks == "not at all" else 1]
