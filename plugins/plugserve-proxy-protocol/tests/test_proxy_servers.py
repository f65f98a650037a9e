"""Behind a proxy, on every engine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugserve import (
    ConfigurationError,
    Context,
    CoroutineHandler,
    PluginError,
    ProtocolHandler,
    StreamRequestHandler,
    TCPServer,
    ThreadingMixIn,
    UDPServer,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES, CipherLayer, hosted
from plugserve_proxy_protocol import ProxyProtocol, ProxyProtocolMixIn, encode_v1, encode_v2
from plugserve_proxy_protocol.header import AUTHORITY

PATIENCE = 20
CLIENT, SERVER = ("203.0.113.7", 4711), ("198.51.100.1", 443)
EVERYBODY = ["127.0.0.0/8", "192.0.2.0/24"]
HEADERS = {
    "v1": encode_v1(CLIENT, SERVER),
    "v2": encode_v2(CLIENT, SERVER, tlvs=[(AUTHORITY, b"www.example.org")], checksum=True),
}


class Who(CoroutineHandler):
    async def handle(self) -> None:
        await self.connection.read_until(b"\n", 100)
        self.connection.write(f"{self.context.client_address[0]}\n".encode())


class WhoProtocol(ProtocolHandler):
    rest = b""

    def receive(self, data: bytes) -> bytes | None:
        self.rest += data
        return f"{self.context.client_address[0]}\n".encode() if self.rest.endswith(b"\n") else None


class WhoClassic(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(f"{self.client_address[0]}\n".encode())


HANDLERS = [Who, WhoProtocol, WhoClassic]


class Watch:
    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    @hookimpl
    def authorize(self, client_address: Any, context: Context) -> None:
        header = ProxyProtocol.header_of(context)
        assert header is not None
        self.seen.append((client_address, context.peer_address[0], header.authority, header.destination))

    @hookimpl
    def request_rejected(self, reason: str) -> None:
        self.seen.append(("rejected", reason))


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("version", HEADERS)
def test_the_client_is_the_one_that_the_proxy_speaks_for(engine: str, handler: Any, version: str) -> None:
    """For the handler and for votes; what came in the same segment is the handler's."""
    watch = Watch()
    with hosted(engine, handler, plugins=[ProxyProtocol(trusted=EVERYBODY), watch]) as host:
        client = host.connect()
        client.send(HEADERS[version] + b"hello\n")
        assert client.take(12) == b"203.0.113.7\n"
    [(address, peer, authority, destination)] = watch.seen
    assert (address, destination) == (CLIENT, SERVER)
    assert peer in ("127.0.0.1", "192.0.2.1")
    assert authority == ("www.example.org" if version == "v2" else None)


@pytest.mark.parametrize("engine", ["multiplexing", "threading", "memory"])
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("version", HEADERS)
def test_it_may_be_split_anywhere(engine: str, handler: Any, version: str) -> None:
    """Nothing of what follows is lost, and nothing is taken for it."""
    whole = HEADERS[version] + b"hello\n"
    with hosted(engine, handler, plugins=[ProxyProtocol(trusted=EVERYBODY)]) as host:
        for split in range(1, len(whole), 1 if engine == "memory" else 5):
            client = host.connect()
            client.send(whole[:split])
            client.send(whole[split:])
            assert client.take(12) == b"203.0.113.7\n"
            client.end()
            client.rest()


def test_a_proxy_that_speaks_for_itself_is_the_client() -> None:
    """As for a health check."""
    with hosted("threading", Who, plugins=[ProxyProtocol(trusted=EVERYBODY)]) as host:
        for raw in (encode_v2(), encode_v1()):
            client = host.connect()
            client.send(raw + b"hello\n")
            assert client.take(10) == b"127.0.0.1\n"


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_whoever_is_no_proxy_is_refused_before_a_byte_is_read(engine: str) -> None:
    """Else anybody could claim any address."""
    watch = Watch()
    with hosted(engine, Who, plugins=[ProxyProtocol(trusted=["198.51.100.0/24"]), watch]) as host:
        client = host.connect()
        try:
            client.send(HEADERS["v2"] + b"hello\n")
            assert client.rest() == b""
        except OSError:
            pass  # closed with what it had sent unread
    assert watch.seen == [("rejected", "the peer is no trusted proxy: only those speak the PROXY protocol here")]


def test_a_proxy_without_a_header_is_refused() -> None:
    """It is never guessed."""
    watch = Watch()
    with hosted("multiplexing", Who, plugins=[ProxyProtocol(trusted=EVERYBODY), watch]) as host:
        client = host.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        try:
            assert client.rest() == b""
        except ConnectionResetError:
            pass
    assert watch.seen == [("rejected", "there is no PROXY header: the first bytes are something else")]


@pytest.mark.parametrize("inside", [False, True])
def test_it_stands_on_either_side_of_encryption(inside: bool) -> None:
    """In clear before it, or encrypted within it."""
    from plugserve.testing import ToyCipher

    proxy, cipher = ProxyProtocol(trusted=EVERYBODY), CipherLayer()
    plugins = [cipher, proxy] if inside else [proxy, cipher]
    toy = ToyCipher(7)
    raw = b"KEY\x07" + toy.encode(HEADERS["v2"] + b"hello\n")
    if not inside:
        raw = HEADERS["v2"] + b"KEY\x07" + toy.encode(b"hello\n")
    with hosted("multiplexing", Who, plugins=plugins) as host:
        client = host.connect()
        client.send(raw)
        client.end()
        answer = client.rest()
    assert answer[:2] == b"OK"
    assert ToyCipher(7).feed(answer[2:]) == b"203.0.113.7\n"


def test_as_a_mixin_it_is_the_same() -> None:
    """For those who write their servers by hand."""

    class Server(ProxyProtocolMixIn, ThreadingMixIn, TCPServer):
        proxy_protocol_trusted = EVERYBODY

    with Server(("127.0.0.1", 0), WhoClassic) as server:
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        try:
            with socket.create_connection(server.server_address, timeout=PATIENCE) as client:
                client.sendall(HEADERS["v1"] + b"hello\n")
                assert client.recv(100) == b"203.0.113.7\n"
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trusted": []}, "trusted is empty: name the proxies"),
        ({"trusted": ["here"]}, "'here' is no network"),
        ({"trusted": ["192.0.2.1/24"]}, "has host bits set"),
        ({"trusted": ["unix"], "versions": [3]}, "versions are 1, 2 or both"),
        ({"trusted": ["unix"], "max_size": 100}, "max_size is 100: a header may have 232 bytes"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    """With what would."""
    with pytest.raises(ConfigurationError) as caught:
        ProxyProtocol(**options)
    assert words in str(caught.value)


def test_datagrams_have_no_header() -> None:
    """Layers need a stream."""
    with pytest.raises(PluginError, match="layers need a stream"):
        UDPServer(("127.0.0.1", 0), Who, plugins=[ProxyProtocol(trusted=EVERYBODY)])


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"needs {name}") if os.environ.get("CI") == "true" else pytest.skip(f"needs the package {name}")
    return str(found)


class Answer(CoroutineHandler):
    """Enough of HTTP for one answer."""

    async def handle(self) -> None:
        await self.connection.read_until(b"\r\n\r\n", 65536)
        header = ProxyProtocol.header_of(self.context)
        assert header is not None
        unique = (header.unique_id or b"").decode()
        body = f"{self.context.client_address[0]} v{header.version} {unique}".encode()
        self.connection.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@contextmanager
def served(engine: str) -> Iterator[int]:
    """A server behind a proxy; gives its port."""
    plugins = [ProxyProtocol(trusted=["127.0.0.0/8"])]
    with STREAM_ENGINES[engine](("127.0.0.1", 0), Answer, plugins=plugins) as server:
        server._core_warned_of_threads = True
        loop = threading.Thread(target=server.serve_forever)
        loop.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown(drain=PATIENCE)
            loop.join(PATIENCE)


ENGINES = [name for name in STREAM_ENGINES if name != "memory"]


@pytest.mark.parametrize("engine", ENGINES)
def test_curl_says_a_header(engine: str) -> None:
    """Its `--haproxy-protocol` is version 1."""
    with served(engine) as port:
        done = subprocess.run(
            [_program("curl"), "--silent", "--haproxy-protocol", f"http://127.0.0.1:{port}/"],
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    assert done.stdout == b"127.0.0.1 v1 "


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.parametrize("engine", ["multiplexing", "threading", "forking"])
def test_a_real_haproxy_stands_in_front(engine: str, tmp_path: Path) -> None:
    """It sends version 2 with a checksum and its own number of the connection; the client is who came to it."""
    program, front = _program("haproxy"), _free_port()
    with served(engine) as port:
        configuration = tmp_path / "haproxy.cfg"
        configuration.write_text(
            f"defaults\n  mode tcp\n  timeout connect 9s\n  timeout client 9s\n  timeout server 9s\n"
            f"frontend f\n  bind 127.0.0.1:{front}\n  unique-id-format request-%rt\n  default_backend b\n"
            f"backend b\n  server s 127.0.0.1:{port} send-proxy-v2 proxy-v2-options unique-id,crc32c\n"
        )
        proxy = subprocess.Popen([program, "-db", "-q", "-f", str(configuration)], stderr=subprocess.PIPE)
        try:
            _wait_for(front)
            # From an address of its own, so that it is told from the proxy.
            done = subprocess.run(
                [_program("curl"), "--silent", "--interface", "127.0.0.9", f"http://127.0.0.1:{front}/"],
                capture_output=True,
                timeout=PATIENCE,
                check=True,
            )
        finally:
            proxy.kill()
            proxy.communicate()
    assert done.stdout.startswith(b"127.0.0.9 v2 request-")


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        os.sched_yield()
    raise TimeoutError(port)
