"""How a client's input is cut into pieces."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["BYTE_BY_BYTE", "WHOLE", "Cutting", "at_random", "cut_in_two"]


@dataclass(frozen=True)
class Cutting:
    """One way to cut.

    Attributes:
        name: for people.
        place: the offset in the client's whole input at which it is cut in two; None: not there.
        seed: of random places; None: none.
        each: whether every byte is a piece.
    """

    name: str
    place: int | None = None
    seed: int | None = None
    each: bool = False

    def pieces(self, data: bytes, offset: int) -> Iterator[bytes]:
        """The pieces of a part of the client's input.

        Parameters:
            data: that part.
            offset: how many bytes of input went before it.
        """
        places: list[int] = []
        if self.each:
            places = list(range(1, len(data)))
        elif self.place is not None:
            places = [self.place - offset] if 0 < self.place - offset < len(data) else []
        elif self.seed is not None and len(data) > 1:
            choice = random.Random(f"{self.seed} {offset}")
            places = sorted(choice.sample(range(1, len(data)), min(choice.randint(1, 8), len(data) - 1)))
        start = 0
        for place in [*places, len(data)]:
            if data[start:place]:
                yield data[start:place]
            start = place


WHOLE: Final = Cutting("whole")
"""All at once."""
BYTE_BY_BYTE: Final = Cutting("bytes", each=True)
"""Each byte a piece of its own."""


def cut_in_two(place: int) -> Cutting:
    """Cut once, at this offset."""
    return Cutting(f"cut{place}", place=place)


def at_random(seed: int) -> Cutting:
    """Cut each part of the input at one to eight places; the same ones each time."""
    return Cutting(f"random{seed}", seed=seed)
