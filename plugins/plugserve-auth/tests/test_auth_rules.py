"""Rules: who may use a listener."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import plugserve
from plugserve import ConfigurationError, CoroutineHandler, Identity, hookimpl
from plugserve.options import build
from plugserve.testing import hosted
from plugserve_auth import Auth, AuthenticationFailed, NotAuthorized, Rule
from plugserve_auth.rules import Policy

ALICE = Identity("alice", "scram-sha-256", frozenset({"staff"}))
BOB = Identity("bob", "tls", frozenset(), {"issuer": "Our CA", "dns": ["bob.example.org", "b.example.org"]})
NOBODY = Identity("anonymous", "anonymous")
# A Wednesday.
NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


def decided(rules: list[dict[str, Any]], identity: Identity | None, facts: Any, **more: Any) -> bool | None:
    """What the rules say at noon."""
    policy = Policy([Rule(**rule) for rule in rules], now=lambda zone: NOW if zone is None else NOW.astimezone(zone))
    return policy.decide(identity, facts, **more).allowed


@pytest.mark.parametrize(
    "rules, allowed",
    [
        ([], [ALICE, BOB, NOBODY, None]),
        ([{"allow": "alice"}], [ALICE]),
        ([{"allow": "@staff"}], [ALICE]),
        ([{"allow": "alice, bob"}], [ALICE, BOB]),
        ([{"allow": ["alice", "bob"]}], [ALICE, BOB]),
        ([{"allow": "staff"}], []),
        ([{"allow": "*"}], [ALICE, BOB]),
        ([{"allow": "anonymous"}], [NOBODY]),
        ([{"allow": "anybody"}], [ALICE, BOB, NOBODY, None]),
        ([{"deny": "alice"}], []),
        ([{"allow": "*"}, {"deny": "alice"}], [BOB]),
        ([{"deny": "@staff"}, {"allow": "*"}], [BOB]),
        ([{"allow": "*", "method": "tls"}], [BOB]),
        ([{"allow": "*", "method": ["scram-*", "plain"]}], [ALICE]),
        ([{"allow": "*", "certificate": {"issuer": "Our*"}}], [BOB]),
        ([{"allow": "*", "certificate": {"dns": "b.example.org", "name": "bob"}}], [BOB]),
        ([{"allow": "*", "certificate": {"issuer": "Other CA"}}], []),
        ([{"allow": "*", "certificate": {"serial": "*"}}], []),
        ([{"allow": "*", "listener": "main"}], [ALICE, BOB]),
        ([{"allow": "*", "listener": ["other"]}], []),
        ([{"allow": "*", "network": "192.0.2.0/24"}], [ALICE, BOB]),
        ([{"allow": "*", "network": ["unix", "198.51.100.1"]}], []),
        ([{"allow": "*", "days": "mon-fri"}], [ALICE, BOB]),
        ([{"allow": "*", "days": "sat, sun"}], []),
        ([{"allow": "*", "days": "sat-wed"}], [ALICE, BOB]),
        ([{"allow": "*", "hours": "08:00-18:00"}], [ALICE, BOB]),
        ([{"allow": "*", "hours": "12:30-12:31"}], [ALICE, BOB]),
        ([{"allow": "*", "hours": "08:00-12:30"}], []),
        ([{"allow": "*", "hours": "22:00-06:00"}], []),
        ([{"allow": "*", "hours": "22:00-13:00"}], [ALICE, BOB]),
        ([{"allow": "*", "hours": "00:00-24:00", "days": "wed"}], [ALICE, BOB]),
        ([{"allow": "*", "hours": "13:00-14:00", "timezone": "Europe/Vienna"}], [ALICE, BOB]),
        ([{"allow": "*", "days": "thu", "timezone": "Pacific/Kiritimati"}], [ALICE, BOB]),
    ],
)
def test_decisions(rules: list[dict[str, Any]], allowed: list[Identity | None], context: Callable[..., Any]) -> None:
    """Each kind of rule lets in those it is about, and with any rule nobody else."""
    everybody = [ALICE, BOB, NOBODY, None]
    assert [one for one in everybody if decided(rules, one, context())] == allowed


def test_networks(context: Callable[..., Any]) -> None:
    """Mapped addresses, zones and Unix peers are understood; what is no address is nobody's."""
    rules = [{"allow": "*", "network": ["192.0.2.0/24", "fe80::/10", "unix"]}]
    for facts, expected in (
        (context(client_address=("::ffff:192.0.2.7", 1, 0, 0)), True),
        (context(client_address=("fe80::1%eth0", 1, 0, 3)), True),
        (context(client_address="", transport="unix"), True),
        (context(client_address=("198.51.100.1", 1), transport="unix"), False),
        (context(client_address=("nonsense", 1)), False),
        (context(client_address=(3, 1), transport="vsock"), False),
        (context(client_address="", transport="tcp"), False),
    ):
        assert decided(rules, ALICE, facts) is expected


def test_certificate_below_another_identity(context: Callable[..., Any]) -> None:
    """The certificate counts for who has proved a name by other means behind it, too."""
    rules = [{"allow": "*", "certificate": {"issuer": "Our CA"}}]
    assert decided(rules, ALICE, context(identity=BOB)) is True
    kept = Identity("alice", "plain", frozenset(), {"certificate": {"issuer": "Our CA"}})
    assert decided(rules, kept, context()) is True
    assert decided(rules, ALICE, context()) is False


@pytest.mark.parametrize("name", ["@staff", "*", "anybody"])
def test_names_are_no_groups(name: str, context: Callable[..., Any]) -> None:
    """Whoever has got a certificate or a token for the name `@staff`, `*` or `anybody` is just that, and not the staff
    or everybody."""
    mallory = Identity(name, "tls")
    rules = [{"allow": "@staff"}, {"deny": "*", "method": "plain"}, {"allow": "anybody", "method": "external"}]
    assert decided(rules, mallory, context()) is False
    named = Identity("alice", "tls", frozenset({"*", "anybody", "bob"}))
    assert decided([{"allow": "bob, @carol"}], named, context()) is False


def test_mapped_networks(context: Callable[..., Any]) -> None:
    """A network of IPv4 means the same in the notation that IPv6 has for it."""
    rules = [{"allow": "*"}, {"deny": "*", "network": "::ffff:192.0.2.0/120"}]
    assert decided(rules, ALICE, context(client_address=("::ffff:192.0.2.7", 1, 0, 0))) is False
    assert decided(rules, ALICE, context(client_address=("192.0.2.7", 1))) is False
    assert decided(rules, ALICE, context(client_address=("192.0.3.7", 1))) is True


def test_identity_to_come(context: Callable[..., Any]) -> None:
    """As long as an identity may still come, only what no identity could change is decided."""
    facts = context()
    assert decided([{"allow": "alice"}], None, facts, final=False) is None
    assert decided([{"allow": "anybody"}], None, facts, final=False) is None
    assert decided([{"allow": "alice", "network": "198.51.100.1"}], None, facts, final=False) is False
    assert decided([{"allow": "*"}, {"deny": "anybody", "days": "wed"}], None, facts, final=False) is False
    assert decided([{"allow": "alice"}], BOB, facts, final=False) is False


@pytest.mark.parametrize(
    "moment, allowed",
    [
        ("2026-11-27T21:59", False),  # a Friday
        ("2026-11-27T22:00", True),
        ("2026-11-28T05:59", True),
        ("2026-11-28T06:00", False),
        ("2026-11-28T22:00", False),
        ("2026-11-30T05:59", False),  # the Monday: this night has begun on Sunday
        ("2026-11-30T22:00", True),
    ],
)
def test_over_midnight(moment: str, allowed: bool, context: Callable[..., Any]) -> None:
    """Hours that go over midnight belong to the day on which they begin."""
    rules = [Rule(allow="*", days="mon-fri", hours="22:00-06:00")]
    policy = Policy(rules, now=lambda zone: datetime.fromisoformat(moment))
    assert policy.decide(ALICE, context()).allowed is allowed


@pytest.mark.parametrize(
    "moment, allowed",
    [
        ("2026-03-29T00:59Z", False),  # 01:59 in Vienna; the hour from 02:00 on does not exist
        ("2026-03-29T01:00Z", False),  # 03:00
        ("2026-10-25T00:15Z", True),  # 02:15, in summer time
        ("2026-10-25T01:15Z", True),  # 02:15 again
        ("2026-10-25T02:00Z", False),
    ],
)
def test_change_of_the_clock(moment: str, allowed: bool, context: Callable[..., Any]) -> None:
    """Hours are those that the clock on the wall shows: one may be missing, and one come twice."""
    rules = [Rule(allow="*", hours="02:00-03:00", timezone="Europe/Vienna")]
    policy = Policy(rules, now=lambda zone: datetime.fromisoformat(moment).astimezone(zone))
    assert policy.decide(ALICE, context()).allowed is allowed


@pytest.mark.parametrize(
    "rule, message",
    [
        ({}, "either allow or deny"),
        ({"allow": "a", "deny": "b"}, "either allow or deny"),
        ({"allow": ""}, "says who"),
        ({"allow": "a,,b"}, "says who"),
        ({"allow": "@"}, "says who"),
        ({"allow": "a", "network": "10.0.0.1/8"}, "neither unix nor a network"),
        ({"allow": "a", "network": []}, "network is empty"),
        ({"deny": "a", "method": ""}, "method is empty"),
        ({"deny": "a", "method": ["tls", ""]}, "method is empty"),
        ({"deny": "a", "listener": []}, "listener is empty"),
        ({"allow": "a", "certificate": {}}, "certificate is empty"),
        ({"allow": "a", "days": "monday"}, "days such as mon"),
        ({"allow": "a", "hours": "8-18"}, "times such as 08:00-18:00"),
        ({"allow": "a", "hours": "08:00-08:00"}, "no time at all"),
        ({"allow": "a", "hours": "08:00-24:30"}, "no time at all"),
        ({"allow": "a", "timezone": "Mars"}, "not known here"),
        ({"allow": "a", "netwrok": "unix"}, "netwrok"),
    ],
)
def test_mistakes(rule: dict[str, Any], message: str) -> None:
    """A rule that means nothing refuses to start, with what would be right, in code and in a configuration alike."""
    with pytest.raises(ConfigurationError, match=message):
        Auth(stores=["peer"], rules=[rule])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match=message.replace("netwrok", "no such key")):
        build(Auth, {"stores": ["peer"], "rules": [rule]})


def test_from_a_configuration() -> None:
    """Tables become rules."""
    plugin = build(Auth, {"stores": ["peer"], "rules": [{"allow": ["@staff"], "days": "mon-fri"}, {"deny": "eve"}]})
    assert [str(rule) for rule in plugin.policy.rules] == ["allow @staff on mon-fri", "deny eve"]


def test_explain() -> None:
    """What would be decided is a sentence that names the rule."""
    plugin = Auth(
        stores=["peer"],
        rules=[Rule(allow="@staff", network="192.0.2.0/24"), Rule(deny="bob", certificate={"issuer": "Our CA"})],
    )
    address = ("192.0.2.7", 4711)
    assert str(plugin.explain(address, ALICE)) == "allowed: rule 1 (allow @staff from 192.0.2.0/24)"
    assert str(plugin.explain(address, BOB)) == "denied: rule 2 (deny bob with issuer Our CA)"
    assert str(plugin.explain(address, NOBODY)) == "denied: no rule allows anonymous here and now"
    assert str(plugin.explain(address)) == "depends on who it proves to be: rule 1 (allow @staff from 192.0.2.0/24)"
    assert str(plugin.explain(("198.51.100.1", 1))) == (
        "denied: no rule allows somebody without an identity here and now"
    )
    assert str(plugin.explain(address, "carol")) == "denied: no rule allows carol here and now"
    assert "there are no rules" in str(Auth(stores=["peer"]).explain(address))


class Named:
    """A store that believes everybody."""

    def check_password(self, name: str, password: str) -> Identity | None:
        return Identity(name, "password")


class Hello(CoroutineHandler):
    async def handle(self) -> None:
        self.connection.write(b"hello")


def test_in_the_life_of_a_request() -> None:
    """Behind the preamble the vote `authorize` asks the rules."""
    rejected = []

    class Watch:
        @hookimpl
        def request_rejected(self, context: Any, reason: str) -> None:
            rejected.append((str(context.identity), context.rejected_by))

    plugin = Auth(stores=[Named()], plaintext=True, rules=[Rule(allow="alice")])
    with hosted("memory", Hello, plugins=[plugin, Watch()]) as host:
        answers = []
        for line in (b"AUTH PLAIN AGFsaWNlAHg=\r\n", b"AUTH PLAIN AGJvYgB4\r\n"):
            client = host.connect()
            client.send(line)
            answers.append(client.rest().splitlines()[1:])
    assert answers == [[b"OK", b"hello"], [b"OK"]]
    assert rejected == [("bob", "auth")]


class Asking(CoroutineHandler):
    """Takes a name from its client."""

    authenticates = True

    async def handle(self) -> None:
        name = (await self.connection.read_until(b"\n", 100)).decode().strip()
        try:
            ask = self.context.authenticator.check_password
            self.connection.write(f"hello {await self.connection.offload(ask, name, 'x', self.context)}".encode())
        except NotAuthorized:
            self.connection.write(b"not you")
        except AuthenticationFailed:
            self.connection.write(b"who?")


def test_where_the_handler_asks() -> None:
    """Where the handler asks, the vote leaves open what depends on the identity, and the authenticator decides."""
    plugin = Auth(stores=[Named()], rules=[Rule(allow="alice"), Rule(deny="anybody", listener="closed")])
    with hosted("memory", Asking, plugins=[plugin], name="open") as host:
        answers = []
        for name in (b"alice\n", b"bob\n"):
            client = host.connect()
            client.send(name)
            answers.append(client.rest())
    assert answers == [b"hello alice", b"not you"]
    plugin = Auth(stores=[Named()], rules=[Rule(allow="alice"), Rule(deny="anybody", listener="closed")])
    with hosted("memory", Asking, plugins=[plugin], name="closed") as host:
        assert host.connect().rest() == b""


def test_certificate_before_the_handler_asks() -> None:
    """Who has a certificate of some name may still prove another one to the handler; it is that one that counts."""

    class Certified:
        phase = "encryption"
        plugin_name = "certified"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            connection.identity = BOB

    for rules, answer in (
        ([Rule(allow="alice", certificate={"issuer": "Our CA"})], b"hello alice"),
        ([Rule(allow="bob")], b"not you"),
        ([Rule(allow="*"), Rule(deny="anybody", certificate={"issuer": "Our CA"})], b""),
    ):
        plugin = Auth(stores=[Named()], rules=rules)
        with hosted("memory", Asking, plugins=[Certified(), plugin]) as host:
            client = host.connect()
            if answer:
                client.send(b"alice\n")
            assert client.rest() == answer


def test_datagrams() -> None:
    """A datagram server refuses to start: no client could prove anything there."""

    class Reply(plugserve.DatagramRequestHandler):
        def handle(self) -> None: ...

    with pytest.raises(ConfigurationError, match="stream"):
        plugserve.UDPServer(("127.0.0.1", 0), Reply, plugins=[Auth(stores=["peer"])])
