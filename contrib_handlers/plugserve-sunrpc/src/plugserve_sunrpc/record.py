"""Record marking (RFC 5531, section 11): messages on a stream, without I/O.

A record is one or more fragments, each behind four bytes: its length in 31 bits, and a bit that says whether it is the
last one. Nothing in the RFC bounds any of it. Here everything is bounded, and a length is never more than a claim:
memory is taken for the bytes that are there.
"""

from __future__ import annotations

import struct
from typing import Final

from plugserve import ProtocolError

__all__ = ["RecordError", "RecordReader", "encode_record"]

_HEADER: Final = struct.Struct(">I")
_LAST: Final = 0x8000_0000
_LONGEST: Final = 0x7FFF_FFFF


class RecordError(ProtocolError):
    """A record that breaks a limit. What follows on the stream cannot be told apart from its rest."""


class RecordReader:
    """Takes a stream's bytes, in any portions, and gives its records.

    Parameters:
        limit: the most bytes of a record.
        fragment_limit: the most bytes of a fragment; None: those of a record.
        fragments: the most fragments of a record. Each costs work, however little is in it.
        empty: the most fragments of a record that have no bytes. Honest senders end a record with one at most.
    """

    __slots__ = (
        "_at",
        "_count",
        "_data",
        "_empty",
        "_last",
        "_left",
        "_record",
        "empty",
        "fragment_limit",
        "fragments",
        "limit",
    )

    def __init__(
        self, limit: int = 1 << 20, *, fragment_limit: int | None = None, fragments: int = 1024, empty: int = 8
    ) -> None:
        self.limit = limit
        self.fragment_limit = limit if fragment_limit is None else fragment_limit
        self.fragments = fragments
        self.empty = empty
        self._data = b""
        self._at = 0
        # What there is of the record whose fragments are not all there, and of its current fragment how many bytes are
        # missing.
        self._record: bytearray | None = None
        self._left = 0
        self._last = False
        self._count = 0
        self._empty = 0

    @property
    def pending(self) -> int:
        """How many bytes are kept: those of a record that is not complete, and those that have not been looked at."""
        return len(self._record or b"") + len(self._data) - self._at

    @property
    def amid(self) -> bool:
        """Whether a record has begun that is not complete, as far as has been looked."""
        return self._record is not None or self._at < len(self._data)

    def feed(self, data: bytes) -> None:
        """Take more bytes; `next_record` gives what they make complete."""
        if self._at < len(self._data):
            self._data = self._data[self._at :] + data
        else:
            self._data = data
        self._at = 0

    def rest(self) -> bytes:
        """All bytes behind the last record that was given, and forget them; there is none if a fragment has begun."""
        data, self._data = self._data[self._at :], b""
        self._at = 0
        return data

    def next_record(self) -> bytes | None:
        """The next complete record, or None if there is none.

        Raises: `RecordError`, as soon as a header breaks a limit; and again at each further call.
        """
        data, at = self._data, self._at
        # Nearly always a record is one fragment, and has come whole.
        if self._record is None and len(data) - at >= 4:
            (header,) = _HEADER.unpack_from(data, at)
            end = at + 4 + (header & _LONGEST)
            if (
                header >= _LAST
                and end <= len(data)
                and end - at - 4 <= self.limit
                and end - at - 4 <= (self.fragment_limit)
            ):
                self._at = end
                return data[at + 4 : end]
        return self._by_fragment()

    def _by_fragment(self) -> bytes | None:
        while True:
            if self._record is not None and self._left:
                part = self._data[self._at : self._at + self._left]
                if not part:
                    break
                self._record += part
                self._at += len(part)
                self._left -= len(part)
                if self._left:
                    break
            if self._record is not None and self._last and not self._left:
                record = bytes(self._record)
                self._record, self._last, self._count, self._empty = None, False, 0, 0
                return record
            if len(self._data) - self._at < 4:
                return None
            self._begin(*_HEADER.unpack_from(self._data, self._at))
        # Everything has gone into the record.
        self._data, self._at = b"", 0
        return None

    def _begin(self, header: int) -> None:
        """Hold a fragment's header against the limits, and take it."""
        size = header & _LONGEST
        before = len(self._record or b"")
        if size > self.fragment_limit:
            raise RecordError(f"a fragment of at most {self.fragment_limit} bytes expected, not {size}")
        if before + size > self.limit:
            raise RecordError(f"a record of at most {self.limit} bytes expected, not {before + size} or more")
        if self._count >= self.fragments:
            raise RecordError(f"a record of at most {self.fragments} fragments expected")
        if not size and self._empty >= self.empty:
            raise RecordError(f"a record with at most {self.empty} empty fragments expected")
        self._at += 4
        self._count += 1
        self._empty += not size
        self._left, self._last = size, header >= _LAST
        if self._record is None:
            self._record = bytearray()


def encode_record(message: bytes, fragment: int = _LONGEST) -> bytes:
    """A message as a record.

    Parameters:
        message: the record's bytes.
        fragment: the most bytes that a fragment may have.
    """
    if len(message) <= fragment:
        return _HEADER.pack(_LAST | len(message)) + message
    parts: list[bytes] = []
    for at in range(0, len(message), fragment):
        part = message[at : at + fragment]
        last = _LAST if at + fragment >= len(message) else 0
        parts += (_HEADER.pack(last | len(part)), part)
    return b"".join(parts)
