"""The servers of internet sockets, which the other families derive from."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Any

from .channel import DONTWAIT
from .datagrams import SESSION_IDLE, AnsweringSocket, receive, wants_asked
from .errors import DatagramTruncated
from .server import BaseServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .connection import Connection
    from .limits import Limits

__all__ = ["TCPServer", "UDPServer"]


class TCPServer(BaseServer):
    """A stream server; see `socketserver.TCPServer`.

    Parameters, beyond `BaseServer`'s:
        bind_and_activate: whether to bind and listen at once.

    An IPv6 address needs no subclass: where `address_family` has not been set, the address decides.
    """

    address_family: int = socket.AF_INET
    socket_type: int = socket.SOCK_STREAM
    request_queue_size = 5
    allow_reuse_address = False
    allow_reuse_port = False
    _core_accepting: socket.socket | None = None
    _core_kind: tuple[int, int, int]
    dual_stack = False
    """Whether an IPv6 server also serves IPv4 clients (RFC 3493 section 5.3); the system decides if False."""

    def __init__(
        self,
        server_address: Any,
        RequestHandlerClass: Callable[..., Any],
        bind_and_activate: bool = True,
        *,
        plugins: Iterable[Any] | Mapping[str, Any] | None = None,
        options: Any = None,
        limits: Limits | None = None,
        name: str | None = None,
    ) -> None:
        BaseServer.__init__(
            self, server_address, RequestHandlerClass, plugins=plugins, options=options, limits=limits, name=name
        )
        if _is_ipv6(server_address) and self.address_family is TCPServer.address_family:
            self.address_family = socket.AF_INET6
        self.socket = self._core_make_socket()
        if bind_and_activate:
            try:
                self.server_bind()
                self.server_activate()
            except BaseException:
                self.server_close()
                raise

    def _core_make_socket(self) -> Any:
        return socket.socket(self.address_family, self.socket_type)

    @property
    def _core_accepts_plainly(self) -> bool:
        # An override may do more than accept, and wait for it.
        return type(self).get_request in (TCPServer.get_request, UDPServer.get_request)

    def server_bind(self) -> None:
        """Called by the constructor to bind the socket. May be overridden."""
        if self.allow_reuse_address and hasattr(socket, "SO_REUSEADDR"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.allow_reuse_port and hasattr(socket, "SO_REUSEPORT"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.dual_stack and self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """Called by the constructor to listen. May be overridden."""
        self.socket.listen(self.request_queue_size)

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the listening socket. May be overridden."""
        self.socket.close()

    def get_request(self) -> tuple[Any, Any]:
        """Accept. May be overridden."""
        listener = self.socket
        if type(listener) is socket.socket and sys.platform == "linux":
            # As its accept() does it, without asking the listener for its family, type and protocol each time.
            if listener is not self._core_accepting:
                self._core_accepting = listener
                self._core_kind = (listener.family, listener.type, listener.proto)
            fd, client_address = listener._accept()  # type: ignore[attr-defined]  # private, stable since 3.4
            return socket.socket(*self._core_kind, fd), client_address
        request, client_address = listener.accept()
        if sys.platform != "linux" and request.gettimeout() is None:
            request.setblocking(True)  # BSD's accept(2) hands on the listener's mode
        return request, client_address

    @property
    def _core_ends_plainly(self) -> bool:
        own, cls = vars(self), type(self)
        return all(
            any(getattr(cls, name) is getattr(base, name) for base in (TCPServer, UDPServer)) and name not in own
            for name in ("shutdown_request", "close_request")
        )

    def _core_end_request(self, c: Connection) -> None:
        if not self._core_handler.ends_plainly:
            super()._core_end_request(c)
        elif self.is_stream:
            # As the two methods do it; but of a stream that the peer has ended, too, there is nothing to shut down.
            if not c.input_ended and not c.fork_shares and c.ending == "shutdown_request":
                try:
                    c.request.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # the peer was faster
            c.request.close()

    def shutdown_request(self, request: Any) -> None:
        """End our side of the stream, then close. May be overridden."""
        try:
            request.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer was faster
        self.close_request(request)

    def close_request(self, request: Any) -> None:
        """Close the connection. May be overridden."""
        request.close()


class UDPServer(TCPServer):
    """A datagram server; see `socketserver.UDPServer`.

    A datagram of more than `max_packet_size` bytes is reported and dropped, never cut silently.
    """

    allow_reuse_address = False
    allow_reuse_port = False
    socket_type: int = socket.SOCK_DGRAM
    max_packet_size = 8192
    is_stream = False
    transport = "udp"
    sessions: int | None = None
    """How many sessions there may be at once: with them all datagrams of a peer go to one handler. None: each datagram
    is a request of its own."""
    session_idle: float = SESSION_IDLE
    """Seconds after which a session ends whose peer is silent."""

    def get_request(self) -> tuple[Any, Any]:
        """Receive one datagram: `((data, socket), client_address)`. May be overridden.

        Errors: `DatagramTruncated` for one that is too long.
        """
        # One byte more than may come tells of a datagram that is too long, for less than recvmsg and MSG_TRUNC cost.
        # (Windows fails with WSAEMSGSIZE instead.)
        listener = self.socket
        if self._core_asks:
            data, client_address, asked = receive(listener, self.max_packet_size + 1)
            if asked is not None:
                listener = AnsweringSocket(listener, asked)
        else:
            data, client_address = listener.recvfrom(self.max_packet_size + 1, DONTWAIT)
        if len(data) > self.max_packet_size:
            raise DatagramTruncated(client_address, self.max_packet_size)
        return (data, listener), client_address

    _core_asks = False
    """Whether each datagram brings the address that it was sent to."""

    @classmethod
    def _core_check_handler(cls, handler: Any) -> None:
        super()._core_check_handler(handler)
        if cls.sessions is not None:
            from .sessions import sessions_of

            sessions_of(cls, handler)

    def _core_start(self) -> None:
        if not self._core_started and self.sessions is not None:
            from .sessions import Sessions, sessions_of

            most = sessions_of(self, self.handler_class)
            self._core_sessions = None if most is None else Sessions(self, most, self.session_idle)
        super()._core_start()
        if not self._core_asks:
            self._core_asks = wants_asked(self.socket)

    def server_close(self, *, timeout: float | None = None) -> None:
        """Close the socket, and let the sessions end. May be overridden."""
        super().server_close()
        if self._core_sessions is not None:
            self._core_sessions.end_all()

    def server_activate(self) -> None:
        """Nothing to listen for: a datagram socket is ready once it is bound."""

    def shutdown_request(self, request: Any) -> None:
        """There is no stream to end."""
        self.close_request(request)

    def close_request(self, request: Any) -> None:
        """The socket is the server's own: nothing to close."""


def _is_ipv6(address: Any) -> bool:
    return isinstance(address, tuple) and bool(address) and isinstance(address[0], str) and ":" in address[0]
