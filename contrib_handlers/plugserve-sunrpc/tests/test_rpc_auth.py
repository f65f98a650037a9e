from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpc_oracle import ECHO, NUMBER, WHO, Oracle, X, blob, call

from plugserve import ConfigurationError, Identity, MultiplexingUnixStreamServer, ProtocolError, hookimpl
from plugserve.ancillary import PeerCredentials
from plugserve.testing import STREAM_ENGINES, ToyCipher, hosted
from plugserve_sunrpc import (
    AsyncRPCClient,
    AuthenticationRefused,
    ClientSys,
    RPCClient,
    RPCHandler,
    SysCredential,
    rpc_handler,
)
from plugserve_sunrpc.auth import STARTTLS, Authenticated, AuthenticationFailed, AuthSys, Flavour
from plugserve_sunrpc.message import (
    Accepted,
    AcceptStatus,
    AuthStatus,
    CallMessage,
    Denied,
    FlavourNumber,
    OpaqueAuth,
    RejectStatus,
    decode_reply,
    encode_accepted,
    encode_auth_error,
    encode_call,
    encode_program_mismatch,
    encode_success,
)
from plugserve_sunrpc.program import Call
from plugserve_sunrpc.record import encode_record
from plugserve_sunrpc.xdr import Unpacker

ANN = SysCredential(7, b"ann.example", 1000, 100, (100, 4, 0))
ROOT = SysCredential(7, b"box.example", 0, 0, (0, 10))


class Peer:
    """What a flavour asks of a handler."""

    is_stream = True
    connection_identity = None

    def __init__(self, address: Any = ("192.0.2.1", 900)) -> None:
        self.client_address = address
        self.context: Any = None
        self.connection: Any = None


def who(
    credential: OpaqueAuth, *, address: Any = ("192.0.2.1", 900), verifier: OpaqueAuth | None = None, **options: Any
) -> Any:
    """What a server with these options says to the question who calls: the text, or the status of a refusal."""
    more: dict[str, Any] = {} if verifier is None else {"verifier": verifier}
    kind = rpc_handler(Oracle())
    handler = kind.for_test(options=kind.Options(**options))
    handler.client_address = address
    data = handler.receive(encode_record(call(WHO, credential=credential, **more)))
    assert data is not None
    reply = decode_reply(data[4:])
    if isinstance(reply, Denied):
        assert reply.status is RejectStatus.AUTH_ERROR
        return reply.auth
    return reply.results[4:].rstrip(b"\0").decode()


def test_auth_sys_says_who_calls() -> None:
    """Root is nobody, unless squashing is off; with all, everybody is."""
    assert who(ANN.encode()) == "auth-sys 1000 ['100', '4', '65534']"
    assert who(ROOT.encode()) == "auth-sys 65534 ['10', '65534']"
    assert who(ROOT.encode(), squash="none") == "auth-sys 0 ['0', '10']"
    assert who(ANN.encode(), squash="all", anonymous_uid=99, anonymous_gid=98) == "auth-sys 99 ['98']"
    assert who(OpaqueAuth(0, b"")) == "nobody"


def test_the_identity_has_the_numbers_after_squashing() -> None:
    """In its claims, for those who check modes of files."""
    identity = AuthSys(anonymous_uid=77, anonymous_gid=78).identity(ROOT)
    assert identity == Identity("77", "auth-sys", frozenset({"78", "10"}))
    assert identity.claims == {"uid": 77, "gid": 78, "gids": (78, 10), "machine": "box.example"}


def test_the_number_of_nobody_is_never_a_user() -> None:
    """chown(2) takes -1 for "leave it as it is": so a file that is made as root for this user would stay root's."""
    nobody = 0xFFFF_FFFF
    said = SysCredential(0, b"", nobody, nobody, (nobody, 0, 5))
    assert who(said.encode()) == "auth-sys 65534 ['5', '65534']"
    assert who(said.encode(), squash="none") == "auth-sys 65534 ['0', '5', '65534']"
    assert who(said.encode(), squash="all", anonymous_uid=99, anonymous_gid=98) == "auth-sys 99 ['98']"
    for option in ("anonymous_uid", "anonymous_gid"):
        options: dict[str, Any] = {option: nobody}
        with pytest.raises(ConfigurationError, match="give a number from 0 to 4294967294"):
            RPCHandler.Options(**options)


def test_a_privileged_port_is_asked_for_where_the_option_says_so() -> None:
    """Of callers of the network."""
    assert who(ANN.encode(), privileged_port=True, address=("192.0.2.1", 1023)).startswith("auth-sys 1000")
    for port in (1024, 40000):
        refused = who(ANN.encode(), privileged_port=True, address=("192.0.2.1", port))
        assert refused is AuthStatus.AUTH_TOOWEAK
        assert who(ANN.encode(), address=("192.0.2.1", port)).startswith("auth-sys 1000")


@pytest.mark.parametrize("address", [("192.0.2.1", 0), "/run/client.sock", "", b"\0abstract", None])
def test_whom_nobody_vouches_for_has_no_privileged_port(address: Any) -> None:
    """A proxy may tell the port 0, or a Unix path of its own: neither is root's word."""
    assert who(ANN.encode(), privileged_port=True, address=address) is AuthStatus.AUTH_TOOWEAK
    assert who(ANN.encode(), address=address).startswith("auth-sys 1000")


@pytest.mark.parametrize("uid", [0, 1000, 33])
def test_what_the_kernel_says_of_a_proxy_is_not_its_clients(uid: int) -> None:
    """So it neither vouches for the client nor contradicts him."""
    for address, privileged, status in (
        ("", True, None if uid in (0, 1000) else AuthStatus.AUTH_REJECTEDCRED),
        ("/run/client.sock", True, AuthStatus.AUTH_TOOWEAK),
        ("/run/client.sock", False, None),
    ):
        peer = Peer(address)
        peer.context = SimpleNamespace(peer_address="", peer_credentials=PeerCredentials(1, uid, 100))
        peer.connection = SimpleNamespace(request=None)
        message = CallMessage(1, NUMBER, 1, WHO, ANN.encode(), OpaqueAuth(0, b""), b"")
        found = None
        try:
            AuthSys(privileged_port=privileged).authenticate(message, Call(NUMBER, 1, WHO, handler=peer), b"")
        except AuthenticationFailed as failure:
            found = failure.status
        assert found is status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        ANN.encode().body[:-1],
        ANN.encode().body + b"\0\0\0\0",
        bytes(4) + b"\0\0\1\0" + bytes(256) + bytes(12),  # a name of 256 bytes
        bytes(16) + b"\0\0\0\x11" + bytes(68),  # 17 groups
        bytes(16) + b"\x80\0\0\0",
        bytes(4) + b"\0\0\0\1a\0\0\1" + bytes(12),  # fill bytes
    ],
)
def test_a_malformed_credential_of_auth_sys_is_refused(body: bytes) -> None:
    """AUTH_BADCRED."""
    assert who(OpaqueAuth(1, body)) is AuthStatus.AUTH_BADCRED


def test_auth_sys_and_auth_none_have_no_other_bodies() -> None:
    """A verifier with AUTH_SYS, a body with AUTH_NONE."""
    assert who(ANN.encode(), verifier=OpaqueAuth(1, b"")) is AuthStatus.AUTH_BADVERF
    assert who(ANN.encode(), verifier=OpaqueAuth(0, b"four")) is AuthStatus.AUTH_BADVERF
    assert who(OpaqueAuth(0, b"four")) is AuthStatus.AUTH_BADCRED


@given(st.binary(max_size=400))
def test_any_credential_is_an_identity_or_a_refusal(body: bytes) -> None:
    """Nothing else ever."""
    message = CallMessage(1, NUMBER, 1, WHO, OpaqueAuth(1, body), OpaqueAuth(0, b""), b"")
    status = None
    try:
        AuthSys().authenticate(message, Call(NUMBER, 1, WHO), b"")
    except AuthenticationFailed as failure:
        status = failure.status
    assert status in (None, AuthStatus.AUTH_BADCRED)


@given(
    st.builds(
        SysCredential,
        st.integers(0, 2**32 - 1),
        st.binary(max_size=255),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.lists(st.integers(0, 2**32 - 1), max_size=16).map(tuple),
    )
)
def test_a_credential_comes_back_as_it_was(said: SysCredential) -> None:
    """And is never longer than 400 bytes."""
    encoded = said.encode()
    assert SysCredential.decode(encoded.body) == said
    assert len(encoded.body) <= 400


def test_a_listener_takes_the_flavours_that_it_names() -> None:
    """A known one is too weak, an unknown one is refused; procedure 0 needs none."""
    assert who(OpaqueAuth(0, b""), flavours=("sys",)) is AuthStatus.AUTH_TOOWEAK
    assert who(ANN.encode(), flavours=("none",)) is AuthStatus.AUTH_TOOWEAK
    assert who(OpaqueAuth(390_000, b"")) is AuthStatus.AUTH_REJECTEDCRED
    kind = rpc_handler(Oracle())
    handler = kind.for_test(options=kind.Options(flavours=("sys",)))
    assert handler.receive(encode_record(call(0))) == encode_record(encode_success(1))


def test_authentication_comes_before_the_question_which_programs_there_are() -> None:
    """A stranger learns nothing."""
    kind = rpc_handler(Oracle())
    handler = kind.for_test(options=kind.Options(flavours=("sys",)))
    handler.client_address = ("192.0.2.1", 900)
    denied = encode_record(encode_auth_error(1, AuthStatus.AUTH_TOOWEAK))
    for version in (1, 2):
        assert handler.receive(encode_record(call(77, version=version))) == denied


def test_a_procedure_may_ask_for_a_stronger_credential() -> None:
    """By raising it."""

    class Picky(Oracle):
        def oracle_echo(self, call: Call, data: bytes) -> bytes:
            raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK)

    handler = rpc_handler(Picky()).for_test()
    answer = handler.receive(encode_record(call(ECHO, blob(b""))))
    assert answer == encode_record(encode_auth_error(1, AuthStatus.AUTH_TOOWEAK))


def test_a_handle_stands_for_the_credential_of_its_client_only() -> None:
    """AUTH_SHORT; whoever else comes with it, and an unknown one, is refused."""
    flavour = AuthSys(short=True)
    assert flavour.short is not None
    none = OpaqueAuth(0, b"")

    def asked(credential: OpaqueAuth, address: Any, by: Flavour) -> Authenticated:
        message = CallMessage(1, NUMBER, 1, WHO, credential, none, b"")
        return by.authenticate(message, Call(NUMBER, 1, WHO, handler=Peer(address)), b"")

    first = asked(ANN.encode(), ("192.0.2.1", 900), flavour)
    assert first.verifier.flavour == FlavourNumber.AUTH_SHORT
    assert asked(ANN.encode(), ("192.0.2.1", 901), flavour).verifier == first.verifier
    again = asked(first.verifier, ("192.0.2.1", 902), flavour.short)
    assert again.identity == first.identity
    for credential, address in ((first.verifier, ("192.0.2.2", 900)), (OpaqueAuth(2, b"x"), ("192.0.2.1", 900))):
        with pytest.raises(AuthenticationFailed) as caught:
            asked(credential, address, flavour.short)
        assert caught.value.status is AuthStatus.AUTH_REJECTEDCRED


def asked(credential: OpaqueAuth, by: Flavour, address: Any = ("192.0.2.1", 900)) -> Authenticated:
    """What a flavour makes of a credential."""
    message = CallMessage(1, NUMBER, 1, WHO, credential, OpaqueAuth(0, b""), b"")
    return by.authenticate(message, Call(NUMBER, 1, WHO, handler=Peer(address)), b"")


def test_a_handle_stands_for_all_of_a_credential_but_its_stamp() -> None:
    """So nobody is shown as calling from another machine, or in other groups; a new stamp makes no new handle."""
    flavour = AuthSys(short=True)
    assert flavour.short is not None
    first = asked(ANN.encode(), flavour).verifier
    assert asked(replace(ANN, stamp=8).encode(), flavour).verifier == first
    for other in (replace(ANN, machine=b"bob.example"), replace(ANN, gids=(100,)), replace(ANN, gid=4)):
        handle = asked(other.encode(), flavour).verifier
        assert handle != first
        assert asked(handle, flavour.short).identity == flavour.identity(other)
        assert asked(handle, flavour.short).identity.claims["machine"] == other.machine.decode()  # type: ignore[union-attr]


def test_a_handle_spares_nobody_the_rules() -> None:
    """The port is looked at with each call, and a link-local address is a machine's on its own link only."""
    flavour = AuthSys(short=True, privileged_port=True)
    assert flavour.short is not None
    handle = asked(ANN.encode(), flavour, ("fe80::1", 900, 0, 2)).verifier
    assert asked(handle, flavour.short, ("fe80::1", 901, 0, 2)).identity is not None
    for address, status in (
        (("fe80::1", 1024, 0, 2), AuthStatus.AUTH_TOOWEAK),
        (("fe80::1", 900, 0, 3), AuthStatus.AUTH_REJECTEDCRED),
    ):
        with pytest.raises(AuthenticationFailed) as caught:
            asked(handle, flavour.short, address)
        assert caught.value.status is status
    message = CallMessage(1, NUMBER, 1, WHO, handle, OpaqueAuth(1, b"four"), b"")
    with pytest.raises(AuthenticationFailed) as caught:
        flavour.short.authenticate(message, Call(NUMBER, 1, WHO, handler=Peer(("fe80::1", 900, 0, 2))), b"")
    assert caught.value.status is AuthStatus.AUTH_BADVERF


def test_handles_are_bounded() -> None:
    """However many machines say that they are however many users."""
    flavour = AuthSys(short=True)
    assert flavour.short is not None
    for uid in range(3000):
        call = Call(NUMBER, 1, WHO, handler=Peer())
        message = CallMessage(1, NUMBER, 1, WHO, SysCredential(0, b"", uid, 1).encode(), OpaqueAuth(0, b""), b"")
        flavour.authenticate(message, call, b"")
    assert len(flavour.short._handles._items) <= 1024
    assert len(flavour.short._by_credential._items) <= 1024
    assert len(flavour._identities._items) <= 1024


def test_the_client_uses_a_handle_and_goes_back_when_it_is_forgotten() -> None:
    """Without the caller's knowing."""
    handler = rpc_handler(Oracle())
    options = handler.Options(short=True)
    with hosted("multiplexing", handler, options=options) as host:
        server: Any = host.server
        auth = ClientSys(1000, 100, (), "ann.example")
        with RPCClient(f"tcp://127.0.0.1:{server.server_address[1]}", auth=auth) as client:
            oracle = client.stub(X.ORACLE_V1Client)
            assert oracle.oracle_who() == b"auth-sys 1000 ['100']"
            assert auth.credential()[0].flavour == FlavourNumber.AUTH_SHORT
            assert oracle.oracle_who() == b"auth-sys 1000 ['100']"
            short: Any = options.by_number[2]
            short._handles._items.clear()
            assert oracle.oracle_who() == b"auth-sys 1000 ['100']"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_calls_that_were_in_flight_with_a_forgotten_handle_are_all_made_again(asynchronous: bool) -> None:
    """Not only the one whose refusal comes first."""
    handler = rpc_handler(Oracle())
    options = handler.Options(short=True)
    with hosted("multiplexing", handler, options=options) as host:
        server: Any = host.server
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        auth = ClientSys(1000, 100, (), "ann.example")
        short: Any = options.by_number[2]
        expected = b"auth-sys 1000 ['100']"
        if asynchronous:

            async def all_at_once() -> None:
                async with AsyncRPCClient(address, auth=auth) as client:
                    oracle = client.stub(X.ORACLE_V1AsyncClient)
                    await oracle.oracle_who()
                    short._handles._items.clear()
                    assert await asyncio.gather(*(oracle.oracle_who() for _ in range(5))) == 5 * [expected]

            asyncio.run(all_at_once())
            return
        with RPCClient(address, auth=auth) as client:
            client.stub(X.ORACLE_V1Client).oracle_who()
            short._handles._items.clear()
            calls = [client.begin(NUMBER, 1, WHO, unpack=Unpacker.unpack_opaque) for _ in range(5)]
            assert [one.result() for one in calls] == 5 * [expected]


def test_on_a_unix_socket_the_kernel_knows_who_it_is(tmp_path: Path) -> None:
    """Anybody but root who says that he is somebody else, or in other groups, is refused."""
    if os.geteuid() != 0:
        pytest.skip("takes root, to become somebody else")
    path = str(tmp_path / "oracle.sock")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    server: Any = MultiplexingUnixStreamServer(path, rpc_handler(Oracle()))
    os.chmod(path, 0o666)
    thread = threading.Thread(target=server.serve_forever, args=(3600,))
    thread.start()
    try:
        with RPCClient(f"unix://{path}", auth=ClientSys(1234, 5, ())) as client:
            assert client.stub(X.ORACLE_V1Client).oracle_who() == b"auth-sys 1234 ['5']"
        sock = socket.socket(socket.AF_UNIX)
        groups, group = os.getgroups(), os.getegid()
        os.setgroups([7, 8])
        os.setegid(5)
        os.seteuid(4321)
        try:
            sock.connect(path)
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)
        with sock:
            sock.settimeout(20)
            said: tuple[Any, ...]
            for said, accepted in (
                ((4321, 5), True),
                ((4321, 5, (8, 7, 5)), True),
                ((4321, 7), True),
                ((1234, 5), False),
                ((4321, 0), False),
                ((4321, 5, (7, 0)), False),
            ):
                credential = SysCredential(0, b"", *said).encode()
                sock.sendall(encode_record(call(WHO, credential=credential)))
                reply = decode_reply(sock.recv(200)[4:])
                assert isinstance(reply, Accepted) is (accepted or not sys.platform.startswith("linux")), said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_refusal_is_an_exception_of_the_client() -> None:
    """With its status."""
    handler = rpc_handler(Oracle())
    options = handler.Options(flavours=("sys",), privileged_port=True)
    with hosted("threading", handler, options=options) as host:
        server: Any = host.server
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        with (
            RPCClient(address, auth=ClientSys(0, 0, ())) as client,
            pytest.raises(AuthenticationRefused) as caught,
        ):
            client.stub(X.ORACLE_V1Client).oracle_who()
    assert caught.value.status is AuthStatus.AUTH_TOOWEAK


class Upgrade:
    """Offers what stands for TLS."""

    plugin_name = "upgrade"

    @hookimpl
    async def start_tls(self, connection: Any) -> None:
        hello = await connection.read_exactly(4)
        if not hello.startswith(b"KEY"):
            raise ProtocolError("the cipher starts with KEY and one byte")
        connection.write(b"OK")
        connection.push(ToyCipher(hello[3]))
        connection.tls = f"key {hello[3]}"
        connection.identity = Identity("machine.example", "tls")


PROBE = OpaqueAuth(FlavourNumber.AUTH_TLS, b"")
OFFER = encode_record(encode_success(1, verifier=OpaqueAuth(0, STARTTLS)))


@pytest.mark.parametrize("engine", list(STREAM_ENGINES))
def test_tls_starts_behind_the_probe_of_rfc_9289(engine: str) -> None:
    """The verifier says STARTTLS, the handshake follows, and calls come through it with the machine's identity; a
    second probe is refused."""
    with hosted(engine, rpc_handler(Oracle()), plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(encode_record(call(0, credential=PROBE)))
        assert client.take(len(OFFER)) == OFFER
        client.send(b"KEY\x07")
        assert client.take(2) == b"OK"
        cipher = ToyCipher(7)
        client.send(cipher.encode(encode_record(call(WHO))) or b"")
        expected = encode_record(encode_success(1, blob(b"tls machine.example []")))
        assert ToyCipher(7).feed(client.take(len(expected) + 1)) == expected
        client.send(cipher.encode(encode_record(call(0, credential=PROBE))) or b"")
        expected = encode_record(encode_auth_error(1, AuthStatus.AUTH_BADCRED))
        assert ToyCipher(7).feed(client.take(len(expected) + 1)) == expected


@pytest.mark.parametrize("engine", list(STREAM_ENGINES))
def test_a_call_injected_behind_the_probe_is_never_done(engine: str, no_drift: list[str]) -> None:
    """What comes in clear behind it is dropped without an answer, and the connection with it (RFC 9289, 5.1.1)."""

    class Watched(Oracle):
        def oracle_echo(self, call: Call, data: bytes) -> bytes:
            raise AssertionError("it was done")

    with hosted(engine, rpc_handler(Watched()), plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(encode_record(call(0, credential=PROBE)) + encode_record(call(ECHO, blob(b"x"), xid=2)))
        assert client.rest() == b""
    assert not [line for line in no_drift if "it was done" in line]
    no_drift.clear()


@pytest.mark.parametrize(
    ("probe", "status"),
    [
        (call(0, b"four", credential=PROBE), AuthStatus.AUTH_BADCRED),
        (call(WHO, credential=PROBE), AuthStatus.AUTH_BADCRED),
        (call(0, credential=OpaqueAuth(7, b"four")), AuthStatus.AUTH_BADCRED),
        (call(0, credential=PROBE, verifier=OpaqueAuth(7, b"")), AuthStatus.AUTH_BADVERF),
        (call(0, credential=PROBE, verifier=OpaqueAuth(0, STARTTLS)), AuthStatus.AUTH_BADVERF),
    ],
)
def test_a_probe_that_is_more_than_a_question_is_refused(probe: bytes, status: AuthStatus) -> None:
    """And the connection goes on in clear."""
    with hosted("multiplexing", rpc_handler(Oracle()), plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(encode_record(probe))
        assert client.take(24) == encode_record(encode_auth_error(1, status))
        client.send(encode_record(call(0)))
        assert client.take(28) == encode_record(encode_success(1))


def test_a_probe_for_a_program_that_is_not_there_offers_nothing() -> None:
    """A client goes by the verifier, and would begin a handshake that nobody waits for."""
    with hosted("multiplexing", rpc_handler(Oracle()), plugins=[Upgrade()]) as host:
        client = host.connect()
        for version, number, expected in (
            (2, NUMBER, encode_program_mismatch(1, 1, 1)),
            (1, NUMBER + 1, encode_accepted(1, AcceptStatus.PROG_UNAVAIL)),
        ):
            client.send(encode_record(encode_call(1, number, version, 0, b"", PROBE)))
            assert client.take(len(expected) + 4) == encode_record(expected)
        client.send(encode_record(call(0, credential=PROBE)))
        assert client.take(len(OFFER)) == OFFER
        client.send(b"KEY\x07")
        assert client.take(2) == b"OK"


def test_a_probe_without_tls_gets_an_empty_verifier() -> None:
    """Over datagrams too; with another procedure than 0 it is refused."""
    with hosted("multiplexing", rpc_handler(Oracle())) as host:
        client = host.connect()
        client.send(encode_record(call(0, credential=PROBE)))
        assert client.take(28) == encode_record(encode_success(1))
        client.send(encode_record(call(WHO, credential=PROBE)))
        assert decode_reply(client.take(24)[4:]) == Denied(1, RejectStatus.AUTH_ERROR, auth=AuthStatus.AUTH_BADCRED)
    with hosted("multiplexing", rpc_handler(Oracle()), datagrams=True, plugins=[]) as host:
        assert host.ask(call(0, credential=PROBE)) == encode_success(1)


def test_a_flavour_may_come_from_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name in the entry-point group; it may protect arguments and results, and answer calls of its own."""
    import plugserve_sunrpc.handler

    class Rot(Flavour):
        number = 99

        def authenticate(self, message: CallMessage, call: Call, data: bytes) -> Authenticated:
            assert data.endswith(message.arguments)
            if message.procedure == 0:
                return Authenticated(results=b"made")
            turned = bytes(byte ^ 1 for byte in message.arguments)
            return Authenticated(
                Identity("rot", "rot"), OpaqueAuth(99, b"proof"), turned, lambda results: b"sealed" + results
            )

    def found(name: str) -> Any:
        assert name == "rot"
        return Rot

    monkeypatch.setattr(plugserve_sunrpc.handler, "flavour_class", found)
    kind = rpc_handler(Oracle())
    handler = kind.for_test(options=kind.Options(flavours=("rot",)))
    arguments = bytes(byte ^ 1 for byte in blob(b"abcd"))
    data = handler.receive(encode_record(call(ECHO, arguments, credential=OpaqueAuth(99, b""))))
    assert data is not None
    assert decode_reply(data[4:]) == Accepted(
        1, OpaqueAuth(99, b"proof"), AcceptStatus.SUCCESS, results=b"sealed" + blob(b"abcd")
    )
    data = handler.receive(encode_record(call(0, credential=OpaqueAuth(99, b""))))
    assert data == encode_record(encode_success(1, b"made"))
    data = handler.receive(encode_record(call(ECHO, credential=OpaqueAuth(99, b""))))
    assert data == encode_record(encode_accepted(1, AcceptStatus.GARBAGE_ARGS, OpaqueAuth(99, b"proof")))


def test_an_unknown_flavour_is_refused_with_those_that_there_are() -> None:
    """At start."""
    with pytest.raises(ConfigurationError, match=r"there are .*none, sys, tls"):
        RPCHandler.Options(flavours=("kerberos",))
