"""A handler asks for encryption in mid-connection; a toy cipher stands for TLS."""

from __future__ import annotations

from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    Connection,
    CoroutineHandler,
    MultiplexingTCPServer,
    PluginError,
    PlugserveError,
    ProtocolError,
    ProtocolHandler,
    StreamRequestHandler,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES, CipherLayer, HeaderLayer, ToyCipher, hosted

ENGINES = list(STREAM_ENGINES)
GO = b"STARTTLS\r\n"


class Upgrade:
    """Offers what `CipherLayer` does at the start."""

    plugin_name = "upgrade"

    @hookimpl
    async def start_tls(self, connection: Connection) -> None:
        hello = await connection.read_exactly(4)
        if not hello.startswith(b"KEY"):
            raise ProtocolError("the cipher starts with KEY and one byte")
        connection.write(b"OK")
        connection.push(ToyCipher(hello[3]))
        connection.tls = f"key {hello[3]}"


class Upgrading(CoroutineHandler):
    async def handle(self) -> None:
        c = self.connection
        while line := await c.read_until(b"\n", 100):
            if line == GO:
                assert c.offers_tls
                c.write(b"go\n")
                await c.start_tls()
                assert not c.offers_tls
                c.write(b"hello %s\n" % str(self.context.tls).encode())
            else:
                c.write((b"secret " if c.tls else b"clear ") + line)


class UpgradingProtocol(ProtocolHandler):
    rest = b""

    def receive(self, data: bytes) -> bytes:
        self.rest += data
        answer = b""
        while b"\n" in self.rest:
            line, _, self.rest = self.rest.partition(b"\n")
            if line + b"\n" == GO:
                rest, self.rest = self.rest, b""
                self.start_tls(rest)
                return answer + b"go\n"
            answer += (b"secret " if self.context.tls else b"clear ") + line + b"\n"
        return answer

    def tls_started(self) -> bytes:
        return b"hello %s\n" % str(self.context.tls).encode()


class UpgradingFiles(StreamRequestHandler):
    def handle(self) -> None:
        same, secret = self.request, False
        for line in iter(self.rfile.readline, b""):
            if line == GO:
                self.wfile.write(b"go\n")
                self.start_tls()
                secret = True
                assert self.request is same
                self.wfile.write(b"hello key 7\n")
            else:
                self.wfile.write((b"secret " if secret else b"clear ") + line)


class UpgradingClassic(BaseRequestHandler):
    def handle(self) -> None:
        secret, rest = b"clear ", b""
        while data := self.request.recv(100):
            rest += data
            while b"\n" in rest:
                line, _, rest = rest.partition(b"\n")
                if line + b"\n" == GO:
                    self.request.sendall(b"go\n")
                    self.start_tls(rest)
                    secret, rest = b"secret ", b""
                    self.request.sendall(b"hello key 7\n")
                else:
                    self.request.sendall(secret + line + b"\n")


HANDLERS = [Upgrading, UpgradingProtocol, UpgradingFiles, UpgradingClassic]
CIPHER = ToyCipher(7)


def _decoded(data: bytes) -> bytes:
    return ToyCipher(7).feed(data)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_of_any_style_encrypts_in_mid_connection(engine: str, handler: Any) -> None:
    """In clear before, encrypted after, to the farewell of the cipher."""
    with hosted(engine, handler, plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(b"one\n")
        assert client.take(10) == b"clear one\n"
        client.send(GO)
        assert client.take(3) == b"go\n"
        client.send(b"KEY\x07")
        assert client.take(2) == b"OK"
        client.send(CIPHER.encode(b"two\n"))
        client.end()
        assert _decoded(client.rest()) == b"hello key 7\nsecret two\n"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", HANDLERS)
def test_what_comes_with_the_request_is_the_handshake_wherever_it_is_split(engine: str, handler: Any) -> None:
    """A client that does not wait for the answer is understood, at every split of what it sends."""
    whole = b"one\n" + GO + b"KEY\x07" + CIPHER.encode(b"two\n")
    splits = range(1, len(whole)) if engine in ("memory", "multiplexing") else (1, 5, 13, 14, 15, 17, 18, 19, 22)
    with hosted(engine, handler, plugins=[Upgrade()]) as host:
        for split in splits:
            client = host.connect()
            client.send(whole[:split])
            client.send(whole[split:])
            client.end()
            answer = client.rest()
            assert answer.startswith(b"clear one\ngo\nOK"), split
            assert _decoded(answer[15:]) == b"hello key 7\nsecret two\n", split


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_command_that_was_injected_in_clear_reaches_nobody(engine: str, handler: Any) -> None:
    """It is taken for the handshake, which it breaks; the connection ends, and nothing is said in clear again."""
    with hosted(engine, handler, plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(GO + b"RSET\r\nKEY\x07" + CIPHER.encode(b"two\n"))
        assert client.take(3) == b"go\n"
        try:
            assert client.rest() == b""
        except ConnectionResetError:
            pass  # what was not read


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_that_catches_the_failure_cannot_go_on_in_clear(engine: str) -> None:
    """Every later call raises the same."""

    class Stubborn(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read_exactly(len(GO))
            try:
                await self.connection.start_tls()
            except ProtocolError:
                self.connection.write(b"never mind\n")

    with hosted(engine, Stubborn, plugins=[Upgrade()]) as host:
        client = host.connect()
        client.send(GO + b"NOT A KEY")
        try:
            assert client.rest() == b""
        except ConnectionResetError:
            pass


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("handler", [Upgrading, UpgradingFiles])
def test_behind_other_layers_it_is_the_same(engine: str, handler: Any) -> None:
    """A header before, which has read ahead."""
    with hosted(engine, handler, plugins=[HeaderLayer(), Upgrade()]) as host:
        client = host.connect()
        client.send(b"CLIENT 192.0.2.7 99\none\n" + GO + b"KEY\x07")
        client.send(CIPHER.encode(b"two\n"))
        client.end()
        answer = client.rest()
        assert answer.startswith(b"clear one\ngo\nOK")
        assert _decoded(answer[15:]) == b"hello key 7\nsecret two\n"


@pytest.mark.parametrize("handler", HANDLERS)
def test_without_a_plugin_that_offers_it_the_error_says_what_to_add(handler: Any, no_drift: list[str]) -> None:
    """And the request ends there."""
    errors: list[BaseException | None] = []

    class Errors:
        @hookimpl
        def handle_error(self, context: Any) -> None:
            errors.append(context.exception)

    quiet = type("Quiet", (handler,), {})
    with hosted("threading", quiet, plugins=[Errors()], attributes={"handle_error": lambda *_: None}) as host:
        client = host.connect()
        client.send(GO)
        try:
            client.rest()
        except ConnectionResetError:
            pass
    assert isinstance(errors[0], (PlugserveError, AssertionError))
    no_drift.clear()


def test_a_plugin_that_comes_back_without_encryption_ends_the_connection() -> None:
    """Fail closed."""

    class Nothing:
        @hookimpl
        async def start_tls(self) -> None:
            pass

    seen: list[str] = []

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            await self.connection.read()
            try:
                await self.connection.start_tls()
            except PlugserveError as error:
                seen.append(str(error))

    with hosted("multiplexing", Asks, plugins=[Nothing()]) as host:
        client = host.connect()
        client.send(b"x")
        client.rest()
    assert seen == ["plugin 'nothing': start_tls came back without encryption"]


def test_a_silent_client_has_the_time_of_the_layers() -> None:
    """And the deadline of the whole request holds again afterwards."""
    from plugserve import Limits

    limits = Limits(layers_timeout=5, total=100, idle=None)
    with hosted("memory", Upgrading, plugins=[Upgrade()], limits=limits) as host:
        server: Any = host.server
        silent, lively = host.connect(), host.connect()
        for client in (silent, lively):
            client.send(GO)
            assert client.take(3) == b"go\n"
        lively.send(b"KEY\x07")
        assert lively.take(2) == b"OK"
        server.advance(6)
        assert [row.client_address for row in server.requests()] != []
        assert len(server.requests()) == 1
        server.advance(100)
        assert server.requests() == []


def test_what_cannot_be_is_refused_at_start() -> None:
    """Two that offer it; one on datagrams."""

    class Other(Upgrade):
        plugin_name = "other"

    with pytest.raises(PluginError, match="plugin 'other' offers start_tls, and so does 'upgrade'"):
        MultiplexingTCPServer(("127.0.0.1", 0), Upgrading, plugins=[Upgrade(), Other()])
    from plugserve import UDPServer

    with pytest.raises(PluginError, match="needs a stream"):
        UDPServer(("127.0.0.1", 0), Upgrading, plugins=[Upgrade()])


def test_an_encrypted_connection_is_not_encrypted_again() -> None:
    """Nobody asks for that but by mistake."""
    seen: list[str] = []

    class Layer(CipherLayer):
        @hookimpl
        async def open_connection(self, connection: Connection, context: Any) -> None:
            await CipherLayer.open_connection(self, connection, context)
            connection.tls = "the toy"

    class Asks(CoroutineHandler):
        async def handle(self) -> None:
            try:
                await self.connection.start_tls()
            except PlugserveError as error:
                seen.append(str(error))

    with hosted("sync", Asks, plugins=[Layer(), Upgrade()]) as host:
        client = host.connect()
        client.send(b"KEY\x07")
        client.rest()
    assert seen == ["start_tls: the connection is encrypted already"]


def test_a_plugin_may_decide_when_it_is_made_which_hooks_it_has() -> None:
    """An attribute of the instance that is None hides the method."""

    class Either(Upgrade):
        phase = "encryption"

        def __init__(self, upgrade: bool) -> None:
            if upgrade:
                self.open_connection = None
            else:
                self.start_tls = None  # type: ignore[method-assign, assignment]

        @hookimpl
        async def open_connection(self, connection: Connection) -> None:  # type: ignore[no-redef]
            await Upgrade.start_tls(self, connection)

    with MultiplexingTCPServer(("127.0.0.1", 0), Upgrading, plugins=[Either(True)]) as server:
        assert [bool(server._core_hooks.start_tls), bool(server._core_hooks.open_connection)] == [True, False]
    with MultiplexingTCPServer(("127.0.0.1", 0), Upgrading, plugins=[Either(False)]) as server:
        assert [bool(server._core_hooks.start_tls), bool(server._core_hooks.open_connection)] == [False, True]


def test_a_socket_that_is_no_plain_one_cannot_stand_below_a_layer(no_drift: list[str]) -> None:
    """That request ends with an error that says so, and the next is served."""
    import socket

    class Wrapped(socket.socket):
        pass

    odd = [True]

    def get_request(server: Any) -> tuple[Any, Any]:
        request, address = STREAM_ENGINES["threading"].get_request(server)
        if odd:
            odd.clear()
            request = Wrapped(request.family, request.type, request.proto, request.detach())
        return request, address

    errors: list[str] = []

    class Errors:
        @hookimpl
        def connection_closed(self, context: Any) -> None:
            errors.append(str(context.exception))

    attributes = {"get_request": get_request, "handle_error": lambda *_: None}
    with hosted("threading", UpgradingFiles, plugins=[HeaderLayer(), Errors()], attributes=attributes) as host:
        first = host.connect()
        first.send(b"CLIENT 192.0.2.7 99\none\n")
        assert first.rest() == b""
        second = host.connect()
        second.send(b"CLIENT 192.0.2.7 99\none\n")
        assert second.take(10) == b"clear one\n"
    assert errors[0].startswith("layers need a plain socket, and get_request of ThreadingTCPServer gives Wrapped")
    no_drift.clear()


def test_a_mistake_in_code_is_told_at_once() -> None:
    """`start_tls` outside of a request."""
    handler = UpgradingFiles.__new__(UpgradingFiles)
    handler.server, handler.request = object(), object()
    with pytest.raises(PlugserveError, match="no request that a server of plugserve is handling"):
        BaseRequestHandler.start_tls(handler)
    assert issubclass(PluginError, ConfigurationError)
