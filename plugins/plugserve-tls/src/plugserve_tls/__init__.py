"""TLS for plugserve: encryption, client certificates, names, ALPN, STARTTLS, on every engine."""

from __future__ import annotations

from .alpn import choose_by_alpn
from .contexts import NamedPair
from .facts import TLSFacts
from .plugin import TLS, TLSMixIn
from .transform import TLSTransform

__all__ = ["TLS", "NamedPair", "TLSFacts", "TLSMixIn", "TLSTransform", "choose_by_alpn"]
