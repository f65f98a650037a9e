"""Who a client is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from plugserve import CoroutineHandler, Identity, hookimpl
from plugserve.testing import hosted


def test_an_identity_reads_as_its_name_and_cannot_be_changed() -> None:
    """Two are equal whatever else is known of them."""
    one = Identity("ada", "tls", frozenset({"staff"}), {"subject": "CN=ada"})
    assert str(one) == "ada"
    assert one == Identity("ada", "tls", frozenset({"staff"}))
    assert one != Identity("ada", "plain", frozenset({"staff"}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "root"  # type: ignore[misc]


@pytest.mark.parametrize("wanted", ["authenticator", "limiter"])
@pytest.mark.parametrize("plugins", [0, 1, 2])
def test_a_handler_finds_what_the_first_plugin_has_that_has_one(plugins: int, wanted: str) -> None:
    """Or none."""

    class Has:
        def __init__(self, name: str) -> None:
            self.plugin_name = name
            setattr(self, wanted, f"that of {name}")

        @hookimpl
        def verify_request(self) -> None:
            """Abstain."""

    class Tells(CoroutineHandler):
        async def handle(self) -> None:
            self.connection.write(str(getattr(self.context, wanted)).encode())

    given: list[Any] = [Has("one"), Has("two")][:plugins]
    with hosted("sync", Tells, plugins=given) as host:
        client = host.connect()
        client.end()
        assert client.rest() == (b"that of one" if plugins else b"None")
