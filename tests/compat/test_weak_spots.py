"""Where the standard module is weak ours is right: each weakness has a test by the name of what happens instead."""

from __future__ import annotations

import errno
import gc
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve.testing import inject_accept_errors

from .helpers import ENGINES, FOREVER, PATIENCE, Echo, Serving, ask, connect, drain, serving

LOCAL = ("127.0.0.1", 0)
FORKING_WARNING = "forking while other threads run"

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


@pytest.fixture(autouse=True)
def _no_word_of_threads(no_drift: list[str]) -> Iterator[None]:
    """Tests fork while their own threads run, and the core says so: here it is known."""
    yield
    no_drift[:] = [record for record in no_drift if FORKING_WARNING not in record]


class Silent(plugserve.BaseRequestHandler):
    """Reads until its client ends, then says goodbye. `server.entered` is set when it has begun."""

    def handle(self) -> None:
        """Wait for the client."""
        self.server.entered.set()
        while self.request.recv(100):
            pass
        self.request.sendall(b"bye")


def make(name: str, Handler: Any = Echo, **members: Any) -> Any:
    """A server of one class, with some of its members replaced, and an event `entered` for its handlers."""
    server = type(f"Tested{name}", (getattr(plugserve, name),), members)(LOCAL, Handler)
    server.entered = threading.Event()
    return server


@contextmanager
def silent_client(server: Any) -> Iterator[socket.socket]:
    """A client who says nothing, once its handler has begun."""
    with connect(server) as client:
        assert server.entered.wait(PATIENCE)
        yield client


# -- nothing but its own stop ends serve_forever -------------------------------------------------------------------

PLACES = [
    *("verify_request", "get_request", "process_request", "finish_request", "shutdown_request", "close_request"),
    *("service_actions", "handle_error", "handle"),
]


def breakable(base: Any, place: str) -> Any:
    """A server whose method `place` raises `server.armed`, once."""

    class Breakable(base):  # type: ignore[misc]  # its base is made at run time
        armed: BaseException | None = None

        def fire(self) -> None:
            error, self.armed = self.armed, None
            if error is not None:
                raise error

        def handle_error(self, request: Any, client_address: Any) -> None:
            if place == "handle_error":
                self.fire()

    def method(self: Any, *args: Any) -> Any:
        last = place in ("shutdown_request", "close_request")
        if not last:
            self.fire()
        result = getattr(super(Breakable, self), place)(*args)
        if last:
            self.fire()
        return result

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            if place == "handle":
                self.server.fire()
            if place == "handle_error" and line == b"bad\n":
                raise ValueError("for handle_error")
            self.wfile.write(line)

    if place not in ("handle", "handle_error"):
        setattr(Breakable, place, method)
    return Breakable(LOCAL, Handler)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", PLACES)
def test_only_shutdown_ends_serve_forever(
    place: str, engine: str, no_drift: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a method or handler raises: the loop goes on and the next client is served."""
    # A thread that dies of what its handler raised says so, as it should; here it is known.
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    server = breakable(getattr(plugserve, engine), place)
    with serving(server, 0.01) as loop:
        for error in (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError):
            server.armed = error("at once")
            ask(server, b"bad\n")
            # It went off in a child, whose parent does not see that.
            server.armed = None
            assert ask(server) == b"hello\n"
            assert loop.thread.is_alive()
    no_drift.clear()


def test_a_signal_handler_that_exits_the_program_is_the_programs_own_business() -> None:
    """In the main thread Ctrl-C ends `serve_forever` with KeyboardInterrupt, as in the standard module."""
    program = """if True:
        import os, signal, threading, plugserve
        server = plugserve.TCPServer(("127.0.0.1", 0), plugserve.BaseRequestHandler)
        called = []
        def service_actions():
            if not called:
                called.append(True)
                os.kill(os.getpid(), signal.SIGINT)
        server.service_actions = service_actions
        try:
            server.serve_forever(0.01)
        except KeyboardInterrupt:
            print("interrupted")
        server.server_close()
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_a_request_that_cannot_be_verified_is_closed(no_drift: list[str]) -> None:
    """Its client sees the end of the stream at once, and `handle_request` raises, as in the standard module."""

    def verify_request(self: Any, request: Any, client_address: Any) -> bool:
        raise ValueError("cannot tell")

    with make("TCPServer", verify_request=verify_request) as server, connect(server) as client:
        with pytest.raises(ValueError, match="cannot tell") as caught:
            server.handle_request()
        # The exception, with all frames, is still here: nobody but the server has closed the connection.
        assert drain(client) == b""
        assert caught.value


def test_a_request_is_closed_even_if_handle_error_fails() -> None:
    """Its client sees the end of the stream, and `handle_request` raises, as in the standard module."""

    def handle_error(self: Any, request: Any, client_address: Any) -> None:
        raise RuntimeError("worse")

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            raise ValueError("bad")

    with make("TCPServer", Handler, handle_error=handle_error) as server, connect(server) as client:
        with pytest.raises(RuntimeError, match="worse") as caught:
            server.handle_request()
        assert drain(client) == b""
        assert caught.value


@needs_fork
@pytest.mark.parametrize("place", ["handle_error", "shutdown_request"])
def test_a_child_that_dies_of_its_own_methods_says_so(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Its traceback is printed: the standard module's child vanishes without a word."""

    def fail(self: Any, *args: Any) -> None:
        raise RuntimeError("the child's last words")

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            raise ValueError("bad")

    with make("ForkingTCPServer", Handler, **{place: fail}) as server, connect(server) as client:
        server.handle_request()
        assert drain(client) == b""
    assert "RuntimeError: the child's last words" in capfd.readouterr().err


# -- shutdown ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_shutdown_takes_effect_at_once(engine: str) -> None:
    """It does not wait for the poll interval, which here is an hour; and again it does nothing."""
    server = make(engine)
    loop = Serving(server, FOREVER)
    assert ask(server) == b"hello\n"
    server.shutdown()
    assert loop.ended()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("engine", ["TCPServer", "ThreadingTCPServer"])
def test_shutdown_may_be_called_by_a_handler(engine: str) -> None:
    """In the thread that serves it does not wait for itself; in another it waits for the loop."""

    class Handler(Echo):
        def handle(self) -> None:
            self.server.shutdown()
            super().handle()

    server = make(engine, Handler)
    loop = Serving(server, FOREVER)
    assert ask(server) == b"hello\n"
    assert loop.ended()
    server.server_close()


@needs_fork
def test_shutdown_in_a_child_concerns_the_child_only() -> None:
    """It does not wait for a loop that its process does not have, and the parent goes on."""

    class Handler(Echo):
        def handle(self) -> None:
            self.server.shutdown()
            super().handle()

    server = make("ForkingTCPServer", Handler)
    with serving(server):
        assert [ask(server), ask(server)] == [b"hello\n", b"hello\n"]


def test_shutdown_may_be_called_by_service_actions() -> None:
    """On the loop's own thread."""
    server = make("TCPServer", service_actions=lambda self: self.shutdown())
    server.serve_forever(0.01)
    server.server_close()


def test_shutdown_may_be_called_by_a_signal_handler() -> None:
    """In the main thread, while that thread is in the loop."""
    server = make("ThreadingTCPServer")

    def interrupt() -> None:
        # An answer says that the loop runs.
        assert ask(server) == b"hello\n"
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: server.shutdown())
    try:
        thread = threading.Thread(target=interrupt)
        thread.start()
        server.serve_forever(FOREVER)
        thread.join(PATIENCE)
    finally:
        signal.signal(signal.SIGTERM, before)
        server.server_close()


def test_shutdown_before_the_loop_ends_it_when_it_starts() -> None:
    """It does not wait for a loop that has not begun; the one after that serves again."""
    server = make("TCPServer")
    server.shutdown()
    server.serve_forever(FOREVER)
    with serving(server):
        assert ask(server) == b"hello\n"


def test_shutdown_may_be_called_by_many_threads_at_once() -> None:
    """All of them return, and the loop ends once."""
    server = make("TCPServer")
    loop = Serving(server, FOREVER)
    threads = [threading.Thread(target=server.shutdown) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not [thread for thread in threads if thread.is_alive()]
    assert loop.ended()
    server.server_close()


def test_shutdown_races_with_the_start_of_the_loop() -> None:
    """Whichever is first: neither waits for ever."""
    for _ in range(50):
        server = make("TCPServer")
        loop = Serving(server, FOREVER)
        server.shutdown()
        assert loop.ended()
        server.server_close()


def test_shutdown_ends_all_loops_of_a_server() -> None:
    """Several threads may serve it."""
    server = make("TCPServer", Silent)
    loops = [Serving(server, FOREVER) for _ in range(3)]
    with silent_client(server), connect(server) as second:
        second.shutdown(socket.SHUT_WR)
        # One loop is held up by the silent client; another serves this one.
        assert drain(second) == b"bye"
        stopper = threading.Thread(target=server.shutdown)
        stopper.start()
    assert all(loop.ended() for loop in loops)
    stopper.join(PATIENCE)
    assert not stopper.is_alive()
    server.server_close()


def test_shutdown_waits_for_the_request_in_the_loops_thread() -> None:
    """A synchronous server finishes what it is at, then `shutdown` returns."""
    server = make("TCPServer", Silent)
    loop = Serving(server, FOREVER)
    ended: list[str] = []
    stopper = threading.Thread(target=lambda: (server.shutdown(), ended.append("shutdown")))
    with silent_client(server) as client:
        stopper.start()
        client.shutdown(socket.SHUT_WR)
        assert drain(client) == b"bye"
    stopper.join(PATIENCE)
    assert ended == ["shutdown"]
    assert loop.ended()
    server.server_close()


# -- drain and deadlines -------------------------------------------------------------------------------------------


class SilentCoroutine(plugserve.CoroutineHandler):
    """The same as `Silent`, awaiting."""

    async def handle(self) -> None:
        """Wait for the client."""
        self.server.entered.set()
        while await self.connection.read():
            pass
        self.connection.write(b"bye")


@pytest.mark.parametrize("Handler", [Silent, SilentCoroutine])
def test_a_drain_lets_requests_finish(Handler: Any) -> None:
    """`shutdown(drain=seconds)` returns when the last one has ended, long before the deadline."""
    server = make("ThreadingTCPServer", Handler)
    loop = Serving(server, FOREVER)
    stopper = threading.Thread(target=server.shutdown, kwargs={"drain": FOREVER})
    with silent_client(server) as client:
        stopper.start()
        client.shutdown(socket.SHUT_WR)
        assert drain(client) == b"bye"
    stopper.join(PATIENCE)
    assert not stopper.is_alive()
    assert loop.ended()
    server.server_close()


@pytest.mark.parametrize("Handler", [Silent, SilentCoroutine])
def test_a_drain_ends_what_is_left_at_its_deadline(Handler: Any) -> None:
    """A client who stays silent is cut off, and nothing is left to wait for."""
    server = make("ThreadingTCPServer", Handler)
    loop = Serving(server, FOREVER)
    with silent_client(server) as client:
        server.shutdown(drain=0.01)
        assert loop.ended()
        # A classic handler takes it for the end of the stream, and answers to nobody.
        drain(client)
    server.server_close()


def test_a_drain_serves_who_was_connected_already() -> None:
    """The kernel has accepted the second client before the first was finished: it is answered."""
    server = make("TCPServer", Silent)
    loop = Serving(server, FOREVER)
    stopper = threading.Thread(target=server.shutdown, kwargs={"drain": FOREVER})
    with silent_client(server) as first, connect(server) as second:
        stopper.start()
        second.shutdown(socket.SHUT_WR)
        first.shutdown(socket.SHUT_WR)
        assert drain(first) == b"bye"
        assert drain(second) == b"bye"
    stopper.join(PATIENCE)
    assert not stopper.is_alive()
    assert loop.ended()
    server.server_close()


@pytest.mark.parametrize("Handler", [Silent, SilentCoroutine])
@pytest.mark.parametrize("engine", ["ThreadingTCPServer", pytest.param("ForkingTCPServer", marks=needs_fork)])
def test_server_close_has_a_deadline(engine: str, Handler: Any) -> None:
    """`server_close(timeout=seconds)` cuts off who is silent; no thread and no child is left."""

    def shutdown_request(self: Any, request: Any) -> None:
        getattr(plugserve, engine).shutdown_request(self, request)

    begun, tell = os.pipe()

    class Begins(Handler):  # type: ignore[misc]  # its base is a parameter
        def setup(self) -> None:
            os.write(tell, b"x")

    if issubclass(Handler, plugserve.CoroutineHandler):

        async def handle(self: Any) -> None:
            os.write(tell, b"x")
            await SilentCoroutine.handle(self)

        Begins.handle = handle
    server = make(engine, Begins, shutdown_request=shutdown_request)
    with connect(server) as client:
        server.handle_request()
        assert select.select([begun], [], [], PATIENCE)[0]
        server.server_close(timeout=0.01)
        drain(client)
    os.close(begun)
    os.close(tell)
    assert not [thread for thread in getattr(server, "_threads", ()) if thread.is_alive()]
    assert not getattr(server, "active_children", None)


def test_server_close_takes_the_deadline_whatever_overrides_it() -> None:
    """An override without the parameter, such as everybody has written, keeps working and passes nothing on."""
    closed: list[str] = []

    def server_close(self: Any) -> None:
        plugserve.ThreadingTCPServer.server_close(self)
        closed.append("override")

    server = make("ThreadingTCPServer", Silent, server_close=server_close)
    with connect(server) as client:
        server.handle_request()
        assert server.entered.wait(PATIENCE)
        server.server_close(timeout=0.01)
        drain(client)
    assert closed == ["override"]


def test_server_close_ends_a_loop_that_nobody_shut_down() -> None:
    """The standard module's loop spins on the closed descriptor; ours ends."""
    server = make("TCPServer")
    loop = Serving(server, FOREVER)
    assert ask(server) == b"hello\n"
    server.server_close()
    try:
        assert loop.ended()
    finally:
        server.shutdown()
    assert loop.error is None


# -- threads and children ------------------------------------------------------------------------------------------


def test_threads_are_not_kept_for_ever() -> None:
    """A thread that has ended is forgotten at once, not when the next request comes (gh-81374)."""
    threads: list[weakref.ref[threading.Thread]] = []

    class Handler(Echo):
        def handle(self) -> None:
            threads.append(weakref.ref(threading.current_thread()))
            super().handle()

    server = make("ThreadingTCPServer", Handler)
    with serving(server):
        for _ in range(5):
            assert ask(server) == b"hello\n"
        for reference in threads:
            thread = reference()
            if thread is not None:
                thread.join(PATIENCE)
            del thread
        assert len(server._threads) == 0
        gc.collect()
        assert [reference() for reference in threads] == [None] * 5


@needs_fork
def test_children_are_collected_without_another_request() -> None:
    """No zombie waits for the next client or for the end of the poll interval."""
    collected = threading.Event()

    def service_actions(self: Any) -> None:
        plugserve.ForkingTCPServer.service_actions(self)
        if self.active_children == set():
            collected.set()

    server = make("ForkingTCPServer", service_actions=service_actions)
    with serving(server):
        assert ask(server) == b"hello\n"
        assert collected.wait(PATIENCE)


@needs_fork
def test_only_own_children_are_collected() -> None:
    """A child of somebody else's remains to be waited for, with `max_children` at work, too (gh-75334)."""
    foreign = os.fork()
    if not foreign:
        os._exit(7)
    program = subprocess.Popen([sys.executable, "-c", "raise SystemExit(8)"])
    try:
        # Both are zombies before the server starts: it could take them.
        os.waitid(os.P_PID, foreign, os.WEXITED | os.WNOWAIT)
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
        server = make("ForkingTCPServer", max_children=1)
        with serving(server):
            clients = [connect(server) for _ in range(3)]
            for client in clients:
                client.sendall(b"hello\n")
            for client in clients:
                assert drain(client) == b"hello\n"
                client.close()
    finally:
        assert os.waitstatus_to_exitcode(os.waitpid(foreign, 0)[1]) == 7
        assert program.wait(PATIENCE) == 8


@needs_fork
def test_max_children_full_of_silent_clients_do_not_freeze_the_loop() -> None:
    """Others are accepted and verified meanwhile, and served as soon as one of the silent ends."""
    seen = threading.Semaphore(0)

    def verify_request(self: Any, request: Any, client_address: Any) -> bool:
        seen.release()
        return True

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(100):
                pass
            self.request.sendall(b"bye")

    server = make("ForkingTCPServer", Handler, max_children=2, verify_request=verify_request)
    with serving(server):
        clients = [connect(server) for _ in range(5)]
        for _ in clients:
            assert seen.acquire(timeout=PATIENCE)
        # All five are in, three of them wait for a child. The last ones first: they have spoken, the silent have not.
        for client in reversed(clients):
            client.shutdown(socket.SHUT_WR)
        assert [drain(client) for client in clients] == [b"bye"] * 5
        for client in clients:
            client.close()


@needs_fork
def test_a_fork_that_fails_costs_one_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of processes: that client is hung up on, the next one is served."""
    fork, failures = os.fork, [BlockingIOError(11, "Resource temporarily unavailable")]

    def scarce() -> int:
        if failures:
            raise failures.pop()
        return fork()

    monkeypatch.setattr(os, "fork", scarce)
    server = make("ForkingTCPServer")
    with serving(server):
        assert ask(server) == b""
        assert ask(server) == b"hello\n"
    assert "Resource temporarily unavailable" in capsys.readouterr().err


def test_a_thread_that_does_not_start_costs_one_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Out of threads: that client is hung up on, the next one is served, and `server_close` does not wait for a thread
    that never ran."""
    start, failures = threading.Thread.start, [RuntimeError("can't start new thread")]

    def scarce(self: threading.Thread) -> None:
        if threading.current_thread().name == "serving" and failures:
            raise failures.pop()
        start(self)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    server = make("ThreadingTCPServer")
    with serving(server):
        assert ask(server) == b""
        assert ask(server) == b"hello\n"
    assert len(server._threads) == 0
    assert "can't start new thread" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
@pytest.mark.parametrize("engine", ENGINES)
def test_running_out_of_descriptors_is_calm(engine: str) -> None:
    """One attempt to accept each 100 ms, one line in the log, old connections live, and recovery is at once."""
    script = Path(__file__).with_name("out_of_descriptors.py")
    done = subprocess.run(
        [sys.executable, script, engine], capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert done.stdout.splitlines() == [
        "exhausted 24",
        "attempts while the clock stands still: 1",
        "attempts after half the pause: 1",
        "attempts after the pause: 2",
        "attempts after another pause: 3",
        "lines logged: 1",
        "old connections live",
        "served afterwards: b'hello'",
        "closed: True",
    ], done.stderr
    assert done.returncode == 0


# -- clients -------------------------------------------------------------------------------------------------------


class Watch:
    """Remembers what hooks are told."""

    def __init__(self) -> None:
        self.rejected: list[tuple[Any, str]] = []
        self.closed: list[tuple[str, str]] = []
        self.errors: list[BaseException] = []
        self.told = threading.Event()

    @plugserve.hookimpl
    def request_rejected(self, client_address: Any, reason: str) -> None:
        """A request was refused."""
        self.rejected.append((client_address, reason))
        self.told.set()

    @plugserve.hookimpl
    def handle_error(self, exception: BaseException) -> None:
        """A handler failed."""
        self.errors.append(exception)

    @plugserve.hookimpl
    def connection_closed(self, context: plugserve.Context, reason: str) -> None:
        """A request has ended."""
        self.closed.append((context.outcome, reason))
        self.told.set()


@pytest.mark.parametrize(
    "engine", ["UDPServer", "ThreadingUDPServer", pytest.param("ForkingUDPServer", marks=needs_fork)]
)
def test_a_truncated_datagram_is_told_to_the_hook_and_never_delivered(engine: str) -> None:
    """The handler sees whole datagrams only; the sender's address and the reason are told."""
    watch = Watch()

    class Handler(plugserve.DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"got " + self.rfile.read())

    base = getattr(plugserve, engine)
    server = type("Small", (base,), {"max_packet_size": 10})(LOCAL, Handler, plugins=[watch])
    with serving(server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.bind(LOCAL)
        client.connect(server.server_address)
        client.send(b"x" * 11)
        client.send(b"y" * 10)
        assert client.recv(100) == b"got " + b"y" * 10
        (address, reason) = watch.rejected[0]
        assert address == client.getsockname()
    assert reason == "a datagram of more than 10 bytes was dropped"
    assert len(watch.rejected) == 1


def test_a_truncated_datagram_is_logged_if_no_hook_wants_it(no_drift: list[str]) -> None:
    """With the remedy."""
    server = type("Small", (plugserve.UDPServer,), {"max_packet_size": 10})(LOCAL, plugserve.BaseRequestHandler)
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x" * 11, server.server_address)
        server.handle_request()
    (line,) = no_drift
    assert "raise max_packet_size" in line
    no_drift.clear()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_client_that_hangs_up_is_no_traceback(engine: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It resets the connection while the handler writes: nothing is printed or logged, and the hooks are told of a peer
    that closed."""
    watch = Watch()

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            while True:
                self.request.sendall(bytes(65536))

    server = getattr(plugserve, engine)(LOCAL, Handler, plugins=[watch])
    with serving(server):
        client = connect(server)
        client.sendall(b"x")
        assert client.recv(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A forked child holds a copy of this descriptor: only SO_LINGER on the last close would reset. Shutting down
        # both ways makes the kernel answer what still comes with a reset.
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        assert watch.told.wait(PATIENCE)
    assert [outcome for outcome, _ in watch.closed] == ["peer-closed"]
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    assert "Exception occurred" not in printed


@pytest.mark.parametrize("engine", ["TCPServer", "ThreadingTCPServer"])
def test_a_handlers_trouble_with_somebody_else_is_a_traceback(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection error that does not come from the client is the handler's failure, and told as one."""
    watch = Watch()

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            raise ConnectionResetError(104, "the database hung up")

    server = getattr(plugserve, engine)(LOCAL, Handler, plugins=[watch])
    with serving(server), connect(server) as client:
        assert drain(client) == b""
        assert watch.told.wait(PATIENCE)
    assert [outcome for outcome, _ in watch.closed] == ["error"]
    assert "ConnectionResetError: [Errno 104] the database hung up" in capsys.readouterr().err


def test_a_mix_in_after_the_server_class_warns() -> None:
    """At class creation, with the order that works; the right order says nothing."""
    with pytest.warns(RuntimeWarning, match=r"class Wrong\(ThreadingMixIn, ...\)"):
        type("Wrong", (plugserve.TCPServer, plugserve.ThreadingMixIn), {})
    type("Right", (plugserve.ThreadingMixIn, plugserve.TCPServer), {})


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE], ids=["EMFILE", "ENFILE"])
def test_a_pause_of_the_listener_ends_by_itself(error: int, no_drift: list[str]) -> None:
    """Nobody has to do anything: the client that waits in the queue is served after it."""
    server = make("TCPServer")
    inject_accept_errors(server, [error])
    with serving(server):
        assert ask(server) == b"hello\n"
    assert len(no_drift) == 1
    no_drift.clear()


@pytest.mark.parametrize("mix_in", [plugserve.ThreadingMixIn, plugserve.ThreadPoolMixIn, plugserve.MultiplexingMixIn])
def test_a_mix_in_before_a_standard_server_is_refused(mix_in: type) -> None:
    """It would serve without any hook, vote or limit: the class cannot be made, and the message says what to do."""
    # Not http.server's: another test of this process may have imported that with our module in the place of its own.
    from socketserver import TCPServer

    with pytest.raises(TypeError, match=r"Mixed: a mix-in .* TCPServer stands on the standard socketserver: take a"):
        type("Mixed", (mix_in, TCPServer), {})
