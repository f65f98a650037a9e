"""ANONYMOUS (RFC 4505): whoever comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugserve import Context, Identity
from plugserve_auth.errors import AuthenticationFailed

from .mechanism import Mechanism, Steps, Success

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["Anonymous"]


class Anonymous(Mechanism):
    """One message: a trace, such as an address of mail, which proves nothing and is not kept."""

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """Only where that is allowed."""
        return authenticator.anonymous

    def exchange(self, first: bytes | None) -> Steps:
        """One message of at most 255 characters (RFC 4505, section 2)."""
        trace = self.text(first if first is not None else (yield b""))
        if len(trace) > 255:
            raise AuthenticationFailed
        identity = Identity("anonymous", "anonymous")
        return Success(self.authenticator.accept("", identity, self.context))
