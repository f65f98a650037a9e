"""NFS version 3 and MOUNT version 3 for plugserve (RFC 1813)."""

from __future__ import annotations

from .handler import NFSHandler

__all__ = ["NFSHandler"]
