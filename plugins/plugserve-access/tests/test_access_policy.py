from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_access import policy as policy_module
from plugserve_access.networks import parse_rule
from plugserve_access.policy import Policy, at_once

TCP: Any = SimpleNamespace(transport="tcp")
UNIX: Any = SimpleNamespace(transport="unix")
VSOCK: Any = SimpleNamespace(transport="vsock")


def policy(*, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> Policy:
    """A policy from two lists."""
    rules = [parse_rule(text, allow=True, source="allow", line=line) for line, text in enumerate(allow, 1)]
    rules += [parse_rule(text, allow=False, source="deny", line=line) for line, text in enumerate(deny, 1)]
    return at_once(Policy.build(rules, any_allow=bool(allow), any_deny=bool(deny)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"])
def test_without_rules_loopback_is_served(host: str) -> None:
    """All of 127.0.0.0/8, ::1, and IPv4's loopback as a dual-stack socket shows it."""
    assert policy().allows((host, 1), TCP) is True


@pytest.mark.parametrize("host", ["128.0.0.0", "126.255.255.255", "192.0.2.1", "::", "::2", "fe80::1%lo", "0.0.0.0"])
def test_without_rules_nobody_else_is_served(host: str) -> None:
    """Neighbours of the loopback networks and everybody further away are denied."""
    assert policy().allows((host, 1), TCP) is False


def test_without_rules_unix_peers_are_served() -> None:
    """They are on this machine, and passed the mode of the socket's file."""
    assert policy().allows("", UNIX) is True


def test_without_rules_only_the_local_vsock_peer_is_served() -> None:
    """VMADDR_CID_LOCAL is vsock's loopback; the host and other guests are other machines."""
    assert [policy().allows((cid, 1), VSOCK) for cid in (0, 1, 2, 3)] == [False, True, False, False]


def test_with_deny_rules_only_others_are_served() -> None:
    """A list of denials opens the door to everybody else, Unix and vsock peers included."""
    some = policy(deny=("192.0.2.0/24",))
    assert some.allows(("192.0.2.1", 1), TCP) is False
    assert some.allows(("198.51.100.1", 1), TCP) is True
    assert some.allows(("2001:db8::1", 1, 0, 0), TCP) is True
    assert some.allows("", UNIX) is True
    assert some.allows((3, 1), VSOCK) is True


def test_with_any_allow_rule_others_are_denied() -> None:
    """A list of those who are allowed closes the door to everybody else: loopback, Unix and vsock peers too."""
    some = policy(allow=("192.0.2.0/24",), deny=("192.0.2.9",))
    assert some.allows(("192.0.2.1", 1), TCP) is True
    assert some.allows(("192.0.2.9", 1), TCP) is False
    assert some.allows(("127.0.0.1", 1), TCP) is False
    assert some.allows(("::1", 1, 0, 0), TCP) is False
    assert some.allows("", UNIX) is False
    assert some.allows((1, 1), VSOCK) is False


def test_unix_peers_are_named_by_a_word() -> None:
    """`unix` allows them, or denies them, and no network is about them."""
    assert policy(allow=("unix",)).allows("", UNIX) is True
    assert policy(allow=("unix",)).allows(("127.0.0.1", 1), TCP) is False
    assert policy(deny=("unix",)).allows(b"\0name", UNIX) is False
    assert policy(deny=("unix",)).allows(("192.0.2.1", 1), TCP) is True
    assert policy(allow=("unix",), deny=("unix",)).allows("", UNIX) is False
    assert policy(allow=("0.0.0.0/0", "::/0")).allows("", UNIX) is False


def test_all_of_ipv6_does_not_contain_ipv4() -> None:
    """A mapped peer is an IPv4 peer, so `::/0` is not about it, neither to allow nor to deny it."""
    assert policy(allow=("::/0",)).allows(("::ffff:192.0.2.1", 1, 0, 0), TCP) is False
    assert policy(deny=("::/0",)).allows(("::ffff:192.0.2.1", 1, 0, 0), TCP) is True
    assert policy(deny=("0.0.0.0/0",)).allows(("::ffff:192.0.2.1", 1, 0, 0), TCP) is False


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1", None, (), ("localhost", 1), ("", 1), (None, 1), ([], 1), ["127.0.0.1", 1], {0: "127.0.0.1"}, 7],
)
def test_an_address_that_cannot_be_understood_is_denied_by_any_rules(address: object) -> None:
    """Also where everybody else is served, and where the same text as a proper address was just allowed."""
    everybody = policy(deny=("192.0.2.1",))
    assert everybody.allows(("127.0.0.1", 1), TCP) is True
    assert everybody.allows(address, TCP) is False
    assert policy(allow=("0.0.0.0/0", "::/0", "unix", "vsock")).allows(address, TCP) is False
    assert policy().allows(address, TCP) is False


def test_before_the_rules_are_known_everybody_is_denied() -> None:
    """The policy of a plugin that has not read its files yet serves nobody."""
    nobody = Policy.nobody("not read yet")
    for address, context in ((("127.0.0.1", 1), TCP), (("::1", 1), TCP), ("", UNIX), ((1, 1), VSOCK)):
        assert nobody.allows(address, context) is False
    assert str(nobody.decide(("127.0.0.1", 1), "tcp")) == "denied: not read yet"


def test_answers_are_remembered_for_so_many_addresses_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of clients costs a bounded amount of memory, and the answers stay right."""
    monkeypatch.setattr(policy_module, "CACHE_LIMIT", 10)
    some = policy(allow=("10.0.0.0/25",))
    for _ in range(2):
        for last in range(256):
            assert some.allows((f"10.0.0.{last}", 1), TCP) is (last < 128)
            assert len(some._cache) <= 10


def test_a_zone_is_never_remembered() -> None:
    """Text of any length that a layer passes on takes no memory."""
    some = policy(deny=("192.0.2.1",))
    assert some.allows(("fe80::1%" + "x" * 1000, 1, 0, 0), TCP) is True
    assert not some._cache


def test_what_is_no_address_is_never_remembered() -> None:
    """Nor does garbage."""
    some = policy(deny=("192.0.2.1",))
    assert some.allows(("x" * 1000, 1), TCP) is False
    assert not some._cache


@pytest.mark.parametrize(
    ("address", "transport", "decision"),
    [
        (("10.1.2.3", 1), "tcp", "allowed: 10.0.0.0/8 (allow rule 1 of allow)"),
        (
            ("10.9.0.1", 1),
            "tcp",
            "denied: 10.9.0.0/16 (deny rule 2 of deny); it overrules 10.0.0.0/8 (allow rule 1 of allow)",
        ),
        (("192.0.2.1", 1), "tcp", "denied: no rule is about it, and there are allow rules"),
        ("", "unix", "denied: unix (deny rule 1 of deny)"),
        (("example.org\n", 1), "tcp", "denied: ('example.org\\n', 1) is no address of a peer on tcp"),
    ],
)
def test_a_decision_can_be_explained(address: object, transport: str, decision: str) -> None:
    """The explanation names the rule that decides and those that it overrules, and is fit for a log."""
    some = policy(allow=("10.0.0.0/8",), deny=("unix", "10.9.0.0/16"))
    assert str(some.decide(address, transport)) == decision


rule_texts = st.one_of(
    st.sampled_from(["unix", "vsock", "vsock:3", "127.0.0.0/8", "::1", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104"]),
    st.ip_addresses(v=4).map(lambda address: str(ipaddress.IPv4Network((int(address) & 0xFF000000, 8)))),
    st.ip_addresses().map(str),
)


@given(
    allow=st.lists(rule_texts, max_size=6),
    deny=st.lists(rule_texts, max_size=6),
    addresses=st.lists(
        st.tuples(st.ip_addresses().map(str), st.just(1))
        | st.sampled_from([("127.0.0.1", 1), ("::1", 1), ("10.0.0.1", 1), ("::ffff:10.0.0.1", 1), ("name", 1), ""]),
        max_size=10,
    ),
)
def test_a_remembered_answer_an_explained_one_and_a_modelled_one_are_the_same(
    allow: list[str], deny: list[str], addresses: list[Any]
) -> None:
    """First answer, second answer, explanation and a naive model over `ipaddress` agree."""
    some = policy(allow=tuple(allow), deny=tuple(deny))
    for address in addresses:
        expected = modelled(allow, deny, address)
        assert some.allows(address, TCP) is expected
        assert some.allows(address, TCP) is expected
        assert some.decide(address, "tcp").allowed is expected


def modelled(allow: list[str], deny: list[str], address: Any) -> bool:
    """What the README says, in the plainest words that Python has."""
    try:
        peer = plain(ipaddress.ip_network(address[0]))
    except (ValueError, IndexError):
        return False
    if not allow and not deny:
        allow = ["127.0.0.0/8", "::1"]
    matching = []
    for texts, verdict in ((allow, True), (deny, False)):
        for text in texts:
            if not text.startswith(("unix", "vsock")):
                network = plain(ipaddress.ip_network(text))
                if network.version == peer.version and peer.subnet_of(network):
                    matching.append((network.prefixlen, not verdict))
    if matching:
        return not max(matching)[1]
    return not allow


def plain(network: Any) -> Any:
    """A mapped network as the IPv4 network in it."""
    mapped = network.network_address.ipv4_mapped if network.version == 6 else None
    return network if mapped is None else ipaddress.IPv4Network((int(mapped), network.prefixlen - 96))
