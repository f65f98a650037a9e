"""The kit's own protocols, in three styles, on every engine of the core, through every stack of its layers."""

from __future__ import annotations

import os
import sys

import pytest

from plugserve import CoroutineHandler, ProtocolHandler
from plugserve.testing.matrix import (
    BYTE_BY_BYTE,
    OWN_LAYERS,
    REFERENCE_DIALOGUES,
    Case,
    Dialogue,
    Stage,
    cases,
    check,
    run,
    stacks_of,
)

ENGINES = ["sync", "threading", "thread-pool", "multiplexing", "memory"] + ["forking"] * hasattr(os, "fork")
NAMES = list(dict.fromkeys(dialogue.name for dialogue in REFERENCE_DIALOGUES))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_every_style_through_every_stack_is_the_same_as_on_sync(name: str, engine: str) -> None:
    """Bytes, hooks and facts: only the engine's name may tell where a request was handled; nor does the style."""
    dialogues = [dialogue for dialogue in REFERENCE_DIALOGUES if dialogue.name == name]
    assert check(cases(engines=[engine], dialogues=dialogues, stacks=stacks_of(OWN_LAYERS))) == []


def test_each_protocol_of_the_kit_is_there_in_three_styles() -> None:
    """So that styles can be compared at all."""
    for name in NAMES:
        styles = [dialogue.style for dialogue in REFERENCE_DIALOGUES if dialogue.name == name]
        assert styles == ["classic", "coroutine", "protocol"]


class Counting(CoroutineHandler):
    """Tells how many bytes each of its reads gave."""

    speaks_first = False

    async def handle(self) -> None:
        sizes = []
        while data := await self.connection.read():
            sizes.append(len(data))
        self.connection.write(repr(sizes).encode())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a server has not read yet")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_a_piece_is_a_read_of_its_own(engine: str, transport: str) -> None:
    """Otherwise nothing would be tested by cutting: the client waits until the server has taken what it sent."""
    if (engine, transport) == ("memory", "unix"):
        transport = "tcp"
    dialogue = Dialogue(Counting, [b"twelve bytes"], half_close=True)
    seen = run(Case(engine, dialogue, transport, cutting=BYTE_BY_BYTE))
    assert seen.transcript == repr([1] * 12).encode()


class Asking(ProtocolHandler):
    speaks_first = False

    def receive(self, data: bytes) -> bytes:
        return data

    def eof(self) -> bytes:
        return b"eof"


def test_one_server_holds_many_dialogues_and_is_left_with_nothing_to_do() -> None:
    """Each observation has the events of its own request only."""
    case = Case("multiplexing", Dialogue(Asking, [b"x"], expects=b"xeof", half_close=True))
    with Stage(case) as stage:
        first, second = stage.run(case), stage.run(case)
    assert stage.late == []
    assert first == second
    assert first.hook_names == [
        "verify_request",
        "authorize",
        "process_request",
        "setup",
        "handle",
        "handled",
        "finish",
        "connection_closed",
    ]
    assert first.facts["bytes in"] == 1
    assert first.facts["bytes out"] == 4
    assert first.facts["client's address"] == "the client's address"
