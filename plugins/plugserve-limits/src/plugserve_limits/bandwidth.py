"""Bandwidth: the kernel sends each connection its share of what its peer, network, identity or listener may have.

A share is the rate by the number of connections that have it now. The kernel holds back the segments of a socket itself
(socket(7), SO_MAX_PACING_RATE), so that no engine and no handler waits for anything but its own full buffers.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Hashable
from typing import Any, Final

from plugserve import Context

__all__ = ["PACING", "Shares"]

PACING: Final[int | None] = getattr(socket, "SO_MAX_PACING_RATE", 47 if sys.platform == "linux" else None)
"""The number of the option; None where there is none."""
_MOST: Final = 0x7FFFFFFF
"""Bytes a second that fit into the option as Python gives it."""


class Shares:
    """The shares of one rule.

    Parameters:
        rate: bytes a second of all that have the same key.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._members: dict[Hashable, dict[Context, Any]] = {}
        # By how many its rate was divided when all members of a key were told.
        self._told: dict[Hashable, int] = {}
        self._keys: dict[Context, Hashable] = {}
        self._lock = threading.Lock()

    def join(self, key: Hashable, context: Context, request: Any) -> None:
        """Give a connection its share, and the others of its key less."""
        with self._lock:
            members = self._members.setdefault(key, {})
            members[context] = request
            self._keys[context] = key
            if not self._share(key, members):
                self._pace(request, len(members))

    def leave(self, context: Context) -> None:
        """Give what a connection had to the others of its key."""
        with self._lock:
            if context not in self._keys:
                return
            key = self._keys.pop(context)
            members = self._members[key]
            del members[context]
            if members:
                self._share(key, members)
            else:
                del self._members[key], self._told[key]

    def _share(self, key: Hashable, members: dict[Context, Any]) -> bool:
        """Tell all members, if their share has changed by a tenth: so that ten thousand do not tell each other."""
        count = len(members)
        told = self._told.get(key, 0)
        if abs(count - told) * 10 < told:
            return False
        self._told[key] = count
        for request in members.values():
            self._pace(request, count)
        return True

    def _pace(self, request: Any, count: int) -> None:
        assert PACING is not None
        try:
            request.setsockopt(socket.SOL_SOCKET, PACING, min(max(1, int(self._rate / count)), _MOST))
        except (OSError, AttributeError):
            pass  # it is gone already, or a child has it
