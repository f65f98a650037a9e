"""Range requests (RFC 9110, section 14): which bytes, and how several pieces of a file become one body."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Piece", "Unsatisfiable", "content_range", "multipart", "parse_ranges"]

MOST: Final = 32
"""Ranges in one request. Whoever asks for more gets the whole file, as section 14.2 advises: no reader needs them."""

_SPEC: Final = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


class Unsatisfiable(ValueError):
    """No range that was asked for touches the file."""


class Piece(NamedTuple):
    """What a body is made of: `text`, then `length` bytes of the file from `first`."""

    text: bytes
    first: int
    length: int


def parse_ranges(header: str, size: int) -> list[tuple[int, int]] | None:
    """The ranges of a Range header.

    Parameters:
        header: its value.
        size: of the file, in bytes.

    Returns: first and last byte of each range that touches the file, in the order asked for; None if the header is
    to be ignored: another unit, bad syntax, too many ranges, or ranges that together are longer than the file.

    Errors: `Unsatisfiable`.
    """
    unit, equals, rest = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = [spec for spec in (piece.strip(" \t") for piece in rest.split(",")) if spec]
    if not specs or len(specs) > MOST:
        return None
    found = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        start, end = match[1], match[2]
        if not start:
            first, last = max(0, size - int(end)), size - 1
        else:
            first, last = int(start), min(int(end), size - 1) if end else size - 1
            if end and int(end) < first:
                return None  # "invalid", says section 14.1.1, and not merely unsatisfiable
        if first <= last:
            found.append((first, last))
    if not found:
        raise Unsatisfiable(header)
    # Overlapping ranges would multiply the file (CVE-2011-3192).
    if len(found) > 1 and sum(last - first + 1 for first, last in found) > size:
        return None
    return found


def content_range(first: int, last: int, size: int) -> str:
    """The value of Content-Range for one range."""
    return f"bytes {first}-{last}/{size}"


def multipart(ranges: list[tuple[int, int]], size: int, content_type: str, boundary: str) -> list[Piece]:
    """The body of a multipart/byteranges response (section 14.6)."""
    pieces = []
    for index, (first, last) in enumerate(ranges):
        text = (
            f"{chr(13) + chr(10) if index else ''}--{boundary}\r\n"
            f"Content-Type: {content_type}\r\n"
            f"Content-Range: {content_range(first, last, size)}\r\n\r\n"
        )
        pieces.append(Piece(text.encode("ascii"), first, last - first + 1))
    pieces.append(Piece(f"\r\n--{boundary}--\r\n".encode("ascii"), 0, 0))
    return pieces
