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
import struct
import threading
from typing import TYPE_CHECKING, Any, Literal

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
        self._delay = 0.0
        self._jitter = 0.0
        self._size: int | None = None
        self._offsets: tuple[int, ...] = ()
        self._rate: float | None = None
        self._ends: dict[_End, int] = {}
        self._stalled_at: int | None = None
        self._closed = False
        self.passed = 0
        """Bytes passed on so far, of all connections."""

    def _set(self, **changes: Any) -> None:
        with self._changed:
            for name, value in changes.items():
                setattr(self, f"_{name}", value)
            self._changed.notify_all()

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
        """Reset the connection on both sides (tcp(7), SO_LINGER of 0) once so many bytes have been passed on."""
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
        """Pass everything on again as it comes."""
        self._set(delay=0.0, jitter=0.0, size=None, offsets=(), rate=None, ends={}, stalled_at=None)

    # -- for the proxy -------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        self._set(closed=True)

    def _end_at(self, passed: int) -> _End | None:
        """What ends the connection at this position."""
        with self._changed:
            due = [name for name, after in self._ends.items() if after <= passed]
        return due[0] if due else None

    def _next(self, passed: int, available: int) -> int:
        """How many bytes go out next; waits while it is stalled. 0: the proxy closes."""
        with self._changed:
            while not self._closed and self._stalled_at is not None and self._stalled_at <= passed:
                self._changed.wait()
            if self._closed:
                return 0
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
            closed = pause > 0 and self._changed.wait_for(lambda: self._closed, pause)
            return 0 if closed else count

    def _count(self, count: int) -> None:
        with self._changed:
            self.passed += count


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = (client, server)

    def end(self, *, reset: bool) -> None:
        """End both sides."""
        for sock in self.ends:
            try:
                if reset and sock.family != getattr(socket, "AF_UNIX", None):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # A thread that waits in recv(2) holds it open: shutdown(2) wakes that, and close(2) then resets.
                    sock.shutdown(socket.SHUT_RD)
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone already


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
                server = self._connect()
            except OSError:
                client.close()
                continue
            link = _Link(client, server)
            with self._lock:
                if self._closed:
                    client.close()
                    server.close()
                    return
                self._links.append(link)
            done = threading.Barrier(2)
            self._start(self._pump, link, client, server, self.to_server, done)
            self._start(self._pump, link, server, client, self.to_client, done)

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

    def _pump(
        self, link: _Link, source: socket.socket, sink: socket.socket, direction: Direction, done: threading.Barrier
    ) -> None:
        try:
            self._pass_on(link, source, sink, direction)
        except OSError:
            link.end(reset=False)  # one side is gone: so is the other
        # The one that is last closes both: until then the other may be using them.
        if done.wait() == 0:
            for sock in link.ends:
                sock.close()
            with self._lock:
                if link in self._links:
                    self._links.remove(link)

    def _pass_on(self, link: _Link, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        passed = 0
        sink_open = True
        while True:
            end = direction._end_at(passed)
            if end == "half_close":
                if sink_open:
                    sink.shutdown(socket.SHUT_WR)
                    sink_open = False
            elif end is not None:
                link.end(reset=end == "reset")
                return
            data = source.recv(_CHUNK)
            if not data:
                if sink_open:
                    sink.shutdown(socket.SHUT_WR)
                return
            while data and sink_open:
                count = direction._next(passed, len(data))
                if not count:
                    return
                sink.sendall(data[:count])
                passed += count
                direction._count(count)
                data = data[count:]
                if direction._end_at(passed) is not None:
                    break

    def close(self) -> None:
        """End everything, and wait for it."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            links = list(self._links)
        self.to_server._close()
        self.to_client._close()
        for link in links:
            link.end(reset=False)
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
