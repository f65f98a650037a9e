"""Access and error log for plugserve: one line a request, for people on a terminal and as JSON elsewhere."""

from __future__ import annotations

from .plugin import Log

__all__ = ["Log"]
