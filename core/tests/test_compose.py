from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    CoroutineHandler,
    Limits,
    PluginError,
    SynchronousMixIn,
    TCPServer,
    ThreadingMixIn,
    UDPServer,
    hookimpl,
)
from plugserve.compose import make_server, server_class


class Echo(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data)


class Classic(BaseRequestHandler):
    def handle(self) -> None: ...


@contextmanager
def _served(server: TCPServer) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever)
    with server:
        thread.start()
        try:
            yield server.server_address
        finally:
            server.shutdown()
            thread.join()


def test_a_class_is_made_of_an_engine_and_a_transport() -> None:
    """The mix-in comes first, so that its methods count; the same two give the same class."""
    made = server_class("tcp", ThreadingMixIn)
    assert made.__bases__ == (ThreadingMixIn, TCPServer)
    assert made.__name__ == "ThreadingTCPServer"
    assert (made.engine_name, made.transport) == ("threading", "tcp")
    assert server_class("tcp", ThreadingMixIn) is made
    assert issubclass(server_class("udp", SynchronousMixIn), UDPServer)


def test_a_transport_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """The message lists the transports of this platform."""
    with pytest.raises(ConfigurationError, match=r"carrier-pigeon: .* use one of .*tcp, udp"):
        server_class("carrier-pigeon", ThreadingMixIn)


@pytest.mark.parametrize("engine", [ThreadingMixIn, SynchronousMixIn])
def test_a_server_is_made_on_an_address_and_serves(engine: type) -> None:
    """Port 0 has become the port taken; the backlog is long enough for a burst of clients."""
    server = make_server("tcp://127.0.0.1:0", Echo, engine=engine)
    assert server.request_queue_size >= 1024
    with _served(server) as address:
        assert address[1] > 0
        with socket.create_connection(address, timeout=20) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"


def test_a_datagram_server_is_made_on_an_address_and_serves() -> None:
    """The same handler answers datagrams."""
    server = make_server("udp://127.0.0.1:0", Echo, engine=ThreadingMixIn)
    with _served(server) as address, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.sendto(b"hello", address)
        assert client.recv(100) == b"hello"


def test_a_socket_that_is_bound_already_is_taken_over() -> None:
    """The server listens on that very socket and closes it in the end."""
    ready = socket.socket()
    ready.bind(("127.0.0.1", 0))
    server = make_server("tcp://127.0.0.1:0", Echo, engine=ThreadingMixIn, ready=ready)
    assert server.socket is ready
    assert server.server_address == ready.getsockname()
    server.server_close()
    assert ready.fileno() == -1


def test_limits_are_on_for_every_style() -> None:
    """A classic handler that is served by name has the limits that others have."""
    with make_server("tcp://127.0.0.1:0", Classic, engine=SynchronousMixIn) as server:
        assert server.limits == Limits()
    with make_server("tcp://127.0.0.1:0", Classic, engine=SynchronousMixIn, limits=Limits(idle=1)) as server:
        assert server.limits == Limits(idle=1)


class _Refuses:
    @hookimpl
    def server_activate(self) -> None:
        raise ConfigurationError("not today")


@pytest.mark.parametrize("plugins", [[object()], [_Refuses()]], ids=["implements nothing", "refuses"])
def test_what_does_not_fit_together_leaves_no_socket_open(plugins: list[Any]) -> None:
    """A plugin that is refused or refuses is told in words, and the address is free again."""
    ready = socket.socket()
    ready.bind(("127.0.0.1", 0))
    with pytest.raises(ConfigurationError):
        make_server("tcp://127.0.0.1:0", Echo, engine=ThreadingMixIn, plugins=plugins, ready=ready)
    assert ready.fileno() == -1


def test_an_engine_may_be_named() -> None:
    """A name is looked up among the installed engines; a wrong one is refused with the nearest."""
    with pytest.raises(PluginError, match="no engine named 'no-such-engine'"):
        make_server("tcp://127.0.0.1:0", Echo, engine="no-such-engine")
