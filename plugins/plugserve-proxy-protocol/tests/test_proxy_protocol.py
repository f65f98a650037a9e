"""Headers: read exactly, written as others read them."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve.errors import ProtocolError
from plugserve_proxy_protocol import HeaderReader, ProxyHeader, SSLFacts, encode_v1, encode_v2
from plugserve_proxy_protocol.header import ALPN, AUTHORITY, CRC32C, NETNS, SSL, UNIQUE_ID
from plugserve_proxy_protocol.protocol import SIGNATURE, crc32c

FOUR, FOUR_TOO = ("192.0.2.1", 56324), ("198.51.100.7", 443)
SIX, SIX_TOO = ("2001:db8::1", 56324, 0, 0), ("2001:db8::2", 443, 0, 0)


def read(data: bytes, **options: Any) -> tuple[ProxyHeader, bytes]:
    """A header, as the plugin reads it, and what is left."""
    reader = HeaderReader(**options)
    while True:
        wanted = reader.wanted
        assert wanted > 0
        piece, data = data[:wanted], data[wanted:]
        if len(piece) < wanted:
            raise EOFError
        header = reader.feed(piece)
        if header is not None:
            return header, data


@pytest.mark.parametrize(
    ("line", "source", "destination"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", FOUR, FOUR_TOO),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", SIX, SIX_TOO),
        (b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", ("255.255.255.255", 65535), ("0.0.0.0", 0)),
        (b"PROXY UNKNOWN\r\n", None, None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None, None),
    ],
)
def test_a_line_of_version_1_is_read_to_its_end_and_not_further(line: bytes, source: Any, destination: Any) -> None:
    """The examples of the specification."""
    header, rest = read(line + b"GET / HTTP/1.1\r\n")
    assert (header.version, header.source, header.destination) == (1, source, destination)
    assert header.local == (source is None)
    assert rest == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "there is no PROXY header"),
        (b"POST / HTTP/1.1\r\n", "there is no PROXY header"),
        (b"\r\n\r\n\0\r\nQUIX\n" + bytes(10), "there is no PROXY header"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n" + bytes(9), "ends with CR LF"),
        (b"PROXY TCP4 192.0.2.1\r198.51.100.7 56324 443\r\n", "ends with CR LF"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", "is PROXY TCP4|TCP6"),
        (b"PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n", "is PROXY TCP4|TCP6"),
        (b"PROXY UDP4 192.0.2.1 198.51.100.7 56324 443\r\n", "is PROXY TCP4|TCP6"),
        (b"PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n", "none of its family"),
        (b"PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n", "none of its family"),
        (b"PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n", "none of its family"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 056 443\r\n", "a port that is no number"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n", "a port that is no number"),
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n", "a port that is no number"),
        ("PROXY TCP4 192.0.2.1 198.51.100.7 \u0661 443\r\n".encode(), "a port that is no number"),
        (b"PROXY UNKNOWN " + b"x" * 200, "has 107 bytes at the most"),
        (SIGNATURE + b"\x11\x11\0\0", "has version 1, which nobody knows"),
        (SIGNATURE + b"\x22\x11\0\0", "has the command 2"),
        (SIGNATURE + b"\x21\x41\0\0", "has the address family 4"),
        (SIGNATURE + b"\x21\x13\0\x0c" + bytes(12), "transport 3"),
        (SIGNATURE + b"\x21\x11\0\x0b" + bytes(11), "has 11 bytes for addresses that take 12"),
        (SIGNATURE + b"\x21\x11\xff\xff", "max_size allows 1024"),
        (SIGNATURE + b"\x21\x11\0\x0e" + bytes(12) + b"\x05\0", "a TLV is longer than the header"),
        (SIGNATURE + b"\x21\x11\0\x10" + bytes(12) + b"\x05\0\x02x", "a TLV is longer than the header"),
        (SIGNATURE + b"\x21\x11\0\x10" + bytes(12) + b"\x20\0\x01x", "the part about TLS is cut off"),
        (SIGNATURE + b"\x21\x11\0\x13" + bytes(12) + b"\x03\0\x04xxxx", "a checksum that is not its own"),
        (SIGNATURE + b"\x21\x11\0\x10" + bytes(12) + b"\x03\0\x01x", "a checksum that is not 4 bytes long"),
    ],
)
def test_what_is_no_header_is_refused_with_what_is_wrong(line: bytes, words: str) -> None:
    """Nobody guesses."""
    with pytest.raises(ProtocolError) as caught:
        read(line)
    assert words in str(caught.value)


def test_facts_of_version_2_are_there_by_name() -> None:
    """Those of the specification, and others by their types."""
    ssl = b"\x07" + bytes(4) + b"\x21\0\x07TLSv1.3" + b"\x22\0\x03ada" + b"\x23\0\x03aes" + b"\x24\0\x01s"
    tlvs = [(ALPN, b"h2"), (AUTHORITY, b"www.example.org"), (UNIQUE_ID, b"\x01\x02"), (NETNS, b"blue"), (SSL, ssl)]
    raw = encode_v2(FOUR, FOUR_TOO, tlvs=[*tlvs, (0xE0, b"ours")], checksum=True)
    header, rest = read(raw + b"rest")
    assert rest == b"rest"
    assert (header.alpn, header.authority, header.unique_id, header.netns) == (
        b"h2",
        "www.example.org",
        b"\x01\x02",
        "blue",
    )
    assert header.ssl == SSLFacts(True, True, "TLSv1.3", "aes", "ada", ((0x24, b"s"),))
    assert header.find(0xE0) == b"ours"
    assert header.find(0xE1) is None
    assert header.find(CRC32C) is not None
    assert read(encode_v2(FOUR, FOUR_TOO))[0].ssl is None
    unverified = read(encode_v2(FOUR, FOUR_TOO, tlvs=[(SSL, b"\x07\0\0\0\x0a")]))[0].ssl
    assert unverified is not None
    assert not unverified.verified


def test_the_checksum_is_castagnolis() -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    raw = encode_v2(FOUR, FOUR_TOO, checksum=True)
    # But for the type that says that it is one.
    for place in [*range(16, 28), *range(29, len(raw))]:
        broken = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises((ProtocolError, EOFError)):
            read(broken)


def test_a_proxy_that_speaks_for_itself_tells_of_no_client() -> None:
    """LOCAL, UNSPEC and UNKNOWN; what stands in them is passed over."""
    for raw in (encode_v2(), encode_v1(), SIGNATURE + b"\x20\x11\0\x05hello", SIGNATURE + b"\x21\0\0\0"):
        header, rest = read(raw + b"rest")
        assert header.local
        assert header.source is None
        assert rest == b"rest"


def test_only_versions_that_are_wanted_are_taken() -> None:
    """Each says which."""
    with pytest.raises(ProtocolError, match="of version 1 came, and only version 2 is accepted"):
        read(encode_v1(FOUR, FOUR_TOO), versions=[2])
    with pytest.raises(ProtocolError, match="of version 2 came, and only version 1 is accepted"):
        read(encode_v2(FOUR, FOUR_TOO), versions=[1])


def test_unix_addresses_and_datagrams() -> None:
    """Paths, and names of the abstract namespace."""
    header, _ = read(encode_v2("/run/client", b"\0abstract", datagrams=True))
    assert (header.source, header.destination, header.datagrams) == ("/run/client", b"\0abstract", True)


def test_what_cannot_be_written_is_refused() -> None:
    """By whoever would have sent it."""
    for encode in (encode_v1, encode_v2):
        with pytest.raises(ValueError, match="two families"):
            encode(FOUR, SIX)
    with pytest.raises(ValueError, match="no room"):
        encode_v2(FOUR, FOUR_TOO, tlvs=[(1, bytes(65_000)), (2, bytes(1000))])
    with pytest.raises(ValueError, match="108 bytes"):
        encode_v2("/" * 109, "/x")


hosts4 = st.ip_addresses(v=4).map(str)
# As the kernel writes them: an IPv4 address in one of IPv6 has its dots.
hosts6 = st.ip_addresses(v=6).map(lambda host: socket.inet_ntop(socket.AF_INET6, host.packed))
ports = st.integers(0, 65535)
addresses = st.one_of(
    st.tuples(st.tuples(hosts4, ports), st.tuples(hosts4, ports)),
    st.tuples(st.tuples(hosts6, ports, st.just(0), st.just(0)), st.tuples(hosts6, ports, st.just(0), st.just(0))),
)


@given(addresses, st.lists(st.tuples(st.integers(0xE0, 0xEF), st.binary(max_size=50)), max_size=4), st.booleans())
def test_what_is_written_is_read(pair: Any, tlvs: Any, checksum: bool) -> None:
    """Both versions."""
    header, rest = read(encode_v2(*pair, tlvs=tlvs, checksum=checksum) + b"x")
    assert (header.source, header.destination, rest) == (*pair, b"x")
    assert [tlv for tlv in header.tlvs if tlv[0] != CRC32C] == tlvs
    header, rest = read(encode_v1(*pair) + b"x")
    assert (header.source, header.destination, rest) == (*pair, b"x")


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: b"PROXY " + tail),
        st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
        st.tuples(st.integers(0, 40), st.integers(0, 255)).map(
            lambda change: (
                encode_v2(FOUR, FOUR_TOO, tlvs=[(5, b"id")])[: change[0]]
                + bytes([change[1]])
                + encode_v2(FOUR, FOUR_TOO, tlvs=[(5, b"id")])[change[0] + 1 :]
            )
        ),
    )
)
def test_any_bytes_are_a_header_or_the_protocols_error(data: bytes) -> None:
    """Or the beginning of one; and the facts of a header can be looked at."""
    try:
        header, _ = read(data)
    except (ProtocolError, EOFError):
        return
    assert header.version in (1, 2)
    assert (header.ssl, header.authority, header.netns) is not None
