from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rpc_oracle import COUNT, ECHO, FAIL, NUMBER, QUIET, Oracle, OracleV3, X, blob, uint

from plugserve import ConfigurationError, MultiplexingTCPServer, MultiplexingUDPServer, ProtocolError
from plugserve.faults import reset_reports
from plugserve_sunrpc import ClientSys, Packer, Unpacker, rpc_handler
from plugserve_sunrpc.async_client import AsyncRPCClient
from plugserve_sunrpc.client import Pending, RPCClient
from plugserve_sunrpc.failures import (
    AuthenticationRefused,
    CallFailed,
    CallTimeout,
    ConnectionLost,
    GarbageArguments,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    RPCMismatch,
    SystemFailure,
)
from plugserve_sunrpc.message import (
    Accepted,
    AcceptStatus,
    AuthStatus,
    FlavourNumber,
    OpaqueAuth,
    encode_accepted,
    encode_auth_error,
    encode_program_mismatch,
    encode_rpc_mismatch,
    encode_success,
)
from plugserve_sunrpc.record import RecordReader, encode_record

TRANSPORTS = ["tcp", "udp", "unix"]


@contextmanager
def served(transport: str, folder: Path, *programs: Any) -> Iterator[str]:
    """The programs at an address, which it gives."""
    from plugserve import MultiplexingUnixStreamServer

    handler = rpc_handler(*programs)
    server: Any
    if transport == "unix":
        path = str(folder / "oracle.sock")
        server, address = MultiplexingUnixStreamServer(path, handler), f"unix://{path}"
    else:
        kind = MultiplexingTCPServer if transport == "tcp" else MultiplexingUDPServer
        server = kind(("127.0.0.1", 0), handler)
        address = f"{transport}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(3600,))
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def scripted(answer: Callable[[bytes], list[bytes]], *, stream: bool) -> Iterator[str]:
    """A server that says what it is told to: to each message, messages."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]

    def datagrams() -> None:
        while (received := sock.recvfrom(65536))[0]:
            for reply in answer(received[0]):
                sock.sendto(reply, received[1])

    def connections() -> None:
        while True:
            conn = sock.accept()[0]
            with conn:
                reader = RecordReader()
                while data := conn.recv(65536):
                    if data == b"stop":
                        return
                    reader.feed(data)
                    while (record := reader.next_record()) is not None:
                        replies = answer(record)
                        if not replies:
                            break
                        conn.sendall(b"".join(encode_record(reply) for reply in replies))
                    else:
                        continue
                    break

    if stream:
        sock.listen()
    thread = threading.Thread(target=connections if stream else datagrams)
    thread.start()
    try:
        yield f"{'tcp' if stream else 'udp'}://127.0.0.1:{port}"
    finally:
        if stream:
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"stop")
                thread.join()
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last_one:
                last_one.sendto(b"", ("127.0.0.1", port))
            thread.join()
        sock.close()


def xid_of(message: bytes) -> int:
    """The number of a call."""
    return int.from_bytes(message[:4])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stubs_call_programs_over_each_transport(transport: str, tmp_path: Path, no_drift: list[str]) -> None:
    """Blocking; results are what the procedures return, and each state is an exception."""
    reset_reports()
    with served(transport, tmp_path, Oracle(), OracleV3()) as address, RPCClient(address) as client:
        oracle = client.stub(X.ORACLE_V1Client)
        assert oracle.oracle_null() is None
        assert oracle.oracle_echo(b"hello") == b"hello"
        assert oracle.oracle_block(b"abc") == b"cba"
        assert oracle.oracle_await(b"abc") == b"ABC"
        assert client.stub(X.ORACLE_V3Client).oracle_twice(21) == 42
        with pytest.raises(SystemFailure):
            oracle.oracle_fail()
        with pytest.raises(ProgramUnavailable):
            client.call(5, 1, 0)
        with pytest.raises(ProgramMismatch) as mismatch:
            client.call(NUMBER, 2, 0)
        assert (mismatch.value.low, mismatch.value.high) == (1, 3)
        with pytest.raises(ProcedureUnavailable):
            client.call(NUMBER, 1, 77)
        with pytest.raises(GarbageArguments):
            client.call(NUMBER, 1, ECHO)
    no_drift.clear()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_asynchronous_stubs_call_programs_over_each_transport(
    transport: str, tmp_path: Path, no_drift: list[str]
) -> None:
    """A hundred calls in flight at once."""
    reset_reports()

    async def client(address: str) -> None:
        async with AsyncRPCClient(address) as client:
            oracle = client.stub(X.ORACLE_V1AsyncClient)
            texts = [b"%d" % number for number in range(100)]
            assert await asyncio.gather(*(oracle.oracle_echo(text) for text in texts)) == texts
            assert await oracle.oracle_await(b"abc") == b"ABC"
            with pytest.raises(SystemFailure):
                await oracle.oracle_fail()
            with pytest.raises(ProgramMismatch):
                await client.call(NUMBER, 2, 0)

    with served(transport, tmp_path, Oracle()) as address:
        asyncio.run(client(address))
    no_drift.clear()


def test_several_calls_are_in_flight_on_one_connection(tmp_path: Path) -> None:
    """Of one thread, and of several; replies in any order find their calls."""
    waiting: list[bytes] = []

    def answer(message: bytes) -> list[bytes]:
        waiting.append(message)
        if len(waiting) < 3:
            return [encode_success(0xDEAD, b"nobody's")]
        found = [encode_success(xid_of(one), one[40:]) for one in reversed(waiting)]
        waiting.clear()
        return found

    with scripted(answer, stream=True) as address, RPCClient(address) as client:
        pending = [
            client.begin(NUMBER, 1, ECHO, partial(Packer.pack_uint, value=number), Unpacker.unpack_uint)
            for number in range(3)
        ]
        assert [one.result() for one in pending] == [0, 1, 2]
    results: dict[int, bytes] = {}
    with served("tcp", tmp_path, Oracle()) as address, RPCClient(address) as client:
        oracle = client.stub(X.ORACLE_V1Client)

        def run(number: int) -> None:
            for _ in range(20):
                results[number] = oracle.oracle_echo(b"%d" % number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: b"%d" % number for number in range(8)}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_over_udp_is_sent_again_with_the_same_xid(asynchronous: bool) -> None:
    """After waits that double, until there is a reply; what is no reply, or another's, is passed over."""
    seen: list[bytes] = []

    def answer(message: bytes) -> list[bytes]:
        seen.append(message)
        if len(seen) == 2:
            return [b"rubbish", encode_success(xid_of(message) ^ 1, uint(1))]
        return [encode_success(xid_of(message), uint(5))] if len(seen) == 3 else []

    with scripted(answer, stream=False) as address:
        if asynchronous:

            async def ask() -> Any:
                async with AsyncRPCClient(address, first_wait=0.01) as client:
                    return await client.stub(X.ORACLE_V1AsyncClient).oracle_count()

            assert asyncio.run(ask()) == 5
        else:
            with RPCClient(address, first_wait=0.01) as client:
                assert client.stub(X.ORACLE_V1Client).oracle_count() == 5
    assert len(seen) == 3
    assert len(set(seen)) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_is_sent_again_as_it_was_when_a_handle_has_come_meanwhile(asynchronous: bool) -> None:
    """By its bytes, of which the credential is a part, a server knows that it has done it already."""
    seen: list[bytes] = []
    handle = OpaqueAuth(FlavourNumber.AUTH_SHORT, b"handle")
    auth = ClientSys(1000, 100, (), "ann.example")

    def answer(message: bytes) -> list[bytes]:
        seen.append(message)
        if len(seen) == 1:
            # As if another call had been answered.
            auth.replied(Accepted(0, handle, AcceptStatus.SUCCESS), auth.credential()[0])
            return []
        return [encode_success(xid_of(message), uint(5), handle)]

    with scripted(answer, stream=False) as address:
        if asynchronous:

            async def ask() -> None:
                async with AsyncRPCClient(address, first_wait=0.01, auth=auth) as client:
                    oracle = client.stub(X.ORACLE_V1AsyncClient)
                    assert [await oracle.oracle_count(), await oracle.oracle_count()] == [5, 5]

            asyncio.run(ask())
        else:
            with RPCClient(address, first_wait=0.01, auth=auth) as client:
                oracle = client.stub(X.ORACLE_V1Client)
                assert [oracle.oracle_count(), oracle.oracle_count()] == [5, 5]
    assert seen[0] == seen[1]
    assert seen[-1][24:40] == bytes.fromhex("00000002 00000006") + b"handle\0\0"


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_no_reply_in_time_is_a_timeout(stream: bool, asynchronous: bool) -> None:
    """Which is a TimeoutError, too."""

    def answer(message: bytes) -> list[bytes]:
        return [encode_success(xid_of(message) ^ 1)]

    with scripted(answer, stream=stream) as address, pytest.raises(TimeoutError) as caught:
        if asynchronous:

            async def ask() -> None:
                async with AsyncRPCClient(address, first_wait=0.01, timeout=0.05) as client:
                    await client.call(NUMBER, 1, 0)

            asyncio.run(ask())
        else:
            with RPCClient(address, first_wait=0.01, timeout=0.05) as client:
                client.call(NUMBER, 1, 0)
    assert caught.type is CallTimeout


STATES: list[tuple[Callable[[int], bytes], type[Exception]]] = [
    (encode_rpc_mismatch, RPCMismatch),
    (lambda xid: encode_auth_error(xid, AuthStatus.AUTH_TOOWEAK), AuthenticationRefused),
    (lambda xid: encode_program_mismatch(xid, 2, 4), ProgramMismatch),
    (lambda xid: encode_accepted(xid, AcceptStatus.PROG_UNAVAIL), ProgramUnavailable),
    (lambda xid: encode_accepted(xid, AcceptStatus.PROC_UNAVAIL), ProcedureUnavailable),
    (lambda xid: encode_accepted(xid, AcceptStatus.GARBAGE_ARGS), GarbageArguments),
    (lambda xid: encode_accepted(xid, AcceptStatus.SYSTEM_ERR), SystemFailure),
    (lambda xid: encode_success(xid, b"more"), ProtocolError),
]


@pytest.mark.parametrize(("make", "kind"), STATES)
def test_each_state_of_a_reply_is_an_exception(make: Callable[[int], bytes], kind: type[Exception]) -> None:
    """And results with something behind them are none."""
    with scripted(lambda message: [make(xid_of(message))], stream=True) as address, RPCClient(address) as client:
        with pytest.raises(kind) as caught:
            client.call(NUMBER, 1, 0)
        assert isinstance(caught.value, CallFailed) is (kind is not ProtocolError)


def test_a_connection_that_the_server_ended_is_made_anew_before_the_next_call() -> None:
    """A call in flight fails, since nobody knows whether it was done; nothing is sent twice on a stream."""
    seen: list[bytes] = []

    def answer(message: bytes) -> list[bytes]:
        seen.append(message)
        return [encode_success(xid_of(message))] if len(seen) != 2 else []

    with scripted(answer, stream=True) as address, RPCClient(address, timeout=20) as client:
        client.call(NUMBER, 1, 0)
        with pytest.raises(ConnectionLost):
            client.call(NUMBER, 1, 0)
        client.call(NUMBER, 1, 0)
    assert len(seen) == 3


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_where_nobody_listens_the_connection_is_lost_at_once(transport: str) -> None:
    """Which is a ConnectionError, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with RPCClient(f"{transport}://127.0.0.1:{port}", timeout=20) as client, pytest.raises(ConnectionError) as caught:
        client.call(NUMBER, 1, 0)
    assert caught.type is ConnectionLost

    async def ask() -> None:
        async with AsyncRPCClient(f"{transport}://127.0.0.1:{port}", timeout=20) as client:
            await client.call(NUMBER, 1, 0)

    with pytest.raises(ConnectionLost):
        asyncio.run(ask())


def test_a_reply_beyond_the_limit_ends_the_connection() -> None:
    """By its header."""
    with (
        scripted(lambda message: [encode_success(xid_of(message), bytes(2000))], stream=True) as address,
        RPCClient(address, limit=1000) as client,
        pytest.raises(ProtocolError, match="at most 1000 bytes"),
    ):
        client.call(NUMBER, 1, COUNT)


def test_batched_calls_are_sent_without_waiting(tmp_path: Path) -> None:
    """The call behind them says that they are done."""
    oracle = Oracle()
    with served("tcp", tmp_path, oracle) as address, RPCClient(address) as client:
        for number in range(5):
            client.send(NUMBER, 1, QUIET, partial(Packer.pack_opaque, data=b"%d" % number))
        client.call(NUMBER, 1, 0)
    assert oracle.quiet == [b"%d" % number for number in range(5)]


def test_calls_in_flight_fail_when_the_client_is_closed() -> None:
    """At once."""
    with scripted(lambda message: [encode_success(xid_of(message) ^ 1)], stream=True) as address:
        client = RPCClient(address, timeout=20)
        pending: Pending[None] = client.begin(NUMBER, 1, 0)
        client.close()
        with pytest.raises(ConnectionLost, match="the client was closed"):
            pending.result()


def test_a_privileged_port_is_used_where_it_may_be(tmp_path: Path) -> None:
    """The server sees it below 1024."""
    if os.geteuid() != 0:
        pytest.skip("takes root")
    ports: list[int] = []

    class Looking(Oracle):
        def oracle_who(self, call: Any) -> bytes:
            ports.append(call.client_address[1])
            return b""

    with served("tcp", tmp_path, Looking()) as address, RPCClient(address, privileged_port=True) as client:
        client.stub(X.ORACLE_V1Client).oracle_who()
    assert ports[0] < 1024


@pytest.mark.parametrize("address", ["tcp://*:1", "vsock://1:1", "systemd://x", "nonsense"])
def test_what_cannot_be_called_is_refused(address: str) -> None:
    """With the address."""
    with pytest.raises(ConfigurationError, match="address"):
        RPCClient(address)


def test_arguments_that_do_not_fit_are_not_sent(tmp_path: Path) -> None:
    """The client goes on."""
    with served("tcp", tmp_path, OracleV3()) as address, RPCClient(address) as client:
        oracle = client.stub(X.ORACLE_V3Client)
        with pytest.raises(ProtocolError):
            oracle.oracle_twice(-1)
        assert oracle.oracle_twice(3) == 6


def test_helpers_agree() -> None:
    """FAIL and the packers of these tests are what the description says."""
    packer = Packer()
    packer.pack_opaque(b"abc")
    assert packer.data() == blob(b"abc")
    assert X.ORACLE_V1Server.procedures[FAIL].method == "oracle_fail"
