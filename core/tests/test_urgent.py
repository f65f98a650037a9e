"""Urgent data on every engine: each policy, the stream beside it, floods, and sending it."""

from __future__ import annotations

import random
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    CoroutineHandler,
    Limits,
    MultiplexingTCPServer,
    PlugserveError,
    ProtocolHandler,
    TCPServer,
    ThreadingTCPServer,
    UDPServer,
    hookimpl,
)
from plugserve.errors import Aborted
from plugserve.poller import POLLERS, READABLE, URGENT, WRITABLE, make_poller
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve.urgent import EVENTS, SWEEP, _Watcher, at_mark

ENGINES = sorted(STREAM_ENGINES)


class Repeat(ProtocolHandler):
    """Answers everything with itself, an urgent byte with a mark before it."""

    def receive(self, data: bytes) -> bytes:
        return data

    def urgent(self, data: bytes) -> bytes:
        return b"!" + data


class RepeatAwaiting(CoroutineHandler):
    """The same, awaiting."""

    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data)

    def urgent(self, data: bytes) -> bytes:
        return b"!" + data


class RepeatClassic(BaseRequestHandler):
    """The same on a socket; its urgent bytes come to a hook."""

    speaks_first = False

    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class Answer:
    """A hook that answers an urgent byte."""

    @hookimpl
    def out_of_band(self, context: Any) -> None:
        context.request.sendall(b"!" + context.urgent)


HANDLERS: list[tuple[Any, tuple[Callable[[], Any], ...]]] = [
    (Repeat, ()),
    (RepeatAwaiting, ()),
    (RepeatClassic, (Answer,)),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("handler", "plugins"), HANDLERS, ids=lambda value: getattr(value, "__name__", ""))
def test_with_the_policy_event_each_urgent_byte_is_told_and_the_stream_is_whole(
    engine: str, handler: Any, plugins: tuple[Callable[[], Any], ...]
) -> None:
    """Whatever the order of ordinary and urgent bytes, if each is answered before the next is sent."""
    order = random.Random(6093)
    with hosted(engine, handler, attributes={"urgent": "event"}, plugins=[make() for make in plugins]) as host:
        client = host.connect()
        client.send(b"begin")
        assert client.take(5) == b"begin"
        for number in range(EVENTS - 1):
            if order.random() < 0.5:
                client.send(b"%02d" % number)
                assert client.take(2) == b"%02d" % number
            client.send_urgent(b"U")
            assert client.take(2) == b"!U"
        client.send(b"end")
        client.end()
        assert client.rest() == b"end"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Repeat, RepeatAwaiting, RepeatClassic])
def test_by_default_urgent_bytes_are_dropped(engine: str, handler: Any) -> None:
    """They reach nobody, and the bytes around them stay as they are."""
    with hosted(engine, handler) as host:
        client = host.connect()
        for _ in range(5):
            client.send(b"data")
            assert client.take(4) == b"data"
            client.send_urgent(b"U")
            client.send(b"more")
            assert client.take(4) == b"more"
        client.end()
        assert client.rest() == b""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Repeat, RepeatAwaiting, RepeatClassic])
@pytest.mark.parametrize("seed", range(3))
def test_with_the_policy_inline_all_bytes_stand_in_the_stream(engine: str, handler: Any, seed: int) -> None:
    """In the order in which they were sent, however many come before anything is read."""
    order = random.Random(seed)
    sent = b""
    with hosted(engine, handler, attributes={"urgent": "inline"}) as host:
        client = host.connect()
        for number in range(60):
            piece = b"%02d" % number * order.randrange(1, 40)
            if order.random() < 0.4:
                piece = b"U"
                client.send_urgent(piece)
            else:
                client.send(piece)
            sent += piece
        client.end()
        assert client.rest() == sent


class Script:
    """Random sends, and what they promise."""

    def __init__(self, seed: int) -> None:
        order = random.Random(seed)
        self.steps: list[tuple[bool, bytes]] = []
        for number in range(order.randrange(2, 40)):
            urgent = order.random() < 0.3
            self.steps.append((urgent, bytes([65 + number % 26]) if urgent else b"%d," % number))

    def run(self, client: Any) -> None:
        for is_urgent, data in self.steps:
            (client.send_urgent if is_urgent else client.send)(data)
        client.end()

    def check(self, stream: bytes) -> None:
        """All ordinary bytes, in order; of the urgent ones only such as were overtaken, each in its place."""
        at = 0
        last = max((index for index, (urgent, _) in enumerate(self.steps) if urgent), default=-1)
        for index, (urgent, data) in enumerate(self.steps):
            if stream.startswith(data, at) and not (urgent and index == last):
                at += len(data)
            else:
                assert urgent, (self.steps, stream, data)
        assert at == len(stream), (self.steps, stream)


class Report(CoroutineHandler):
    """Collects all, and says at the end what it was."""

    async def handle(self) -> None:
        self.told = b""
        stream = b""
        while data := await self.connection.read():
            stream += data
        self.connection.write(stream + b"|" + self.told)

    def urgent(self, data: bytes) -> None:
        self.told += data


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("policy", ["drop", "event"])
def test_without_waiting_for_answers_only_overtaken_urgent_bytes_become_ordinary(engine: str, policy: str) -> None:
    """No ordinary byte is ever lost, none changes its place, and the last urgent byte is never in the stream; with
    `event` it is told."""
    with hosted(engine, Report, attributes={"urgent": policy}) as host:
        for seed in range(12):
            script = Script(seed)
            client = host.connect()
            script.run(client)
            stream, _, told = client.rest().rpartition(b"|")
            client.close()
            script.check(stream)
            urgent = [data for urgent, data in script.steps if urgent]
            if policy == "drop" or not urgent:
                assert told == b""
            elif len(urgent) < EVENTS:
                assert told[-1:] == urgent[-1]
                left = iter(urgent)
                assert all(bytes([byte]) in left for byte in told), (told, urgent)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Repeat, RepeatAwaiting, RepeatClassic])
def test_with_the_policy_abort_the_connection_ends_at_the_first_urgent_byte(engine: str, handler: Any) -> None:
    """Nothing that stands behind it is handled."""
    reasons: list[tuple[str, str, int]] = []
    done = threading.Event()

    class Watch:
        @hookimpl
        def connection_closed(self, context: Any, reason: str) -> None:
            reasons.append((context.outcome, reason, context.urgent_count))
            done.set()

    with hosted(engine, handler, attributes={"urgent": "abort"}, plugins=[Watch()]) as host:
        client = host.connect()
        client.send(b"data")
        assert client.take(4) == b"data"
        client.send_urgent(b"U")
        try:
            assert client.rest() == b""
        except ConnectionError:
            pass
        host.settle()
        assert done.wait(20)
    [(outcome, reason, _)] = reasons
    assert (outcome, "urgent data" in reason) == ("aborted", True)


@pytest.mark.parametrize("engine", ["multiplexing", "memory", "threading"])
def test_with_the_policy_abort_a_request_that_was_not_admitted_yet_is_refused(engine: str) -> None:
    """While it waits in a layer, or for its first byte."""
    refused: list[tuple[str | None, str]] = []
    told = threading.Event()

    class Patient:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            await connection.read_exactly(4)
            connection.write(b"in")

        @hookimpl
        def request_rejected(self, context: Any, reason: str) -> None:
            refused.append((context.rejected_by, reason))
            told.set()

    with hosted(engine, RepeatClassic, attributes={"urgent": "abort"}, plugins={"patient": Patient()}) as host:
        for said, who in ((b"", "patient"), (b"head", "urgent")):
            client = host.connect()
            client.send(said)
            assert client.take(2 if said else 0) == (b"in" if said else b"")
            client.send_urgent(b"U")
            try:
                assert client.rest() == b""
            except ConnectionError:
                pass
            assert told.wait(20)
            told.clear()
            assert refused.pop()[0] == who


@pytest.mark.parametrize("policy", ["inline", "event"])
@pytest.mark.parametrize("engine", ["multiplexing", "memory", "threading"])
def test_before_a_request_is_admitted_urgent_bytes_are_dropped(engine: str, policy: str) -> None:
    """A layer reads its header as if there were none."""

    class Header:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            connection.write(b"go")
            assert await connection.read_exactly(4) == b"head"

    with hosted(engine, Repeat, attributes={"urgent": policy}, plugins=[Header()]) as host:
        client = host.connect()
        client.send(b"he")
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        client.send(b"ad" + b"body")
        assert client.take(4) == b"body"
        client.send_urgent(b"V")
        expected = b"!V" if policy == "event" else b"V"
        assert client.take(len(expected)) == expected


@pytest.mark.parametrize("policy", ["inline", "event", "abort"])
@pytest.mark.parametrize("engine", ["multiplexing", "memory", "sync"])
def test_below_a_transform_urgent_bytes_are_dropped_or_end_the_connection(engine: str, policy: str) -> None:
    """In line they would destroy what is encrypted, and as an event they would be a word in clear."""

    class Shifted:
        ended = False

        def feed(self, raw: bytes) -> bytes:
            return bytes(byte ^ 1 for byte in raw)

        encode = feed

        def pending(self) -> bytes:
            return b""

        def close(self) -> bytes:
            return b""

    class Layer:
        phase = "encryption"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            connection.push(Shifted())

    with hosted(engine, Repeat, attributes={"urgent": policy}, plugins=[Layer()]) as host:
        client = host.connect()
        client.send(b"abab")
        assert client.take(4) == b"abab"
        client.send_urgent(b"U")
        if policy == "abort":
            try:
                assert client.rest() == b""
            except ConnectionError:
                pass
            return
        client.send(b"cdcd")
        assert client.take(4) == b"cdcd"
        client.end()
        assert client.rest() == b""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_that_pushes_a_transform_hears_of_no_urgent_byte_afterwards(engine: str) -> None:
    """The policy ends where the encryption begins, in mid-stream, too."""

    class Upgrade(CoroutineHandler):
        async def handle(self) -> None:
            connection = self.connection
            assert await connection.read_exactly(1) == b"s"

            class Plain:
                ended = False
                feed = encode = staticmethod(bytes)

                def pending(self) -> bytes:
                    return b""

                def close(self) -> bytes:
                    return b""

            connection.push(Plain())
            connection.write(b"go")
            while data := await connection.read():
                connection.write(data)

    with hosted(engine, Upgrade, attributes={"urgent": "inline"}) as host:
        client = host.connect()
        client.send(b"s")
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        client.send(b"data")
        client.end()
        assert client.rest() == b"data"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("policy", ["drop", "inline", "event"])
def test_an_urgent_byte_right_before_the_end_of_the_stream_takes_nothing_with_it(engine: str, policy: str) -> None:
    """After a half-close the answer still comes."""
    with hosted(engine, Report, attributes={"urgent": policy}) as host:
        client = host.connect()
        client.send(b"data")
        client.send_urgent(b"U")
        client.end()
        assert client.rest() == {"drop": b"data|", "inline": b"dataU|", "event": b"data|U"}[policy]


@pytest.mark.parametrize("engine", ENGINES)
def test_reading_stops_at_the_mark_and_the_connection_says_where_it_is(engine: str) -> None:
    """The Synch of Telnet (RFC 854): everything before the mark is thrown away, the data mark with it."""

    class Telnet(CoroutineHandler):
        async def handle(self) -> None:
            connection = self.connection
            assert await connection.read_exactly(5) == b"start"
            connection.write(b"go")
            thrown_away = b""
            while await connection.wait_readable() and not connection.at_mark:
                thrown_away += await connection.read_exactly(1)
            mark = await connection.read_exactly(1)
            assert not connection.at_mark
            rest = b""
            while data := await connection.read():
                rest += data
            connection.write(b"%d:" % len(thrown_away) + mark + b":" + rest)

    with hosted(engine, Telnet, attributes={"urgent": "inline"}) as host:
        client = host.connect()
        client.send(b"start")
        assert client.take(2) == b"go"
        client.send(b"old" * 1000 + b"\xff")
        client.send_urgent(b"\xf2")
        client.send(b"new")
        client.end()
        assert client.rest() == b"3001:\xf2:new"


def test_a_classic_handler_in_line_asks_its_socket_where_the_mark_is() -> None:
    """It has the real one, with SO_OOBINLINE."""

    class Telnet(BaseRequestHandler):
        def handle(self) -> None:
            assert type(self.request) is socket.socket
            self.request.sendall(b"go")
            while select.select([self.request], [], [])[0] and not at_mark(self.request):
                self.request.recv(4)
            self.request.sendall(self.request.recv(1) + b":" + self.request.recv(100, socket.MSG_WAITALL))

    with hosted("threading", Telnet, attributes={"urgent": "inline"}) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        client.send(b"0123456789")
        client.send_urgent(b"M")
        client.send(b"after")
        client.end()
        assert client.rest() == b"M:after"


class Frozen:
    """A clock that a test moves."""

    now = 0.0

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("handler", "plugins"), HANDLERS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_flood_is_looked_at_sixteen_times_a_sweep(
    engine: str, handler: Any, plugins: tuple[Callable[[], Any], ...]
) -> None:
    """The rest is left to the kernel, and the stream is whole all the same."""
    frozen = {} if engine == "memory" else {"clock": Frozen.clock, "now": 0.0}
    attributes = {"urgent": "event", **frozen}
    with hosted(engine, handler, attributes=attributes, plugins=[make() for make in plugins]) as host:
        client = host.connect()
        answers = b""
        for number in range(100):
            client.send_urgent(b"U")
            if number < EVENTS:
                assert client.take(2) == b"!U"
                answers += b"!U"
            client.send(b"data")
            answers += client.take(4)
        client.end()
        answers += client.rest()
        assert answers.count(b"!") == EVENTS
        assert answers.replace(b"!U", b"") == b"data" * 100


@pytest.mark.parametrize("engine", ["multiplexing", "memory"])
def test_after_a_flood_the_next_sweep_looks_again(engine: str) -> None:
    """By the server's clock; what came meanwhile counts as one."""
    clock: dict[str, Any] = {} if engine == "memory" else {"clock": Frozen.clock, "now": 0.0}
    with hosted(engine, Repeat, attributes={"urgent": "event", **clock}) as host:
        server: Any = host.server
        client = host.connect()
        for _ in range(EVENTS):
            client.send_urgent(b"U")
            assert client.take(2) == b"!U"
        client.send_urgent(b"V")
        if engine == "memory":
            server.advance(SWEEP)
        else:
            server.now = SWEEP
            next(iter(server._core_fronts.values())).poller.wake()
        assert client.take(2) == b"!V"


def test_at_a_blocking_place_the_next_sweep_looks_again() -> None:
    """A handler that does not read meanwhile is told of by the watcher's thread."""
    told: list[bytes] = []
    came = threading.Semaphore(0)
    go_on = threading.Event()

    class Busy(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"go")
            go_on.wait(20)

    class Note:
        @hookimpl
        def out_of_band(self, context: Any) -> None:
            told.append(context.urgent)
            came.release()

    with hosted("threading", Busy, attributes={"urgent": "event"}, plugins=[Note()]) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        for _ in range(EVENTS):
            client.send_urgent(b"U")
            assert came.acquire(timeout=20)
        client.send_urgent(b"V")
        assert came.acquire(timeout=20)
        go_on.set()
        assert client.rest() == b""
    assert told == [b"U"] * EVENTS + [b"V"]


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="elsewhere the watcher looks now and then")
def test_a_flood_does_not_wake_the_watcher_of_blocking_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last event of a sweep the kernel is not asked any more."""
    looks: list[object] = []
    came = threading.Semaphore(0)
    go_on = threading.Event()
    look = _Watcher._look

    def counted(watcher: Any, urgency: Any) -> None:
        looks.append(urgency)
        look(watcher, urgency)

    monkeypatch.setattr(_Watcher, "_look", counted)

    class Busy(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"go")
            go_on.wait(20)

    class Note:
        @hookimpl
        def out_of_band(self) -> None:
            came.release()

    attributes = {"urgent": "event", "clock": Frozen.clock, "now": 0.0}
    with hosted("threading", Busy, attributes=attributes, plugins=[Note()]) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        for _ in range(EVENTS):
            client.send_urgent(b"U")
            assert came.acquire(timeout=20)
        for _ in range(200):
            client.send_urgent(b"U")
        go_on.set()
        assert client.rest() == b""
    assert len(looks) == EVENTS


@pytest.mark.parametrize("engine", ["sync", "threading", "thread-pool", "forking"])
def test_a_handler_that_computes_is_told_when_it_reads_and_the_hook_at_once(engine: str) -> None:
    """The hook runs beside it; the handler's own method only within its own read."""

    class Busy(CoroutineHandler):
        async def handle(self) -> None:
            self.told = b""
            self.connection.write(b"go")
            while self.context.urgent is None:
                select.select([], [], [], 0.001)
            before = self.told
            data = await self.connection.read()
            self.connection.write(before + b":" + self.told + b":" + data)

        def urgent(self, data: bytes) -> None:
            self.told += data

    with hosted(engine, Busy, attributes={"urgent": "event"}) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        client.send(b"data")
        assert client.rest() == b":U:data"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_may_end_the_connection_in_answer_to_an_urgent_byte(engine: str) -> None:
    """What it returns is still sent."""

    class Leave(ProtocolHandler):
        def opened(self) -> bytes:
            return b"go"

        def urgent(self, data: bytes) -> bytes:
            self.close()
            return b"bye"

    with hosted(engine, Leave, attributes={"urgent": "event"}) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        assert client.rest() == b"bye"


@pytest.mark.parametrize("engine", ["multiplexing", "memory", "threading"])
def test_what_a_handler_raises_in_urgent_is_its_own_error(
    engine: str, capfd: pytest.CaptureFixture[str], no_drift: list[str]
) -> None:
    """As if its receive had raised it."""

    class Fails(ProtocolHandler):
        def opened(self) -> bytes:
            return b"go"

        def urgent(self, data: bytes) -> bytes:
            raise LookupError("not expected here")

    with hosted(engine, Fails, attributes={"urgent": "event"}) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        assert client.rest() == b""
    assert "LookupError: not expected here" in capfd.readouterr().err


@pytest.mark.parametrize("engine", ["multiplexing", "memory", "threading"])
def test_a_hook_that_fails_is_reported_and_the_others_are_told(engine: str, no_drift: list[str]) -> None:
    """Neither the request nor the server minds."""

    class Fails:
        @hookimpl
        def out_of_band(self) -> None:
            raise LookupError("not expected here")

    with hosted(engine, RepeatClassic, attributes={"urgent": "event"}, plugins=[Fails(), Answer()]) as host:
        client = host.connect()
        client.send(b"a")
        assert client.take(1) == b"a"
        client.send_urgent(b"U")
        assert client.take(2) == b"!U"
        client.send(b"b")
        assert client.take(1) == b"b"
    [line] = no_drift
    assert "out_of_band raised LookupError" in line
    no_drift.clear()


@pytest.mark.parametrize("engine", ["multiplexing", "memory"])
def test_urgent_bytes_do_not_keep_a_silent_client_alive(engine: str) -> None:
    """The idle deadline of a read goes on while they come."""
    clock: dict[str, Any] = {} if engine == "memory" else {"clock": Frozen.clock, "now": 0.0}
    with hosted(engine, Repeat, attributes={"urgent": "event", **clock}, limits=Limits(first_byte=10)) as host:
        server: Any = host.server

        def pass_seconds(seconds: float) -> None:
            if engine == "memory":
                server.advance(seconds)
            else:
                server.now += seconds
                next(iter(server._core_fronts.values())).poller.wake()

        client = host.connect()
        # Its time may begin only with the second: the first answer can be here before the server waits again.
        try:
            for _ in range(3):
                client.send_urgent(b"U")
                if client.take(2) != b"!U":
                    break
                pass_seconds(6)
            assert client.rest() == b""
        except ConnectionError:
            pass


@pytest.mark.parametrize("timeout", [None, 20])
def test_a_classic_handler_keeps_its_timeouts(timeout: float | None) -> None:
    """With the policy event its socket waits as any other."""

    class Waits(BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(0)
            with pytest.raises(BlockingIOError):
                self.request.recv(10)
            self.request.settimeout(0.01)
            with pytest.raises(TimeoutError):
                self.request.recv(10)
            self.request.settimeout(timeout)
            self.request.sendall(b"go")
            while data := self.request.recv(10):
                self.request.sendall(data)

    with hosted("threading", Waits, attributes={"urgent": "event"}, plugins=[Answer()]) as host:
        client = host.connect()
        assert client.take(2) == b"go"
        client.send_urgent(b"U")
        assert client.take(2) == b"!U"
        client.send(b"data")
        assert client.take(4) == b"data"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_sends_urgent_data_behind_what_it_has_written(engine: str) -> None:
    """The client's kernel tells them apart."""

    class Alarm(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            self.send(b"before")
            self.connection.send_urgent(b"!")
            return b"after"

    with hosted(engine, Alarm) as host:
        client = host.connect()
        client.send(b"now")
        assert client.take(11) == b"beforeafter"
        client.send(b"now")
        assert client.take(6) == b"before"
        assert client.take_urgent() == b"!"
        assert client.take(5) == b"after"


@pytest.mark.parametrize("engine", ["multiplexing", "threading", "sync"])
def test_urgent_data_keeps_its_place_behind_output_that_nobody_takes(engine: str) -> None:
    """The mark is where it was sent, though hundreds of kilobytes had to wait before it."""

    class Much(CoroutineHandler):
        async def handle(self) -> None:
            for piece in (b"a", b"b"):
                self.connection.write(piece * 700_000)
                self.connection.send_urgent(b"!")
                self.connection.write(b".")
                await self.connection.drain()

    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        small.settimeout(20)
        limits = Limits(output=4_000_000, high_water=4_000_000)
        with hosted(engine, Much, limits=limits) as host:
            server: Any = host.server
            small.connect(server.server_address)
            received = b""
            while data := small.recv(65536):
                received += data
    assert received == b"a" * 700_000 + b"!." + b"b" * 700_000 + b"!."


def test_urgent_data_is_one_byte_and_goes_where_there_is_any() -> None:
    """Everything else is a clear error at the call."""
    errors: list[BaseException] = []

    class Wrong(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            for attempt in (b"", b"two"):
                with pytest.raises(ValueError, match="urgent data is one byte"):
                    self.connection.send_urgent(attempt)
            return b"ok"

    class Datagram(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            try:
                self.connection.send_urgent(b"!")
            except PlugserveError as error:
                errors.append(error)
            return b"ok"

    with hosted("sync", Wrong) as host:
        client = host.connect()
        client.send(b"?")
        assert client.take(2) == b"ok"
    with hosted("sync", Datagram, datagrams=True) as host:
        assert host.ask(b"??") == b"ok"
    assert "udp has none" in str(errors[0])


def test_a_policy_that_is_none_or_cannot_be_kept_is_refused_at_start() -> None:
    """With what to write instead."""

    def start(base: Any, **attributes: Any) -> None:
        type("Server", (base,), attributes)(("127.0.0.1", 0), Repeat).server_close()

    with pytest.raises(ConfigurationError, match="'Event': use one of drop, inline, event, abort"):
        start(TCPServer, urgent="Event")
    with pytest.raises(ConfigurationError, match="only TCP has urgent data, and this is udp"):
        start(UDPServer, urgent="event")
    with pytest.raises(ConfigurationError, match="the engine 'sync' does not deliver urgent data"):
        start(TCPServer, urgent="abort", delivers_out_of_band=False)
    start(TCPServer, urgent=lambda self: "a program's own method")
    start(ThreadingTCPServer, urgent="inline", delivers_out_of_band=False)


def test_a_way_to_wait_that_knows_of_no_urgent_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name; where it is left to the server, the next one is taken."""
    from plugserve import poller

    monkeypatch.setitem(poller.POLLERS, "kqueue", poller.KernelPoller)
    server_class = type("Server", (MultiplexingTCPServer,), {"urgent": "event", "poller": "kqueue"})
    with pytest.raises(ConfigurationError, match="kqueue does not tell of urgent data here"):
        server_class(("127.0.0.1", 0), Repeat)
    monkeypatch.setattr(poller, "POLLERS", {"kqueue": poller.KernelPoller, "select": poller.POLLERS["select"]})
    found = make_poller(urgent=True)
    found.close()
    assert type(found) is poller.POLLERS["select"]


@pytest.mark.parametrize("name", POLLERS)
def test_every_way_to_wait_tells_urgent_data_from_other(name: str) -> None:
    """Whatever else is asked for at the same time."""
    poller = make_poller(name)
    if not poller.watches_urgent:
        poller.close()
        pytest.skip(f"{name} knows of none")
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as near:
        far, _ = listener.accept()
        with far:
            fd = far.fileno()
            poller.register(fd, URGENT, "far")
            assert poller.select(0) == []
            near.send(b"data")
            select.select([far], [], [], 20)
            assert poller.select(0) == []
            near.send(b"U", socket.MSG_OOB)
            assert poller.select(20) == [("far", URGENT)]
            poller.modify(fd, READABLE | URGENT, "far")
            assert poller.select(20) == [("far", READABLE | URGENT)]
            poller.modify(fd, READABLE | WRITABLE | URGENT, "far")
            assert poller.select(20) == [("far", READABLE | WRITABLE | URGENT)]
            poller.modify(fd, READABLE, "far")
            assert poller.select(20) == [("far", READABLE)]
            assert far.recv(1, socket.MSG_OOB) == b"U"
            poller.modify(fd, URGENT, "far")
            assert poller.select(0) == []
            poller.unregister(fd)
    poller.close()


@pytest.mark.parametrize("name", POLLERS)
def test_events_come_with_every_way_to_wait(name: str) -> None:
    """On a server whose loop handles the requests."""
    poller = make_poller(name)
    poller.close()
    if not poller.watches_urgent:
        pytest.skip(f"{name} knows of none")
    with hosted("multiplexing", Repeat, attributes={"urgent": "event", "poller": name}) as host:
        client = host.connect()
        for _ in range(3):
            client.send_urgent(b"U")
            assert client.take(2) == b"!U"
            client.send(b"data")
            assert client.take(4) == b"data"


def test_without_a_policy_nothing_of_it_is_loaded() -> None:
    """A server pays for what it uses."""
    import subprocess
    import sys

    code = (
        "import sys, plugserve\n"
        "plugserve.TCPServer(('127.0.0.1', 0), plugserve.ProtocolHandler).server_close()\n"
        "assert 'plugserve.urgent' not in sys.modules and 'plugserve.ancillary' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_context_counts_and_shows_the_last_byte() -> None:
    """Which is what a hook goes by."""
    seen: list[tuple[Any, int]] = []

    class Note:
        @hookimpl
        def out_of_band(self, context: Any) -> None:
            seen.append((context.urgent, context.urgent_count))

    with hosted("memory", Repeat, attributes={"urgent": "event"}, plugins=[Note()]) as host:
        client = host.connect()
        for byte in (b"A", b"B"):
            client.send_urgent(byte)
    assert seen == [(b"A", 1), (b"B", 2)]


def test_the_reason_of_an_abort_is_what_the_handler_is_given() -> None:
    """Its pending read raises it."""
    caught: list[BaseException] = []

    class Reads(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.read()
            except Aborted as error:
                caught.append(error)
                raise

    with hosted("memory", Reads, attributes={"urgent": "abort"}) as host:
        host.connect().send_urgent(b"U")
    assert "urgent data" in str(caught[0])


@pytest.mark.parametrize("missing", [["epoll"], ["epoll", "poll"]])
def test_events_come_where_there_is_neither_epoll_nor_poll(missing: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """To a reader at once, to one that does something else soon."""
    from plugserve import poller, urgent

    for name in missing:
        monkeypatch.delattr(select, name)
    # A copy: put back into the table one by one they would stand at its end.
    left = {name: kind for name, kind in poller.POLLERS.items() if name not in missing}
    monkeypatch.setattr(poller, "POLLERS", left)
    watcher = _Watcher()
    monkeypatch.setattr(urgent, "_watcher", watcher)
    came = threading.Event()

    class Note:
        @hookimpl
        def out_of_band(self, context: Any) -> None:
            if context.urgent == b"V":
                came.set()

    class RepeatThenBusy(ProtocolHandler):
        def receive(self, data: bytes) -> bytes:
            if data == b"busy":
                self.send(b"yes")
                came.wait(20)
            return data

        def urgent(self, data: bytes) -> bytes:
            return b"!" + data

    for engine in ("threading", "multiplexing"):
        with hosted(engine, RepeatThenBusy, attributes={"urgent": "event"}, plugins=[Note()]) as host:
            client = host.connect()
            for _ in range(3):
                client.send_urgent(b"U")
                assert client.take(2) == b"!U"
                client.send(b"data")
                assert client.take(4) == b"data"
            if engine == "threading":
                client.send(b"busy")
                assert client.take(3) == b"yes"
                client.send_urgent(b"V")
                assert client.take(6) == b"busy!V"
            client.end()
            assert client.rest() == b""
    watcher.stop()
