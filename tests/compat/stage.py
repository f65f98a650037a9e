"""A stage on which one scenario runs on `socketserver` or on plugserve, and the transcript of what happened.

Everybody notes what happens to them in one file that forked children write, too. What the two modules do at the same
time may come in any order, so the transcript has a part for each actor: the loop, each request's place (a thread or a
child), each client. Within a part the order counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PATIENCE = 20.0
"""Seconds after which anything that a test waits for has hung; nothing waits that long when all is well."""

CLASSES = {
    name: (engine, transport)
    for transport, base in {
        "tcp": "TCPServer",
        "udp": "UDPServer",
        "unix": "UnixStreamServer",
        "unix-dgram": "UnixDatagramServer",
    }.items()
    for name, engine in ((base, "sync"), (f"Threading{base}", "threading"), (f"Forking{base}", "forking"))
}
"""Every server class that the standard module has, with its engine and its transport."""

METHODS = (
    *("server_bind", "server_activate", "server_close", "handle_timeout", "get_request", "verify_request"),
    *("process_request", "process_request_thread", "finish_request", "handle_error", "shutdown_request"),
    "close_request",
)
"""The methods to override, but for service_actions, which is called as often as the loop turns."""

Transcript = dict[str, list[str]]


def server_class(module: ModuleType, name: str) -> Any:
    """A class of the module; before Python 3.12 the standard one leaves it to its user to make two of them."""
    if not hasattr(module, name) and name.startswith("ForkingUnix"):
        return type(name, (module.ForkingMixIn, getattr(module, name.removeprefix("Forking"))), {})
    return getattr(module, name)


class Stage:
    """One run of one scenario.

    Parameters:
        module: `socketserver` or plugserve.
        name: of one of its server classes.
    """

    def __init__(self, module: ModuleType, name: str) -> None:
        self.module = module
        self.name = name
        self.engine, self.transport = CLASSES[name]
        self.is_stream = self.transport in ("tcp", "unix")
        self.is_unix = self.transport in ("unix", "unix-dgram")
        self.folder = Path(tempfile.mkdtemp(prefix="ps-"))  # short, as paths of Unix sockets have to be
        self._notes = os.open(self.folder / "notes", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._owner = os.getpid()
        self._loop: int | None = None
        self._ordinals: dict[int, int] = {}
        self._arrived = 0
        self._clients = 0
        self._names: dict[Any, str] = {}
        self._paths = 0
        self._bell, self._ring = socket.socketpair()
        self._kept: list[socket.socket] = []
        self.server: Any = None
        self.base = server_class(module, name)

    # -- notes ---------------------------------------------------------------------------------------------------------

    def note(self, *words: object, actor: str | None = None) -> None:
        """Write down what happens; `actor` is whoever calls this, unless said otherwise."""
        line = json.dumps([actor or self._actor(), " ".join(map(str, words))])
        os.write(self._notes, line.encode() + b"\n")

    def _actor(self) -> str:
        if os.getpid() != self._owner:
            return "place"
        return "loop" if self._loop in (None, threading.get_ident()) else "place"

    def about(self, request: Any, *words: object) -> None:
        """Note something that concerns a request: under its own number if this is its place."""
        number = self.ordinal(request)
        actor = self._actor()
        if actor == "place":
            self.note(*words, actor=f"place {number}")
        else:
            self.note(*words, f"#{number}")

    def ordinal(self, request: Any) -> int:
        """The number of a request, in the order of arrival."""
        return self._ordinals.get(id(request), 0)

    def arrived(self, request: Any) -> None:
        """A request came out of `get_request`."""
        self._arrived += 1
        self._ordinals[id(request)] = self._arrived

    def called(self, address: Any) -> str:
        """How an address is called in the transcript: ports and paths differ from run to run."""
        return self._names.get(address, repr(address))

    def transcript(self) -> Transcript:
        """What each actor noted, in their order."""
        parts: Transcript = {}
        with open(self.folder / "notes") as lines:
            for line in lines:
                actor, text = json.loads(line)
                parts.setdefault(actor, []).append(text)
        return parts

    # -- making servers and handlers -----------------------------------------------------------------------------------

    def address(self) -> Any:
        """Where a server listens."""
        if not self.is_unix:
            return ("127.0.0.1", 0)
        self._paths += 1
        return str(self.folder / f"server-{self._paths}")

    def traced(self, base: Any = None, **members: Any) -> Any:
        """The server class with every method that may be overridden noting its calls. `members` replace methods."""
        base = base or self.base
        stage = self

        def wrap(method: str) -> Callable[..., Any]:
            def call(self: Any, *args: Any) -> Any:
                if method == "get_request":
                    stage.note(method)
                    request, client_address = getattr(super(kind, self), method)()
                    stage.arrived(request)
                    return request, client_address
                words: list[Any] = [method]
                if len(args) > 1:
                    words.append(stage.called(args[1]))
                if method == "handle_error":
                    words.append(describe(sys.exc_info()[1]))
                (stage.about if args else stage.note)(*args[:1], *words)
                return getattr(super(kind, self), method)(*args)

            call.__name__ = method
            return call

        kind = type(f"Traced{base.__name__}", (base,), {m: wrap(m) for m in METHODS if hasattr(base, m)})
        return type(f"Scene{base.__name__}", (kind,), members) if members else kind

    def stream_handler(self, **members: Any) -> Any:
        """A handler class of the right kind for this server; it notes its calls and echoes."""
        base = self.module.StreamRequestHandler if self.is_stream else self.module.DatagramRequestHandler
        return self.handler(base, **members)

    def handler(self, base: Any, **members: Any) -> Any:
        """A handler class that notes `setup`, `handle` and `finish`, and echoes one line."""
        stage = self

        def setup(self: Any) -> None:
            stage.about(self.request, "setup")
            base.setup(self)

        def handle(self: Any) -> None:
            stage.about(self.request, "handle", stage.called(self.client_address))
            self.wfile.write(self.rfile.readline())

        def finish(self: Any) -> None:
            stage.about(self.request, "finish")
            base.finish(self)

        return type("Handler", (base,), {"setup": setup, "handle": handle, "finish": finish} | members)

    def make(self, Handler: Any = None, Server: Any = None, **keywords: Any) -> Any:
        """A server, closed at the end of the stage if the scenario does not."""
        Server = Server or self.traced()
        self.server = Server(self.address(), Handler or self.stream_handler(), **keywords)
        if keywords.get("bind_and_activate", True):
            self.known(self.server)
        return self.server

    def known(self, server: Any) -> None:
        """Learn the address of a server that was bound."""
        self._names[server.server_address] = "server"

    # -- clients -------------------------------------------------------------------------------------------------------

    def socket(self, *, bound: bool = True) -> socket.socket:
        """A client's socket, of which the server has not heard."""
        family = socket.AF_UNIX if self.is_unix else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM)
        sock.settimeout(PATIENCE)
        if not self.is_unix:
            # Now, so that its name is known before the server sees it.
            sock.bind(("127.0.0.1", 0))
        elif bound and not self.is_stream:
            self._paths += 1
            sock.bind(str(self.folder / f"client-{self._paths}"))
        self._clients += 1
        if sock.getsockname():
            self._names[sock.getsockname()] = f"client {self._clients}"
        return sock

    def connect(self, server: Any = None, *, bound: bool = True) -> socket.socket:
        """A connected client."""
        sock = self.socket(bound=bound)
        try:
            sock.connect((server or self.server).server_address)
        except BaseException:
            sock.close()
            raise
        return sock

    def ask(self, data: bytes = b"hello\n", *, end: bool = False, number: int | None = None) -> bytes:
        """One client: send, take everything that comes back, note it."""
        with self.connect() as sock:
            me = number or self._clients
            with contextlib.suppress(OSError):  # the server may have been faster
                if data or not self.is_stream:
                    sock.sendall(data)
                if end:
                    sock.shutdown(socket.SHUT_WR)
            return self.listen_to(sock, me)

    def tell(self, data: bytes = b"hello\n") -> None:
        """One client that sends and says nothing of what comes back; it stays until the end of the stage."""
        sock = self.connect()
        self._kept.append(sock)
        sock.sendall(data)

    def listen_to(self, sock: socket.socket, number: int | None = None) -> bytes:
        """Take everything that comes back, and note it."""
        actor = f"client {number or self._clients}"
        received = b""
        try:
            if not self.is_stream:
                ready, _, _ = select.select([sock, self._bell], [], [], PATIENCE)
                received = sock.recv(65536) if sock in ready else b""
            else:
                while data := sock.recv(65536):
                    received += data
            self.note("received", shown(received), actor=actor)
        except OSError as error:
            self.note("received", shown(received), "then", describe(error), actor=actor)
        return received

    # -- driving -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def beside(self, client: Callable[[], object]) -> Iterator[None]:
        """Run a client in a thread of its own while the body serves it."""
        failures: list[BaseException] = []

        def run() -> None:
            try:
                client()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run, name="client")
        thread.start()
        try:
            yield
        finally:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the client waits for ever"
        if failures:
            raise failures[0]

    def once(self, client: Callable[[], object] | None = None, server: Any = None) -> None:
        """`handle_request()` in this thread, with a client beside it; note what leaves it."""
        self._loop = threading.get_ident()
        with self.beside(client) if client is not None else contextlib.nullcontext():
            try:
                (server or self.server).handle_request()
            except BaseException as error:
                self.note("handle_request raises", describe(error))

    @contextlib.contextmanager
    def serving(self, server: Any = None, *, poll_interval: float = 0.01) -> Iterator[None]:
        """`serve_forever()` in a thread while the body plays the clients; note what ends it."""
        server = server or self.server
        ready = threading.Event()
        stopping = False

        def run() -> None:
            self._loop = threading.get_ident()
            ready.set()
            try:
                server.serve_forever(poll_interval)
            except BaseException as error:
                self.note("serve_forever raises", describe(error))
            if not stopping:
                # Nobody serves any more: let the clients notice.
                server.socket.close()
                self._ring.close()

        thread = threading.Thread(target=run, name="loop")
        thread.start()
        ready.wait(PATIENCE)
        try:
            yield
        finally:
            stopping = True
            if thread.is_alive():
                server.shutdown()
            thread.join(PATIENCE)
            assert not thread.is_alive(), "the loop does not end"
        self._loop = threading.get_ident()

    def close(self) -> None:
        """Close the server; all threads and children have ended when this returns."""
        self._loop = threading.get_ident()
        if self.server is not None:
            # A datagram server's threads answer through its own socket: let them.
            threads = getattr(self.server, "_threads", None)
            for thread in list(threads) if isinstance(threads, list) else ():
                thread.join(PATIENCE)
            self.server.server_close()
            self.server = None

    def leave(self) -> None:
        """Give everything back."""
        try:
            self.close()
        finally:
            os.close(self._notes)
            for sock in (self._bell, self._ring, *self._kept):
                sock.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def play(module: ModuleType, name: str, scenario: Callable[[Stage], object]) -> Transcript:
    """Run a scenario and return its transcript, with what went to standard error and which threads died."""
    stage = Stage(module, name)
    hook, stderr = threading.excepthook, sys.stderr

    def died(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:
            stage.note("a thread dies of", describe(arguments.exc_value), actor="threads")

    printed = stage.folder / "stderr"
    try:
        with printed.open("a", buffering=1) as sys.stderr:
            threading.excepthook = died
            scenario(stage)
            stage.close()
        transcript = stage.transcript()
        for line in printed.read_text().splitlines():
            # Tracebacks lead through different files; what they are about must be the same.
            if re.match(r"[A-Za-z_.]+(Error|Exception|Interrupt|Exit)\b", line):
                transcript.setdefault("stderr", []).append(line)
        return transcript
    finally:
        threading.excepthook, sys.stderr = hook, stderr
        stage.leave()


def describe(error: BaseException | None) -> str:
    """An exception without what differs from run to run."""
    if error is None:
        return "nothing"
    if isinstance(error, ConnectionError):
        # Which of the two it is depends on whether the reset has arrived yet.
        return "ConnectionError"
    text = re.sub(r"'[^']*ps-[^']*'|\d{4,}|0x[0-9a-f]+", "...", str(error))
    return f"{type(error).__name__}({text})"


def shown(data: bytes) -> str:
    """Bytes in a transcript: long ones by their length and a checksum."""
    import zlib

    return repr(data) if len(data) < 200 else f"{len(data)} bytes, {zlib.crc32(data):08x}"


STANDARD = socketserver
