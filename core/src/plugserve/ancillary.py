"""What comes beside the bytes on a Unix socket: open descriptors, and who the peer is.

Descriptors arrive with the bytes that they were sent with (unix(7), SCM_RIGHTS); whoever receives them owns copies that
nobody else will ever close. So each is either taken by the handler or closed with the connection.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .channel import CHUNK, StreamChannel
from .errors import ConfigurationError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .connection import Connection

__all__ = ["MOST_DESCRIPTORS", "MOST_UNTAKEN", "Ancillary", "DescriptorChannel", "PeerCredentials", "peer_credentials"]

MOST_DESCRIPTORS: Final = 253
"""Descriptors of one message at the most: SCM_MAX_FD of Linux (unix(7)), the smallest of the systems."""
MOST_UNTAKEN: Final = 512
"""Descriptors that one connection may keep waiting for its handler: half of what a process may have open by default."""

_SIZE: Final = array.array("i").itemsize
_DONTWAIT: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)
_CLOEXEC: Final[int] = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class PeerCredentials(NamedTuple):
    """Who is at the other end of a Unix socket: as it was when the peer connected.

    Parameters:
        pid: the process; None where the system does not tell.
        uid: its effective user.
        gid: its effective group.
    """

    pid: int | None
    uid: int
    gid: int


# <sys/ucred.h> of the BSDs and of macOS, struct xucred: version, user, number of groups, groups; <sys/un.h>.
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2
_XUCRED: Final = struct.Struct("=IIh2xI")
_UCRED: Final = struct.Struct("=iII")


def peer_credentials(sock: Any) -> PeerCredentials | None:
    """Who is at the other end; None if this is no connected Unix socket, or the system does not tell.

    Parameters:
        sock: a socket, or anything.
    """
    if not isinstance(sock, socket.socket) or sock.family != getattr(socket, "AF_UNIX", None):
        return None
    try:
        if hasattr(socket, "SO_PEERCRED"):
            found = PeerCredentials(*_UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))
            return found if found.pid else None  # no peer: the kernel gives 0, and -1 for the others
        _, uid, _, gid = _XUCRED.unpack_from(sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76))
    except (OSError, struct.error):
        return None
    try:
        pid: int | None = sock.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)
    except OSError:
        pid = None
    return PeerCredentials(pid, uid, gid)


class Ancillary:
    """The descriptors of one connection that belong to nobody else."""

    __slots__ = ("received", "sending")

    def __init__(self) -> None:
        self.received: list[int] = []
        """Came, and not taken."""
        self.sending: list[int] = []
        """Copies that wait behind output which the peer has not taken yet."""

    def take(self) -> list[int]:
        """Those that came; they are the caller's now."""
        taken, self.received = self.received, []
        return taken

    def close(self) -> None:
        """Close all of them."""
        for descriptors in (self.received, self.sending):
            _close(descriptors)
            descriptors.clear()


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            pass  # whatever it leads to could not be written at the last moment; the number is free all the same


def ancillary_of(connection: Connection) -> Ancillary:
    """Where a connection keeps its descriptors, made when it is first needed."""
    if connection.ancillary is None:
        connection.ancillary = Ancillary()
    return connection.ancillary


class DescriptorChannel(StreamChannel):
    """A connected Unix socket whose peer may send descriptors.

    Parameters:
        connection: whose.
        most: descriptors of one message.
    """

    __slots__ = ("_connection", "_most", "_receive_message")

    def __init__(self, connection: Connection, most: int) -> None:
        self._connection = connection
        self._most = most
        super().__init__(connection.request, packets=connection.server.keeps_records)

    def use(self, sock: Any, methods: Any) -> None:
        super().use(sock, methods)
        self._receive_message: Any = methods.recvmsg.__get__(sock)

    def receive(self, limit: int) -> bytes | None:
        size = max(limit, CHUNK) if self._packets else limit
        # CMSG_SPACE would leave room for one more where the number is odd.
        room = socket.CMSG_LEN(self._most * _SIZE)
        try:
            data, messages, flags, _ = self._receive_message(size, room, (0 if self.blocking else _DONTWAIT) | _CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return None
        came = _descriptors(messages)
        if flags & socket.MSG_CTRUNC:
            # Some are lost already, and nobody could say which of the others is which.
            _close(came)
            raise LimitExceeded(
                f"the peer sent more than {self._most} descriptors at once, or the process has too many"
            )
        if flags & socket.MSG_TRUNC:
            _close(came)
            raise LimitExceeded(f"the peer sent a record of more than {size} bytes")
        if came:
            kept = ancillary_of(self._connection).received
            if len(kept) + len(came) > MOST_UNTAKEN:
                _close(came)
                raise LimitExceeded(f"more than {MOST_UNTAKEN} descriptors came and were not taken")
            kept += came
        return bytes(data)


def _descriptors(messages: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in messages:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % _SIZE])
    came = found.tolist()
    if not _CLOEXEC:
        for descriptor in came:
            os.set_inheritable(descriptor, False)
    return came


def channel_maker(most: Any) -> Callable[[Connection], DescriptorChannel]:
    """What makes the channels of a server that accepts so many descriptors a message.

    Errors: `ConfigurationError` for a number that no message can have, and where they cannot be received.
    """
    if isinstance(most, bool) or not isinstance(most, int) or not 0 < most <= MOST_DESCRIPTORS:
        raise ConfigurationError(
            f"accept_descriptors is {most!r}: give 0 to {MOST_DESCRIPTORS}, which is as many as one message can have",
            option="accept_descriptors",
        )
    if not hasattr(socket, "SCM_RIGHTS") or not hasattr(socket, "CMSG_LEN"):
        raise ConfigurationError("descriptors cannot be received on this system", option="accept_descriptors")
    return partial(DescriptorChannel, most=most)
