"""Quotas of bytes: what connections have carried is counted while they go on, and ends them when it is too much."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from select import select
from typing import Final

from plugserve import Connection, Context
from plugserve.background import Background

from .buckets import ALLOWED, Buckets, Decision
from .rules import Rule
from .shared import SharedBuckets

__all__ = ["Meter", "Quota"]

EVERY: Final = 1.0
"""Seconds between two looks at the counters of what goes on."""


@dataclass(frozen=True, eq=False)
class Quota:
    """A rule of bytes, and where its bytes are counted: in `buckets` or in `shared`."""

    rule: Rule
    buckets: Buckets | None
    shared: SharedBuckets | None


@dataclass(eq=False)
class _Metered:
    connection: Connection
    keys: list[tuple[Quota, Hashable]]
    counted: int = 0
    over: bool = False


class _Teller(Background):
    """Tells the shared store what was carried; the store may be slow, so it has a thread of its own."""

    def __init__(self) -> None:
        super().__init__("plugserve-limits")
        self._untold: dict[tuple[Quota, Hashable], int] = {}
        self._untold_lock = threading.Lock()
        self.empty: dict[tuple[Quota, Hashable], Decision] = {}
        """Who had nothing left when it was told last."""

    def tell(self, quota: Quota, key: Hashable, more: int) -> None:
        """Have it told soon."""
        with self._untold_lock:
            self._untold[quota, key] = self._untold.get((quota, key), 0) + more
        self.start()
        self.wake()

    def run(self) -> None:
        """In the thread."""
        while not self.stopping():
            self.clear_wake()
            if self.tell_all():
                continue
            select([self.wake_fd], [], [])

    def tell_all(self) -> bool:
        """Tell what is untold. Returns whether there was anything."""
        with self._untold_lock:
            untold, self._untold = self._untold, {}
        empty: dict[tuple[Quota, Hashable], Decision] = {}
        for (quota, key), cost in untold.items():
            assert quota.shared is not None
            decision = quota.shared.use(quota.rule, key, cost)
            if not decision.allowed:
                empty[quota, key] = decision
        if untold:
            # What was said of others is forgotten: whoever carries more is told of again.
            self.empty = empty
        return bool(untold)


class Meter:
    """Reads the core's counters of the connections that have a quota.

    Parameters:
        clock: seconds; only goes forward.
        refuse: is told of a rule, when the end of a connection comes by it, and returns the words for it.
    """

    def __init__(self, clock: Callable[[], float], refuse: Callable[[Rule, Decision], str]) -> None:
        self._clock = clock
        self._refuse = refuse
        self._running: dict[Context, _Metered] = {}
        self._due = 0.0
        self._lock = threading.Lock()
        self._teller = _Teller()

    def watch(self, context: Context, connection: Connection, keys: list[tuple[Quota, Hashable]]) -> None:
        """Count the bytes of a connection from now on, those that it has carried already included."""
        self._running[context] = _Metered(connection, keys)

    def ended(self, context: Context) -> None:
        """Count the rest of a connection."""
        metered = self._running.pop(context, None)
        if metered is not None:
            self._count(context, metered, self._clock())

    def look(self) -> None:
        """Count what goes on, if it is time to, and end what is over its quota."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + EVERY
        for context, metered in list(self._running.items()):
            self._count(context, metered, now)
            for quota, key in metered.keys:
                if metered.over:
                    break
                if quota.buckets is not None:
                    decision = quota.buckets.left(key, now)
                else:
                    decision = self._teller.empty.get((quota, key), ALLOWED)
                if not decision.allowed:
                    metered.over = True
                    metered.connection.abort(self._refuse(quota.rule, decision))

    def _count(self, context: Context, metered: _Metered, now: float) -> None:
        # Nobody knows them while a forked child serves: then all of them are counted when it reports its end.
        total = (context.bytes_in or 0) + (context.bytes_out or 0)
        with self._lock:
            more, metered.counted = total - metered.counted, max(total, metered.counted)
        if more <= 0:
            return
        for quota, key in metered.keys:
            if quota.buckets is not None:
                quota.buckets.use(key, now, more)
            else:
                self._teller.tell(quota, key, more)

    def close(self) -> None:
        """Tell the store what it does not know yet, and end."""
        self._teller.stop()
        self._teller.tell_all()
