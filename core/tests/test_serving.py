from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from plugserve import CoroutineHandler, ThreadingTCPServer
from plugserve.serving import serve_processes, serve_threads

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")


class Echo(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data)


class Server(ThreadingTCPServer):
    """Counts how often it was closed."""

    closed = 0

    def server_close(self) -> None:
        self.closed += 1
        super().server_close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two echo servers on free ports."""
    made = [Server(("127.0.0.1", 0), Echo) for _ in range(2)]
    yield made
    for server in made:
        server.server_close()


def _stop_me(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_servers_and_closes_them(servers: list[Server], number: int) -> None:
    """The status is 0, each server is closed once, and the handlers of before are back."""
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    assert serve_threads(servers, ready=lambda: _stop_me(number)) == 0
    assert [server.closed for server in servers] == [1, 1]
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before


def test_a_signal_that_another_thread_takes_is_heard(servers: list[Server]) -> None:
    """The kernel may deliver a signal to any thread; the main thread, which waits in a system call, must wake up."""

    def ready() -> None:
        threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()

    assert serve_threads(servers, ready=ready) == 0


def test_a_request_that_is_being_handled_may_finish_after_the_signal(servers: list[Server]) -> None:
    """A client who was there before is answered while its server drains."""
    answers: list[bytes] = []

    def client() -> None:
        address = servers[0].server_address
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(b"before")
            answers.append(connection.recv(100))
            _stop_me()
            while not any(connection.draining for connection in list(servers[0]._core_requests.values())):
                pass
            connection.sendall(b"after")
            answers.append(connection.recv(100))

    thread = threading.Thread(target=client)
    assert serve_threads(servers, ready=thread.start) == 0
    thread.join()
    assert answers == [b"before", b"after"]


def test_the_beginning_of_the_drain_is_told_with_what_it_waits_for(servers: list[Server]) -> None:
    """How many requests of all servers are not finished, and for how long they may."""
    told: list[tuple[int, float]] = []
    with contextlib.ExitStack() as clients:

        def connect() -> None:
            for server in (*servers, servers[0]):
                client = clients.enter_context(socket.create_connection(server.server_address, timeout=20))
                client.sendall(b"x")
                assert client.recv(1) == b"x"
            _stop_me()

        serve_threads(servers, drain=0.01, ready=connect, draining=lambda *facts: told.append(facts))
    assert told == [(3, 0.01)]


def test_what_is_left_at_the_deadline_is_aborted(servers: list[Server]) -> None:
    """A client who stays silent does not hold the program up for longer than the drain."""
    with socket.socket() as client:

        def connect() -> None:
            client.connect(servers[0].server_address)
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            _stop_me()

        assert serve_threads(servers, drain=0.01, ready=connect) == 0
        client.settimeout(20)
        assert client.recv(1) == b""


def test_a_server_that_is_shut_down_from_inside_ends_the_others(servers: list[Server]) -> None:
    """A half of what was asked for is not what was asked for."""

    def ready() -> None:
        # A shutdown may come before the loop, but not before the loop of another.
        servers[1].shutdown()

    assert serve_threads(servers, ready=ready) == 0
    assert [server.closed for server in servers] == [1, 1]


def test_a_loop_that_breaks_down_is_reported_and_ends_the_others(servers: list[Server], no_drift: list[str]) -> None:
    """The status is 70 and the log names the listener."""

    def broken(poll_interval: float = 0.5) -> None:
        raise OSError("no more")

    servers[1].serve_forever = broken  # type: ignore[method-assign]
    assert serve_threads(servers) == 70
    assert no_drift == [f"the listener {servers[1].listener_name} ended: OSError: no more"]
    no_drift.clear()


def test_one_server_of_a_forking_engine_runs_in_the_main_thread(servers: list[Server]) -> None:
    """No other thread is there when it forks."""
    names: list[str] = []

    class Loop(Server):
        def service_actions(self) -> None:
            names.append(threading.current_thread().name)
            self.shutdown()

    def make() -> Loop:
        return Loop(("127.0.0.1", 0), Echo)

    assert serve_processes([make]) == 0
    assert names
    assert set(names) == {threading.main_thread().name}
