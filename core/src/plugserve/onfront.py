"""Engines whose place is the front itself: requests are handled on the server's own loop."""

from __future__ import annotations

from typing import Any

from .threaded import ThreadingMixIn

__all__ = ["OnFrontMixIn"]


class OnFrontMixIn(ThreadingMixIn):
    """Mix-in: coroutine and protocol handlers stay on the front; a classic one, which blocks, gets a thread once its
    client has spoken."""

    handles_on_front = True
    engine_place = "the server's own loop, a thread for a classic handler"

    @property
    def _core_stays_here(self) -> bool:
        return (
            type(self).process_request is OnFrontMixIn.process_request
            and "process_request" not in vars(self)
            and self._core_ends_plainly
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle one request here and now, as far as it goes without waiting."""
        c = self._core_requests.get(id(request))
        if self.handler_style == "classic" or c is None or c.front is None:
            super().process_request(request, client_address)
        else:
            c.front.advance(c)
