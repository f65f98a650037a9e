"""OAUTHBEARER (RFC 7628): a token, as HTTP has it behind `Bearer`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plugserve import Context
from plugserve_auth.errors import AuthenticationFailed, NotAuthorized, TooManyAttempts
from plugserve_auth.stores.tokens import TOKEN_LIMIT

from .mechanism import Mechanism, Steps, Success

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = ["OAuthBearer"]

# RFC 7628, section 3.1. There is no channel binding with it, so that the flag `p` means nothing.
_MESSAGE: Final = re.compile(
    r"[ny],(?:a=(?P<authzid>[^,\x01]+))?,\x01(?P<pairs>(?:[A-Za-z]+=[\x09\x0a\x0d\x20-\x7e]*\x01)*)\x01"
)
_ROOM: Final = 1024
"""Bytes for what stands besides the token."""

_WHY: Final = b'{"status":"invalid_token"}'


class OAuthBearer(Mechanism):
    """One message. Who fails is told why, in JSON, and has to answer with a byte before the end (section 3.2.3)."""

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """Only where nobody can read along, unless that is allowed."""
        return authenticator.checks_tokens and authenticator.takes_secrets(context)

    def exchange(self, first: bytes | None) -> Steps:
        """One message, and after a failure the client's acknowledgement."""
        wanted, token = _parsed(first if first is not None else (yield b""))
        try:
            identity = self.authenticator.check_token(token, self.context)
        except (TooManyAttempts, NotAuthorized):
            raise
        except AuthenticationFailed:
            yield _WHY
            raise
        self.only_oneself(wanted, identity)
        return Success(identity)


def _parsed(message: bytes) -> tuple[str, str]:
    """The authorization identity and the token. Errors: `AuthenticationFailed`."""
    if len(message) > TOKEN_LIMIT + _ROOM:
        raise AuthenticationFailed
    try:
        found = _MESSAGE.fullmatch(message.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise AuthenticationFailed
    given = [pair[5:] for pair in found["pairs"].split("\x01") if pair[:5].lower() == "auth="]
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip(" "):
        raise AuthenticationFailed
    return (found["authzid"] or "").replace("=2C", ",").replace("=3D", "="), token.strip(" ")
