"""Token buckets, one number each: the generic cell rate algorithm (ITU-T I.371, annex A).

A bucket that is full need not be kept: it is what everybody has who was not seen. So there are no more entries than
keys that have used something lately, and never more than the cap. Beyond that the key that was seen longest ago is
forgotten, and may have one burst too many; whoever has so many addresses was not held by a rate of each anyway.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple

__all__ = ["Buckets", "Decision"]

_LOOKED_AT: Final = 4
"""Old entries that are looked at with each new one: more than one is enough to get rid of those that are full again."""


class Decision(NamedTuple):
    """Whether something may happen.

    Parameters:
        allowed: whether it may.
        retry_after: seconds until it may; 0 if it may now.
    """

    allowed: bool
    retry_after: float = 0.0


ALLOWED: Final = Decision(True)


class Buckets:
    """The buckets of one rule.

    Parameters:
        interval: seconds that one takes.
        most: how many may come at once.
        keys: how many keys are kept at the most.
    """

    def __init__(self, interval: float, most: float, keys: int) -> None:
        self.interval = interval
        self.tolerance = interval * most
        self._keys = keys
        # When the bucket is full again, by its key; those that were seen last are at the end.
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, now: float, cost: float = 1.0) -> Decision:
        """Take out of a bucket, if there is as much in it.

        Parameters:
            key: whose.
            now: seconds on a clock that only goes forward.
            cost: how many are taken.
        """
        with self._lock:
            full_at = max(self._full_at.get(key, now), now) + cost * self.interval
            wait = full_at - now - self.tolerance
            if wait > 1e-9:
                if key in self._full_at:
                    self._full_at.move_to_end(key)
                return Decision(False, wait)
            self._keep(key, full_at, now)
            return ALLOWED

    def use(self, key: Hashable, now: float, cost: float) -> None:
        """Take out of a bucket whatever there is in it: what has happened already."""
        with self._lock:
            self._keep(key, max(self._full_at.get(key, now), now) + cost * self.interval, now)

    def left(self, key: Hashable, now: float) -> Decision:
        """Whether there is anything left in a bucket."""
        with self._lock:
            wait = self._full_at.get(key, now) - now - self.tolerance
        return ALLOWED if wait < 0 else Decision(False, wait + self.interval)

    def _keep(self, key: Hashable, full_at: float, now: float) -> None:
        table = self._full_at
        if key in table:
            table.move_to_end(key)
        else:
            for _ in range(_LOOKED_AT):
                oldest = next(iter(table), None)
                if oldest is None or (table[oldest] > now and len(table) < self._keys):
                    break
                del table[oldest]
        table[key] = full_at
