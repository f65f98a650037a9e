"""The rule of places: who has one, and who has to go for a newcomer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugserve.seats import Seats


def arrive(seats: Seats, key: object, network: object, *, may_go: bool = True) -> bool:
    """What a server does for a newcomer. Returns whether it got a place."""
    if len(seats) >= seats.most:
        weakest = seats.weakest(lambda item: may_go)
        if weakest is None:
            return False
        seats.remove(weakest)
    seats.add(key, network, key)
    return True


def know(seats: Seats, key: object, network: object, *, proved: bool = False) -> None:
    """One who came, was answered, and spoke again."""
    assert arrive(seats, key, network)
    seats.heard(key, answered=True, proved=proved)


@pytest.mark.parametrize(
    ("answered", "proved", "rank"),
    [(False, False, "new"), (True, False, "known"), (False, True, "proved"), (True, True, "proved")],
)
def test_a_rank_is_what_the_server_knows(answered: bool, proved: bool, rank: str) -> None:
    """Speaking again counts only after an answer, and nothing counts as much as an identity."""
    seats = Seats(8)
    seats.add("a", "net", "a")
    assert seats.rank_of("a") == "new"
    seats.heard("a", answered=answered, proved=proved)
    assert seats.rank_of("a") == rank


def test_of_equals_the_longest_silent_goes() -> None:
    """Whoever was heard meanwhile is not."""
    seats = Seats(3)
    for key in "abc":
        arrive(seats, key, key)
    seats.heard("a", answered=False, proved=False)
    arrive(seats, "d", "d")
    assert seats.items() == ["c", "a", "d"]


def test_a_network_with_many_takes_places_from_itself() -> None:
    """Those of others stay, though they have been silent for longer."""
    seats = Seats(5)
    arrive(seats, "other", "b")
    arrive(seats, "another", "c")
    for number in range(100):
        assert arrive(seats, number, "a")
    assert seats.items() == ["other", "another", 97, 98, 99]


def test_who_is_being_answered_does_not_go() -> None:
    """If all are, the newcomer gets no place."""
    seats = Seats(2)
    arrive(seats, "a", "a")
    arrive(seats, "b", "b")
    assert not arrive(seats, "c", "c", may_go=False)
    assert seats.weakest(lambda item: item == "b") == "b"


def test_looking_for_the_weakest_costs_no_more_with_more_places() -> None:
    """However many there are that may not go."""
    seats = Seats(10_000)
    for number in range(10_000):
        seats.add(number, number % 7, number)
    asked: list[object] = []
    assert seats.weakest(lambda item: asked.append(item) is not None) is None
    assert len(asked) == 32


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300))
def test_a_flood_of_forged_sources_displaces_nobody_who_has_answered(sources: list[int]) -> None:
    """Whatever they are, and however many."""
    seats = Seats(8)
    for number in range(6):
        know(seats, f"known {number}", number)
    for source in sources:
        key = f"forged {source}"
        if key not in seats:
            assert arrive(seats, key, source)
    assert {f"known {number}" for number in range(6)} <= set(seats.items())


@given(st.lists(st.integers(0, 40), max_size=300))
def test_who_is_proved_outlives_those_who_only_answer(sources: list[int]) -> None:
    """A forger may send twice, and be taken for known; that displaces nobody of whom the server knows who it is."""
    seats = Seats(8)
    for number in range(5):
        know(seats, f"proved {number}", number, proved=True)
    for source in sources:
        if source in seats:
            seats.heard(source, answered=True, proved=False)
        else:
            assert arrive(seats, source, source)
    assert all(seats.rank_of(f"proved {number}") == "proved" for number in range(5))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 8, 100])
def test_a_network_that_answers_from_many_addresses_locks_nobody_out(most: int) -> None:
    """However well it is known: a quarter of the places is for newcomers, and one of another network may be known."""
    seats = Seats(most)
    for number in range(3 * most):
        know(seats, number, "mighty", proved=True)
    assert arrive(seats, "late", "small")
    seats.heard("late", answered=True, proved=True)
    assert "late" in seats
    if most > 2:
        for number in range(3 * most):
            know(seats, f"more {number}", "mighty", proved=True)
        assert seats.rank_of("late") == "proved"


class Machine(RuleBasedStateMachine):
    """Anything that can happen, beside the plainest account of it."""

    def __init__(self) -> None:
        super().__init__()
        self.seats = Seats(7)
        self.networks: dict[int, int] = {}
        """Network by key, the longest silent first."""
        self.ranks: dict[int, int] = {}
        self.lines: list[int] = []
        """Those of all ranks in the order in which they were heard, or sank."""

    def _first_of_largest(self, rank: int) -> int:
        """The first in line of the network with the most of a rank; -1 where several have as many."""
        keys = [key for key in self.lines if self.ranks[key] == rank]
        sizes = {net: [self.networks[key] for key in keys].count(net) for net in map(self.networks.get, keys)}
        most = max(sizes.values())
        candidates = {net for net, size in sizes.items() if size == most}
        return next(key for key in keys if self.networks[key] in candidates) if len(candidates) == 1 else -1

    @rule(key=st.integers(0, 30), network=st.integers(0, 3))
    def newcomer(self, key: int, network: int) -> None:
        """Somebody comes; if all places are taken somebody new goes, of the network with the most new ones."""
        if key in self.networks:
            return
        if len(self.networks) == 7:
            weakest = self.seats.weakest(lambda item: True)
            assert weakest is not None, "a quarter of the places is never kept"
            assert self.ranks[weakest] == 0
            expected = self._first_of_largest(0)
            assert expected in (-1, weakest)
            self.leave(weakest)
        self.seats.add(key, network, key)
        self.networks[key], self.ranks[key] = network, 0
        self.lines.append(key)

    @precondition(lambda self: self.networks)
    @rule(data=st.data(), answered=st.booleans(), proved=st.booleans())
    def heard(self, data: st.DataObject, answered: bool, proved: bool) -> None:
        """Somebody speaks, and may rise; then one of the others may sink, by one rank too many."""
        key = data.draw(st.sampled_from(sorted(self.networks)))
        self.networks[key] = self.networks.pop(key)
        self.lines.append(self.lines.pop(self.lines.index(key)))
        self.ranks[key] = 2 if proved else max(self.ranks[key], int(answered))
        before = dict(self.ranks)
        self.seats.heard(key, answered=answered, proved=proved)
        now = {one: ("new", "known", "proved").index(self.seats.rank_of(one)) for one in self.ranks}
        sunk = [one for one in now if now[one] != before[one]]
        assert len(sunk) == (sum(rank > 0 for rank in before.values()) > self.seats.kept)
        for one in sunk:
            assert now[one] == 0
            assert before[one] == 1 or 1 not in before.values()
            assert self._first_of_largest(before[one]) in (-1, one)
            self.lines.append(self.lines.pop(self.lines.index(one)))
        self.ranks = now

    @precondition(lambda self: self.networks)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        """Somebody goes by itself."""
        self.leave(data.draw(st.sampled_from(sorted(self.networks))))

    def leave(self, key: int) -> None:
        self.seats.remove(key)
        del self.networks[key], self.ranks[key]
        self.lines.remove(key)

    @invariant()
    def accounts_agree(self) -> None:
        """Never more than there are, in the order of their silence, and some left to go."""
        assert self.seats.items() == list(self.networks)
        assert len(self.seats) <= 7
        assert self.seats.longest_silent() == next(iter(self.networks), None)
        assert sum(rank > 0 for rank in self.ranks.values()) <= self.seats.kept == 5


TestAnything = Machine.TestCase
TestAnything.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
