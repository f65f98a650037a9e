"""The server classes of the engine `asyncio`, ready made."""

from __future__ import annotations

import socket

from plugserve import TCPServer, UDPServer

from .engine import AsyncioMixIn


class AsyncioTCPServer(AsyncioMixIn, TCPServer):
    """A stream server on an asyncio loop."""


class AsyncioUDPServer(AsyncioMixIn, UDPServer):
    """A datagram server on an asyncio loop."""


if hasattr(socket, "AF_UNIX"):
    from plugserve import UnixDatagramServer, UnixStreamServer

    class AsyncioUnixStreamServer(AsyncioMixIn, UnixStreamServer):
        """A stream server on a Unix path, on an asyncio loop."""

    class AsyncioUnixDatagramServer(AsyncioMixIn, UnixDatagramServer):
        """A datagram server on a Unix path, on an asyncio loop."""
