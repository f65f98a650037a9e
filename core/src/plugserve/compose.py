"""Servers put together at run time: a transport, an engine and a handler, each known by name or as an object.

What `class Server(ThreadingMixIn, TCPServer): pass` says in code, `server_class("tcp", ThreadingMixIn)` says for a
command line or a configuration.
"""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any, cast

from .datagrams import SESSION_IDLE
from .errors import ConfigurationError
from .internet import TCPServer, UDPServer
from .limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .address import Address

__all__ = ["make_server", "policies", "server_class"]


def server_class(transport: str, engine: type, engine_options: Mapping[str, Any] | None = None) -> type[TCPServer]:
    """The class that serves a transport with an engine: the same one for the same two.

    Parameters:
        transport: `"tcp"`, `"udp"`, `"unix"`, `"unix-dgram"`, `"unix-seqpacket"` or `"vsock"`.
        engine: the mix-in.
        engine_options: class attributes of the engine, of those that it calls its options, and their values, or
            `urgent`, `sessions` and `session_idle`; for a class of its own.

    Raises:
        ConfigurationError: this platform has no such sockets, or there is no such transport, or the engine is no class
            that can be mixed in.
    """
    found = _server_class(transport, engine)
    if not engine_options:
        return found
    if found.is_stream and engine_options.get("sessions") is not None:
        raise ConfigurationError(
            f"sessions = {engine_options['sessions']}: only datagrams need sessions, and this is {transport}: "
            f"remove it",
            option="sessions",
        )
    return type(found.__name__, (found,), {"__module__": __name__, "__doc__": found.__doc__, **engine_options})


def policies(urgent: str, sessions: int | None, session_idle: float) -> dict[str, Any]:
    """Those of a server's class attributes that a listener sets, as far as they differ from the defaults."""
    found: dict[str, Any] = {} if urgent == "drop" else {"urgent": urgent}
    return found if sessions is None else found | {"sessions": sessions, "session_idle": session_idle}


@functools.cache
def _server_class(transport: str, engine: type) -> type[TCPServer]:
    from .listening import max_backlog

    bases = _transports()
    base = bases.get(transport)
    if base is None:
        raise ConfigurationError(f"{transport}: there are no such sockets here: use one of {', '.join(sorted(bases))}")
    attributes: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"{transport} served by {engine.__name__}.",
        "request_queue_size": max_backlog(),
    }
    name = engine.__name__.removesuffix("MixIn") + base.__name__
    try:
        return cast("type[TCPServer]", type(name, (engine, base), attributes))
    except TypeError as error:
        raise ConfigurationError(
            f"{engine.__name__} is no engine: it cannot be mixed into {base.__name__} ({error}); give a mix-in class"
        ) from error


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
    engine_options: Mapping[str, Any] | None = None,
    plugins: Iterable[Any] | Mapping[str, Any] = (),
    options: Any = None,
    limits: Limits | None = None,
    name: str | None = None,
    urgent: str = "drop",
    sessions: int | None = None,
    session_idle: float = SESSION_IDLE,
    ready: socket.socket | None = None,
) -> TCPServer:
    """A server on an address, bound and activated: call its `serve_forever()`.

    Parameters:
        address: where to listen.
        handler: a handler class of any style.
        engine: the name of an installed engine, or a mix-in class.
        engine_options: as in `server_class`.
        plugins: instances, outermost first, or a mapping of names to them.
        options: an instance of the handler's `Options`.
        limits: None means `Limits()`, for classic handlers too.
        name: what to call this listener in logs; its address if None.
        urgent: what to do with urgent data of TCP: `"drop"`, `"inline"`, `"event"` or `"abort"`.
        sessions: of datagrams: how many sessions there may be, each with one handler for all datagrams of a peer; None:
            each datagram is a request of its own.
        session_idle: seconds after which a session ends whose peer is silent.
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
    attributes = dict(engine_options or {}) | policies(urgent, sessions, session_idle)
    bound = bind(address) if ready is None else ready
    try:
        made = server_class(transport_of(bound), engine, attributes)(
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
