"""The preamble on every engine, and its client."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve import ConfigurationError, CoroutineHandler, Identity, hookimpl
from plugserve.testing import STREAM_ENGINES, Recorder, hosted
from plugserve_auth import Auth, AuthenticationFailed, AuthMixIn, PasswordFile, PeerCredentials, ThrottleLimits
from plugserve_auth.client import authenticate, make_exchange
from plugserve_auth.stores.tokens import token_line

# The clients here, and pytest's own watchdog, are threads beside a forking server: that is the point of such a test.
pytestmark = pytest.mark.filterwarnings("ignore:forking while other threads run:RuntimeWarning")

PATIENCE = 20.0
ENGINES = list(STREAM_ENGINES)


class Pencils:
    """A store that costs no time: anybody whose password is `pencil`."""

    def check_password(self, name: str, password: str) -> Identity | None:
        return Identity(name, "password", frozenset({"staff"})) if password == "pencil" else None


class Echo(CoroutineHandler):
    """Says who it serves, then repeats everything."""

    async def handle(self) -> None:
        identity = self.context.identity
        self.connection.write(f"{identity} by {identity.method if identity else None}\n".encode())
        while data := await self.connection.read():
            self.connection.write(data)


class ClassicEcho(plugserve.StreamRequestHandler):
    """Repeats lines."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


def auth(*stores: Any, **options: Any) -> Auth:
    """The plugin, for clear connections."""
    return Auth(stores=stores or [Pencils()], **({"plaintext": True} | options))


def plain(name: str = "alice", password: str = "pencil") -> bytes:
    """The line of a client that logs in."""
    return b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0{password}".encode()) + b"\r\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_leftovers_at_every_split(engine: str) -> None:
    """However the client's bytes are cut, those behind its last line reach the handler, and none is added."""
    sent = plain() + b"first\nsecond"
    expected = b"SASL 1 PLAIN LOGIN\r\nOK\r\nalice by plain\nfirst\nsecond"
    step = 1 if engine == "memory" else 7
    with hosted(engine, Echo, plugins=[auth()]) as host:
        for cut in range(0, len(sent) + 1, step):
            client = host.connect()
            client.send(sent[:cut])
            host.settle()
            client.send(sent[cut:])
            client.end()
            assert client.rest() == expected
            client.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_byte_by_byte(engine: str) -> None:
    """One byte a segment makes no difference, for a classic handler either."""
    with hosted(engine, ClassicEcho, plugins=[auth()]) as host:
        client = host.connect()
        for byte in plain() + b"first\nsecond\n":
            client.send(bytes([byte]))
            host.settle()
        client.end()
        assert client.rest() == b"SASL 1 PLAIN LOGIN\r\nOK\r\nfirst\nsecond\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_scram(engine: str, users: Path) -> None:
    """SCRAM goes through on every engine, and both sides have proved themselves."""
    exchange = make_exchange("SCRAM-SHA-256", name="alice", password="correct horse")
    with hosted(engine, Echo, plugins=[Auth(passwords=users)]) as host:
        client = host.connect()
        greeting = b"SASL 1 SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1\r\n"
        assert client.take(len(greeting)) == greeting
        client.send(b"AUTH SCRAM-SHA-256 " + base64.b64encode(exchange.initial()) + b"\r\n")
        line = _line(client)
        assert line.startswith(b"+ ")
        client.send(base64.b64encode(exchange.respond(base64.b64decode(line[2:]))) + b"\nleft over")
        line = _line(client)
        assert line.startswith(b"OK ")
        exchange.finish(base64.b64decode(line[3:]))
        client.end()
        assert client.rest() == b"alice by scram-sha-256\nleft over"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "sent, answer",
    [
        (plain(password="wrong"), b"NO authentication failed\r\n"),
        (b"AUTH CRAM-MD5\r\n", b"NO authentication failed\r\n"),
        (b"AUTH PLAIN =\r\n", b"NO authentication failed\r\n"),
        (b"AUTH PLAIN not base64\r\n", b"NO this is not base64\r\n"),
        (b"AUTH PLAIN\r\n*\r\n", b"+ =\r\nNO authentication failed\r\n"),
        (b"AUTH PLAIN\r\n\r\n", b"+ =\r\nNO authentication failed\r\n"),
        (b"GET / HTTP/1.1\r\n", b"NO begin with AUTH\r\n"),
        (b"\r\n", b"NO begin with AUTH\r\n"),
        (b"AUTH \xff\xfe\r\n", b"NO authentication failed\r\n"),
        (b"A" * 8192, b"NO the line is too long\r\n"),
    ],
    ids=range(10),
)
def test_refused(engine: str, sent: bytes, answer: bytes) -> None:
    """Whoever proves nothing, or speaks something else, is told in a line and let go; the handler is never made."""
    with closing(Recorder()) as recorder:
        with hosted(engine, Echo, plugins=[auth(), recorder]) as host:
            client = host.connect()
            client.send(sent)
            assert client.rest() == b"SASL 1 PLAIN LOGIN\r\n" + answer
        assert "setup" not in recorder.hooks
        assert "request_rejected" in recorder.hooks


def test_silent_client() -> None:
    """A client that says nothing is let go when the layers' time is up, and a flood of rounds at their number."""
    with hosted("memory", Echo, plugins=[auth()], limits=plugserve.Limits(layers_timeout=3.0)) as host:
        client = host.connect()
        host.settle()
        host.server.advance(4.0)  # type: ignore[attr-defined]
        assert client.rest() == b"SASL 1 PLAIN LOGIN\r\n"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_client(mechanism: str, users: Path) -> None:
    """The client's helper logs in and reads no byte of the protocol."""
    with hosted("threading", Echo, plugins=[Auth(passwords=users, plaintext=True)]) as host:
        with socket.create_connection(host.server.server_address, PATIENCE) as sock:
            authenticate(sock, mechanism, name="alice", password="correct horse")
            expected = f"alice by {mechanism.lower()}\n".encode()
            assert sock.recv(len(expected), socket.MSG_WAITALL) == expected
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
        address = host.server.server_address
        with socket.create_connection(address, PATIENCE) as sock, pytest.raises(AuthenticationFailed):
            authenticate(sock, mechanism, name="alice", password="wrong")
        with socket.create_connection(address, PATIENCE) as sock, pytest.raises(AuthenticationFailed, match="EXTERNAL"):
            authenticate(sock, "EXTERNAL")


@pytest.mark.skipif(not hasattr(plugserve, "UnixStreamServer"), reason="needs Unix sockets")
@pytest.mark.parametrize("mode", ["preamble", "connection"])
def test_unix_peer(mode: Any, tmp_path: Path) -> None:
    """On a Unix socket the process at the other end proves who it is, with EXTERNAL or without a word."""
    store = PeerCredentials(users={str(os.getuid()): "service"})
    path = str(tmp_path / "socket")
    with plugserve.ThreadingUnixStreamServer(path, Echo, plugins=[Auth(stores=[store], mode=mode)]) as server:
        loop = threading.Thread(target=server.serve_forever, args=(0.01,))
        loop.start()
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(PATIENCE)
                sock.connect(path)
                if mode == "preamble":
                    authenticate(sock, "EXTERNAL")
                expected = b"service by " + (b"external\n" if mode == "preamble" else b"peer-credentials\n")
                assert sock.recv(len(expected), socket.MSG_WAITALL) == expected
        finally:
            server.shutdown()
            loop.join(PATIENCE)


def test_unknown_peer() -> None:
    """In the mode `connection` who is not known is refused without a word."""
    with closing(Recorder()) as recorder:
        with hosted("memory", Echo, plugins=[auth(PeerCredentials(), mode="connection"), recorder]) as host:
            assert host.connect().rest() == b""
        assert "request_rejected" in recorder.hooks


@pytest.mark.parametrize("engine", ENGINES)
def test_throttled(engine: str) -> None:
    """After too many failures a client is told how long to stay away, on every engine: those of children count, too."""
    limits = ThrottleLimits(free=0, ban_after=1, ban=3599.2)
    with hosted(engine, Echo, plugins=[auth(throttle=limits)]) as host:
        for sent, answer in (
            (plain(password="x"), b"NO authentication failed\r\n"),
            (plain(), b"NO too many attempts, come again in 3600 seconds\r\n"),
        ):
            client = host.connect()
            client.send(sent)
            assert client.rest() == b"SASL 1 PLAIN LOGIN\r\n" + answer


def test_no_mechanism(users: Path) -> None:
    """Where no mechanism can be used the client is told so at once."""
    with hosted("memory", Echo, plugins=[Auth(passwords=users, mechanisms=["PLAIN"])]) as host:
        assert host.connect().rest() == b"SASL 1\r\nNO no mechanism can be used here\r\n"


def test_certificate_is_kept() -> None:
    """The facts of a certificate stay known when the client proves a name by other means."""

    class Certified:
        phase = "encryption"
        plugin_name = "certified"

        @hookimpl
        async def open_connection(self, connection: Any) -> None:
            connection.identity = Identity("host.example.org", "tls", frozenset(), {"serial": 7})
            connection.tls = object()

    seen = []

    class Look(CoroutineHandler):
        async def handle(self) -> None:
            seen.append(self.context.identity)

    with hosted("memory", Look, plugins=[Certified(), Auth(stores=[Pencils()])]) as host:
        client = host.connect()
        client.send(plain())
        client.end()
        client.rest()
    assert seen[0].name == "alice"
    assert seen[0].claims["certificate"] == {"name": "host.example.org", "serial": 7}


def test_mix_in(users: Path) -> None:
    """As a base of a server class it is the same plugin, with attributes for options."""

    class Server(AuthMixIn, plugserve.TCPServer):
        auth_passwords = users
        auth_plaintext = True

    with Server(("127.0.0.1", 0), Echo) as server:
        (plugin,) = server.plugins.values()
        assert isinstance(plugin, Auth)
        assert plugin.mode == "preamble"


def test_one_plugin_for_two_servers() -> None:
    """One object does not serve two servers whose clients are asked in different ways: it would open one of them."""
    plugin = auth()
    with hosted("memory", Echo, plugins=[plugin]):
        with pytest.raises(ConfigurationError, match="make a second one"), hosted("memory", Asking, plugins=[plugin]):
            pass
        with hosted("memory", ClassicEcho, plugins=[plugin]) as host:
            client = host.connect()
            client.send(b"in\n")
            assert client.rest().endswith(b"NO begin with AUTH\r\n")


class Asking(CoroutineHandler):
    """Says that it asks for credentials itself."""

    authenticates = True

    async def handle(self) -> None: ...


@pytest.mark.parametrize(
    "handler, options, engine, message",
    [
        (Echo, {"mode": "handler"}, "sync", "Echo does not ask its clients who they are"),
        (Asking, {}, "forking", "failed attempts could not be counted"),
        (Echo, {"mode": "connection"}, "sync", "add the store certificate or peer"),
        (Echo, {"passwords": "/nonexistent/users"}, "sync", "plugserve-auth add"),
    ],
)
def test_refuses_to_start(handler: Any, options: dict[str, Any], engine: str, message: str) -> None:
    """What would let in everybody, or nobody, refuses to start and says why."""
    if engine not in STREAM_ENGINES:
        pytest.skip("needs fork")
    with pytest.raises(ConfigurationError, match=message), hosted(engine, handler, plugins=[auth(**options)]):
        pass
    with pytest.raises(ConfigurationError, match="no credentials"):
        Auth()


def test_handler_that_asks() -> None:
    """A handler that says that it asks finds the authenticator, and no preamble is spoken."""
    plugin = auth()
    with hosted("memory", Asking, plugins=[plugin]) as host:
        assert plugin.mode == "handler"
        assert host.connect().rest() == b""


def test_token(tmp_path: Path) -> None:
    """The client's helper logs in with a token, too, and is let go with a bad one."""
    tokens = tmp_path / "tokens"
    tokens.write_text(token_line("backup", "token-one"))
    tokens.chmod(0o600)
    with hosted("threading", Echo, plugins=[Auth(tokens=tokens, plaintext=True)]) as host:
        address = host.server.server_address
        with socket.create_connection(address, PATIENCE) as sock:
            authenticate(sock, "OAUTHBEARER", token="token-one")
            assert sock.recv(16, socket.MSG_WAITALL) == b"backup by token\n"
        with socket.create_connection(address, PATIENCE) as sock, pytest.raises(AuthenticationFailed):
            authenticate(sock, "OAUTHBEARER", token="token-two")


class Patient:
    """A store whose password checks wait until they may go on; what it says of SCRAM costs no time."""

    def __init__(self) -> None:
        self.inside, self.leave = threading.Event(), threading.Event()
        self.checked = 0

    def check_password(self, name: str, password: str) -> Identity | None:
        self.checked += 1
        self.inside.set()
        self.leave.wait(PATIENCE)
        return Identity(name, "password")


class Reads(CoroutineHandler):
    """Does something beside."""

    async def handle(self) -> None:
        self.connection.write(await self.connection.offload(lambda: b"read"))


def test_flood_of_passwords(users: Path) -> None:
    """Many passwords at once are not as many calls that wait: beyond a bound a client is told at once to come
    again, and meanwhile SCRAM and the work of handlers go on."""
    store = Patient()
    plugin = auth(store, PasswordFile(file=users), hashes=1, throttle=ThrottleLimits(free=10**6, ban_after=10**6))
    # The kernel's queue holds as many, or the later ones would wait a second for each free place in it.
    roomy = {"request_queue_size": 128}
    with hosted("multiplexing", Reads, plugins=[plugin], attributes=roomy) as host:
        clients = []
        for number in range(70):
            client = host.connect()
            client.send(plain(f"name {number}"))
            clients.append(client)
        assert store.inside.wait(PATIENCE)
        for _ in range(3):
            with socket.create_connection(host.server.server_address, PATIENCE) as sock:
                authenticate(sock, "SCRAM-SHA-256", name="alice", password="correct horse")
                assert sock.recv(10) == b"read"
        # 64 wait for the one place, and nobody else: by now all 70 have been looked at.
        store.leave.set()
        answers = [client.rest().splitlines()[1] for client in clients]
        assert answers.count(b"NO too many log in at once, come again in 1 second") == 5
        assert answers.count(b"OK") == 65
    assert store.checked == 65


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_gsasl(mechanism: str, users: Path, program: Callable[[str, str], str]) -> None:
    """GNU SASL's own client, its lines bridged into the preamble, proves a name, and finds that the server knows it."""
    gsasl = program("gsasl", "gsasl")
    command = [gsasl, "--client", "--mechanism", mechanism, "--no-cb"]
    command += ["--authentication-id", "alice", "--password", "correct horse", "--authorization-id", ""]
    with (
        hosted("threading", Echo, plugins=[Auth(passwords=users, plaintext=True)]) as host,
        socket.create_connection(host.server.server_address, PATIENCE) as sock,
        sock.makefile("rwb") as stream,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert mechanism in stream.readline().decode().split()
        assert process.stdout.readline().decode().strip() == mechanism
        stream.write(f"AUTH {mechanism} ".encode() + process.stdout.readline())
        stream.flush()
        while (answer := stream.readline()).startswith(b"+ "):
            process.stdin.write(answer[2:].strip() + b"\n")
            process.stdin.flush()
            stream.write(process.stdout.readline())
            stream.flush()
        assert answer.startswith(b"OK"), answer
        # An empty line more: it asks whether there is anything else, even after the last message of SCRAM.
        process.stdin.write(answer[3:].strip() + b"\n\n")
        _, said = process.communicate(timeout=PATIENCE)
        assert b"Client authentication finished (server trusted)" in said
        assert stream.readline() == f"alice by {mechanism.lower()}\n".encode()


def _line(client: Any) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = client.take(1)
        assert byte, line
        line += byte
    return line
