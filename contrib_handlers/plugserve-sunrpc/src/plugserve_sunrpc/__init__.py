"""Sun RPC (ONC RPC): XDR (RFC 4506), the RPC language and RPC version 2 (RFC 5531)."""

from __future__ import annotations

from .xdr import Packer, Unpacker, XDRError

__all__ = ["Packer", "Unpacker", "XDRError"]
