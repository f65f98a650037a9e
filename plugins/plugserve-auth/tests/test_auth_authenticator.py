"""The authenticator: stores, throttle and places together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError, Identity
from plugserve_auth import AuthenticationFailed, Authenticator, Busy, NotAuthorized, PasswordFile, TooManyAttempts
from plugserve_auth.throttle import Throttle, ThrottleLimits


class Counting:
    """A store for passwords and tokens that counts what it is asked."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked = 0

    def check_password(self, name: str, password: str) -> Identity | None:
        self.asked += 1
        return Identity(name, "password") if self.known.get(name) == password else None

    def check_token(self, token: str) -> Identity | None:
        self.asked += 1
        return Identity("bearer", "token") if token in self.known else None


def test_password(users: Path, context: Callable[..., Any]) -> None:
    """The right password gives the identity, with the method of the protocol."""
    authenticator = Authenticator([PasswordFile(file=users)])
    authenticator.activate()
    identity = authenticator.check_password("alice", "correct horse", context(), method="basic")
    assert identity == Identity("alice", "basic", frozenset({"staff"}))


def test_says_nothing(users: Path, context: Callable[..., Any]) -> None:
    """Unknown name, wrong password, disabled name and text that no name can be fail with the same words."""
    authenticator = Authenticator(
        [PasswordFile(file=users)], throttle=Throttle(ThrottleLimits(free=100, ban_after=100))
    )
    said = set()
    for name, password in (("nobody", "x"), ("alice", "x"), ("bob", "battery staple"), ("a\0b", "x"), ("x" * 999, "x")):
        with pytest.raises(AuthenticationFailed) as error:
            authenticator.check_password(name, password, context())
        said.add((type(error.value), str(error.value)))
        assert error.value.__cause__ is None
    assert said == {(AuthenticationFailed, "authentication failed")}


def test_all_stores_are_asked(context: Callable[..., Any]) -> None:
    """The first store that says yes decides; one that says no leaves it to the next."""
    first, second = Counting(alice="one"), Counting(alice="two")
    authenticator = Authenticator([first, second])
    assert authenticator.check_password("alice", "two", context()).name == "alice"
    assert (first.asked, second.asked) == (1, 1)
    authenticator.check_password("alice", "one", context())
    assert (first.asked, second.asked) == (2, 1)


def test_throttled(context: Callable[..., Any]) -> None:
    """After too many failures nothing is asked any more, right or wrong, and the error says how long."""
    store = Counting(alice="right", secret="token")
    clock = [0.0]
    throttle = Throttle(ThrottleLimits(free=1, ban_after=3, ban=60), clock=lambda: clock[0])
    authenticator = Authenticator([store], throttle=throttle)
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            authenticator.check_password("alice", "wrong", context())
        clock[0] += 5
    asked = store.asked
    with pytest.raises(TooManyAttempts) as error:
        authenticator.check_password("alice", "right", context())
    assert error.value.retry_after == 55
    with pytest.raises(TooManyAttempts):
        authenticator.check_token("secret", context())
    assert store.asked == asked
    assert authenticator.check_token("secret", context(client_address=("192.0.2.9", 1))).name == "bearer"
    clock[0] += 60
    assert authenticator.check_password("alice", "right", context()).name == "alice"


def test_throttled_before_anything_is_computed(context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is banned cannot make us prepare what he sends."""
    throttle = Throttle(ThrottleLimits(free=0, ban_after=1))
    authenticator = Authenticator([Counting()], throttle=throttle)
    with pytest.raises(AuthenticationFailed):
        authenticator.check_password("alice", "x", context())
    monkeypatch.setattr("plugserve_auth.authenticator.saslprep", lambda text: pytest.fail("it is prepared"))
    with pytest.raises(TooManyAttempts):
        authenticator.check_password("alice", "x", context())


def test_bounded_hashes(context: Callable[..., Any]) -> None:
    """No more passwords are checked at once than there are places, and who waits too long is refused."""
    inside, leave = threading.Event(), threading.Event()

    class Slow:
        def check_password(self, name: str, password: str) -> Identity | None:
            inside.set()
            leave.wait(20)
            return Identity(name, "password")

    authenticator = Authenticator([Slow()], hashes=1, patience=0.01)
    thread = threading.Thread(target=authenticator.check_password, args=("alice", "x", context()))
    thread.start()
    assert inside.wait(20)
    with pytest.raises(Busy, match="too many log in at once"):
        authenticator.check_password("carol", "x", context())
    leave.set()
    thread.join(20)
    assert authenticator.check_password("carol", "x", context()).name == "carol"


def test_broken_store(context: Callable[..., Any], no_drift: list[str]) -> None:
    """A store that fails lets nobody in, and the client is told to come again, for it is not to blame; the log names
    the store once in a while, and quotes nothing of what it said."""

    class Broken:
        def check_password(self, name: str, password: str) -> Identity | None:
            raise RuntimeError(f"cannot look up {password}")

    authenticator = Authenticator([Broken()])
    for _ in range(100):
        with pytest.raises(Busy, match="cannot be checked now") as error:
            authenticator.check_password("alice", "hunter2", context())
        assert "hunter2" not in str(error.value) + repr(error.value.__context__)
    assert no_drift == ["auth: the store Broken failed with RuntimeError"]
    no_drift.clear()


def test_policy(context: Callable[..., Any]) -> None:
    """Who has proved who it is and is let in by no rule is told so, and does not count as a failure."""
    authenticator = Authenticator(
        [Counting(alice="a")],
        throttle=Throttle(ThrottleLimits(free=0, ban_after=1)),
        policy=lambda identity, context: identity.name == "carol",
    )
    for _ in range(2):
        with pytest.raises(NotAuthorized):
            authenticator.check_password("alice", "a", context())


def test_no_store() -> None:
    """An object without any of a store's methods is refused."""
    with pytest.raises(ConfigurationError, match="object, which has none"):
        Authenticator([object()])
    with pytest.raises(ConfigurationError, match="did you mean 'plain'"):
        Authenticator([], mechanisms=["PLAN"])
