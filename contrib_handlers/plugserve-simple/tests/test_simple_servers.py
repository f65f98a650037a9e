"""The services on real sockets, port 0, and in memory, on every engine of the core."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve import Limits, ThreadingTCPServer
from plugserve.testing import STREAM_ENGINES, Recorder, hosted
from plugserve_simple import (
    ChargenHandler,
    DaytimeHandler,
    DiscardHandler,
    EchoHandler,
    QotdHandler,
    TimeHandler,
)
from plugserve_simple.protocol import characters

EPOCH_LINE = b"Thu Jan  1 00:00:00 1970\r\n"
EPOCH_TIME = b"\x83\xaa\x7e\x80"
QUOTE = b"A server that cannot be stopped cannot be started again.\r\n"
UTC = DaytimeHandler.Options(utc=True)

every_engine = pytest.mark.parametrize("engine", STREAM_ENGINES)


class EpochDaytime(DaytimeHandler):
    def now(self) -> float:
        return 0.0


class EpochTime(TimeHandler):
    def now(self) -> float:
        return 0.0


class EpochQotd(QotdHandler):
    def now(self) -> float:
        return 0.0


class LongestChargen(ChargenHandler):
    def draw(self, low: int, high: int) -> int:
        return high


# -- TCP -----------------------------------------------------------------------------------------------------------


@every_engine
def test_echo_over_tcp(engine: str) -> None:
    """Every byte comes back, in order, until the client ends its side; then the server ends its own."""
    with hosted(engine, EchoHandler) as host:
        client = host.connect()
        for size in (1, 100, 10_000, 32_768, 1):
            data = os.urandom(size)
            client.send(data)
            assert client.take(size) == data
        client.end()
        assert client.rest() == b""


@every_engine
def test_discard_over_tcp(engine: str) -> None:
    """A megabyte goes in and nothing comes out."""
    with hosted(engine, DiscardHandler) as host:
        client = host.connect()
        for _ in range(16):
            client.send(bytes(65536))
        client.end()
        assert client.rest() == b""


@every_engine
@pytest.mark.parametrize(
    "handler, options, said",
    [(EpochDaytime, UTC, EPOCH_LINE), (EpochTime, None, EPOCH_TIME), (EpochQotd, None, QUOTE)],
)
def test_daytime_time_and_qotd_over_tcp(engine: str, handler: Any, options: Any, said: bytes) -> None:
    """A client that only listens is told, and then the stream ends; one that talks all the same is told, too."""
    with hosted(engine, handler, options=options) as host:
        assert host.connect().rest() == said
        talker = host.connect()
        talker.send(b"what time is it?\r\n")
        talker.end()
        assert talker.rest() == said


@every_engine
def test_chargen_over_tcp(engine: str) -> None:
    """The stream is that of the RFC, though the client sends and ends its side; it leaves when it has enough."""
    recorder = Recorder()
    with hosted(engine, ChargenHandler, plugins=[recorder]) as host:
        client = host.connect()
        assert client.take(50_000) == characters(0, 50_000)
        client.send(b"enough")
        client.end()
        # More than all buffers on the way can hold: it is made while the client takes it. In memory they are smaller,
        # and nobody lets the time pass in which chargen lets others run.
        wanted = 500_000 if engine == "memory" else 8_000_000
        assert client.take(wanted) == characters(50_000, wanted)
        client.reset()
    outcomes = [event[1]["outcome"] for event in recorder.events if event[0] == "connection_closed"]
    assert len(outcomes) == 1
    assert outcomes != ["error"]
    recorder.close()


@every_engine
def test_chargen_with_a_limit_over_tcp(engine: str) -> None:
    """After its limit the stream ends in order."""
    with hosted(engine, ChargenHandler, options=ChargenHandler.Options(limit=100_000, rate=10_000_000)) as host:
        assert host.connect().rest() == characters(0, 100_000)


@pytest.mark.skipif(not hasattr(plugserve, "UnixStreamServer"), reason="needs Unix sockets")
def test_the_services_over_a_unix_socket(tmp_path: Path) -> None:
    """A stream is a stream: the same over a Unix socket."""
    path = str(tmp_path / "s")
    with plugserve.UnixStreamServer(path, EpochDaytime, options=UTC) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(path)
            assert client.recv(100) == EPOCH_LINE
            assert client.recv(100) == b""
        server.shutdown()
        thread.join()


# -- UDP -----------------------------------------------------------------------------------------------------------


@every_engine
@pytest.mark.parametrize("size", [1, 27, 512, 1472, 8192])
def test_echo_over_udp(engine: str, size: int) -> None:
    """A datagram comes back as one datagram."""
    data = os.urandom(size)
    with hosted(engine, EchoHandler, datagrams=True) as host:
        assert host.ask(data) == data


@every_engine
@pytest.mark.parametrize(
    "handler, options, said",
    [
        (EpochDaytime, UTC, EPOCH_LINE),
        (EpochTime, None, EPOCH_TIME),
        (EpochQotd, None, QUOTE),
        (LongestChargen, None, characters(0, 511)),
    ],
)
def test_a_long_request_over_udp_is_answered(engine: str, handler: Any, options: Any, said: bytes) -> None:
    """A datagram of 512 bytes gets the reply of the RFC, by default."""
    with hosted(engine, handler, datagrams=True, options=options) as host:
        assert host.ask(bytes(512)) == said


@every_engine
@pytest.mark.parametrize(
    "handler, said",
    [
        (EpochDaytime, EPOCH_LINE),
        (EpochTime, EPOCH_TIME),
        (EpochQotd, QUOTE),
        (LongestChargen, characters(0, 512)),
    ],
)
def test_in_the_mode_rfc_an_empty_request_over_udp_is_answered(engine: str, handler: Any, said: bytes) -> None:
    """The request of RFC 868, an empty datagram, gets the reply of the RFC when the server says `udp="rfc"`."""
    options = handler.Options(udp="rfc", **({"utc": True} if handler is EpochDaytime else {}))
    with hosted(engine, handler, datagrams=True, options=options) as host:
        assert host.ask(b"") == said


@every_engine
def test_short_requests_over_udp_have_no_reply(engine: str) -> None:
    """What is not answered is not answered late either: the only reply is that to the request that was long enough."""
    with hosted(engine, EpochTime, datagrams=True) as host:
        server: Any = host.server
        if not server.real_time:
            for size in (0, 1, 4, 5):
                server.send_datagram(bytes(size))
            server.run()
            assert [data for data, _ in server.take_replies()] == [EPOCH_TIME]
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(20)
            client.connect(server.server_address)
            for size in (0, 1, 4, 5):
                client.send(bytes(size))
            assert client.recv(100) == EPOCH_TIME
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(100)


@pytest.mark.parametrize(
    "handler", [ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler]
)
def test_the_amplification_on_real_sockets_is_at_most_one(handler: Any) -> None:
    """For every size up to that of an Ethernet frame: never more bytes back than were sent."""
    options = None if handler is DiscardHandler else handler.Options(udp_burst=10**9)
    sent = received = 0
    with (
        plugserve.UDPServer(("127.0.0.1", 0), handler, options=options) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(server.server_address)
        client.setblocking(False)
        for size in range(1473):
            client.send(bytes(size))
            server.handle_request()
            # Over loopback a datagram has arrived when sendto(2) comes back, so what is not there will not come.
            try:
                reply = client.recv(65536)
            except BlockingIOError:
                reply = b""
            assert len(reply) <= size
            sent, received = sent + size, received + len(reply)
            with pytest.raises(BlockingIOError):
                client.recv(65536)
    assert received <= sent
    assert (received == 0) is (handler is DiscardHandler)


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_echo_over_udp_and_ipv6() -> None:
    """An address of four parts is an address like any other."""
    try:
        server = plugserve.UDPServer(("::1", 0), EchoHandler)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"hello", server.server_address)
        server.handle_request()
        assert client.recv(100) == b"hello"


@pytest.mark.skipif(not hasattr(plugserve, "UnixDatagramServer"), reason="needs Unix sockets")
def test_a_unix_datagram_needs_no_length(tmp_path: Path) -> None:
    """A path cannot be invented, so the request may be short; a client without a path is just not answered."""
    with (
        plugserve.UnixDatagramServer(str(tmp_path / "s"), EpochTime) as server,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless,
    ):
        client.bind(str(tmp_path / "c"))
        client.settimeout(20)
        nameless.sendto(b"?", str(tmp_path / "s"))
        server.handle_request()
        client.sendto(b"?", str(tmp_path / "s"))
        server.handle_request()
        assert client.recv(100) == EPOCH_TIME


# -- the end of a server -------------------------------------------------------------------------------------------


class HeardDiscard(DiscardHandler):
    heard = threading.Event()

    def receive(self, data: bytes) -> bytes | None:
        self.heard.set()
        return super().receive(data)


@pytest.mark.parametrize("handler", [EchoHandler, HeardDiscard, ChargenHandler])
def test_services_without_an_end_of_their_own_end_when_the_server_drains(handler: Any) -> None:
    """They end at once, and in order: the drain need not wait for its deadline, at which they would be aborted."""
    recorder = Recorder()
    limits = Limits(first_byte=None, idle=None)
    with ThreadingTCPServer(("127.0.0.1", 0), handler, plugins=[recorder], limits=limits) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with socket.create_connection(server.server_address, timeout=20) as client:
            client.sendall(b"hello")
            # Until it is certain that the request is being handled.
            if handler is HeardDiscard:
                assert HeardDiscard.heard.wait(20)
            else:
                assert client.recv(5)
            stopper = threading.Thread(target=server.shutdown, kwargs={"drain": 30.0})
            stopper.start()
            while client.recv(65536):
                pass
        stopper.join()
        thread.join()
    assert [event[1]["outcome"] for event in recorder.events if event[0] == "connection_closed"] == ["ok"]
    recorder.close()
