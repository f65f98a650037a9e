"""What compiled descriptions need to make many small objects quickly."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, ParamSpec, TypeVar, cast

from .xdr import Packer, Unpacker

__all__ = ["PackingFailure", "UnpackingFailure", "maker", "members", "pack_nothing", "unpack_nothing"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)

PackingFailure: Final = (struct.error, AttributeError, TypeError, ValueError, OverflowError, RecursionError)
"""What Python raises where a value is not of the type, or not in the range, that the description gives."""

UnpackingFailure: Final = (struct.error, RecursionError)
"""What Python raises where the data ends too early, or where one's own limit of depth is beyond Python's."""


def maker(cls: Callable[P, T]) -> Callable[P, T]:
    """A function that does what calling a frozen dataclass with slots does, several times as fast.

    The constructor of a frozen dataclass sets each field through `object.__setattr__`, which for a dozen fields costs
    more than all the rest of unpacking them. The function fills an object of a class with the same slots that is not
    frozen, and then gives it the class that it is to have. Nobody has seen the object before that.

    Parameters:
        cls: a dataclass, frozen, with slots, without bases and `__post_init__`.
    """
    names = cast("Any", cls).__slots__
    twin = type("Twin", (), {"__slots__": names})
    lines = [f"def make({', '.join(names)}):", " made = twin()"]
    lines += [f" made.{name} = {name}" for name in names]
    lines += [" made.__class__ = cls", " return made"]
    scope: dict[str, Any] = {"twin": twin, "cls": cls}
    # Field names are Python names: the dataclass would not have been made with others.
    exec("\n".join(lines), scope)
    return cast("Callable[P, T]", scope["make"])


def members(cls: type[E]) -> dict[int, E]:
    """The members of an enum by their ints, aliases aside."""
    return {int(member): member for member in cls}


def pack_nothing(packer: Packer, value: None = None) -> None:
    """Pack void."""
    if value is not None:
        packer.wrong("no value", value)


def unpack_nothing(unpacker: Unpacker) -> None:
    """Unpack void."""
