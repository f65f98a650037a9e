"""Connections that a handler makes to somebody else, and the relay between one of them and the client.

They belong to the request that made them: its life waits for them, its deadlines and its `abort` hold for them, and
they are closed when it ends.
"""

from __future__ import annotations

import errno
import socket
import types
from functools import partial
from typing import TYPE_CHECKING, Any

from .channel import StreamChannel
from .connection import CLOSED, HANDLING, READ, WRITE, Connection
from .errors import PlugserveError

if TYPE_CHECKING:
    from collections.abc import Generator

    from .connection import Step

__all__ = ["Outgoing", "connect", "connect_to", "relay"]

_ON_ITS_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY}
_FULL = 0.01
"""Seconds until a Unix socket whose backlog is full is tried again: connect(2) gives EAGAIN and nothing to wait for."""


class Outgoing(Connection):
    """A stream that a handler has opened with `Connection.connect`. It is read and written like its own.

    What is written and not yet taken is buffered, up to `Limits.output`, wherever the handler runs: await `drain()`
    between big pieces.
    """

    __slots__ = ("owner",)

    def __init__(self, owner: Connection, sock: socket.socket, address: Any) -> None:
        super().__init__(owner.server, sock, address)
        self.owner = owner
        self.state = HANDLING
        self.channel = StreamChannel(sock)

    def _wait(self, operation: int) -> Step:
        yield from self.owner.wait_for_any(((self, operation),))

    @types.coroutine
    def finish(self) -> Generator[int, None, None]:
        """Send all that was written, then the end of the stream. Reading goes on.

        Errors: as `read`.
        """
        last = self.last_bytes()
        if last:
            self._emit(last, 0)
        yield from self._drain_to(0)
        self.output_closed = True
        self.open_channel().end_output()

    def close(self) -> None:
        """Close it now; what has not been sent is lost: await `finish()` before."""
        self.output_closed = self._eof = True
        if self.state != CLOSED:
            if self.interest and self.owner.front is not None:
                self.owner.front.leave(self)
            self.request.close()
            self.cut()
        outgoing = self.owner.outgoing
        if outgoing and self in outgoing:
            outgoing.remove(self)


async def connect(owner: Connection, address: Any, timeout: float) -> Outgoing:
    """See `Connection.connect`."""
    if not owner.server.real_time:
        raise PlugserveError("the memory engine has no network to connect to: test this handler on a real engine")
    deadline = owner.server.clock() + timeout
    failure: OSError | None = None
    for family, where in await _candidates(owner, address):
        try:
            return await connect_to(owner, family, where, deadline)
        except TimeoutError:
            raise
        except OSError as error:
            failure = error
    raise failure or OSError(errno.EADDRNOTAVAIL, f"{address!r} has no address")


async def _candidates(owner: Connection, address: Any) -> list[tuple[int, Any]]:
    if isinstance(address, (str, bytes)):
        return [(socket.AF_UNIX, address)]
    host, port = address[:2]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        # A name has to be looked up, which blocks.
        found = await owner.offload(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
    return [(family, where) for family, _, _, _, where in found]


async def connect_to(
    owner: Connection, family: int, where: Any, deadline: float, kind: int = socket.SOCK_STREAM
) -> Outgoing:
    """Connect to one address.

    Parameters:
        owner: the request.
        family: of the address.
        where: the address.
        deadline: on the server's clock.
        kind: of socket.

    Errors: as `Connection.connect`.
    """
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        status = sock.connect_ex(where)
        while status == errno.EAGAIN and family == getattr(socket, "AF_UNIX", None):
            _in_time(owner, deadline, where)
            await owner.sleep(_FULL)
            status = sock.connect_ex(where)
        if status and status not in _ON_ITS_WAY:
            raise _failure(status, where)
        outgoing = Outgoing(owner, sock, where)
        if owner.outgoing is None:
            owner.outgoing = []
        owner.outgoing.append(outgoing)
    except BaseException:
        sock.close()
        raise
    try:
        while status:
            _in_time(owner, deadline, where)
            owner.wake_at = deadline
            try:
                await owner.until_any(((outgoing, WRITE),))
            finally:
                owner.wake_at = None
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise _failure(failed, where)
            status = 0 if _is_connected(sock) else status
        if family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        outgoing.close()
        raise
    return outgoing


def _in_time(owner: Connection, deadline: float, where: Any) -> None:
    if owner.server.clock() >= deadline:
        raise TimeoutError(errno.ETIMEDOUT, f"no connection to {where!r} in time")


def _failure(status: int, where: Any) -> OSError:
    # OSError picks the subclass by the number: ConnectionRefusedError and the like.
    return OSError(status, f"no connection to {where!r}: {errno.errorcode.get(status, status)}")


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


class _Way:
    """One direction of a relay."""

    def __init__(self, source: Connection, target: Connection) -> None:
        self.source = source
        self.target = target
        self.count = 0
        self.done = False

    def step(self) -> None:
        """Pass on what can be passed on without waiting: one receive at the most."""
        source, target = self.source, self.target
        if self.done:
            return
        target._flush()
        if target.buffered <= target.limits.high_water:
            if not source._unread and not source._eof:
                source._must_wait()
            data, source._unread = source._unread, b""
            if data:
                self.count += len(data)
                target.write(data)
        if source.ended and not target.buffered:
            last = target.last_bytes()
            if last:
                target._emit(last, 0)
            if not target.buffered:
                target.output_closed = self.done = True
                try:
                    target.open_channel().end_output()
                except OSError:
                    pass  # it has gone: its own direction ends, too

    def waits(self) -> list[tuple[Connection, int]]:
        """What has to happen before the next step does anything."""
        waits = []
        if not self.done:
            if self.target.buffered:
                waits.append((self.target, WRITE))
            if self.target.buffered <= self.target.limits.high_water and not self.source._eof:
                waits.append((self.source, READ))
        return waits


@types.coroutine
def relay(c: Connection, other: Connection) -> Generator[int, None, tuple[int, int]]:
    """See `Connection.relay`."""
    channel = c.open_channel()
    ways = (_Way(c, other), _Way(other, c))
    # At a blocking place, too, it has to wait for both at once.
    channel.unblock()
    try:
        while True:
            for way in ways:
                way.step()
            waits = [wait for way in ways for wait in way.waits()]
            if not waits:
                return ways[0].count, ways[1].count
            yield from c.wait_for_any(tuple(waits))
    finally:
        if c.blocks:
            channel.block()
