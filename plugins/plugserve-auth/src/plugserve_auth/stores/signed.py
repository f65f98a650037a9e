"""Signed tokens: JSON Web Tokens (RFC 7519), checked by PyJWT with keys from a file, as RFC 8725 advises.

The configuration says which algorithms there are, never the token; `none` is not one of them. A key belongs to one
family of algorithms: a public key is never taken for the secret of an HMAC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plugserve import Identity
from plugserve.errors import ConfigurationError
from plugserve_auth.entry_file import NAME_LIMIT, BadEntry, EntryFile

from .tokens import TOKEN_LIMIT

if TYPE_CHECKING:
    from jwt.types import Options

__all__ = ["SignedTokens"]

_SHORTEST: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Bytes of a secret: as many as its hash has (RFC 7518, section 3.2)."""

_SHORTEST_RSA: Final = 2048
"""Bits of an RSA key."""

_KEY_TYPES: Final = {
    **dict.fromkeys(_SHORTEST, "oct"),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The algorithms that may be configured, and the keys that they take (RFC 7518, section 3.1; RFC 8037)."""

_FACTS: Final = ("iss", "scope", "client_id", "jti", "exp")


class _Key(NamedTuple):
    identifier: str | None
    algorithms: tuple[str, ...]
    key: Any

    def __repr__(self) -> str:
        return f"<key {self.identifier or ''} for {', '.join(self.algorithms)}>"


class SignedTokens:
    """JSON Web Tokens, with keys from a file, which is read again when it changes.

    Needs PyJWT: `pip install 'plugserve-auth[jwt]'`.

    Parameters:
        keys: the path of a JSON Web Key Set, of one public key in PEM, or of the secret of an HMAC. Others than its
            owner and group must not be able to read a secret.
        algorithms: those that are accepted, such as `["EdDSA"]`.
        issuer: what the claim `iss` must be.
        audience: what the claim `aud` must be or hold.
        name_claim: the claim that has the name.
        groups_claim: the claim that has the groups, as a list or as words; none if it is missing.
        leeway: seconds by which clocks may differ.
    """

    def __init__(
        self,
        *,
        keys: Path | str,
        algorithms: Sequence[str],
        issuer: str,
        audience: str,
        name_claim: str = "sub",
        groups_claim: str = "groups",
        leeway: float = 30.0,
    ) -> None:
        if not algorithms:
            raise ConfigurationError("no algorithm is accepted: name those that the tokens' issuer uses")
        for algorithm in algorithms:
            if algorithm not in _KEY_TYPES:
                raise ConfigurationError(
                    f"the algorithm {algorithm!r} is not accepted for signed tokens: use one of {', '.join(_KEY_TYPES)}"
                )
        self._secret = {_KEY_TYPES[algorithm] == "oct" for algorithm in algorithms}
        if len(self._secret) > 1:
            raise ConfigurationError(
                "algorithms with a secret (HS...) and with public keys stand together: make two stores of them"
            )
        if not issuer or not audience:
            raise ConfigurationError("issuer and audience may not be empty: tokens for others would be accepted")
        if not 0 <= leeway <= 600:
            raise ConfigurationError("leeway is a number of seconds from 0 to 600")
        try:
            import jwt  # noqa: F401  # here already, so that a missing package refuses to start
        except ImportError:
            raise ConfigurationError(
                "signed tokens need the package PyJWT: pip install 'plugserve-auth[jwt]'"
            ) from None
        self._algorithms = tuple(dict.fromkeys(algorithms))
        self._issuer = issuer
        self._audience = audience
        self._name_claim = name_claim
        self._groups_claim = groups_claim
        self._leeway = leeway
        self._file = EntryFile(keys, self._parse, private=self._secret == {True}, remedy="give the path of the keys")

    def activate(self) -> None:
        """Read the keys."""
        self._file.load()

    def check_token(self, token: str) -> Identity | None:
        """Who carries this token: signed by one of the keys, for us, by our issuer, and valid now."""
        import jwt

        if len(token) > TOKEN_LIMIT or token.count(".") != 2:
            return None
        options: Options = {"require": ["exp", "iss", "aud", self._name_claim]}
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        if "crit" in header:
            # RFC 7515, section 4.1.11: it says what has to be understood, and none of that is understood here.
            return None
        identifier = header.get("kid")
        keys = self._file.current()
        if identifier is not None and any(key.identifier is not None for key in keys):
            keys = tuple(key for key in keys if key.identifier == identifier)
        for key in keys:
            try:
                claims = jwt.decode(
                    token,
                    key.key,
                    algorithms=list(key.algorithms),
                    issuer=self._issuer,
                    audience=self._audience,
                    leeway=self._leeway,
                    options=options,
                )
            # The others: what a key makes of a signature of a strange form, and what strange claims come to.
            except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError):
                continue
            return self._identity(claims)
        return None

    def __repr__(self) -> str:
        return f"SignedTokens(keys={str(self._file.path)!r}, algorithms={self._algorithms!r})"

    def _identity(self, claims: Mapping[str, Any]) -> Identity | None:
        name = claims.get(self._name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT or not name.isprintable():
            return None
        groups = claims.get(self._groups_claim, ())
        if isinstance(groups, str):
            groups = groups.split()
        if not isinstance(groups, (list, tuple)) or not all(isinstance(group, str) for group in groups):
            return None
        facts = {key: claims[key] for key in _FACTS if isinstance(claims.get(key), (str, int, float))}
        return Identity(name, "jwt", frozenset(groups), MappingProxyType(facts))

    def _parse(self, text: str) -> tuple[_Key, ...]:
        text = text.strip()
        if text.startswith("{"):
            return self._key_set(text)
        if text.startswith("-----BEGIN"):
            return self._pem(text)
        if self._secret == {False}:
            raise BadEntry("it is neither a JSON Web Key Set nor a public key in PEM")
        self._check_secret(len(text.encode()))
        return (_Key(None, self._algorithms, text.encode()),)

    def _pem(self, text: str) -> tuple[_Key, ...]:
        if self._secret == {True}:
            raise BadEntry("it is a key in PEM, and HMAC takes a secret: correct the algorithms")
        if "PRIVATE KEY" in text:
            raise BadEntry("it is a private key: the server needs the public one only, and must not have this")
        if text.count("-----BEGIN") > 1:
            raise BadEntry("it has more than one key: make a JSON Web Key Set of them")
        from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(text.encode())
        except ValueError:
            raise BadEntry("it is not a public key in PEM that can be understood") from None
        kinds: dict[str, Any] = {
            "RSA": rsa.RSAPublicKey,
            "EC": ec.EllipticCurvePublicKey,
            "OKP": (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey),
        }
        fitting = tuple(each for each in self._algorithms if isinstance(key, kinds[_KEY_TYPES[each]]))
        if not fitting:
            raise BadEntry(f"its key does not fit {', '.join(self._algorithms)}: correct the algorithms")
        _check_size(key)
        return (_Key(None, fitting, key),)

    def _key_set(self, text: str) -> tuple[_Key, ...]:
        import jwt

        try:
            data = json.loads(text)
            listed = data.get("keys", [data])
            keys = []
            for entry in listed:
                if "d" in entry:
                    raise BadEntry("it has a private key: the server needs the public one only, and must not have this")
                fitting = tuple(
                    algorithm
                    for algorithm in self._algorithms
                    if _KEY_TYPES[algorithm] == entry.get("kty") and entry.get("alg", algorithm) == algorithm
                )
                if not fitting or entry.get("use", "sig") != "sig":
                    continue
                made = jwt.PyJWK(entry, algorithm=fitting[0])
                if entry["kty"] == "oct":
                    self._check_secret(len(made.key))
                else:
                    _check_size(made.key)
                keys.append(_Key(made.key_id, fitting, made.key))
        except BadEntry:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, jwt.PyJWTError):
            # Not quoted: it may hold a secret.
            raise BadEntry("it is no JSON Web Key Set that can be understood") from None
        if not keys:
            raise BadEntry(f"it has no key for {', '.join(self._algorithms)}: correct the algorithms, or the path")
        return tuple(keys)

    def _check_secret(self, size: int) -> None:
        needed = max(_SHORTEST[algorithm] for algorithm in self._algorithms)
        if size < needed:
            raise BadEntry(f"its secret has {size} bytes, and {needed} at least are needed (RFC 7518, section 3.2)")


def _check_size(key: Any) -> None:
    """RFC 7518, sections 3.3 and 3.5: shorter ones can be broken."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey) and key.key_size < _SHORTEST_RSA:
        raise BadEntry(f"its key has {key.key_size} bits, and {_SHORTEST_RSA} at least are needed (RFC 7518)")
