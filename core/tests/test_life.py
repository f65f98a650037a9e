"""One life of a request: the same bytes, the same order of hooks and the same facts on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plugserve import (
    Connection,
    CoroutineHandler,
    DatagramRequestHandler,
    Limits,
    PlugserveError,
    ProtocolHandler,
    StreamRequestHandler,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES, CipherLayer, HeaderLayer, Host, Recorder, ToyCipher, hosted


class ClassicEcho(StreamRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.upper())
        self.request.sendall(b".")


class FileEcho(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())
        self.wfile.write(b".")


class CoroutineEcho(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data.upper())
        self.connection.write(b".")


class ProtocolEcho(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.upper()

    def eof(self) -> bytes:
        return b"."


STYLES = {"classic": ClassicEcho, "files": FileEcho, "coroutine": CoroutineEcho, "protocol": ProtocolEcho}
STACKS: dict[str, list[Any]] = {
    "bare": [],
    "header": [HeaderLayer],
    "cipher": [CipherLayer],
    "header, cipher": [HeaderLayer, CipherLayer],
    "cipher, header": [CipherLayer, HeaderLayer],
}
KEY = 0x2A
HEADER = b"CLIENT 203.0.113.7 4711\n"


def on_the_wire(stack: str, plain: bytes) -> tuple[bytes, bytes]:
    """What a client sends for `plain` and then the end, and what of the answer is not the handler's."""
    cipher = ToyCipher(KEY)
    if stack == "bare":
        return plain, b""
    if stack == "header":
        return HEADER + plain, b""
    hello = b"KEY" + bytes([KEY])
    if stack == "cipher":
        return hello + cipher.encode(plain) + cipher.close(), b"OK"
    if stack == "header, cipher":
        return HEADER + hello + cipher.encode(plain) + cipher.close(), b"OK"
    return hello + cipher.encode(HEADER + plain) + cipher.close(), b"OK"


def decoded(stack: str, answer: bytes) -> bytes:
    """The handler's part of an answer; the cipher's stream must have been ended properly."""
    if "cipher" not in stack:
        return answer
    assert answer.startswith(b"OK")
    cipher = ToyCipher(KEY)
    plain = cipher.feed(answer[2:])
    assert cipher.ended
    return plain


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A plugin that writes every hook down."""
    recorder = Recorder()
    yield recorder
    recorder.close()


def converse(host: Host, stack: str, cut: int | None = None) -> bytes:
    """One whole conversation, the client's bytes cut in two at `cut`."""
    sent, _ = on_the_wire(stack, b"hallo\nwelt\n")
    client = host.connect()
    if cut is None:
        client.send(sent)
    else:
        client.send(sent[:cut])
        client.send(sent[cut:])
    client.end()
    return decoded(stack, client.rest())


class Farewell(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        self.close()
        return b"bye"


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_what_a_protocol_handler_returns_after_close_is_still_sent(engine: str) -> None:
    """To say farewell and to close is one thought, in whatever order it is written; then the connection ends."""
    with hosted(engine, Farewell) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b"bye"


def test_without_a_server_nothing_can_be_sent_after_close_either() -> None:
    """`for_test` refuses what a connection would."""
    handler = Farewell.for_test()
    assert handler.receive(b"x") == b"bye"
    assert handler.was_closed
    with pytest.raises(PlugserveError, match="after close"):
        handler.send(b"more")


LIFE = ["verify_request", "authorize", "process_request", "setup", "handle", "handled", "finish", "connection_closed"]


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("stack", STACKS)
def test_every_style_on_every_engine_through_every_stack_gives_the_same_answer_hooks_and_facts(
    engine: str, style: str, stack: str, recorder: Recorder
) -> None:
    """Each is written once: only the engine's name may tell where a request was handled."""
    with hosted(engine, STYLES[style], plugins=[layer() for layer in STACKS[stack]] + [recorder]) as host:
        assert converse(host, stack) == b"HALLO\nWELT\n."
    host_name = "203.0.113.7" if "header" in stack else "127.0.0.1"
    identity = f"key {KEY}" if "cipher" in stack else None
    assert recorder.events == [
        ["verify_request", {"outcome": "open"}],
        ["authorize", {"host": host_name, "identity": identity}],
        ["process_request", {"host": host_name}],
        ["setup", {"identity": identity}],
        ["handle", {}],
        ["handled", {}],
        ["finish", {"host": host_name}],
        ["connection_closed", {"host": host_name, "outcome": "ok", "reason": "finished"}],
    ]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("stack", STACKS)
def test_input_split_at_every_byte_changes_nothing(style: str, stack: str) -> None:
    """With the memory engine the server deals with each part before the next one comes."""
    sent, _ = on_the_wire(stack, b"hallo\nwelt\n")
    with hosted("memory", STYLES[style], plugins=[layer() for layer in STACKS[stack]]) as host:
        for cut in range(len(sent) + 1):
            assert converse(host, stack, cut) == b"HALLO\nWELT\n.", f"cut at {cut}"


@pytest.mark.parametrize("engine", [engine for engine in STREAM_ENGINES if engine != "memory"])
@pytest.mark.parametrize("stack", ["header, cipher", "cipher, header"])
def test_bytes_that_come_one_at_a_time_reach_a_classic_handler_behind_two_layers(engine: str, stack: str) -> None:
    """What the layers read ahead is the handler's first input, on real sockets."""
    sent, _ = on_the_wire(stack, b"hallo\nwelt\n")
    with hosted(engine, FileEcho, plugins=[layer() for layer in STACKS[stack]]) as host:
        client = host.connect()
        for index in range(len(sent)):
            client.send(sent[index : index + 1])
        client.end()
        assert decoded(stack, client.rest()) == b"HALLO\nWELT\n."


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_a_layer_that_is_refused_never_reaches_the_handler(engine: str, recorder: Recorder) -> None:
    """Wrong bytes for a layer end the request with its reason, and nothing but request_rejected follows."""
    with hosted(engine, ClassicEcho, plugins=[HeaderLayer(), recorder]) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\n")
        assert client.rest() == b""
    assert recorder.events[1:] == [
        [
            "request_rejected",
            {"host": "127.0.0.1", "by": "header", "reason": "the header must be CLIENT, a host and a port"},
        ]
    ]


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_clients_that_are_silent_in_a_layer_hold_up_nobody(engine: str) -> None:
    """They are parked on the front: even the sync engine serves the next client at once."""
    with hosted(engine, CoroutineEcho, plugins=[HeaderLayer()]) as host:
        silent = [host.connect() for _ in range(20)]
        assert converse(host, "header") == b"HALLO\nWELT\n."
        for client in silent:
            client.close()


def test_a_silent_and_a_dripping_client_meet_the_same_deadline_over_all_layers(recorder: Recorder) -> None:
    """One deadline covers all layers together: bytes that trickle in do not move it."""
    with hosted(
        "memory", CoroutineEcho, plugins=[CipherLayer(), HeaderLayer(), recorder], limits=Limits(layers_timeout=5)
    ) as host:
        silent, dripping = host.connect(), host.connect()
        for byte in b"KEY*":
            dripping.send(bytes([byte]))
            host.server.advance(1.2)
        assert dripping.take(2) == b"OK"
        host.server.advance(0.3)
        assert silent.rest() == b""
        assert dripping.rest() == b""
    assert [event for event in recorder.events if event[0] == "request_rejected"] == [
        ["request_rejected", {"host": "127.0.0.1", "by": by, "reason": "the layers did not finish in time"}]
        for by in ("cipher", "header")
    ]


def test_layers_may_read_no_more_than_their_budget(recorder: Recorder) -> None:
    """A peer that is not yet admitted cannot make the server hold more than layers_bytes."""

    class Greedy:
        phase = "peer"

        @hookimpl
        async def open_connection(self, connection: Connection) -> None:
            await connection.read_exactly(1_000_000)

    with hosted("memory", CoroutineEcho, plugins=[Greedy(), recorder], limits=Limits(layers_bytes=100)) as host:
        client = host.connect()
        client.send(b"x" * 99)
        assert recorder.hooks == ["verify_request"]
        client.send(b"yz")
        assert recorder.events[-1][1]["reason"] == "more than 100 bytes before the request was admitted"


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("stack", ["bare", "header, cipher"])
def test_a_handler_that_fails_is_told_after_finish_and_its_connection_is_closed(
    engine: str, stack: str, recorder: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """The order is the seed's: finish first, then handle_error; then the connection ends."""

    class Failing(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read(1)
            raise LookupError("nobody knows")

    with hosted(engine, Failing, plugins=[layer() for layer in STACKS[stack]] + [recorder]) as host:
        sent, _ = on_the_wire(stack, b"hallo")
        client = host.connect()
        client.send(sent)
        client.end()
        client.rest()
    assert recorder.hooks[-4:] == ["handled", "finish", "handle_error", "connection_closed"]
    assert recorder.events[-2][1] == {"exception": "LookupError"}
    assert recorder.events[-1][1]["outcome"] == "error"
    assert "LookupError: nobody knows" in capfd.readouterr().err


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("style", STYLES)
def test_a_client_that_hangs_up_is_no_error(
    engine: str, style: str, recorder: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """A reset ends the request as peer-closed, and nothing is printed."""
    with hosted(engine, STYLES[style], plugins=[recorder]) as host:
        client = host.connect()
        client.send(b"hallo\n")
        assert client.take(1) == b"H"
        client.reset()
    assert recorder.events[-1][1]["outcome"] == "peer-closed"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_what_a_handler_wrote_arrives_although_the_client_goes_on_sending(engine: str) -> None:
    """Closing with unread input would reset the connection and destroy the answer: the request parts first."""

    class Hasty(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            self.connection.write(b"enough" * 1000)

    with hosted(engine, Hasty) as host:
        client = host.connect()
        client.send(b"a long request that nobody reads")
        assert client.take(6000) == b"enough" * 1000
        client.end()
        assert client.rest() == b""


class Parrot(DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class OnePacket(CoroutineHandler):
    async def handle(self) -> None:
        packet = await self.connection.read()
        assert await self.connection.read() == b""
        self.connection.write(packet[:1].upper())
        self.connection.write(packet[1:].upper())


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("handler", [Parrot, OnePacket, ProtocolEcho])
def test_a_datagram_lives_the_same_life_and_gets_one_reply(engine: str, handler: Any, recorder: Recorder) -> None:
    """All that a handler writes forms one datagram, and the hooks are those of a stream."""
    with hosted(engine, handler, datagrams=True, plugins=[recorder]) as host:
        assert host.ask(b"hallo") == b"HALLO"
    assert recorder.hooks == LIFE
    assert recorder.events[-1][1]["outcome"] == "ok"


@pytest.mark.parametrize("engine", ["memory"])
def test_a_datagram_that_gets_no_answer_sends_nothing(engine: str) -> None:
    """Nothing written means no reply: an empty datagram would be one too many."""

    class Mute(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()

    with hosted(engine, Mute, datagrams=True) as host:
        host.server.send_datagram(b"hallo")  # type: ignore[attr-defined]
        host.server.run()  # type: ignore[attr-defined]
        assert host.server.take_replies() == []  # type: ignore[attr-defined]
