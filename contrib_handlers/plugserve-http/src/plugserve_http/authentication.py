"""Who sends a request: HTTP's Basic (RFC 7617) and Bearer (RFC 6750), asked of the listener's authenticator.

Which plugin that is, is not known here: `context.authenticator` checks passwords and tokens, in its lanes `hashing` and
`asking`, and what it raises, a `PeerError`, says with `proved`, `retry_after` and `busy` what is to be answered.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NoReturn

from plugserve import Connection, Context, Lane
from plugserve.errors import PeerError

from .protocol import Request
from .refusal import Refusal

__all__ = ["Gate"]

_REMEMBERED: Final = 60.0
"""Seconds for which the same credentials on the same connection are not checked again: a page has many files, and each
check of a password costs as much as many of them."""

_KEY: Final = os.urandom(32)


class Gate:
    """Lets the requests of one connection through.

    Parameters:
        connection: of the requests.
        context: of the same.
        wanted: the option `authenticate`.
    """

    def __init__(self, connection: Connection, context: Context, wanted: bool | str) -> None:
        self._connection = connection
        self._context = context
        self._wanted = wanted
        self._before = connection.identity
        self._known: tuple[bytes, Any, float] = (b"", None, 0.0)

    async def admit(self, request: Request) -> Request:
        """The request, without its credentials, if its sender may come in; its identity is then the connection's.

        Errors: `Refusal`.
        """
        authenticator = self._context.authenticator
        if authenticator is None and isinstance(self._wanted, str):
            raise Refusal(500, "nobody here can tell who you are")
        if authenticator is None or not self._wanted or authenticator.settled:
            return request
        self._connection.identity = self._before
        self._connection.identity = await self._identity(authenticator, request)
        return replace(request, headers=tuple(field for field in request.headers if field[0] != "authorization"))

    async def _identity(self, authenticator: Any, request: Request) -> Any:
        given = request.all("authorization")
        if len(given) > 1:
            raise Refusal(400, "there is more than one Authorization")
        if not given:
            if authenticator.checks_peers:
                try:
                    return await self._connection.offload(
                        authenticator.check_peer, self._context, lane=_lane(authenticator, "asking")
                    )
                except PeerError as error:
                    self._fail(authenticator, error)
            self._ask(authenticator)
        if not authenticator.takes_secrets(self._context):
            raise Refusal(403, "credentials are taken on encrypted connections only")
        digest = hmac.digest(_KEY, given[0].encode("latin-1"), "sha256")
        seen, identity, until = self._known
        now = self._connection.server.clock()
        if now < until and hmac.compare_digest(digest, seen):
            return identity
        lane, check = self._check(authenticator, given[0])
        try:
            identity = await self._connection.offload(check, lane=lane)
        except PeerError as error:
            self._fail(authenticator, error, token=_is_token(given[0]))
        self._known = (digest, identity, now + _REMEMBERED)
        return identity

    def _check(self, authenticator: Any, given: str) -> tuple[Lane | None, Callable[[], Any]]:
        """What has to be called to check an `Authorization`, and in which lane. Errors: `Refusal`."""
        scheme, _, rest = given.partition(" ")
        rest = rest.strip(" ")
        if scheme.lower() == "bearer" and authenticator.checks_tokens:
            return _lane(authenticator, "asking"), lambda: authenticator.check_token(rest, self._context)
        if scheme.lower() == "basic" and authenticator.checks_passwords:
            try:
                name, colon, password = base64.b64decode(rest, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                colon = ""
            if colon:
                ask = authenticator.check_password
                return _lane(authenticator, "hashing"), lambda: ask(name, password, self._context, method="basic")
        self._ask(authenticator)

    def _fail(self, authenticator: Any, error: PeerError, *, token: bool = False) -> NoReturn:
        seconds = getattr(error, "retry_after", None)
        if seconds is not None:
            later = [("Retry-After", str(math.ceil(seconds)))]
            if getattr(error, "busy", False):
                # RFC 9110, section 15.6.4: it is not this client's doing.
                raise Refusal(503, "credentials cannot be checked now", later) from None
            # RFC 6585, section 4.
            raise Refusal(429, "too many attempts", later) from None
        if getattr(error, "proved", False):
            raise Refusal(403, "this is not for you") from None
        self._ask(authenticator, token=token)

    def _ask(self, authenticator: Any, *, token: bool = False) -> NoReturn:
        if not (authenticator.checks_tokens or authenticator.checks_passwords):
            # RFC 9110, section 15.5.2: a 401 says what to come with, and here nothing that HTTP has would help.
            raise Refusal(403, "this is not for you") from None
        if not authenticator.takes_secrets(self._context):
            # No challenge: a client that answered it would send its password in clear.
            raise Refusal(403, "credentials are taken on encrypted connections only") from None
        realm = self._wanted if isinstance(self._wanted, str) else "plugserve"
        realm = realm.replace("\\", "\\\\").replace('"', '\\"')
        challenges = []
        if authenticator.checks_tokens:
            # RFC 6750, section 3.1: a client without a token is told nothing, one with a bad one to get another.
            why = ', error="invalid_token"' if token else ""
            challenges.append(("WWW-Authenticate", f'Bearer realm="{realm}"{why}'))
        if authenticator.checks_passwords:
            challenges.append(("WWW-Authenticate", f'Basic realm="{realm}", charset="UTF-8"'))
        raise Refusal(401, "say who you are", challenges) from None


def _is_token(given: str) -> bool:
    return given[:7].lower() == "bearer "


def _lane(authenticator: Any, name: str) -> Lane | None:
    """In which an authenticator wants its work done, if it says so."""
    lane: Lane | None = getattr(authenticator, name, None)
    return lane
