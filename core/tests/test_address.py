"""Addresses as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ConfigurationError
from plugserve.address import parse_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("tcp://127.0.0.1:7007", "tcp://127.0.0.1:7007"),
        ("127.0.0.1:7007", "tcp://127.0.0.1:7007"),
        (":7007", "tcp://127.0.0.1:7007"),
        ("7007", "tcp://127.0.0.1:7007"),
        ("[::1]:7007", "tcp://[::1]:7007"),
        ("udp://*:53?reuseport=yes", "udp://*:53?reuseport=yes"),
        ("unix:///run/echo.sock?mode=0660&group=www", "unix:///run/echo.sock?mode=0660&group=www"),
        ("unix:///@name?abstract=yes", "unix://@name?abstract=yes"),
        ("vsock://*:1024", "vsock://*:1024"),
        ("fd://3", "fd://3"),
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
        ("http://127.0.0.1:1", "there is no http://"),
        ("127.0.0.1", "the port is missing: write 127.0.0.1:PORT"),
        ("tcp://localhost", "the port is missing"),
        ("tcp://localhost:http", "the port is 'http': write a number from 0 to 65535"),
        ("tcp://localhost:65536", "the port is '65536'"),
        ("tcp://::1:80", r"put an IPv6 address in brackets: \[::1\]:80"),
        ("tcp://[::1:80", r"write an IPv6 address as \[::1\]:PORT"),
        ("tcp://a b:80", "'a b' is no host name or address"),
        ("tcp://x:1?reusport=yes", "no option 'reusport': did you mean reuseport"),
        ("tcp://x:1?reuseport=1", "write reuseport=yes or reuseport=no"),
        ("tcp://x:1?reuseport=yes&reuseport=no", "there twice"),
        ("unix://", "the path is missing"),
        ("unix:///@name", "an abstract name has no permissions"),
        ("unix:///x?mode=rw", "write permissions in octal"),
        ("unix:///x?mode=7777", "write permissions in octal"),
        ("fd://three", "write the number of the descriptor"),
        ("vsock://host:1", "a number or . as the CID"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write(text: str, message: str) -> None:
    """Each message repeats the text and names the remedy."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)


@given(st.text(max_size=40))
def test_no_text_gives_anything_but_an_address_or_a_clear_error(text: str) -> None:
    """And what is an address reads back."""
    try:
        address = parse_address(text)
    except ConfigurationError:
        return
    assert parse_address(str(address)) == address
