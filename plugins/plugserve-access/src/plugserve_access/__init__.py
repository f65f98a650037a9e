"""Access control for plugserve: who may connect, by network, from lists in code or in files."""

from __future__ import annotations

from .plugin import Access
from .policy import Decision

__all__ = ["Access", "Decision"]
