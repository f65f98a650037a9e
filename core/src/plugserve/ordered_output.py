"""Output that is more than bytes, in its place between them: an urgent byte, or bytes with descriptors.

Where nothing is unsent it goes at once. Behind output that the peer has not taken yet its bytes stand in the buffer
like any others, and a mark beside it says what is special about them: so totals, limits and deadlines know of nothing
new.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .ancillary import MOST_DESCRIPTORS, ancillary_of
from .channel import Channel, StreamChannel
from .connection import WRITE
from .errors import LimitExceeded, PlugserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .connection import Connection

__all__ = ["OrderedOutput", "send_descriptors", "send_urgent"]

_DONTWAIT: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)
_NO_SUCH_THING: Final = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTSUP}


def send_urgent(c: Connection, byte: bytes) -> None:
    """Send one urgent byte behind what is unsent; see `Connection.send_urgent`."""
    if len(byte) != 1:
        raise ValueError(f"urgent data is one byte, and this is {len(byte)}: send the rest with write()")
    channel = _stream_of(c, "urgent data")

    def send(data: Any) -> int:
        try:
            return int(channel._send(data, socket.MSG_OOB | (0 if channel.blocking else _DONTWAIT)))
        except OSError as error:
            if error.errno in _NO_SUCH_THING:
                raise PlugserveError(
                    f"{type(c.server).transport} has no urgent data here ({error.strerror})"
                ) from error
            raise

    _send_in_order(c, byte, send)


def send_descriptors(c: Connection, data: bytes, descriptors: Sequence[int]) -> None:
    """Send bytes with descriptors behind what is unsent; see `Connection.send_descriptors`."""
    if not data:
        raise ValueError("descriptors need at least one byte to go with")
    if not 0 < len(descriptors) <= MOST_DESCRIPTORS:
        raise ValueError(f"one to {MOST_DESCRIPTORS} descriptors can go at once, and these are {len(descriptors)}")
    channel = _stream_of(c, "descriptors")
    if channel.socket.family != getattr(socket, "AF_UNIX", None) or not hasattr(channel.socket, "sendmsg"):
        raise PlugserveError(
            f"descriptors go to another process of this machine only, and this is {c.context.transport}"
        )
    kept = ancillary_of(c).sending
    # The caller may close its own as soon as this returns.
    copies = []
    try:
        for descriptor in descriptors:
            copies.append(os.dup(descriptor))
    except BaseException:
        for copy in copies:
            os.close(copy)
        raise
    kept += copies

    def send(view: Any) -> int:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", copies))]
        sent = int(channel.socket.sendmsg([view], rights, 0 if channel.blocking else _DONTWAIT))
        for copy in copies:
            kept.remove(copy)
            os.close(copy)
        return sent

    _send_in_order(c, data, send)


def _stream_of(c: Connection, what: str) -> StreamChannel:
    if c._transforms:
        raise PlugserveError(f"{what} cannot be sent below an encryption: the peer's would not know what it belongs to")
    channel = c.channel
    if isinstance(channel, OrderedOutput):
        channel = channel.inner
    if not isinstance(channel, StreamChannel):
        raise PlugserveError(f"{what} cannot be sent here: {c.context.transport} has none")
    return channel


def _send_in_order(c: Connection, data: bytes, send: Callable[[Any], int]) -> None:
    output = c._output
    if not output:
        assert c.channel is not None, "_stream_of has seen to it"
        if c.channel.blocking:
            c.waiting, c.operation = c.server.clock(), WRITE
        try:
            sent = send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            if c._abort is not None:
                c._raise_abort()
            raise
        finally:
            c.waiting, c.operation = None, 0
        c.total_out += sent
        if sent:
            if sent < len(data):
                c.write(data[sent:])  # what is special went with the first byte
            return
        output = c._output = bytearray()
    if not isinstance(c.channel, OrderedOutput):
        assert isinstance(c.channel, StreamChannel), "_stream_of has seen to it"
        c.channel = OrderedOutput(c.channel, c)
    c.channel.marks.append([len(output), len(data), send])
    output += data
    if len(output) > c.limits.output:
        raise LimitExceeded(f"more than {c.limits.output} bytes of output are unsent: await drain()")


class OrderedOutput(Channel):
    """Stands before a connection's channel while something special is unsent.

    Parameters:
        inner: the channel.
        connection: whose; it gets `inner` back.
    """

    __slots__ = ("_connection", "inner", "marks")

    def __init__(self, inner: StreamChannel, connection: Connection) -> None:
        self.inner = inner
        self._connection = connection
        self.marks: deque[list[Any]] = deque()
        """Where each begins in what is unsent, how many bytes it has, and what sends them."""

    @property
    def blocking(self) -> bool:  # type: ignore[override]  # the inner one's
        return self.inner.blocking

    def send(self, data: bytes | memoryview) -> int:
        total = 0
        view = memoryview(data)
        while total < len(view):
            sent = self._send_part(view[total:])
            if not sent:
                break
            total += sent
        return total

    def _send_part(self, view: memoryview) -> int:
        if not self.marks:
            self._connection.channel = self.inner
            return self.inner.send(view)
        at, size, send = self.marks[0]
        if at:
            sent = self.inner.send(view[:at])
        else:
            try:
                sent = send(view[:size])
            except (BlockingIOError, InterruptedError):
                return 0
            if sent:
                self.marks.popleft()
        for mark in self.marks:
            mark[0] -= sent
        return sent

    def receive(self, limit: int) -> bytes | None:
        return self.inner.receive(limit)

    def arrived(self) -> bool:
        return self.inner.arrived()

    def fileno(self) -> int:
        return self.inner.fileno()

    def block(self) -> None:
        self.inner.block()

    def unblock(self) -> None:
        self.inner.unblock()

    def end_output(self) -> None:
        self.inner.end_output()

    def end_input(self) -> None:
        self.inner.end_input()

    def interrupt(self) -> None:
        self.inner.interrupt()
