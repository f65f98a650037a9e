from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_access.addresses import BITS, Kind, pack_host
from plugserve_access.networks import BadRule, NetworkTable, Rule, parse_rule
from plugserve_access.policy import at_once

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def rule(text: str, *, allow: bool = True) -> Rule:
    """A rule from the test."""
    return parse_rule(text, allow=allow, source="test", line=1)


def table(*rules: Rule, kind: Kind = "ipv4") -> NetworkTable:
    """A table of some rules."""
    return at_once(NetworkTable.build(kind, rules))


def found(networks: NetworkTable, host: str) -> str | None:
    """The rule that a table finds for an address, as text."""
    located = pack_host(host)
    assert located is not None
    owner = networks.find(located[1])
    return None if owner is None else f"{'allow' if owner.allow else 'deny'} {owner.text}"


@pytest.mark.parametrize(
    ("text", "kind", "first", "length"),
    [
        ("192.0.2.7", "ipv4", "192.0.2.7", 32),
        ("192.0.2.0/24", "ipv4", "192.0.2.0", 24),
        ("0.0.0.0/0", "ipv4", "0.0.0.0", 0),
        ("2001:db8::1", "ipv6", "2001:db8::1", 128),
        ("2001:DB8::/32", "ipv6", "2001:db8::", 32),
        ("::/0", "ipv6", "::", 0),
        ("::ffff:192.0.2.7", "ipv4", "192.0.2.7", 32),
        ("::ffff:192.0.2.0/120", "ipv4", "192.0.2.0", 24),
        ("::ffff:0:0/96", "ipv4", "0.0.0.0", 0),
    ],
)
def test_addresses_and_networks_are_read(text: str, kind: Kind, first: str, length: int) -> None:
    """An address is a network of one; a mapped network is the IPv4 network in it."""
    read = rule(text)
    assert (read.kind, read.first, read.length) == (kind, int(ipaddress.ip_address(first)), length)


@pytest.mark.parametrize(("text", "first", "length"), [("vsock", 0, 0), ("vsock:3", 3, 32), ("vsock:0", 0, 32)])
def test_vsock_rules_are_read(text: str, first: int, length: int) -> None:
    """All vsock peers, or those of one CID."""
    assert rule(text)[:3] == ("vsock", first, length)


def test_the_unix_rule_is_read() -> None:
    """The word for all Unix peers."""
    assert rule("unix")[:3] == ("unix", 0, 0)


@pytest.mark.parametrize("text", ["unix", "vsock", "vsock:7", "10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"])
def test_a_rule_writes_itself_as_it_is_read(text: str) -> None:
    """What messages show can be copied into a list."""
    assert rule(text).text == text


def test_a_rule_tells_where_it_stands() -> None:
    """The text of a rule names its source and its line there."""
    assert (
        str(parse_rule("10.0.0.0/8", allow=False, source="/etc/bad", line=7)) == "10.0.0.0/8 (deny rule 7 of /etc/bad)"
    )


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("10.1.2.3/8", "write 10.0.0.0/8 for the network, or 10.1.2.3/32 for the one host"),
        ("2001:db8::1/32", "write 2001:db8::/32 for the network, or 2001:db8::1/128 for the one host"),
        ("::ffff:10.1.2.3/104", "write 10.0.0.0/8 for the network, or 10.1.2.3/32 for the one host"),
        ("::ffff:10.0.0.0/95", "write 0.0.0.0/0 for all of IPv4"),
        ("10.0.0.0/255.0.0.0", "write 10.0.0.0/8"),
        ("10.0.0.0/33", "write a network such as 10.0.0.0/32"),
        ("2001:db8::/129", "write a network such as 2001:db8::/128"),
        ("fe80::1%eth0", "write it without %"),
        ("fe80::%eth0/64", "write it without %"),
        ("vsock:x", "write vsock:CID with a number"),
        ("vsock:4294967296", "write vsock:CID with a number"),
        ("vsock:", "write vsock:CID with a number"),
        ("", "an empty rule"),
        ("localhost", "names are never looked up"),
        ("example.org", "names are never looked up"),
        ("all", "a network such as 192.0.2.0/24"),
        ("*", "a network such as 192.0.2.0/24"),
        ("Unix", "unix, vsock or vsock:CID"),
        ("10/8", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/-1", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/ 8", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/٨", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/8/8", "a network such as 192.0.2.0/24"),
        ("10.0.0.1:80", "a network such as 192.0.2.0/24"),
        ("[::1]", "a network such as 192.0.2.0/24"),
        ("10.0.0.0/8 10.1.0.0/16", "a network such as 192.0.2.0/24"),
    ],
)
def test_a_bad_rule_is_refused_with_the_right_one(text: str, right: str) -> None:
    """Each error says what would be right, as exactly as can be guessed."""
    with pytest.raises(BadRule) as caught:
        rule(text)
    assert right in str(caught.value)


def test_the_error_of_a_bad_rule_is_fit_for_a_log() -> None:
    """Control characters are escaped, and a long line is cut."""
    with pytest.raises(BadRule) as caught:
        rule("\x1b[31m\n" + "é" * 1000)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@given(st.text(max_size=30) | st.text(alphabet="0123456789abcdef.:/%", max_size=24))
def test_text_is_a_rule_or_a_bad_rule(text: str) -> None:
    """No text raises anything else, and a rule reads itself back."""
    try:
        read = rule(text)
    except BadRule:
        return
    assert rule(read.text) == read


def test_the_most_specific_network_wins() -> None:
    """Inner networks are exceptions to outer ones, to any depth."""
    nested = table(
        rule("0.0.0.0/0", allow=False), rule("10.0.0.0/8"), rule("10.1.0.0/16", allow=False), rule("10.1.2.3")
    )
    assert found(nested, "9.255.255.255") == "deny 0.0.0.0/0"
    assert found(nested, "10.0.0.0") == "allow 10.0.0.0/8"
    assert found(nested, "10.1.2.2") == "deny 10.1.0.0/16"
    assert found(nested, "10.1.2.3") == "allow 10.1.2.3/32"
    assert found(nested, "10.1.2.4") == "deny 10.1.0.0/16"
    assert found(nested, "10.2.0.0") == "allow 10.0.0.0/8"
    assert found(nested, "11.0.0.0") == "deny 0.0.0.0/0"


def test_networks_that_end_together_end_at_the_same_address() -> None:
    """Behind the last address of several networks, the rule around all of them holds again."""
    nested = table(rule("10.0.0.0/8"), rule("10.128.0.0/9", allow=False), rule("10.255.255.255"))
    assert found(nested, "10.255.255.254") == "deny 10.128.0.0/9"
    assert found(nested, "10.255.255.255") == "allow 10.255.255.255/32"
    assert found(nested, "11.0.0.0") is None


def test_the_ends_of_the_address_space_are_inside_it() -> None:
    """The first and the last address have rules like any other."""
    ends = table(rule("0.0.0.0"), rule("255.255.255.255"))
    assert found(ends, "0.0.0.0") == "allow 0.0.0.0/32"
    assert found(ends, "0.0.0.1") is None
    assert found(ends, "255.255.255.254") is None
    assert found(ends, "255.255.255.255") == "allow 255.255.255.255/32"


@pytest.mark.parametrize("denied_first", [True, False])
def test_deny_wins_ties(denied_first: bool) -> None:
    """Of two rules for one network the denial holds, in whatever order they come."""
    rules = [rule("10.0.0.0/8", allow=False), rule("10.0.0.0/8")]
    assert found(table(*(rules if denied_first else reversed(rules))), "10.1.2.3") == "deny 10.0.0.0/8"


def test_a_duplicate_changes_nothing() -> None:
    """The same rule twice is one rule, and the first place is the one that is told."""
    twice = table(Rule("ipv4", 0, 0, True, "a", 1), Rule("ipv4", 0, 0, True, "b", 2))
    owner = twice.find(bytes(4))
    assert owner is not None
    assert owner.source == "a"


def test_rules_about_other_kinds_do_not_count() -> None:
    """A table holds the rules about its own kind of peer alone."""
    assert found(table(rule("::/0"), rule("unix"), rule("vsock")), "0.0.0.0") is None


def test_unix_peers_have_a_table_of_one_address() -> None:
    """Ties between rules about Unix peers go the same way as any."""
    assert table(kind="unix").find(b"") is None
    both = table(rule("unix"), rule("unix", allow=False), kind="unix").find(b"")
    assert both is not None
    assert not both.allow


def test_one_vsock_peer_is_an_exception_to_all() -> None:
    """A CID is more specific than the word for all."""
    one = table(rule("vsock", allow=False), rule("vsock:3"), kind="vsock")
    verdicts = [owner.allow for cid in (2, 3, 4) if (owner := one.find(cid.to_bytes(4, "big"))) is not None]
    assert verdicts == [False, True, False]


def networks(bits: int, around: int) -> st.SearchStrategy[Network]:
    """Networks near one address, so that they nest, touch and repeat."""

    def make(length: int, flip: int) -> Network:
        first = (around ^ flip) >> bits - length << bits - length
        return ipaddress.IPv4Network((first, length)) if bits == 32 else ipaddress.IPv6Network((first, length))

    flips = st.one_of(st.just(0), st.integers(0, bits - 1).map(lambda bit: 1 << bit), st.integers(0, (1 << bits) - 1))
    return st.builds(make, st.integers(0, bits), flips)


def probes(rules: list[tuple[Network, bool]], bits: int, more: list[int]) -> set[int]:
    """The edges of each network from both sides, and some addresses more."""
    edges = {
        int(edge) + step
        for network, _ in rules
        for edge in (network.network_address, network.broadcast_address)
        for step in (-1, 0, 1)
    }
    return {number for number in edges | set(more) if 0 <= number < 1 << bits}


def naive(rules: list[tuple[Network, bool]], number: int, bits: int) -> bool | None:
    """The model: look at all networks, as one would by hand."""
    address = ipaddress.IPv4Address(number) if bits == 32 else ipaddress.IPv6Address(number)
    longest = max((network.prefixlen for network, _ in rules if address in network), default=None)
    if longest is None:
        return None
    return all(allow for network, allow in rules if address in network and network.prefixlen == longest)


@pytest.mark.parametrize(("kind", "around"), [("ipv4", 0x0A0102FF), ("ipv6", (0x2001 << 112) + 0xFFFF)])
@given(data=st.data())
def test_a_table_finds_what_a_look_at_every_network_finds(data: st.DataObject, kind: Kind, around: int) -> None:
    """For any rules, the table and a naive model over `ipaddress` agree at and around every edge."""
    bits = BITS[kind]
    rules = data.draw(st.lists(st.tuples(networks(bits, around), st.booleans()), max_size=20))
    more = data.draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=5))
    built = table(*(rule(str(network), allow=allow) for network, allow in rules), kind=kind)
    for number in probes(rules, bits, more):
        owner = built.find(number.to_bytes(bits // 8, "big"))
        assert (None if owner is None else owner.allow) is naive(rules, number, bits), number
