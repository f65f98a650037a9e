"""One of several handlers, chosen by what is known of the connection."""

from __future__ import annotations

from typing import Any

import pytest

from plugserve import (
    BaseRequestHandler,
    ConfigurationError,
    Context,
    CoroutineHandler,
    ProtocolHandler,
    RequestRejected,
    choose_handler,
)
from plugserve.testing import STREAM_ENGINES, HeaderLayer, hosted


class Upper(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.upper()


class Lower(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data.lower()


class UpperAwaiting(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data.upper())


class LowerAwaiting(CoroutineHandler):
    async def handle(self) -> None:
        while data := await self.connection.read():
            self.connection.write(data.lower())


class UpperClassic(BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.upper())


class LowerClassic(BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data.lower())


def _by(upper: type, lower: type) -> type:
    def choose(context: Context) -> type:
        return upper if context.client_address[0] == "192.0.2.1" else lower

    return choose_handler(choose, upper, lower)


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("pair", [(Upper, Lower), (UpperAwaiting, LowerAwaiting), (UpperClassic, LowerClassic)])
def test_the_handler_is_chosen_when_the_layers_are_through(engine: str, pair: tuple[type, type]) -> None:
    """By an address that a layer has found out, here."""
    with hosted(engine, _by(*pair), plugins=[HeaderLayer()]) as host:
        for address, answer in (("192.0.2.1", b"HELLO"), ("192.0.2.2", b"hello")):
            client = host.connect()
            client.send(b"CLIENT %s 99\nHello" % address.encode())
            client.end()
            assert client.rest() == answer


def test_who_chooses_may_refuse(no_drift: list[str]) -> None:
    """As an error of the handler would end it."""

    def choose(context: Context) -> type:
        raise RequestRejected("none of them")

    with hosted("multiplexing", choose_handler(choose, Upper, Lower), attributes={"handle_error": _nothing}) as host:
        client = host.connect()
        client.send(b"Hello")
        try:
            assert client.rest() == b""
        except ConnectionResetError:
            pass
    no_drift.clear()


def _nothing(*arguments: Any) -> None:
    pass


def test_handlers_of_several_styles_are_refused() -> None:
    """Where a request waits depends on the style."""
    with pytest.raises(ConfigurationError, match="Upper is protocol, UpperClassic is classic"):
        choose_handler(lambda context: Upper, Upper, UpperClassic)
    with pytest.raises(ConfigurationError, match="name the handlers"):
        choose_handler(lambda context: Upper)
