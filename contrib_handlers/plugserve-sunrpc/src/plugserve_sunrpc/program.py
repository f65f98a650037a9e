"""What the server base classes and client stubs of compiled descriptions stand on.

The transports are not here: a stub gets one from whoever makes it, a program is called by a server.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

from plugserve import PlugserveError

from .message import NO_AUTH, OpaqueAuth
from .xdr import Packer, Unpacker

__all__ = ["AsyncStub", "Call", "NoReply", "Procedure", "Program", "Reply", "Stub", "blocking"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Reply: TypeAlias = T | Awaitable[T]
"""What a program's method returns: the result, or, where it is `async def`, an awaitable of it."""


@dataclass(slots=True)
class Call:
    """What a program's method is told of the call besides its arguments.

    Attributes:
        program: the program's number.
        version: its version.
        procedure: the procedure's number.
        xid: the number by which the caller knows the reply.
        credential: who calls, as he says.
        identity: who calls, as the flavour of the credential has it: a `plugserve.Identity`; for AUTH_NONE that of the
            connection. None if nobody has said it. What it is worth is for the flavour's documentation to say.
        handler: what serves it; None for a call that came from no network.
    """

    program: int
    version: int
    procedure: int
    xid: int = 0
    credential: OpaqueAuth = NO_AUTH
    identity: Any = None
    handler: Any = field(default=None, repr=False)

    @property
    def client_address(self) -> Any:
        """The caller's address; None for a call that came from no network."""
        return None if self.handler is None else getattr(self.handler, "client_address", None)

    @property
    def context(self) -> Any:
        """The `plugserve.Context` of the connection or datagram; None for a call that came from no network."""
        return None if self.handler is None else self.handler.context


class NoReply(Exception):
    """Raised by a procedure: the call gets no reply, as with batched calls (RFC 5531, section 8.4.1)."""


def blocking(method: F) -> F:
    """Mark a program's method as one that blocks or computes for long, so that no loop stands still for it."""
    method.plugserve_blocks = True  # type: ignore[attr-defined]  # a function takes any attribute
    return method


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
    blocks: ClassVar[bool] = False
    """Whether all of its methods block, as `blocking` marks one. Those that are `async def` never need it."""
    idempotent: ClassVar[Collection[int]] = ()
    """Numbers of procedures that may be done twice: their replies over UDP are not kept, so that long ones do not push
    out those that matter."""


class Stub:
    """A client's side of a version of a program, blocking: `plugserve-rpcgen` writes a subclass with a method each."""

    program: ClassVar[int]
    """The program's number."""
    version: ClassVar[int]
    """The version's number."""

    def _call(self, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]) -> T:
        """Call a procedure and wait for its result.

        Parameters:
            procedure: its number.
            pack: packs the arguments.
            unpack: unpacks the result. Bytes after it are the transport's to refuse.
        """
        raise PlugserveError(f"{type(self).__name__} has nothing to call over: RPCClient(address).stub() makes one")


class AsyncStub:
    """The same, asynchronous."""

    program: ClassVar[int]
    """The program's number."""
    version: ClassVar[int]
    """The version's number."""

    async def _call(self, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], T]) -> T:
        """Call a procedure and await its result; the parameters are those of `Stub._call`."""
        raise PlugserveError(
            f"{type(self).__name__} has nothing to call over: AsyncRPCClient(address).stub() makes one"
        )
