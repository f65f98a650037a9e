"""The engine `thread-pool`: how many requests at once, how many wait, and what becomes of the others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import plugserve
from plugserve import BaseRequestHandler, ConfigurationError, Limits, ProtocolHandler, ThreadPoolTCPServer, hookimpl
from plugserve.testing import STREAM_ENGINES, hosted

PATIENCE = 20


class Gate:
    """Holds handlers up until a test lets them go, and says when they are there."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.open = threading.Event()
        self.threads: set[str] = set()

    def handler(self) -> type[BaseRequestHandler]:
        gate = self

        class Held(BaseRequestHandler):
            speaks_first = True

            def handle(self) -> None:
                gate.threads.add(threading.current_thread().name + str(threading.get_ident()))
                gate.inside.release()
                gate.open.wait(PATIENCE)
                self.request.sendall(b"done")

        return Held


class Refusals:
    """Notes who was refused, and by whom."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str]] = []
        self.happened = threading.Semaphore(0)

    @hookimpl
    def request_rejected(self, context: plugserve.Context, reason: str) -> None:
        self.told.append((context.rejected_by, reason))
        self.happened.release()


@contextmanager
def _served(handler: Any, attributes: dict[str, Any], **arguments: Any) -> Iterator[ThreadPoolTCPServer]:
    cls = type("Pool", (ThreadPoolTCPServer,), attributes)
    with cls(("127.0.0.1", 0), handler, **arguments) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown()
            loop.join()


def _connect(server: Any) -> socket.socket:
    return socket.create_connection(server.server_address, timeout=PATIENCE)


def _answer(client: socket.socket) -> bytes:
    with client:
        try:
            return b"".join(iter(lambda: client.recv(100), b""))
        except ConnectionResetError:
            return b""


def test_no_more_requests_are_handled_at_once_than_there_are_workers() -> None:
    """The others wait, and each is served when its turn comes; the workers are the same threads throughout."""
    gate = Gate()
    with _served(gate.handler(), {"workers": 2}) as server:
        clients = [_connect(server) for _ in range(6)]
        for _ in range(2):
            assert gate.inside.acquire(timeout=PATIENCE)
        assert not gate.inside.acquire(blocking=False)
        gate.open.set()
        assert [_answer(client) for client in clients] == [b"done"] * 6
        assert len(gate.threads) <= 2


def test_when_full_a_request_is_refused_at_once_if_so_asked() -> None:
    """One is handled, one waits in the queue, the third is refused by the limits with a reason."""
    gate, refusals = Gate(), Refusals()
    attributes = {"workers": 1, "queue_size": 1, "when_full": "refuse"}
    with _served(gate.handler(), attributes, plugins=[refusals]) as server:
        first = _connect(server)
        assert gate.inside.acquire(timeout=PATIENCE)
        second, third = _connect(server), _connect(server)
        assert refusals.happened.acquire(timeout=PATIENCE)
        assert _answer(third) == b""
        gate.open.set()
        assert (_answer(first), _answer(second)) == (b"done", b"done")
    assert refusals.told == [("limits", "all workers are busy, and as many requests wait as may")]


def test_when_full_a_request_waits_in_the_table_and_is_served() -> None:
    """No thread is spent on it; `requests()` shows it as queued."""
    gate = Gate()
    with _served(gate.handler(), {"workers": 1, "queue_size": 1}) as server:
        clients = [_connect(server)]
        assert gate.inside.acquire(timeout=PATIENCE)
        clients += [_connect(server) for _ in range(4)]
        while [row.state for row in server.requests()] != ["handling", "moved", "queued", "queued", "queued"]:
            pass
        assert len({row.id for row in server.requests()}) == 5
        gate.open.set()
        assert [_answer(client) for client in clients] == [b"done"] * 5


def test_who_waits_too_long_is_refused() -> None:
    """After `wait_timeout`, while the worker is still busy."""
    gate, refusals = Gate(), Refusals()
    attributes = {"workers": 1, "queue_size": 1, "wait_timeout": 0.05}
    with _served(gate.handler(), attributes, plugins=[refusals]) as server:
        first = _connect(server)
        assert gate.inside.acquire(timeout=PATIENCE)
        second, third = _connect(server), _connect(server)
        assert refusals.happened.acquire(timeout=PATIENCE)
        assert _answer(third) == b""
        gate.open.set()
        assert (_answer(first), _answer(second)) == (b"done", b"done")
    assert refusals.told == [("limits", "no place became free in time")]


def test_closing_the_server_finishes_what_is_queued() -> None:
    """As with threads: `server_close()` waits for what was accepted, and no worker is left."""
    gate = Gate()
    with _served(gate.handler(), {"workers": 1}) as server:
        clients = [_connect(server) for _ in range(3)]
        assert gate.inside.acquire(timeout=PATIENCE)
        while len(server.requests()) < 3:
            pass
        gate.open.set()
    assert [_answer(client) for client in clients] == [b"done"] * 3


def test_a_silent_client_takes_no_worker() -> None:
    """It waits in the table for its first byte, while the only worker serves others."""

    class Echo(ProtocolHandler):
        speaks_first = False

        def receive(self, data: bytes) -> bytes:
            self.close()
            return data

    with _served(Echo, {"workers": 1}) as server:
        silent = [_connect(server) for _ in range(20)]
        with _connect(server) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"
        for client in silent:
            client.close()


def test_a_worker_survives_what_its_handler_raises(capfd: pytest.CaptureFixture[str]) -> None:
    """Even SystemExit: the next request is handled by the same thread."""
    seen: list[int] = []

    class Exits(BaseRequestHandler):
        speaks_first = True

        def handle(self) -> None:
            seen.append(threading.get_ident())
            raise SystemExit("enough")

    with _served(Exits, {"workers": 1}) as server:
        for _ in range(3):
            assert _answer(_connect(server)) == b""
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("option", ["workers", "queue_size", "wait_timeout"])
def test_numbers_that_make_no_sense_are_refused(option: str) -> None:
    """In a configuration, by name."""
    with pytest.raises(ConfigurationError, match="above 0") as caught:
        plugserve.ThreadPoolMixIn.check_engine_options(**{option: 0})
    assert caught.value.option == option


def test_threads_can_be_capped_and_the_others_wait_in_the_table() -> None:
    """With `max_threads` a thread a request is no way to run out of threads."""
    gate = Gate()
    cls = type("Capped", (plugserve.ThreadingTCPServer,), {"max_threads": 2, "request_queue_size": 64})
    with cls(("127.0.0.1", 0), gate.handler()) as server:
        loop = threading.Thread(target=server.serve_forever, args=(3600,))
        loop.start()
        try:
            clients = [_connect(server) for _ in range(6)]
            while sorted(row.state for row in server.requests()) != ["handling"] * 2 + ["queued"] * 4:
                pass
            gate.open.set()
            assert [_answer(client) for client in clients] == [b"done"] * 6
        finally:
            server.shutdown()
            loop.join()
    with pytest.raises(ConfigurationError, match="give 1 or more"):
        plugserve.ThreadingMixIn.check_engine_options(max_threads=0)


@pytest.mark.parametrize("attributes", [{"max_threads": 1}, {"workers": 1, "queue_size": 1}], ids=["threads", "pool"])
def test_who_still_waits_when_the_server_closes_is_refused(attributes: dict[str, Any]) -> None:
    """Nothing is left open, and the observers are told; who was being handled is waited for."""
    gate, refusals = Gate(), Refusals()
    base = plugserve.ThreadingTCPServer if "max_threads" in attributes else ThreadPoolTCPServer
    server = type("Closing", (base,), attributes)(("127.0.0.1", 0), gate.handler(), plugins=[refusals])
    loop = threading.Thread(target=server.serve_forever, args=(3600,))
    loop.start()
    clients = [_connect(server) for _ in range(4)]
    while len(rows := server.requests()) < 4 or sum(row.state == "queued" for row in rows) < 2:
        pass
    server.shutdown()
    loop.join()
    closer = threading.Thread(target=server.server_close)
    closer.start()
    assert refusals.happened.acquire(timeout=PATIENCE)
    gate.open.set()
    closer.join()
    answers = [_answer(client) for client in clients]
    assert answers[0] == b"done"
    assert answers[-1] == b""
    assert answers.count(b"") == len(refusals.told)
    assert set(refusals.told) == {("limits", "the server was closed")}
    assert server.requests() == []


class Polite(ProtocolHandler):
    """Has words for clients too many."""

    speaks_first = True

    @classmethod
    def refusal(cls, reason: str) -> bytes:
        return b"421 too many connections\r\n"

    def opened(self) -> bytes:
        return b"220 hello\r\n"


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_a_client_too_many_is_told_so_in_the_words_of_the_protocol(engine: str) -> None:
    """On every engine, when the cap of connections is reached; who was there before is served on."""
    with hosted(engine, Polite, limits=Limits(connections=1)) as host:
        first = host.connect()
        assert first.take(11) == b"220 hello\r\n"
        if engine == "sync":
            return  # one at a time: its loop accepts nobody meanwhile
        second = host.connect()
        assert second.rest() == b"421 too many connections\r\n"


def test_a_client_that_no_worker_is_free_for_is_told_so_too() -> None:
    """The engine's refusal is a refusal like that of the cap."""
    gate = Gate()

    class Held(Polite):
        def opened(self) -> bytes:
            gate.inside.release()
            gate.open.wait(PATIENCE)
            return super().opened()

        def receive(self, data: bytes) -> None:
            self.close()

    with _served(Held, {"workers": 1, "queue_size": 1, "when_full": "refuse"}) as server:
        first = _connect(server)
        assert gate.inside.acquire(timeout=PATIENCE)
        second, third = _connect(server), _connect(server)
        assert _answer(third) == b"421 too many connections\r\n"
        gate.open.set()
        for client in (first, second):
            assert client.recv(100) == b"220 hello\r\n"
            client.close()
