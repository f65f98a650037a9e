"""The handlers on streams and datagrams of memory, with a clock and a chance of the test's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve.testing import MemorySocket, MemoryTCPServer, MemoryUDPServer, Recorder
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


class EpochDaytime(DaytimeHandler):
    def now(self) -> float:
        return 0.0


class EpochTime(TimeHandler):
    def now(self) -> float:
        return 0.9


class EpochQotd(QotdHandler):
    def now(self) -> float:
        return 0.0


def connect(handler: Any, options: Any = None, **arguments: Any) -> tuple[MemoryTCPServer, MemorySocket]:
    """A server of memory and a client that has just connected to it."""
    server = MemoryTCPServer(("198.51.100.1", 7007), handler, options=options, **arguments)
    client = server.connect()
    server.run()
    return server, client


# -- echo and discard ----------------------------------------------------------------------------------------------


@given(st.lists(st.binary()))
def test_echo_sends_back_every_byte_in_order(pieces: list[bytes]) -> None:
    """On a stream what comes is what goes, however it is cut."""
    handler = EchoHandler.for_test()
    assert handler.opened() is None
    assert b"".join(handler.receive(piece) or b"" for piece in pieces) == b"".join(pieces)
    assert handler.eof() is None
    assert handler.sent == []


@given(st.lists(st.binary()))
def test_discard_says_nothing(pieces: list[bytes]) -> None:
    """Whatever comes, nothing goes, and the connection stays."""
    handler = DiscardHandler.for_test()
    assert {handler.opened(), *(handler.receive(piece) for piece in pieces), handler.eof()} == {None}
    assert handler.sent == []
    assert not handler.was_closed


@pytest.mark.parametrize("handler, said", [(EchoHandler, b"hello"), (DiscardHandler, b"")])
def test_it_ends_when_the_client_ends(handler: Any, said: bytes) -> None:
    """RFC 862 and 863: this goes on until the client ends the connection."""
    server, client = connect(handler)
    with server:
        client.send(b"hello")
        server.run()
        assert client.take() == said
        assert not client.ended
        client.shutdown(1)
        server.run()
        assert client.take() == b""
        assert client.ended
        assert not client.was_reset


def test_echo_reads_no_more_than_its_client_takes() -> None:
    """A client that sends for ever and takes nothing is held back, and costs no more than the limits of the server."""
    server, client = connect(EchoHandler)
    with server:
        sent = 0
        for _ in range(200):
            try:
                sent += client.send(bytes(8192))
            except BlockingIOError:
                break
            server.run()
        assert sent < 1_000_000
        taken = 0
        while taken < sent:
            taken += len(client.take())
            server.run()
        client.shutdown(1)
        server.run()
        assert client.ended
        assert not client.was_reset


@pytest.mark.parametrize("handler", [EchoHandler, DiscardHandler])
def test_services_that_listen_first_say_so(handler: Any) -> None:
    """A client that never speaks costs no thread."""
    assert handler.speaks_first is False


# -- daytime, time, qotd -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "handler, options, said",
    [
        (EpochDaytime, DaytimeHandler.Options(utc=True), EPOCH_LINE),
        (EpochTime, None, EPOCH_TIME),
        (EpochQotd, None, b"A server that cannot be stopped cannot be started again.\r\n"),
    ],
)
def test_on_a_stream_it_is_said_at_once_and_the_connection_closed(handler: Any, options: Any, said: bytes) -> None:
    """RFC 865, 867 and 868: the server sends and closes; a client need not say a word."""
    assert handler.speaks_first is True
    server, client = connect(handler, options)
    with server:
        assert client.take() == said
        assert client.ended
        client.shutdown(1)
        server.run()
        assert not client.was_reset


@pytest.mark.parametrize("handler", [EpochDaytime, EpochTime, EpochQotd])
def test_what_the_client_sends_is_thrown_away(handler: Any) -> None:
    """RFC 865 and 867: "any data received is thrown away"; it does not reset the connection."""
    server = MemoryTCPServer(("198.51.100.1", 7007), handler)
    with server:
        client = server.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        server.run()
        client.send(b"more")
        client.shutdown(1)
        server.run()
        assert client.take()
        assert client.ended
        assert not client.was_reset


def test_a_clock_that_fails_sends_nothing() -> None:
    """RFC 868: a server that cannot tell the time closes the connection without sending anything."""

    class Broken(TimeHandler):
        def now(self) -> float:
            raise OSError("no clock")

    class Quiet(MemoryTCPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """It is expected."""

    with Quiet(("198.51.100.1", 7007), Broken) as server:
        client = server.connect()
        server.run()
        assert client.take() == b""
        assert client.ended


@pytest.mark.parametrize("size, answered", [(0, False), (4, False), (5, True), (100, True)])
def test_time_answers_what_is_longer_than_itself(size: int, answered: bool) -> None:
    """By default a datagram of five bytes or more gets the four of the time, and a shorter one nothing."""
    with MemoryUDPServer(("198.51.100.1", 7037), EpochTime) as server:
        server.send_datagram(bytes(size))
        server.run()
        assert [data for data, _ in server.take_replies()] == ([EPOCH_TIME] if answered else [])


def test_replies_are_whole() -> None:
    """A reply that would be too long is left out, not cut: half a date is a wrong date."""
    options = DaytimeHandler.Options(utc=True)
    with MemoryUDPServer(("198.51.100.1", 7013), EpochDaytime, options=options) as server:
        for size in range(60):
            server.send_datagram(bytes(size))
            server.run()
            assert [data for data, _ in server.take_replies()] == ([EPOCH_LINE] if size > len(EPOCH_LINE) else [])


def test_the_quote_changes_with_the_day() -> None:
    """On one day it is the same from midnight to midnight UTC, on the next one the next; then they start again."""
    now = [0.0]

    class Clocked(QotdHandler):
        def now(self) -> float:
            return now[0]

    quotes = QotdHandler.Options().quotes
    with MemoryTCPServer(("198.51.100.1", 7017), Clocked) as server:
        for day in range(2 * len(quotes)):
            for second in (0.0, 86399.9):
                now[0] = day * 86400 + second
                client = server.connect()
                server.run()
                assert client.take() == quotes[day % len(quotes)]
                client.close()


def test_a_random_quote_is_drawn_each_time() -> None:
    """With `pick="random"` chance decides, among all quotes."""
    draws = iter([2, 0, 1])
    options = QotdHandler.Options(pick="random")

    class Drawn(QotdHandler):
        def draw(self, count: int) -> int:
            assert count == len(options.quotes)
            return next(draws)

    with MemoryTCPServer(("198.51.100.1", 7017), Drawn, options=options) as server:
        for index in (2, 0, 1):
            client = server.connect()
            server.run()
            assert client.take() == options.quotes[index]
            client.close()


# -- chargen -------------------------------------------------------------------------------------------------------


def test_chargen_waits_for_its_client() -> None:
    """It makes what the client takes and little more, however long that takes; no byte is lost on the way."""
    server, client = connect(ChargenHandler)
    with server:
        taken = client.take()
        assert len(taken) == 65536  # what the wire holds
        while len(taken) < 3_000_000:
            server.advance(1)
            more = client.take()
            assert len(more) <= 65536
            taken += more
        assert taken == characters(0, len(taken))
        client.close()
        server.run()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_of_chargen_may_leave_rudely(leave: str) -> None:
    """RFC 864: be prepared for "the rude abort"; it is no error of the server."""
    recorder = Recorder()
    server, client = connect(ChargenHandler, plugins=[recorder])
    with server:
        client.take()
        getattr(client, leave)()
        server.run()
    assert "handled" in recorder.hooks
    assert [event[1]["outcome"] for event in recorder.events if event[0] == "connection_closed"] != ["error"]
    recorder.close()


def test_chargen_goes_on_when_the_client_has_nothing_more_to_say() -> None:
    """RFC 864: what the client sends is thrown away, its end of stream too; only its closing ends the stream."""
    server, client = connect(ChargenHandler)
    with server:
        taken = client.take()
        client.send(b"anything" * 1000)
        server.run()
        client.shutdown(1)
        while len(taken) < 500_000:
            server.run()
            more = client.take()
            assert more
            taken += more
        assert taken == characters(0, len(taken))
        client.close()
        server.run()


@pytest.mark.parametrize("limit", [1, 74, 10_000, 200_000])
def test_chargen_stops_at_its_limit(limit: int) -> None:
    """With `limit` the stream has so many bytes, and then ends in order."""
    server, client = connect(ChargenHandler, ChargenHandler.Options(limit=limit))
    with server:
        taken = client.take()
        while not client.ended:
            server.run()
            taken += client.take()
        assert taken == characters(0, limit)
        client.close()
        server.run()


@pytest.mark.parametrize("rate", [1, 7, 740, 50_000])
def test_chargen_keeps_to_its_rate(rate: int) -> None:
    """With `rate`, in so many seconds no more than so many times the rate is sent, and hardly less."""
    server, client = connect(ChargenHandler, ChargenHandler.Options(rate=rate))
    with server:
        taken = client.take()
        step = max(1, rate // 10)
        for second in range(1, 21):
            server.advance(1)
            taken += client.take()
            assert rate * second - step <= len(taken) <= rate * second + step
        assert taken == characters(0, len(taken))
        client.close()
        server.advance(2)


def test_chargen_lets_others_run() -> None:
    """A client that takes everything at once does not stop the loop of an engine that handles requests on it."""
    with MemoryTCPServer(("198.51.100.1", 7019), ChargenHandler) as server:
        client = server.connect(capacity=50_000_000)
        server.run()
        assert len(client.take()) == 1024 * 1024
        client.close()
        server.advance(1)
