"""TLS on every engine, with every style of handler."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    Context,
    CoroutineHandler,
    Limits,
    ProtocolHandler,
    StreamRequestHandler,
    TCPServer,
    ThreadingMixIn,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_tls import TLS, TLSFacts, TLSMixIn, TLSTransform

ENGINES = [name for name in STREAM_ENGINES if name != "memory"]
PATIENCE = 20


class Classic(BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data.upper())


class Files(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


class Awaiting(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data.upper())


class Protocol(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.upper()


HANDLERS = [Classic, Files, Awaiting, Protocol]


class Watch:
    """Keeps the facts of the last request."""

    def __init__(self) -> None:
        self.facts: list[TLSFacts] = []
        self.ends: list[tuple[str, str]] = []

    @hookimpl
    def authorize(self, context: Context) -> None:
        self.facts.append(context.tls)

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self.ends.append((context.outcome, reason))

    @hookimpl
    def request_rejected(self, reason: str) -> None:
        self.ends.append(("rejected", reason))


def connect(host: Any, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    """A client that has shaken hands."""
    plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def end(client: ssl.SSLSocket) -> bytes:
    """End the stream in good order, and give what still comes."""
    data = b""
    client.settimeout(PATIENCE)
    plain = client.unwrap()
    # The child of a forking server has a copy of this descriptor, too: closing ours alone ends nothing.
    plain.shutdown(socket.SHUT_WR)
    while more := plain.recv(1000):
        data += more
    plain.close()
    return data


def leave(client: ssl.SSLSocket) -> None:
    """Go without a word of TLS."""
    client.shutdown(socket.SHUT_RDWR)
    client.close()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_style_is_served_on_every_engine(
    engine: str, handler: Any, version: Any, server_pair: Any, trusting: ssl.SSLContext
) -> None:
    """With a certificate that the client verifies, and an end in good order on both sides."""
    trusting.minimum_version = trusting.maximum_version = version
    watch = Watch()
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted(engine, handler, plugins=[tls, watch]) as host:
        client = connect(host, trusting)
        for data in (b"hello\n", b"x" * 100_000 + b"\n", b"bye\n"):
            client.sendall(data)
            answer = b""
            while len(answer) < len(data):
                answer += client.recv(65536)
            assert answer == data.upper()
        assert end(client) == b""
    assert watch.facts[0].version == version.name.replace("_", ".")
    assert watch.facts[0].server_name == "localhost"
    if engine != "forking":
        assert watch.ends == [("ok", "finished")]


@pytest.mark.parametrize("engine", [*ENGINES, "memory"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_the_handshake_may_come_in_any_pieces(engine: str, handler: Any, server_pair: Any, authority: Any) -> None:
    """A byte at a time, with the first words of the client behind it."""
    context = ssl.create_default_context(cafile=str(authority.file))
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted(engine, handler, plugins=[tls]) as host:
        client = host.connect()
        side = TLSTransform(context, server_side=False, server_hostname="localhost")
        for byte in side.pending():
            client.send(bytes([byte]))
        while not side.established:
            side.feed(client.take(1))
        for byte in side.pending() + side.encode(b"hello\n"):
            client.send(bytes([byte]))
        plain = b""
        while len(plain) < 6:
            plain += side.feed(client.take(1))
        assert plain == b"HELLO\n"
        for byte in side.close():
            client.send(bytes([byte]))
        client.end()
        assert side.feed(client.rest()) == b""
        assert side.ended


@pytest.mark.parametrize("engine", ["multiplexing", "threading"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_hello_is_understood_at_every_split(engine: str, handler: Any, server_pair: Any, authority: Any) -> None:
    """Of its first record."""
    context = ssl.create_default_context(cafile=str(authority.file))
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted(engine, handler, plugins=[tls]) as host:
        length = len(TLSTransform(context, server_side=False, server_hostname="localhost").pending())
        for split in range(1, length, 7 if engine == "threading" else 1):
            client: Any = host.connect()
            side = TLSTransform(context, server_side=False, server_hostname="localhost")
            hello = side.pending()
            client.send(hello[:split])
            client.send(hello[split:])
            while not side.established:
                side.feed(client.socket.recv(65536))
            client.send(side.pending() + side.encode(b"hi\n"))
            plain = b""
            while len(plain) < 3:
                plain += side.feed(client.socket.recv(65536))
            assert plain == b"HI\n"
            client.send(side.close())
            client.end()
            client.rest()


@pytest.mark.parametrize("engine", ENGINES)
def test_tls_in_tls(engine: str, server_pair: Any, authority: Any) -> None:
    """One plugin within another, each with its own handshake."""
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    inner = TLS(certificate=server_pair.certificate, key=server_pair.key)
    context = ssl.create_default_context(cafile=str(authority.file))
    with hosted(engine, Awaiting, plugins={"outer": tls, "inner": inner}) as host:
        client = connect(host, context)
        side = TLSTransform(context, server_side=False, server_hostname="localhost")
        while not side.established:
            client.sendall(side.pending())
            side.feed(client.recv(65536))
        client.sendall(side.pending() + side.encode(b"hello"))
        plain = b""
        while len(plain) < 5:
            plain += side.feed(client.recv(65536))
        assert plain == b"HELLO"
        leave(client)


@pytest.mark.parametrize("engine", ENGINES)
def test_clients_that_are_silent_in_the_handshake_hold_up_nobody(
    engine: str, server_pair: Any, trusting: ssl.SSLContext
) -> None:
    """Nor does one that stops in the middle of it."""
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    queue = {"request_queue_size": 128}
    with hosted(engine, Protocol, plugins=[tls], limits=Limits(layers_timeout=3600), attributes=queue) as host:
        silent = [host.connect() for _ in range(50)]
        for client in silent[::2]:
            client.send(b"\x16\x03\x01\x02\x00\x01\x00")
        for _ in range(3):
            client = connect(host, trusting)
            client.sendall(b"x")
            assert client.recv(1) == b"X"
            leave(client)


def test_a_handshake_that_fails_is_told_by_an_alert_and_is_no_error_of_the_server(server_pair: Any) -> None:
    """Nor is a client that speaks something else."""
    watch = Watch()
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("multiplexing", Protocol, plugins=[tls, watch]) as host:
        client = host.connect()
        client.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")
        assert client.rest()[:1] == b"\x15"  # alert (RFC 8446, section 5.1)
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.rest() == b""
    assert [outcome for outcome, _ in watch.ends] == ["rejected", "rejected"]
    assert watch.ends[1][1] == "the TLS handshake failed: http request"


def test_a_stream_that_is_cut_off_is_the_peers_doing(server_pair: Any, trusting: ssl.SSLContext) -> None:
    """Without close_notify somebody else may have ended it: the handler is not told of an end."""
    watch = Watch()
    seen: list[str] = []

    class Tells(CoroutineHandler):
        async def handle(self) -> None:
            try:
                while await self.connection.read():
                    seen.append("data")
                seen.append("end")
            except Exception as error:
                seen.append(type(error).__name__)
                raise

    # Without a ticket, which it would leave unread: closing would reset.
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("multiplexing", Tells, plugins=[tls, watch]) as host:
        client: Any = host.connect()
        side = TLSTransform(trusting, server_side=False, server_hostname="localhost")
        client.send(side.pending())
        while not side.established:
            side.feed(client.socket.recv(65536))
            client.send(side.pending())
        client.send(side.encode(b"x"))
        client.end()
        client.rest()
    assert seen == ["data", "EndOfStream"]
    assert [outcome for outcome, _ in watch.ends] == ["peer-closed"]


@pytest.mark.parametrize("speaks_at_once", [False, True])
def test_the_first_answer_waits_for_no_acknowledgement(speaks_at_once: bool, server_pair: Any, authority: Any) -> None:
    """Tickets leave at once, or with the answer if the client's first words came with the end of its handshake; and the
    kernel is told not to wait for more (RFC 896)."""
    context = ssl.create_default_context(cafile=str(authority.file))
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("multiplexing", Protocol, plugins=[tls]) as host:
        assert host.server.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client = host.connect()
        side = TLSTransform(context, server_side=False, server_hostname="localhost")
        client.send(side.pending())
        while not side.established:
            side.feed(client.take(1))
        words = side.encode(b"hi")
        finished = side.pending()
        assert finished == b""  # it went with the words
        if speaks_at_once:
            client.send(words)
        else:
            client.send(words[:-1])
            assert client.take(1) == b"\x17"  # a ticket, in a record like any other (RFC 8446, section 5.2)
            return
        plain = b""
        while len(plain) < 2:
            plain += side.feed(client.take(1))
        assert plain == b"HI"
        client.send(side.close())
        client.end()
        client.rest()


def test_a_session_is_resumed(server_pair: Any, trusting: ssl.SSLContext) -> None:
    """The client spares the server the costly half."""
    watch = Watch()
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key)
    with hosted("multiplexing", Protocol, plugins=[tls, watch]) as host:
        first = connect(host, trusting)
        first.sendall(b"x")
        first.recv(1)
        session = first.session
        first.close()
        plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
        with trusting.wrap_socket(plain, server_hostname="localhost", session=session) as second:
            assert second.session_reused
    assert [facts.resumed for facts in watch.facts] == [False, True]


def test_as_a_mixin_it_is_the_same(server_pair: Any, trusting: ssl.SSLContext) -> None:
    """For those who write their servers by hand."""

    class Server(TLSMixIn, ThreadingMixIn, TCPServer):
        tls_certificate = server_pair.certificate
        tls_key = server_pair.key

    with Server(("127.0.0.1", 0), Files) as server:
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        try:
            plain = socket.create_connection(server.server_address, timeout=PATIENCE)
            with trusting.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(b"hello\n")
                assert client.recv(100) == b"HELLO\n"
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


class Upgrading(StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            if line == b"STARTTLS\r\n":
                self.wfile.write(b"go\r\n")
                self.start_tls()
            else:
                self.wfile.write(line.upper())


class UpgradingProtocol(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        if data.startswith(b"STARTTLS\r\n"):
            self.start_tls(data[10:])
            return b"go\r\n"
        return data.upper()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Upgrading, UpgradingProtocol])
def test_a_handler_encrypts_in_mid_connection(
    engine: str, handler: Any, server_pair: Any, trusting: ssl.SSLContext
) -> None:
    """In clear before, verified and encrypted after."""
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key, upgrade=True)
    with hosted(engine, handler, plugins=[tls]) as host:
        plain = socket.create_connection(host.server.server_address, timeout=PATIENCE)
        plain.sendall(b"one\r\n")
        assert plain.recv(100) == b"ONE\r\n"
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(4) == b"go\r\n"
        with trusting.wrap_socket(plain, server_hostname="localhost") as client:
            client.sendall(b"two\r\n")
            assert client.recv(100) == b"TWO\r\n"
            leave(client)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Upgrading, UpgradingProtocol])
def test_a_command_injected_before_the_handshake_breaks_it(engine: str, handler: Any, server_pair: Any) -> None:
    """`STARTTLS`, a command and a ClientHello in one segment: the command is never obeyed."""
    tls = TLS(certificate=server_pair.certificate, key=server_pair.key, upgrade=True)
    hello = TLSTransform(ssl.create_default_context(), server_side=False, server_hostname="localhost").pending()
    with hosted(engine, handler, plugins=[tls]) as host:
        client = host.connect()
        client.send(b"STARTTLS\r\nRSET\r\n" + hello)
        assert client.take(4) == b"go\r\n"
        try:
            rest = client.rest()
        except ConnectionResetError:
            rest = b""
        assert b"RSET" not in rest
        assert rest[:1] in (b"", b"\x15")
