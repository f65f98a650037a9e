"""What happens on the stage: one function a scenario, the same for both modules.

Each says for which server classes it is. A scenario notes what it sees; nothing in it knows which module it runs on.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from .stage import CLASSES, PATIENCE, Stage, describe

BIG = bytes(range(256)) * 4096 + b"\n"  # 1 MiB: more than any socket buffer takes at once


class Scenario(NamedTuple):
    """One scenario, and the classes it is for."""

    name: str
    play: Callable[[Stage], object]
    classes: tuple[str, ...]


SCENARIOS: list[Scenario] = []


def scenario(
    *, stream: bool | None = None, engines: tuple[str, ...] = ("sync", "threading", "forking"), transports: str = ""
) -> Callable[[Callable[[Stage], object]], Callable[[Stage], object]]:
    """Declare a scenario.

    Parameters:
        stream: for stream servers only (True), for datagram servers only (False), or for both.
        engines: for which engines.
        transports: for which transports, separated by spaces; all by default.
    """

    def declare(play: Callable[[Stage], object]) -> Callable[[Stage], object]:
        classes = tuple(
            name
            for name, (engine, transport) in CLASSES.items()
            if engine in engines
            and (stream is None or stream == (transport in ("tcp", "unix")))
            and (not transports or transport in transports.split())
        )
        SCENARIOS.append(Scenario(play.__name__, play, classes))
        return play

    return declare


# -- requests that go well -----------------------------------------------------------------------------------------


@scenario()
def echo_once(stage: Stage) -> None:
    """`handle_request` serves one client, every method noting its calls."""
    stage.make()
    stage.once(stage.ask)


@scenario()
def echo_plain(stage: Stage) -> None:
    """The class as it is, without an override."""
    stage.make(Server=stage.base)
    with stage.serving():
        stage.ask()
        stage.ask()


@scenario()
def echo_served(stage: Stage) -> None:
    """`serve_forever` serves one client after the other."""
    stage.make()
    with stage.serving():
        for _ in range(3):
            stage.ask()


@scenario()
def large(stage: Stage) -> None:
    """A request and an answer that are bigger than the sockets' buffers; a datagram as big as is allowed."""
    stage.make()
    data = BIG if stage.is_stream else b"x" * 8191 + b"\n"
    with stage.serving():
        stage.ask(data.replace(b"\n", b"-")[:-1] + b"\n")


@scenario(stream=True)
def half_close(stage: Stage) -> None:
    """The client ends its stream and still gets its answer."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.wfile.write(self.rfile.read()[::-1])

    stage.make(stage.stream_handler(handle=handle))
    stage.once(lambda: stage.ask(b"abc", end=True))


@scenario(stream=True)
def raw_request(stage: Stage) -> None:
    """A `BaseRequestHandler` on the bare socket, which it may close itself."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle", type(self.request).__name__, self.request.gettimeout())
        self.request.sendall(self.request.recv(100))
        self.request.shutdown(socket.SHUT_RDWR)
        self.request.close()

    stage.make(stage.handler(stage.module.BaseRequestHandler, handle=handle))
    stage.once(stage.ask)


@scenario(stream=False)
def raw_datagram(stage: Stage) -> None:
    """A `BaseRequestHandler` gets the packet and the server's socket, and may answer as often as it likes."""

    def handle(self: Any) -> None:
        data, sock = self.request
        stage.about(self.request, "handle", data, sock is self.server.socket)
        for answer in (b"one", b"two"):
            sock.sendto(answer, self.client_address)

    stage.make(stage.handler(stage.module.BaseRequestHandler, handle=handle))

    def client() -> None:
        with stage.connect() as sock:
            sock.send(b"hello")
            stage.listen_to(sock)
            stage.listen_to(sock)

    stage.once(client)


@scenario(stream=False)
def empty_datagram(stage: Stage) -> None:
    """A datagram without a byte is a request, too, and so may its answer be."""
    stage.make()
    stage.once(lambda: stage.ask(b""))


@scenario(transports="unix-dgram")
def nameless_client(stage: Stage) -> None:
    """A Unix client without a name cannot be answered."""
    stage.make()

    def client() -> None:
        with stage.connect(bound=False) as sock:
            sock.send(b"hello\n")

    stage.once(client)


@scenario(stream=False)
def truncated(stage: Stage) -> None:
    """A datagram that is longer than `max_packet_size`."""
    Server = stage.traced(max_packet_size=10)
    stage.make(Server=Server)
    stage.tell(b"x" * 11 + b"\n")
    stage.once()


@scenario()
def several_waiting(stage: Stage) -> None:
    """Clients that came before the loop did are served in their order."""
    stage.make()
    clients = [stage.connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(b"%d\n" % number)
    with stage.serving():
        for number, client in enumerate(clients, 1):
            with client:
                stage.listen_to(client, number)


# -- clients that hang up ------------------------------------------------------------------------------------------


@scenario(transports="tcp")
def reset_before_reading(stage: Stage) -> None:
    """The client resets the connection before the handler reads."""
    stage.make()
    client = stage.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    stage.once()


@scenario(stream=True)
def gone_while_writing(stage: Stage) -> None:
    """The client closes, and the handler writes until it notices."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.rfile.read()
        while True:
            self.wfile.write(BIG)

    stage.make(stage.stream_handler(handle=handle))
    stage.connect().close()
    stage.once()


@scenario(transports="unix")
def gone_before_flushing(stage: Stage) -> None:
    """The client has gone when the answer leaves the handler's buffer, in `finish`."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.rfile.read()
        self.wfile.write(b"x" * 1000)

    stage.make(stage.stream_handler(handle=handle, wbufsize=4096))
    stage.connect().close()
    stage.once()


@scenario(stream=True)
def gone_at_once(stage: Stage) -> None:
    """A client that only connects."""
    stage.make()
    stage.connect().close()
    stage.once()


# -- handlers that fail --------------------------------------------------------------------------------------------

ERRORS: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: ValueError("broken"),
    "oserror": lambda: OSError(errno.EIO, "broken"),
    "connection": lambda: ConnectionResetError("somebody else's"),
    "exit": lambda: SystemExit(3),
    "interrupt": lambda: KeyboardInterrupt(),
    "generator": lambda: GeneratorExit(),
}


def _failing(stage: Stage, where: str, error: Callable[[], BaseException]) -> Any:
    def fail(self: Any) -> None:
        stage.about(self.request, where)
        raise error()

    return stage.stream_handler(**{where: fail})


def _fails_once(where: str, kind: str) -> None:
    def play(stage: Stage) -> None:
        stage.make(_failing(stage, where, ERRORS[kind]))
        if not stage.is_stream:
            stage.tell(b"hello\n")
            stage.once()
        else:
            stage.once(lambda: stage.ask(b"", end=True))

    play.__name__ = f"{where}_raises_{kind}"
    scenario()(play)


for _where in ("setup", "handle", "finish"):
    for _kind in ERRORS:
        _fails_once(_where, _kind)


@scenario()
def handler_fails_while_served(stage: Stage) -> None:
    """An exception in a handler is told and the next client served."""

    def handle(self: Any) -> None:
        line = self.rfile.readline()
        stage.about(self.request, "handle", line)
        if line == b"bad\n":
            raise ValueError("broken")
        self.wfile.write(line)

    stage.make(stage.stream_handler(handle=handle))
    with stage.serving():
        if stage.is_stream:
            stage.ask(b"bad\n")
        else:
            stage.tell(b"bad\n")
        stage.ask(b"good\n")


@scenario(engines=("threading", "forking"))
def exit_while_served(stage: Stage) -> None:
    """`sys.exit()` in a handler ends its thread or child, and nothing else."""

    def handle(self: Any) -> None:
        line = self.rfile.readline()
        stage.about(self.request, "handle", line)
        if line == b"bad\n":
            sys.exit(1)
        self.wfile.write(line)

    stage.make(stage.stream_handler(handle=handle))
    with stage.serving():
        if stage.is_stream:
            stage.ask(b"bad\n")
        else:
            stage.tell(b"bad\n")
        stage.ask(b"good\n")


@scenario(engines=("sync",))
def exit_while_served_inline(stage: Stage) -> None:
    """`sys.exit()` in a handler that runs in the loop's thread."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        line = self.rfile.readline()
        if line == b"bad\n":
            sys.exit(1)
        self.wfile.write(line)

    stage.make(stage.stream_handler(handle=handle))
    with stage.connect() as bad, stage.connect() as good:
        bad.sendall(b"bad\n")
        good.sendall(b"good\n")
        with stage.serving():
            if stage.is_stream:
                stage.listen_to(bad, 1)
            stage.listen_to(good, 2)


@scenario(stream=True)
def fails_after_writing(stage: Stage) -> None:
    """What was written before the failure reaches the client."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.wfile.write(b"half")
        raise ValueError("broken")

    stage.make(stage.stream_handler(handle=handle))
    stage.once(lambda: stage.ask(b"", end=True))


# -- the server's own methods --------------------------------------------------------------------------------------


@scenario()
def verify_denies(stage: Stage) -> None:
    """A request that is not verified is closed without a handler."""

    def verify_request(self: Any, request: Any, client_address: Any) -> Any:
        stage.about(request, "verify_request", stage.called(client_address))
        return 0 if stage.ordinal(request) == 1 else "yes"  # anything false denies, anything true agrees

    stage.make(Server=stage.traced(verify_request=verify_request))
    with stage.serving():
        if stage.is_stream:
            stage.ask(b"", end=True)
        else:
            stage.tell(b"denied\n")
        stage.ask(b"agreed\n")


@scenario()
def verify_raises(stage: Stage) -> None:
    """An exception in `verify_request`."""

    def verify_request(self: Any, request: Any, client_address: Any) -> bool:
        stage.about(request, "verify_request")
        raise ValueError("cannot tell")

    stage.make(Server=stage.traced(verify_request=verify_request))
    stage.tell(b"" if stage.is_stream else b"hello\n")
    stage.once()


@scenario()
def get_request_fails(stage: Stage) -> None:
    """An `OSError` in `get_request` is for nobody to know; the client may be served the next time."""
    failures = [OSError(errno.ECONNABORTED, "gone")]

    def get_request(self: Any) -> Any:
        if failures:
            stage.note("get_request fails")
            raise failures.pop()
        return Traced.get_request(self)

    Traced = stage.traced()
    stage.make(Server=type("Scene", (Traced,), {"get_request": get_request}))
    with stage.beside(stage.ask):
        stage.once()
        stage.once()


@scenario()
def get_request_fails_for_its_own_reason(stage: Stage) -> None:
    """An override's own `OSError`, of whatever number, does not end the loop: it is not the listener's."""
    failures = [OSError(errno.EINVAL, "setsockopt on a connection that died"), OSError("no number")]

    def get_request(self: Any) -> Any:
        if failures:
            stage.note("get_request fails")
            raise failures.pop(0)
        return Traced.get_request(self)

    Traced = stage.traced()
    stage.make(Server=type("Scene", (Traced,), {"get_request": get_request}))
    with stage.serving():
        stage.ask()


@scenario()
def get_request_breaks(stage: Stage) -> None:
    """Another exception in `get_request` leaves `handle_request`."""

    def get_request(self: Any) -> Any:
        stage.note("get_request")
        raise ValueError("broken")

    stage.make(Server=stage.traced(get_request=get_request))
    stage.tell()
    stage.once()


@scenario()
def get_request_replaced(stage: Stage) -> None:
    """An override of `get_request` that hands on something else than a socket, and an address of its own."""

    class Wrapped:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    def get_request(self: Any) -> Any:
        request, _ = Base.get_request(self)
        wrapped = Wrapped(request) if stage.is_stream else request
        stage.arrived(wrapped)
        return wrapped, "somebody" if stage.is_stream else _

    Base = stage.base
    stage.make(Server=stage.traced(get_request=get_request))
    stage.once(stage.ask)


@scenario()
def process_request_replaced(stage: Stage) -> None:
    """An override that does everything itself, in the loop's thread."""

    def process_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "process_request")
        self.finish_request(request, client_address)
        self.close_request(request)

    stage.make(Server=stage.traced(process_request=process_request))
    stage.once(stage.ask)


@scenario(engines=("sync",))
def process_request_in_a_thread(stage: Stage) -> None:
    """An override that starts a thread, and a bare `finish_request` and `shutdown_request` in it."""
    threads: list[threading.Thread] = []

    def process_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "process_request")

        def work() -> None:
            self.finish_request(request, client_address)
            self.shutdown_request(request)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    stage.make(Server=stage.traced(process_request=process_request))
    with stage.serving():
        stage.ask()
        stage.ask()
        for thread in threads:
            thread.join(PATIENCE)


@scenario()
def process_request_drops(stage: Stage) -> None:
    """An override that closes a request without handling it."""

    def process_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "process_request")
        self.shutdown_request(request)

    stage.make(Server=stage.traced(process_request=process_request))
    if stage.is_stream:
        stage.once(lambda: stage.ask(b"", end=True))
    else:
        stage.tell(b"hello\n")
        stage.once()


def _process_request_raises(kind: str) -> None:
    error = ERRORS[kind]

    def play(stage: Stage) -> None:
        def process_request(self: Any, request: Any, client_address: Any) -> None:
            stage.about(request, "process_request")
            raise error()

        stage.make(Server=stage.traced(process_request=process_request))
        if stage.is_stream:
            stage.once(lambda: stage.ask(b"", end=True))
        else:
            stage.tell(b"hello\n")
            stage.once()

    play.__name__ = f"process_request_raises_{kind}"
    scenario()(play)


for _kind in ("exception", "exit", "interrupt"):
    _process_request_raises(_kind)


@scenario()
def finish_request_replaced(stage: Stage) -> None:
    """An override that calls its own handler, as the command of `http.server` does."""

    def finish_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "finish_request", stage.called(client_address))
        self.RequestHandlerClass(request, client_address, self, word=b"more")

    Plain = stage.stream_handler()

    class Handler(Plain):  # type: ignore[misc,valid-type]  # its base is made at run time
        def __init__(self, *args: Any, word: bytes) -> None:
            self.word = word
            super().__init__(*args)

        def handle(self) -> None:
            self.wfile.write(self.word + self.rfile.readline())

    stage.make(Handler, stage.traced(finish_request=finish_request))
    stage.once(stage.ask)


@scenario()
def finish_request_does_all(stage: Stage) -> None:
    """An override without a handler."""

    def finish_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "finish_request")
        if stage.is_stream:
            request.sendall(request.recv(100))
        else:
            request[1].sendto(request[0], client_address)

    stage.make(Server=stage.traced(finish_request=finish_request))
    stage.once(stage.ask)


@scenario(stream=True)
def finish_request_twice(stage: Stage) -> None:
    """An override that calls the base twice, after a failure of the first handler."""

    def finish_request(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "finish_request")
        for attempt in range(2):
            try:
                Base.finish_request(self, request, client_address)
            except ValueError as error:
                stage.about(request, "attempt", attempt, describe(error))

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.server.attempts += 1
        line = self.rfile.readline()
        if self.server.attempts == 1:
            raise ValueError("the first time")
        self.wfile.write(b"second " + line)

    Base = stage.base
    # Without reading ahead, so that two handlers can follow each other.
    Handler = stage.stream_handler(handle=handle, rbufsize=0)
    server = stage.make(Handler, stage.traced(finish_request=finish_request))
    server.attempts = 0
    stage.once(lambda: stage.ask(b"one\ntwo\n"))


@scenario(engines=("threading",))
def process_request_thread_replaced(stage: Stage) -> None:
    """An override around the base, as Django's, and its end in `close_request`."""

    def process_request_thread(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "before")
        Base.process_request_thread(self, request, client_address)
        stage.note("after", actor="place 1")

    def close_request(self: Any, request: Any) -> None:
        stage.about(request, "close_request first")
        Base.close_request(self, request)

    Base = stage.base
    stage.make(Server=stage.traced(process_request_thread=process_request_thread, close_request=close_request))
    stage.once(stage.ask)


@scenario(engines=("threading",))
def process_request_thread_does_all(stage: Stage) -> None:
    """An override that never calls the base."""

    def process_request_thread(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "process_request_thread")
        self.finish_request(request, client_address)
        self.close_request(request)

    stage.make(Server=stage.traced(process_request_thread=process_request_thread))
    stage.once(stage.ask)


@scenario(stream=True, engines=("sync", "threading"))
def request_kept_open(stage: Stage) -> None:
    """An override of `shutdown_request` that keeps the connection: somebody else goes on with it."""
    kept: list[Any] = []
    got = threading.Event()

    def shutdown_request(self: Any, request: Any) -> None:
        stage.about(request, "shutdown_request")
        kept.append(request)
        got.set()

    stage.make(Server=stage.traced(shutdown_request=shutdown_request))

    def client() -> None:
        with stage.connect() as sock:
            sock.sendall(b"hello\n")
            first = sock.recv(6)
            assert got.wait(PATIENCE)
            kept[0].sendall(b"later")
            kept[0].close()
            stage.note(first, actor="client 1")
            stage.listen_to(sock)

    stage.once(client)


@scenario()
def shutdown_request_raises(stage: Stage) -> None:
    """An exception in `shutdown_request`."""

    def shutdown_request(self: Any, request: Any) -> None:
        stage.about(request, "shutdown_request")
        Base.shutdown_request(self, request)
        raise ValueError("at the end")

    Base = stage.base
    stage.make(Server=stage.traced(shutdown_request=shutdown_request))
    stage.once(stage.ask)


@scenario()
def close_request_raises(stage: Stage) -> None:
    """An exception in `close_request`."""

    def close_request(self: Any, request: Any) -> None:
        stage.about(request, "close_request")
        Base.close_request(self, request)
        raise ValueError("at the end")

    Base = stage.base
    stage.make(Server=stage.traced(close_request=close_request))
    stage.once(stage.ask)


@scenario(stream=True, engines=("sync", "threading"))
def handler_ends_its_request(stage: Stage) -> None:
    """A handler that calls the server's `shutdown_request` itself; the server calls it once more."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        self.wfile.write(b"bye")
        self.server.shutdown_request(self.request)

    stage.make(stage.stream_handler(handle=handle))
    stage.once(lambda: stage.ask(b"", end=True))


@scenario()
def handle_error_replaced(stage: Stage) -> None:
    """An override of `handle_error` sees the exception, and that is all that is printed."""

    def handle_error(self: Any, request: Any, client_address: Any) -> None:
        _, error, trace = sys.exc_info()
        stage.about(request, "handle_error", stage.called(client_address), describe(error), trace is not None)

    stage.make(_failing(stage, "handle", ERRORS["exception"]), stage.traced(handle_error=handle_error))
    if stage.is_stream:
        stage.once(lambda: stage.ask(b"", end=True))
    else:
        stage.tell(b"hello\n")
        stage.once()


@scenario(engines=("threading", "forking"))
def handle_error_raises(stage: Stage) -> None:
    """An exception in `handle_error`, in a thread or child."""

    def handle_error(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "handle_error")
        raise RuntimeError("worse")

    stage.make(_failing(stage, "handle", ERRORS["exception"]), stage.traced(handle_error=handle_error))
    if stage.is_stream:
        stage.once(lambda: stage.ask(b"", end=True))
    else:
        stage.tell(b"hello\n")
        stage.once()


@scenario(engines=("sync",))
def handle_error_raises_inline(stage: Stage) -> None:
    """An exception in `handle_error`, in the thread that serves."""

    def handle_error(self: Any, request: Any, client_address: Any) -> None:
        stage.about(request, "handle_error")
        raise RuntimeError("worse")

    stage.make(_failing(stage, "handle", ERRORS["exception"]), stage.traced(handle_error=handle_error))
    with stage.connect() as sock:
        sock.sendall(b"hello\n")
        stage.once()


@scenario()
def times_out(stage: Stage) -> None:
    """Without a client `handle_request` calls `handle_timeout` once, whichever of the two timeouts is set."""
    server = stage.make()
    server.timeout = 0.01
    stage.once()
    server.timeout = 100
    server.socket.settimeout(0.01)
    stage.once()
    server.timeout = 0
    stage.once()


@scenario()
def handle_timeout_raises(stage: Stage) -> None:
    """An exception in `handle_timeout` leaves `handle_request`."""

    def handle_timeout(self: Any) -> None:
        stage.note("handle_timeout")
        raise ValueError("too late")

    server = stage.make(Server=stage.traced(handle_timeout=handle_timeout))
    server.timeout = 0.0
    stage.once()


@scenario()
def socket_with_a_timeout(stage: Stage) -> None:
    """A timeout on the listening socket is not inherited by the connection."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle", self.request.gettimeout() if stage.is_stream else "")
        self.wfile.write(self.rfile.readline())

    server = stage.make(stage.stream_handler(handle=handle))
    server.socket.settimeout(PATIENCE)
    stage.once(stage.ask)
    stage.note(server.socket.gettimeout())
    with stage.serving():
        stage.ask()
    stage.note(server.socket.gettimeout())


@scenario()
def service_actions_called(stage: Stage) -> None:
    """`service_actions` is called by `serve_forever`, though nothing happens, and never by `handle_request`."""
    called = threading.Event()

    def service_actions(self: Any) -> None:
        Base.service_actions(self)
        called.set()

    Base = stage.base
    stage.make(Server=stage.traced(service_actions=service_actions))
    stage.once(stage.ask)
    stage.note("called by handle_request", called.is_set())
    with stage.serving():
        stage.note("called by serve_forever", called.wait(PATIENCE))


# -- ways to put a server together ---------------------------------------------------------------------------------


@scenario()
def partial_handler(stage: Stage) -> None:
    """`functools.partial` as the handler class."""
    Plain = stage.stream_handler()

    class Handler(Plain):  # type: ignore[misc,valid-type]  # its base is made at run time
        def __init__(self, word: bytes, *args: Any, more: bytes) -> None:
            self.words = word + more
            super().__init__(*args)

        def handle(self) -> None:
            self.wfile.write(self.words + self.rfile.readline())

    stage.make(functools.partial(Handler, b"one ", more=b"two "))
    stage.once(stage.ask)


@scenario()
def function_as_handler(stage: Stage) -> None:
    """Anything callable is a handler."""

    def answer(request: Any, client_address: Any, server: Any) -> None:
        stage.about(request, "called", stage.called(client_address), server is stage.server)
        if stage.is_stream:
            request.sendall(request.recv(100))
        else:
            request[1].sendto(b"answer", client_address)

    stage.make(answer)
    stage.once(stage.ask)


@scenario()
def standard_handler(stage: Stage) -> None:
    """A handler that derives from the standard module's classes, whichever module the server is from."""
    base = socketserver.StreamRequestHandler if stage.is_stream else socketserver.DatagramRequestHandler
    stage.make(stage.handler(base))
    with stage.serving():
        stage.ask()
        stage.ask()


@scenario()
def handler_exchanged(stage: Stage) -> None:
    """`RequestHandlerClass` may be exchanged while the server lives."""
    server = stage.make()

    def handle(self: Any) -> None:
        self.wfile.write(b"the other: " + self.rfile.readline())

    stage.once(stage.ask)
    server.RequestHandlerClass = stage.stream_handler(handle=handle)
    stage.once(stage.ask)


@scenario()
def not_bound(stage: Stage) -> None:
    """`bind_and_activate=False`, then by hand."""
    server = stage.make(bind_and_activate=False)
    stage.note("made")
    server.server_bind()
    server.server_activate()
    stage.known(server)
    stage.once(stage.ask)


@scenario()
def socket_replaced(stage: Stage) -> None:
    """`bind_and_activate=False`, and a socket that somebody else has opened."""
    server = stage.make(bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(server.address_family, server.socket_type)
    server.socket.bind(server.server_address)
    if stage.is_stream:
        server.socket.listen(3)
    server.server_address = server.socket.getsockname()
    stage.known(server)
    stage.note(server.fileno() == server.socket.fileno())
    with stage.serving():
        stage.ask()
    stage.once(stage.ask)


@scenario()
def attributes_before_init(stage: Stage) -> None:
    """A subclass that sets attributes of its own, and of the server, before it calls the base's `__init__`."""

    class Server(stage.traced()):  # type: ignore[misc]  # its base is made at run time
        def __init__(self, *args: Any, **keywords: Any) -> None:
            self.word = b"early "
            self.timeout = 7.0
            self.request_queue_size = 1
            self.allow_reuse_address = True
            self.daemon_threads = False
            self.socket = None
            super().__init__(*args, **keywords)
            stage.note(self.timeout, self.request_queue_size, self.allow_reuse_address, self.word)

    def handle(self: Any) -> None:
        self.wfile.write(self.server.word + self.rfile.readline())

    stage.make(stage.stream_handler(handle=handle), Server)
    stage.once(stage.ask)


OWN_ATTRIBUTES = {
    "_lock": None,
    "_name": 5,
    "_requests": 0,
    "_handler": "handler",
    "_process": None,
    "_started": "yesterday",
    "_closing": True,
    "_closed": True,
    "_hooks": [],
    "_peers": (),
    "_children": 0,
    "_waiting": 0,
    "_stopping": True,
    "_accepted": "all",
    "_drain": None,
    "_exhausted": True,
    "_fronts": None,
}
"""What a program may well keep in its server object, in a way that would disturb a server which took it for its own."""

LATER_ATTRIBUTES = {"options": {"verbose": 1}, "plugins": ["one"], "limits": 3, "name": "me", "transport": None}
"""The same, of names that are public in plugserve: whoever sets them after `__init__` means something of his own."""


@scenario()
def attributes_of_a_subclass(stage: Stage) -> None:
    """A subclass keeps things of its own in its instances, set before or after the base's `__init__`; they stay."""
    for early in (True, False):

        class Server(stage.traced()):  # type: ignore[misc]  # its base is made at run time
            def __init__(self, *args: Any, early: bool = early, **keywords: Any) -> None:
                if early:
                    vars(self).update(OWN_ATTRIBUTES)
                super().__init__(*args, **keywords)
                if not early:
                    for name, value in (OWN_ATTRIBUTES | LATER_ATTRIBUTES).items():
                        setattr(self, name, value)

        server = stage.make(Server=Server)
        with stage.serving():
            stage.ask()
            stage.ask()
        stage.once(stage.ask)
        names = OWN_ATTRIBUTES if early else OWN_ATTRIBUTES | LATER_ATTRIBUTES
        stage.note(*(f"{name}={getattr(server, name, 'gone')}" for name in names))
        stage.close()


OWN_METHODS = (
    *(
        "_start",
        "_stop",
        "_enter",
        "_exit",
        "_begin",
        "_turn",
        "_drain",
        "_drop",
        "_forget",
        "_fork",
        "_watch",
        "_close",
    ),
    *("_collect", "_offload", "_stopped", "_reject", "_accept", "_handle", "_make_socket", "_live", "start", "stop"),
    *("close", "run", "log", "name"),
)
"""Methods that a program may well have in its server class."""


@scenario()
def methods_of_a_subclass(stage: Stage) -> None:
    """A subclass has methods of its own; nobody calls them but itself."""

    def own(self: Any, *args: Any, **keywords: Any) -> None:
        raise AssertionError("called by a stranger")

    stage.make(Server=stage.traced(**dict.fromkeys(OWN_METHODS, own)))
    with stage.serving():
        stage.ask()
        stage.ask()
    stage.once(stage.ask)


@scenario()
def attributes_of_a_handler(stage: Stage) -> None:
    """A handler class has things of its own, too: a nested class `Options` that is none of the server's business."""

    class Options:
        def __init__(self, needed: int) -> None:
            self.needed = needed

    stage.make(stage.stream_handler(Options=Options, options=3, context=4, _style="of its own", _live=5))
    stage.once(stage.ask)


@scenario()
def init_without_super(stage: Stage) -> None:
    """A subclass that calls `BaseServer.__init__` by its name and opens the socket itself."""

    class Server(stage.traced()):  # type: ignore[misc]  # its base is made at run time
        def __init__(self, address: Any, Handler: Any) -> None:
            stage.module.BaseServer.__init__(self, address, Handler)
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_bind()
            self.server_activate()

    stage.make(Server=Server)
    stage.once(stage.ask)


@scenario()
def context_manager(stage: Stage) -> None:
    """`with` gives the server itself and closes it, and lets exceptions through."""
    server = stage.make()
    try:
        with server as same:
            stage.note(same is server, server.fileno() >= 0)
            stage.once(stage.ask)
            raise ValueError("out")
    except ValueError as error:
        stage.note(describe(error), server.socket.fileno())


@scenario()
def address_in_use(stage: Stage) -> None:
    """A constructor that cannot bind closes its socket through `server_close`, and raises."""
    server = stage.make()
    try:
        stage.traced()(server.server_address, None)
    except OSError as error:
        stage.note(type(error).__name__, error.errno)


@scenario()
def closed_twice(stage: Stage) -> None:
    """`server_close` may be called again."""
    server = stage.make()
    server.server_close()
    server.server_close()
    stage.note(server.fileno(), server.socket.fileno())


@scenario()
def served_again(stage: Stage) -> None:
    """After `shutdown` the server may serve again."""
    stage.make()
    for _ in range(2):
        with stage.serving():
            stage.ask()
    stage.once(stage.ask)


@scenario()
def subclass_facts(stage: Stage) -> None:
    """The attributes that people read."""
    server = stage.make()
    stage.note(server.server_address == server.socket.getsockname(), server.fileno() == server.socket.fileno())
    stage.note(server.address_family, server.socket_type, server.request_queue_size, server.timeout)
    stage.note(server.allow_reuse_address, server.allow_reuse_port, getattr(server, "max_packet_size", None))
    stage.note(server.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR), os.get_inheritable(server.fileno()))
    stage.note(server.socket.gettimeout(), getattr(server, "active_children", 0))
    threads = getattr(server, "_threads", None)
    stage.note(hasattr(threads, "append"), hasattr(threads, "join"))
    stage.note(getattr(server, "daemon_threads", None), getattr(server, "block_on_close", None))


@scenario(transports="tcp udp")
def options_of_the_socket(stage: Stage) -> None:
    """`allow_reuse_address` and `allow_reuse_port` reach the socket before it is bound."""
    server = stage.make(Server=stage.traced(allow_reuse_address=True, allow_reuse_port=True))
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        stage.note(bool(server.socket.getsockopt(socket.SOL_SOCKET, option)))


# -- the attributes of StreamRequestHandler ------------------------------------------------------------------------


def _buffers(rbufsize: int, wbufsize: int) -> None:
    def play(stage: Stage) -> None:
        def handle(self: Any) -> None:
            # Names of classes: an unbuffered file is another one than a buffered one. The writer is private.
            stage.about(self.request, type(self.rfile).__name__, type(self.wfile).__name__.lstrip("_"))
            stage.about(self.request, self.connection is self.request, self.wfile.writable(), self.rfile.readable())
            self.wfile.write(self.rfile.readline())
            self.wfile.write(bytearray(b"a"))
            stage.about(self.request, self.wfile.write(memoryview(b"bc")))

        members = {"handle": handle, "rbufsize": rbufsize, "wbufsize": wbufsize}
        stage.make(stage.stream_handler(**members))
        stage.once(stage.ask)

    play.__name__ = f"buffers_{rbufsize}_{wbufsize}".replace("-", "minus_")
    scenario(stream=True)(play)


for _rbufsize in (-1, 0, 64):
    for _wbufsize in (-1, 0, 64):
        _buffers(_rbufsize, _wbufsize)


@scenario(stream=True)
def handler_timeout(stage: Stage) -> None:
    """`timeout` bounds each operation on the connection; then the handler fails."""
    Handler = stage.stream_handler(timeout=0.01)
    stage.make(Handler)
    with stage.connect() as sock:
        stage.once()
        stage.listen_to(sock)


@scenario(transports="tcp")
def nagle(stage: Stage) -> None:
    """`disable_nagle_algorithm` sets TCP_NODELAY, and only then is it set."""

    def handle(self: Any) -> None:
        value = self.request.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        stage.about(self.request, "TCP_NODELAY", bool(value))
        self.wfile.write(self.rfile.readline())

    for disable in (False, True):
        stage.make(stage.stream_handler(handle=handle, disable_nagle_algorithm=disable))
        stage.once(stage.ask)
        stage.close()


@scenario(stream=True)
def files_closed_by_the_handler(stage: Stage) -> None:
    """A handler may close its own files."""

    def handle(self: Any) -> None:
        self.wfile.write(self.rfile.readline())
        self.wfile.close()
        self.rfile.close()
        stage.about(self.request, self.wfile.closed)

    stage.make(stage.stream_handler(handle=handle, wbufsize=100))
    stage.once(stage.ask)


@scenario(stream=True)
def detached_request(stage: Stage) -> None:
    """A handler that detaches the descriptor keeps the connection for itself."""

    def handle(self: Any) -> None:
        stage.about(self.request, "handle")
        with socket.socket(fileno=self.request.detach()) as own:
            own.sendall(own.recv(100))

    stage.make(stage.handler(stage.module.BaseRequestHandler, handle=handle))
    stage.once(stage.ask)


# -- engines -------------------------------------------------------------------------------------------------------


@scenario(engines=("threading",))
def threads_of_a_server(stage: Stage) -> None:
    """A handler runs in another thread than the loop, daemon as the class says, and `server_close` waits for it."""
    go = threading.Event()

    def handle(self: Any) -> None:
        thread = threading.current_thread()
        stage.about(self.request, "daemon", thread.daemon, "loop", thread.ident == stage._loop)
        assert go.wait(PATIENCE)
        self.wfile.write(self.rfile.readline())
        stage.about(self.request, "written")

    server = stage.make(stage.stream_handler(handle=handle))
    with stage.beside(stage.ask):
        stage.once()
        stage.note("kept", len(server._threads))
        go.set()
    server.server_close()
    stage.note("kept", len(server._threads))


@scenario(engines=("threading",))
def daemon_threads(stage: Stage) -> None:
    """With `daemon_threads` nothing is kept and `server_close` waits for nobody."""
    go, done = threading.Event(), threading.Event()

    def handle(self: Any) -> None:
        stage.about(self.request, "daemon", threading.current_thread().daemon)
        assert go.wait(PATIENCE)
        self.wfile.write(self.rfile.readline())

    def shutdown_request(self: Any, request: Any) -> None:
        Base.shutdown_request(self, request)
        done.set()

    Base = stage.base
    Server = stage.traced(daemon_threads=True, shutdown_request=shutdown_request)
    server = stage.make(stage.stream_handler(handle=handle), Server)
    if stage.is_stream:
        with stage.beside(stage.ask):
            stage.once()
            server.server_close()
            stage.note("closed")
            go.set()
    else:
        with stage.connect() as sock:
            sock.send(b"hello\n")
            stage.once()
            stage.note("kept", len(server._threads) if hasattr(server._threads, "__len__") else 0)
            go.set()
            stage.listen_to(sock)
    assert done.wait(PATIENCE)


@scenario(engines=("forking",))
def children_of_a_server(stage: Stage) -> None:
    """A handler runs in a child whose changes the parent never sees, and `server_close` waits for it."""

    def handle(self: Any) -> None:
        self.server.seen = True
        stage.about(self.request, "child", os.getpid() != stage._owner, "parent", os.getppid() == stage._owner)
        self.wfile.write(self.rfile.readline())

    server = stage.make(stage.stream_handler(handle=handle))
    server.seen = False
    stage.once(stage.ask)
    stage.note("seen", server.seen, type(server.active_children).__name__, len(server.active_children))
    stage.note(all(isinstance(pid, int) for pid in server.active_children))
    server.server_close()
    stage.note("left", len(server.active_children))


@scenario(engines=("forking",))
def children_collected(stage: Stage) -> None:
    """Children that have ended are collected by `handle_timeout` and by `collect_children(blocking=True)`."""
    server = stage.make()
    stage.once(stage.ask)
    server.collect_children(blocking=True)
    stage.note("left", len(server.active_children))
    stage.once(stage.ask)
    stage.note("left", len(server.active_children))
    os.waitid(os.P_PID, next(iter(server.active_children)), os.WEXITED | os.WNOWAIT)
    server.handle_timeout()
    stage.note("left", len(server.active_children))


@scenario(engines=("forking",))
def child_collected_by_a_stranger(stage: Stage) -> None:
    """Somebody else waited for our child: it is forgotten."""
    server = stage.make()
    stage.once(stage.ask)
    os.waitpid(next(iter(server.active_children)), 0)
    server.collect_children()
    stage.note("left", len(server.active_children))


@scenario(engines=("sync", "threading"))
def shutdown_from_a_handler_thread(stage: Stage) -> None:
    """A handler may have the server shut down by a thread of its own."""
    helpers: list[threading.Thread] = []

    def handle(self: Any) -> None:
        self.wfile.write(self.rfile.readline())
        helpers.append(threading.Thread(target=self.server.shutdown))
        helpers[-1].start()

    server = stage.make(stage.stream_handler(handle=handle))
    with stage.beside(stage.ask):
        stage._loop = threading.get_ident()
        server.serve_forever(0.01)
        stage.note("serve_forever returns")
    for helper in helpers:
        helper.join(PATIENCE)


@scenario()
def private_stop(stage: Stage) -> None:
    """`_BaseServer__shutdown_request = True`, set in the loop, ends it."""

    def service_actions(self: Any) -> None:
        Base.service_actions(self)
        self._BaseServer__shutdown_request = True

    Base = stage.base
    server = stage.make(Server=stage.traced(service_actions=service_actions))
    server.serve_forever(0.01)
    stage.note("serve_forever returns", server._BaseServer__shutdown_request, server._BaseServer__is_shut_down.is_set())


@scenario()
def own_loop(stage: Stage) -> None:
    """An event loop of somebody else's calls `_handle_request_noblock` when the server's descriptor is ready."""
    import selectors

    server = stage.make()
    stage._loop = threading.get_ident()
    with stage.beside(stage.ask), selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        assert selector.select(PATIENCE)
        server._handle_request_noblock()


@scenario()
def own_serve_forever(stage: Stage) -> None:
    """A `serve_forever` of somebody else's, on the private names: `shutdown` ends it, and waits for its end."""
    import selectors

    ended: list[bool] = []

    def serve_forever(self: Any, poll_interval: float = 0.5) -> None:
        self._BaseServer__is_shut_down.clear()
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_READ)
                while not self._BaseServer__shutdown_request:
                    if selector.select(poll_interval):
                        self._handle_request_noblock()
                    self.service_actions()
        finally:
            ended.append(True)
            self._BaseServer__shutdown_request = False
            self._BaseServer__is_shut_down.set()

    server = stage.make(Server=stage.traced(serve_forever=serve_forever))
    with stage.serving():
        stage.ask()
        server.shutdown()
        stage.note("has ended", ended)
