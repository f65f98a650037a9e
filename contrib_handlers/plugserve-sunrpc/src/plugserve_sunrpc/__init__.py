"""Sun RPC (ONC RPC): XDR (RFC 4506), the RPC language and RPC version 2 (RFC 5531)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .auth import AuthenticationFailed, Flavour, SysCredential
from .description import DescriptionError
from .failures import (
    AuthenticationRefused,
    CallFailed,
    CallTimeout,
    ConnectionLost,
    GarbageArguments,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    RPCError,
    RPCMismatch,
    SystemFailure,
    TLSRefused,
)
from .handler import RPCHandler, rpc_handler
from .loading import load
from .message import AcceptStatus, AuthStatus, OpaqueAuth
from .program import AsyncStub, Call, NoReply, Procedure, Program, Reply, Stub, blocking
from .xdr import Packer, Unpacker, XDRError

if TYPE_CHECKING:
    from .async_client import AsyncRPCClient
    from .client import Pending, RPCClient
    from .client_auth import ClientAuth, ClientSys
    from .client_tls import ClientTLS

__all__ = [
    "AcceptStatus",
    "AsyncRPCClient",
    "AsyncStub",
    "AuthStatus",
    "AuthenticationFailed",
    "AuthenticationRefused",
    "Call",
    "CallFailed",
    "CallTimeout",
    "ClientAuth",
    "ClientSys",
    "ClientTLS",
    "ConnectionLost",
    "DescriptionError",
    "Flavour",
    "GarbageArguments",
    "NoReply",
    "OpaqueAuth",
    "Packer",
    "Pending",
    "Procedure",
    "ProcedureUnavailable",
    "Program",
    "ProgramMismatch",
    "ProgramUnavailable",
    "RPCClient",
    "RPCError",
    "RPCHandler",
    "RPCMismatch",
    "Reply",
    "Stub",
    "SysCredential",
    "SystemFailure",
    "TLSRefused",
    "Unpacker",
    "XDRError",
    "blocking",
    "load",
    "rpc_handler",
]

# A server needs none of them, and one of them needs asyncio.
_CLIENTS = {
    "AsyncRPCClient": "async_client",
    "ClientAuth": "client_auth",
    "ClientSys": "client_auth",
    "ClientTLS": "client_tls",
    "Pending": "client",
    "RPCClient": "client",
}


def __getattr__(name: str) -> Any:
    room = _CLIENTS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{room}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLIENTS})
