"""The plugin: its options, and where in the life of a request it votes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plugserve import BaseServer, Context, hookimpl

from .policy import Decision
from .rulebook import RuleBook
from .start import announce

__all__ = ["Access"]


class Access:
    """Decides by address who may connect.

    The rule of the most specific network wins; of two rules for the same network, the denial. Without any rules, only
    loopback and Unix peers are served; with deny rules only, everybody else; with any allow rule, nobody else.

    A rule is an address (`192.0.2.7`, `2001:db8::1`), a network (`192.0.2.0/24`), `unix` (all Unix peers), `vsock` (all
    vsock peers) or `vsock:CID`. An IPv4-mapped address is the IPv4 address in it. Names are never looked up.

    Parameters:
        allow: rules for peers that are served.
        deny: rules for peers that are refused.
        allow_file: a file of allow rules, one a line, `#` for comments; read again when it changes.
        deny_file: a file of deny rules, likewise.

    Errors: `ConfigurationError` for a rule that cannot be understood; at the server's start, for a file.
    """

    plugin_name = "access"

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        allow_file: str | Path | None = None,
        deny_file: str | Path | None = None,
    ) -> None:
        self._book = RuleBook(allow, deny, allow_file, deny_file)

    @hookimpl
    def server_activate(self, server: BaseServer) -> None:
        """Read the files, and say in the log what holds."""
        self._book.load()
        announce(self._book, server)

    @hookimpl
    def verify_request(self, client_address: Any, context: Context) -> bool:
        """Vote on the peer."""
        return self._book.policy.allows(client_address, context)

    @hookimpl
    def authorize(self, client_address: Any, context: Context) -> bool | None:
        """Vote on the real client, where a layer has found that it is not the peer."""
        if client_address == context.peer_address:
            return None
        return self._book.policy.allows(client_address, context)

    @hookimpl
    def service_actions(self) -> None:
        """Read the files again if they have changed."""
        self._book.refresh()

    def explain(self, client_address: Any, transport: str = "tcp") -> Decision:
        """What would be decided about a peer now, and by which rule; its `str` is a sentence.

        Parameters:
            client_address: as the socket module gives it, such as `("192.0.2.7", 4711)`.
            transport: as `Context.transport` has it.
        """
        return self._book.policy.decide(client_address, transport)
