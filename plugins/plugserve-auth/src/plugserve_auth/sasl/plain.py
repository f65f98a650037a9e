"""PLAIN (RFC 4616): name and password in one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugserve import Context, Lane
from plugserve_auth.errors import AuthenticationFailed

from .mechanism import Mechanism, Steps, Success

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["Plain"]


class Plain(Mechanism):
    """`[authzid] NUL authcid NUL passwd`."""

    @property
    def lane(self) -> Lane:
        """It is a password that is checked."""
        return self.authenticator.hashing

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """Only where nobody can read along, unless that is allowed."""
        return authenticator.checks_passwords and authenticator.takes_secrets(context)

    def exchange(self, first: bytes | None) -> Steps:
        """One message."""
        message = first if first is not None else (yield b"")
        parts = message.split(b"\0")
        if len(parts) != 3:
            raise AuthenticationFailed
        wanted, name, password = (self.text(part) for part in parts)
        identity = self.authenticator.check_password(name, password, self.context, method="plain")
        self.only_oneself(wanted, identity)
        return Success(identity)
