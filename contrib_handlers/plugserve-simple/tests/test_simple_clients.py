"""Programs that people use to talk to these services."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve.testing import hosted
from plugserve_simple import ChargenHandler, DaytimeHandler, DiscardHandler, EchoHandler, QotdHandler, TimeHandler
from plugserve_simple.protocol import characters

PATIENCE = 30.0


class EpochDaytime(DaytimeHandler):
    def now(self) -> float:
        return 0.0


class EpochTime(TimeHandler):
    def now(self) -> float:
        return 0.0


class EpochQotd(QotdHandler):
    def now(self) -> float:
        return 0.0


@contextmanager
def service(handler: Any, options: dict[str, Any], *, datagrams: bool = False) -> Iterator[tuple[str, str]]:
    """Host and port of a running service, as words of a command line."""
    made = handler.Options(**options) if options else None
    with hosted("threading", handler, datagrams=datagrams, options=made) as host:
        name, port = host.server.server_address
        yield name, str(port)


def output(*command: str, said: bytes = b"") -> bytes:
    """What a client that comes to an end by itself prints."""
    return subprocess.run(command, input=said, stdout=subprocess.PIPE, timeout=PATIENCE, check=True).stdout


def reply(*command: str, said: bytes, size: int) -> bytes:
    """What a client prints that would wait for more for ever, as those of datagrams do."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(said)
            process.stdin.flush()
            return process.stdout.read(size)
        finally:
            process.kill()


SAID = [
    (EchoHandler, {}, b"hello\n", b"hello\n"),
    (DiscardHandler, {}, b"hello\n", b""),
    (EpochDaytime, {"utc": True}, b"", b"Thu Jan  1 00:00:00 1970\r\n"),
    (EpochTime, {}, b"", b"\x83\xaa\x7e\x80"),
    (EpochQotd, {}, b"", b"A server that cannot be stopped cannot be started again.\r\n"),
    (ChargenHandler, {"limit": 100_000}, b"", characters(0, 100_000)),
]


@pytest.mark.parametrize("handler, options, said, expected", SAID)
def test_ncat_over_tcp(
    program: Callable[[str], str], handler: Any, options: dict[str, Any], said: bytes, expected: bytes
) -> None:
    """ncat sends its input, prints what comes, and ends when the service does."""
    ncat = program("ncat")
    with service(handler, options) as address:
        assert output(ncat, *address, said=said) == expected


@pytest.mark.parametrize("handler, options, said, expected", SAID)
def test_socat_over_tcp(
    program: Callable[[str], str], handler: Any, options: dict[str, Any], said: bytes, expected: bytes
) -> None:
    """socat does the same."""
    socat = program("socat")
    with service(handler, options) as address:
        assert output(socat, "-t30", "-", "TCP:" + ":".join(address), said=said) == expected


def test_a_client_of_chargen_that_has_enough_just_leaves(program: Callable[[str], str]) -> None:
    """`ncat ... | head`: the client is gone in the middle of the stream, and the next one is served."""
    ncat = program("ncat")
    with service(ChargenHandler, {}) as address:
        for _ in range(2):
            assert reply(ncat, *address, said=b"", size=500_000) == characters(0, 500_000)


DATAGRAMS = [
    (EchoHandler, {}, b"hello\n", b"hello\n"),
    (EpochDaytime, {"utc": True}, bytes(64), b"Thu Jan  1 00:00:00 1970\r\n"),
    (EpochDaytime, {"utc": True, "udp": "rfc"}, b"\n", b"Thu Jan  1 00:00:00 1970\r\n"),
    (EpochTime, {}, bytes(5), b"\x83\xaa\x7e\x80"),
    (EpochQotd, {}, bytes(512), b"A server that cannot be stopped cannot be started again.\r\n"),
]


@pytest.mark.parametrize("handler, options, said, expected", DATAGRAMS)
def test_ncat_over_udp(
    program: Callable[[str], str], handler: Any, options: dict[str, Any], said: bytes, expected: bytes
) -> None:
    """ncat sends its input as one datagram and prints the reply."""
    ncat = program("ncat")
    with service(handler, options, datagrams=True) as address:
        assert reply(ncat, "-u", *address, said=said, size=len(expected)) == expected


@pytest.mark.parametrize("handler, options, said, expected", DATAGRAMS)
def test_socat_over_udp(
    program: Callable[[str], str], handler: Any, options: dict[str, Any], said: bytes, expected: bytes
) -> None:
    """socat does the same."""
    socat = program("socat")
    with service(handler, options, datagrams=True) as address:
        assert reply(socat, "-", "UDP:" + ":".join(address), said=said, size=len(expected)) == expected
