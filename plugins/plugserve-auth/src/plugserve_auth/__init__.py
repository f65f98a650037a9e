"""Authentication for plugserve: one identity and one set of credential stores for every protocol."""

from __future__ import annotations

from .authenticator import Authenticator
from .errors import AuthenticationFailed, NotAuthorized, TooManyAttempts
from .stores.certificate import ClientCertificate
from .stores.passwords import PasswordFile
from .stores.peer import PeerCredentials
from .stores.signed import SignedTokens
from .stores.store import ScramKeys
from .stores.tokens import TokenFile

__all__ = [
    "AuthenticationFailed",
    "Authenticator",
    "ClientCertificate",
    "NotAuthorized",
    "PasswordFile",
    "PeerCredentials",
    "ScramKeys",
    "SignedTokens",
    "TokenFile",
    "TooManyAttempts",
]
