from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import plugserve_access
from plugserve.errors import ConfigurationError
from plugserve_access import Access


def context(peer: object = ("127.0.0.1", 1), transport: str = "tcp") -> Any:
    """What the plugin reads of a context."""
    return SimpleNamespace(peer_address=peer, transport=transport)


def server(address: object, transport: str = "tcp") -> Any:
    """What the plugin reads of a server."""
    return SimpleNamespace(server_address=address, transport=transport, listener_name=f"{transport} listener")


def test_the_options_are_typed_keywords_with_defaults() -> None:
    """They become the configuration's schema, so each has a type and none is positional."""
    parameters = inspect.signature(Access).parameters
    hints = typing.get_type_hints(Access.__init__)
    assert {name: hints[name] for name in parameters} == {
        "allow": Sequence[str],
        "deny": Sequence[str],
        "allow_file": str | Path | None,
        "deny_file": str | Path | None,
    }
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_the_public_names_are_listed_in_order() -> None:
    """The small public surface is declared."""
    assert plugserve_access.__all__ == sorted(plugserve_access.__all__) == ["Access", "Decision"]


def test_hook_verify_request() -> None:
    """The peer is voted on: True agrees, False denies, and it never abstains."""
    access = Access(allow=["10.0.0.0/8"])
    assert access.verify_request(("10.0.0.1", 1), context()) is True
    assert access.verify_request(("192.0.2.1", 1), context()) is False


def test_hook_authorize() -> None:
    """The real client is voted on where a layer has found that it is not the peer."""
    access = Access(allow=["10.0.0.0/8", "127.0.0.1"])
    peer = ("127.0.0.1", 4711)
    assert access.authorize(("10.0.0.1", 1), context(peer)) is True
    assert access.authorize(("192.0.2.1", 1), context(peer)) is False
    assert access.authorize(("127.0.0.1", 4712), context(peer)) is True


def test_the_peer_is_not_voted_on_twice() -> None:
    """`authorize` abstains where the client is the peer, who has passed already."""
    access = Access(allow=["10.0.0.0/8"])
    assert access.authorize(("192.0.2.1", 1), context(("192.0.2.1", 1))) is None


@pytest.mark.parametrize("client", [None, "", "10.0.0.1", b"", ("unknown", 0), (), 7])
def test_a_client_that_nobody_knows_is_denied(client: object) -> None:
    """A layer that sets no proper address opens nothing, whatever the rules."""
    for access in (Access(allow=["0.0.0.0/0", "::/0", "unix"]), Access(deny=["192.0.2.1"]), Access()):
        assert access.authorize(client, context(("127.0.0.1", 1))) is False


def test_a_unix_peer_may_stand_for_an_ip_client() -> None:
    """Behind a reverse proxy on a Unix socket both are named: the proxy by `unix`, the clients by their networks."""
    access = Access(allow=["unix", "10.0.0.0/8"])
    assert access.verify_request("", context("", "unix")) is True
    assert access.authorize(("10.0.0.1", 1), context("", "unix")) is True
    assert access.authorize(("192.0.2.1", 1), context("", "unix")) is False


def test_hook_service_actions(tmp_path: Path) -> None:
    """The server's loop is what keeps files up to date."""
    path = tmp_path / "list"
    path.write_text("10.0.0.0/8")
    access = Access(allow_file=path)
    access.server_activate(server(("127.0.0.1", 1)))
    path.write_text("11.0.0.0/8 # new")
    now = access._book._clock()
    for later in (2, 4):
        access._book._clock = lambda later=later: now + later  # type: ignore[misc]
        access.service_actions()
    assert access.verify_request(("11.0.0.1", 1), context()) is True


def test_hook_server_activate(tmp_path: Path) -> None:
    """Files are read when the server starts: a broken one refuses it."""
    path = tmp_path / "list"
    access = Access(deny_file=str(path))
    with pytest.raises(ConfigurationError, match="deny_file: cannot read"):
        access.server_activate(server(("127.0.0.1", 1)))
    path.write_text("192.0.2.1")
    access.server_activate(server(("127.0.0.1", 1)))
    assert access.verify_request(("192.0.2.1", 1), context()) is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allow": ["10.0.0.0/8", "10.1.2.3/8"]}, "allow, rule 2: '10.1.2.3/8' has host bits set: write 10.0.0.0/8"),
        ({"deny": ["localhost"]}, "deny, rule 1: 'localhost' is neither an address nor a network"),
        ({"allow": "10.0.0.0/8"}, "allow is a list of rules, and '10.0.0.0/8' is not a list: write ['10.0.0.0/8']"),
        ({"deny": b"10.0.0.0/8"}, "deny is a list of rules, not bytes"),
        ({"deny": None}, "deny is a list of rules, not NoneType"),
        ({"deny": {"10.0.0.0/8"}}, "deny is a list of rules, not set"),
        ({"allow": [b"10.0.0.0/8"]}, "allow, rule 1: b'10.0.0.0/8' is not text"),
        ({"allow": [None]}, "allow, rule 1: None is not text"),
        ({"allow": [""]}, "allow, rule 1: an empty rule"),
        ({"allow_file": ""}, "allow_file is the path of a file, and '' is none"),
        ({"deny_file": 7}, "deny_file is the path of a file, and 7 is none"),
    ],
)
def test_a_bad_option_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    """Before any server is built, the error names the option and the rule, and says what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        Access(**options)
    assert str(caught.value).startswith(message)


def test_spaces_around_a_rule_mean_nothing() -> None:
    """Neither in a file nor in an option."""
    assert Access(allow=[" 10.0.0.0/8 "]).verify_request(("10.0.0.1", 1), context()) is True


@pytest.mark.parametrize(
    ("options", "listener", "level", "message"),
    [
        ({}, server(("127.0.0.1", 80)), "INFO", "only loopback and Unix peers are served"),
        ({}, server(("::1", 80, 0, 0)), "INFO", "only loopback and Unix peers are served"),
        ({}, server("/run/socket", "unix"), "INFO", "only loopback and Unix peers are served"),
        (
            {},
            server(("0.0.0.0", 80)),
            "WARNING",
            "only loopback and Unix peers are served; others need the option allow",
        ),
        (
            {},
            server(("::", 80, 0, 0)),
            "WARNING",
            "only loopback and Unix peers are served; others need the option allow",
        ),
        ({}, server(("192.0.2.1", 80)), "WARNING", "only loopback and Unix peers are served"),
        ({"deny": ["10.0.0.0/8"]}, server(("::", 80)), "INFO", "0 allow and 1 deny rules, all others are allowed"),
        ({"allow": ["10.0.0.0/8"]}, server(("::", 80)), "INFO", "1 allow and 0 deny rules, all others are denied"),
        ({"allow": ["10.0.0.0/8"]}, server("/s", "unix"), "WARNING", "Unix peers are denied, and it has no other"),
        ({"deny": ["unix"]}, server("/s", "unix-dgram"), "WARNING", "Unix peers are denied, and it has no other"),
        ({"allow": ["unix"]}, server("/s", "unix"), "INFO", "1 allow and 0 deny rules, all others are denied"),
    ],
)
def test_who_is_served_is_said_at_the_start(
    caplog: pytest.LogCaptureFixture, options: dict[str, Any], listener: Any, level: str, message: str
) -> None:
    """In one line, which is a warning where the rules cannot be what was meant."""
    with caplog.at_level(logging.INFO, "plugserve.access"):
        Access(**options).server_activate(listener)
    assert [record.levelname for record in caplog.records] == [level]
    assert f"access: {listener.transport} listener: " in caplog.text
    assert message in caplog.text


def test_a_decision_is_explained_on_request() -> None:
    """For the question why somebody is not served."""
    access = Access(allow=["10.0.0.0/8"], deny=["10.1.0.0/16"])
    decision = access.explain(("10.1.2.3", 4711))
    assert decision == (False, "10.1.0.0/16 (deny rule 1 of deny)", ("10.0.0.0/8 (allow rule 1 of allow)",))
    assert str(access.explain("", "unix")) == "denied: no rule is about it, and there are allow rules"
