"""A proxy that does to bytes what networks do: delays, slices, limits, resets, stalls, half-closed streams.

```python
with ToxicProxy(server.server_address) as proxy:
    proxy.to_client.slice(1)
    proxy.to_server.reset(after=100)
    client = socket.create_connection(proxy.address)
```

What a direction does may be changed at any time, and holds for all connections of the proxy. Positions are counted in
bytes that were passed on in that direction of a connection, so the outcome does not depend on how they came in.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from typing import TYPE_CHECKING, Any, Literal

from . import resetting

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Direction", "ToxicProxy"]

_PATIENCE = 20.0
_CHUNK = 65536

_End = Literal["limit", "reset", "half_close"]


class Direction:
    """What happens to the bytes of one direction. Without a word: nothing."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._flows: list[_Flow] = []
        self._delay = 0.0
        self._jitter = 0.0
        self._size: int | None = None
        self._offsets: tuple[int, ...] = ()
        self._rate: float | None = None
        self._ends: dict[_End, int] = {}
        self._stalled_at: int | None = None
        self.passed = 0
        """Bytes passed on so far, of all connections."""

    def _set(self, **changes: Any) -> None:
        with self._changed:
            for name, value in changes.items():
                setattr(self, f"_{name}", value)
            self._changed.notify_all()
            flows = list(self._flows)
        for flow in flows:
            flow.end_if_due()  # its thread may be waiting for bytes that never come

    def delay(self, seconds: float, *, jitter: float = 0.0) -> None:
        """Hold each piece for some seconds, more or less `jitter` of them: the same ones with the same seed."""
        self._set(delay=seconds, jitter=jitter)

    def slice(self, size: int | None = None, *, offsets: tuple[int, ...] = ()) -> None:
        """Pass on pieces of at most `size` bytes, and never across one of these positions."""
        self._set(size=size, offsets=tuple(sorted(offsets)))

    def bandwidth(self, rate: float | None) -> None:
        """Pass on no more than so many bytes a second."""
        self._set(rate=rate)

    def limit(self, after: int) -> None:
        """End the connection, both ways and in good order, once so many bytes have been passed on."""
        self._set(ends={**self._ends, "limit": after})

    def reset(self, after: int = 0) -> None:
        """Reset the connection on both sides once so many bytes have been passed on. (Unix sockets know no reset: there
        it is an end.)"""
        self._set(ends={**self._ends, "reset": after})

    def half_close(self, after: int = 0) -> None:
        """End this direction alone once so many bytes have been passed on; what comes then is thrown away."""
        self._set(ends={**self._ends, "half_close": after})

    def stall(self, after: int = 0) -> None:
        """Pass on nothing more once so many bytes have been passed on, until `release()`."""
        self._set(stalled_at=after)

    def release(self) -> None:
        """Go on."""
        self._set(stalled_at=None)

    def heal(self) -> None:
        """Pass everything on again as it comes. What has ended stays ended."""
        self._set(delay=0.0, jitter=0.0, size=None, offsets=(), rate=None, ends={}, stalled_at=None)

    # -- for the proxy -------------------------------------------------------------------------------------------------

    def _end_at(self, passed: int) -> _End | None:
        """What ends the connection at this position."""
        with self._changed:
            due = [name for name, after in self._ends.items() if after <= passed]
        return due[0] if due else None

    def _next(self, flow: _Flow, available: int) -> int:
        """How many bytes go out next; waits while it is stalled. 0: something else is due."""
        passed = flow.passed
        with self._changed:
            while self._stalled_at is not None and self._stalled_at <= passed:
                if flow.link.ended or self._end_at(passed):
                    return 0
                self._changed.wait()
            positions = [*self._offsets, *self._ends.values()]
            if self._stalled_at is not None:
                positions.append(self._stalled_at)
            count = min([available, *(at - passed for at in positions if at > passed)])
            if self._size is not None:
                count = min(count, self._size)
            pause = self._delay
            if self._jitter:
                pause += self._random.uniform(-self._jitter, self._jitter)
            if self._rate is not None:
                pause += count / self._rate
            if pause > 0 and self._changed.wait_for(lambda: flow.link.ended, pause):
                return 0
            return count

    def _count(self, count: int) -> None:
        with self._changed:
            self.passed += count

    def _add(self, flow: _Flow) -> None:
        with self._changed:
            self._flows.append(flow)

    def _remove(self, flow: _Flow) -> None:
        with self._changed:
            self._flows.remove(flow)
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, directions: tuple[Direction, Direction]) -> None:
        self.ends = (client, server)
        self.ended = False
        self.reset = False
        self.last = threading.Barrier(2)
        self._directions = directions

    def end(self, *, reset: bool = False, force: bool = False) -> None:
        """End both sides.

        Parameters:
            reset: by a reset.
            force: although it is being reset: a thread may be waiting for a peer that does not read.
        """
        if self.ended and not force:
            return
        self.reset = self.reset or (reset and not self.ended)
        self.ended = True
        for sock in self.ends:
            try:
                if self.reset and _can_reset(sock):
                    # This wakes the thread that waits for bytes, and tells the peer nothing.
                    sock.shutdown(socket.SHUT_RD)
                    resetting.reset(sock)
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone already, or `close` can do it
        for direction in self._directions:
            direction._wake()

    def close(self) -> None:
        """Close both sides, when no thread uses them any more."""
        for sock in self.ends:
            try:
                if self.reset and _can_reset(sock):
                    resetting.reset(sock)
            except OSError:
                pass  # it has gone already
            sock.close()


def _can_reset(sock: socket.socket) -> bool:
    return sock.family in (socket.AF_INET, socket.AF_INET6)


class _Flow:
    """One direction of one connection."""

    def __init__(self, link: _Link, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        self.link = link
        self.passed = 0
        self._source = source
        self._sink = sink
        self._direction = direction
        self._sink_open = True

    def end_if_due(self) -> None:
        """Do what the direction wants at this position."""
        end = self._direction._end_at(self.passed)
        if end == "half_close":
            self._end_sink()
        elif end is not None:
            self.link.end(reset=end == "reset")

    def _end_sink(self) -> None:
        if self._sink_open and not self.link.ended:
            self._sink_open = False
            try:
                self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has gone already

    def run(self) -> None:
        """Pass bytes on until the end of the stream, or of the connection."""
        self._direction._add(self)
        try:
            self._pass_on()
        except OSError:
            self.link.end()  # one side is gone: so is the other
        self._direction._remove(self)

    def _pass_on(self) -> None:
        data = b""
        while True:
            self.end_if_due()
            if self.link.ended:
                return
            if not data or not self._sink_open:
                data = self._source.recv(_CHUNK)
                if not data:
                    self._end_sink()
                    return
                continue  # what is due may have changed meanwhile
            count = self._direction._next(self, len(data))
            if count:
                self._sink.sendall(data[:count])
                self.passed += count
                self._direction._count(count)
                data = data[count:]


class ToxicProxy:
    """A proxy in front of a stream server.

    Parameters:
        target: the server's address: `(host, port)`, or the path of a Unix socket.
        path: where to listen, if it is to be a Unix socket; else a free port of 127.0.0.1.
        seed: for jitter.

    A context manager: leaving it ends all connections, and waits for its threads.
    """

    def __init__(self, target: Any, *, path: str | None = None, seed: int = 0) -> None:
        self.to_server = Direction(seed)
        self.to_client = Direction(seed + 1)
        self._target = target
        self._path = path
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
        self.address: Any = self._listener.getsockname()
        """Where clients connect."""
        self._start(self._accept)

    def _start(self, target: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, name="plugserve-toxic", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # close() has shut the listener down
            try:
                if self._path is None:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a slice goes out by itself
                server = self._connect()
            except OSError:
                client.close()
                continue
            link = _Link(client, server, (self.to_server, self.to_client))
            with self._lock:
                if self._closed:
                    client.close()
                    server.close()
                    return
                self._links.append(link)
            self._start(self._run, _Flow(link, client, server, self.to_server))
            self._start(self._run, _Flow(link, server, client, self.to_client))

    def _connect(self) -> socket.socket:
        if isinstance(self._target, (str, bytes)):
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(self._target)
            except BaseException:
                sock.close()
                raise
            return sock
        sock = socket.create_connection(self._target[:2], timeout=_PATIENCE)
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _run(self, flow: _Flow) -> None:
        flow.run()
        # The one that is last closes both: until then the other may be using them.
        if flow.link.last.wait() == 0:
            flow.link.close()
            with self._lock:
                self._links.remove(flow.link)

    def close(self) -> None:
        """End everything, and wait for it."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            links = list(self._links)
        for link in links:
            link.end(force=True)
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # some systems do not know this of a listener
        self._listener.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
        if self._path is not None:
            os.unlink(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
