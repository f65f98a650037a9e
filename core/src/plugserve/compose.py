"""Servers put together at run time: a transport, an engine and a handler, each known by name or as an object.

What `class Server(ThreadingMixIn, TCPServer): pass` says in code, `server_class("tcp", ThreadingMixIn)` says for a
command line or a configuration.
"""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from .errors import ConfigurationError
from .internet import TCPServer, UDPServer
from .limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .address import Address

__all__ = ["make_server", "server_class"]

_BACKLOG: Final = 1024
"""Connections that may wait to be accepted. socketserver's 5 turns clients away in the first burst; the kernel takes
the smaller of this and its own limit (listen(2), "Notes")."""


def server_class(transport: str, engine: type) -> type[TCPServer]:
    """The class that serves a transport with an engine: the same one for the same two.

    Parameters:
        transport: `"tcp"`, `"udp"`, `"unix"`, `"unix-dgram"`, `"unix-seqpacket"` or `"vsock"`.
        engine: the mix-in.

    Raises:
        ConfigurationError: this platform has no such sockets, or there is no such transport.
    """
    return _server_class(transport, engine)


@functools.cache
def _server_class(transport: str, engine: type) -> type[TCPServer]:
    bases = _transports()
    base = bases.get(transport)
    if base is None:
        raise ConfigurationError(f"{transport}: there are no such sockets here: use one of {', '.join(sorted(bases))}")
    attributes: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"{transport} served by {engine.__name__}.",
        "request_queue_size": _BACKLOG,
    }
    return cast(
        "type[TCPServer]", type(engine.__name__.removesuffix("MixIn") + base.__name__, (engine, base), attributes)
    )


@functools.cache
def _transports() -> dict[str, type[TCPServer]]:
    found: dict[str, type[TCPServer]] = {"tcp": TCPServer, "udp": UDPServer}
    if hasattr(socket, "AF_VSOCK"):
        from .vsock import VsockStreamServer

        found["vsock"] = VsockStreamServer
    if hasattr(socket, "AF_UNIX"):
        from .unix import UnixDatagramServer, UnixSeqpacketServer, UnixStreamServer

        found |= {server.transport: server for server in (UnixStreamServer, UnixDatagramServer, UnixSeqpacketServer)}
    return found


def make_server(
    address: Address | str,
    handler: Callable[..., Any],
    *,
    engine: str | type = "threading",
    plugins: Iterable[Any] | Mapping[str, Any] = (),
    options: Any = None,
    limits: Limits | None = None,
    name: str | None = None,
    ready: socket.socket | None = None,
) -> TCPServer:
    """A server on an address, bound and activated: call its `serve_forever()`.

    Parameters:
        address: where to listen.
        handler: a handler class of any style.
        engine: the name of an installed engine, or a mix-in class.
        plugins: instances, outermost first, or a mapping of names to them.
        options: an instance of the handler's `Options`.
        limits: None means `Limits()`, for classic handlers too.
        name: what to call this listener in logs; its address if None.
        ready: the socket of that address if it has been bound already; the server owns it from now on, whatever
            happens.

    Raises:
        ConfigurationError, PluginError: something does not fit together; nothing is left open.
        OSError: the address cannot be bound.
    """
    from .address import parse_address
    from .listening import bind, claim_release, discard, socket_name, transport_of

    if isinstance(engine, str):
        from .discovery import load

        engine = cast(type, load("engine", engine))
    if isinstance(address, str):
        address = parse_address(address)
    bound = bind(address) if ready is None else ready
    try:
        made = server_class(transport_of(bound), engine)(
            socket_name(bound),
            handler,
            bind_and_activate=False,
            plugins=plugins,
            options=options,
            limits=Limits() if limits is None else limits,
            name=name,
        )
    except BaseException:
        discard(bound)
        raise
    made.socket.close()
    made.socket = bound
    made.address_family = bound.family
    made.release_listener = claim_release(bound)
    try:
        made.server_activate()
    except BaseException:
        made.server_close()
        raise
    return made
