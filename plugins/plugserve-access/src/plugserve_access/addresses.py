"""From a peer's address, as the socket module gives it, to what the rules are about: a kind and packed bytes.

Packed addresses of one kind all have the same length and are in network byte order, so that they compare as bytes the
way they compare as numbers, and no integer has to be made of them on the way to a decision.
"""

from __future__ import annotations

import socket
from typing import Any, Final, Literal

__all__ = ["BITS", "CID_LOCAL", "Kind", "locate", "pack_host"]

Kind = Literal["ipv4", "ipv6", "unix", "vsock"]

BITS: Final[dict[Kind, int]] = {"ipv4": 32, "ipv6": 128, "unix": 0, "vsock": 32}
"""How many bits the address of each kind has. All Unix peers are one: most have no name, and a name proves nothing."""

CID_LOCAL: Final = 1
"""`VMADDR_CID_LOCAL` of vsock(7): the other end is on this machine."""

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""The first 12 bytes of an IPv4-mapped address (RFC 4291, 2.5.5.2): an IPv4 peer of a dual-stack socket."""

# Looked up once: this is the hot path of every first request from an address.
_inet_pton = socket.inet_pton
_AF_INET = socket.AF_INET
_AF_INET6 = socket.AF_INET6


def pack_host(host: str) -> tuple[Kind, bytes] | None:
    """Pack the text of an IP address.

    An IPv4-mapped address is the IPv4 address in it. The zone of a scoped address (`fe80::1%eth0`, RFC 4007, 11) is
    dropped: rules are about addresses, not about interfaces.

    Parameters:
        host: as the kernel writes it: a dotted quad, or the text form of RFC 4291, 2.2.

    Returns: the kind and 4 or 16 bytes; None for anything that is no address. Names are never looked up.
    """
    try:
        if ":" not in host:
            return "ipv4", _inet_pton(_AF_INET, host)
        if "%" in host:
            host, _, zone = host.partition("%")
            if not zone or "%" in zone:
                return None
        packed = _inet_pton(_AF_INET6, host)
    except (OSError, ValueError):
        # ValueError: a NUL or a lone surrogate inside the text.
        return None
    if packed.startswith(_MAPPED):
        return "ipv4", packed[12:]
    return "ipv6", packed


def locate(address: Any, transport: str) -> tuple[Kind, bytes] | None:
    """Tell what kind of peer an address is of, and pack it.

    The shape decides first: IP addresses are tuples that begin with text, on whatever transport (a PROXY header on a
    Unix socket tells of IP clients). An address that is no tuple is a Unix peer's, but only on a Unix socket; a
    tuple that begins with a number is a vsock peer's, but only on a vsock socket. What looks like one of these on
    another transport was made up by somebody, and is nothing.

    Parameters:
        address: as `socket.accept()` or `recvfrom()` give it, or as a layer has set it.
        transport: `Context.transport` of the request.

    Returns: the kind and the packed address; None for whatever cannot be understood. Never raises.
    """
    if isinstance(address, tuple):
        if not address:
            return None
        host = address[0]
        if isinstance(host, str):
            return pack_host(host)
        if transport == "vsock" and isinstance(host, int) and 0 <= host < 1 << BITS["vsock"]:
            return "vsock", host.to_bytes(4, "big")
        return None
    if transport.startswith("unix") and (address is None or isinstance(address, (str, bytes))):
        # '' from accept(), None from recvfrom(), for a peer without a name; bytes for an abstract one (unix(7)).
        return "unix", b""
    return None
