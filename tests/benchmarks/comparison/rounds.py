"""Rounds of measurements, and what they say together."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from .measuring import Figures

__all__ = ["Rounds", "interleaved", "median", "ratio"]

Rounds = Mapping[str, Sequence[Figures]]
"""For each competitor its figures, one of each round."""


def interleaved(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Every competitor once a round, each round beginning with another one, so that none is always first or warm.

    Returns: pairs of the number of the round, from 0, and a name.
    """
    for number in range(rounds):
        start = number % len(names) if names else 0
        for name in [*names[start:], *names[:start]]:
            yield number, name


def median(results: Sequence[Figures], figure: Callable[[Figures], float | None]) -> float | None:
    """The median of one figure over all rounds; None where the workload does not give it."""
    values = [value for value in map(figure, results) if value is not None]
    return statistics.median(values) if values else None


def ratio(results: Rounds, name: str, base: str, figure: Callable[[Figures], float | None]) -> float | None:
    """The median of the ratios of each round: the speed of a machine drifts from round to round, for both alike.

    Returns: None where one of the two was not measured, or not in the same rounds.
    """
    mine, theirs = results.get(name, ()), results.get(base, ())
    if not mine or len(mine) != len(theirs):
        return None
    pairs = [(figure(left), figure(right)) for left, right in zip(mine, theirs, strict=True)]
    ratios = [left / right for left, right in pairs if left is not None and right]
    return statistics.median(ratios) if ratios else None
