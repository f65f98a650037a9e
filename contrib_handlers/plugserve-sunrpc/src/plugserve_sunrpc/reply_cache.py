"""The duplicate-request cache: what was answered over UDP is answered again, and not done again.

A client that gets no reply in time sends its call again, with the same xid. Where it was the reply that got lost, the
procedure has run, and would run twice: a file removed twice is an error the second time. The idea is old: Juszczak,
"Improving the Performance and Correctness of an NFS Server", USENIX 1989.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

__all__ = ["UNDERWAY", "ReplyCache"]

UNDERWAY: Final = b""
"""What the cache says of a call that is being done: it is dropped, since its answer is on the way."""

_ENTRY: Final = 400
"""Bytes that an entry costs beside its reply, about."""


class ReplyCache:
    """Replies by call, for a while. For several threads.

    Parameters:
        entries: how many at the most; the oldest goes.
        size: bytes of all replies together, with what each entry costs.
        seconds: how long one is kept. xids come again, most of all when clients start again.
        clock: seconds, monotonic.
    """

    def __init__(self, entries: int, size: int, seconds: float, clock: Callable[[], float]) -> None:
        self.entries = entries
        self.size = size
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._replies: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()
        self._used = 0

    def __len__(self) -> int:
        return len(self._replies)

    @property
    def used(self) -> int:
        """Bytes, of `size`."""
        return self._used

    def begin(self, key: Hashable) -> bytes | None:
        """Ask what a call was answered. None: nothing yet, and from now on it is under way."""
        now = self._clock()
        with self._lock:
            while self._replies and next(iter(self._replies.values()))[0] <= now:
                self._forget(next(iter(self._replies)))
            known = self._replies.get(key)
            if known is not None:
                return known[1]
            self._keep(key, now, UNDERWAY)
            return None

    def end(self, key: Hashable, reply: bytes | None) -> None:
        """Keep the answer to a call that was under way; None if it got none: then it may be done again."""
        with self._lock:
            if key in self._replies:
                self._forget(key)
            if reply:
                self._keep(key, self._clock(), reply)

    def _keep(self, key: Hashable, now: float, reply: bytes) -> None:
        self._replies[key] = (now + self.seconds, reply)
        self._used += len(reply) + _ENTRY
        while self._replies and (len(self._replies) > self.entries or self._used > self.size):
            self._forget(next(iter(self._replies)))

    def _forget(self, key: Hashable) -> None:
        self._used -= len(self._replies.pop(key)[1]) + _ENTRY
