"""EXTERNAL (RFC 4422, appendix A): the client is who its certificate, or its process, says that it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plugserve import Context

from .mechanism import Mechanism, Steps, Success

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["External"]


class External(Mechanism):
    """One message: the authorization identity, or nothing."""

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """Only to clients with a certificate or on a Unix socket."""
        there = context.identity is not None or context.peer_credentials is not None
        return authenticator.checks_peers and there

    def exchange(self, first: bytes | None) -> Steps:
        """One message."""
        wanted = self.text(first if first is not None else (yield b""))
        identity = self.authenticator.check_peer(self.context)
        self.only_oneself(wanted, identity)
        return Success(replace(identity, method="external"))
