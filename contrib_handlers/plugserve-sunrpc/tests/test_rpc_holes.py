"""The holes of other implementations, each by its name."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rpc_oracle import ECHO, Oracle, blob, call

from plugserve import Limits
from plugserve.testing import MemoryTCPServer, hosted
from plugserve_sunrpc import RPCHandler, rpc_handler
from plugserve_sunrpc.message import AcceptStatus, decode_reply, encode_accepted, encode_call, encode_success
from plugserve_sunrpc.record import encode_record
from plugserve_sunrpc.rpcbind import rpcbind_handler

CONNECTIONS = 100
MEBIBYTE = 1 << 20


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(handler: type[RPCHandler]) -> Iterator[Any]:
    """A server on the multiplexing engine."""
    with hosted("multiplexing", handler, attributes={"request_queue_size": 2 * CONNECTIONS}) as host:
        yield host.server.server_address


def answer(sock: socket.socket) -> Any:
    """The next reply."""
    data = b""
    while len(data) < 4 or len(data) < 4 + (int.from_bytes(data[:4]) & 0x7FFFFFFF):
        more = sock.recv(65536)
        assert more, "the connection ended"
        data += more
    return decode_reply(data[4:])


CLAIMS = {
    "a record of 2**31 - 1 bytes": b"\xff\xff\xff\xff",
    "a fragment of 2**31 - 1 bytes": b"\x7f\xff\xff\xff",
    "an array of 2**31 bytes": encode_record(call(ECHO, b"\x80\0\0\0")),
    "an array of 2**32 - 1 bytes": encode_record(call(ECHO, b"\xff\xff\xff\xff")),
    "a credential of 2**31 bytes": encode_record(call(0)[:28] + b"\x80\0\0\0" + bytes(8)),
    "a record within the limit, of which nothing comes": struct.pack(">I", 0x80000000 | 2 * MEBIBYTE),
    "a string of 2**31 bytes of rpcbind": encode_record(
        encode_call(1, 100000, 3, 3, struct.pack(">III", 1, 1, 1 << 31))
    ),
    "all sizes of pmap's CALLIT": encode_record(
        encode_call(1, 100000, 2, 5, struct.pack(">IIII", 1, 1, 1, 0xFFFFFFFF))
    ),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="asks Linux")
@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("handler", [rpc_handler(Oracle()), rpcbind_handler()], ids=["program", "rpcbind"])
def test_cve_2017_8779_a_claim_of_a_size_takes_no_memory(handler: Any, claim: str) -> None:
    """rpcbomb: rpcbind and libtirpc took as much memory as a message said it had, and kept it. Here a hundred
    connections that claim 2 GiB make the process no more than a mebibyte larger."""
    with serving(handler) as address:
        # What the first connections need once is no growth.
        for _ in range(2):
            with socket.create_connection(address, 20) as sock:
                sock.sendall(CLAIMS[claim])
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
        socks = [socket.create_connection(address, 20) for _ in range(CONNECTIONS)]
        try:
            before = resident()
            for sock in socks:
                sock.sendall(CLAIMS[claim])
            # When a later one has been answered, those before have been looked at.
            with socket.create_connection(address, 20) as probe:
                for _ in range(3):
                    probe.sendall(encode_record(encode_call(1, 1, 1, 0)))
                    assert answer(probe).status is AcceptStatus.PROG_UNAVAIL
            grown = resident() - before
        finally:
            for sock in socks:
                sock.close()
    assert grown <= MEBIBYTE


def test_cve_2021_46828_idle_connections_do_not_keep_others_out() -> None:
    """libtirpc's svc_run span, and accepted nobody, once idle connections had taken all descriptors. Here they are
    ended, those that have sent a part of a call too, and a newcomer is served meanwhile."""
    server: Any = MemoryTCPServer(("127.0.0.1", 0), rpc_handler(Oracle()), limits=Limits())
    try:
        silent = [server.connect(("192.0.2.1", 1000 + number)) for number in range(50)]
        parts = [server.connect(("192.0.2.2", 1000 + number)) for number in range(50)]
        server.run()
        for end in parts:
            end.send(encode_record(call(ECHO, blob(b"hello")))[:20])
        server.run()
        assert len(server.requests()) == 100
        client = server.connect(("192.0.2.3", 1000))
        client.send(encode_record(call(0)))
        server.run()
        assert client.take() == encode_record(encode_success(1))
        server.advance(61)
        assert not [one for one in server.requests() if one.client_address[0] != "192.0.2.3"]
        assert all(end.ended for end in silent + parts)
    finally:
        server.server_close(timeout=1)


def test_cve_2021_46828_a_call_that_drips_in_is_ended() -> None:
    """A byte now and then resets the limit on idleness, and nothing else."""
    server: Any = MemoryTCPServer(("127.0.0.1", 0), rpc_handler(Oracle()))
    try:
        end = server.connect(("192.0.2.1", 1000))
        stream = encode_record(call(ECHO, blob(bytes(1000))))
        server.run()
        for at in range(40):
            if end.ended:
                break
            end.send(stream[at : at + 1])
            server.run()
            server.advance(2)
        assert end.ended
        assert at < 20
    finally:
        server.server_close(timeout=1)


def test_cve_2002_0391_no_size_overflows() -> None:
    """xdr_array multiplied a claimed number of items by their size, in 32 bits. Here every number is held against the
    bytes that are there: whatever overflowed is GARBAGE_ARGS."""
    handler = rpcbind_handler().for_test()
    handler.client_address = ("127.0.0.1", 600)
    for number in (0x40000001, 0x20000000, 0x3FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF):
        for tail in (b"", bytes(64)):
            arguments = struct.pack(">III", 1, 1, number) + tail
            reply = handler.receive(encode_record(encode_call(1, 100000, 4, 1, arguments)))
            assert reply == encode_record(encode_accepted(1, AcceptStatus.GARBAGE_ARGS))


def test_zero_length_fragments_end_the_connection() -> None:
    """A stream of them made some servers loop without ever giving a record."""
    with serving(rpc_handler(Oracle())) as address, socket.create_connection(address, 20) as sock:
        try:
            sock.sendall(bytes(4 * 100_000))
            assert sock.recv(100) == b""
        except ConnectionError:
            pass  # the rest of them met a closed socket


def test_a_record_of_a_million_fragments_ends_the_connection() -> None:
    """At the thousandth or so; the others are served meanwhile."""
    with serving(rpc_handler(Oracle())) as address, socket.create_connection(address, 20) as sock:

        def flood() -> None:
            try:
                for _ in range(1000):
                    sock.sendall(b"\0\0\0\1x" * 1000)
            except OSError:
                pass

        thread = threading.Thread(target=flood)
        thread.start()
        with socket.create_connection(address, 20) as other:
            other.sendall(encode_record(call(0)))
            assert answer(other).status is AcceptStatus.SUCCESS
        thread.join()
        try:
            assert sock.recv(100) == b""
        except ConnectionError:
            pass


def test_the_peers_fault_is_no_error_in_the_log(no_drift: list[str]) -> None:
    """Whatever garbage comes."""
    with hosted("multiplexing", rpc_handler(Oracle())) as host:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 10, b"\x16\x03\x01" * 100, bytes(1000), b"\xff" * 1000):
            client = host.connect()
            client.send(garbage)
            try:
                client.rest()
            except ConnectionError:
                pass
    assert no_drift == []
