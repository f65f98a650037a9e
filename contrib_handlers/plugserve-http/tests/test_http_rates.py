"""Requests that somebody counts."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import pytest

from plugserve import Context, Lane, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted
from plugserve_http import FilesHandler

GET = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"


class Decision(NamedTuple):
    allowed: bool
    retry_after: float = 0.0


class Counts:
    """A plugin that allows so many; `may_wait` says that it must not be asked on the server's loop."""

    def __init__(self, most: int, *, may_wait: bool) -> None:
        self.limiter, self.may_wait, self.left = self, may_wait, most
        self.lane = Lane(name="counting", threads=1)
        self.threads: list[str] = []

    @hookimpl
    def verify_request(self) -> None:
        """Abstain."""

    def request(self, context: Context) -> Decision:
        self.threads.append(threading.current_thread().name)
        self.left -= 1
        return Decision(self.left >= 0, 2.5)


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("may_wait", [False, True])
def test_one_request_too_many_is_answered_with_429_and_the_connection_goes_on(engine: str, may_wait: bool) -> None:
    """And says after how many whole seconds there will be a place. A limiter that waits is not asked on the loop."""
    counts = Counts(1, may_wait=may_wait)
    with hosted(engine, FilesHandler, plugins=[counts], options=FilesHandler.Options(keep_alive=9)) as host:
        client = host.connect()
        client.send(GET * 3)
        client.end()
        answers = client.rest().split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"404", b"429", b"429"]
    assert b"Retry-After: 3\r\n" in answers[1]
    if may_wait and engine == "multiplexing":
        assert set(counts.threads) == {"plugserve-counting_0"}


def test_a_request_whose_sender_is_not_admitted_is_counted_as_well() -> None:
    """Otherwise guessing would cost nothing."""

    class Asks:
        settled = checks_peers = checks_tokens = False
        checks_passwords = True

        @hookimpl
        def verify_request(self) -> None:
            """Abstain."""

        @property
        def authenticator(self) -> Any:
            return self

        def takes_secrets(self, context: Context) -> bool:
            return True

    with hosted("multiplexing", FilesHandler, plugins=[Counts(2, may_wait=False), Asks()]) as host:
        client = host.connect()
        client.send(GET * 3)
        client.end()
        assert [answer[:3] for answer in client.rest().split(b"HTTP/1.1 ")[1:]] == [b"401", b"401", b"429"]
