"""Layers in the matrix: a package says with a small adapter what its layer's client does."""

from __future__ import annotations

import pytest

from plugserve import Connection, ProtocolError, hookimpl
from plugserve.testing.client_layers import CipherClient, ClientStack, HeaderClient
from plugserve.testing.matrix import OWN_LAYERS, REFERENCE_DIALOGUES, Case, LayerPair, cases, check, run, stacks_of


class PasswordLayer:
    """Asks for a password, and waits for it before it says more."""

    phase = "authentication"
    plugin_name = "password"

    @hookimpl
    async def open_connection(self, connection: Connection) -> None:
        connection.write(b"who?\n")
        name = await connection.read_until(b"\n", 20)
        if name != b"anna\n":
            raise ProtocolError("nobody knows this one")
        connection.write(b"hello anna\n")
        connection.identity = "anna"


class PasswordClient:
    """Waits for each of the server's lines."""

    ended = False

    def __init__(self, name: bytes = b"anna") -> None:
        self._name = name
        self._lines: list[bytes] = []
        self._line = b""
        self._answer = b""

    @property
    def opened(self) -> bool:
        return len(self._lines) == 2

    def opening(self) -> bytes:
        return b""

    def feed(self, raw: bytes) -> bytes:
        if not raw:
            self.ended = True
            return b""
        while raw and not self.opened:
            self._line, raw = self._line + raw[:1], raw[1:]
            if self._line.endswith(b"\n"):
                self._lines.append(self._line)
                self._line = b""
                if len(self._lines) == 1:
                    self._answer = self._name + b"\n"
        return raw

    def encode(self, plain: bytes) -> bytes:
        return plain

    def pending(self) -> bytes:
        answer, self._answer = self._answer, b""
        return answer

    def close(self) -> bytes:
        return b""


PASSWORD = LayerPair("password", PasswordLayer, PasswordClient)
HEADER, CIPHER = OWN_LAYERS
LINES = [dialogue for dialogue in REFERENCE_DIALOGUES if dialogue.name == "lines"]


@pytest.mark.parametrize("engine", ["sync", "multiplexing", "threading", "memory"])
def test_a_layer_that_waits_for_its_client_is_tried_with_the_others(engine: str) -> None:
    """Its client answers what it is asked, through whatever lies outside."""
    stacks = [(PASSWORD,), (HEADER, PASSWORD), (CIPHER, PASSWORD), (HEADER, CIPHER, PASSWORD)]
    assert check(cases(engines=[engine], dialogues=LINES, stacks=stacks, transports=["tcp"])) == []


def test_what_a_layer_finds_out_is_among_the_facts() -> None:
    """Who it is and where it comes from."""
    seen = run(Case("memory", LINES[1], layers=(HEADER, PASSWORD)))
    assert seen.facts["identity"] == "'anna'"
    assert seen.facts["client's address"] == ["203.0.113.7", 4711]
    assert seen.facts["peer's address"] == "the client's address"


def test_a_layer_that_refuses_its_client_is_the_same_everywhere() -> None:
    """The client is told nothing more, and the hooks say by whom it was refused."""
    stranger = LayerPair("stranger", PasswordLayer, lambda: PasswordClient(b"otto"))
    seen = [run(Case(engine, LINES[1], layers=(stranger,))) for engine in ("sync", "memory", "multiplexing")]
    assert all(each.facts["rejected by"] == "password" for each in seen)
    assert len({(each.transcript, each.ended, *each.hooks) for each in seen}) == 1


def test_two_layers_are_nested_both_ways() -> None:
    """None, each alone, and each two in both orders."""
    names = ["+".join(pair.name for pair in stack) for stack in stacks_of(OWN_LAYERS)]
    assert names == ["", "header", "cipher", "header+cipher", "cipher+header"]


def test_a_client_that_need_not_wait_sends_everything_in_one_segment() -> None:
    """What follows a header is then left over for the next to read."""
    stack = ClientStack([HeaderClient(), CipherClient()])
    assert stack.opened
    stack.write(b"x")
    stack.end()
    assert bytes(stack.raw) == b"CLIENT 203.0.113.7 4711\nKEY\x2a\x01" + bytes([ord("x") ^ 0x2A]) + b"\0"


def test_a_stream_that_is_cut_off_inside_a_layer_is_told_from_one_that_ended() -> None:
    """As TLS tells it by close_notify."""
    whole, torn = ClientStack([CipherClient()]), ClientStack([CipherClient()])
    for stack, raw in ((whole, b"OK\x01\x52\0"), (torn, b"OK\x01\x52")):
        assert stack.opened
        stack.receive(raw)
        stack.receive(b"")
        assert bytes(stack.plain) == b"x"
    assert whole.broken == ""
    assert torn.broken == "CipherClient: EndOfStream: the cipher's stream was cut off"
