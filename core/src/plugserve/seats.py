"""Who has one of a bounded number of places, and who has to go for a newcomer: the rule alone, without any I/O.

It is for peers whose address is a claim that nobody has checked, so a flood of forged ones must not cost the others
their places. Three ranks, as in a segmented LRU cache (Karedla, Love and Wherry, "Caching strategies to improve disk
system performance", 1994):

1. *New* is who has been heard once, or never answered. *Known* is who was heard again after an answer, which a forger
   can only pretend to by sending twice. *Proved* is of whom the server knows who it is.
2. Only a new one has to go: of the network with the most new ones that which has been silent for longest. So whoever
   comes with many addresses of one network takes places from itself.
3. A quarter of the places, one at least, is never kept by the known and the proved. When there is one too many of them,
   one becomes new again, the known before the proved, chosen as under 2. So whoever takes the trouble to become known
   under many addresses locks nobody out.

Each step costs the same however many places there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from itertools import chain, islice
from typing import Any, Final

__all__ = ["Seats"]

_MOST_LOOKED_AT: Final = 16
"""Of the network with the most new ones, and again of all: under a flood each newcomer costs no more than that."""

_NEW, _KNOWN, _PROVED = 0, 1, 2


class _Seat:
    """One place that is taken."""

    __slots__ = ("item", "key", "network", "rank")

    def __init__(self, key: Hashable, network: Hashable, item: Any) -> None:
        self.key = key
        self.network = network
        self.item = item
        self.rank = _NEW


_Line = OrderedDict[Hashable, _Seat]
"""Places in the order in which their peers were last heard, the longest silent first. One that sinks to a lower rank
comes last there, as in that cache, so that its peer has time to be heard."""


class _Rank:
    """The places of one rank, so ordered that the one to go is known at once."""

    def __init__(self) -> None:
        self.all: _Line = OrderedDict()
        self._networks: dict[Hashable, _Line] = {}
        # The networks by their number of places; of equals the longest silent first.
        self._by_size: dict[int, OrderedDict[Hashable, None]] = {}
        self._largest = 0

    def enter(self, seat: _Seat) -> None:
        """It is of this rank now, and was heard last."""
        self.all[seat.key] = seat
        line = self._networks.setdefault(seat.network, OrderedDict())
        line[seat.key] = seat
        self._resize(seat.network, len(line) - 1, len(line))

    def leave(self, seat: _Seat) -> None:
        """It is not any more."""
        del self.all[seat.key]
        line = self._networks[seat.network]
        del line[seat.key]
        self._resize(seat.network, len(line) + 1, len(line))
        if not line:
            del self._networks[seat.network]

    def of_largest(self) -> Iterator[_Seat]:
        """Those of the network with the most."""
        if self._largest:
            yield from self._networks[next(iter(self._by_size[self._largest]))].values()

    def _resize(self, network: Hashable, before: int, now: int) -> None:
        if before:
            equals = self._by_size[before]
            del equals[network]
            if not equals:
                del self._by_size[before]
        if now:
            self._by_size.setdefault(now, OrderedDict())[network] = None
        # One step up or down: where the only largest one shrinks, it is still the largest.
        if now > self._largest or (before == self._largest and before not in self._by_size):
            self._largest = now


class Seats:
    """The places, and who has them.

    Parameters:
        most: how many there are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept = most * 3 // 4
        """How many of them are safe from newcomers at the most."""
        self._seats: _Line = OrderedDict()
        self._ranks = (_Rank(), _Rank(), _Rank())

    def __len__(self) -> int:
        return len(self._seats)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._seats

    def items(self) -> list[Any]:
        """All that were given with the keys, the longest silent first."""
        return [seat.item for seat in self._seats.values()]

    def longest_silent(self) -> Any:
        """The item whose peer has been silent for longest; None if there is none."""
        for seat in self._seats.values():
            return seat.item
        return None

    def rank_of(self, key: Hashable) -> str:
        """`"new"`, `"known"` or `"proved"`."""
        return ("new", "known", "proved")[self._seats[key].rank]

    def add(self, key: Hashable, network: Hashable, item: Any) -> None:
        """Give a place to somebody who has none. One must be free.

        Parameters:
            key: who it is.
            network: those of one network are weighed against each other first.
            item: what `weakest` shall give.
        """
        assert len(self._seats) < self.most, "a place is free"
        assert key not in self._seats, "it has none"
        seat = self._seats[key] = _Seat(key, network, item)
        self._ranks[_NEW].enter(seat)

    def heard(self, key: Hashable, *, answered: bool, proved: bool) -> None:
        """Its peer has sent something.

        Parameters:
            key: who it is.
            answered: whether it had been sent anything before.
            proved: whether the server knows who it is.
        """
        seat = self._seats[key]
        self._seats.move_to_end(key)
        self._move(seat, _PROVED if proved else max(seat.rank, _KNOWN) if answered else seat.rank)
        known, safe = self._ranks[_KNOWN], self._ranks[_PROVED]
        if seat.rank != _NEW and len(known.all) + len(safe.all) > self.kept:
            self._move(next((known if known.all else safe).of_largest()), _NEW)

    def remove(self, key: Hashable) -> None:
        """It has gone."""
        seat = self._seats.pop(key)
        self._ranks[seat.rank].leave(seat)

    def weakest(self, may_go: Callable[[Any], bool]) -> Any:
        """The item that has to go for a newcomer; None if no place is to be had.

        Parameters:
            may_go: says of an item whether it may go just now. It is asked a bounded number of times.
        """
        new = self._ranks[_NEW]
        for seat in chain(islice(new.of_largest(), _MOST_LOOKED_AT), islice(new.all.values(), _MOST_LOOKED_AT)):
            if may_go(seat.item):
                return seat.item
        return None

    def _move(self, seat: _Seat, rank: int) -> None:
        self._ranks[seat.rank].leave(seat)
        seat.rank = rank
        self._ranks[rank].enter(seat)
