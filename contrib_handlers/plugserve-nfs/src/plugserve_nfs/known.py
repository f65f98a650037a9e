"""Where objects were seen last, by key: bounded, and only ever a guess, which whoever follows it has to check."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from .handles import Key

__all__ = ["Known"]

_DEEPEST: Final = 2048
"""Folders above an object: a path has at most 4,096 bytes in one call, and this is more than tools can deal with."""
_GONE: Final = 1024
"""Objects that are known not to be there."""
_GONE_SECONDS: Final = 5.0


class _Seen(NamedTuple):
    parent: Key
    name: bytes
    handle: bytes


class Known:
    """Objects with the folder that they are in, their name there, and their handle. For several threads.

    An object keeps its handle as long as it is remembered, whatever becomes of its name: clients compare handles byte
    by byte.

    Parameters:
        most: how many; the one that was not asked for longest goes.
        clock: seconds, for what is known to be gone.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[Key, _Seen] = OrderedDict()
        self._gone: OrderedDict[Key, float] = OrderedDict()

    def names(self, key: Key, root: Key) -> tuple[bytes, ...] | None:
        """The names on the way to an object; None where that is not known."""
        names: list[bytes] = []
        with self._lock:
            while key != root:
                seen = self._seen.get(key)
                if seen is None or len(names) > _DEEPEST:
                    return None
                self._seen.move_to_end(key)
                names.append(seen.name)
                key = seen.parent
        return tuple(reversed(names))

    def see(self, key: Key, parent: Key, name: bytes, make: Callable[[], bytes]) -> bytes:
        """An object is here.

        Parameters:
            make: makes its handle, if it has none yet.
        Returns: its handle.
        """
        with self._lock:
            if self._gone:
                self._gone.pop(key, None)
            seen = self._seen.get(key)
            if seen is not None:
                if seen.parent != parent or seen.name != name:
                    self._seen[key] = _Seen(parent, name, seen.handle)
                self._seen.move_to_end(key)
                return seen.handle
            handle = make()
            self._seen[key] = _Seen(parent, name, handle)
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)
            return handle

    def lose(self, key: Key) -> None:
        """An object is no more, or is not to be found."""
        with self._lock:
            self._seen.pop(key, None)
            self._gone[key] = self._clock() + _GONE_SECONDS
            self._gone.move_to_end(key)
            while len(self._gone) > _GONE:
                self._gone.popitem(last=False)

    def is_gone(self, key: Key) -> bool:
        """Whether it was not to be found a moment ago."""
        with self._lock:
            until = self._gone.get(key)
            if until is not None and until < self._clock():
                del self._gone[key]
                return False
            return until is not None

    def __len__(self) -> int:
        return len(self._seen)
