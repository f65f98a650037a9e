"""A reset of a connection, at the moment when a test wants it."""

from __future__ import annotations

import ctypes
import os
import socket
import struct

__all__ = ["reset"]


def reset(sock: socket.socket) -> None:
    """Reset a TCP connection; the socket stays open.

    Errors: `OSError`, where the system cannot, or cannot while a thread waits in the socket (Linux 6.4 and 6.5).
    """
    # A child of a forking server may hold a copy of the descriptor, so closing it, even with SO_LINGER, would do
    # nothing. Dissolving the association (connect(2), AF_UNSPEC) resets the connection whoever holds it.
    unspecified = struct.pack("H14x", socket.AF_UNSPEC)
    if ctypes.CDLL(None, use_errno=True).connect(sock.fileno(), unspecified, len(unspecified)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), "connect(AF_UNSPEC)")
