from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpc_oracle import AWAIT, BLOCK, COUNT, ECHO, FAIL, MUCH, NUMBER, QUIET, WHO, Oracle, OracleV3, blob, call, uint

from plugserve import ConfigurationError, Limits, MultiplexingUDPServer, ProtocolError, ThreadingUDPServer
from plugserve.faults import reset_reports
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve.testing.hosting import DATAGRAM_ENGINES
from plugserve_sunrpc.handler import RPCHandler, rpc_handler
from plugserve_sunrpc.message import (
    Accepted,
    AcceptStatus,
    Denied,
    RejectStatus,
    decode_reply,
    encode_call,
    encode_success,
)
from plugserve_sunrpc.record import RecordReader, encode_record
from plugserve_sunrpc.reply_cache import UNDERWAY, ReplyCache

ENGINES = list(STREAM_ENGINES)
UDP_ENGINES = list(DATAGRAM_ENGINES)


def framed(*messages: bytes) -> bytes:
    """Messages as records."""
    return b"".join(encode_record(message) for message in messages)


def taken(client: Any) -> bytes:
    """The next record that a client gets."""
    header = client.take(4)
    return bytes(client.take(int.from_bytes(header) & 0x7FFFFFFF))


def answers(stream: bytes) -> list[Any]:
    """All replies of a stream."""
    reader = RecordReader(1 << 26)
    reader.feed(stream)
    found = []
    while (record := reader.next_record()) is not None:
        found.append(decode_reply(record))
    return found


def status(reply: bytes) -> AcceptStatus:
    """What an accepted reply says."""
    read = decode_reply(reply)
    assert isinstance(read, Accepted)
    return read.status


@pytest.mark.parametrize("engine", ENGINES)
def test_every_state_of_a_reply_comes_from_a_stream_on_every_engine(engine: str, no_drift: list[str]) -> None:
    """Calls that are pipelined are answered in order; an error in a procedure is in the log, once."""
    reset_reports()
    with hosted(engine, rpc_handler(Oracle(), OracleV3())) as host:
        client = host.connect()
        client.send(
            framed(
                call(0, xid=1),
                call(ECHO, blob(b"hello"), xid=2),
                call(1, uint(21), xid=3, version=3),
                call(FAIL, xid=4),
                call(99, xid=5),
                call(0, xid=6, version=2),
                encode_call(7, 12345, 1, 0),
                call(ECHO, b"\0\0\0\x09abc\0", xid=8),
                call(ECHO, blob(b"x") + b"more", xid=9),
                b"\0\0\0\x0a\0\0\0\0\0\0\0\3" + bytes(28),
            )
        )
        client.end()
        replies = answers(client.rest())
    states = [(reply.xid, reply.status) for reply in replies]
    assert states == [
        (1, AcceptStatus.SUCCESS),
        (2, AcceptStatus.SUCCESS),
        (3, AcceptStatus.SUCCESS),
        (4, AcceptStatus.SYSTEM_ERR),
        (5, AcceptStatus.PROC_UNAVAIL),
        (6, AcceptStatus.PROG_MISMATCH),
        (7, AcceptStatus.PROG_UNAVAIL),
        (8, AcceptStatus.GARBAGE_ARGS),
        (9, AcceptStatus.GARBAGE_ARGS),
        (10, RejectStatus.RPC_MISMATCH),
    ]
    assert replies[1].results == blob(b"hello")
    assert replies[2].results == uint(42)
    assert (replies[5].low, replies[5].high) == (1, 3)
    if engine != "forking":  # there it is the child's log
        (logged,) = no_drift
        assert logged.startswith("procedure ORACLE version 1, oracle_fail raised RuntimeError")
    no_drift.clear()


@pytest.mark.parametrize("engine", ENGINES)
def test_procedures_that_block_or_await_are_done_beside_and_in_order(engine: str) -> None:
    """What comes behind such a call waits for it."""
    oracle = Oracle()
    with hosted(engine, rpc_handler(oracle)) as host:
        client = host.connect()
        client.send(
            framed(
                call(BLOCK, blob(b"abc"), xid=1),
                call(AWAIT, blob(b"abc"), xid=2),
                call(ECHO, blob(b"abc"), xid=3),
                call(BLOCK, blob(b"def"), xid=4),
            )
        )
        client.end()
        replies = answers(client.rest())
    assert [(one.xid, one.results) for one in replies] == [
        (1, blob(b"cba")),
        (2, blob(b"ABC")),
        (3, blob(b"abc")),
        (4, blob(b"fed")),
    ]
    if engine in {"multiplexing", "asyncio", "uvloop"}:
        assert "plugserve-hosted" not in oracle.blocked_on


@pytest.mark.parametrize("engine", ENGINES)
def test_batched_calls_get_no_reply(engine: str) -> None:
    """The last one does, which says that all before it are done."""
    oracle = Oracle()
    with hosted(engine, rpc_handler(oracle)) as host:
        client = host.connect()
        client.send(framed(*(call(QUIET, blob(b"%d" % number), xid=number) for number in range(5)), call(0, xid=9)))
        assert decode_reply(taken(client)).xid == 9
    if engine != "forking":
        assert oracle.quiet == [b"%d" % number for number in range(5)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_that_asks_for_much_at_once_gets_it_as_it_takes_it(engine: str) -> None:
    """400 replies of 60,000 bytes to one portion of calls: far more than may be unsent."""
    calls = framed(*(call(MUCH, uint(60_000), xid=number) for number in range(400)))
    with hosted(engine, rpc_handler(Oracle()), limits=Limits(output=300_000)) as host:
        client = host.connect()
        client.send(calls)
        client.end()
        replies = answers(client.rest())
    assert [one.xid for one in replies] == list(range(400))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_no_call_ends_the_stream_behind_the_replies(engine: str) -> None:
    """A reply sent to a server, or a length beyond the limit."""
    with hosted(engine, rpc_handler(Oracle())) as host:
        for bad in (framed(encode_success(5, bytes(40))), b"\xff\xff\xff\xff", framed(b"short")):
            client = host.connect()
            client.send(framed(call(0, xid=3)) + bad)
            assert answers(client.rest())[0].xid == 3


@pytest.mark.parametrize("engine", UDP_ENGINES)
def test_every_state_of_a_reply_comes_in_a_datagram_on_every_engine(engine: str, no_drift: list[str]) -> None:
    """Each is one call."""
    reset_reports()
    with hosted(engine, rpc_handler(Oracle(), OracleV3()), datagrams=True) as host:
        assert host.ask(call(ECHO, blob(b"hello"), xid=2)) == encode_success(2, blob(b"hello"))
        assert host.ask(call(0, xid=3)) == encode_success(3)
        assert host.ask(call(BLOCK, blob(b"abc"), xid=4)) == encode_success(4, blob(b"cba"))
        assert host.ask(call(AWAIT, blob(b"abc"), xid=5)) == encode_success(5, blob(b"ABC"))
        assert status(host.ask(call(FAIL))) is AcceptStatus.SYSTEM_ERR
        assert status(host.ask(call(99))) is AcceptStatus.PROC_UNAVAIL
        assert status(host.ask(call(0, version=2))) is AcceptStatus.PROG_MISMATCH
        assert status(host.ask(encode_call(1, 5, 5, 5))) is AcceptStatus.PROG_UNAVAIL
        assert status(host.ask(call(ECHO))) is AcceptStatus.GARBAGE_ARGS
        denied = decode_reply(host.ask(b"\0\0\0\1\0\0\0\0\0\0\0\3" + bytes(28)))
        assert denied == Denied(1, RejectStatus.RPC_MISMATCH, 2, 2)
    assert len(no_drift) <= 1
    no_drift.clear()


@pytest.mark.parametrize("engine", [name for name in UDP_ENGINES if name not in {"forking", "memory"}])
def test_a_call_that_comes_again_over_udp_is_answered_again_and_not_done_again(engine: str) -> None:
    """The same bytes from the same address; another xid or address is another call."""
    oracle = Oracle()
    with hosted(engine, rpc_handler(oracle), datagrams=True) as host:
        address = host.server.server_address
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
        ):

            def ask(sock: socket.socket, xid: int) -> bytes:
                sock.settimeout(20)
                sock.sendto(call(COUNT, xid=xid), address)
                return sock.recv(100)

            assert ask(one, 7) == encode_success(7, uint(1))
            assert ask(one, 7) == encode_success(7, uint(1))
            assert ask(one, 8) == encode_success(8, uint(2))
            assert ask(two, 7) == encode_success(7, uint(3))
    assert oracle.counted == 3


def test_what_a_program_says_may_be_done_twice_is_done_again_and_not_kept() -> None:
    """So that replies to what only asks do not push out those to what changes something."""

    class Again(Oracle):
        idempotent = frozenset((COUNT,))

    handler = rpc_handler(Again())
    options = handler.Options()
    with hosted("threading", handler, datagrams=True, options=options) as host:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            for turn in (1, 2):
                sock.sendto(call(COUNT, xid=7), host.server.server_address)
                assert sock.recv(100) == encode_success(7, uint(turn))
        assert options.kept == []
        host.ask(call(ECHO, blob(b"kept"), xid=8))
        assert len(options.kept[0]) == 1


def test_the_reply_cache_is_bounded_by_entries_bytes_and_time() -> None:
    """The oldest goes; a call under way is known; one without an answer is forgotten."""
    now = 0.0
    cache = ReplyCache(3, 10_000, 60, lambda: now)
    for number in range(5):
        assert cache.begin(number) is None
        assert cache.begin(number) is UNDERWAY
        cache.end(number, b"reply %d" % number)
    assert len(cache) == 3
    assert cache.begin(4) == b"reply 4"
    assert cache.begin(1) is None
    cache.end(1, None)
    assert cache.begin(1) is None
    cache.end(1, bytes(9_000))
    assert cache.used <= 10_000
    assert len(cache) < 3
    now = 61.0
    assert cache.begin(1) is None
    assert len(cache) == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4000)), max_size=60))
def test_the_reply_cache_never_holds_more_than_it_may(steps: list[tuple[int, int]]) -> None:
    """In entries and bytes, whatever comes."""
    cache = ReplyCache(4, 5_000, 60, lambda: 0.0)
    for key, size in steps:
        if cache.begin(key) is None:
            cache.end(key, bytes(size))
        assert len(cache) <= 4
        assert cache.used <= 5_000
    assert cache.used == sum(len(reply) + 400 for _, reply in cache._replies.values())


def test_a_reply_too_long_for_its_source_is_a_short_error(no_drift: list[str]) -> None:
    """No stranger is sent more than he sent; a handler that says how much is right may send it."""
    reset_reports()
    for engine in ("memory",):
        with hosted(engine, rpc_handler(Oracle()), datagrams=True) as host:
            server: Any = host.server
            server.send_datagram(call(MUCH, uint(500)), ("192.0.2.1", 5000))
            server.run()
            assert status(server.take_replies()[0][0]) is AcceptStatus.SYSTEM_ERR
            server.send_datagram(call(MUCH, uint(500)), ("127.0.0.1", 5000))
            server.run()
            assert status(server.take_replies()[0][0]) is AcceptStatus.SUCCESS
        with hosted(engine, rpc_handler(Oracle(), reply_ratio=20.0), datagrams=True) as host:
            server = host.server
            server.send_datagram(call(MUCH, uint(500)), ("192.0.2.1", 5000))
            server.run()
            assert status(server.take_replies()[0][0]) is AcceptStatus.SUCCESS
    assert "may not be sent to a source that may be forged" in no_drift[0]
    no_drift.clear()


@pytest.mark.parametrize("server_class", [ThreadingUDPServer, MultiplexingUDPServer])
def test_a_reply_too_long_for_a_datagram_is_a_short_error(server_class: Any, no_drift: list[str]) -> None:
    """Otherwise the client would ask for ever."""
    reset_reports()
    engine = {ThreadingUDPServer: "threading", MultiplexingUDPServer: "multiplexing"}[server_class]
    with hosted(engine, rpc_handler(Oracle(), reply_ratio=None), datagrams=True) as host:
        assert status(host.ask(call(MUCH, uint(65_600)))) is AcceptStatus.SYSTEM_ERR
        assert status(host.ask(call(MUCH, uint(60_000)))) is AcceptStatus.SUCCESS
    assert "is too long for a datagram" in no_drift[0]
    no_drift.clear()


def test_the_same_program_object_serves_udp_tcp_and_unix_sockets(tmp_path: Path) -> None:
    """With one state."""
    from plugserve import ThreadingTCPServer, ThreadingUnixStreamServer

    oracle = Oracle()
    handler = rpc_handler(oracle)
    path = str(tmp_path / "oracle.sock")
    servers: list[Any] = [
        ThreadingUDPServer(("127.0.0.1", 0), handler),
        ThreadingTCPServer(("127.0.0.1", 0), handler),
        ThreadingUnixStreamServer(path, handler),
    ]
    threads = [threading.Thread(target=server.serve_forever, args=(3600,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(20)
            udp.sendto(call(COUNT), servers[0].server_address)
            assert udp.recv(100) == encode_success(1, uint(1))
        with socket.create_connection(servers[1].server_address, 20) as tcp:
            tcp.sendall(framed(call(COUNT)))
            assert tcp.recv(100) == framed(encode_success(1, uint(2)))
        with socket.socket(socket.AF_UNIX) as unix:
            unix.settimeout(20)
            unix.connect(path)
            unix.sendall(framed(call(COUNT)))
            assert unix.recv(100) == framed(encode_success(1, uint(3)))
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def test_a_program_without_procedure_0_has_it_all_the_same() -> None:
    """By convention every program has."""

    class Bare(Oracle):
        procedures = {1: Oracle.procedures[1]}

    handler = rpc_handler(Bare()).for_test()
    assert handler.receive(framed(call(0))) == framed(encode_success(1))


def test_a_class_of_ones_own_says_its_programs() -> None:
    """As well as `rpc_handler` does."""

    class Mine(RPCHandler):
        programs = (Oracle(), OracleV3())

    handler = Mine.for_test()
    assert Mine.service.versions == {NUMBER: {1, 3}}
    assert handler.receive(framed(call(WHO))) == framed(encode_success(1, blob(b"nobody")))


def test_what_is_no_program_is_refused() -> None:
    """The class instead of an object, or one version twice."""
    with pytest.raises(ConfigurationError, match=r"write Oracle\(\)"):
        rpc_handler(Oracle)  # type: ignore[arg-type]  # what is tried
    with pytest.raises(ConfigurationError, match="version 1 of program 536870978"):
        rpc_handler(Oracle(), Oracle())


@pytest.mark.parametrize(
    "options",
    [{"record": 39}, {"fragments": 0}, {"record_timeout": 0}, {"flavours": ("kerberos",)}, {"squash": "some"}],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, Any]) -> None:
    """With what is right."""
    with pytest.raises(ConfigurationError, match=next(iter(options)).replace("_", "-")):
        RPCHandler.Options(**options)


@given(st.binary(max_size=200), st.data())
def test_byte_at_a_time_gives_the_replies_of_bulk(tail: bytes, data: st.DataObject) -> None:
    """And any bytes give replies or the protocol error."""
    stream = framed(call(ECHO, blob(b"one"), xid=1), call(99, xid=2), call(0, xid=3)) + tail

    def served(portions: list[bytes]) -> tuple[bytes, bool]:
        handler = rpc_handler(Oracle()).for_test()
        out, failed = b"", False
        try:
            for portion in portions:
                out += handler.receive(portion) or b""
        except ProtocolError:
            failed = True
        return out + b"".join(handler.sent), failed

    whole = served([stream])
    assert served([stream[at : at + 1] for at in range(len(stream))]) == whole
    cut = data.draw(st.integers(0, len(stream)))
    assert served([stream[:cut], stream[cut:]]) == whole
