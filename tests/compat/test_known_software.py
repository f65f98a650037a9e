"""Patterns of software that is known to stand on `socketserver`, in our own words: each runs on plugserve unchanged."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import logging
import multiprocessing
import os
import queue
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import plugserve

from .helpers import ENGINES, FOREVER, PATIENCE, Echo, Serving, ask, connect, drain, serving

LOCAL = ("127.0.0.1", 0)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")

Importer = Callable[[str], ModuleType]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Importer:
    """Imports a module of the standard library anew, on plugserve instead of `socketserver`."""
    monkeypatch.setitem(sys.modules, "socketserver", plugserve)  # type: ignore[arg-type]  # a module is a module
    for name in ("http.server", "xmlrpc.server", "wsgiref.simple_server", "logging.config", "pydoc"):
        importlib.import_module(name)
        package, _, last = name.rpartition(".")
        if package:
            # What the import of the fresh one sets is taken back, too.
            monkeypatch.setattr(sys.modules[package], last, sys.modules[name])
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module


@pytest.fixture(autouse=True)
def _no_word_of_threads(no_drift: list[str]) -> Iterator[None]:
    """Tests fork while their own threads run, and the core says so: here it is known."""
    yield
    no_drift[:] = [record for record in no_drift if "forking while other threads run" not in record]


def url_of(server: Any, path: str = "/") -> str:
    """The address of an HTTP server."""
    host, port = server.server_address[:2]
    return f"http://{host}:{port}{path}"


def get(url: str) -> bytes:
    """Fetch a URL, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
        return body


# -- the command of http.server ------------------------------------------------------------------------------------


@contextlib.contextmanager
def http_command(folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[tuple[Any, int]]:
    """`python -m http.server` on a free port, as (process, port)."""
    command = [
        sys.executable,
        "-u",
        "-X",
        "importtime",
        "-m",
        "http.server",
        "0",
        "--directory",
        str(folder),
        *arguments,
    ]
    errors = folder.parent / "errors"
    with errors.open("w") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, text=True, env=environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert " port " in line, line + errors.read_text()[-2000:]
        yield process, int(line.partition(" port ")[2].split()[0])
        # Ctrl-C ends it as it always has.
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(PATIENCE) == 0
        assert "Keyboard interrupt received" in rest
    finally:
        process.kill()
        process.stdout.close()
        process.wait(PATIENCE)
    printed = errors.read_text()
    assert "plugserve.server" in printed, "it ran on the standard module"
    assert "Traceback" not in printed


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("bind", [("--bind", "127.0.0.1"), ()], ids=["loopback", "everywhere"])
def test_the_command_of_http_server_serves_files(
    tmp_path: Path, replaced: dict[str, str], bind: tuple[str, ...]
) -> None:
    """`python -m http.server` with the module replaced: http.client and curl get a file and the list of a folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "page.txt").write_bytes(b"a page\n" * 10000)
    with http_command(folder, replaced, *bind) as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for path, status, word in (("/page.txt", 200, b"a page"), ("/", 200, b"page.txt"), ("/none", 404, b"Error")):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert (answer.status, word in body) == (status, True)
        connection.close()
        if shutil.which("curl"):
            command = ["curl", "--silent", "--show-error", "--noproxy", "*", f"http://127.0.0.1:{port}/page.txt"]
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
            assert done.stdout == b"a page\n" * 10000


# -- HTTP, WSGI and XML-RPC of the standard library ----------------------------------------------------------------


def test_a_threading_http_server_keeps_connections_alive(fresh: Importer) -> None:
    """HTTP/1.1 on `ThreadingHTTPServer`: several requests on a connection, with a second client in between."""
    http_server = fresh("http.server")
    assert http_server.HTTPServer.__mro__[1] is plugserve.TCPServer

    class Handler(http_server.BaseHTTPRequestHandler):  # type: ignore[misc]  # its base is made at run time
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[::-1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http_server.ThreadingHTTPServer(LOCAL, Handler)
    with serving(server):
        clients = [http.client.HTTPConnection(*server.server_address, timeout=PATIENCE) for _ in range(2)]
        for number in range(3):
            for client in clients:
                client.request("POST", "/", b"%d-body" % number)
                assert client.getresponse().read() == b"ydob-%d" % number
        for client in clients:
            client.close()


def test_a_wsgi_server_as_djangos_threads_with_connections_of_their_own(fresh: Importer) -> None:
    """Django's test server overrides `process_request_thread` and `close_request`, both around the base, to give each
    thread the database connections of the test and to close them after the request."""
    simple_server = fresh("wsgiref.simple_server")
    local = threading.local()
    closed: queue.Queue[str] = queue.Queue()

    class WSGIServer(simple_server.WSGIServer):  # type: ignore[misc]  # its base is made at run time
        request_queue_size = 10

        def __init__(self, *args: Any, ipv6: bool = False, allow_reuse_address: bool = True, **keywords: Any) -> None:
            if ipv6:
                self.address_family = socket.AF_INET6
            self.allow_reuse_address = allow_reuse_address
            super().__init__(*args, **keywords)

    class ThreadedWSGIServer(plugserve.ThreadingMixIn, WSGIServer):
        daemon_threads = True

        def __init__(self, *args: Any, connections: Any = None, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            self.connections = connections

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            local.connection = self.connections
            super().process_request_thread(request, client_address)

        def _close_connections(self) -> None:
            closed.put(getattr(local, "connection", "none"))

        def close_request(self, request: Any) -> None:
            self._close_connections()
            super().close_request(request)

    class Handler(simple_server.WSGIRequestHandler):  # type: ignore[misc]  # its base is made at run time
        def log_message(self, format: str, *args: object) -> None:
            pass

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [local.connection.encode()]

    server = ThreadedWSGIServer(LOCAL, Handler, connections="the test's", ipv6=False)
    server.set_app(application)
    with serving(server):
        for _ in range(2):
            assert get(url_of(server)) == b"the test's"
            # In a daemon thread, for which nobody waits.
            assert closed.get(timeout=PATIENCE) == "the test's"


def test_the_demo_of_wsgiref_runs(fresh: Importer) -> None:
    """`make_server` and `demo_app`, one request by hand."""
    simple_server = fresh("wsgiref.simple_server")
    with simple_server.make_server("127.0.0.1", 0, simple_server.demo_app) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        answers: list[bytes] = []
        client = threading.Thread(target=lambda: answers.append(get(url_of(server))))
        client.start()
        server.handle_request()
        client.join(PATIENCE)
        assert answers[0].startswith(b"Hello world!")


@pytest.mark.parametrize("mix_in", ["ThreadingMixIn", pytest.param("ForkingMixIn", marks=needs_fork)])
def test_xml_rpc_with_a_mix_in_answers_side_by_side(fresh: Importer, mix_in: str) -> None:
    """`SimpleXMLRPCServer` with a mix-in before it, several calls on several connections, and a fault."""
    module = fresh("xmlrpc.server")

    class Server(getattr(plugserve, mix_in), module.SimpleXMLRPCServer):  # type: ignore[misc]  # made at run time
        pass

    def fail() -> None:
        raise ValueError("no")

    server = Server(LOCAL, logRequests=False, allow_none=True)
    server.register_function(pow)
    server.register_function(fail)
    server.register_introspection_functions()
    with serving(server):
        for _ in range(2):
            with xmlrpc.client.ServerProxy(url_of(server)) as proxy:
                assert proxy.pow(2, 10) == 1024
                assert proxy.system.listMethods() == ["fail", "pow"] + [
                    f"system.{name}" for name in ("listMethods", "methodHelp", "methodSignature")
                ]
                with pytest.raises(xmlrpc.client.Fault, match="ValueError"):
                    proxy.fail()


def test_logging_takes_its_configuration_from_a_socket(fresh: Importer) -> None:
    """`logging.config.listen`, whose receiver has a loop of its own around `handle_request`."""
    config = fresh("logging.config")
    thread = config.listen(0)
    thread.start()
    try:
        assert thread.ready.wait(PATIENCE)
        words = {"version": 1, "incremental": True, "loggers": {"compat.listened": {"level": "ERROR"}}}
        data = json.dumps(words).encode()
        logging.getLogger("compat.listened").setLevel(logging.DEBUG)
        with socket.create_connection(("127.0.0.1", thread.port), PATIENCE) as client:
            client.sendall(struct.pack(">L", len(data)) + data)
            assert drain(client) == b""
        assert logging.getLogger("compat.listened").level == logging.ERROR
    finally:
        config.stopListening()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_documentation_server_of_pydoc_starts_and_stops(fresh: Importer) -> None:
    """`pydoc -b`: a loop of its own around `handle_request`, ended by a flag."""
    pydoc = fresh("pydoc")
    thread = pydoc._start_server(lambda url, kind: f"page {url}", "127.0.0.1", 0)
    try:
        assert thread.serving
        assert get(thread.url + "topics") == b"page /topics"
    finally:
        thread.stop()
    assert not thread.serving


# -- pools ---------------------------------------------------------------------------------------------------------


class PoolMixIn:
    """Requests go into a queue, and a few threads take them out: what people have written by hand since 1999."""

    def start_workers(self, count: int) -> None:
        """Start the threads."""
        self.jobs: queue.Queue[Any] = queue.Queue(maxsize=count)
        self.workers = [threading.Thread(target=self.work) for _ in range(count)]
        for worker in self.workers:
            worker.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Put a request into the queue."""
        self.jobs.put((request, client_address))

    def work(self) -> None:
        """What one thread does."""
        while (job := self.jobs.get()) is not None:
            self.work_on(*job)

    def work_on(self: Any, request: Any, client_address: Any) -> None:
        """Handle one request."""
        try:
            self.finish_request(request, client_address)
        except Exception:
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def server_close(self) -> None:
        """Close, and end the threads."""
        super().server_close()  # type: ignore[misc]  # the server class follows
        for _ in self.workers:
            self.jobs.put(None)
        for worker in self.workers:
            worker.join(PATIENCE)


class ThreadsOfThePool(PoolMixIn):
    """The same with the method that `ThreadingMixIn` brings."""

    def work_on(self: Any, request: Any, client_address: Any) -> None:
        """Handle one request."""
        self.process_request_thread(request, client_address)


class Sometimes(plugserve.StreamRequestHandler):
    """Echoes a line; fails at `bad`."""

    def handle(self) -> None:
        """Read a line."""
        line = self.rfile.readline()
        if line == b"bad\n":
            raise ValueError("bad")
        self.wfile.write(line)


@pytest.mark.parametrize(
    "bases", [(PoolMixIn, "TCPServer"), (ThreadsOfThePool, "ThreadingTCPServer")], ids=["own", "mix-in"]
)
def test_a_pool_by_hand_serves_and_its_requests_have_their_hooks(bases: tuple[Any, str]) -> None:
    """An override of `process_request` without the base; other threads call `finish_request` and `shutdown_request`."""
    told: list[str] = []
    lock = threading.Lock()

    class Watch:
        @plugserve.hookimpl
        def setup(self) -> None:
            with lock:
                told.append("setup")

        @plugserve.hookimpl
        def finish(self) -> None:
            with lock:
                told.append("finish")

        @plugserve.hookimpl
        def connection_closed(self, context: plugserve.Context) -> None:
            with lock:
                told.append(context.outcome)

    errors: list[str] = []

    def handle_error(self: Any, request: Any, client_address: Any) -> None:
        errors.append(str(sys.exc_info()[1]))

    mix_in, base = bases
    Server = type("Server", (mix_in, getattr(plugserve, base)), {"handle_error": handle_error})
    server = Server(LOCAL, Sometimes, plugins=[Watch()])
    server.start_workers(3)
    # Two of the three workers wait for the silent ones.
    with serving(server), connect(server) as one, connect(server) as other:
        for number in range(5):
            assert ask(server, b"%d\n" % number) == b"%d\n" % number
        assert ask(server, b"bad\n") == b""
        for client in (one, other):
            client.sendall(b"late\n")
            assert drain(client) == b"late\n"
    assert errors == ["bad"]
    assert (told.count("setup"), told.count("finish")) == (8, 8)
    assert (told.count("ok"), told.count("error")) == (7, 1)


# -- TLS on the listening socket -----------------------------------------------------------------------------------


def tls(side: int) -> ssl.SSLContext:
    """A context that needs no certificate: anonymous Diffie-Hellman, for tests only (RFC 5246 appendix A.5)."""
    context = ssl.SSLContext(side)
    if side == ssl.PROTOCOL_TLS_CLIENT:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


def ask_tls(server: Any, data: bytes = b"hello\n") -> bytes:
    """One client over TLS."""
    with connect(server) as plain, tls(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(plain) as client:
        client.sendall(data)
        return drain(client)


def wrap_listener(server: Any) -> None:
    """As werkzeug does it: from now on `accept` shakes hands."""
    server.socket = tls(ssl.PROTOCOL_TLS_SERVER).wrap_socket(server.socket, server_side=True)


def wrap_requests(server: Any) -> None:
    """The other way: `get_request` wraps what it has accepted."""
    context = tls(ssl.PROTOCOL_TLS_SERVER)

    def get_request() -> Any:
        request, client_address = type(server).get_request(server)
        return context.wrap_socket(request, server_side=True), client_address

    server.get_request = get_request


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wrap", [wrap_listener, wrap_requests])
def test_tls_on_the_listening_socket_works_as_it_always_has(wrap: Callable[[Any], None], engine: str) -> None:
    """The handler gets an `SSLSocket` and its client an answer."""
    server = getattr(plugserve, engine)(LOCAL, Echo)
    wrap(server)
    with serving(server):
        assert ask_tls(server) == b"hello\n"
        assert ask_tls(server) == b"hello\n"


@pytest.mark.parametrize(
    "nonsense", [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b""], ids=["http", "half", "eof"]
)
@pytest.mark.parametrize("wrap", [wrap_listener, wrap_requests])
def test_a_client_that_does_not_shake_hands_costs_nobody_else_a_pause(
    wrap: Callable[[Any], None], nonsense: bytes
) -> None:
    """That `accept` fails for a reason of the peer's holds nothing up (the server's clock stands still: a pause would
    never end), and nothing is logged."""

    class Server(plugserve.ThreadingTCPServer):
        def clock(self) -> float:
            return 0.0

    server = Server(LOCAL, Echo)
    wrap(server)
    with serving(server):
        for _ in range(3):
            with connect(server) as client:
                with contextlib.suppress(OSError):  # the server may have hung up already
                    client.sendall(nonsense)
                    client.shutdown(socket.SHUT_WR)
                drain(client)
        assert ask_tls(server) == b"hello\n"


def test_a_server_on_an_inherited_descriptor(fresh: Importer) -> None:
    """As werkzeug under its reloader: `bind_and_activate=False`, the socket replaced by a copy of an open one, and a
    `serve_forever` that closes the server in the end."""
    http_server = fresh("http.server")

    class Server(plugserve.ThreadingMixIn, http_server.HTTPServer):  # type: ignore[misc]  # made at run time
        def __init__(self, fd: int, Handler: Any) -> None:
            super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
            self.socket.close()
            self.socket = socket.fromfd(fd, self.address_family, socket.SOCK_STREAM)
            self.server_address = self.socket.getsockname()
            self.port = self.server_address[1]

        def serve_forever(self, poll_interval: float = 0.5) -> None:
            try:
                super().serve_forever(poll_interval=poll_interval)
            except KeyboardInterrupt:
                pass
            finally:
                self.server_close()

    class Handler(http_server.BaseHTTPRequestHandler):  # type: ignore[misc]  # its base is made at run time
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"inherited")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with socket.create_server(LOCAL) as listener:
        server = Server(listener.fileno(), Handler)
        loop = Serving(server, FOREVER)
        assert get(url_of(server)) == b"inherited"
        server.shutdown()
        assert loop.ended()
        assert server.socket.fileno() == -1


def test_a_server_turned_round_handles_the_connection_that_it_makes() -> None:
    """As IDLE's remote end: `server_activate` connects, and `get_request` gives the server's own socket."""

    class Turned(plugserve.TCPServer):
        def server_bind(self) -> None:
            pass

        def server_activate(self) -> None:
            self.socket.connect(self.server_address)

        def get_request(self) -> Any:
            return self.socket, self.server_address

    with socket.create_server(LOCAL) as listener:
        server = Turned(listener.getsockname(), Echo)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            peer.sendall(b"hello\n")
            server.handle_request()
            assert drain(peer) == b"hello\n"
        server.server_close()


# -- processes in handlers -----------------------------------------------------------------------------------------


@needs_fork
@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_may_fork_and_let_its_child_answer(engine: str) -> None:
    """A plain `os.fork()` in `handle`: the parent's half returns and the server goes on, without ending the stream; the
    child's half answers at its leisure, and ends when it returns."""
    pids, tell = os.pipe()
    go, let = os.pipe()

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            if line != b"slow\n":
                self.wfile.write(line)
                return
            pid = os.fork()
            if pid:
                os.write(tell, b"%d %d\n" % (pid, os.getpid()))
                return
            os.read(go, 1)
            self.wfile.write(b"the child: " + line)

    server = getattr(plugserve, engine)(LOCAL, Handler)
    with serving(server), connect(server) as slow:
        slow.sendall(b"slow\n")
        child, parent = map(int, os.read(pids, 100).split())
        # The parent's half has returned, and the server serves others, while the child has not said a word.
        assert ask(server, b"quick\n") == b"quick\n"
        os.write(let, b"x")
        assert drain(slow) == b"the child: slow\n"
        if parent == os.getpid():
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ask(server, b"again\n") == b"again\n"
    for number in (pids, tell, go, let):
        os.close(number)


@needs_fork
@pytest.mark.parametrize("error, status", [(ValueError("in the child"), 1), (SystemExit(5), 5)])
def test_a_child_forked_by_a_handler_ends_with_its_own_status(
    error: BaseException, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception is told in the child through `handle_error`; `sys.exit(n)` ends it with n; no second server."""
    children: queue.Queue[int] = queue.Queue()

    class Handler(plugserve.BaseRequestHandler):
        def handle(self) -> None:
            pid = os.fork()
            if pid:
                children.put(pid)
                return
            raise error

    server = plugserve.TCPServer(LOCAL, Handler)
    with serving(server), connect(server) as client:
        assert drain(client) == b""
        assert os.waitstatus_to_exitcode(os.waitpid(children.get(timeout=PATIENCE), 0)[1]) == status
    assert ("ValueError: in the child" in capfd.readouterr().err) == isinstance(error, ValueError)


def _add(connection: Any, one: int, other: int) -> None:
    connection.send(one + other)


@needs_fork
@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_may_start_a_process_with_multiprocessing(engine: str) -> None:
    """The connection is still the handler's: it answers, and ends the stream itself."""

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            context = multiprocessing.get_context("fork")
            ours, theirs = context.Pipe()
            process = context.Process(target=_add, args=(theirs, 20, 22))
            process.start()
            result = ours.recv()
            process.join()
            ours.close()
            theirs.close()
            self.wfile.write(b"%d %d" % (result, process.exitcode or 0))

    server = getattr(plugserve, engine)(LOCAL, Handler)
    with serving(server):
        assert ask(server) == b"42 0"
        assert ask(server) == b"42 0"


def _wait(connection: Any) -> None:
    connection.recv()


@needs_fork
def test_a_process_that_outlives_its_handler_does_not_keep_the_client_waiting() -> None:
    """It has a copy of the connection, without a use for it: the server ends the stream all the same."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    processes: list[Any] = []

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            process = context.Process(target=_wait, args=(theirs,))
            process.start()
            processes.append(process)
            self.wfile.write(b"started")

    server = plugserve.ThreadingTCPServer(LOCAL, Handler)
    with serving(server):
        assert ask(server) == b"started"
        ours.send("go on")
        processes[0].join(PATIENCE)
    assert processes[0].exitcode == 0
    processes[0].close()
    ours.close()
    theirs.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_may_run_a_program(engine: str) -> None:
    """`subprocess` in a handler, its output on the connection itself."""

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            subprocess.run(["cat"], stdin=subprocess.DEVNULL, check=True)
            subprocess.run([sys.executable, "-c", "print('program')"], stdout=self.request.fileno(), check=True)

    server = getattr(plugserve, engine)(LOCAL, Handler)
    with serving(server):
        assert ask(server, b"").strip() == b"program"


# -- ending --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["TCPServer", "ThreadingTCPServer"])
def test_a_handler_may_end_the_loop_by_the_private_name(engine: str) -> None:
    """`server._BaseServer__shutdown_request = True` in a handler: how people avoid the standard module's deadlock."""

    class Handler(Echo):
        def handle(self) -> None:
            super().handle()
            self.server._BaseServer__shutdown_request = True

    server = getattr(plugserve, engine)(LOCAL, Handler)
    loop = Serving(server, FOREVER)
    assert ask(server) == b"hello\n"
    assert loop.ended()
    assert server._BaseServer__is_shut_down.is_set()
    server.server_close()


def test_a_stream_of_events_ends_when_the_server_is_asked_to_stop() -> None:
    """Handlers that stream for ever look at the private flag between two events."""
    going = threading.Event()

    class Handler(plugserve.StreamRequestHandler):
        def handle(self) -> None:
            while not self.server._BaseServer__shutdown_request and not self.server._BaseServer__is_shut_down.is_set():
                self.wfile.write(b"event\n")
                going.set()

    server = plugserve.ThreadingTCPServer(LOCAL, Handler)
    loop = Serving(server, FOREVER)
    with connect(server) as client:
        received = threading.Thread(target=drain, args=(client,))
        received.start()
        assert going.wait(PATIENCE)
        server.shutdown()
        assert loop.ended()
        server.server_close()
        received.join(PATIENCE)
        assert not received.is_alive()


def test_a_loop_around_handle_request_is_ended_by_a_flag() -> None:
    """`while running: server.handle_request()`, with a `timeout` to look at the flag."""
    timeouts: list[bool] = []

    class Server(plugserve.TCPServer):
        timeout = 0.01
        running = True

        def handle_timeout(self) -> None:
            timeouts.append(True)
            self.running = bool(len(timeouts) < 3)

    with Server(LOCAL, Echo) as server:
        answers: list[bytes] = []
        client = threading.Thread(target=lambda: answers.append(ask(server)))
        client.start()
        while server.running or not answers:
            server.handle_request()
        client.join(PATIENCE)
    assert answers == [b"hello\n"]
