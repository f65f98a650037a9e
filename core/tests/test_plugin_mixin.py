"""Plugins as bases of a server class."""

from __future__ import annotations

from typing import Any

import pytest

from plugserve import (
    ConfigurationError,
    PluginError,
    PluginMixIn,
    ProtocolHandler,
    TCPServer,
    ThreadingMixIn,
    hookimpl,
)
from plugserve.testing import STREAM_ENGINES


class Gate:
    plugin_name = "front-gate"

    def __init__(self, *, key: str, strict: bool = False) -> None:
        if key == "bad":
            raise ConfigurationError("the key is bad: use another one", option="key")
        self.key, self.strict = key, strict

    @hookimpl
    def verify_request(self) -> None:
        """Abstain."""


class GateMixIn(PluginMixIn):
    plugin_class = Gate


class Counter:
    plugin_name = "counter"

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def verify_request(self) -> None:
        self.count += 1


class CounterMixIn(PluginMixIn):
    plugin_class = Counter


class Echo(ProtocolHandler):
    def receive(self, data: bytes) -> bytes:
        return data


def _made(server_class: Any, **arguments: Any) -> Any:
    with server_class(("127.0.0.1", 0), Echo, **arguments) as server:
        return server


def test_a_mixin_makes_its_plugin_from_the_attributes_of_the_server_class() -> None:
    """Each named after the plugin and the argument."""

    class Server(GateMixIn, ThreadingMixIn, TCPServer):
        front_gate_key = "k"
        front_gate_strict = True

    one, other = _made(Server), _made(Server)
    assert list(one.plugins) == ["front-gate"]
    assert (one.plugins["front-gate"].key, one.plugins["front-gate"].strict) == ("k", True)
    assert other.plugins["front-gate"] is not one.plugins["front-gate"]


@pytest.mark.parametrize("engine", STREAM_ENGINES)
def test_the_first_base_is_the_outermost_and_plugins_that_are_given_come_after_them(engine: str) -> None:
    """On every engine."""

    class Last(Counter):
        plugin_name = "last"

    server_class = type("Server", (CounterMixIn, GateMixIn, STREAM_ENGINES[engine]), {"front_gate_key": "k"})
    assert list(_made(server_class, plugins=[Last()]).plugins) == ["counter", "front-gate", "last"]
    turned = type("Server", (GateMixIn, CounterMixIn, STREAM_ENGINES[engine]), {"front_gate_key": "k"})
    assert list(_made(turned).plugins) == ["front-gate", "counter"]


def test_the_plugins_of_the_class_stay() -> None:
    """The attribute `plugins` counts as it does without a mix-in."""

    class Server(CounterMixIn, TCPServer):
        plugins = (Gate(key="k"),)

    assert list(_made(Server).plugins) == ["counter", "front-gate"]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, "Server needs front_gate_key: the plugin 'front-gate' cannot be made without it"),
        (
            {"front_gate_key": "k", "front_gate_stric": True},
            (
                "Server.front_gate_stric: the plugin 'front-gate' has no argument 'stric': use one of front_gate_key, "
                "front_gate_strict"
            ),
        ),
        ({"front_gate_key": "bad"}, "Server.front_gate_key: the key is bad: use another one"),
    ],
)
def test_what_is_wrong_is_told_by_the_name_of_the_attribute(attributes: dict[str, Any], words: str) -> None:
    """When the server is made."""
    server_class = type("Server", (GateMixIn, TCPServer), attributes)
    with pytest.raises(ConfigurationError) as error:
        _made(server_class)
    assert str(error.value) == words


def test_a_method_of_the_program_with_such_a_name_is_its_own() -> None:
    """Only values are arguments."""

    class Server(CounterMixIn, TCPServer):
        def counter_reset(self) -> None:
            """Nothing."""

    assert list(_made(Server).plugins) == ["counter"]


def test_a_plugin_that_is_also_given_is_refused() -> None:
    """It would be called twice."""
    server_class = type("Server", (CounterMixIn, TCPServer), {})
    with pytest.raises(PluginError, match="plugin 'counter' is given twice, by a mix-in of Server and in plugins"):
        _made(server_class, plugins=[Counter()])


def test_what_is_no_plugin_or_no_server_of_plugserve_is_refused_when_the_class_is_made() -> None:
    """With what is wrong."""
    import socketserver

    with pytest.raises(TypeError, match="plugin_class must be the class of a plugin"):
        type("Wrong", (PluginMixIn,), {"plugin_class": dict})
    with pytest.raises(TypeError, match="stands on the standard socketserver"):
        type("Wrong", (CounterMixIn, socketserver.TCPServer), {})
