"""What a header of the PROXY protocol says (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ALPN", "AUTHORITY", "CRC32C", "NETNS", "NOOP", "SSL", "UNIQUE_ID", "ProxyHeader", "SSLFacts"]

# Section 2.2, the types of TLVs.
ALPN = 0x01
AUTHORITY = 0x02
CRC32C = 0x03
NOOP = 0x04
UNIQUE_ID = 0x05
SSL = 0x20
NETNS = 0x30


@dataclass(frozen=True, slots=True)
class SSLFacts:
    """What the proxy knows of the client's TLS connection to it (PP2_TYPE_SSL, section 2.2.6).

    Parameters:
        encrypted: whether the client came through TLS.
        verified: whether it has shown a certificate, and the proxy has verified it.
        version, cipher: of the connection; None if not told.
        common_name: of the client's certificate; None if not told.
        others: the other parts, by their types.
    """

    encrypted: bool
    verified: bool
    version: str | None = None
    cipher: str | None = None
    common_name: str | None = None
    others: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """One header.

    Parameters:
        version: 1 or 2.
        local: whether the proxy speaks for itself, as for a health check: the connection's own endpoints hold.
        source: the client's address as the socket module has it, `(host, port)`, `(host, port, 0, 0)` for IPv6, or a
            Unix path; None where it is not told.
        destination: the address that the client connected to, likewise.
        datagrams: whether the client's transport is one of datagrams.
        tlvs: all further facts in their order, type and value.
    """

    version: Literal[1, 2]
    local: bool = False
    source: Any = None
    destination: Any = None
    datagrams: bool = False
    tlvs: tuple[tuple[int, bytes], ...] = field(default=())

    def find(self, kind: int) -> bytes | None:
        """The value of the first TLV of this type; None without one."""
        return next((value for found, value in self.tlvs if found == kind), None)

    @property
    def alpn(self) -> bytes | None:
        """The protocol that the client and the proxy agreed on."""
        return self.find(ALPN)

    @property
    def authority(self) -> str | None:
        """The host name that the client asked for (SNI)."""
        return _text(self.find(AUTHORITY))

    @property
    def unique_id(self) -> bytes | None:
        """The proxy's own number of the connection."""
        return self.find(UNIQUE_ID)

    @property
    def netns(self) -> str | None:
        """The network namespace that the client is in."""
        return _text(self.find(NETNS))

    @property
    def ssl(self) -> SSLFacts | None:
        """The client's TLS connection to the proxy; None if nothing is told of one."""
        value = self.find(SSL)
        if value is None:
            return None
        flags, verify = value[0], int.from_bytes(value[1:5], "big")
        parts = split_tlvs(value[5:])
        first: dict[int, bytes] = {}
        for kind, part in parts:
            first.setdefault(kind, part)
        known = (0x21, 0x22, 0x23)
        return SSLFacts(
            encrypted=bool(flags & 0x01),
            # Presented in this connection or in the session that it resumed, and nothing found wrong with it.
            verified=bool(flags & 0x06) and verify == 0,
            version=_text(first.get(0x21)),
            common_name=_text(first.get(0x22)),
            cipher=_text(first.get(0x23)),
            others=tuple(part for part in parts if part[0] not in known),
        )


def split_tlvs(data: bytes) -> tuple[tuple[int, bytes], ...]:
    """Types and values, one after the other.

    Errors: `ValueError` if the last one is cut off.
    """
    found, at = [], 0
    while at < len(data):
        end = at + 3
        if end <= len(data):
            end += int.from_bytes(data[at + 1 : at + 3], "big")
        if end > len(data):
            raise ValueError("a TLV is longer than the header")
        found.append((data[at], data[at + 3 : end]))
        at = end
    return tuple(found)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
