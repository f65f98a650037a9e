"""Encryption that a handler asks for in mid-connection, as STARTTLS of many protocols does.

A plugin that implements the hook `start_tls` does what a layer does, later. What the peer sent in clear behind its own
request is the encryption's first input: bytes that somebody injected there can break the handshake and nothing else
(RFC 3207, section 6; the "STARTTLS injection" of CVE-2011-0411). Where the encryption does not come about, the
connection is over, so that nobody goes on in clear by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import PlugserveError

if TYPE_CHECKING:
    from .connection import Connection
    from .server import BaseServer

__all__ = ["start_tls", "start_tls_at_place"]


async def start_tls(c: Connection, rest: bytes = b"") -> None:
    """See `Connection.start_tls`."""
    check(c)
    await c.all_sent()
    if rest:
        c._unread = rest + c._unread
    before = c.deadline
    limit = c.server.clock() + c.limits.layers_timeout
    c.deadline = limit if before is None else min(before, limit)
    c.budget = c.limits.layers_bytes
    pushed = len(c._transforms or ())
    try:
        for call in c.hooks.start_tls:
            await call.invoke(c)
        if len(c._transforms or ()) == pushed:
            raise PlugserveError(f"plugin {c.hooks.start_tls[0].plugin!r}: start_tls came back without encryption")
    except BaseException as exception:
        if not c.torn_down:
            c.abort(exception)
        raise
    finally:
        c.budget, c.deadline = None, before


def check(c: Connection) -> None:
    """Refuse what cannot be.

    Errors: `PlugserveError`.
    """
    if not c.server.is_stream:
        raise PlugserveError("start_tls: a datagram has no stream to encrypt")
    if not c.hooks.start_tls:
        raise PlugserveError(
            f"start_tls: no plugin of {c.server.listener_name} offers it: add tls with upgrade = true, and look at "
            f"connection.offers_tls before you tell a client of it"
        )
    if c.tls is not None:
        raise PlugserveError("start_tls: the connection is encrypted already")


def start_tls_at_place(server: BaseServer, request: Any, rest: bytes) -> None:
    """The same for a classic handler: its socket stays the same object, and goes through the encryption from now on.

    Errors: those of `Connection.start_tls`; `ConfigurationError` for a request that is no plain socket.
    """
    from .place import run_here
    from .request_socket import put_through

    c = server._core_requests.get(id(request)) if hasattr(server, "_core_requests") else None
    if c is None or c.request is not request:
        raise PlugserveError("start_tls: this is no request that a server of plugserve is handling")
    check(c)
    c.open_channel()
    c.capture_totals()  # until now its bytes were the kernel's to count
    put_through(c)
    run_here(c, start_tls(c, rest))
