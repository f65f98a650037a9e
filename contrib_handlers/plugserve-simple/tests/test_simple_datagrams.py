"""Over UDP no service is an amplifier, and none talks to another service."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve.testing import MemoryUDPServer
from plugserve_simple import (
    ChargenHandler,
    DaytimeHandler,
    DiscardHandler,
    EchoHandler,
    QotdHandler,
    TimeHandler,
)
from plugserve_simple.budget import SLOTS, ReplyBudget
from plugserve_simple.datagram import ANSWERING_PORTS, comes_from_service, may_reply
from plugserve_simple.protocol import characters

HANDLERS = [ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler]
ANSWERING = [handler for handler in HANDLERS if handler is not DiscardHandler]
MODAL = [ChargenHandler, DaytimeHandler, QotdHandler, TimeHandler]
CLIENT = ("192.0.2.1", 40000)
OURS = ("198.51.100.1", 7007)
PLENTY = 10**9


class Exchange:
    """One listener in memory, and the reply to each datagram."""

    def __init__(self, handler: Any, **options: Any) -> None:
        made = handler.Options(**options) if handler.Options is not None else None
        self.server = MemoryUDPServer(OURS, handler, options=made)

    def ask(self, data: bytes, client: Any = CLIENT) -> bytes | None:
        """Send it; gives back the reply, which goes to where the request came from, or None."""
        self.server.send_datagram(data, client)
        self.server.run()
        replies = self.server.take_replies()
        assert len(replies) <= 1
        assert all(address == client for _, address in replies)
        return replies[0][0] if replies else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.server.server_close()


def exchange(handler: Any, **options: Any) -> Exchange:
    """With the options that the handler has."""
    return Exchange(handler, **(options if handler is not DiscardHandler else {}))


@pytest.mark.parametrize("handler", HANDLERS)
def test_no_reply_is_longer_than_its_request(handler: Any) -> None:
    """The amplification is at most 1 for every size of request, and below 1 for all but echo."""
    with exchange(handler, udp_burst=PLENTY) as service:
        for size in [*range(1200), 4096, 8191, 8192]:
            reply = service.ask(os.urandom(size))
            if reply is not None:
                assert len(reply) <= size
                assert handler is EchoHandler or len(reply) < size


@pytest.mark.parametrize("handler", ANSWERING)
def test_a_request_that_is_long_enough_is_answered(handler: Any) -> None:
    """Safe does not mean silent: 512 bytes get a reply from every service that has one."""
    with Exchange(handler) as service:
        assert service.ask(bytes(512))


@pytest.mark.parametrize("handler", MODAL)
def test_in_the_mode_rfc_a_short_request_is_answered(handler: Any) -> None:
    """Whoever asks for conformance gets it: one byte is enough, as the RFC says."""
    with Exchange(handler, udp="rfc") as service:
        reply = service.ask(b"\n")
        assert reply is not None
        assert 1 <= len(reply) <= 512


@pytest.mark.parametrize("handler", MODAL)
def test_in_the_mode_rfc_an_empty_request_is_answered(handler: Any) -> None:
    """The datagram that RFC 868 describes, and that the others allow, has no bytes at all."""
    with Exchange(handler, udp="rfc") as service:
        assert service.ask(b"")


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_datagram_from_a_service_is_not_answered(handler: Any) -> None:
    """Not from a reserved port, not from that of a service known to answer, not from our own; in neither mode."""
    for options in ({}, {"udp": "rfc"}) if handler in MODAL else ({},):
        with exchange(handler, **options) as service:
            for port in (0, 7, 13, 19, 37, 53, 123, 1023, *ANSWERING_PORTS, OURS[1]):
                assert service.ask(bytes(1000), ("192.0.2.1", port)) is None
                assert service.ask(bytes(1000), ("2001:db8::1", port, 0, 0)) is None


@pytest.mark.parametrize("handler", ANSWERING)
def test_a_datagram_from_a_client_is_answered(handler: Any) -> None:
    """The ports that systems give to clients are served, over IPv4 and IPv6."""
    with Exchange(handler) as service:
        for port in (1024, 32768, 40000, 49152, 60999, 65535):
            assert service.ask(bytes(1000), ("192.0.2.1", port))
            assert service.ask(bytes(1000), ("2001:db8::1", port, 0, 0))


def test_no_service_that_is_refused_has_a_clients_port() -> None:
    """What is refused by its number lies below every range that a system hands out to clients."""
    assert all(1024 <= port < 32768 for port in ANSWERING_PORTS)


# -- chargen -------------------------------------------------------------------------------------------------------


def test_chargen_sends_a_random_number_of_characters() -> None:
    """RFC 864: up to 512 of them, from the start of the pattern; by default fewer than were sent."""
    for request, options, most in [(1000, {}, 512), (100, {}, 99), (2, {}, 1), (1, {"udp": "rfc"}, 512)]:
        bounds = []

        class Drawn(ChargenHandler):
            def draw(self, low: int, high: int, bounds: list[Any] = bounds) -> int:
                bounds.append((low, high))
                return high

        with Exchange(Drawn, **options) as service:
            assert service.ask(bytes(request)) == characters(0, most)
        assert bounds == [(1, most)]


def test_chance_uses_the_whole_range() -> None:
    """The real draw reaches both of its bounds, and nothing beyond them."""
    with Exchange(ChargenHandler, udp_burst=PLENTY) as service:
        assert {len(service.ask(bytes(4)) or b"") for _ in range(200)} == {1, 2, 3}


@pytest.mark.parametrize("size", [0, 1])
def test_chargen_has_nothing_shorter_than_nothing(size: int) -> None:
    """There is no reply of at least one byte that is shorter than these."""
    with Exchange(ChargenHandler) as service:
        assert service.ask(bytes(size)) is None


# -- the budget ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", ANSWERING)
def test_a_client_gets_its_burst_and_then_one_reply_a_second(handler: Any) -> None:
    """A client that asks once a second for ever always gets an answer; one that hammers does not."""
    with Exchange(handler, udp_burst=5) as service:
        assert [service.ask(bytes(600)) is not None for _ in range(7)] == [True] * 5 + [False] * 2
        for _ in range(20):
            service.server.advance(1)
            assert service.ask(bytes(600))
            assert service.ask(bytes(600)) is None
        service.server.advance(60)
        assert [service.ask(bytes(600)) is not None for _ in range(7)] == [True] * 5 + [False] * 2


def test_echo_counts_each_datagram_by_itself() -> None:
    """A client that sends something else each time, as tools that measure do, is never held back."""
    with Exchange(EchoHandler) as service:
        for number in range(2000):
            assert service.ask(b"%d" % number) == b"%d" % number


@pytest.mark.parametrize("handler", MODAL)
def test_in_the_mode_rfc_a_host_gets_its_burst_from_all_its_ports_together(handler: Any) -> None:
    """A victim whose address is abused is sent a hundred datagrams, and then one a second, not a flood."""
    with Exchange(handler, udp="rfc", udp_burst=5) as service:
        answers = [service.ask(b"", ("192.0.2.1", 40000 + number)) is not None for number in range(10)]
        assert answers == [True] * 5 + [False] * 5
        assert service.ask(b"", ("192.0.2.2", 40000))


def test_budgets_of_two_listeners_are_apart() -> None:
    """What one listener sent does not count for another."""
    with Exchange(EchoHandler, udp_burst=1) as one, Exchange(EchoHandler, udp_burst=1) as other:
        assert one.ask(b"x")
        assert other.ask(b"x")
        assert not one.ask(b"x")
        assert not other.ask(b"x")


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 3)), max_size=60), st.integers(1, 6))
def test_no_key_gets_more_than_its_burst_and_one_a_second(steps: list[tuple[float, int]], burst: int) -> None:
    """In any stretch of time a key gets at most `burst` tokens and one for each second of it."""
    budget, now = ReplyBudget(burst), 0.0
    granted: dict[int, list[float]] = {}
    for pause, key in steps:
        now += pause
        if budget.take(key, now):
            granted.setdefault(key, []).append(now)
    for times in granted.values():
        for first, start in enumerate(times):
            for last in range(first, len(times)):
                assert last - first + 1 <= burst + (times[last] - start) + 1e-6


def test_the_table_does_not_grow() -> None:
    """Twice as many invented addresses as it has slots leave it as large as it was; some share a slot's tokens."""
    budget = ReplyBudget(1)
    granted = sum(budget.take(("203.0.113.1", number), 0.0) for number in range(2 * SLOTS))
    assert granted <= SLOTS
    assert len(budget._slots) == SLOTS


# -- the rule ------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 70000),
    st.integers(0, 70000),
    st.integers(0, 65535),
    st.sampled_from(["safe", "rfc"]),
)
def test_the_rule_holds_for_all_sizes_and_ports(request: int, reply: int, port: int, mode: Any) -> None:
    """A reply is allowed if the port is a client's and, in the mode `safe`, if it is shorter than its request."""
    allowed = may_reply(
        request, reply, client=("192.0.2.1", port), local=OURS, mode=mode, budget=ReplyBudget(1), now=0.0
    )
    service = port < 1024 or port == OURS[1] or port in ANSWERING_PORTS
    assert allowed is (not service and (reply < request or mode == "rfc"))


@pytest.mark.parametrize("client, expected", [("/run/client", True), (b"\0client", True), ("", False), (None, False)])
def test_a_unix_client_is_answered_if_it_has_a_path(client: Any, expected: bool) -> None:
    """Nobody can be flooded under an invented path, so the length does not matter; without a path nobody is there."""
    allowed = may_reply(0, 500, client=client, local="/run/ours", mode="safe", budget=ReplyBudget(1), now=0.0)
    assert allowed is expected
    context = SimpleNamespace(server=SimpleNamespace(is_stream=False), client_address=client, local_address="/run/ours")
    assert (EchoHandler.for_test(context=context).receive(b"x") is not None) is expected


def test_an_unknown_address_of_our_own_is_no_reason() -> None:
    """Where the local address is not to be had, the other rules still hold."""
    assert not comes_from_service(CLIENT, None)
    assert comes_from_service(("192.0.2.1", 7), None)
