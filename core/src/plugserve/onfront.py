"""Engines whose place is the front itself: requests are handled on the server's own loop."""

from __future__ import annotations

from typing import Any

from .threaded import ThreadingMixIn

__all__ = ["OnFrontMixIn"]


class OnFrontMixIn(ThreadingMixIn):
    """Mix-in: coroutine and protocol handlers stay on the front; a classic one, which blocks, gets a thread once its
    client has spoken."""

    handles_on_front = True

    sessions: int | None = None
    """Of a datagram server: one handler for all datagrams of a peer, and how many peers have one at the most. None: a
    handler for each datagram."""
    session_idle: float = 60.0
    """Seconds without a datagram after which a session ends."""
    engine_place = "the server's own loop, a thread for a classic handler"

    @classmethod
    def check_engine_options(cls, *, sessions: int | None = None, session_idle: float = 60.0, **others: Any) -> None:
        """Refuse a number of sessions, or an idle time, that makes no sense.

        Errors: `ConfigurationError`.
        """
        if sessions is not None:
            from .sessions import check_options

            check_options(sessions, session_idle)
        super().check_engine_options(**others)

    @classmethod
    def _core_check_handler(cls, handler: Any) -> None:
        super()._core_check_handler(handler)
        if isinstance(cls.sessions, int):
            from .sessions import check_handler

            check_handler(handler)

    def _core_set_policies(self) -> None:
        super()._core_set_policies()
        self._core_sessions = None
        # Anything else of this name is a program's own.
        if isinstance(self.sessions, int):
            from .sessions import make_sessions

            self._core_sessions = make_sessions(self, self.sessions, self.session_idle)

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
