"""CVE-2024-2169: two services that are pointed at each other by one datagram under an invented address fall silent.

The address is invented in the plainest way: the datagram is sent through the other server's own socket, or, in memory,
under its address.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugserve
from plugserve import Context, hookimpl
from plugserve.testing import MemoryUDPServer, hosted
from plugserve_simple import (
    ChargenHandler,
    DaytimeHandler,
    DiscardHandler,
    EchoHandler,
    QotdHandler,
    TimeHandler,
)

SAFE: dict[str, tuple[Any, Any]] = {
    handler.__name__: (handler, None)
    for handler in (ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler)
}
RFC = {
    f"{handler.__name__} rfc": (handler, handler.Options(udp="rfc"))
    for handler in (ChargenHandler, DaytimeHandler, QotdHandler, TimeHandler)
}
SERVICES = SAFE | RFC
TOKENS = 100
ROUND_TRIP = 0.05
"""Seconds: two hosts a few thousand kilometres apart. The slower a loop, the longer it lives."""
GOAL = 10.0
"""Seconds after which no packet may be on its way any more."""


class Side:
    """One server of memory that others know under one address; `None` stands for a reply that was not sent."""

    def __init__(self, service: str, address: tuple[str, int]) -> None:
        handler, options = SERVICES[service]
        # A budget of this loop's own.
        options = type(options)(udp=options.udp) if options is not None else None
        self.address = address
        self.server = MemoryUDPServer(address, handler, options=options)

    def answer(self, data: bytes, sender: tuple[str, int], seconds: float) -> bytes | None:
        """What it says to a datagram that comes so many seconds after the one before."""
        self.server.advance(seconds)
        self.server.send_datagram(data, sender)
        self.server.run()
        replies = self.server.take_replies()
        return replies[0][0] if replies else None


def laps(first: Callable[[bytes], bytes | None], second: Callable[[bytes], bytes | None], data: bytes) -> int:
    """How many datagrams two sides send each other, until one is silent or time is up."""
    sent = 0
    current: bytes | None = data
    while sent * ROUND_TRIP / 2 < GOAL:
        current = (first, second)[sent % 2](current or b"")
        if current is None:
            return sent
        sent += 1
    raise AssertionError(f"still going after {sent} datagrams")


@pytest.mark.parametrize("first", SERVICES)
def test_two_services_fall_silent(first: str) -> None:
    """Any two of ours, in any mode, on ports of which nothing is known, 50 ms apart: silence within ten seconds."""
    for second in SERVICES:
        one, other = Side(first, ("192.0.2.1", 40001)), Side(second, ("192.0.2.2", 40002))
        with one.server, other.server:
            sent = laps(
                partial(one.answer, sender=other.address, seconds=ROUND_TRIP),
                partial(other.answer, sender=one.address, seconds=ROUND_TRIP),
                bytes(512),
            )
        if {first, second} <= set(SAFE) and {first, second} != {"EchoHandler"}:
            # Each reply but echo's is shorter than its request, so it would end without a budget, too.
            assert sent <= 2 * 512


@pytest.mark.parametrize("service", SERVICES)
def test_on_ports_of_services_not_one_datagram_is_sent(service: str) -> None:
    """Where the port tells who is there, the first datagram has no answer."""
    for ours, theirs in [(7, 7), (7, 19), (19, 7), (7007, 7007), (40001, 123), (40001, 11211)]:
        one = Side(service, ("192.0.2.1", ours))
        with one.server:
            assert one.answer(bytes(512), ("192.0.2.2", theirs), 0.0) is None


def always(data: bytes) -> Callable[[bytes], bytes]:
    """A service that always says the same."""
    return lambda request: data


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "an echo": lambda request: request,
    "one that lengthens": lambda request: (request + b"error: ")[:512],
    "one that says 512 bytes": always(bytes(512)),
    "one that says nothing much": always(b"?"),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_ends_a_loop_with_somebody_elses(service: str) -> None:
    """A server that answers everything for ever, on a port of which nothing is known, is left alone after a while."""
    theirs = ("192.0.2.2", 40002)
    for foreign in FOREIGN.values():
        ours = Side(service, ("192.0.2.1", 40001))
        with ours.server:
            sent = laps(partial(ours.answer, sender=theirs, seconds=ROUND_TRIP), foreign, bytes(512))
        assert sent <= 2 * (TOKENS + GOAL)


@given(st.sampled_from(sorted(SAFE)), st.sampled_from(sorted(SAFE)), st.binary(max_size=2000), st.integers(1, 8))
def test_many_datagrams_in_a_loop_fall_silent_too(first: str, second: str, data: bytes, count: int) -> None:
    """Several datagrams at once, of any content, share the budget: more of them do not live longer."""
    one, other = Side(first, ("192.0.2.1", 40001)), Side(second, ("192.0.2.2", 40002))
    with one.server, other.server:
        flying = [(one, data)] * count
        rounds = 0
        while flying and rounds * ROUND_TRIP / 2 < GOAL:
            pause, rounds = ROUND_TRIP, rounds + 1
            landing, flying = flying, []
            for side, packet in landing:
                peer = other if side is one else one
                reply = side.answer(packet, peer.address, pause)
                pause = 0.0
                if reply is not None:
                    flying.append((peer, reply))
        assert flying == []


# -- with the kernel's sockets -------------------------------------------------------------------------------------


class Watcher:
    """Notes for each datagram how many bytes were sent in reply."""

    def __init__(self) -> None:
        self.replies: queue.Queue[int | None] = queue.Queue()

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        self.replies.put(context.bytes_out)


def loop_on_sockets(engine: str, first: Any, second: Any, options: Any = None) -> int:
    """Start a loop between two real servers, wait for the datagram that is not answered, and count the replies."""
    watcher = Watcher()
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(hosted(engine, handler, datagrams=True, options=options, plugins=[watcher]))
            for handler in (first, second)
        )
        server: Any = other.server
        sock: socket.socket = server.socket
        sock.sendto(bytes(512), one.server.server_address)
        # One datagram is on its way at any moment, so the one that gets no reply is the last of all.
        events = []
        while not events or events[-1]:
            events.append(watcher.replies.get(timeout=20))
    # Each server tells of its part by itself, so what came before may be told after.
    while not watcher.replies.empty():
        events.append(watcher.replies.get())
    assert sum(not sent for sent in events) == 1
    return len(events) - 1


@pytest.mark.parametrize("first", SAFE)
def test_two_real_servers_fall_silent(first: str) -> None:
    """Any two of ours on sockets of this machine: one datagram stays without a reply, and none comes after it."""
    for second in SAFE:
        sent = loop_on_sockets("sync", SAFE[first][0], SAFE[second][0])
        assert (sent == 0) is (first == "DiscardHandler")


@pytest.mark.parametrize(
    "engine",
    [
        "sync",
        "threading",
        pytest.param("forking", marks=pytest.mark.skipif(not hasattr(plugserve, "ForkingMixIn"), reason="needs fork")),
    ],
)
def test_two_real_echo_servers_fall_silent_on_every_engine(engine: str) -> None:
    """Each has its burst of replies, a few more if that takes seconds, also where each reply has its own process."""
    sent = loop_on_sockets(engine, EchoHandler, EchoHandler, EchoHandler.Options(udp_burst=10))
    # Both have the same options, and so one budget; but each counts the other's port.
    assert sent >= 20
