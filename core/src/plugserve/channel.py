"""The seam between a connection and its socket: receive, send, and nothing else.

A channel either blocks (at a place of its own: a thread, a child, inline) or does not (on the front, which parks the
connection instead). `MSG_DONTWAIT` on a blocking socket does the latter without a switch of mode, so the descriptor can
be handed over at any time (recv(2)); where the platform lacks it, the mode is switched at the hand-over.
"""

from __future__ import annotations

import socket
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import sleep
from typing import Any, Final, NamedTuple

from .errors import LimitExceeded

__all__ = [
    "CHUNK",
    "Channel",
    "DatagramChannel",
    "StreamChannel",
    "TCPCounters",
    "bytes_unread",
    "tcp_counters",
    "tcp_totals",
]

CHUNK = 65536
"""Bytes asked of the kernel in one receive: a whole TCP window of the usual size, and the largest UDP datagram."""

DONTWAIT: Final[int] = int(getattr(socket, "MSG_DONTWAIT", 0))
"""A flag of recv(2) and send(2): not to wait, whatever the mode of the socket; 0 where there is none."""


class Channel(ABC):
    """What an engine supplies to a connection."""

    __slots__ = ("blocking", "dry")

    is_datagram = False
    blocking: bool
    dry: bool
    """Whether the last `receive` gave less than was asked for, so that another one now would be in vain."""

    @abstractmethod
    def receive(self, limit: int) -> bytes | None:
        """At most `limit` bytes; `b""` at the end of the stream; None if it would have to wait."""

    @abstractmethod
    def send(self, data: bytes | memoryview) -> int:
        """Send; returns how many bytes went. A blocking channel sends all."""

    def plain(self) -> tuple[Callable[[int, int], bytes], Callable[[Any, int], int]] | None:
        """The socket's own `recv` and `send`, to be called with `DONTWAIT`; None if there is more to do than that."""
        return None

    def arrived(self) -> bool:
        """Whether `receive` would certainly not have to wait."""
        return True

    def patience(self) -> float | None:
        """Seconds after which a `receive` that waits gives up; None if it does not."""
        return None

    def taken(self, sent: int) -> int | None:
        """How many bytes of what was sent the peer has taken; None if nobody can tell.

        Parameters:
            sent: bytes that `send` has sent in all.
        """
        return None if self.blocking else sent

    @abstractmethod
    def fileno(self) -> int:
        """The descriptor to wait for; negative where there is none."""

    def block(self) -> None:
        """From now on `receive` and `send` wait."""
        self.blocking = True

    def unblock(self) -> None:
        """From now on they do not."""
        self.blocking = False

    @abstractmethod
    def end_output(self) -> None:
        """Tell the peer that nothing more comes."""

    @abstractmethod
    def end_input(self) -> None:
        """Make a pending and every later `receive` give `b""` once what has already arrived is read."""

    @abstractmethod
    def interrupt(self) -> None:
        """Make whoever waits in `receive` or `send` come back at once."""


class StreamChannel(Channel):
    """A connected stream or seqpacket socket."""

    __slots__ = ("_methods", "_packets", "_recv", "_recvmsg", "_send", "socket", "timeout")

    def __init__(self, sock: Any, *, packets: bool = False) -> None:
        self._packets = packets
        self.timeout: float | None = None
        self.use(sock, type(sock))
        self.dry = False
        self.unblock()

    def use(self, sock: Any, methods: Any) -> None:
        """Do the I/O on this socket.

        Parameters:
            sock: the socket.
            methods: the class whose `recv`, `send` ... to call: a subclass may have overridden them with what
                goes through the connection, which would come back here.
        """
        self.socket = sock
        if type(sock) is methods:
            self._recv, self._send = sock.recv, sock.send
        else:
            self._recv, self._send = methods.recv.__get__(sock), methods.send.__get__(sock)
        self._methods = methods
        self._recvmsg = methods.recvmsg.__get__(sock) if self._packets else None

    def plain(self) -> tuple[Callable[[int, int], bytes], Callable[[Any, int], int]] | None:
        return (self._recv, self._send) if type(self) is StreamChannel and not self._packets else None

    def receive(self, limit: int) -> bytes | None:
        try:
            if self._recvmsg is not None:
                return self._receive_packet(limit)
            data: bytes = self._recv(limit, 0 if self.blocking else DONTWAIT)
            self.dry = len(data) < limit
            return data
        except (BlockingIOError, InterruptedError):
            return None

    def _receive_packet(self, limit: int) -> bytes:
        assert self._recvmsg is not None
        # A record that does not fit would be cut silently (unix(7)): it is an error instead.
        data, _, flags, _ = self._recvmsg(max(limit, CHUNK), 0, 0 if self.blocking else DONTWAIT)
        if flags & socket.MSG_TRUNC:
            raise LimitExceeded(f"the peer sent a record of more than {max(limit, CHUNK)} bytes")
        return bytes(data)

    def send(self, data: bytes | memoryview) -> int:
        if self.blocking:
            self._methods.sendall(self.socket, data)
            return len(data)
        try:
            return int(self._send(data, DONTWAIT))
        except (BlockingIOError, InterruptedError):
            return 0

    def taken(self, sent: int) -> int | None:
        counters = tcp_counters(self.socket)
        if counters is not None:
            return counters.taken
        # While a send waits, nobody knows how much of it has gone.
        queued = None if self.blocking else bytes_queued(self.socket)
        return super().taken(sent) if queued is None else sent - queued

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def block(self) -> None:
        if not self.blocking:
            self.blocking = True
            if self.timeout is not None or not DONTWAIT:
                self.socket.settimeout(self.timeout)

    def unblock(self) -> None:
        # A Python-level timeout would make every call wait for readiness first, whatever its flags.
        self.blocking = False
        timeout = self.socket.gettimeout()
        if timeout:
            self.timeout = timeout
        if not DONTWAIT:
            self.socket.setblocking(False)
        elif timeout is not None:
            self.socket.settimeout(None)

    def patience(self) -> float | None:
        timeout: float | None = self.socket.gettimeout()
        return timeout

    def arrived(self) -> bool:
        if not DONTWAIT:
            return False
        try:
            self._recv(1, DONTWAIT | socket.MSG_PEEK)
        except OSError as error:
            # Any other error is an arrival, too: whoever reads will see it.
            arrived = not isinstance(error, (BlockingIOError, InterruptedError))
        else:
            arrived = True
        return arrived

    def end_output(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def end_input(self) -> None:
        self.socket.shutdown(socket.SHUT_RD)

    def interrupt(self) -> None:
        # shutdown(2) is the one call that wakes a thread blocked on the same socket; close(2) does not.
        self.socket.shutdown(socket.SHUT_RDWR)


class DatagramChannel(Channel):
    """One datagram as a stream: it is read once, then the stream has ended; what is sent forms one reply."""

    __slots__ = ("_packet", "_reply", "client_address", "most", "size", "socket")

    is_datagram = True

    def __init__(self, packet: bytes, sock: Any, client_address: Any, most: int | None = None) -> None:
        self._packet: bytes | None = packet
        self.size = len(packet)
        self.most = most
        """Bytes that the reply may have; None: any number."""
        self._reply: list[bytes] = []
        self.socket = sock
        self.client_address = client_address
        self.blocking = self.dry = False

    def receive(self, limit: int) -> bytes | None:
        packet, self._packet = self._packet, None
        return packet or b""

    def send(self, data: bytes | memoryview) -> int:
        self._reply.append(bytes(data))
        return len(data)

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def end_output(self) -> None:
        """Send the reply, if there is one. Nothing written, nothing sent."""
        if self._reply:
            reply = self._reply[0] if len(self._reply) == 1 else b"".join(self._reply)
            self._reply = []
            if not self.client_address:
                return  # unix(7): its sender has not bound its socket, so nobody can be told
            if self.most is not None and len(reply) > self.most:
                from .datagrams import check_reply

                check_reply(len(reply), self.most, self.size)
            self.socket.sendto(reply, self.client_address)

    def confirm(self) -> None:
        """The peer is who it says it is: replies may be of any size from now on."""
        self.most = None

    def wait(self, timeout: float | None, *, reading: bool) -> None:
        """Let the time pass in the calling thread, at most until something has happened.

        Parameters:
            timeout: seconds; None: until something has.
            reading: whether another datagram would be something.
        """
        if timeout is not None:
            sleep(timeout)

    def end_input(self) -> None:
        """Nothing comes after the one packet anyway."""

    def interrupt(self) -> None:
        """Nobody waits for a datagram that is already there."""


# struct tcp_info of <linux/tcp.h>: tcpi_state first; tcpi_bytes_received at 128, tcpi_notsent_bytes at 144,
# tcpi_bytes_sent at 200 and tcpi_bytes_retrans at 208 (since Linux 4.19).
_TCP_INFO_SIZE = 216
_RECEIVED = struct.Struct("=Q")
_NOTSENT = struct.Struct("=I")
_SENT = struct.Struct("=QQ")
# include/net/tcp_states.h: the states in which the peer's FIN has come; it is counted as one byte received.
_FIN_RECEIVED = {8, 9, 11}


# tcpi_unacked, segments in flight, at 24; tcpi_bytes_acked at 120.
_UNACKED = struct.Struct("=I")
_ACKED = struct.Struct("=Q")


class TCPCounters(NamedTuple):
    """What the kernel counts on a TCP connection.

    Parameters:
        received: payload bytes that have come.
        taken: bytes that the peer has acknowledged.
        pending: whether output has not been acknowledged yet.
    """

    received: int
    taken: int
    pending: bool


def tcp_counters(sock: socket.socket) -> TCPCounters | None:
    """The counters of a connection; None where the platform or the socket cannot tell (tcp(7), TCP_INFO)."""
    info = _tcp_info(sock)
    if info is None:
        return None
    received, taken = _RECEIVED.unpack_from(info, 128)[0], _ACKED.unpack_from(info, 120)[0]
    if info[0] in _FIN_RECEIVED and received:
        received -= 1
    pending = bool(_UNACKED.unpack_from(info, 24)[0] or _NOTSENT.unpack_from(info, 144)[0])
    return TCPCounters(received, taken, pending)


def bytes_queued(sock: socket.socket) -> int | None:
    """Bytes in a socket's output queue, which the peer has not taken (tcp(7), unix(7): SIOCOUTQ); None if unknown."""
    return _asked(sock, "TIOCOUTQ")


def bytes_unread(sock: socket.socket) -> int | None:
    """Bytes in a socket's input queue, which nobody here has read (tcp(7): FIONREAD); None if unknown."""
    return _asked(sock, "FIONREAD")


def _asked(sock: socket.socket, name: str) -> int | None:
    try:
        import fcntl
        import termios

        # SIOCOUTQ and TIOCOUTQ are one number on Linux (<linux/sockios.h>).
        answer = fcntl.ioctl(sock.fileno(), getattr(termios, name), b"\0\0\0\0")
    except (ImportError, AttributeError, OSError, ValueError):
        return None
    return int.from_bytes(answer, sys.byteorder)


def _tcp_info(sock: socket.socket) -> bytes | None:
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO_SIZE)
    except (OSError, AttributeError, ValueError):
        return None
    return info if len(info) >= _TCP_INFO_SIZE else None


def tcp_totals(sock: socket.socket) -> tuple[int, int] | None:
    """Payload bytes received and sent on a TCP connection, as the kernel counted them.

    This is how a classic handler, which is given the real socket, can be accounted for without a hand in its I/O.

    Returns: None where the platform or the socket cannot tell (tcp(7), TCP_INFO).
    """
    info = _tcp_info(sock)
    if info is None:
        return None
    received = _RECEIVED.unpack_from(info, 128)[0]
    if info[0] in _FIN_RECEIVED and received:
        received -= 1
    sent, again = _SENT.unpack_from(info, 200)
    return received, sent - again + _NOTSENT.unpack_from(info, 144)[0]
