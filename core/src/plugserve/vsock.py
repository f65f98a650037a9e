"""The server of VM sockets, between a virtual machine and its host; not on platforms without them."""

from __future__ import annotations

import socket

from .internet import TCPServer

__all__ = ["VsockStreamServer"]


class VsockStreamServer(TCPServer):
    """A stream server on `(cid, port)` (vsock(7))."""

    address_family = socket.AF_VSOCK
    transport = "vsock"
