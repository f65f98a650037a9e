"""Universal addresses (RFC 5665, section 5.2.3): a host and a port as text, `127.0.0.1.3.232`.

The last two numbers are the port's upper and lower byte. Of a Unix socket it is the path.
"""

from __future__ import annotations

import ipaddress
import re

from plugserve import ProtocolError

__all__ = ["NETIDS", "is_loopback", "is_wildcard", "universal_address", "without_universal_address"]

NETIDS = ("udp", "tcp", "udp6", "tcp6", "local")
"""Those that are known here (RFC 5665, section 5.1)."""


def universal_address(host: str, port: int) -> str:
    """A host's address and a port as a universal address; a zone (`%eth0`) is left out."""
    return f"{host.partition('%')[0]}.{port >> 8}.{port & 255}"


def without_universal_address(text: str) -> tuple[str, int]:
    """The host's address and the port of a universal address.

    Raises: `ProtocolError` for one that is none.
    """
    found = re.fullmatch(r"(.+)\.(\d{1,3})\.(\d{1,3})", text, re.ASCII)
    if found is None or int(found[2]) > 255 or int(found[3]) > 255:
        raise ProtocolError(f"a universal address expected, not {text[:60]!r}")
    try:
        host = ipaddress.ip_address(found[1])
    except ValueError:
        raise ProtocolError(f"a universal address expected, not {text[:60]!r}") from None
    return str(host), int(found[2]) << 8 | int(found[3])


def is_loopback(host: str) -> bool:
    """Whether an address is one of this host's loopback; one of IPv4 in IPv6 too."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback if mapped is None else bool(mapped.is_loopback)


def is_wildcard(host: str) -> bool:
    """Whether it stands for all addresses of the host."""
    return host in ("0.0.0.0", "::")
