"""The test kit: servers without sockets under a virtual clock, one server on any engine, a recorder of hooks.

`plugserve.testing.matrix` tries every style of handler on every engine through stacks of layers.
`ToxicProxy` does to bytes what networks do, `inject_accept_errors` makes accept(2) fail, and `plugserve.testing.drift`
looks for what a test left behind. `plugserve.testing.pytest_plugin`, which pytest loads by itself, makes fixtures of
them; nothing else here needs pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accept_errors import FailingListener, inject_accept_errors
    from .hosting import STREAM_ENGINES, Client, Host, hosted
    from .layers import CipherLayer, HeaderLayer, ToyCipher
    from .memory import MemoryMixIn, MemoryNetwork, MemorySocket, MemoryTCPServer, MemoryUDPServer
    from .recording import Recorder
    from .toxic import Direction, ToxicProxy

__all__ = [
    "STREAM_ENGINES",
    "CipherLayer",
    "Client",
    "Direction",
    "FailingListener",
    "HeaderLayer",
    "Host",
    "MemoryMixIn",
    "MemoryNetwork",
    "MemorySocket",
    "MemoryTCPServer",
    "MemoryUDPServer",
    "Recorder",
    "ToxicProxy",
    "ToyCipher",
    "hosted",
    "inject_accept_errors",
]

_ROOMS = {
    "CipherLayer": "layers",
    "Client": "hosting",
    "Direction": "toxic",
    "FailingListener": "accept_errors",
    "HeaderLayer": "layers",
    "Host": "hosting",
    "MemoryMixIn": "memory",
    "MemoryNetwork": "memory",
    "MemorySocket": "memory",
    "MemoryTCPServer": "memory",
    "MemoryUDPServer": "memory",
    "Recorder": "recording",
    "STREAM_ENGINES": "hosting",
    "ToxicProxy": "toxic",
    "ToyCipher": "layers",
    "hosted": "hosting",
    "inject_accept_errors": "accept_errors",
}


def __getattr__(name: str) -> Any:
    # The pytest plugin lies here, too, and is loaded wherever plugserve is installed: the rest comes when asked for.
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{room}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
