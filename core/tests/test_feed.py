"""What a protocol handler may do in the middle of `receive`, where the front feeds it without resuming the life: the
same comes of it as on engines that read and write step by step."""

from __future__ import annotations

from typing import Any

import pytest

from plugserve import Context, ProtocolHandler, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted


class Xor:
    """A transform that is its own inverse."""

    ended = False

    def feed(self, raw: bytes) -> bytes:
        self.ended = not raw
        return self.encode(raw)

    def encode(self, plain: bytes) -> bytes:
        return bytes(byte ^ 0x20 for byte in plain)

    def pending(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""


class Scripted(ProtocolHandler):
    """Each arrival is a command."""

    def receive(self, data: bytes) -> bytes | None:
        match data.strip():
            case b"silent":
                return None
            case b"twice":
                self.send(b"first ")
                return b"second\n"
            case b"close":
                self.close()
                return b"bye\n"
            case b"send and close":
                self.send(b"good")
                self.close()
                return b"bye\n"
            case b"fail":
                raise ValueError("told to fail")
            case b"abort":
                self.connection.abort("told to abort")
                return b"never sent\n"
            case b"timer":
                self.set_timer(0.0)
                return b"soon\n"
            case b"xor":
                self.connection.push(Xor())  # type: ignore[arg-type]
                return b"now turned\n"
            case b"end input":
                self.connection.end_input()
                return b"no more\n"
        return b"got " + data

    def timer_expired(self) -> bytes:
        return b"timer\n"

    def eof(self) -> bytes:
        return b"eof\n"


class Outcomes:
    """Notes how each request ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any, Any]] = []

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self.seen.append((context.outcome, reason, context.bytes_in, context.bytes_out))


SCRIPTS: dict[str, list[tuple[bytes, int]]] = {
    "an answer to each": [(b"a", 5), (b"bb", 6), (b"ccc", 7)],
    "no answer to some": [(b"a", 5), (b"silent", 0)],
    "one sent and one returned": [(b"twice", 13), (b"a", 5)],
    "close": [(b"a", 5), (b"close", 4)],
    "send and close": [(b"a", 5), (b"send and close", 8)],
    "fail": [(b"a", 5), (b"fail", 0)],
    "abort": [(b"a", 5), (b"abort", 0)],
    "timer": [(b"a", 5), (b"timer", 11), (b"b", 5)],
    "a transform": [(b"a", 5), (b"xor", 11), (b"b", 5)],
    "the end of input": [(b"a", 5), (b"end input", 8)],
}


def _played(engine: str, script: list[tuple[bytes, int]]) -> tuple[bytes, list[Any]]:
    outcomes = Outcomes()
    with hosted(engine, Scripted, plugins=[outcomes]) as host:
        client = host.connect()
        heard = b""
        for command, length in script:
            try:
                client.send(command)
            except OSError:
                break
            heard += client.take(length)
        try:
            client.end()
            heard += client.rest()
        except OSError:
            pass  # an aborted connection may be reset
        client.close()
        host.settle()
    return heard, outcomes.seen


@pytest.mark.parametrize("engine", sorted(STREAM_ENGINES.keys() - {"sync"}))
@pytest.mark.parametrize("name", SCRIPTS)
def test_whatever_a_protocol_does_in_receive_comes_out_the_same(engine: str, name: str, capfd: Any) -> None:
    """Bytes, end, outcome and totals are those of the engine `sync`."""
    assert _played(engine, SCRIPTS[name]) == _played("sync", SCRIPTS[name])
    capfd.readouterr()
