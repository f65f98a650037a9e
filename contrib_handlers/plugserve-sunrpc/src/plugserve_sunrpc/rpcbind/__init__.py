"""rpcbind, and its elder the port mapper (RFC 1833): where which program is.

A server of it, a plugin that registers a listener's programs with one, and the question of a client.
"""

from __future__ import annotations

from .lookup import lookup
from .registering import Rpcbind
from .registry import Registration, Registry
from .server import RPCBindHandler, rpcbind_handler
from .universal import universal_address, without_universal_address

__all__ = [
    "RPCBindHandler",
    "Registration",
    "Registry",
    "Rpcbind",
    "lookup",
    "rpcbind_handler",
    "universal_address",
    "without_universal_address",
]
