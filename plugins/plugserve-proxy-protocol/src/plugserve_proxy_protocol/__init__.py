"""The PROXY protocol for plugserve: who the client is that a proxy speaks for."""

from __future__ import annotations

from .header import ProxyHeader, SSLFacts
from .plugin import ProxyProtocol, ProxyProtocolMixIn
from .protocol import HeaderReader, encode_v1, encode_v2

__all__ = [
    "HeaderReader",
    "ProxyHeader",
    "ProxyProtocol",
    "ProxyProtocolMixIn",
    "SSLFacts",
    "encode_v1",
    "encode_v2",
]
