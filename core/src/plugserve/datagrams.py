"""Datagrams: from which of the host's addresses a reply leaves, and how large it may be.

A socket bound to a wildcard address gets datagrams for all addresses of the host, and sends from whichever the routing
table likes: the client of a host with several gets its reply from a stranger, and drops it. So such a socket is asked
which address each datagram was sent to (ip(7), IP_PKTINFO; RFC 3542, section 6), and the reply says that it comes from
there.

A source address is a claim. A service that answers little with much floods whoever is named as the source (BCP 38 and
RFC 5358 describe it for DNS); so a reply has no more bytes than `Limits.reply_ratio` times the request, until the
source is known to be real.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, Final, NamedTuple

from .channel import DONTWAIT
from .errors import LimitExceeded
from .faults import report

__all__ = ["SESSION_IDLE", "AnsweringSocket", "Asked", "check_reply", "receive", "reply_refused", "wants_asked"]

SESSION_IDLE: Final = 60.0
"""Seconds after which a session ends whose peer is silent, unless the server says otherwise: as long as a connection
may be idle (`Limits.idle`)."""

# linux/in.h; Python names it from 3.14 on.
_IP_PKTINFO: Final[int] = getattr(socket, "IP_PKTINFO", 8 if sys.platform == "linux" else -1)
_IPV6_PKTINFO: Final[int] = getattr(socket, "IPV6_PKTINFO", -1)
_IPV6_RECVPKTINFO: Final[int] = getattr(socket, "IPV6_RECVPKTINFO", -1)
# struct in_pktinfo: interface, the local address to answer from, the address in the header.
_IN: Final = struct.Struct("=i4s4s")
# struct in6_pktinfo: address, interface.
_IN6: Final = struct.Struct("=16sI")
_SPACE: Final[int] = socket.CMSG_SPACE(_IN6.size) if hasattr(socket, "CMSG_SPACE") else 0


class Asked(NamedTuple):
    """The address that a datagram was sent to.

    Parameters:
        host: in text.
        reply: the control message that makes a reply leave from there: level, type and data, as for `sendmsg`.
    """

    host: str
    reply: tuple[int, int, bytes]


def wants_asked(sock: Any) -> bool:
    """Have a socket tell the address that each datagram was sent to, if it is bound to all addresses.

    Returns: whether it does now.
    """
    import ipaddress

    try:
        if not ipaddress.ip_address(str(sock.getsockname()[0]).partition("%")[0]).is_unspecified:
            return False
        if sock.family == socket.AF_INET6 and _IPV6_RECVPKTINFO >= 0:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        elif sock.family == socket.AF_INET and _IP_PKTINFO >= 0:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        else:
            return False
    except (OSError, AttributeError, ValueError, IndexError, TypeError):
        return False  # a Unix path, a fake, or a system that cannot tell
    return hasattr(sock, "recvmsg")


def receive(sock: Any, size: int) -> tuple[bytes, Any, Asked | None]:
    """One datagram of a socket that tells: its bytes, its sender, and the address that it was sent to.

    Errors: `OSError` of recvmsg(2), `BlockingIOError` among them.
    """
    data, messages, _, sender = sock.recvmsg(size, _SPACE, DONTWAIT)
    for level, kind, content in messages:
        asked = _asked(level, kind, content)
        if asked is not None:
            return data, sender, asked
    return data, sender, None


def _asked(level: int, kind: int, content: bytes) -> Asked | None:
    if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(content) >= _IN.size:
        # Of a broadcast the second address is the one to answer from (ip(7)).
        _, local, _ = _IN.unpack_from(content)
        return Asked(socket.inet_ntoa(local), (level, kind, _IN.pack(0, local, b"\0\0\0\0")))
    if level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO and len(content) >= _IN6.size:
        address, interface = _IN6.unpack_from(content)
        if address[0] == 0xFF:
            return None  # multicast (RFC 4291, 2.7): nobody can send from there
        # A link-local address (RFC 4291, 2.5.6) means nothing without its link; any other must not be tied to one.
        scope = interface if address[0] == 0xFE and address[1] & 0xC0 == 0x80 else 0
        return Asked(socket.inet_ntop(socket.AF_INET6, address), (level, kind, _IN6.pack(address, scope)))
    return None


def check_reply(size: int, most: int | None, request: int) -> None:
    """Refuse a reply that is too long for a source that may be forged.

    Parameters:
        size: of the reply, in bytes.
        most: how many there may be; None: any number.
        request: bytes of the datagram that it answers.

    Errors: `LimitExceeded`.
    """
    if most is not None and size > most:
        raise LimitExceeded(reply_refused(size, most, request))


def reply_refused(size: int, most: int, request: int) -> str:
    """Why a reply is not sent, in words; parameters as of `check_reply`."""
    return (
        f"a reply of {size} bytes to a datagram of {request} was not sent: its source may be forged, and "
        f"reply_ratio allows {most}; a handler whose protocol needs more says so by its reply_ratio"
    )


class AnsweringSocket:
    """The socket of a datagram request, as its handler sees it: what it sends leaves from the address that was asked,
    and is no longer than it may be. Everything else is the server's own socket's.

    Parameters:
        sock: the server's socket.
        asked: where the datagram was sent to; None if that is no question.
        most: bytes that all replies together may have; None: any number.
        request: bytes of the datagram.
    """

    __slots__ = ("_asked", "_most", "_request", "_socket")

    def __init__(self, sock: Any, asked: Asked | None, most: int | None = None, request: int = 0) -> None:
        self._socket = sock
        self._asked = asked
        self._most = most
        self._request = request

    def limited(self, most: int, request: int) -> AnsweringSocket:
        """The same with a limit on replies."""
        return AnsweringSocket(self._socket, self._asked, most, request)

    def _check(self, size: int) -> None:
        try:
            check_reply(size, self._most, self._request)
        except LimitExceeded as exception:
            # The handler may take it for the peer's fault, and be silent.
            report("a datagram's reply", level="warning", text=str(exception))
            raise
        if self._most is not None:
            self._most -= size

    def sendto(self, data: Any, *rest: Any) -> int:
        """As of a socket: `sendto(data, address)` or `sendto(data, flags, address)`."""
        self._check(len(data))
        if self._asked is None:
            return int(self._socket.sendto(data, *rest))
        flags, address = rest if len(rest) == 2 else (0, *rest)
        return int(self._socket.sendmsg([data], [self._asked.reply], flags, address))

    def sendmsg(self, buffers: Any, ancillary: Any = (), flags: int = 0, address: Any = None) -> int:
        """As of a socket."""
        buffers = list(buffers)
        self._check(sum(map(len, buffers)))
        more = [] if self._asked is None else [self._asked.reply]
        return int(self._socket.sendmsg(buffers, [*ancillary, *more], flags, address))

    def getsockname(self) -> Any:
        """The address that was asked, where the socket is bound to all."""
        name = self._socket.getsockname()
        return name if self._asked is None else (self._asked.host, *name[1:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def __repr__(self) -> str:
        return f"<AnsweringSocket {self.getsockname()!r} of {self._socket!r}>"
