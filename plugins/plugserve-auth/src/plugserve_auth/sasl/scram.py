"""SCRAM (RFC 5802, 7677), with and without the binding to the TLS channel below (RFC 5929, `tls-server-end-point`).

What the server keeps is no password, and what goes over the wire is of no use to who reads it. An unknown name is
answered like a known one: with a salt that is the same each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from plugserve import Context
from plugserve_auth.errors import AuthenticationFailed
from plugserve_auth.saslprep import saslprep

from .mechanism import Mechanism, Steps, Success

if TYPE_CHECKING:
    from plugserve_auth.authenticator import Authenticator

__all__ = [
    "BINDING",
    "Scram",
    "ScramSha1",
    "ScramSha1Plus",
    "ScramSha256",
    "ScramSha256Plus",
    "ScramSha512",
    "ScramSha512Plus",
]

BINDING: Final = "tls-server-end-point"
"""The one kind of channel binding: `tls-unique` does not exist in TLS 1.3, and Python's `ssl` has no `tls-exporter`."""

# RFC 5802, section 7. A nonce is of printable ASCII without commas.
_FIRST: Final = re.compile(r"(?P<gs2>(?P<flag>n|y|p=(?P<kind>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>[^,]*))?,)(?P<bare>.*)")
_BARE: Final = re.compile(r"n=(?P<name>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,[A-Za-z]=[^,]+)*")
_FINAL: Final = re.compile(
    r"(?P<unsigned>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)(?:,[A-Za-z]=[^,]+)*),p=(?P<proof>[A-Za-z0-9+/=]+)"
)


class _First(NamedTuple):
    header: str
    bare: str
    flag: str
    kind: str | None
    wanted: str
    name: str
    nonce: str


class Scram(Mechanism):
    """Four messages. Subclasses say which hash, and whether the channel is bound."""

    hash_name: ClassVar[str]
    binds: ClassVar[bool] = False

    @classmethod
    def offered(cls, authenticator: Authenticator, context: Context) -> bool:
        """-PLUS only where the channel can be bound."""
        return authenticator.checks_scram and (not cls.binds or _binding(context) is not None)

    def make_nonce(self) -> str:
        """The server's part of the nonce. Overridden in tests."""
        return secrets.token_urlsafe(24)

    def exchange(self, first: bytes | None) -> Steps:
        """Client first, server first, client final; server final goes with the success."""
        opening = self._parse_first(self.text(first or (yield b"")))
        self.authenticator.refuse_hasty(opening.name, self.context)
        keys = self.authenticator.scram_keys(opening.name, self.hash_name)
        nonce = opening.nonce + self.make_nonce()
        challenge = f"r={nonce},s={base64.b64encode(keys.salt).decode()},i={keys.iterations}"
        answer = self.text((yield challenge.encode()))
        # Asked again: many exchanges may have begun at the same time.
        self.authenticator.refuse_hasty(opening.name, self.context)
        found = _FINAL.fullmatch(answer)
        if found is None or found["nonce"] != nonce or _decoded(found["binding"]) != self._expected(opening):
            raise self._failed(opening)
        message = f"{opening.bare},{challenge},{found['unsigned']}".encode()
        signature = hmac.digest(keys.stored_key, message, self.hash_name)
        proof = _decoded(found["proof"])
        if len(proof) != len(signature):
            raise self._failed(opening)
        client_key = bytes(left ^ right for left, right in zip(proof, signature, strict=True))
        right = hmac.compare_digest(hashlib.new(self.hash_name, client_key).digest(), keys.stored_key)
        if not right or keys.identity is None:
            raise self._failed(opening)
        identity = replace(keys.identity, method=self.name.lower())
        self.only_oneself(opening.wanted, identity)
        identity = self.authenticator.accept(opening.name, identity, self.context)
        verifier = base64.b64encode(hmac.digest(keys.server_key, message, self.hash_name))
        return Success(identity, b"v=" + verifier)

    def _parse_first(self, message: str) -> _First:
        outer = _FIRST.fullmatch(message)
        inner = _BARE.fullmatch(outer["bare"]) if outer is not None else None
        if outer is None or inner is None:
            raise AuthenticationFailed
        try:
            name, wanted = saslprep(_plain_name(inner["name"])), _plain_name(outer["authzid"] or "")
        except ValueError:
            raise AuthenticationFailed from None
        if not name or len(name) > 255:
            raise AuthenticationFailed
        flag = outer["flag"][0]
        if (flag == "p") != self.binds or (self.binds and outer["kind"] != BINDING):
            raise AuthenticationFailed
        if flag == "y" and any(name.startswith("SCRAM-") and name.endswith("-PLUS") for name in self.offered_names):
            # RFC 5802, section 6: the client saw no -PLUS of any hash, so somebody in between has taken it out of our
            # offer.
            raise AuthenticationFailed
        return _First(outer["gs2"], outer["bare"], flag, outer["kind"], wanted, name, inner["nonce"])

    def _expected(self, opening: _First) -> bytes:
        bound = (_binding(self.context) or b"") if self.binds else b""
        if self.binds and not bound:
            raise AuthenticationFailed
        return opening.header.encode() + bound

    def _failed(self, opening: _First) -> AuthenticationFailed:
        self.authenticator.count_failure(opening.name, self.context)
        return AuthenticationFailed()


class ScramSha1(Scram):
    """SCRAM-SHA-1 (RFC 5802)."""

    hash_name = "sha1"


class ScramSha256(Scram):
    """SCRAM-SHA-256 (RFC 7677)."""

    hash_name = "sha256"


class ScramSha512(Scram):
    """SCRAM-SHA-512, as draft-melnikov-scram-sha-512 has it."""

    hash_name = "sha512"


class ScramSha1Plus(ScramSha1):
    """SCRAM-SHA-1-PLUS."""

    binds = True


class ScramSha256Plus(ScramSha256):
    """SCRAM-SHA-256-PLUS."""

    binds = True


class ScramSha512Plus(ScramSha512):
    """SCRAM-SHA-512-PLUS."""

    binds = True


def _binding(context: Context) -> bytes | None:
    if context.tls is None:
        return None
    try:
        bound: bytes | None = context.tls.channel_binding(BINDING)
    except (AttributeError, ValueError):
        return None  # a layer that has none of this kind
    return bound or None


def _plain_name(text: str) -> str:
    # RFC 5802, section 5.1: a comma is =2C, an equals sign =3D, and nothing else begins with one.
    if re.search("=(?!2C|3D)", text):
        raise ValueError("a name with a stray equals sign")
    return text.replace("=2C", ",").replace("=3D", "=")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
