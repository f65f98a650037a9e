"""A protocol handler gives back input that it has not looked at, so that much output for little input is bounded."""

from __future__ import annotations

import pytest

from plugserve import Limits, ProtocolHandler
from plugserve.testing import STREAM_ENGINES, hosted

PIECE = 40_000


class Generous(ProtocolHandler):
    """Answers each byte with many, one byte at a time."""

    def receive(self, data: bytes) -> bytes:
        if len(data) > 1:
            self.put_back(data[1:])
        return data[:1] * PIECE


@pytest.mark.parametrize("engine", list(STREAM_ENGINES))
def test_what_is_put_back_comes_again_once_the_output_is_taken(engine: str) -> None:
    """In order, before what arrives later, and never more unsent than the limits allow."""
    letters = bytes(range(60, 120))
    with hosted(engine, Generous, limits=Limits(high_water=50_000, output=100_000)) as host:
        client = host.connect()
        client.send(letters[:50])
        client.send(letters[50:])
        client.end()
        assert client.rest() == b"".join(letters[at : at + 1] * PIECE for at in range(60))


def test_a_handler_without_a_server_can_be_asked_what_it_put_back() -> None:
    """The rest lies at the connection, and what is returned is returned."""
    handler = Generous.for_test()
    assert handler.receive(b"ab") == b"a" * PIECE
    assert handler.connection._unread == b"b"
