"""Failed attempts slow down and ban, under a fake clock."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from plugserve import ConfigurationError
from plugserve_auth.throttle import Throttle, ThrottleLimits, network_of

HOME, AWAY, ELSEWHERE = ("ipv4", 1), ("ipv4", 2), ("ipv4", 3)


class Clock:
    """Shows what it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def made(clock: Clock, **limits: Any) -> Throttle:
    """A throttle with limits that are easy to count."""
    return Throttle(ThrottleLimits(**({"free": 2, "ban_after": 6, "ban": 100, "forget": 50} | limits)), clock=clock)


def test_delays_grow(clock: Clock) -> None:
    """The first failures cost nothing, each further one doubles the wait, and then comes the ban."""
    throttle = made(clock, longest_delay=3)
    waits = []
    for _ in range(6):
        throttle.failed("alice", HOME)
        waits.append(throttle.wait("alice", HOME))
        clock.now += waits[-1]
    assert waits == [0, 0, 1, 2, 3, 100]
    assert throttle.wait("alice", HOME) == 0


def test_by_name(clock: Clock) -> None:
    """A name that is guessed from many networks is slow from any new one."""
    throttle = made(clock)
    for number in range(3):
        throttle.failed("alice", ("ipv4", number + 10))
    assert throttle.wait("alice", HOME) == 1
    assert throttle.wait("carol", HOME) == 0


def test_by_network(clock: Clock) -> None:
    """A network that tries many names is slow for any, and for tokens."""
    throttle = made(clock)
    for name in ("a", "b", ""):
        throttle.failed(name, HOME)
    assert throttle.wait("carol", HOME) == 1
    assert throttle.wait("", HOME) == 1
    assert throttle.wait("carol", AWAY) == 0


def test_strangers_lock_out_nobody(clock: Clock) -> None:
    """Where a name has logged in before, the failures of strangers elsewhere mean nothing; its own do."""
    throttle = made(clock)
    throttle.succeeded("alice", HOME)
    for _ in range(50):
        throttle.failed("alice", AWAY)
    assert throttle.wait("alice", AWAY) == 100
    assert throttle.wait("alice", ELSEWHERE) == 100
    assert throttle.wait("alice", HOME) == 0
    for _ in range(3):
        throttle.failed("alice", HOME)
    assert throttle.wait("alice", HOME) == 1


def test_success_takes_nothing_back(clock: Clock) -> None:
    """Who has an account cannot begin to guess anew by logging in."""
    throttle = made(clock)
    for _ in range(3):
        throttle.failed("alice", HOME)
    throttle.succeeded("mallory", HOME)
    assert throttle.wait("alice", HOME) == 1


def test_forgotten(clock: Clock) -> None:
    """After some time without a failure all before are forgotten, but not during a ban."""
    throttle = made(clock)
    for _ in range(3):
        throttle.failed("alice", HOME)
    clock.now += 51
    throttle.failed("alice", HOME)
    assert throttle.wait("alice", HOME) == 0
    for _ in range(6):
        throttle.failed("alice", HOME)
    clock.now += 60
    throttle.failed("alice", HOME)
    assert throttle.wait("alice", HOME) == 100


def test_few_failures_do_not_add_up(clock: Clock) -> None:
    """In a network with many people somebody mistypes all day long; as long as that is seldom, nobody has to wait."""
    throttle = made(clock)
    for _ in range(100):
        clock.now += 10
        assert throttle.failed("", HOME) is False
        assert throttle.wait("", HOME) == 0
    # Whoever tries again as soon as he may gets no more than without that.
    waits = []
    for _ in range(6):
        throttle.failed("", AWAY)
        waits.append(round(throttle.wait("", AWAY)))
        clock.now += waits[-1] + 0.01
    assert waits == [0, 0, 1, 2, 4, 100]


def test_forgotten_with_a_ban(clock: Clock) -> None:
    """Who has been banned begins anew."""
    throttle = made(clock)
    for _ in range(2):
        for _ in range(6):
            assert throttle.wait("", HOME) <= 8
            throttle.failed("", HOME)
        assert throttle.wait("", HOME) == 100
        clock.now += 100
        assert throttle.wait("", HOME) == 0


def test_bans_are_not_pushed_out(clock: Clock) -> None:
    """Failures for other names, from anywhere, end no ban, and logins from anywhere make nobody else a stranger."""
    throttle = made(clock, size=10)
    throttle.succeeded("bob", HOME)
    for number in range(6):
        throttle.failed("alice", ("ipv4", number + 100))
    for number in range(1000):
        throttle.failed(f"name {number}", ("ipv6", number))
        throttle.succeeded("mallory", ("ipv6", number))
    assert throttle.wait("alice", AWAY) == 100
    for number in range(6):
        throttle.failed("bob", ("ipv4", number + 200))
    assert throttle.wait("bob", AWAY) == 100
    assert throttle.wait("bob", HOME) == 0


def test_told_of_a_ban_once(clock: Clock) -> None:
    """The failure that bans a network says so, and no other."""
    throttle = made(clock)
    assert [throttle.failed("", HOME) for _ in range(8)] == [False] * 5 + [True, False, False]


def test_bounded(clock: Clock) -> None:
    """A hundred thousand spoofed sources cost no more memory than the size, and the latest is kept."""
    throttle = made(clock, size=100)
    for number in range(100_000):
        throttle.failed(f"name {number}", ("ipv4", number))
    for number in range(1000):
        throttle.succeeded(f"name {number}", HOME)
    assert throttle.size == 300
    for number in range(1000):
        throttle.succeeded("name 999", ("ipv4", number))
    assert throttle.size == 315
    for _ in range(3):
        throttle.failed("alice", HOME)
    assert throttle.wait("alice", HOME) == 1


@pytest.mark.parametrize("limits", [{"delay": -1}, {"ban": float("inf")}, {"ban_after": 0}, {"size": 0}, {"free": -1}])
def test_limits_that_mean_nothing(limits: dict[str, Any]) -> None:
    """A number out of range is refused."""
    with pytest.raises(ConfigurationError):
        ThrottleLimits(**limits)


def test_networks(context: Callable[..., Any]) -> None:
    """An IPv4 address, mapped or not, is one place; so is a /64 of IPv6; so is a user of this machine."""

    def network(address: Any, **facts: Any) -> Any:
        return network_of(context(client_address=address, **facts))

    assert network(("192.0.2.7", 1)) == network(("192.0.2.7", 2)) == network(("::ffff:192.0.2.7", 1, 0, 0))
    assert network(("192.0.2.8", 1)) != network(("192.0.2.7", 1))
    assert network(("2001:db8::1", 1, 0, 0)) == network(("2001:db8::ffff", 2, 0, 0))
    assert network(("2001:db8:0:1::1", 1, 0, 0)) != network(("2001:db8::1", 1, 0, 0))
    assert network(("fe80::1%eth0", 1, 0, 0)) == network(("fe80::1", 1, 0, 0))
    assert network((3, 1)) == ("vsock", 3)
    assert network("", transport="unix", peer_credentials=SimpleNamespace(uid=7)) == ("uid", 7)
    assert network("", transport="unix") == ("uid", None)
    assert network("x" * 1000) == ("other", "x" * 64)
