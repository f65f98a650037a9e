"""How many replies one peer gets, in a table that never grows and that forked children share.

Over UDP nobody knows who really asked. What can be known is how much has been sent to an address: so replies that could
feed a loop or a flood are counted against it. A loop between two servers lives only as long as both answer, and each
lap costs a token, so it ends when the tokens do, whatever the other server is.
"""

from __future__ import annotations

import mmap
from collections.abc import Hashable
from typing import Final

__all__ = ["INTERVAL", "SLOTS", "ReplyBudget"]

SLOTS: Final = 65536
"""Keys that can be told apart: half a megabyte, once all have been used. Keys that fall into one slot share its tokens,
so a flood from invented addresses may cost others their replies, but never more memory."""

INTERVAL: Final = 1.0
"""Seconds after which a used token is back. A loop takes a token each round trip, which is nowhere near a second, so it
ends; somebody who asks once a second is always answered."""


class ReplyBudget:
    """A token bucket for each key, in one fixed table.

    A slot holds one number: the moment at which its bucket will be full again (the "theoretical arrival time" of the
    generic cell rate algorithm, ITU-T I.371, annex A). Two threads or processes that read it at the same moment may
    spend one token between them; nothing worse can happen, so there is no lock.

    Parameters:
        burst: tokens in a full bucket.
    """

    def __init__(self, burst: int) -> None:
        self._burst = burst
        # Anonymous and shared (mmap(2), MAP_SHARED): children that are forked later count in the same table.
        self._slots = memoryview(mmap.mmap(-1, SLOTS * 8)).cast("d")

    def take(self, key: Hashable, now: float) -> bool:
        """Spend a token of this key. Returns False if there is none left.

        Parameters:
            key: who it is sent to, or what and to whom; text or bytes in it keep others from choosing their slot,
                since Python salts their hash in each process, and forked ones inherit the salt.
            now: seconds on a clock that only goes forward, the same for all calls.
        """
        slot = hash(key) % SLOTS
        full = max(self._slots[slot], now) + INTERVAL
        if full - now > self._burst * INTERVAL:
            return False
        self._slots[slot] = full
        return True

    def __reduce__(self) -> tuple[type[ReplyBudget], tuple[int]]:
        # A copy is a new budget: shared memory cannot be pickled, and options that hold one may be.
        return ReplyBudget, (self._burst,)
