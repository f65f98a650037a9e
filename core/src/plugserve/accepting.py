"""What an error of accept(2) means, by the owner of the failure: the peer, the host, or the server."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .connection import Connection
from .errors import DatagramTruncated
from .faults import report
from .hooks import observe

if TYPE_CHECKING:
    from .server import BaseServer

__all__ = ["FATAL", "accept_failed"]

FATAL = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}
"""Errors of accept(2) that say that this is no listener any more."""
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Errors of accept(2) that say that the host is out of something: trying again at once would only burn the CPU."""
_TRANSIENT = {
    getattr(errno, name)
    for name in (
        # accept(2), "Error handling": errors of the new socket that is already pending; treat like EAGAIN.
        *("EAGAIN", "EWOULDBLOCK", "EINTR", "ECONNABORTED", "ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET"),
        *("EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH", "EPERM", "ECONNRESET", "ECONNREFUSED", "ETIMEDOUT"),
    )
    if hasattr(errno, name)
}


def accept_failed(server: BaseServer, error: OSError) -> None:
    """Act by the owner of the failure: the peer, the host, or us."""
    front = server._core_front_here()
    if isinstance(error, DatagramTruncated):
        _refuse_truncated(server, error)
    elif error.errno in _TRANSIENT or isinstance(error, TimeoutError) or type(error).__module__ == "ssl":
        return  # the last: a listener wrapped by ssl shakes hands while it accepts, with a peer that did wrong
    elif error.errno in FATAL:
        # An override of get_request does more than accept, on sockets that may die: only what the listener itself
        # says of itself ends the loop.
        if server._core_accepts_plainly or not _is_alive(server):
            server._core_listener_error = error
    elif error.errno is None and not server._core_accepts_plainly:
        return  # an override's own complaint about one client, as socketserver takes it
    else:
        if front is not None:
            front.pause_listening()
        if not server._core_exhausted:
            server._core_exhausted = error.errno in _EXHAUSTED
            report(
                f"{type(server).__name__} on {server.listener_name}: accept",
                level="warning",
                text=f"{error.strerror or error}; trying again every 100 ms",
            )


def _is_alive(server: BaseServer) -> bool:
    try:
        server.socket.getsockname()
    except (OSError, AttributeError):
        return False
    return server.fileno() >= 0


def _refuse_truncated(server: BaseServer, error: DatagramTruncated) -> None:
    c = Connection(server, (b"", server.socket), error.client_address)
    c.outcome, c.reason, c.rejected_by = "rejected", str(error).partition(": raise")[0], "max_packet_size"
    if server._core_hooks.request_rejected:
        observe(server._core_hooks.request_rejected, c)
    else:
        report(f"{type(server).__name__} on {server.listener_name}", level="warning", text=str(error))
    c.cut()
    c.release()
