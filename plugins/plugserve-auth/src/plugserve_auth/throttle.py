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

A failure is forgotten after some time in which nobody had to wait for it, one after the other: in a house with hundreds
of people behind one address somebody is always mistyping, and they must not add up to a ban.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from plugserve.errors import ConfigurationError

__all__ = ["Throttle", "ThrottleLimits", "network_of"]

_REMEMBERED: Final = 90 * 86400.0
"""Seconds for which a network counts as one where a name has logged in."""

_PLACES: Final = 16
"""Networks that are remembered for a name: more than anybody has devices and houses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleLimits:
    """How failures count.

    Parameters:
        free: failures without a consequence.
        delay: seconds that the next attempt must wait for after one more; doubled by each further one.
        longest_delay: the most of that.
        ban_after: failures after which nothing is looked at for `ban` seconds.
        ban: seconds.
        forget: seconds in which as many failures as ban are forgotten, one after the other; those in which an attempt
            would have to wait do not count. What has led to a ban is forgotten at its end.
        size: how many networks, names, and both together, are kept, of those banned and of the others each; the one
            whose last failure is longest ago makes room. As many names are kept that have logged in.
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
    __slots__ = ("last", "level", "until")

    def __init__(self) -> None:
        self.level = 0.0
        """How many there are, less what is forgotten of them up to `last`."""
        self.last = 0.0
        self.until = 0.0


class _Table:
    """The failures of one kind of key. Those that are banned stand apart: else failures for so many keys of no matter
    what, which cost nothing, would end a ban."""

    def __init__(self, limits: ThrottleLimits) -> None:
        self._limits = limits
        self._counted: OrderedDict[Hashable, _Failures] = OrderedDict()
        self._banned: OrderedDict[Hashable, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counted) + len(self._banned)

    def wait(self, key: Hashable, now: float) -> float:
        entry = self._banned.get(key) or self._counted.get(key)
        return 0.0 if entry is None else entry.until - now

    def failed(self, key: Hashable, now: float) -> bool:
        """Count. Returns whether that has banned it."""
        limits = self._limits
        entry = self._banned.pop(key, None) or self._counted.pop(key, None) or _Failures()
        before = math.ceil(self._left(entry, now))
        entry.level = self._left(entry, now) + 1
        entry.last = now
        count = math.ceil(entry.level)
        banned = count >= limits.ban_after
        if banned:
            entry.until = now + limits.ban
        elif count > limits.free:
            entry.until = now + min(limits.delay * 2.0 ** min(count - limits.free - 1, 64), limits.longest_delay)
        table = self._banned if banned else self._counted
        table[key] = entry
        if len(table) > limits.size:
            table.popitem(last=False)
        return banned and before < limits.ban_after

    def _left(self, entry: _Failures, now: float) -> float:
        if now < entry.until:
            return entry.level
        if math.ceil(entry.level) >= self._limits.ban_after or not self._limits.forget:
            return 0.0
        forgotten = (now - max(entry.last, entry.until)) * self._limits.ban_after / self._limits.forget
        return max(0.0, entry.level - forgotten)


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
        self._networks, self._names, self._pairs = (_Table(self.limits) for _ in range(3))
        self._known: OrderedDict[str, OrderedDict[Hashable, float]] = OrderedDict()

    def wait(self, name: str, network: Hashable) -> float:
        """Seconds until an attempt is looked at; 0: now.

        Parameters:
            name: whom the client says to be; `""` where it does not say, as with a token.
            network: as `network_of` gives it.
        """
        with self._lock:
            now = self._clock()
            return max(0.0, *(table.wait(key, now) for table, key in self._keys(name, network, now)))

    def failed(self, name: str, network: Hashable) -> bool:
        """Count a failure. Returns whether it has banned the network."""
        with self._lock:
            now = self._clock()
            banned = [table for table, key in self._keys(name, network, now) if table.failed(key, now)]
            return self._networks in banned

    def succeeded(self, name: str, network: Hashable) -> None:
        """Remember where a name has logged in."""
        if not name:
            return
        with self._lock:
            # Each name has its own few: nobody can push out those of others by logging in from many networks.
            places = self._known.setdefault(name, OrderedDict())
            self._known.move_to_end(name)
            places[network] = self._clock()
            places.move_to_end(network)
            if len(places) > _PLACES:
                places.popitem(last=False)
            if len(self._known) > self.limits.size:
                self._known.popitem(last=False)

    def _keys(self, name: str, network: Hashable, now: float) -> Iterator[tuple[_Table, Hashable]]:
        yield self._networks, network
        if name:
            places = self._known.get(name)
            known = None if places is None else places.get(network)
            if known is not None and now - known <= _REMEMBERED:
                yield self._pairs, (name, network)
            else:
                yield self._names, name

    @property
    def size(self) -> int:
        """How many keys are kept."""
        tables = (self._networks, self._names, self._pairs)
        return sum(map(len, tables)) + sum(map(len, self._known.values()))


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
