"""From an address to what is counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from typing import Any

__all__ = ["network_of", "peer_of"]

_PEER6 = 64
"""Bits of an IPv6 address that make one peer: a household or a machine has all of the rest (RFC 6177)."""


def peer_of(address: Any) -> Hashable:
    """One peer: an IPv4 address, the /64 of an IPv6 one; all Unix peers are one; a vsock peer is its number."""
    return network_of(address, 32, _PEER6)


def network_of(address: Any, prefix4: int, prefix6: int) -> Hashable:
    """The network that an address is in.

    Parameters:
        address: as accept(2) gave it, or a layer has set it.
        prefix4, prefix6: its bits.
    """
    if not isinstance(address, tuple) or not address:
        return "unix"
    if not isinstance(address[0], str):
        return "vsock", address[0]
    try:
        host = ipaddress.ip_address(address[0].partition("%")[0])
    except ValueError:
        return address[0]
    if host.version == 6 and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    bits, size = (prefix4, 32) if host.version == 4 else (prefix6, 128)
    return host.version, int(host) >> (size - bits)
