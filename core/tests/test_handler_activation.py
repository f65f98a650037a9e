"""What a handler class learns of its listeners, and which engines it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from plugserve import (
    BaseServer,
    ConfigurationError,
    ForkingTCPServer,
    MultiplexingTCPServer,
    ProtocolHandler,
    StreamRequestHandler,
    TCPServer,
    hookimpl,
)


def test_a_handler_is_told_when_a_listener_begins_and_ends() -> None:
    """With the final address, inside what plugins do at their ends, and once."""
    told: list[Any] = []

    class Handler(ProtocolHandler):
        @classmethod
        def server_activate(cls, server: BaseServer) -> None:
            told.append(("begins", server.server_address[1] > 0))

        @classmethod
        def server_close(cls, server: BaseServer) -> None:
            told.append("ends")

    class Plugin:
        plugin_name = "witness"

        @hookimpl
        def server_activate(self) -> None:
            told.append("plugin begins")

        @hookimpl
        def server_close(self) -> None:
            told.append("plugin ends")

    server = MultiplexingTCPServer(("127.0.0.1", 0), Handler, plugins=[Plugin()])
    server.server_close()
    server.server_close()
    assert told == ["plugin begins", ("begins", True), "ends", "plugin ends"]


def test_a_handler_can_refuse_to_start() -> None:
    """What it raises comes to who makes the server, and the plugins that had started are closed."""
    told: list[str] = []

    class Handler(ProtocolHandler):
        @classmethod
        def server_activate(cls, server: BaseServer) -> None:
            raise ConfigurationError("not on a Monday")

    class Plugin:
        plugin_name = "witness"

        @hookimpl
        def server_close(self) -> None:
            told.append("plugin ends")

    with pytest.raises(ConfigurationError, match="Monday"):
        MultiplexingTCPServer(("127.0.0.1", 0), Handler, plugins=[Plugin()])
    assert told == ["plugin ends"]


def test_what_a_handler_raises_at_the_end_is_in_the_log(no_drift: list[str]) -> None:
    """The listener is closed all the same."""

    class Handler(ProtocolHandler):
        @classmethod
        def server_close(cls, server: BaseServer) -> None:
            raise RuntimeError("cannot let go")

    MultiplexingTCPServer(("127.0.0.1", 0), Handler).server_close()
    assert any("cannot let go" in line for line in no_drift)
    no_drift.clear()


def test_a_handler_that_needs_shared_memory_is_refused_with_a_child_for_each_request() -> None:
    """Protocol or classic; other engines take it."""

    class Modern(ProtocolHandler):
        needs_shared_memory = True

    class Classic(StreamRequestHandler):
        needs_shared_memory = True

    for handler in (Modern, Classic):
        with pytest.raises(ConfigurationError, match=f"{handler.__name__} needs the memory .* 'forking'"):
            ForkingTCPServer(("127.0.0.1", 0), handler)
        TCPServer(("127.0.0.1", 0), handler).server_close()
