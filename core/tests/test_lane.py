"""Lanes: work beside has threads of its kind, a bound, and patience."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugserve import CoroutineHandler, HostError, Lane
from plugserve.testing import hosted

PATIENCE = 20.0


class Bench:
    """What the clients of a test ask for by a word, and what has been done of it."""

    def __init__(self) -> None:
        self.lane: Lane | None = None
        self.inside, self.asked, self.leave = threading.Event(), threading.Event(), threading.Event()
        self.refused = threading.Event()
        self.done: list[str] = []
        self.then: Callable[[], None] = self.leave.set
        self.waiting: Any = None

    def slow(self, word: str) -> str:
        """The work."""
        self.inside.set()
        self.leave.wait(PATIENCE)
        self.done.append(word)
        return word


class Handler(CoroutineHandler):
    """`go` lets the work go on; `usual` is work of no lane; everything else is work of the lane."""

    bench: Bench

    async def handle(self) -> None:
        bench, connection = self.bench, self.connection
        word = (await connection.read()).decode()
        if word == "go":
            bench.then()
        elif word == "usual":
            word = await connection.offload(str, word)
        else:
            bench.waiting = connection
            if bench.inside.is_set():
                bench.asked.set()
            try:
                word = await connection.offload(bench.slow, word, lane=bench.lane)
            except HostError as error:
                bench.refused.set()
                word = str(error)
        connection.write(word.encode())


@pytest.fixture
def bench() -> Iterator[Bench]:
    """One for each test; nothing hangs on it at the end."""
    Handler.bench = Bench()
    yield Handler.bench
    Handler.bench.leave.set()


def test_one_lane_does_not_hold_up_another(bench: Bench) -> None:
    """While all threads of a lane are busy, work without a lane is done; who finds no room in it is refused at once."""
    bench.lane = Lane(name="slow", threads=1, waiting=1, refusal=lambda: HostError("no room"))
    with hosted("multiplexing", Handler) as host:
        first = ask(host, "first")
        assert bench.inside.wait(PATIENCE)
        second, third = ask(host, "second"), ask(host, "third")
        assert bench.refused.wait(PATIENCE)
        assert ask(host, "usual").rest() == b"usual"
        assert ask(host, "go").rest() == b"go"
        assert first.rest() == b"first"
        assert sorted([second.rest(), third.rest()]) in ([b"no room", b"second"], [b"no room", b"third"])
        assert ask(host, "fourth").rest() == b"fourth"
    assert len(bench.done) == 3


def test_work_that_waits_too_long(bench: Bench) -> None:
    """What has waited for a thread longer than the lane's patience is refused, not done."""
    bench.lane = Lane(name="slow", threads=1, patience=1.0)
    with hosted("multiplexing", Handler) as host:
        clock, passed = host.server.clock, [0.0]
        host.server.clock = lambda: clock() + passed[0]  # type: ignore[method-assign]
        first = ask(host, "first")
        assert bench.inside.wait(PATIENCE)
        second = ask(host, "second")
        assert bench.asked.wait(PATIENCE)

        def let_time_pass() -> None:
            passed[0] = 2.0
            bench.leave.set()

        # The loop comes to it after it has handed over the second one.
        bench.then = let_time_pass
        assert ask(host, "go").rest() == b"go"
        assert first.rest() == b"first"
        assert second.rest() == b"too much of this kind is to be done at once"
    assert bench.done == ["first"]


def test_work_that_nobody_waits_for(bench: Bench) -> None:
    """What waits for a thread when its connection is aborted is not done."""
    bench.lane = Lane(name="slow", threads=1)
    with hosted("multiplexing", Handler) as host:
        first = ask(host, "first")
        assert bench.inside.wait(PATIENCE)
        second = ask(host, "second")
        assert bench.asked.wait(PATIENCE)

        def give_up() -> None:
            bench.waiting.abort("too late")
            bench.leave.set()

        bench.then = give_up
        assert ask(host, "go").rest() == b"go"
        assert first.rest() == b"first"
        assert second.rest() == b""
        assert ask(host, "third").rest() == b"third"
    assert bench.done == ["first", "third"]


def ask(host: Any, word: str) -> Any:
    """A client that sends a word."""
    client = host.connect()
    client.send(word.encode())
    return client
