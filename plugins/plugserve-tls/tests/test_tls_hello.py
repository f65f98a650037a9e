"""The name in a ClientHello, as it comes and as it never should."""

from __future__ import annotations

import ssl
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import Context, ProtocolHandler, hookimpl
from plugserve.testing import hosted
from plugserve_tls import TLS, TLSTransform
from plugserve_tls.hello import Incomplete, requested_name


def hello(name: str | None = "www.example.test") -> bytes:
    """What OpenSSL says first, in one record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return TLSTransform(context, server_side=False, server_hostname=name).pending()


def in_records(data: bytes, size: int) -> bytes:
    """The same message in records of at most so many bytes."""
    message = data[5:]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(data[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


HELLO = hello()


def test_the_name_is_found_when_the_hello_is_whole() -> None:
    """And not before, wherever it is cut."""
    for cut in range(len(HELLO)):
        with pytest.raises(Incomplete):
            requested_name(HELLO[:cut])
    assert requested_name(HELLO) == "www.example.test"
    assert requested_name(HELLO + b"more") == "www.example.test"


def test_a_client_may_name_none() -> None:
    """As those do that know an address only."""
    assert requested_name(hello(None)) is None
    assert requested_name(hello("127.0.0.1")) is None


@pytest.mark.parametrize("size", [len(HELLO), 200, 100, 67])
def test_the_hello_may_come_in_several_records(size: int) -> None:
    """Some programs do that to hide the name."""
    data = in_records(HELLO, size)
    for cut in range(len(data)):
        with pytest.raises(Incomplete):
            requested_name(data[:cut])
    assert requested_name(data) == "www.example.test"


def test_what_would_be_dear_to_read_is_not_read() -> None:
    """Many small records, or one that is longer than a record may be: OpenSSL says what it has to say of these."""
    assert requested_name(in_records(HELLO, 10)) is None
    assert requested_name(b"\x16\x03\x01\xff\xff\x01") is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n",
        b"\x80\x2e\x01\x03\x01",
        b"\x17\x03\x03\x00\x01\x00",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    ],
    ids=["http", "sslv2", "data", "empty record", "another message", "empty hello"],
)
def test_what_is_no_hello_names_nobody(data: bytes) -> None:
    """Not even by an exception."""
    assert requested_name(data) is None


@given(st.lists(st.tuples(st.integers(0, len(HELLO) - 1), st.integers(0, 255)), max_size=8), st.binary(max_size=40))
def test_any_bytes_have_a_name_or_none(changes: list[tuple[int, int]], behind: bytes) -> None:
    """Or want more; nothing else is raised, and a name is text of a bounded length."""
    data = bytearray(HELLO)
    for at, value in changes:
        data[at] = value
    for raw in (bytes(data) + behind, behind):
        try:
            name = requested_name(raw)
        except Incomplete:
            continue
        assert name is None or (name.isascii() and len(name) <= 255)


class Names:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def authorize(self, context: Context) -> None:
        self.seen.append(context.tls.server_name)


class Echo(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data


def test_a_hostile_name_has_nobody_print_anything(capfd: pytest.CaptureFixture[str], server_pair: Any) -> None:
    """`ssl`'s own callback has the interpreter write a traceback for each name that is not ASCII."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    raised: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, raised.append
    try:
        with hosted("multiplexing", Echo, plugins=[tls]) as host:
            for name in (b"\xff" * 9, b"a\x00calhost", b"\x1b[31mhost"):
                side = TLSTransform(context, server_side=False, server_hostname="localhost")
                client: Any = host.connect()
                client.send(side.pending().replace(b"localhost", name))
                assert client.take(1) in (b"\x15", b"\x16")  # an alert, or the server's part of the handshake
                client.close()
    finally:
        sys.unraisablehook = before
    assert raised == []
    assert capfd.readouterr() == ("", "")


def test_the_name_is_a_fact(server_pair: Any) -> None:
    """As the client wrote it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    names = Names()
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("threading", Echo, plugins=[tls, names]) as host:
        for name in ("localhost", "No-Such.Example.Test", None):
            side = TLSTransform(context, server_side=False, server_hostname=name)
            client: Any = host.connect()
            client.send(side.pending())
            while not side.established:
                side.feed(client.socket.recv(65536))
            client.send(side.pending() + side.encode(b"x"))
            client.take(1)
            client.close()
    assert names.seen == ["localhost", "No-Such.Example.Test", None]
