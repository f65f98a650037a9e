"""Fail closed: nothing that was denied, or could not be decided, ever enters a handler."""

from __future__ import annotations

import asyncio
import logging
import signal
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugserve import CoroutineHandler, RequestRejected, hookimpl
from plugserve.testing import MemoryTCPServer, MemoryUDPServer

AGREE = ["agree", "abstain"]
BEHAVIOURS = [
    *AGREE,
    "deny",
    "zero",
    "one",
    "text",
    "object",
    "coroutine",
    "Exception",
    "RequestRejected",
    "SystemExit",
    "KeyboardInterrupt",
    "GeneratorExit",
    "CancelledError",
    "StopIteration",
    "RecursionError",
]
RAISED: dict[str, Any] = {
    "Exception": Exception,
    "RequestRejected": RequestRejected,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "StopIteration": StopIteration,
    "RecursionError": RecursionError,
}
VALUES: dict[str, Any] = {"agree": True, "abstain": None, "deny": False, "zero": 0, "one": 1, "text": "yes"}


def behave(behaviour: str) -> Any:
    """Do in a hook what this behaviour says."""
    if behaviour in RAISED:
        raise RAISED[behaviour]
    if behaviour == "coroutine":
        return _of_another_loop()
    return VALUES.get(behaviour, object())


@types.coroutine
def _of_another_loop() -> Any:
    """An awaitable that waits for an event loop that is not there, as asyncio's are; nothing warns if it is not run."""
    yield


def make_plugin(kind: str, behaviour: str) -> Any:
    """A plugin that behaves in this way in one of the places where a request can be turned away."""

    class Votes:
        @hookimpl
        def verify_request(self) -> Any:
            return behave(behaviour)

    class Authorizes:
        @hookimpl
        def authorize(self) -> Any:
            return behave(behaviour)

    class AuthorizesLater:
        @hookimpl
        async def authorize(self) -> Any:
            return behave(behaviour)

    class Layers:
        phase = "peer"

        @hookimpl
        async def open_connection(self) -> None:
            behave(behaviour)

    class Gates:
        @hookimpl
        def setup(self) -> None:
            behave(behaviour)

    return {"verify": Votes, "authorize": Authorizes, "later": AuthorizesLater, "layer": Layers, "gate": Gates}[kind]()


def admits(kind: str, behaviour: str) -> bool:
    """Whether a request may pass this plugin, by the combine rules alone."""
    if kind in ("layer", "gate"):
        return behaviour not in RAISED
    return behaviour in AGREE


entered: list[int] = []


class Canary(CoroutineHandler):
    speaks_first = True

    async def handle(self) -> None:
        entered.append(self.context.id)


@pytest.fixture(autouse=True)
def quiet(no_drift: list[str]) -> Iterator[None]:
    """Faults of plugins are reported by design; here only who gets in matters.

    With Python's own SIGINT handler a KeyboardInterrupt in the main thread would be the user's Ctrl-C, and pass.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    logger = logging.getLogger("plugserve")
    logger.propagate = False
    yield
    logger.propagate = True
    signal.signal(signal.SIGINT, before)
    no_drift.clear()


plugin_lists = st.lists(
    st.tuples(st.sampled_from(["verify", "authorize", "later", "layer", "gate"]), st.sampled_from(BEHAVIOURS)),
    max_size=5,
)


@settings(max_examples=1500, deadline=None)
@given(plugin_lists, st.booleans(), st.booleans())
def test_nothing_that_was_denied_or_undecided_enters_a_handler(
    plugins: list[tuple[str, str]], method_agrees: bool, datagrams: bool
) -> None:
    """Over sets, orders, votes and faults of plugins, a request gets in if, and only if, all let it."""
    if datagrams:
        plugins = [plugin for plugin in plugins if plugin[0] != "layer"]
    expected = method_agrees and all(admits(kind, behaviour) for kind, behaviour in plugins)
    base: Any = MemoryUDPServer if datagrams else MemoryTCPServer

    class Server(base):  # type: ignore[misc]
        def verify_request(self, request: Any, client_address: Any) -> bool:
            return method_agrees

    entered.clear()
    named = {f"{index}": make_plugin(*plugin) for index, plugin in enumerate(plugins)}
    with Server("test", Canary, plugins=named) as server:
        if datagrams:
            server.send_datagram(b"x")
        else:
            client = server.connect()
            client.shutdown(1)
        server.run()
        server.advance(10)
        assert bool(entered) == expected
        assert len(entered) <= 1
        if not datagrams:
            assert client.ended, "refused or served, the connection ends"
            client.close()
