"""The engine `forking`: state lives in the parent, children come and go, and nothing is left of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ChildError,
    CoroutineHandler,
    ForkingTCPServer,
    RequestRejected,
    TCPServer,
    hookimpl,
)
from plugserve.testing import hosted

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="waits for a platform with fork()")


class Facts:
    """Keeps what the parent's observers are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    @hookimpl
    def connection_closed(self, context: Any, reason: str) -> None:
        self.told.append((context.outcome, context.bytes_in, context.bytes_out, context.identity, reason))

    @hookimpl
    def handle_error(self, exception: BaseException) -> None:
        self.told.append(exception)

    @hookimpl
    def request_rejected(self, context: Any, reason: str) -> None:
        self.told.append((context.rejected_by, reason))


def test_the_parent_learns_identity_totals_and_outcome_of_what_a_child_did() -> None:
    """They come through a pipe: observers see the same facts as on any other engine."""

    class Login(CoroutineHandler):
        async def handle(self) -> None:
            name = await self.connection.read()
            self.connection.identity = name.decode()
            self.connection.write(b"welcome")

    facts = Facts()
    with hosted("forking", Login, plugins=[facts]) as host:
        client = host.connect()
        client.send(b"alice")
        assert client.take(7) == b"welcome"
    assert facts.told == [("ok", 5, 7, "alice", "finished")]


def test_the_bytes_of_a_classic_handler_are_counted_by_the_kernel() -> None:
    """It is given the real socket, so the totals are those of TCP_INFO."""

    class Classic(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(b"x" * 1000)

    facts = Facts()
    with hosted("forking", Classic, plugins=[facts]) as host:
        client = host.connect()
        client.send(b"hallo")
        assert len(client.rest()) == 1000
    assert facts.told[0][1:3] == (5, 1000)


def test_an_exception_in_a_child_reaches_the_parents_observers_with_its_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As a ChildError: the exception itself died with the child."""

    class Fails(CoroutineHandler):
        async def handle(self) -> None:
            raise LookupError("nobody \udc80 knows")

        speaks_first = True

    facts = Facts()
    with hosted("forking", Fails, plugins=[facts]) as host:
        host.connect().rest()
    error = facts.told[0]
    assert isinstance(error, ChildError)
    assert (error.kind, error.text) == ("LookupError", "nobody \udc80 knows")
    assert "in handle" in error.trace
    assert facts.told[1][0] == "error"
    assert "LookupError" in capfd.readouterr().err


def test_a_refusal_by_setup_in_a_child_is_told_in_the_parent() -> None:
    """request_rejected runs where the counters are."""

    class Refuses:
        @hookimpl
        def setup(self) -> None:
            raise RequestRejected("no more room")

    facts = Facts()
    with hosted("forking", CoroutineHandler, plugins=[Refuses(), facts]) as host:
        client = host.connect()
        client.send(b"x")
        assert client.rest() == b""
    assert facts.told == [("refuses", "no more room")]


def test_a_child_that_is_killed_is_an_error_that_says_so() -> None:
    """Nothing was reported, so the parent says what it saw."""

    class Dies(CoroutineHandler):
        speaks_first = True

        async def handle(self) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

    facts = Facts()
    with hosted("forking", Dies, plugins=[facts]) as host:
        host.connect().rest()
    assert facts.told[1][0] == "error"
    assert "the child ended with signal 9 before it could report" in str(facts.told[0])


def test_silent_clients_that_fill_max_children_do_not_freeze_the_loop() -> None:
    """Further requests wait in the table; the loop accepts, rejects and shuts down as ever; each gets its turn."""
    accepted = threading.Semaphore(0)

    class Echo(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(self.request.recv(100))

    class Server(ForkingTCPServer):
        max_children = 2

    class Counts:
        @hookimpl
        def process_request(self) -> None:
            accepted.release()

    with Server(("127.0.0.1", 0), Echo, plugins=[Counts()]) as server:
        server._core_warned_of_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(3600,))
        thread.start()
        clients = [socket.create_connection(server.server_address, timeout=20) for _ in range(6)]
        for _ in clients:
            assert accepted.acquire(timeout=20), "all are accepted although only two are handled"
        assert len(server.active_children or ()) <= 2
        for client in clients:
            client.sendall(b"hallo")
            assert client.recv(100) == b"hallo"
            client.close()
        server.shutdown(drain=20)
        thread.join()


def test_a_child_does_not_hold_the_listener_or_other_clients() -> None:
    """What a long-lived child kept open, nobody else could end."""

    class Lists(BaseRequestHandler):
        def handle(self) -> None:
            sockets = [
                os.readlink(f"/proc/self/fd/{name}")
                for name in os.listdir("/proc/self/fd")
                if os.path.islink(f"/proc/self/fd/{name}")
            ]
            own = f"socket:[{os.fstat(self.request.fileno()).st_ino}]"
            listener = self.server.listener_inode  # type: ignore[attr-defined]
            self.request.sendall(repr((own in sockets, listener in sockets)).encode())

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("waits for a platform with /proc")
    with ForkingTCPServer(("127.0.0.1", 0), Lists) as server:
        server.listener_inode = f"socket:[{os.fstat(server.fileno()).st_ino}]"  # type: ignore[attr-defined]
        server._core_warned_of_threads = True
        with socket.create_connection(server.server_address, timeout=20) as client:
            server.handle_request()
            assert client.recv(100) == b"(True, False)"


def test_a_plain_fork_in_a_handler_lets_the_child_answer_and_the_parent_serve_on() -> None:
    """The seed's own suggestion: part of the request synchronously, the rest in a child."""
    children: list[int] = []

    class Forks(BaseRequestHandler):
        def handle(self) -> None:
            data = self.request.recv(100)
            pid = os.fork()
            if pid:
                children.append(pid)
                return
            self.request.sendall(data.upper())

    with TCPServer(("127.0.0.1", 0), Forks) as server:
        for _ in range(2):
            with socket.create_connection(server.server_address, timeout=20) as client:
                client.sendall(b"hallo")
                server.handle_request()
                assert client.recv(100) == b"HALLO"
                assert client.recv(100) == b""
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0


def test_server_close_with_a_deadline_ends_children_that_do_not_end() -> None:
    """Without a deadline it waits for them, as socketserver does."""

    class Hangs(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"!")
            signal.pause()

    server = ForkingTCPServer(("127.0.0.1", 0), Hangs)
    server._core_warned_of_threads = True
    with socket.create_connection(server.server_address, timeout=20) as client:
        server.handle_request()
        assert client.recv(1) == b"!"
        server.server_close(timeout=0.05)
    assert not server.active_children
