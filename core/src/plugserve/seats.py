"""Who has a session, and who has to go for a newcomer: the rule alone, without any I/O.

A source address is a claim, so a flood of forged ones must not cost the others their sessions. There are never more
than the cap, and who has to go is decided as in a segmented LRU cache (Karedla, Love and Wherry, "Caching strategies to
improve disk system performance", 1994):

1. A session is *new* until its peer has answered an answer: it sent another datagram after it was sent one. It is
   *proved* once its handler or a layer knows who it is; it is *known* in between.
2. Only a new session has to go, and only one that waits for its peer: of the network with the most new ones that which
   has waited for longest. If there is none, the newcomer is refused.
3. No more than three quarters are known or proved. What is too many becomes new again: the longest idle, known ones
   first. So whoever takes the trouble to answer from many addresses cannot lock everybody else out.

Everything takes a time that does not depend on how many there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

__all__ = ["Seats"]

_MOST_LOOKED_AT: Final = 16
"""Sessions that are looked at to find one that has to go: under a flood each newcomer costs no more than that."""


class _Seat:
    """One session's place."""

    __slots__ = ("item", "key", "network", "rank")

    def __init__(self, key: Hashable, network: Hashable, item: Any) -> None:
        self.key = key
        self.network = network
        self.item = item
        self.rank = 0


_NEW, _KNOWN, _PROVED = 0, 1, 2


class Seats:
    """Who has a session.

    Parameters:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept = max(1, most * 3 // 4)
        """How many may be safe from newcomers."""
        self._seats: dict[Hashable, _Seat] = {}
        # Each in the order in which their peers were last heard.
        self._ranks: tuple[OrderedDict[Hashable, _Seat], ...] = (OrderedDict(), OrderedDict(), OrderedDict())
        self._networks: dict[Hashable, OrderedDict[Hashable, _Seat]] = {}
        # The networks by how many new sessions they have, so that the one with the most is known at once.
        self._by_count: dict[int, OrderedDict[Hashable, None]] = {}
        self._largest = 0

    def __len__(self) -> int:
        return len(self._seats)

    def items(self) -> list[Any]:
        """All sessions."""
        return [seat.item for seat in self._seats.values()]

    def find(self, key: Hashable) -> Any:
        """The session of a peer; None if it has none."""
        seat = self._seats.get(key)
        return None if seat is None else seat.item

    def rank_of(self, key: Hashable) -> str:
        """`new`, `known` or `proved`."""
        return ("new", "known", "proved")[self._seats[key].rank]

    def add(self, key: Hashable, network: Hashable, item: Any) -> None:
        """A new one. There must be room."""
        assert len(self._seats) < self.most, "there is no room"
        seat = self._seats[key] = _Seat(key, network, item)
        self._enter(seat)

    def heard(self, key: Hashable, *, answered: bool, proved: bool = False) -> None:
        """Its peer has sent another datagram.

        Parameters:
            answered: whether it had been sent one before.
            proved: whether it is known who it is.
        """
        seat = self._seats[key]
        rank = _PROVED if proved else max(seat.rank, _KNOWN) if answered else seat.rank
        if rank == seat.rank != _NEW:
            self._ranks[rank].move_to_end(key)
            return
        self._leave(seat)
        seat.rank = rank
        self._enter(seat)
        if rank != _NEW and len(self._ranks[_KNOWN]) + len(self._ranks[_PROVED]) > self.kept:
            oldest = next(iter((self._ranks[_KNOWN] or self._ranks[_PROVED]).values()))
            self._leave(oldest)
            oldest.rank = _NEW
            self._enter(oldest)

    def remove(self, key: Hashable) -> None:
        """It has ended."""
        self._leave(self._seats.pop(key))

    def weakest(self, waits: Callable[[Any], bool]) -> Hashable:
        """Who has to go for a newcomer; None if nobody.

        Parameters:
            waits: says of a session whether it does nothing but wait for its peer.
        """
        if not self._ranks[_NEW]:
            return None
        largest = next(iter(self._by_count[self._largest]))
        for seats in (self._networks[largest], self._ranks[_NEW]):
            for _, seat in zip(range(_MOST_LOOKED_AT), seats.values(), strict=False):
                if waits(seat.item):
                    return seat.key
        return None

    def _enter(self, seat: _Seat) -> None:
        self._ranks[seat.rank][seat.key] = seat
        if seat.rank == _NEW:
            of_network = self._networks.setdefault(seat.network, OrderedDict())
            of_network[seat.key] = seat
            self._count(seat.network, len(of_network) - 1, len(of_network))

    def _leave(self, seat: _Seat) -> None:
        del self._ranks[seat.rank][seat.key]
        if seat.rank == _NEW:
            of_network = self._networks[seat.network]
            del of_network[seat.key]
            self._count(seat.network, len(of_network) + 1, len(of_network))
            if not of_network:
                del self._networks[seat.network]

    def _count(self, network: Hashable, before: int, now: int) -> None:
        """A network has one more or one less."""
        if before:
            equals = self._by_count[before]
            del equals[network]
            if not equals:
                del self._by_count[before]
        if now:
            # Of equals the one that has had as many for longest comes first.
            self._by_count.setdefault(now, OrderedDict())[network] = None
        if now > self._largest or (before == self._largest and before not in self._by_count):
            self._largest = now
