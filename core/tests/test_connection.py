"""A connection's I/O: what the awaited calls give, where their limits are, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import (
    Aborted,
    Connection,
    CoroutineHandler,
    DeadlineExceeded,
    EndOfStream,
    LimitExceeded,
    Limits,
    PlugserveError,
    ProtocolHandler,
    StreamRequestHandler,
)
from plugserve.testing import STREAM_ENGINES, CipherLayer, MemoryTCPServer, hosted

NO_LIMITS = Limits.none()


def outcome_of(script: Callable[[Connection], Any], *parts: bytes, end: bool = True, **arguments: Any) -> Any:
    """What a handler's script returns or raises, the client sending these parts one after the other."""
    results: list[Any] = []

    class Scripted(CoroutineHandler):
        async def handle(self) -> None:
            try:
                results.append(await script(self.connection))
            except BaseException as error:
                results.append(error)
                raise

        speaks_first = True

    with MemoryTCPServer("test", Scripted, **arguments) as server:
        client = server.connect()
        server.run()
        for part in parts:
            client.send(part)
            server.run()
        if end:
            client.shutdown(1)
        server.run()
        client.close()
        server.run()
    return results[0] if results else None


def test_read_gives_what_is_there_and_then_the_end() -> None:
    """At least one byte, at most the limit, b"" for ever after the end."""

    async def script(connection: Connection) -> list[bytes]:
        return [await connection.read(3), await connection.read(3), await connection.read(), await connection.read()]

    assert outcome_of(script, b"hallo") == [b"hal", b"lo", b"", b""]


def test_read_exactly_keeps_what_did_arrive() -> None:
    """A stream that ends too early gives its rest with the error."""

    async def script(connection: Connection) -> bytes:
        assert await connection.read_exactly(2) == b"ha"
        return await connection.read_exactly(9)

    error = outcome_of(script, b"hal", b"lo")
    assert isinstance(error, EndOfStream)
    assert error.partial == b"llo"


def test_read_until_stops_at_its_limit() -> None:
    """A line without an end costs the limit and no more."""

    async def script(connection: Connection) -> bytes:
        return await connection.read_until(b"\n", 8)

    assert outcome_of(script, b"1234567\nrest") == b"1234567\n"
    assert isinstance(outcome_of(script, b"12345678\n"), LimitExceeded)
    assert isinstance(outcome_of(script, b"1234"), EndOfStream)


@given(st.lists(st.binary(min_size=1, max_size=12), max_size=8), st.sampled_from([b"\n", b"\r\n", b"aba"]))
def test_read_until_finds_what_a_whole_buffer_would(parts: list[bytes], separator: bytes) -> None:
    """However the bytes come in, the pieces are those of the joined bytes."""
    whole = b"".join(parts)

    async def script(connection: Connection) -> list[bytes]:
        pieces = []
        while True:
            try:
                pieces.append(await connection.read_until(separator, 1000))
            except EndOfStream as error:
                pieces.append(error.partial)
                return pieces

    pieces = outcome_of(script, *parts)
    expected = whole.split(separator)
    assert pieces == [piece + separator for piece in expected[:-1]] + [expected[-1]]


def test_wait_readable_tells_whether_something_came_in_time() -> None:
    """It gives up at its time, on the clock of the engine."""

    async def script(connection: Connection) -> list[bool]:
        return [await connection.wait_readable(5)]

    assert outcome_of(script, b"x") == [True]


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_sleep_and_timers_work_at_every_place(engine: str) -> None:
    """At a blocking place the thread waits, elsewhere the request is parked."""

    class Sleepy(ProtocolHandler):
        speaks_first = True

        def opened(self) -> None:
            self.set_timer(0.01)

        def timer_expired(self) -> bytes:
            self.close()
            return b""

        def closed(self) -> None:
            """The last call."""

    class Slow(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            await self.connection.sleep(0.01)
            self.connection.write(b"slept")

    with hosted(engine, Slow) as host:
        assert host.connect().rest() == b"slept"
    with hosted(engine, Sleepy) as host:
        assert host.connect().rest() == b""


def test_write_after_close_is_a_mistake_that_is_named() -> None:
    """What would silently be lost raises."""

    async def script(connection: Connection) -> None:
        connection.close()
        connection.write(b"too late")

    error = outcome_of(script)
    assert isinstance(error, PlugserveError)
    assert "write after close" in str(error)


def test_output_that_nobody_takes_stops_at_the_hard_cap() -> None:
    """A client that never reads costs at most Limits.output bytes."""

    async def script(connection: Connection) -> None:
        while True:
            connection.write(b"x" * 1000)

    error = outcome_of(script, limits=NO_LIMITS.but(output=100_000))
    assert isinstance(error, LimitExceeded)


def test_a_read_waits_for_the_client_to_take_what_was_sent() -> None:
    """Above the high-water mark a reader is not given more input: nobody has to remember drain()."""
    sizes: list[int] = []

    class Chatty(CoroutineHandler):
        async def handle(self) -> None:
            while data := await self.connection.read(1):
                self.connection.write(data * 5000)
                sizes.append(self.connection.buffered)

    with MemoryTCPServer("test", Chatty, limits=NO_LIMITS.but(high_water=20_000)) as server:
        client = server.connect(capacity=1000)
        client.send(b"a" * 500)
        server.run()
        assert max(sizes) <= 25_000
        received = b""
        while len(received) < 500 * 5000:
            received += client.take()
            server.run()
        client.close()


def test_drain_waits_until_the_client_has_taken_enough() -> None:
    """A big answer goes out piece by piece, at the client's speed."""

    class Big(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            for _ in range(100):
                self.connection.write(b"x" * 10_000)
                await self.connection.drain()
                assert self.connection.buffered <= self.connection.limits.high_water

    with MemoryTCPServer("test", Big) as server:
        client = server.connect(capacity=3000)
        server.run()
        received = 0
        while not client.ended:
            received += len(client.take())
            server.run()
        assert received == 1_000_000
        client.close()


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine not in ("memory", "forking")])
def test_abort_wakes_a_handler_that_waits_and_every_later_call_raises_the_same(engine: str) -> None:
    """From another thread, at a blocking place: nothing is cancelled, the pending call comes back with the reason."""
    seen: list[BaseException] = []
    waiting: list[Connection] = []

    class Waits(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            waiting.append(self.connection)
            self.connection.write(b"!")
            for _ in range(2):
                try:
                    await self.connection.read()
                except BaseException as error:
                    seen.append(error)

    with hosted(engine, Waits) as host:
        client = host.connect()
        assert client.take(1) == b"!"
        waiting[0].abort("enough")
        assert client.rest() == b""
    assert isinstance(seen[0], Aborted)
    assert str(seen[0]) == "enough"
    assert not isinstance(seen[1], Exception), "a handler that swallows it in a loop is ended by a BaseException"


def test_deadlines_end_what_waits_too_long() -> None:
    """First byte, idle, total: each has its own words."""
    seen: list[str] = []

    class Reads(CoroutineHandler):
        async def handle(self) -> None:
            try:
                while await self.connection.read():
                    pass
            except DeadlineExceeded as error:
                seen.append(str(error))
                raise

    limits = Limits(first_byte=10, idle=20, total=50)
    with MemoryTCPServer("test", Reads, limits=limits) as server:
        silent, idle, trickling = (server.connect() for _ in range(3))
        for client in (idle, trickling):
            client.send(b"x")
        server.run()
        server.advance(11)
        assert seen == ["the peer said nothing in time"]
        for _ in range(4):
            trickling.send(b"x")
            server.advance(10)
        assert seen[1:] == ["the peer was idle for too long", "the request took too long"]
        for client in (silent, idle, trickling):
            assert client.ended
            client.close()


def test_a_peer_that_is_slower_than_the_minimum_rate_is_let_go() -> None:
    """An idle limit alone is reset by every byte of a trickle."""
    seen: list[str] = []

    class Reads(CoroutineHandler):
        async def handle(self) -> None:
            try:
                while await self.connection.read():
                    pass
            except DeadlineExceeded as error:
                seen.append(str(error))
                raise

    with MemoryTCPServer("test", Reads, limits=Limits(minimum_rate=10, rate_grace=5)) as server:
        client = server.connect()
        for _ in range(5):
            client.send(b"x")
            server.advance(1.1)
        assert seen == ["the peer is slower than 10 bytes a second"]
        client.close()


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine != "memory"])
def test_deadlines_hold_at_blocking_places_too(engine: str) -> None:
    """A watchdog looks at the clock for the threads and children that wait in the kernel."""

    class Reads(CoroutineHandler):
        async def handle(self) -> None:
            while await self.connection.read():
                pass

    with hosted(engine, Reads, limits=Limits(idle=0.05)) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_offload_calls_what_blocks_and_gives_its_result_or_its_exception(engine: str) -> None:
    """A plain call where the place may block, a worker thread elsewhere."""

    class Offloads(CoroutineHandler):
        async def handle(self) -> None:
            data = await self.connection.read()
            self.connection.write(await self.connection.offload(bytes.upper, data))
            try:
                await self.connection.offload(int, "no number")
            except ValueError:
                self.connection.write(b"!")

    with hosted(engine, Offloads) as host:
        client = host.connect()
        client.send(b"hallo")
        client.end()
        assert client.rest() == b"HALLO!"


def test_too_many_requests_at_once_are_rejected_by_the_limits() -> None:
    """In all, and from one peer; a finished request makes room."""

    class Waits(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()

    with MemoryTCPServer("test", Waits, limits=Limits(connections=3, connections_per_peer=2)) as server:
        first, second, third = (server.connect(("192.0.2.1", port)) for port in (1, 2, 3))
        other, fourth = (server.connect(("192.0.2.2", port)) for port in (1, 2))
        server.run()
        assert [client.ended for client in (first, second, third, other, fourth)] == [False, False, True, False, True]
        first.shutdown(1)
        server.run()
        again = server.connect(("192.0.2.1", 4))
        server.run()
        assert not again.ended
        for client in (first, second, third, other, fourth, again):
            client.close()


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_the_request_behind_a_cipher_behaves_as_a_socket(engine: str) -> None:
    """recv with MSG_PEEK and MSG_WAITALL, recv_into, makefile and timeouts, all on decoded bytes."""
    import socket

    from plugserve.testing import ToyCipher

    class Classic(StreamRequestHandler):
        timeout = 20

        def handle(self) -> None:
            request = self.request
            assert request.recv(3, socket.MSG_PEEK) == b"hal"
            assert request.recv(5, socket.MSG_WAITALL) == b"hallo"
            buffer = bytearray(2)
            assert request.recv_into(buffer) > 0
            request.settimeout(None)
            self.wfile.write(bytes(buffer) + self.rfile.read())

    cipher = ToyCipher(7)
    with hosted(engine, Classic, plugins=[CipherLayer()]) as host:
        client = host.connect()
        client.send(b"KEY\x07" + cipher.encode(b"hal"))
        client.send(cipher.encode(b"lo12345") + cipher.close())
        client.end()
        answer = client.rest()
    assert ToyCipher(7).feed(answer[2:]) == b"12345"


def test_limits_refuse_what_is_no_limit() -> None:
    """Zero seconds or bytes would mean never."""
    with pytest.raises(PlugserveError, match="limits: idle is 0: give a number above 0"):
        Limits(idle=0)
