"""Sun RPC (ONC RPC): XDR (RFC 4506), the RPC language and RPC version 2 (RFC 5531)."""

from __future__ import annotations

from .description import DescriptionError
from .loading import load
from .program import AsyncStub, Call, Procedure, Program, Reply, Stub
from .xdr import Packer, Unpacker, XDRError

__all__ = [
    "AsyncStub",
    "Call",
    "DescriptionError",
    "Packer",
    "Procedure",
    "Program",
    "Reply",
    "Stub",
    "Unpacker",
    "XDRError",
    "load",
]
