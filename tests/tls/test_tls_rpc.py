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
from typing import Any

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


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_and_auth_sys_are_both_known_inside(way: str, x: Any, certificates: Certificates) -> None:
    """AUTH_NONE: the machine that the certificate names (RFC 9289, section 4.2); AUTH_SYS: the user there."""
    mine = trusting(certificates)
    mine.load_cert_chain(*certificates.for_client("machine.test"))
    handler = service(x)
    tls = encrypting(certificates, client_certificates="required", client_ca=certificates.trusted)
    with hosted("multiplexing", handler, plugins=[tls]) as host:
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
    with (
        hosted("multiplexing", service(x), plugins=[encrypting(certificates, alpn=())]) as host,
        pytest.raises(TLSRefused, match="has not agreed to speak 'sunrpc'"),
    ):
        ask(way, address_of(host), x, b"", tls=ClientTLS(trusting(certificates)))


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
        plain = host.connect().socket
        for start in range(0, len(PROBE), size):
            plain.send(PROBE[start : start + size])
        answer = b""
        while len(answer) < len(OFFER):
            answer += plain.recv(len(OFFER) - len(answer))
        assert answer == OFFER
        context = trusting(certificates)
        context.set_alpn_protocols(["sunrpc"])
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            assert client.selected_alpn_protocol() == "sunrpc"
            # Procedure 1 with AUTH_NONE; and a second question, which is refused (AUTH_ERROR, AUTH_BADCRED).
            call = PROBE[:24] + (1).to_bytes(4) + bytes(16)
            for data, expected in (
                (call, bytes.fromhex("80000024 00000005 00000001") + bytes(16) + b"\0\0\0\6nobody\0\0"),
                (PROBE, bytes.fromhex("80000014 00000005 00000001 00000001 00000001 00000001")),
            ):
                for start in range(0, len(data), size):
                    client.sendall(data[start : start + size])
                answer = b""
                while len(answer) < len(expected):
                    answer += client.recv(len(expected) - len(answer))
                assert answer == expected


def test_a_connection_that_the_server_has_ended_is_made_anew_and_encrypted_again(
    x: Any, certificates: Certificates
) -> None:
    """Before the next call, so that none is lost."""
    tls = ClientTLS(trusting(certificates))
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
