"""Reading and writing headers of the PROXY protocol, versions 1 and 2; bytes in, bytes out."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final

from plugserve.errors import ProtocolError

from .header import CRC32C, SSL, ProxyHeader, split_tlvs

__all__ = ["SIGNATURE", "HeaderReader", "encode_v1", "encode_v2"]

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""How version 2 begins (section 2.2)."""
_V1: Final = b"PROXY "
_LONGEST_V1: Final = 107
"""Bytes of the longest header of version 1, its line end included (section 2.1)."""
_FIXED: Final = 16
_INET, _INET6, _UNIX = 1, 2, 3
_LENGTHS: Final = {_INET: 12, _INET6: 36, _UNIX: 216}
_STREAM, _DGRAM = 1, 2
_UNIX_PATH: Final = 108


class HeaderReader:
    """Takes bytes until the header is whole.

    Parameters:
        versions: those that are understood.
        max_size: bytes of a header of version 2 at the most, its first 16 included.
    """

    def __init__(self, versions: Iterable[int] = (1, 2), max_size: int = 1024) -> None:
        self._versions = frozenset(versions)
        self._max_size = max_size
        self._data = b""

    @property
    def wanted(self) -> int:
        """How many bytes can be taken without taking any that stand behind the header."""
        data = self._data
        if not data:
            return 1
        if data[:1] == b"P":
            # A line of unknown length: the shortest end that is possible, so never beyond it.
            return 2 if data[-1:] != b"\r" and len(data) >= len(_V1) else 1
        if len(data) < _FIXED:
            return _FIXED - len(data)
        return self._length() - len(data)

    def feed(self, data: bytes) -> ProxyHeader | None:
        """Take no more than `wanted` bytes. Returns the header once it is whole.

        Errors: `ProtocolError` as soon as it cannot become one any more.
        """
        self._data += data
        if self._data[:1] == b"P":
            return self._feed_v1()
        return self._feed_v2()

    def _feed_v1(self) -> ProxyHeader | None:
        data = self._data
        if not _V1.startswith(data[: len(_V1)]):
            raise ProtocolError("there is no PROXY header: the first bytes are something else")
        if 1 not in self._versions:
            raise ProtocolError("a PROXY header of version 1 came, and only version 2 is accepted")
        if data.endswith(b"\r\n"):
            return _parse_v1(data[:-2])
        if b"\n" in data or b"\r" in data[:-1]:
            raise ProtocolError("a PROXY header of version 1 ends with CR LF, and has neither before")
        if len(data) >= _LONGEST_V1:
            raise ProtocolError(f"a PROXY header of version 1 has {_LONGEST_V1} bytes at the most")
        return None

    def _feed_v2(self) -> ProxyHeader | None:
        data = self._data
        if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
            raise ProtocolError("there is no PROXY header: the first bytes are something else")
        if 2 not in self._versions:
            raise ProtocolError("a PROXY header of version 2 came, and only version 1 is accepted")
        if len(data) < _FIXED:
            return None
        if data[12] >> 4 != 2:
            raise ProtocolError(f"a PROXY header has version {data[12] >> 4}, which nobody knows")
        if self._length() > self._max_size:
            raise ProtocolError(f"a PROXY header of {self._length()} bytes: max_size allows {self._max_size}")
        return _parse_v2(data) if len(data) >= self._length() else None

    def _length(self) -> int:
        return _FIXED + int.from_bytes(self._data[14:16], "big")


def _parse_v1(line: bytes) -> ProxyHeader:
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        # Whatever stands behind it is to be ignored (section 2.1).
        return ProxyHeader(1, local=True)
    family = {b"TCP4": socket.AF_INET, b"TCP6": socket.AF_INET6}.get(words[1])
    if family is None or len(words) != 6:
        raise ProtocolError("a PROXY header of version 1 is PROXY TCP4|TCP6, two addresses and two ports, or UNKNOWN")
    source, destination, source_port, destination_port = words[2:]
    return ProxyHeader(
        1,
        source=_address_v1(family, source, source_port),
        destination=_address_v1(family, destination, destination_port),
    )


def _address_v1(family: int, host: bytes, port: bytes) -> Any:
    text = host.decode("ascii", "replace")
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        raise ProtocolError("a PROXY header of version 1 has an address that is none of its family") from None
    if family == socket.AF_INET and socket.inet_ntop(family, packed) != text:
        raise ProtocolError("a PROXY header of version 1 has an address with leading zeros")
    if not port.isdigit() or len(port) > 5 or (port[:1] == b"0" and port != b"0") or int(port) > 65535:
        raise ProtocolError("a PROXY header of version 1 has a port that is no number from 0 to 65535")
    return _address(family, packed, int(port))


def _address(family: int, packed: bytes, port: int) -> Any:
    """As accept(2) gives it."""
    host = socket.inet_ntop(family, packed)
    return (host, port) if family == socket.AF_INET else (host, port, 0, 0)


def _parse_v2(data: bytes) -> ProxyHeader:
    command, family, transport = data[12] & 0x0F, data[13] >> 4, data[13] & 0x0F
    if command > 1:
        raise ProtocolError(f"a PROXY header has the command {command}, which nobody knows")
    if command == 0:
        # LOCAL: what stands in it is not to be used (section 2.2).
        return ProxyHeader(2, local=True)
    body = data[_FIXED:]
    if family == 0 or transport == 0:
        # UNSPEC: the client is not told, and the connection's own endpoints hold.
        return ProxyHeader(2, local=True, tlvs=_tlvs(data, 0) if not family else ())
    if family not in _LENGTHS or transport not in (_STREAM, _DGRAM):
        raise ProtocolError(f"a PROXY header has the address family {family} and transport {transport}, unknown ones")
    size = _LENGTHS[family]
    if len(body) < size:
        raise ProtocolError(f"a PROXY header has {len(body)} bytes for addresses that take {size}")
    if family == _UNIX:
        source, destination = _path(body[:_UNIX_PATH]), _path(body[_UNIX_PATH : 2 * _UNIX_PATH])
    else:
        kind, half = (socket.AF_INET, 4) if family == _INET else (socket.AF_INET6, 16)
        ports = body[2 * half :]
        source = _address(kind, body[:half], int.from_bytes(ports[:2], "big"))
        destination = _address(kind, body[half : 2 * half], int.from_bytes(ports[2:4], "big"))
    return ProxyHeader(
        2,
        source=source,
        destination=destination,
        datagrams=transport == _DGRAM,
        tlvs=_tlvs(data, size),
    )


def _path(field: bytes) -> str | bytes:
    """A Unix address; an abstract one (unix(7)) begins with NUL, and stays bytes."""
    if field[:1] == b"\0":
        return field.rstrip(b"\0") and b"\0" + field[1:].rstrip(b"\0")
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _tlvs(data: bytes, addresses: int) -> tuple[tuple[int, bytes], ...]:
    start = _FIXED + addresses
    try:
        found = split_tlvs(data[start:])
        for kind, value in found:
            if kind == SSL:
                if len(value) < 5:
                    raise ValueError("the part about TLS is cut off")
                split_tlvs(value[5:])
    except ValueError as error:
        raise ProtocolError(f"a PROXY header is malformed: {error}") from None
    at = start
    for kind, value in found:
        if kind == CRC32C:
            if len(value) != 4:
                raise ProtocolError("a PROXY header has a checksum that is not 4 bytes long")
            blank = data[: at + 3] + bytes(4) + data[at + 7 :]
            if crc32c(blank) != int.from_bytes(value, "big"):
                raise ProtocolError("a PROXY header has a checksum that is not its own")
        at += 3 + len(value)
    return found


def _make_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE: Final = _make_table()


def crc32c(data: bytes) -> int:
    """The checksum of RFC 4960, appendix B (Castagnoli)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def encode_v1(source: Any = None, destination: Any = None) -> bytes:
    """A header of version 1, as a proxy sends it.

    Parameters:
        source: the client's address, `(host, port)`; None: UNKNOWN.
        destination: the one it connected to.

    Errors: `ValueError` for addresses that are no IP addresses, or of two families.
    """
    if source is None or destination is None:
        return b"PROXY UNKNOWN\r\n"
    (family, first), (other, second) = _packed(source), _packed(destination)
    if family != other:
        raise ValueError("the two addresses are of two families")
    word = "TCP4" if family == _INET else "TCP6"
    kind = socket.AF_INET if family == _INET else socket.AF_INET6
    hosts = f"{socket.inet_ntop(kind, first)} {socket.inet_ntop(kind, second)}"
    return f"PROXY {word} {hosts} {source[1]} {destination[1]}\r\n".encode("ascii")


def encode_v2(
    source: Any = None,
    destination: Any = None,
    *,
    tlvs: Iterable[tuple[int, bytes]] = (),
    datagrams: bool = False,
    checksum: bool = False,
) -> bytes:
    """A header of version 2, as a proxy sends it.

    Parameters:
        source: the client's address, as the socket module has it: `(host, port)` or a Unix path; None: LOCAL, the proxy
            speaks for itself.
        destination: the one it connected to.
        tlvs: further facts, type and value.
        datagrams: whether the client's transport is one of datagrams.
        checksum: whether to add a CRC32C.

    Errors: `ValueError` for addresses that do not fit together, and for more than 65,535 bytes.
    """
    if source is None or destination is None:
        return SIGNATURE + b"\x20\x00" + bytes(2)
    if isinstance(source, (str, bytes)):
        family = _UNIX
        body = _padded(source) + _padded(destination)
    else:
        (family, first), (other, second) = _packed(source), _packed(destination)
        if family != other:
            raise ValueError("the two addresses are of two families")
        body = first + second + int(source[1]).to_bytes(2, "big") + int(destination[1]).to_bytes(2, "big")
    extra = b"".join(bytes([kind]) + len(value).to_bytes(2, "big") + value for kind, value in tlvs)
    if checksum:
        extra = bytes([CRC32C]) + (4).to_bytes(2, "big") + bytes(4) + extra
    if len(body) + len(extra) > 0xFFFF:
        raise ValueError("a PROXY header has no room for so much")
    kind = family << 4 | (_DGRAM if datagrams else _STREAM)
    raw = SIGNATURE + bytes([0x21, kind]) + (len(body) + len(extra)).to_bytes(2, "big") + body + extra
    if not checksum:
        return raw
    at = _FIXED + len(body) + 3
    return raw[:at] + crc32c(raw).to_bytes(4, "big") + raw[at + 4 :]


def _packed(address: Any) -> tuple[int, bytes]:
    host = ipaddress.ip_address(str(address[0]).partition("%")[0])
    return (_INET if host.version == 4 else _INET6), host.packed


def _padded(path: str | bytes) -> bytes:
    raw = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    if len(raw) > _UNIX_PATH:
        raise ValueError(f"a Unix path has {_UNIX_PATH} bytes at the most")
    return raw.ljust(_UNIX_PATH, b"\0")
