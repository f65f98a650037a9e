"""The rule of a bucket: never more than the rate and one burst, in bounded memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ConfigurationError
from plugserve_limits import Rule
from plugserve_limits.buckets import Buckets
from plugserve_limits.peers import network_of, peer_of


@given(
    st.integers(1, 20),
    st.floats(0.01, 10),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3)), max_size=100),
)
def test_never_more_is_allowed_than_the_rate_and_one_burst(burst: int, rate: float, steps: Any) -> None:
    """In any stretch of time; and what was told as the time to wait is enough, and no more than is needed."""
    buckets = Buckets(1 / rate, burst, 100)
    now, taken = 0.0, []
    for pause, cost in steps:
        now += pause
        decision = buckets.take("a", now, cost)
        if decision.allowed:
            taken.append((now, cost))
        elif cost <= burst:
            later = Buckets(1 / rate, burst, 100)
            later._full_at.update(buckets._full_at)
            assert not later.take("a", now + decision.retry_after * 0.99 - 1e-6, cost).allowed
            assert later.take("a", now + decision.retry_after + 1e-6, cost).allowed
    for start in range(len(taken)):
        total = 0
        for when, cost in taken[start:]:
            total += cost
            assert total <= burst + (when - taken[start][0]) * rate + 1e-6


def test_a_million_keys_take_bounded_memory() -> None:
    """The table has no more entries than it may, and forgets buckets that are full again."""
    tracemalloc.start()
    try:
        buckets = Buckets(1.0, 5, 1000)
        for number in range(1_000_000):
            buckets.take(number, number * 1e-6)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(buckets) <= 1000
    assert peak < 1_000_000
    for number in range(10):
        buckets.take(("late", number), 1e6 + number)
    assert len(buckets) < 1000


def test_who_is_refused_again_and_again_is_not_forgotten() -> None:
    """Among others that come and go."""
    buckets = Buckets(1000.0, 1, 10)
    assert buckets.take("loud", 0.0).allowed
    for number in range(1000):
        buckets.take(number, 1.0)
        assert not buckets.take("loud", 1.0).allowed


@pytest.mark.parametrize(
    ("rate", "what", "interval", "most"),
    [
        ("10/s", "connections", 0.1, 10),
        ("100/5m", "connections", 3, 100),
        ("0.5/s", "connections", 2, 1),
        ("86400 / d", "requests", 1, 86400),
        ("10GiB/d", "bytes", 86400 / (10 * 2**30), 10 * 2**30),
        ("1kB/s", "bytes", 0.001, 1000),
    ],
)
def test_a_rate_is_read(rate: str, what: Any, interval: float, most: float) -> None:
    """As people write it."""
    rule = Rule(rate, what=what)
    assert rule.interval == pytest.approx(interval)
    assert rule.most == most


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": "10"}, "'10' is no rate of connections: write 10/s"),
        ({"rate": "0/s"}, "is no rate of connections"),
        ({"rate": "10/w"}, "is no rate of connections"),
        ({"rate": "10MB/s"}, "is no rate of connections"),
        ({"rate": "10/s", "what": "bytes"}, "is no rate of bytes: write 10GiB/d"),
        ({"rate": "10/s", "what": "packets"}, "use one of connections, requests, bytes"),
        ({"rate": "10/s", "by": "user"}, "use one of peer, network, identity, listener"),
        ({"rate": "10/s", "when_away": "maybe"}, "use one of allow, deny"),
        ({"rate": "10/s", "burst": 0}, "at least 1"),
        ({"rate": "10/s", "prefix4": 33}, "prefix4 has 1 to 32 bits"),
    ],
)
def test_what_is_no_rule_is_refused(options: dict[str, Any], words: str) -> None:
    """With what would be one."""
    with pytest.raises(ConfigurationError) as caught:
        Rule(**options)
    assert words in str(caught.value)


def test_a_peer_is_an_address_or_a_household() -> None:
    """An IPv4 address in IPv6 is the IPv4 address."""
    assert peer_of(("192.0.2.1", 1)) == peer_of(("::ffff:192.0.2.1", 2, 0, 0)) != peer_of(("192.0.2.2", 1))
    assert peer_of(("2001:db8::1", 1, 0, 0)) == peer_of(("2001:db8::ffff", 1, 0, 0))
    assert peer_of(("2001:db8:0:1::1", 1, 0, 0)) != peer_of(("2001:db8::1", 1, 0, 0))
    assert network_of(("192.0.2.1", 1), 24, 48) == network_of(("192.0.2.200", 1), 24, 48)
    assert peer_of("") == peer_of("/path") == "unix"
    assert peer_of((3, 1)) == ("vsock", 3)
    assert peer_of(("name", 1)) == "name"
