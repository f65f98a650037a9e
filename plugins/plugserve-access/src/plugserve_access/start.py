"""What the plugin says when a server starts: who is served, and what is surely not meant so."""

from __future__ import annotations

from typing import Any

from .rulebook import LOGGER, RuleBook

__all__ = ["announce"]


def announce(book: RuleBook, server: Any) -> None:
    """Log one line about who is served.

    It is a warning where the rules cannot be what was meant: nobody from outside is served although the server
    listens to the outside, or no Unix peer at all although it listens on a Unix socket.

    Parameters:
        book: the rules, loaded.
        server: the server that starts, bound.
    """
    transport = getattr(server, "transport", "tcp")
    address = getattr(server, "server_address", None)
    name = getattr(server, "listener_name", None) or address
    if not book.has_rules:
        # The listener's own address is as local as the peers that could reach it: ask the policy.
        said = LOGGER.info if book.policy.decide(address, transport).allowed else LOGGER.warning
        said(
            "access: %s: no rules, so only loopback and Unix peers are served; others need the option allow",
            _fit(name),
        )
    elif transport.startswith("unix") and not book.policy.decide("", transport).allowed:
        LOGGER.warning(
            "access: %s: %s; Unix peers are denied, and it has no other: add the rule unix to allow",
            _fit(name),
            book.summary(),
        )
    else:
        LOGGER.info("access: %s: %s; from %s", _fit(name), book.summary(), book.sources)


def _fit(name: object) -> str:
    return ascii(name)[1:-1] if isinstance(name, str) else ascii(name)
