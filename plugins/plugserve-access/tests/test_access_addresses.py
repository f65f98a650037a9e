from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_access.addresses import locate, pack_host


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_packed_in_network_order(address: ipaddress.IPv4Address) -> None:
    """A dotted quad becomes its four bytes."""
    assert pack_host(str(address)) == ("ipv4", address.packed)


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_packed_in_network_order(address: ipaddress.IPv6Address) -> None:
    """Short and long text forms of an IPv6 address become its sixteen bytes; a mapped one the IPv4 address in it."""
    mapped = address.ipv4_mapped
    expected = ("ipv6", address.packed) if mapped is None else ("ipv4", mapped.packed)
    assert pack_host(str(address)) == expected
    assert pack_host(address.exploded) == expected


@given(st.ip_addresses(v=4))
def test_an_ipv4_mapped_peer_is_the_ipv4_peer(address: ipaddress.IPv4Address) -> None:
    """A peer of a dual-stack socket is the same peer, in both text forms of the mapped address."""
    number = int(address)
    assert pack_host(f"::ffff:{address}") == ("ipv4", address.packed)
    assert pack_host(f"::FFFF:{number >> 16:x}:{number & 0xFFFF:x}") == ("ipv4", address.packed)


def test_the_zone_of_a_scoped_address_is_dropped() -> None:
    """fe80::1%eth0 is fe80::1, whatever the interface."""
    expected = ("ipv6", ipaddress.IPv6Address("fe80::1").packed)
    assert pack_host("fe80::1%eth0") == expected
    assert pack_host("fe80::1%2") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "example.org",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "0x7f.0.0.1",
        "127.1",
        " 127.0.0.1",
        "127.0.0.1 ",
        "127.0.0.1\n",
        "127.0.0.1\0",
        "127.0.0.1%lo",
        "١٢٧.0.0.1",
        "fe80::1%",
        "fe80::1%a%b",
        ":",
        ":::",
        "1::2::3",
        "[::1]",
        "::1/128",
        "::g",
        "::\udc80",
        "01:23:45:67:89:ab",
    ],
)
def test_what_is_no_address_is_nothing(text: str) -> None:
    """Names, abbreviations, other bases and torn text are no addresses."""
    assert pack_host(text) is None


@given(st.text())
def test_text_is_an_address_only_if_the_standard_library_says_so(text: str) -> None:
    """No text raises, and none is an address that `ipaddress` would not take."""
    if pack_host(text) is not None:
        ipaddress.ip_address(text)


@given(st.text(alphabet="0123456789abcdef.:%x", max_size=24))
def test_text_that_looks_like_an_address_is_one_only_if_the_standard_library_says_so(text: str) -> None:
    """The same, for text that comes closer."""
    try:
        address: Any = ipaddress.ip_address(text)
    except ValueError:
        address = None
    assert (pack_host(text) is None) == (address is None)


@pytest.mark.parametrize("transport", ["unix", "unix-dgram", "unix-seqpacket"])
@pytest.mark.parametrize("address", ["", "/run/peer", b"", b"\0abstract", "\0abstract", None])
def test_every_form_of_a_unix_address_is_the_one_unix_peer(address: object, transport: str) -> None:
    """Unnamed, path and abstract peers are one kind, on each kind of Unix socket."""
    assert locate(address, transport) == ("unix", b"")


@pytest.mark.parametrize("transport", ["tcp", "udp", "vsock", "memory", ""])
@pytest.mark.parametrize("address", ["", "/run/peer", "127.0.0.1", b"", b"\0abstract", None])
def test_a_unix_address_on_another_transport_is_nothing(address: object, transport: str) -> None:
    """Only a Unix socket has Unix peers: elsewhere such an address was made up."""
    assert locate(address, transport) is None


def test_a_vsock_peer_is_its_context_identifier() -> None:
    """The port of a vsock peer means nothing, its CID everything."""
    assert locate((3, 1024), "vsock") == locate((3, 9), "vsock") == ("vsock", bytes([0, 0, 0, 3]))


@pytest.mark.parametrize(
    ("address", "transport"),
    [((3, 1024), "tcp"), ((3, 1024), "unix"), ((-1, 0), "vsock"), ((1 << 32, 0), "vsock"), ((3.0, 0), "vsock")],
)
def test_numbers_that_are_no_vsock_peer_are_nothing(address: object, transport: str) -> None:
    """A number is a CID only on a vsock listener, and only within 32 bits."""
    assert locate(address, transport) is None


@pytest.mark.parametrize("transport", ["tcp", "udp", "unix", "vsock", "memory"])
def test_an_ip_address_is_itself_on_every_transport(transport: str) -> None:
    """A PROXY header on a Unix socket tells of an IP client."""
    assert locate(("192.0.2.7", 80), transport) == ("ipv4", bytes([192, 0, 2, 7]))
    assert locate(("::1", 80, 0, 0), transport) == ("ipv6", bytes(15) + b"\1")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.tuples() | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["tcp", "udp", "unix", "vsock", "memory"]),
)
def test_no_address_whatever_raises(address: object, transport: str) -> None:
    """Whatever a layer sets as the client's address, the answer is a place or None."""
    located = locate(address, transport)
    assert located is None or located[0] in ("ipv4", "ipv6", "unix", "vsock")
