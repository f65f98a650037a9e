"""The read-only view of a request's facts that hooks and handlers get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .ancillary import PeerCredentials
    from .connection import Connection
    from .server import BaseServer

__all__ = ["Context", "Outcome"]

Outcome = Literal["open", "ok", "error", "rejected", "peer-closed", "aborted"]


class Context:
    """The facts of one request. Everything is read-only but `data`, which is the plugins' own.

    One object for the whole life of a request: a plugin may keep it until `connection_closed` or `request_rejected`.
    """

    __slots__ = ("_connection", "data")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.data: dict[Any, Any] = {}
        """A place for plugins: use the plugin instance or its name as the key."""

    @property
    def id(self) -> int:
        """The number of the request, counted from 1 in this process."""
        return self._connection.id

    @property
    def server(self) -> BaseServer:
        """The server that accepted it."""
        return self._connection.server

    @property
    def request(self) -> Any:
        """As in `socketserver`: the connected socket, or `(data, socket)` for a datagram."""
        return self._connection.request

    @property
    def client_address(self) -> Any:
        """The client's address: the peer's, or what a PROXY header says once a layer has read it."""
        return self._connection.client_address

    @property
    def peer_address(self) -> Any:
        """The address that `accept()` gave: the machine at the other end of the socket."""
        return self._connection.peer_address

    @property
    def local_address(self) -> Any:
        """The address that the peer connected to."""
        return self._connection.local_address

    @property
    def transport(self) -> str:
        """`"tcp"`, `"udp"`, `"unix"`, `"unix-dgram"`, `"unix-seqpacket"`, `"vsock"`, or `"memory"` in tests."""
        return type(self._connection.server).transport

    @property
    def identity(self) -> Any:
        """Who the client is, once a layer has proved it; None before."""
        return self._connection.identity

    @property
    def tls(self) -> Any:
        """The facts of the encryption layer; None on a connection in clear."""
        return self._connection.tls

    @property
    def authenticator(self) -> Any:
        """What checks names, passwords and tokens for handlers whose protocol carries them: the attribute
        `authenticator` of the listener's first plugin that has one; None if none does."""
        return self._connection.server._core_found("authenticator")

    @property
    def limiter(self) -> Any:
        """What says whether one more of several requests of a connection may be served, for handlers whose protocol has
        such: the attribute `limiter` of the listener's first plugin that has one; None if none does."""
        return self._connection.server._core_found("limiter")

    @property
    def accepted_at(self) -> float:
        """When it was accepted: seconds since the epoch."""
        return self._connection.accepted_at

    @property
    def duration(self) -> float:
        """Seconds since it was accepted, or for which it lived; monotonic."""
        return self._connection.duration

    @property
    def bytes_in(self) -> int | None:
        """Bytes received from the peer, as on the wire; None where nobody can know."""
        return self._connection.bytes_in

    @property
    def bytes_out(self) -> int | None:
        """Bytes sent to the peer, as on the wire; None where nobody can know."""
        return self._connection.bytes_out

    @property
    def outcome(self) -> Outcome:
        """How it ended: `"open"` while it has not."""
        return self._connection.outcome

    @property
    def rejected_by(self) -> str | None:
        """The plugin (or `"verify_request"`, `"limits"`) that rejected it."""
        return self._connection.rejected_by

    @property
    def exception(self) -> BaseException | None:
        """What the handler raised, if it failed."""
        return self._connection.exception

    @property
    def urgent(self) -> bytes | None:
        """The last urgent byte that the peer sent, where the listener's policy is `event` or `abort`."""
        return self._connection.urgent

    @property
    def urgent_count(self) -> int:
        """How many urgent bytes the listener's policy has met so far; those that came too fast for it are not
        counted."""
        urgency = self._connection.urgency
        return 0 if urgency is None else urgency.count

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        """Process, user and group of the peer of a Unix socket; None on other transports."""
        return self._connection.peer_credentials

    @property
    def handler_name(self) -> str:
        """The name of the handler class."""
        return self._connection.server.handler_name

    @property
    def engine_name(self) -> str:
        """The name of the engine."""
        return self._connection.server.engine_name

    @property
    def listener_name(self) -> str:
        """The name that the server was given, or its address."""
        return self._connection.server.listener_name

    def __repr__(self) -> str:
        return f"<Context {self.id} {self.transport} {self.client_address!r} {self.outcome}>"
