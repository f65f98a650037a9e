"""How much of what a client sent its peer has not read yet, told by the kernel without touching the peer.

Input that is cut into pieces tests something only if the pieces are read one by one: TCP_NODELAY makes segments of
them, but a reader that comes late finds two in its queue. So a client waits until the queue is empty before it sends
the next. The peer's socket cannot be asked for that (FIONREAD): a server closes its descriptor when it likes, and a
copy of it would keep the connection open. The kernel can be asked from outside.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Final

__all__ = ["count_unread"]

_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG, <linux/netlink.h>
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY, <linux/sock_diag.h>
_REQUEST: Final = 1  # NLM_F_REQUEST
_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr
_QUERY: Final = struct.Struct("=BBBxI")  # the head of struct inet_diag_req_v2
_QUEUES: Final = 4 + 48 + 4
"""Offset of `idiag_rqueue` in `struct inet_diag_msg`: its head, a socket's identity, a timer."""
_NO_COOKIE: Final = b"\xff" * 8


def count_unread(sock: socket.socket) -> int | None:
    """Bytes that were sent on this socket and that its peer, on this machine, has not read.

    Parameters:
        sock: the client's end of a TCP or Unix stream.

    Returns: the number; 0 as well if the peer has closed; None where the system does not tell, which is everywhere but
    on Linux. Of a Unix socket only 0 is exact: otherwise it is what the kernel keeps for them, which is more.

    Sources: sock_diag(7) for TCP, SIOCOUTQ of unix(7) (which counts what has not been received) for Unix sockets.
    """
    if sys.platform != "linux":
        return None
    try:
        if sock.family == socket.AF_UNIX:
            import fcntl
            import termios

            return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0])
        return _ask(sock)
    except OSError as error:
        return 0 if error.errno in (errno.ENOTCONN, errno.EBADF) else None


def _ask(sock: socket.socket) -> int | None:
    ours, theirs = sock.getsockname(), sock.getpeername()
    identity = b"".join(struct.pack("!H", address[1]) for address in (theirs, ours))
    identity += b"".join(socket.inet_pton(sock.family, address[0]).ljust(16, b"\0") for address in (theirs, ours))
    identity += b"\0" * 4 + _NO_COOKIE
    query = _QUERY.pack(sock.family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + identity
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST, 0, 0) + query)
        answer = kernel.recv(4096)
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        code = -struct.unpack_from("=i", answer, _HEADER.size)[0]
        return 0 if code == errno.ENOENT else None
    return int(struct.unpack_from("=I", answer, _HEADER.size + _QUEUES)[0])
