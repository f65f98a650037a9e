"""What a call can come to, besides its results: an exception for each state of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from plugserve import PlugserveError

from .message import Accepted, AcceptStatus, AuthStatus, ReplyMessage
from .xdr import Unpacker

__all__ = [
    "AuthenticationRefused",
    "CallFailed",
    "CallTimeout",
    "ConnectionLost",
    "GarbageArguments",
    "ProcedureUnavailable",
    "ProgramMismatch",
    "ProgramUnavailable",
    "RPCError",
    "RPCMismatch",
    "SystemFailure",
    "TLSRefused",
    "results_of",
]

T = TypeVar("T")


class RPCError(PlugserveError):
    """The root: a call has no results."""


class CallTimeout(RPCError, TimeoutError):
    """No reply in time. Whether the procedure was done nobody knows."""


class ConnectionLost(RPCError, ConnectionError):
    """The connection was refused, or ended before the reply. Whether the procedure was done nobody knows."""


class TLSRefused(RPCError):
    """TLS was wanted, and the server does not offer it, or not for RPC. Nothing was called."""


class CallFailed(RPCError):
    """The server says that it did not do it, or that it failed."""


class ProgramUnavailable(CallFailed):
    """PROG_UNAVAIL: the server has no such program."""


class ProgramMismatch(CallFailed):
    """PROG_MISMATCH: it has no such version of it.

    Parameters:
        low, high: the lowest and highest that it has.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__(f"the server has versions {low} to {high} of the program")
        self.low = low
        self.high = high


class ProcedureUnavailable(CallFailed):
    """PROC_UNAVAIL: the program has no such procedure."""


class GarbageArguments(CallFailed):
    """GARBAGE_ARGS: the server cannot make sense of the arguments."""


class SystemFailure(CallFailed):
    """SYSTEM_ERR: the procedure failed at the server."""


class RPCMismatch(CallFailed):
    """RPC_MISMATCH: the server speaks another version of RPC.

    Parameters:
        low, high: the lowest and highest that it speaks.
    """

    def __init__(self, low: int, high: int) -> None:
        super().__init__(f"the server speaks versions {low} to {high} of RPC")
        self.low = low
        self.high = high


class AuthenticationRefused(CallFailed):
    """AUTH_ERROR.

    Parameters:
        status: why.
    """

    def __init__(self, status: AuthStatus) -> None:
        super().__init__(f"the server refuses the credential: {status.name}")
        self.status = status


_ACCEPTED = {
    AcceptStatus.PROG_UNAVAIL: (ProgramUnavailable, "the server has no such program"),
    AcceptStatus.PROC_UNAVAIL: (ProcedureUnavailable, "the program has no such procedure"),
    AcceptStatus.GARBAGE_ARGS: (GarbageArguments, "the server cannot make sense of the arguments"),
    AcceptStatus.SYSTEM_ERR: (SystemFailure, "the procedure failed at the server"),
}


def results_of(reply: ReplyMessage, unpack: Callable[[Unpacker], T]) -> T:
    """The results that a reply has.

    Parameters:
        reply: as it was read.
        unpack: unpacks them; nothing may be left.
    Raises: `CallFailed` by the reply's state; `XDRError` for results that are not what the description says.
    """
    if isinstance(reply, Accepted):
        if reply.status is AcceptStatus.SUCCESS:
            unpacker = Unpacker(reply.results)
            results = unpack(unpacker)
            unpacker.done()
            return results
        if reply.status is AcceptStatus.PROG_MISMATCH:
            raise ProgramMismatch(reply.low, reply.high)
        kind, text = _ACCEPTED[reply.status]
        raise kind(text)
    if reply.auth:
        raise AuthenticationRefused(reply.auth)
    raise RPCMismatch(reply.low, reply.high)
