"""Universal addresses (RFC 5665, section 5.2.3): a host and a port as text, `127.0.0.1.3.232`.

The last two numbers are the port's upper and lower byte. Of a Unix socket it is the path.
"""

from __future__ import annotations

import ipaddress
import re

from plugserve import ProtocolError

__all__ = [
    "NETIDS",
    "canonical_address",
    "is_loopback",
    "is_wildcard",
    "universal_address",
    "without_universal_address",
]

NETIDS = ("udp", "tcp", "udp6", "tcp6", "local")
"""Those that are known here (RFC 5665, section 5.1)."""


_PATH = 107
"""The longest path of a Unix socket, in bytes (unix(7))."""


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


def canonical_address(netid: str, text: str) -> str:
    """A universal address in its one form, fit for lists that people read.

    Raises: `ProtocolError` for one that is none of that transport, or that nobody can call.
    """
    if netid not in NETIDS:
        raise ProtocolError(f"one of the transports {', '.join(NETIDS)} expected, not {netid[:60]!r}")
    if netid == "local":
        size = len(text.encode("utf-8", "surrogateescape"))
        if not text.startswith(("/", "@")) or size > _PATH or any(mark < " " or mark == "\x7f" for mark in text):
            raise ProtocolError(f"an absolute path of at most {_PATH} bytes expected, not {text[:60]!r}")
        return text
    host, port = without_universal_address(text)
    if not port:
        raise ProtocolError(f"a port other than 0 expected in {text[:60]!r}")
    address = ipaddress.ip_address(host)
    if (address.version == 6) != netid.endswith("6"):
        raise ProtocolError(f"an address of {netid} expected, not {text[:60]!r}")
    # Without its zone: that means something on one host only, and may be any text.
    return universal_address(str(type(address)(address.packed)), port)


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
