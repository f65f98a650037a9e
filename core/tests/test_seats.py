"""Who has a session: the rule, against a model and against floods."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plugserve.seats import Seats


def _always(item: Any) -> bool:
    return True


def _come(seats: Seats, key: Any, network: Any) -> bool:
    """A peer sends a datagram: whether it has a session then."""
    if seats.find(key) is not None:
        return True
    if len(seats) >= seats.most:
        weakest = seats.weakest(_always)
        if weakest is None:
            return False
        seats.remove(weakest)
    seats.add(key, network, key)
    return True


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["come", "answer", "prove", "leave"]), st.integers(0, 40), st.integers(0, 3)),
    max_size=300,
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 12), ACTIONS)
def test_there_are_never_more_than_the_cap_nor_more_safe_ones_than_their_share(most: int, actions: Any) -> None:
    """Whatever peers do; and what the table says of itself stays true."""
    seats = Seats(most)
    networks: dict[int, int] = {}
    for action, key, network in actions:
        if action == "come":
            had = seats.find(key) is not None
            if _come(seats, key, network) and not had:
                networks[key] = network
        elif seats.find(key) is not None:
            if action == "leave":
                seats.remove(key)
            else:
                seats.heard(key, answered=True, proved=action == "prove")
        ranks = [seats.rank_of(item) for item in seats.items()]
        assert len(seats) <= most
        assert len(ranks) - ranks.count("new") <= seats.kept
        new: dict[int, int] = {}
        for item in seats.items():
            if seats.rank_of(item) == "new":
                new[networks[item]] = new.get(networks[item], 0) + 1
        weakest = seats.weakest(_always)
        assert (weakest is None) == (not new)
        if weakest is not None:
            assert new[networks[weakest]] == max(new.values())


def test_a_flood_of_addresses_takes_no_session_from_who_has_answered() -> None:
    """Ten thousand newcomers displace each other."""
    seats = Seats(100)
    for number in range(50):
        assert _come(seats, ("known", number), "here")
        seats.heard(("known", number), answered=True)
    for number in range(10_000):
        assert _come(seats, ("flood", number), number % 97)
    assert all(seats.find(("known", number)) is not None for number in range(50))
    assert len(seats) == 100


def test_one_network_cannot_keep_the_others_out() -> None:
    """It is from the one with the most newcomers that somebody has to go."""
    seats = Seats(100)
    for number in range(100):
        assert _come(seats, ("loud", number), "loud")
    for number in range(40):
        assert _come(seats, ("quiet", number), ("quiet", number))
        for more in range(5):
            _come(seats, ("loud", number, more), "loud")
    assert all(seats.find(("quiet", number)) is not None for number in range(40))


def test_who_answers_from_many_addresses_cannot_lock_everybody_else_out() -> None:
    """A quarter is never theirs, and those who proved who they are stay longer than those who only answered."""
    seats = Seats(100)
    for number in range(30):
        _come(seats, ("proved", number), ("proved", number))
        seats.heard(("proved", number), answered=True, proved=True)
    for number in range(1000):
        _come(seats, ("answers", number), "answers")
        seats.heard(("answers", number), answered=True)
    assert all(seats.rank_of(("proved", number)) == "proved" for number in range(30))
    assert _come(seats, "a newcomer", "elsewhere")


def test_who_is_in_the_middle_of_something_does_not_have_to_go() -> None:
    """Among the first that are looked at; if all are, the newcomer is refused."""
    seats = Seats(4)
    for number in range(4):
        _come(seats, number, "here")
    assert seats.weakest(lambda item: item != 0) == 1
    assert seats.weakest(lambda item: False) is None


def test_who_was_heard_last_goes_last() -> None:
    """Of those of one network."""
    seats = Seats(3)
    for number in range(3):
        _come(seats, number, "here")
    seats.heard(0, answered=False)
    assert seats.weakest(_always) == 1
