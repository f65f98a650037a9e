"""Addresses as text."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ConfigurationError
from plugserve.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("tcp://127.0.0.1:7007", "tcp://127.0.0.1:7007"),
        ("TCP://127.0.0.1:07007", "tcp://127.0.0.1:7007"),
        ("127.0.0.1:7007", "tcp://127.0.0.1:7007"),
        (" localhost:7007 ", "tcp://localhost:7007"),
        (":7007", "tcp://127.0.0.1:7007"),
        ("7007", "tcp://127.0.0.1:7007"),
        ("*:7007", "tcp://*:7007"),
        ("[::1]:7007", "tcp://[::1]:7007"),
        ("udp://[0:0::0:1]:0", "udp://[::1]:0"),
        ("tcp://[FE80::1%eth0]:1", "tcp://[fe80::1%eth0]:1"),
        ("tcp://[::]:80?v6only=yes", "tcp://[::]:80?v6only=yes"),
        ("udp://*:53?reuseport=yes", "udp://*:53?reuseport=yes"),
        ("unix:///run/echo.sock?mode=0660&group=www", "unix:///run/echo.sock?mode=0660&group=www"),
        ("unix-dgram://relative/path", "unix-dgram://relative/path"),
        ("unix-seqpacket:///run/ä%20b%3f%25", "unix-seqpacket:///run/ä%20b%3F%25"),
        ("unix:///run/%FF", "unix:///run/%FF"),
        ("unix:///s?owner=a%26b", "unix:///s?owner=a%26b"),
        ("unix:///@name?abstract=yes", "unix://@name?abstract=yes"),
        ("vsock://*:1024", "vsock://*:1024"),
        ("vsock://3:4294967295", "vsock://3:4294967295"),
        ("vsock://:0", "vsock://*:0"),
        ("fd://3", "fd://3"),
        ("fd://003", "fd://3"),
        ("systemd://web", "systemd://web"),
        ("systemd://", "systemd://"),
    ],
)
def test_an_address_is_read_and_written_back_in_one_form(text: str, canonical: str) -> None:
    """The canonical text reads back as the same address."""
    address = parse_address(text)
    assert str(address) == canonical
    assert parse_address(canonical) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tpc://127.0.0.1:1", "there is no tpc://.* did you mean tcp://"),
        ("unixs:///x", "there is no unixs://.* did you mean unix://"),
        ("http://127.0.0.1:1", "there is no http://"),
        ("quux://x", "it can be tcp://, udp://, unix://"),
        ("tcp:127.0.0.1:80", "two slashes are missing: write tcp://127.0.0.1:80"),
        ("tcp:/127.0.0.1:80", "two slashes are missing: write tcp://127.0.0.1:80"),
        ("unix:/run/x", "two slashes are missing: write unix:///run/x"),
        ("/run/x", "for a Unix socket write unix:///run/x"),
        ("@x", "for a Unix socket write unix://@x"),
        ("", "the port is missing: write HOST:PORT"),
        ("127.0.0.1", "the port is missing: write 127.0.0.1:PORT"),
        ("tcp://localhost", "the port is missing"),
        ("tcp://localhost:", "the port is ''"),
        ("tcp://localhost:http", "the port is 'http': write a number from 0 to 65535"),
        ("tcp://localhost:65536", "the port is '65536'"),
        ("tcp://localhost:²", "the port is '²'"),
        ("tcp://localhost:-1", "the port is '-1'"),
        ("tcp://localhost:" + "9" * 5000, "the port is '9999"),
        ("tcp://::1:80", r"put an IPv6 address in brackets: \[::1\]:80"),
        ("tcp://[::1:80", r"write an IPv6 address as \[::1\]:PORT"),
        ("tcp://[::1]", r"write an IPv6 address as \[::1\]:PORT"),
        ("tcp://[localhost]:80", "'localhost' is no IPv6 address; only those stand in brackets"),
        ("tcp://[]:80", "'' is no IPv6 address"),
        ("tcp://[fe80::1%]:80", "'' is no zone"),
        ("tcp://[fe80::1%a b]:80", "'a b' is no zone"),
        ("tcp://a b:80", "'a b' is no host name or address"),
        ("tcp://user@host:80", "'user@host' is no host name or address"),
        ("tcp://x:1?reusport=yes", "no option 'reusport': did you mean reuseport"),
        ("tcp://x:1?mode=0600", "no option 'mode'.*it can be v6only, reuseport"),
        ("fd://3?mode=0600", "no option 'mode': it can be nothing"),
        ("tcp://x:1?", "no option ''"),
        ("tcp://x:1?reuseport", "write reuseport=yes or reuseport=no"),
        ("tcp://x:1?reuseport=1", "write reuseport=yes or reuseport=no"),
        ("tcp://x:1?reuseport=yes&reuseport=no", "there twice"),
        ("unix://", "the path is missing"),
        ("unix://@?abstract=yes", "the path is missing"),
        ("unix:///a%00b", "a path has no NUL byte"),
        ("unix:///100%", "a percent sign is written %25"),
        ("unix:///@name", "an abstract name has no permissions"),
        ("unix:///@name?abstract=no", "an abstract name has no permissions"),
        ("unix:///@name?abstract=yes&mode=0600", "an abstract name has no mode: use a path"),
        ("unix:///x?mode=rw", "write permissions in octal"),
        ("unix:///x?mode=", "write permissions in octal"),
        ("unix:///x?mode=7777", "write permissions in octal"),
        ("unix:///x?owner=", "owner is empty"),
        ("unix:///\ud800", "half a character"),
        ("fd://three", "write the number of the descriptor"),
        ("fd://²", "write the number of the descriptor"),
        ("fd://99999999999", "write the number of the descriptor"),
        ("vsock://host:1", "a number or . as the CID"),
        ("vsock://4294967296:1", "a number or . as the CID"),
        ("vsock://1:4294967296", "write a number from 0 to 4294967295"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write(text: str, message: str) -> None:
    """Each message repeats the text and names the remedy."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)


def test_a_path_may_hold_any_byte_but_nul() -> None:
    """As Python names such files: what is no UTF-8 comes back byte for byte."""
    every = bytes(range(1, 256))
    text = str(Address("unix", path="/" + os.fsdecode(every)))
    assert text.isprintable()
    assert os.fsencode(parse_address(text).path) == b"/" + every


@given(st.text(max_size=40))
def test_no_text_gives_anything_but_an_address_or_a_clear_error(text: str) -> None:
    """And what is an address reads back."""
    try:
        address = parse_address(text)
    except ConfigurationError:
        return
    assert parse_address(str(address)) == address


YES_NO = st.sampled_from(["yes", "no"])
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
HOSTS = st.one_of(
    st.just("*"),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,8}){0,3}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    # The text that the C library gives, which is not Python's own for addresses that end in an IPv4 one.
    st.ip_addresses(v=6).map(lambda address: socket.inet_ntop(socket.AF_INET6, address.packed)),
)
ADDRESSES = st.one_of(
    st.builds(
        Address,
        st.sampled_from(["tcp", "udp"]),
        host=HOSTS,
        port=st.integers(0, 65535),
        options=st.fixed_dictionaries({}, optional={"v6only": YES_NO, "reuseport": YES_NO}),
    ),
    st.builds(
        Address,
        st.sampled_from(["unix", "unix-dgram", "unix-seqpacket"]),
        path=WORDS.map(lambda word: "/run/" + word),
        options=st.fixed_dictionaries(
            {}, optional={"mode": st.integers(0, 0o777).map("{:04o}".format), "owner": WORDS, "group": WORDS}
        ),
    ),
    st.builds(
        Address, st.just("vsock"), host=st.integers(0, (1 << 32) - 1).map(str), port=st.integers(0, (1 << 32) - 1)
    ),
    st.builds(Address, st.just("fd"), name=st.integers(0, 1 << 20).map(str)),
    st.builds(Address, st.just("systemd"), name=st.one_of(st.just(""), WORDS)),
)


@given(ADDRESSES)
def test_every_address_reads_back_from_its_text(address: Address) -> None:
    """Whatever its parts hold; the text has no letter that a terminal or a shell script would lose."""
    text = str(address)
    assert text.isprintable()
    assert parse_address(text) == address
    assert str(parse_address(text)) == text


def test_addresses_compare_and_hash_by_what_they_say() -> None:
    """The order of the options says nothing."""
    one = parse_address("tcp://*:80?v6only=no&reuseport=yes")
    other = parse_address("tcp://*:80?reuseport=yes&v6only=no")
    assert one == other
    assert len({one, other}) == 1
    assert one.flag("reuseport")
    assert not one.flag("v6only")
    assert not one.flag("mode")
