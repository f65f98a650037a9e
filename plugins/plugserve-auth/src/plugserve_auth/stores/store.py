"""What a credential store is: an object with one or more of the methods below, each of which answers one question.

A package brings a store by naming its class in the entry-point group `plugserve.credential_stores`; the class's typed
constructor parameters are its options:

```toml
[project.entry-points."plugserve.credential_stores"]
ldap = "example_ldap:Directory"
```

Every method may wait (for a file, a directory server), may be called from several threads at once, and is never called
on a server's loop. A store says only yes or no; that
names are guessed slowly and no time tells whether one exists is the authenticator's business, but for one thing:
`check_password` takes as long for a name that it does not know as for a wrong password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from plugserve import Context, Identity

__all__ = ["GROUP", "ActiveStore", "PasswordStore", "PeerStore", "ScramKeys", "ScramStore", "TokenStore", "abilities"]

GROUP: Final = "plugserve.credential_stores"
"""The entry-point group in which stores are found."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps to check SCRAM proofs (RFC 5802, section 3); no password can be read off it.

    Parameters:
        salt: random bytes.
        iterations: of PBKDF2, at least 4096.
        stored_key: `H(ClientKey)`.
        server_key: `HMAC(SaltedPassword, "Server Key")`.
        identity: who has proved to be there; None for a name that is not known, or disabled.
    """

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)
    identity: Identity | None


@runtime_checkable
class PasswordStore(Protocol):
    """Checks names with passwords."""

    def check_password(self, name: str, password: str) -> Identity | None:
        """Who this is; None for anything else. Both arguments are SASLprep'd already."""


@runtime_checkable
class ScramStore(Protocol):
    """Keeps keys for SCRAM."""

    def scram_keys(self, name: str, hash_name: str) -> ScramKeys | None:
        """The keys of a name; None for one that is not known.

        Parameters:
            name: SASLprep'd.
            hash_name: as `hashlib` has it: `"sha1"`, `"sha256"`, `"sha512"`.
        """

    def decoy_keys(self, name: str, hash_name: str) -> ScramKeys:
        """Keys for a name that is not known: the same at each call, and like real ones to a client."""


@runtime_checkable
class TokenStore(Protocol):
    """Checks tokens that stand for themselves, without a name."""

    def check_token(self, token: str) -> Identity | None:
        """Who carries this token; None if it is not known, not valid yet or not any more."""


@runtime_checkable
class PeerStore(Protocol):
    """Knows clients by their connection: a certificate, the other end of a Unix socket."""

    def check_peer(self, context: Context) -> Identity | None:
        """Who is at the other end; None if that is not known."""


@runtime_checkable
class ActiveStore(Protocol):
    """Has something to do at the start of a server, such as to read its file."""

    def activate(self) -> None:
        """Get ready. Errors: `ConfigurationError`, which refuses to start."""


def abilities(store: object) -> list[str]:
    """What a store can check: some of `"passwords"`, `"scram"`, `"tokens"`, `"peers"`."""
    kinds = (("passwords", PasswordStore), ("scram", ScramStore), ("tokens", TokenStore), ("peers", PeerStore))
    return [name for name, kind in kinds if isinstance(store, kind)]
