"""What the server base classes and client stubs of compiled descriptions stand on.

The transports are not here: a stub gets one from whoever makes it, a program is called by a server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, TypeVar

from .xdr import Packer, Unpacker

__all__ = ["AsyncStub", "Call", "Procedure", "Program", "Reply", "Stub"]

T = TypeVar("T")

Reply: TypeAlias = T | Awaitable[T]
"""What a program's method returns: the result, or, where it is `async def`, an awaitable of it."""


@dataclass(slots=True)
class Call:
    """What a program's method is told of the call besides its arguments: which program, version and procedure."""

    program: int
    version: int
    procedure: int


@dataclass(frozen=True, slots=True)
class Procedure:
    """A row of a program's table.

    Attributes:
        method: the name of the method that does it.
        unpack: unpacks the arguments, as a tuple.
        pack: packs the result: `pack(packer, result)`.
    """

    method: str
    unpack: Callable[[Unpacker], tuple[Any, ...]]
    pack: Callable[[Packer, Any], object]


class Program(ABC):
    """A version of a program, as a server has it. `plugserve-rpcgen` writes a subclass with a method a procedure."""

    number: ClassVar[int]
    """The program's number."""
    version: ClassVar[int]
    """The version's number."""
    name: ClassVar[str]
    """The program's name in the description."""
    procedures: ClassVar[Mapping[int, Procedure]]
    """The procedures by number."""


class Stub(ABC):
    """A client's side of a version of a program, blocking: `plugserve-rpcgen` writes a subclass with a method each."""

    program: ClassVar[int]
    """The program's number."""
    version: ClassVar[int]
    """The version's number."""

    @abstractmethod
    def _call(self, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]) -> T:
        """Call a procedure and wait for its result.

        Parameters:
            procedure: its number.
            pack: packs the arguments.
            unpack: unpacks the result. Bytes after it are the transport's to refuse.
        """


class AsyncStub(ABC):
    """The same, asynchronous."""

    program: ClassVar[int]
    """The program's number."""
    version: ClassVar[int]
    """The version's number."""

    @abstractmethod
    async def _call(self, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]) -> T:
        """Call a procedure and await its result; the parameters are those of `Stub._call`."""
