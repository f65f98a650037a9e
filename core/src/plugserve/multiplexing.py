"""The engine `multiplexing`: all requests in one thread, each handled as far as it goes without waiting.

What the original module's text called "maintain an explicit table of partially finished requests and use select() to
decide which request to work on next": the table is `server.requests()`, `select` is the best such call of the platform.
"""

from __future__ import annotations

from typing import Any, Literal

from .onfront import OnFrontMixIn
from .poller import make_poller

__all__ = ["MultiplexingMixIn"]


class MultiplexingMixIn(OnFrontMixIn):
    """Mix-in: one thread serves all requests of coroutine and protocol handlers, and waits for whichever is ready.

    With these handlers no thread and no process is started at all. A classic handler blocks, so it gets a thread, once
    its first bytes are there: at once if it says `speaks_first = True`, after 0.1 s if it does not say.

    A handler that computes for long holds the others up: `await self.connection.offload(function)` runs it beside.
    """

    engine_name = "multiplexing"
    engine_options = ("poller", "max_threads", "daemon_threads", "block_on_close")

    poller: Literal["auto", "epoll", "kqueue", "poll", "select"] = "auto"
    """The system call to wait with; `auto` is the best that the platform has."""

    @classmethod
    def check_engine_options(cls, *, poller: str = "auto", **others: Any) -> None:
        """Refuse a system call that this platform has not, and too few threads for classic handlers.

        Errors: `ConfigurationError`.
        """
        make_poller(poller).close()
        super().check_engine_options(**others)

    def _core_make_poller(self) -> Any:
        return make_poller(self.poller, urgent=self._core_watches_urgent)
