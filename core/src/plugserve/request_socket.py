"""The request of a classic handler where layers have read ahead, or change the bytes.

It is a `socket.socket`, on the same descriptor, whose receiving and sending methods go through the connection's
transforms; `makefile()` is built on them and needs nothing. `select()` on it may say that nothing has arrived although
decoded bytes are waiting, as with `ssl.SSLSocket`: look at `pending()`.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from .channel import StreamChannel
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from .connection import Connection

__all__ = ["RequestSocket", "ThroughConnection", "put_through"]


class ThroughConnection:
    """The socket methods that move data, through a connection; mixed in before a class of socket objects."""

    __slots__ = ()

    @property
    def _plugserve(self) -> Connection:
        connection = _connections.get(id(self))
        if connection is None:
            raise OSError(errno.EBADF, "the request has ended")
        return connection

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
    """A request behind transforms. A plain socket becomes one where it is, so that whoever has it keeps it."""

    # None of its own: only between classes of one layout can an object's class be changed.
    __slots__ = ()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        # The kernel's sendfile would go past the transforms; this is the standard class's own fall-back.
        return int(self._sendfile_use_send(file, offset, count))  # type: ignore[attr-defined]  # private, stable since 3.5


_connections: WeakValueDictionary[int, Connection] = WeakValueDictionary()
"""Whose socket it is, by its id, since it has no attribute for that. A connection keeps its socket alive."""


def put_through(connection: Connection) -> None:
    """From now on the methods of `connection.request` that move data go through the connection.

    Errors: `ConfigurationError` where the server's `get_request` gave something else than a plain socket: what wraps
        the bytes itself cannot stand below layers.
    """
    request, channel = connection.request, connection.channel
    channel = getattr(channel, "inner", channel)  # what is unsent and special stands before it
    assert isinstance(channel, StreamChannel), "a request with transforms has been read from"
    methods = type(request)
    if not issubclass(methods, ThroughConnection):
        through = RequestSocket if methods is socket.socket else getattr(request, "through", None)
        if through is None:
            raise ConfigurationError(
                f"layers need a plain socket, and get_request of {type(connection.server).__name__} gives "
                f"{methods.__name__}: use a layer in its place"
            )
        request.__class__ = through
        channel.use(request, methods)
    _connections[id(request)] = connection
    connection.counted = True
    channel.block()
    request.settimeout(channel.timeout)
