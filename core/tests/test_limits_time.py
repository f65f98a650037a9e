"""Deadlines, rates and sizes: what a slow or greedy peer costs, on the virtual clock and at places that block."""

from __future__ import annotations

import heapq
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    Connection,
    CoroutineHandler,
    Limits,
    ProtocolHandler,
    StreamRequestHandler,
    front,
    watchdog,
)
from plugserve.channel import StreamChannel, tcp_counters
from plugserve.testing import STREAM_ENGINES, MemoryTCPServer, Recorder, hosted

REAL_ENGINES = [engine for engine in STREAM_ENGINES if engine != "memory"]
NO_LIMITS = Limits.none()


class Reads(CoroutineHandler):
    """Takes what comes."""

    async def handle(self) -> None:
        while await self.connection.read():
            pass


class Floods(CoroutineHandler):
    """Sends more than any buffer of the kernel holds, at the client's speed."""

    speaks_first = True

    async def handle(self) -> None:
        for _ in range(1000):
            self.connection.write(b"x" * 65536)
            await self.connection.drain()


class Echoes(ProtocolHandler):
    """Echoes."""

    def receive(self, data: bytes) -> bytes:
        return data


@contextmanager
def recorded() -> Iterator[Recorder]:
    """A recorder, for as long as the block runs."""
    recorder = Recorder()
    try:
        yield recorder
    finally:
        recorder.close()


def ends_of(recorder: Recorder) -> list[tuple[str, str]]:
    """The outcome and reason of each request that has ended."""
    return [(facts["outcome"], facts["reason"]) for hook, facts in recorder.events if hook == "connection_closed"]


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_a_peer_that_takes_nothing_is_let_go_after_the_write_timeout() -> None:
    """A byte that it takes gives it the whole time again."""
    limits = NO_LIMITS.but(write_timeout=10)
    with recorded() as recorder, MemoryTCPServer("test", Floods, limits=limits, plugins=[recorder]) as server:
        client = server.connect(capacity=1000)
        server.run()
        for _ in range(5):
            server.advance(9)
            assert len(client.recv(1)) == 1
        server.advance(9)
        assert not ends_of(recorder)
        server.advance(2)
        assert ends_of(recorder) == [("aborted", "the peer took nothing of the output in time")]
        client.close()


def test_a_peer_that_sends_but_takes_nothing_does_not_escape_the_write_timeout() -> None:
    """What it sends ends its silence, and not the wait for it to take what it was sent, even below the high mark."""
    limits = Limits(write_timeout=10, idle=5)
    with recorded() as recorder, MemoryTCPServer("test", Echoes, limits=limits, plugins=[recorder]) as server:
        client = server.connect(capacity=10)
        while not ends_of(recorder):
            assert server.network.now < 15
            client.send(b"0123456789")
            server.advance(2)
        assert ends_of(recorder) == [("aborted", "the peer took nothing of the output in time")]
        client.close()


def test_what_is_posted_to_a_client_that_takes_nothing_has_a_deadline_too() -> None:
    """A broadcast to many, one of which never reads and never speaks."""
    listening: list[Connection] = []

    class Listens(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            listening.append(self.connection)
            await self.connection.read()

    with MemoryTCPServer("test", Listens, limits=NO_LIMITS.but(write_timeout=5)) as server:
        client = server.connect(capacity=10)
        server.advance(100)
        listening[0].post(b"x" * 100)
        server.advance(4)
        assert not client.ended
        server.advance(2)
        client.take()
        assert client.ended
        client.close()


def test_the_smaller_of_idle_and_write_timeout_holds_for_output() -> None:
    """An idle limit holds in both directions, as it always did."""
    for limits in (NO_LIMITS.but(idle=3), NO_LIMITS.but(idle=3, write_timeout=60), NO_LIMITS.but(write_timeout=3)):
        with MemoryTCPServer("test", Floods, limits=limits) as server:
            client = server.connect(capacity=1000)
            server.advance(2.9)
            assert len(server.requests()) == 1
            server.advance(0.2)
            assert server.requests() == []
            client.close()


def test_one_byte_at_a_time_falls_under_the_minimum_rate() -> None:
    """Each byte taken ends a write timeout, and none of them makes the peer fast enough."""
    limits = NO_LIMITS.but(write_timeout=10, minimum_rate=10, rate_grace=30)
    with recorded() as recorder, MemoryTCPServer("test", Floods, limits=limits, plugins=[recorder]) as server:
        client = server.connect(capacity=1000)
        server.run()
        client.take()  # what it took at once is credit for the first average, and for that one only
        for _ in range(12):
            server.advance(5)
            if client.readable():
                client.recv(1)
        assert ends_of(recorder) == [("aborted", "the peer is slower than 10 bytes a second")]
        client.close()


def test_a_peer_that_keeps_the_minimum_rate_stays() -> None:
    """However long it goes on."""
    with MemoryTCPServer("test", Reads, limits=NO_LIMITS.but(minimum_rate=10, rate_grace=5)) as server:
        client = server.connect()
        for _ in range(100):
            client.send(b"x" * 11)
            server.advance(1)
        assert not client.ended
        client.close()


def test_only_the_time_in_which_the_peer_keeps_the_handler_waiting_counts_for_the_rate() -> None:
    """A handler that takes its own time does not make its client slow."""

    class Slow(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read(10):
                await self.connection.sleep(100)

    with MemoryTCPServer("test", Slow, limits=NO_LIMITS.but(minimum_rate=10, rate_grace=5)) as server:
        client = server.connect()
        for _ in range(20):
            client.send(b"x" * 10)
            server.advance(101)
        assert not client.ended
        server.advance(5)
        assert client.ended
        client.close()


@pytest.mark.parametrize("handler", [Echoes, Reads])
def test_an_idle_limit_below_that_of_the_first_byte_is_kept_after_the_first_byte(handler: Any) -> None:
    """The deadline comes nearer with the first byte, and is not overlooked."""
    with MemoryTCPServer("test", handler, limits=Limits(first_byte=30, idle=5)) as server:
        client = server.connect()
        server.advance(10)
        assert not client.ended
        client.send(b"x")
        server.advance(4)
        client.take()
        assert not client.ended
        server.advance(2)
        assert client.ended
        client.close()


def test_old_credit_does_not_let_a_peer_trickle_for_ever() -> None:
    """A megabyte at full speed would be a day of one byte now and then, were the average taken over all."""
    with MemoryTCPServer("test", Reads, limits=NO_LIMITS.but(minimum_rate=10, rate_grace=5)) as server:
        client = server.connect()
        for _ in range(20):
            client.send(b"x" * 60_000)
            server.run()
        server.advance(5)
        assert not client.ended, "the average over which it was sent"
        server.advance(5)
        assert client.ended
        client.close()


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_reading_pauses_above_the_high_mark_and_goes_on_at_the_low_one() -> None:
    """Between the two nothing is read, so a pause does not end with the next byte."""
    received = bytearray()

    class Chatty(CoroutineHandler):
        async def handle(self) -> None:
            while data := await self.connection.read(1):
                received.extend(data)
                self.connection.write(data * 1000)

    with MemoryTCPServer("test", Chatty, limits=NO_LIMITS.but(high_water=5000, low_water=2000)) as server:
        client = server.connect(capacity=1000)
        client.send(b"a" * 50)
        server.run()
        assert len(received) == 7, "1000 are in the pipe, 6000 wait"
        for left in (5000, 4000, 3000):
            client.take()
            server.run()
            assert (server.requests()[0].buffered, len(received)) == (left, 7)
        client.take()
        server.run()
        assert len(received) == 11, "at 2000 it went on, to above the high mark"
        client.close()


@pytest.mark.parametrize("style", ["coroutine", "protocol"])
def test_a_client_that_never_reads_costs_the_high_mark_and_one_reply(style: str) -> None:
    """And the loop does not look at its input any more, which would be ready for ever."""
    reply = b"r" * 3000

    class Coroutine(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read(10):
                self.connection.write(reply)

    class Protocol(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            return reply

    handler: Any = Coroutine if style == "coroutine" else Protocol
    limits = NO_LIMITS.but(high_water=20_000, read_size=10)
    with MemoryTCPServer("test", handler, limits=limits) as server:
        client = server.connect(capacity=1000)
        client.send(b"a" * 1000)
        server.run()
        row = server.requests()[0]
        assert 20_000 < row.buffered <= 20_000 + len(reply)
        assert row.bytes_in is not None
        assert row.bytes_in < 1000, "the rest stays in the kernel, and the client's own buffer fills"
        client.close()


def test_one_receive_asks_for_no_more_than_the_read_size() -> None:
    """So one peer's flood is looked at in portions between those of others."""
    sizes: list[int] = []

    class Notes(ProtocolHandler):
        def receive(self, data: bytes) -> None:
            sizes.append(len(data))

    with MemoryTCPServer("test", Notes, limits=NO_LIMITS.but(read_size=100)) as server:
        client, other = server.connect(), server.connect()
        server.run()
        client.send(b"x" * 250)
        other.send(b"y" * 60)
        server.run()
        assert sorted(sizes) == [50, 60, 100, 100]
        assert sizes[-1] == 50, "one receive for each that is ready, then the next turn"
        client.close()
        other.close()


# -- what keeping the time costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [Echoes, Reads])
def test_a_message_costs_no_work_on_timers(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand messages: one entry, made at the first wait and looked at again when its time has come."""
    pushes: list[float] = []
    push = heapq.heappush

    def counted(heap: list[Any], entry: Any) -> None:
        pushes.append(entry[0])
        push(heap, entry)

    monkeypatch.setattr(heapq, "heappush", counted)
    with MemoryTCPServer("test", handler, limits=Limits(first_byte=30, idle=60, total=3600)) as server:
        client = server.connect()
        for _ in range(1000):
            client.send(b"x")
            server.advance(0.01)
            client.take()
        assert len(pushes) == 1
        for _ in range(1000):
            client.send(b"x")
            server.advance(1)
            client.take()
        assert len(pushes) < 25, "once an idle time, however many messages"
        client.close()


def test_entries_of_ended_and_of_rescheduled_requests_do_not_pile_up() -> None:
    """They go by themselves when they are most of what there is."""

    class Naps(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read():
                await self.connection.sleep(0.01)

    with MemoryTCPServer("test", Naps, limits=Limits(first_byte=3000, idle=3600)) as server:
        server.run()
        (one,) = server._core_spare_fronts
        staying = server.connect()
        for _ in range(1500):
            client = server.connect()
            server.run()
            client.close()
            server.run()
            staying.send(b"x")
            server.advance(0.02)
        assert len(one._timers) < 2 * front._FEW + 10
        staying.close()


def test_very_many_deadlines_at_one_moment_are_kept_in_portions() -> None:
    """All are kept, and a turn of the loop looks at a bounded number."""
    with MemoryTCPServer("test", Reads, limits=Limits(first_byte=5)) as server:
        clients = [server.connect() for _ in range(600)]
        server.run()
        (one,) = server._core_spare_fronts
        server.network.now = 6
        server._core_enter()
        one.turn(0)
        assert len(one._timers) == 600 - front._MOST_TIMERS
        server._core_exit(one)
        server.run()
        assert all(client.ended for client in clients)
        for client in clients:
            client.close()


# -- places that block -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_handler_that_waits_in_the_kernel_to_send_is_freed(engine: str) -> None:
    """Threads, workers and children included, each with the same words."""
    limits = NO_LIMITS.but(write_timeout=0.05)
    with recorded() as recorder:
        with hosted(engine, Floods, limits=limits, plugins=[recorder]) as host:
            client: Any = host.connect()
            assert client.take(1)
            until_ended(host)
        assert ends_of(recorder) == [("aborted", "the peer took nothing of the output in time")]


@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_trickle_is_ended_at_every_place(engine: str) -> None:
    """The minimum rate holds without any idle limit."""
    limits = NO_LIMITS.but(minimum_rate=1e6, rate_grace=0.05)
    with recorded() as recorder:
        with hosted(engine, Reads, limits=limits, plugins=[recorder]) as host:
            client = host.connect()
            client.send(b"x")
            assert client.rest() == b""
            until_ended(host)
        assert ends_of(recorder) == [("aborted", "the peer is slower than 1e+06 bytes a second")]


class ClassicReads(StreamRequestHandler):
    """Reads to the end, on the real socket."""

    def handle(self) -> None:
        self.rfile.read()


class ClassicFloods(BaseRequestHandler):
    """Sends for ever, on the real socket."""

    speaks_first = True

    def handle(self) -> None:
        while True:
            self.request.sendall(b"x" * 65536)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell what the client does")
@pytest.mark.parametrize("engine", REAL_ENGINES)
@pytest.mark.parametrize(
    "change, sends, reason",
    [
        ({"first_byte": 0.05}, b"", "the peer said nothing in time"),
        ({"idle": 0.05}, b"x", "the peer was idle for too long"),
        ({"minimum_rate": 1e6, "rate_grace": 0.05}, b"x", "the peer is slower than 1e+06 bytes a second"),
        ({"total": 0.05}, b"x", "the request took too long"),
    ],
)
def test_a_classic_handler_with_the_real_socket_is_freed(
    engine: str, change: dict[str, Any], sends: bytes, reason: str
) -> None:
    """It reads by itself; what its client does is known from the kernel's counters, in a child, too."""
    with recorded() as recorder:
        with hosted(engine, ClassicReads, limits=NO_LIMITS.but(**change), plugins=[recorder]) as host:
            client = host.connect()
            if sends:
                client.send(sends)
            assert client.rest() == b""
            until_ended(host)
        assert ends_of(recorder) == [("aborted", reason)] or rejected(recorder) == [reason]


def rejected(recorder: Recorder) -> list[str]:
    """Why requests were refused: one that waits for its first byte on the front has not reached its handler."""
    return [facts["reason"] for hook, facts in recorder.events if hook == "request_rejected"]


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell what the client does")
@pytest.mark.parametrize("engine", REAL_ENGINES)
def test_a_classic_handler_whose_client_takes_nothing_is_freed(engine: str) -> None:
    """Its send fails, and that is no error of the handler."""
    with recorded() as recorder:
        with hosted(engine, ClassicFloods, limits=NO_LIMITS.but(write_timeout=0.05), plugins=[recorder]) as host:
            client = host.connect()
            assert client.take(1)
            until_ended(host)
        assert ends_of(recorder) == [("aborted", "the peer took nothing of the output in time")]


def until_ended(host: Any) -> None:
    """Wait until the server has no request any more; the client holds its end open."""
    import select

    deadline = host.server.clock() + 20
    while host.server._core_requests:
        assert host.server.clock() < deadline, "the request has not ended"
        select.select([], [], [], 0.01)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A server's and a client's end over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with client, server:
        yield server, client


def test_the_watchdog_wakes_up_for_the_first_request_after_a_quiet_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is nobody to watch it sleeps, and not by the clock."""
    monkeypatch.setattr(watchdog, "_DOZE", 0)
    with hosted("threading", Reads, limits=NO_LIMITS.but(total=0.05)) as host:
        for _ in range(2):
            client = host.connect()
            client.send(b"x")
            assert client.rest() == b""
            until_ended(host)
            dog = watchdog.watchdog()
            while not (dog._dozing and not dog._watched):
                dog.wake()


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell what the client does")
def test_a_classic_handler_with_unread_input_is_taken_to_compute(pair: tuple[socket.socket, socket.socket]) -> None:
    """Its client has said enough: an hour with input there is no idle hour of the client."""
    server_end, client = pair
    server: Any = _StillServer()
    connection = Connection(server, server_end, client.getsockname())
    watched = watchdog._Bystander(connection)
    client.sendall(b"x" * 10)
    assert server_end.recv(1, socket.MSG_PEEK) == b"x"
    for now in (1.0, 3600.0, 7200.0):
        assert watched.look(now) is None
    assert len(server_end.recv(10)) == 10
    assert watched.look(7259.0) is None
    assert watched.look(7261.0) == "the peer was idle for too long"


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell what the client does")
def test_the_kernels_counters_are_read_at_their_places(pair: tuple[socket.socket, socket.socket]) -> None:
    """Received and acknowledged bytes of a connection, and nothing of a socket that is no such."""
    server_end, client = pair
    client.sendall(b"x" * 7)
    assert len(server_end.recv(7, socket.MSG_WAITALL)) == 7
    server_end.sendall(b"y" * 5)
    assert len(client.recv(5, socket.MSG_WAITALL)) == 5
    client.sendall(b"z")  # brings the acknowledgement with it
    assert server_end.recv(1) == b"z"
    counters = tcp_counters(server_end)
    assert counters is not None
    assert (counters.received, counters.pending) == (8, False)
    assert counters.taken in (5, 6), "some kernels count the handshake as one"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        assert tcp_counters(other) is None


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the kernel does not tell what the client does")
@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_what_a_peer_takes_is_known_before_the_socket_is_writable(
    family: str, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A socket becomes writable when a good part of its buffer is free: too late for a slow peer."""
    ends = pair if family == "tcp" else socket.socketpair()
    with ends[0] as server_end, ends[1] as client:
        channel = StreamChannel(server_end)
        sent = 0
        while done := channel.send(b"x" * 65536):
            sent += done
        before = channel.taken(sent)
        assert before is not None
        assert channel.taken(sent) == before, "nobody has taken anything"
        left = sent
        while (after := channel.taken(sent)) == before and left:
            # TCP tells the sender of free space in portions.
            left -= len(client.recv(min(left, 4096)))
        assert after is not None
        assert after > before
        assert left, "and not only once it has taken all"
        channel.block()
        assert (channel.taken(sent) is None) is (family == "unix"), "while a send waits only TCP can tell"


class _StillServer:
    """What a connection asks of its server, at time 0."""

    _core_hooks = None
    _core_limits = Limits()
    is_stream = True

    def clock(self) -> float:
        return 0.0
