"""Failed attempts slow down the next ones, and then ban. No I/O, no clock of its own, bounded memory.

Failures are counted for three keys: the network that an attempt comes from (an IPv4 address, or a /64 of IPv6, which
is what one customer gets), the name that is tried, and both together.

| an attempt | waits for | and its failure counts for |
|---|---|---|
| from a network where this name has logged in before | the network; network and name together | the same two |
| from any other | the network; the name | the same two |

So strangers elsewhere, who make a name slow or banned for everybody, never lock out the right password where it has
been used before; strangers within the same network do. A success takes nothing back: whoever has one account could
otherwise guess the others' passwords between two logins of his own, and each login of a name would give whoever guesses
it new attempts.

Whether a name exists plays no part.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

from plugserve.errors import ConfigurationError

__all__ = ["Throttle", "ThrottleLimits", "network_of"]

_REMEMBERED: Final = 90 * 86400.0
"""Seconds for which a network counts as one where a name has logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleLimits:
    """How failures count.

    Parameters:
        free: failures without a consequence.
        delay: seconds that the next attempt must wait for after one more; doubled by each further one.
        longest_delay: the most of that.
        ban_after: failures after which nothing is looked at for `ban` seconds.
        ban: seconds.
        forget: seconds without a failure after which all before are forgotten.
        size: keys that are kept; the one whose last failure is longest ago makes room.
    """

    free: int = 3
    delay: float = 1.0
    longest_delay: float = 30.0
    ban_after: int = 20
    ban: float = 900.0
    forget: float = 900.0
    size: int = 16384

    def __post_init__(self) -> None:
        for name in ("delay", "longest_delay", "ban", "forget"):
            value = getattr(self, name)
            if not (0 <= value < math.inf):
                raise ConfigurationError(f"throttle: {name.replace('_', '-')} is {value!r}: give seconds, 0 or more")
        for name in ("free", "ban_after", "size"):
            if getattr(self, name) < (0 if name == "free" else 1):
                raise ConfigurationError(f"throttle: {name.replace('_', '-')} is too small")


class _Failures:
    __slots__ = ("count", "last", "until")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.until = 0.0


class Throttle:
    """Who has to wait. Methods may be called from several threads.

    Parameters:
        limits: how failures count.
        clock: seconds, monotonic.
    """

    def __init__(self, limits: ThrottleLimits | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits or ThrottleLimits()
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, Hashable], float] = OrderedDict()

    def wait(self, name: str, network: Hashable) -> float:
        """Seconds until an attempt is looked at; 0: now.

        Parameters:
            name: whom the client says to be; `""` where it does not say, as with a token.
            network: as `network_of` gives it.
        """
        with self._lock:
            now = self._clock()
            longest = 0.0
            for key in self._keys(name, network, now):
                entry = self._failures.get(key)
                if entry is not None:
                    longest = max(longest, entry.until - now)
            return longest

    def failed(self, name: str, network: Hashable) -> bool:
        """Count a failure. Returns whether it has banned the network."""
        with self._lock:
            now = self._clock()
            banned = False
            for key in self._keys(name, network, now):
                entry = self._failures.setdefault(key, _Failures())
                if now - entry.last > self.limits.forget and now >= entry.until:
                    entry.count = 0
                entry.count += 1
                entry.last = now
                over = entry.count - self.limits.free
                if entry.count >= self.limits.ban_after:
                    entry.until = now + self.limits.ban
                    banned = banned or (entry.count == self.limits.ban_after and key == ("network", network))
                elif over > 0:
                    entry.until = now + min(self.limits.delay * 2.0 ** min(over - 1, 64), self.limits.longest_delay)
                self._failures.move_to_end(key)
            while len(self._failures) > self.limits.size:
                self._failures.popitem(last=False)
            return banned

    def succeeded(self, name: str, network: Hashable) -> None:
        """Remember where a name has logged in."""
        if not name:
            return
        with self._lock:
            self._known[name, network] = self._clock()
            self._known.move_to_end((name, network))
            while len(self._known) > self.limits.size:
                self._known.popitem(last=False)

    def _keys(self, name: str, network: Hashable, now: float) -> tuple[Hashable, ...]:
        own = ("network", network)
        if not name:
            return (own,)
        known = self._known.get((name, network))
        if known is not None and now - known <= _REMEMBERED:
            return own, ("both", name, network)
        return own, ("name", name)

    @property
    def size(self) -> int:
        """How many keys are kept."""
        return len(self._failures) + len(self._known)


def network_of(context: Any) -> Hashable:
    """What counts as one place that clients come from.

    Parameters:
        context: of the request. Behind a PROXY header its client counts, not the proxy.
    """
    address = context.client_address
    if context.transport.startswith("unix") and not (isinstance(address, tuple) and address):
        peer = context.peer_credentials
        return ("uid", peer.uid if peer is not None else None)
    host = address[0] if isinstance(address, tuple) and address else address
    if isinstance(host, int):
        return ("vsock", host)
    try:
        found = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return ("other", str(host)[:64])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return ("ipv6", int(found) >> 64)
        found = found.ipv4_mapped
    return ("ipv4", int(found))
