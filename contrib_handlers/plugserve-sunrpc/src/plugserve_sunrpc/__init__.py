"""Sun RPC (ONC RPC): XDR (RFC 4506), the RPC language and RPC version 2 (RFC 5531)."""

from __future__ import annotations

from .auth import AuthenticationFailed, Flavour, SysCredential
from .description import DescriptionError
from .handler import RPCHandler, rpc_handler
from .loading import load
from .message import AcceptStatus, AuthStatus, OpaqueAuth
from .program import AsyncStub, Call, NoReply, Procedure, Program, Reply, Stub, blocking
from .xdr import Packer, Unpacker, XDRError

__all__ = [
    "AcceptStatus",
    "AsyncStub",
    "AuthStatus",
    "AuthenticationFailed",
    "Call",
    "DescriptionError",
    "Flavour",
    "NoReply",
    "OpaqueAuth",
    "Packer",
    "Procedure",
    "Program",
    "RPCHandler",
    "Reply",
    "Stub",
    "SysCredential",
    "Unpacker",
    "XDRError",
    "blocking",
    "load",
    "rpc_handler",
]
