"""The engine `uvloop`: the engine `asyncio` on uvloop's loop."""

from __future__ import annotations

import asyncio
import socket

from plugserve import TCPServer, UDPServer

from .engine import AsyncioMixIn

try:
    import uvloop
except ImportError as error:
    raise ImportError(
        "the engine uvloop needs the package uvloop: pip install 'plugserve-asyncio[uvloop]', or take the engine "
        "asyncio",
        name="uvloop",
    ) from error

__all__ = ["UvloopMixIn", "UvloopTCPServer", "UvloopUDPServer"]


class UvloopMixIn(AsyncioMixIn):
    """Mix-in: as `AsyncioMixIn`, on uvloop's loop."""

    engine_name = "uvloop"
    engine_place = "a task of the server's own uvloop loop, a thread for a classic handler"

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """A loop of uvloop."""
        return uvloop.new_event_loop()


class UvloopTCPServer(UvloopMixIn, TCPServer):
    """A stream server on uvloop's loop."""


class UvloopUDPServer(UvloopMixIn, UDPServer):
    """A datagram server on uvloop's loop."""


if hasattr(socket, "AF_UNIX"):
    from plugserve import UnixDatagramServer, UnixStreamServer

    class UvloopUnixStreamServer(UvloopMixIn, UnixStreamServer):
        """A stream server on a Unix path, on uvloop's loop."""

    class UvloopUnixDatagramServer(UvloopMixIn, UnixDatagramServer):
        """A datagram server on a Unix path, on uvloop's loop."""

    __all__ += ["UvloopUnixDatagramServer", "UvloopUnixStreamServer"]
