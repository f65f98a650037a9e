"""The engines `asyncio` and `uvloop`: requests are handled on an asyncio loop, so that handlers may await what
asyncio's libraries give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .engine import AsyncioMixIn
from .servers import AsyncioTCPServer, AsyncioUDPServer

__all__ = [
    "AsyncioMixIn",
    "AsyncioTCPServer",
    "AsyncioUDPServer",
    "AsyncioUnixDatagramServer",
    "AsyncioUnixStreamServer",
    "UvloopMixIn",
    "UvloopTCPServer",
    "UvloopUDPServer",
    "UvloopUnixDatagramServer",
    "UvloopUnixStreamServer",
]

if TYPE_CHECKING:
    from .on_uvloop import (
        UvloopMixIn,
        UvloopTCPServer,
        UvloopUDPServer,
        UvloopUnixDatagramServer,
        UvloopUnixStreamServer,
    )
    from .servers import AsyncioUnixDatagramServer, AsyncioUnixStreamServer


def __getattr__(name: str) -> Any:
    """What not every platform has, and what needs uvloop, when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f".{'on_uvloop' if name.startswith('Uvloop') else 'servers'}", __name__)
    try:
        return getattr(module, name)
    except AttributeError:
        raise AttributeError(f"{name}: this platform has no Unix sockets") from None
