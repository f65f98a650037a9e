from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from plugserve import Context
from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind


class FakeConnection(SimpleNamespace):
    """The facts of a request, by the names that `Context` looks for."""


@pytest.fixture
def server() -> Any:
    """A server as far as the log looks at it."""
    return SimpleNamespace(
        listener_name="127.0.0.1:7070",
        handler_name="EchoHandler",
        engine_name="threading",
        transport="tcp",
        server_address=("127.0.0.1", 7070),
    )


@pytest.fixture
def make_context(server: Any) -> Callable[..., Context]:
    """Makes the context of a request that ended well, but for the facts that are given."""

    def make(**facts: Any) -> Context:
        known: dict[str, Any] = {
            "id": 1,
            "server": server,
            "client_address": ("192.0.2.7", 50123),
            "identity": None,
            "outcome": "ok",
            "rejected_by": None,
            "accepted_at": 1_700_000_000.25,
            "duration": 0.5,
            "bytes_in": 5,
            "bytes_out": 7,
            "exception": None,
        } | facts
        known.setdefault("peer_address", known["client_address"])
        connection: Any = FakeConnection(**known)
        return Context(connection)

    return make
