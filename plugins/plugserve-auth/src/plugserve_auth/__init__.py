"""Authentication for plugserve: one identity and one set of credential stores for every protocol."""

from __future__ import annotations

from .authenticator import Authenticator
from .errors import AuthenticationFailed, Busy, NotAuthorized, TooManyAttempts
from .plugin import Auth, AuthMixIn
from .rules import Decision, Rule
from .stores.certificate import ClientCertificate
from .stores.passwords import PasswordFile
from .stores.peer import PeerCredentials
from .stores.signed import SignedTokens
from .stores.store import ScramKeys
from .stores.tokens import TokenFile
from .throttle import ThrottleLimits

__all__ = [
    "Auth",
    "AuthMixIn",
    "AuthenticationFailed",
    "Authenticator",
    "Busy",
    "ClientCertificate",
    "Decision",
    "NotAuthorized",
    "PasswordFile",
    "PeerCredentials",
    "Rule",
    "ScramKeys",
    "SignedTokens",
    "ThrottleLimits",
    "TokenFile",
    "TooManyAttempts",
]
