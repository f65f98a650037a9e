"""One handler for all datagrams of a peer."""

from __future__ import annotations

import os
import socket
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugserve import (
    ConfigurationError,
    Context,
    CoroutineHandler,
    DatagramRequestHandler,
    Limits,
    ProtocolHandler,
    hookimpl,
)
from plugserve.compose import make_server, server_class
from plugserve.connection import SLEEP
from plugserve.discovery import load
from plugserve.testing import MemoryUDPServer
from plugserve.testing.hosting import DATAGRAM_ENGINES

PATIENCE = 20
ENGINES = sorted(DATAGRAM_ENGINES.keys() - {"memory", "sync", "forking"})
A, B, C = ("192.0.2.1", 1), ("192.0.2.2", 2), ("198.51.100.3", 3)


class Counts(ProtocolHandler):
    """Answers with how many datagrams its peer has sent."""

    count = 0

    def receive(self, data: bytes) -> bytes:
        self.count += 1
        return b"%d %s" % (self.count, data)

    def eof(self) -> bytes:
        return b"bye"


class CountsAwaiting(CoroutineHandler):
    async def handle(self) -> None:
        count = 0
        while data := await self.connection.read():
            count += 1
            self.connection.write(b"%d %s" % (count, data))
        self.connection.write(b"bye")


class Watch:
    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, str]] = []

    @hookimpl
    def verify_request(self, client_address: Any) -> bool:
        self.seen.append(("verify", client_address, ""))
        return bool(client_address[0] != "203.0.113.9")

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self.seen.append((context.outcome, context.client_address, reason))

    @hookimpl
    def request_rejected(self, context: Context, reason: str) -> None:
        self.seen.append(("rejected", context.client_address, reason))


NO_RATIO = Limits(reply_ratio=None)


@contextmanager
def memory(handler: Any = Counts, *, sessions: int = 3, idle: float = 60, **arguments: Any) -> Iterator[Any]:
    """A server with sessions, in memory."""
    made = type("Server", (MemoryUDPServer,), {"sessions": sessions, "session_idle": idle})
    with made(("192.0.2.100", 7), handler, **{"limits": NO_RATIO, **arguments}) as server:
        yield server


def send(server: Any, *pairs: tuple[bytes, Any]) -> list[tuple[bytes, Any]]:
    """Send datagrams, and give the replies."""
    for data, address in pairs:
        server.send_datagram(data, address)
    server.run()
    replies: list[tuple[bytes, Any]] = server.take_replies()
    return replies


@pytest.mark.parametrize("handler", [Counts, CountsAwaiting])
def test_each_peer_has_a_handler_of_its_own(handler: Any) -> None:
    """Which gets all its datagrams, in order; another port is another peer."""
    with memory(handler) as server:
        assert send(server, (b"a", A), (b"b", B), (b"c", A)) == [(b"1 a", A), (b"1 b", B), (b"2 c", A)]
        assert send(server, (b"d", ("192.0.2.1", 9)), (b"e", A)) == [(b"1 d", ("192.0.2.1", 9)), (b"3 e", A)]
        assert sorted(row.client_address for row in server.requests()) == [A, ("192.0.2.1", 9), B]


@pytest.mark.parametrize("handler", [Counts, CountsAwaiting])
def test_an_idle_session_ends_as_a_stream_does(handler: Any) -> None:
    """By an end of its input, after its time; the next datagram begins another."""
    watch = Watch()
    with memory(handler, idle=60, plugins=[watch]) as server:
        send(server, (b"a", A))
        server.advance(50)
        send(server, (b"b", B))
        assert server.take_replies() == []
        server.advance(30)
        assert server.take_replies() == [(b"bye", A)]
        assert [row.client_address for row in server.requests()] == [B]
        assert send(server, (b"c", A)) == [(b"1 c", A)]
        server.advance(200)
        assert server.requests() == []
    assert [entry for entry in watch.seen if entry[0] != "verify"] == [
        ("ok", A, "finished"),
        ("ok", B, "finished"),
        ("ok", A, "finished"),
    ]
    # One vote a session, not a datagram.
    assert [entry for entry in watch.seen if entry[0] == "verify"] == [("verify", peer, "") for peer in (A, B, A)]


def test_an_empty_datagram_is_a_sign_of_life_and_no_more() -> None:
    """It reaches no handler, and puts the idle end off."""
    with memory(idle=60) as server:
        assert send(server, (b"a", A)) == [(b"1 a", A)]
        for _ in range(4):
            server.advance(40)
            assert send(server, (b"", A)) == []
        assert send(server, (b"b", A)) == [(b"2 b", A)]


def test_a_newcomer_takes_the_place_of_the_one_that_has_waited_longest() -> None:
    """Which is told by its connection that it is over."""
    watch = Watch()
    with memory(sessions=2, plugins=[watch]) as server:
        send(server, (b"a", A), (b"b", B))
        assert send(server, (b"c", C)) == [(b"1 c", C)]
        assert [row.client_address for row in server.requests()] == [B, C]
    outcome, address, reason = next(entry for entry in watch.seen if entry[0] == "aborted")
    assert (outcome, address) == ("aborted", A)
    assert "its session went to a newcomer" in reason


def test_a_peer_that_answers_keeps_its_session_in_a_flood() -> None:
    """Of two thousand addresses; and there are never more than the cap."""
    with memory(sessions=20) as server:
        send(server, (b"a", A), (b"b", A))
        for number in range(2000):
            server.send_datagram(b"x", (f"198.51.{number // 256}.{number % 256}", 5))
            if number % 50 == 0:
                server.run()
                assert len(server.requests()) <= 20
        server.run()
        server.take_replies()
        assert len(server.requests()) == 20
        assert send(server, (b"c", A)) == [(b"3 c", A)]


def test_a_session_whose_handler_goes_on_after_its_end_counts_until_it_is_aborted() -> None:
    """So that there are never more than the cap."""
    watch = Watch()

    class Stays(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read():
                pass
            await self.connection.sleep(100_000)

    with memory(Stays, sessions=1, idle=60, plugins=[watch]) as server:
        send(server, (b"a", A))
        server.advance(76)
        send(server, (b"b", B))
        assert [row.client_address for row in server.requests()] == [A]
        server.advance(76)
        assert server.requests() == []
        send(server, (b"b", B))
        assert [row.client_address for row in server.requests()] == [B]
    assert ("rejected", B, "1 sessions, and none that has to go") in watch.seen
    assert ("aborted", A, "its session has ended, and its handler went on") in watch.seen


def test_who_is_denied_has_no_session() -> None:
    """Nor a seat."""
    watch = Watch()
    with memory(sessions=1, plugins=[watch]) as server:
        stranger = ("203.0.113.9", 9)
        assert send(server, (b"x", stranger), (b"y", stranger)) == []
        assert server.requests() == []
        assert send(server, (b"a", A)) == [(b"1 a", A)]
    assert [entry[0] for entry in watch.seen if entry[1] == stranger] == ["verify", "rejected"] * 2


def test_who_is_denied_costs_nobody_a_session() -> None:
    """The vote comes before anybody has to go."""
    with memory(sessions=1, plugins=[Watch()]) as server:
        assert send(server, (b"a", A), (b"x", ("203.0.113.9", 9)), (b"b", A)) == [(b"1 a", A), (b"2 b", A)]


def test_who_is_being_answered_keeps_its_session() -> None:
    """If that holds for all, a newcomer is refused."""

    class Works(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(await self.connection.read())
            await self.connection.sleep(5)

    watch = Watch()
    with memory(Works, sessions=2, plugins=[watch]) as server:
        assert send(server, (b"a", A), (b"b", B), (b"c", C)) == [(b"a", A), (b"b", B)]
        assert watch.seen[-1] == ("rejected", C, "2 sessions, and none that has to go")
        server.advance(5)
        assert send(server, (b"c", C)) == [(b"c", C)]


def test_a_newcomer_waits_until_who_has_to_go_has_gone() -> None:
    """A handler that gives something back at its end counts while it does, and the newcomer loses nothing by that."""
    alive = [0, 0]

    class Gate:
        """Holds up who comes, until it is opened; not by the connection, all of whose calls fail by then."""

        held: Any = None
        is_open = False

        @types.coroutine
        def pass_through(self, connection: Any) -> Iterator[int]:
            self.held = connection
            while not self.is_open:
                yield SLEEP

    class Lingers(CoroutineHandler):
        async def handle(self) -> None:
            alive[0] += 1
            alive[1] = max(alive)
            try:
                while data := await self.connection.read():
                    self.connection.write(data)
            finally:
                await gate.pass_through(self.connection)
                alive[0] -= 1

    gate = Gate()
    with memory(Lingers, sessions=1) as server:
        assert send(server, (b"a", A)) == [(b"a", A)]
        assert send(server, (b"b", B), (b"c", B), (b"nobody else has to go", C)) == []
        gate.is_open = True
        server._core_resume_soon(gate.held)
        server.run()
        assert server.take_replies() == [(b"b", B), (b"c", B)]
    assert alive == [0, 1]


def test_a_handler_s_own_timers_do_not_keep_a_session() -> None:
    """What counts is the peer, to the second."""

    class Ticks(ProtocolHandler):
        def receive(self, data: bytes) -> None:
            self.set_timer(1)

        def timer_expired(self) -> bytes:
            self.set_timer(1)
            return b"tick"

    with memory(Ticks, idle=10) as server:
        send(server, (b"a", A))
        server.advance(9.9)
        assert len(server.take_replies()) == 9
        assert server.requests()
        server.advance(0.2)
        assert not server.requests()


def test_the_limits_of_streams_end_no_session() -> None:
    """A peer may be silent for as long as `session_idle` says."""
    limits = Limits(first_byte=1, idle=1, minimum_rate=1000, rate_grace=1, reply_ratio=None)
    with memory(idle=100, limits=limits) as server:
        assert send(server, (b"a", A)) == [(b"1 a", A)]
        server.advance(99)
        assert send(server, (b"b", A)) == [(b"2 b", A)]


def test_the_table_shows_sessions() -> None:
    """With what they have received and sent, and for how long they wait."""
    with memory() as server:
        send(server, (b"a", A), (b"b", A), (b"c", B))
        server.advance(7)
        assert [
            (row.client_address, row.state, row.age, row.idle, row.bytes_in, row.bytes_out) for row in server.requests()
        ] == [(A, "handling", 7, 7, 2, 6), (B, "handling", 7, 7, 1, 3)]


def test_no_more_is_sent_than_the_peer_has_sent_until_it_has_proved_to_be_real(no_drift: list[str]) -> None:
    """Over the whole session; the handler says when."""

    class Generous(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            if data == b"cookie":
                self.connection.confirm_peer()
            return data * 2

    watch = Watch()
    with memory(Generous, limits=Limits(reply_ratio=3), plugins=[watch], idle=10) as server:
        assert send(server, (b"ab", A), (b"cd", A)) == [(b"abab", A), (b"cdcd", A)]
        server.advance(20)
        assert watch.seen[-1] == ("ok", A, "finished")
    with memory(Generous, limits=Limits(reply_ratio=1), plugins=[watch], idle=10) as server:
        assert send(server, (b"ab", A), (b"cd", A), (b"e", A)) == [(b"cdcd", A)]
        assert send(server, (b"cookie", A), (b"fg", A)) == [(b"cookiecookie", A), (b"fgfg", A)]
        server.advance(20)
        outcome, _, reason = watch.seen[-1]
    assert outcome == "error"
    assert reason == (
        "a reply of 4 bytes to a datagram of 2 was not sent: its source may be forged, and reply_ratio allows 2; a "
        "handler whose protocol needs more says so by its reply_ratio"
    )
    assert len(no_drift) == 1
    no_drift.clear()


def test_each_write_is_a_datagram() -> None:
    """Also what comes by a timer, long after the last datagram."""

    class Ticks(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            self.send(b"first")
            self.set_timer(5)
            return b"second"

        def timer_expired(self) -> bytes:
            return b"third"

    with memory(Ticks) as server:
        assert send(server, (b"a", A)) == [(b"first", A), (b"second", A)]
        server.advance(6)
        assert server.take_replies() == [(b"third", A)]


def test_what_a_handler_does_not_take_is_dropped_beyond_a_bound() -> None:
    """As the kernel does with what nobody receives."""

    class Slow(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            await self.connection.sleep(10)
            while data := await self.connection.read():
                self.connection.write(data)

    with memory(Slow) as server:
        send(server, *((b"%d" % number, A) for number in range(200)))
        server.advance(11)
        assert server.take_replies() == [(b"%d" % number, A) for number in range(1, 65)]
    with memory(Slow) as server:
        send(server, *((b"%04d" % number * 1000, A) for number in range(50)))
        server.advance(11)
        assert len(server.take_replies()) == 65536 // 4000 + 1


def test_a_handler_that_fails_takes_only_its_own_session_along(capfd: pytest.CaptureFixture[str]) -> None:
    """The peer's next datagram begins another."""

    class Fails(Counts):
        def receive(self, data: bytes) -> bytes:
            if data == b"fail":
                raise LookupError("asked to")
            return super().receive(data)

    with memory(Fails) as server:
        send(server, (b"a", A), (b"b", B))
        assert send(server, (b"fail", A), (b"c", B), (b"d", A)) == [(b"2 c", B), (b"1 d", A)]
    assert "LookupError: asked to" in capfd.readouterr().err


def test_a_drain_ends_the_sessions_and_takes_no_new_ones() -> None:
    """Each is told, reads what has come, then the end."""
    told: list[float] = []

    class Polite(Counts):
        def goodbye(self, deadline: float) -> None:
            told.append(deadline)

    with memory(Polite) as server:
        send(server, (b"a", A), (b"b", B))
        server.shutdown(drain=30)
        server.serve_forever()
        assert sorted(server.take_replies()) == [(b"bye", A), (b"bye", B)]
        assert server.requests() == []
    assert len(told) == 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Counts, CountsAwaiting])
def test_sessions_on_the_engines_that_have_them(engine: str, handler: Any) -> None:
    """Three clients, each its own count, and a drain that ends them."""
    made = type("Server", (DATAGRAM_ENGINES[engine],), {"sessions": 10})
    with made(("127.0.0.1", 0), handler, limits=NO_RATIO) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        clients = []
        try:
            for _ in range(3):
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                client.settimeout(PATIENCE)
                client.connect(server.server_address)
                clients.append(client)
            for count in range(1, 4):
                for number, client in enumerate(clients):
                    client.send(b"%d" % number)
                    assert client.recv(100) == b"%d %d" % (count, number)
            assert len(server.requests()) == 3
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)
        for client in clients:
            assert client.recv(100) == b"bye"
            client.close()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="waits for a platform with Unix sockets")
@pytest.mark.parametrize("engine", ENGINES)
def test_unix_peers_have_sessions_by_their_paths(engine: str, tmp_path: Path) -> None:
    """A peer without one cannot be told again: it has this one datagram."""
    path = str(tmp_path / "s")
    made = server_class("unix-dgram", load("engine", engine), {"sessions": 10})
    with made(path, Counts) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.connect(path)
                client.send(b"nobody")
                client.close()
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.bind(str(tmp_path / "c"))
                client.connect(path)
                for count in (1, 2):
                    client.send(b"x")
                    assert client.recv(100) == b"%d x" % count
                assert [os.fspath(row.client_address) for row in server.requests()] == [str(tmp_path / "c")]
        finally:
            server.shutdown(drain=0)
            loop.join(PATIENCE)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="waits for a platform with Unix sockets")
@pytest.mark.parametrize("sessions", [None, 10])
def test_a_unix_peer_without_a_path_is_served_without_a_reply(sessions: int | None, tmp_path: Path) -> None:
    """Nobody can be told; that is no error."""
    from plugserve import MultiplexingUnixDatagramServer

    watch = Unnamed()
    made = type("Server", (MultiplexingUnixDatagramServer,), {"sessions": sessions})
    with made(str(tmp_path / "s"), Counts, plugins=[watch]) as server:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"nobody", server.server_address)
        server.handle_request()
    assert watch.outcomes == ["ok"]


class Unnamed:
    """Like `Watch`, for clients without an address."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        self.outcomes.append(context.outcome)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="waits for a platform with Unix sockets")
def test_a_unix_peer_that_takes_nothing_holds_up_nobody(tmp_path: Path) -> None:
    """What there is no room for is lost, where unix(7) lets a sender wait for ever; others are heard meanwhile."""
    from plugserve import MultiplexingUnixDatagramServer

    class Floods(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            for _ in range(5000 if data == b"flood" else 0):
                self.send(b"x" * 1000)
            if data == b"hello":
                heard.set()
            return data

    heard = threading.Event()
    made = type("Server", (MultiplexingUnixDatagramServer,), {"sessions": 10})
    with made(str(tmp_path / "s"), Floods) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            with (
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf,
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
            ):
                for name, sock in (("deaf", deaf), ("client", client)):
                    sock.settimeout(PATIENCE)
                    sock.bind(str(tmp_path / name))
                    sock.connect(server.server_address)
                deaf.send(b"flood")
                client.send(b"hello")
                assert heard.wait(PATIENCE)
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_may_speak_to_somebody_else_meanwhile(engine: str) -> None:
    """As any handler: it opens a connection, and waits for it, while its peer sends on."""

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            data = await self.connection.read()
            other = await self.connection.connect(stream.getsockname())
            other.write(data)
            self.connection.write(await other.read())
            while data := await self.connection.read():
                self.connection.write(data)

    def shout() -> None:
        with stream.accept()[0] as sock:
            data = sock.recv(100)
            go_on.wait(PATIENCE)
            sock.sendall(data.upper())

    go_on = threading.Event()
    made = type("Server", (DATAGRAM_ENGINES[engine],), {"sessions": 10})
    with socket.create_server(("127.0.0.1", 0)) as stream, made(("127.0.0.1", 0), Asks, limits=NO_RATIO) as server:
        stream.settimeout(PATIENCE)
        threads = [threading.Thread(target=shout), threading.Thread(target=server.serve_forever, args=(3600,))]
        for thread in threads:
            thread.start()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.connect(server.server_address)
                client.send(b"a")
                client.send(b"b")
                go_on.set()
                assert [client.recv(100), client.recv(100)] == [b"A", b"b"]
        finally:
            server.shutdown(drain=PATIENCE)
            for thread in threads:
                thread.join(PATIENCE)


def test_handle_request_handles_one_datagram() -> None:
    """Of a session: it does not wait for its end."""
    made = type("Server", (DATAGRAM_ENGINES["multiplexing"],), {"sessions": 2})
    with (
        made(("127.0.0.1", 0), Counts, limits=NO_RATIO) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(PATIENCE)
        client.connect(server.server_address)
        for number in (b"1", b"2"):
            client.send(b"x")
            server.handle_request()
            assert client.recv(10) == number + b" x"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_drain_says_goodbye_first(engine: str) -> None:
    """Then comes the end of the input, long before the deadline."""

    class Polite(Counts):
        def goodbye(self, deadline: float) -> None:
            self.send(b"goodbye")

    with _serving(engine, Polite) as (server, client):
        assert _said(client, b"a") == b"1 a"
        server.shutdown(drain=PATIENCE)
        assert [client.recv(100), client.recv(100)] == [b"goodbye", b"bye"]
        assert not server.requests()


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_the_server_ends_the_sessions(engine: str) -> None:
    """Without a drain, and without waiting for peers that may never speak again."""
    with _serving(engine, Counts) as (server, client):
        assert _said(client, b"a") == b"1 a"
        server.shutdown()
        server.server_close()
        assert not server.requests()


@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_handlers_than_sessions_are_at_work(engine: str) -> None:
    """On each engine; and whoever comes when there are as many is answered all the same."""
    lock = threading.Lock()
    alive = [0, 0]

    class Alive(ProtocolHandler):
        def opened(self) -> None:
            with lock:
                alive[0] += 1
                alive[1] = max(alive)

        def receive(self, data: bytes) -> bytes:
            return data

        def closed(self) -> None:
            with lock:
                alive[0] -= 1

    with _serving(engine, Alive, sessions=2) as (server, _):
        for number in range(20):
            with _client_of(server) as client:
                # One that has given its answer may need a moment until it waits again, and is not sent away before.
                client.settimeout(0.2)
                for _ in range(5 * PATIENCE):
                    try:
                        assert _said(client, b"%d" % number) == b"%d" % number
                        break
                    except TimeoutError:
                        continue
                else:
                    pytest.fail("nobody answered")
    assert alive[0] == 0
    assert 0 < alive[1] <= 2


@contextmanager
def _serving(engine: str, handler: Any, *, sessions: int = 10) -> Iterator[tuple[Any, socket.socket]]:
    """A server of real sockets in a thread of its own, and a client."""
    made = type("Server", (DATAGRAM_ENGINES[engine],), {"sessions": sessions})
    with made(("127.0.0.1", 0), handler, limits=NO_RATIO) as server, _client_of(server) as client:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server, client
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


@contextmanager
def _client_of(server: Any) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(server.server_address)
        yield client


def _said(client: socket.socket, data: bytes) -> bytes:
    """What is answered to that."""
    client.send(data)
    return client.recv(100)


class Classic(DatagramRequestHandler):
    """One that cannot have sessions."""


@pytest.mark.parametrize(
    ("engine", "handler", "attributes", "text"),
    [
        ("sync", Counts, {"sessions": 4}, "'sync' handles one request at a time.*use multiplexing"),
        ("forking", Counts, {"sessions": 4}, "'forking' handles a request in a child process.*use multiplexing"),
        ("multiplexing", Classic, {"sessions": 4}, "Classic is a classic handler.*use a coroutine or protocol handler"),
        ("multiplexing", Counts, {"sessions": 0}, "sessions is 0: give 1 or more"),
        ("multiplexing", Counts, {"sessions": 4, "session_idle": -1}, "session_idle is -1: give seconds above 0"),
        ("multiplexing", Counts, {"sessions": 4, "session_idle": float("inf")}, "give seconds above 0"),
        ("thread-pool", Counts, {"sessions": 40}, "workers is 32: give no more than that"),
        ("threading", Counts, {"sessions": 4, "max_threads": 3}, "max_threads is 3: give no more than that"),
    ],
)
def test_what_cannot_be_is_refused_at_start_with_what_to_do(
    engine: str, handler: Any, attributes: Any, text: str
) -> None:
    """An engine or a handler that cannot have sessions, numbers that mean nothing or do not fit together."""
    if engine not in DATAGRAM_ENGINES:
        pytest.skip(f"waits for a platform with the engine {engine}")
    with pytest.raises(ConfigurationError, match=text):
        type("Server", (DATAGRAM_ENGINES[engine],), attributes)(("127.0.0.1", 0), handler)


def test_a_stream_is_refused_sessions() -> None:
    """It has no need of them."""
    with pytest.raises(ConfigurationError, match="sessions = 3: only datagrams need sessions, and this is tcp: remove"):
        make_server("tcp://127.0.0.1:0", Counts, sessions=3)


def test_a_program_s_own_attribute_of_that_name_means_nothing() -> None:
    """Software written for socketserver may have one."""
    type("Server", (DATAGRAM_ENGINES["sync"],), {"sessions": {}})(("127.0.0.1", 0), Classic).server_close()
