"""The request of a classic handler where layers have read ahead, or change the bytes.

It is a `socket.socket`, on the same descriptor, whose receiving and sending methods go through the connection's
transforms; `makefile()` is built on them and needs nothing. `select()` on it may say that nothing has arrived although
decoded bytes are waiting, as with `ssl.SSLSocket`: look at `pending()`.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from .channel import StreamChannel
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from .connection import Connection

__all__ = ["RequestSocket", "ThroughConnection", "give_request"]


class ThroughConnection:
    """The socket methods that move data, through a connection; mixed in before a class of socket objects."""

    _plugserve: Connection

    def _run(self, step: Generator[int, None, bytes]) -> bytes:
        try:
            step.send(None)
        except StopIteration as end:
            return bytes(end.value)
        step.close()
        raise BlockingIOError("nothing has arrived yet")

    def pending(self) -> int:
        """Bytes that a `recv` would give without waiting and that `select` does not know of."""
        return len(self._plugserve._unread)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        connection = self._plugserve
        if flags & socket.MSG_OOB:
            raise OSError(errno.EINVAL, "urgent data does not come this way: see the hook out_of_band")
        if bufsize == 0:
            return b""
        if flags & socket.MSG_PEEK:
            return self._run(connection._peek())[:bufsize]
        data = self._run(connection.read(bufsize))
        if flags & socket.MSG_WAITALL:
            while len(data) < bufsize and (more := self._run(connection.read(bufsize - len(data)))):
                data += more
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        with memoryview(buffer).cast("B") as view:
            data = self.recv(nbytes or len(view), flags)
            view[: len(data)] = data
        return len(data)

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        return self.recv(bufsize, flags), None

    def send(self, data: Any, flags: int = 0, /) -> int:
        with memoryview(data).cast("B") as view:
            if flags & socket.MSG_OOB and view:
                self._plugserve.write(view[:-1])
                self._plugserve.send_urgent(bytes(view[-1:]))
            else:
                self._plugserve.write(view)
            return len(view)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self.send(data, flags)


class RequestSocket(ThroughConnection, socket.socket):
    """A request behind transforms, on the descriptor of the socket that it replaces."""

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        # The kernel's sendfile would go past the transforms; this is the standard class's own fall-back.
        return int(self._sendfile_use_send(file, offset, count))  # type: ignore[attr-defined]  # private, stable since 3.5


def give_request(connection: Connection) -> Any:
    """The request that a classic handler is given in place of `connection.request`, which is detached.

    Errors: `ConfigurationError` where the server's `get_request` gave something else than a plain socket: what wraps
        the bytes itself cannot stand below layers.
    """
    old, channel = connection.request, connection.channel
    channel = getattr(channel, "inner", channel)  # what is unsent and special stands before it
    assert isinstance(channel, StreamChannel), "a request with transforms has been read from"
    through = getattr(old, "through", None)
    if through is not None:
        request, methods = through(), type(old)
    elif type(old) is socket.socket:
        request, methods = RequestSocket(old.family, old.type, old.proto, old.detach()), socket.socket
    else:
        raise ConfigurationError(
            f"layers need a plain socket, and get_request of {type(connection.server).__name__} gives "
            f"{type(old).__name__}: use a layer in its place"
        )
    request._plugserve = connection
    channel.use(request, methods)
    channel.block()
    request.settimeout(channel.timeout)
    return request
