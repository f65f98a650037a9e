"""RPC with TLS (RFC 9289): both sides of plugserve-sunrpc through plugserve-tls, and a client that is neither."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from serving import Certificates

from plugserve import PlugserveError, ProtocolError
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_sunrpc import (
    AsyncRPCClient,
    AuthenticationRefused,
    ClientSys,
    ClientTLS,
    ConnectionLost,
    RPCClient,
    TLSRefused,
    load,
    rpc_handler,
)
from plugserve_tls import TLS

PATIENCE = 20
DESCRIPTION = """
typedef string text<>;
typedef opaque data<>;
program WHO_PROG {
    version WHO_V1 {
        text WHO_AM_I(void) = 1;
        data WHO_ECHO(data) = 2;
    } = 1;
} = 0x20000077;
"""
# The NULL call with AUTH_TLS, by hand (RFC 5531, sections 9 and 11; RFC 9289, section 4.1): the record's mark, xid,
# CALL, RPC version 2, program, version, procedure 0, flavour 7 with no body, AUTH_NONE.
PROBE = bytes.fromhex(
    "80000028 00000005 00000000 00000002 20000077 00000001 00000000 00000007 00000000 0000000000000000"
)
# REPLY, MSG_ACCEPTED, AUTH_NONE with the eight bytes STARTTLS, SUCCESS.
OFFER = bytes.fromhex("80000020 00000005 00000001 00000000 00000000 00000008") + b"STARTTLS" + bytes(4)


@pytest.fixture(scope="module")
def x(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The program, compiled."""
    file = tmp_path_factory.mktemp("rpc") / "who.x"
    file.write_text(DESCRIPTION)
    return load(file, name="who_compiled")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of the server, and who signs."""
    if shutil.which("openssl") is None:
        words = "needs the package openssl"
        pytest.fail(words) if os.environ.get("CI") == "true" else pytest.skip(words)
    return Certificates(tmp_path_factory.mktemp("rpc-tls"))


@pytest.fixture(scope="module")
def machine(certificates: Certificates) -> tuple[Path, Path]:
    """The certificate and key of a client."""
    return certificates.for_client("machine.test")


def service(x: Any) -> Any:
    """A handler for the program."""

    class Who(x.WHO_V1Server):  # type: ignore[misc]  # compiled as the test runs
        def who_am_i(self, call: Any) -> bytes:
            return b"nobody" if call.identity is None else f"{call.identity.method} {call.identity}".encode()

        def who_echo(self, call: Any, data: bytes) -> bytes:
            return data

    return rpc_handler(Who())


def encrypting(certificates: Certificates, **options: Any) -> TLS:
    """The plugin, as RPC needs it."""
    return TLS(
        certificate=certificates.certificate, key=certificates.key, upgrade=True, **{"alpn": ("sunrpc",), **options}
    )


def trusting(certificates: Certificates) -> ssl.SSLContext:
    """What a client knows."""
    return ssl.create_default_context(cafile=str(certificates.trusted))


def address_of(host: Any) -> str:
    """Where it listens, by the name that its certificate has."""
    return f"tcp://localhost:{host.server.server_address[1]}"


def ask(way: str, address: str, x: Any, data: bytes, **options: Any) -> tuple[bytes, bytes]:
    """Who we are, and an echo, by one of the two clients."""
    if way == "blocking":
        with RPCClient(address, timeout=PATIENCE, **options) as client:
            stub = client.stub(x.WHO_V1Client)
            return stub.who_am_i(), stub.who_echo(data)

    async def both() -> tuple[bytes, bytes]:
        async with AsyncRPCClient(address, timeout=PATIENCE, **options) as client:
            stub = client.stub(x.WHO_V1AsyncClient)
            return await stub.who_am_i(), await stub.who_echo(data)

    return asyncio.run(both())


WAYS = ["blocking", "asyncio"]
ON_WIRES = [name for name in STREAM_ENGINES if name != "memory"]


@pytest.mark.parametrize("engine", ON_WIRES)
@pytest.mark.parametrize("way", WAYS)
def test_calls_go_through_tls_once_it_was_asked_for(engine: str, way: str, x: Any, certificates: Certificates) -> None:
    """Short and long ones, where nothing else is taken."""
    handler, data = service(x), os.urandom(200_000)
    options = handler.Options(require_tls=True)
    with hosted(engine, handler, plugins=[encrypting(certificates)], options=options) as host:
        tls = ClientTLS(trusting(certificates))
        assert ask(way, address_of(host), x, data, tls=tls) == (b"nobody", data)


@pytest.mark.parametrize("engine", ON_WIRES)
@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_and_auth_sys_are_both_known_inside(
    engine: str, way: str, x: Any, certificates: Certificates, machine: tuple[Path, Path]
) -> None:
    """AUTH_NONE: the machine that the certificate names (RFC 9289, section 4.2); AUTH_SYS: the user there."""
    mine = trusting(certificates)
    mine.load_cert_chain(*machine)
    handler = service(x)
    tls = encrypting(certificates, client_certificates="required", client_ca=certificates.trusted)
    with hosted(engine, handler, plugins=[tls]) as host:
        assert ask(way, address_of(host), x, b"", tls=ClientTLS(mine))[0] == b"tls machine.test"
        assert ask(way, address_of(host), x, b"", tls=ClientTLS(mine), auth=ClientSys(7, 7, ()))[0] == b"auth-sys 7"
        with pytest.raises((ssl.SSLError, ConnectionLost)):
            ask(way, address_of(host), x, b"", tls=ClientTLS(trusting(certificates)))


@pytest.mark.parametrize("way", WAYS)
def test_a_call_in_clear_is_too_weak_where_tls_is_required(way: str, x: Any, certificates: Certificates) -> None:
    """AUTH_TOOWEAK; and a service that could not serve anybody does not start."""
    handler = service(x)
    options = handler.Options(require_tls=True)
    with (
        hosted("multiplexing", handler, plugins=[encrypting(certificates)], options=options) as host,
        pytest.raises(AuthenticationRefused, match="AUTH_TOOWEAK"),
    ):
        ask(way, address_of(host), x, b"")
    for datagrams, words in ((False, "needs a plugin that encrypts"), (True, "needs tcp")):
        with (
            pytest.raises(PlugserveError, match=f"require-tls {words}"),
            hosted("multiplexing", handler, options=options, datagrams=datagrams),
        ):
            pytest.fail("it must not start")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_without_tls_is_refused_unless_clear_will_do(way: str, x: Any, certificates: Certificates) -> None:
    """Nothing is called there. Opportunistic clients go on in clear, with the same connection."""
    with hosted("multiplexing", service(x)) as host:
        with pytest.raises(TLSRefused, match="does not offer TLS"):
            ask(way, address_of(host), x, b"", tls=ClientTLS(trusting(certificates)))
        tls = ClientTLS(trusting(certificates), required=False)
        assert ask(way, address_of(host), x, b"data", tls=tls) == (b"nobody", b"data")


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_somebody_else_is_refused(way: str, x: Any, certificates: Certificates) -> None:
    """By its certificate, by its name, and by what it speaks inside (RFC 9289, section 5)."""
    with hosted("multiplexing", service(x), plugins=[encrypting(certificates)]) as host:
        for tls in (
            ClientTLS(ssl.create_default_context()),
            ClientTLS(trusting(certificates), server_name="other.test"),
        ):
            with pytest.raises(ssl.SSLCertVerificationError):
                ask(way, address_of(host), x, b"", tls=tls)
    handler = service(x)
    options = handler.Options(require_alpn=False)
    with hosted("multiplexing", handler, plugins=[encrypting(certificates, alpn=())], options=options) as host:
        with pytest.raises(TLSRefused, match="has not agreed to speak 'sunrpc'"):
            ask(way, address_of(host), x, b"", tls=ClientTLS(trusting(certificates)))
        tls = ClientTLS(trusting(certificates), require_alpn=False)
        assert ask(way, address_of(host), x, b"data", tls=tls) == (b"nobody", b"data")


def test_a_service_that_agrees_on_nothing_inside_does_not_start(x: Any, certificates: Certificates) -> None:
    """Where it would refuse everybody."""
    with (
        pytest.raises(PlugserveError, match=r"add alpn = \[\"sunrpc\"\] to the plugin"),
        hosted("multiplexing", service(x), plugins=[encrypting(certificates, alpn=("http/1.1",))]),
    ):
        pytest.fail("it must not start")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_speaks_nothing_older_than_tls_1_3(way: str, x: Any, certificates: Certificates) -> None:
    """RFC 9289, section 5. A context that could not is refused at once, a server that cannot in the handshake."""
    old = trusting(certificates)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(PlugserveError, match=r"needs TLS 1\.3 .* speaks TLSv1_2 at the most"):
        ClientTLS(old)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(OFFER[:4] + client.recv(1000)[4:8] + OFFER[8:])
                with pytest.raises(ssl.SSLError), context.wrap_socket(client, server_side=True):
                    pytest.fail("it must not succeed")

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"tcp://localhost:{listener.getsockname()[1]}"
        with pytest.raises((ssl.SSLError, ConnectionLost)):
            ask(way, address, x, b"", tls=ClientTLS(trusting(certificates)))
        thread.join(PATIENCE)


class Raw:
    """A client that knows only the bytes: the question, its answer, and the standard library's TLS.

    Parameters:
        host: the server.
        context: the client's.
    """

    def __init__(self, host: Any, context: ssl.SSLContext) -> None:
        plain = host.connect().socket
        plain.sendall(PROBE)
        assert exactly(plain, len(OFFER)) == OFFER
        self.socket = context.wrap_socket(plain, server_hostname="localhost")

    def ask(self, call: bytes) -> bytes:
        """A reply; empty if the server has ended the connection instead."""
        with self.socket as client:
            try:
                client.sendall(call)
                mark = exactly(client, 4)
                return mark + exactly(client, int.from_bytes(mark) & 0x7FFF_FFFF)
            except OSError:
                return b""


def exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


WHO = PROBE[:24] + (1).to_bytes(4) + bytes(16)
NOBODY = bytes.fromhex("80000024 00000005 00000001") + bytes(16) + b"\0\0\0\6nobody\0\0"


@pytest.mark.parametrize("engine", ON_WIRES)
def test_a_client_that_agrees_on_something_else_inside_is_refused(
    engine: str, x: Any, certificates: Certificates, no_drift: list[str]
) -> None:
    """On nothing, or on another protocol: it may have been led here (RFC 9289, section 5; RFC 7301, section 5)."""
    with hosted(engine, service(x), plugins=[encrypting(certificates, alpn=("sunrpc", "http/1.1"))]) as host:
        for protocols, expected in (([], b""), (["http/1.1"], b""), (["http/1.1", "sunrpc"], NOBODY)):
            context = trusting(certificates)
            if protocols:
                context.set_alpn_protocols(protocols)
            assert Raw(host, context).ask(WHO) == expected
    no_drift.clear()


def test_a_client_that_agrees_on_nothing_is_served_where_the_option_says_so(x: Any, certificates: Certificates) -> None:
    """As Linux's once did."""
    handler = service(x)
    options = handler.Options(require_alpn=False, require_tls=True)
    with hosted("multiplexing", handler, plugins=[encrypting(certificates)], options=options) as host:
        assert Raw(host, trusting(certificates)).ask(WHO) == NOBODY


def test_a_client_that_negotiates_tls_1_2_is_refused(x: Any, certificates: Certificates, no_drift: list[str]) -> None:
    """RFC 9289, section 5, whatever the plugin allows."""
    with hosted("multiplexing", service(x), plugins=[encrypting(certificates)]) as host:
        context = trusting(certificates)
        context.set_alpn_protocols(["sunrpc"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert Raw(host, context).ask(WHO) == b""
    no_drift.clear()


@pytest.mark.parametrize("engine", ON_WIRES)
@pytest.mark.parametrize(
    "more",
    [WHO, PROBE, b"\x80", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"],
    ids=["call", "probe", "byte", "http", "hello"],
)
@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
def test_what_a_client_sends_in_clear_behind_its_question_is_never_answered(
    engine: str, more: bytes, together: bool, x: Any, certificates: Certificates, no_drift: list[str]
) -> None:
    """It is dropped, and so is the connection (RFC 9289, section 5.1.1): with an alert at most, and with no reply."""
    with hosted(engine, service(x), plugins=[encrypting(certificates)]) as host:
        connected: Any = host.connect()
        client = connected.socket
        if together:
            client.sendall(PROBE + more)
        else:
            client.sendall(PROBE)
            assert exactly(client, len(OFFER)) == OFFER
            client.sendall(more)
        client.shutdown(socket.SHUT_WR)
        try:
            answer = exactly(client, 10_000)
        except ConnectionResetError:
            answer = b""
        assert answer == b"" or (not together and answer[:1] == b"\x15" and len(answer) == 7)
    no_drift.clear()


@contextmanager
def answering(*replies: bytes) -> Iterator[str]:
    """A server that answers each connection's first bytes with the next of these, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for reply in replies:
                client, _ = listener.accept()
                with client:
                    question = client.recv(1000)
                    client.sendall(reply[:4] + question[4:8] + reply[8:])
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1000):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"tcp://localhost:{listener.getsockname()[1]}"
        finally:
            thread.join(PATIENCE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("more", [b"\x80", OFFER, b"\x16\x03\x03\x00\x01\x00"])
def test_what_stands_in_clear_behind_the_offer_is_never_taken(
    way: str, more: bytes, x: Any, certificates: Certificates
) -> None:
    """It may be somebody's who wants it to look as if it had come through TLS."""
    with answering(OFFER + more) as address, pytest.raises((ProtocolError, ConnectionLost, ssl.SSLError)):
        ask(way, address, x, b"", tls=ClientTLS(trusting(certificates)))


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_ends_at_any_byte_of_the_offer_is_lost(way: str, x: Any, certificates: Certificates) -> None:
    """And nobody waits for it."""
    tls = ClientTLS(trusting(certificates))
    cuts = range(8, len(OFFER) + 1, 7)
    with answering(*(OFFER[:cut] for cut in cuts)) as address:
        for _ in cuts:
            with pytest.raises((ConnectionLost, ssl.SSLError)):
                ask(way, address, x, b"", tls=tls)


def test_the_time_of_a_call_holds_for_all_of_the_question_and_the_handshake(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers byte by byte does not get its own time for each."""
    now = 100.0
    monkeypatch.setattr("plugserve_sunrpc.client_tls.monotonic", lambda: now)
    waited: list[float] = []

    class Dripping:
        """A server's answer, a byte a second, and then the handshake's, which never ends."""

        rest = OFFER[:4] + (9).to_bytes(4) + OFFER[8:] + b"\x16\x03\x03\x40\x00"

        def sendall(self, data: bytes) -> None:
            """Nobody reads it."""

        def settimeout(self, seconds: float) -> None:
            waited.append(seconds)

        def recv(self, size: int) -> bytes:
            nonlocal now
            now += 1
            data, self.rest = self.rest[:1], self.rest[1:]
            return data or b"\0"

    tls, sock = ClientTLS(trusting(certificates)), cast("socket.socket", Dripping())
    for limit in (10, 60):
        waited.clear()
        begun = now
        with pytest.raises(TimeoutError):
            tls.secure(sock, 9, 1, 1, "localhost", "it", now + limit)
        assert now == begun + limit
        assert waited[-1] == 1
        assert waited == sorted(waited, reverse=True)
        sock = cast("socket.socket", Dripping())


@pytest.mark.parametrize("more", [b"\x80", OFFER], ids=["byte", "record"])
def test_the_asynchronous_client_says_that_something_stood_behind_the_offer(
    more: bytes, x: Any, certificates: Certificates
) -> None:
    """Also a whole record, which would be nobody's reply."""
    with answering(OFFER + more) as address, pytest.raises(ProtocolError, match="something in clear came behind"):
        ask("asyncio", address, x, b"", tls=ClientTLS(trusting(certificates), required=False))


@pytest.mark.parametrize("way", WAYS)
def test_tls_is_for_tcp(way: str, certificates: Certificates) -> None:
    """A datagram's is another protocol (DTLS), which is not here."""
    kind: Any = RPCClient if way == "blocking" else AsyncRPCClient
    with pytest.raises(PlugserveError, match=r"TLS is for tcp://"):
        kind("udp://localhost:1", tls=ClientTLS(trusting(certificates)))


@pytest.mark.parametrize("engine", ON_WIRES)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_client_that_knows_only_the_bytes_is_served(
    engine: str, size: int, x: Any, certificates: Certificates
) -> None:
    """The standard library's TLS, and calls by hand, in pieces of any size."""
    with hosted(engine, service(x), plugins=[encrypting(certificates)]) as host:
        connected: Any = host.connect()
        plain = connected.socket
        for start in range(0, len(PROBE), size):
            plain.send(PROBE[start : start + size])
        assert exactly(plain, len(OFFER)) == OFFER
        context = trusting(certificates)
        context.set_alpn_protocols(["sunrpc"])
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == "sunrpc"
            # Procedure 1 with AUTH_NONE; and a second question, which is refused (AUTH_ERROR, AUTH_BADCRED).
            for data, expected in (
                (WHO, NOBODY),
                (PROBE, bytes.fromhex("80000014 00000005 00000001 00000001 00000001 00000001")),
            ):
                for start in range(0, len(data), size):
                    client.sendall(data[start : start + size])
                assert exactly(client, len(expected)) == expected


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_that_the_server_has_ended_is_made_anew_and_encrypted_again(
    way: str, x: Any, certificates: Certificates
) -> None:
    """Before the next call, so that none is lost."""
    tls = ClientTLS(trusting(certificates))
    if way == "asyncio":
        handler = service(x)
        options = handler.Options(require_tls=True)

        async def twice(host: Any) -> bytes:
            async with AsyncRPCClient(address_of(host), timeout=PATIENCE, tls=tls) as client:
                stub = client.stub(x.WHO_V1AsyncClient)
                assert await stub.who_am_i() == b"nobody"
                before: Any = client._wire
                [request] = host.server._core_requests.values()
                request.end_input()
                await before.gone.wait()
                again: bytes = await stub.who_echo(b"again")
                assert client._wire is not before
                return again

        with hosted("multiplexing", handler, plugins=[encrypting(certificates)], options=options) as host:
            assert asyncio.run(twice(host)) == b"again"
        return
    with (
        hosted("multiplexing", service(x), plugins=[encrypting(certificates)]) as host,
        RPCClient(address_of(host), timeout=PATIENCE, tls=tls) as client,
    ):
        stub = client.stub(x.WHO_V1Client)
        assert stub.who_am_i() == b"nobody"
        [request] = host.server._core_requests.values()
        before = client._socket
        request.end_input()
        while host.server.requests():
            os.sched_yield()
        assert stub.who_echo(b"again") == b"again"
        assert client._socket is not before


def test_threads_share_one_encrypted_connection(x: Any, certificates: Certificates) -> None:
    """One sends while another receives."""
    tls, wrong = ClientTLS(trusting(certificates)), []
    with (
        hosted("multiplexing", service(x), plugins=[encrypting(certificates)]) as host,
        RPCClient(address_of(host), timeout=PATIENCE, tls=tls) as client,
    ):
        stub = client.stub(x.WHO_V1Client)

        def call(number: int) -> None:
            for size in range(0, 60_000, 6_000):
                data = bytes([number]) * size
                if stub.who_echo(data) != data:
                    wrong.append(size)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert wrong == []
