"""Where a request begins and ends: the stream cut into heads and bodies, strictly, before h11 sees a byte of it.

h11 is lenient where RFC 9112 lets a recipient be: a line may end with a bare LF, a field may be folded over several
lines, `Content-Length` may stand beside `Transfer-Encoding`. Behind a proxy that reads the same bytes differently, each
of these hides a second request in the first. So the stream passes through here first:

Rule 1: every line ends with CR LF. A bare LF, a folded field or a control character is an error.
Rule 2: h11 is given a whole head, then exactly the bytes of its body, never a byte of the next request. If the two of
    us disagree about where a message ends, the connection does.
Rule 3: every limit holds for what was sent, not for the portions it came in: a byte at a time or all at once, the
    verdict is the same.
"""

from __future__ import annotations

import re
from typing import Final

from .refusal import Refusal

__all__ = ["Framing"]

_LONGEST_CHUNK_LINE: Final = 256
"""Bytes of a chunk's size line. Extensions are the only thing that could make it long, and nobody uses them (Go's
net/http was attacked through them: CVE-2023-39326)."""

_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
"""RFC 9112 section 7.1, and no more: 15 digits are 2**60 bytes, and `0x5`, `+5`, ` 5` are none."""

_OVERHEAD: Final = 64 * 1024
"""Bytes of chunk framing that a body may have beyond twice its own size: a body in chunks of one byte costs a hundred
times its bytes to read."""

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no field value may hold (RFC 9110 section 5.5), TAB excepted."""

_FIRST: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What a method may begin with (RFC 9110 section 5.6.2): a TLS handshake is told at its first byte that it is lost."""


class Framing:
    """The bytes of one connection, in order.

    Parameters:
        max_line: bytes of the request line, its end not counted; one more is answered with 414.
        max_head: bytes of a head, its empty line included, and of a trailer section; one more is answered with 431.
        max_fields: header fields; one more is answered with 431.

    Errors: `Refusal` from the `take_` methods; after it the connection has to end.
    """

    def __init__(self, *, max_line: int, max_head: int, max_fields: int) -> None:
        self._max_line = max_line
        self._max_head = max_head
        self._max_fields = max_fields
        self._buffer = bytearray()
        self._line = 0
        """Where the line begins that is being looked for the end of."""
        self._fields = 0
        self._skipped = False
        """Whether an empty line before this request has been skipped."""
        self._left = 0
        """Bytes of the body, or of the chunk, that are still to come."""
        self._chunked = False
        self._in_chunk = False
        self._in_trailer = False
        self._payload = 0
        self._overhead = 0
        self._max_body = 0
        self.complete = True
        """Whether the body of the present request has been taken, up to its end."""

    def feed(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Bytes that have arrived and have not been taken."""
        return len(self._buffer)

    # -- heads ---------------------------------------------------------------------------------------------------------

    def take_head(self) -> bytes | None:
        """The next head, up to and with its empty line; None while it has not arrived."""
        buffer = self._buffer
        if not self._skipped and buffer[:1] == b"\r":
            # RFC 9112 section 2.2: an empty line before the request line is ignored, "at least one". One it is.
            if len(buffer) == 1:
                return None
            if buffer[:2] == b"\r\n":
                del buffer[:2]
                self._skipped = True
        if not buffer:
            return None
        if buffer[0] not in _FIRST:
            raise Refusal(400, "the request does not begin with a method")
        while True:
            end = buffer.find(b"\n", self._line)
            if not self._check_length(end):
                return None
            line = self._checked_line(end)
            self._line = end + 1
            if not line:
                break
            self._fields += 1
            if self._fields > self._max_fields + 1:  # the request line is no field
                raise Refusal(431, f"there are more than {self._max_fields} header fields")
        head = bytes(buffer[: self._line])
        del buffer[: self._line]
        self._line = self._fields = 0
        self._skipped = False
        return head

    def _check_length(self, end: int) -> bool:
        """Whether the line has arrived, up to its LF at `end`. Refuses it when it, or the head, is too long already."""
        reach = end if end >= 0 else len(self._buffer) - 1
        # The CR before the LF does not count; as long as the LF is missing, the last byte may be that CR.
        if self._line == 0 and (end if end >= 0 else len(self._buffer)) > self._max_line + 1:
            raise Refusal(414, f"the request line is longer than {self._max_line} bytes")
        if reach >= self._max_head:
            raise Refusal(431, f"the head is longer than {self._max_head} bytes")
        return end >= 0

    def _checked_line(self, end: int) -> bytes:
        """The line up to its LF at `end`, without its end."""
        if end == self._line or self._buffer[end - 1] != 0x0D:
            raise Refusal(400, "a line ends with LF alone instead of CR LF")
        line = bytes(self._buffer[self._line : end - 1])
        if line[:1] in (b" ", b"\t"):
            raise Refusal(400, "a line begins with a blank: header fields may not be folded")
        if _CONTROL.search(line):
            raise Refusal(400, "there is a control character in the head")
        return line

    # -- bodies --------------------------------------------------------------------------------------------------------

    def begin_body(self, length: int | None, max_body: int) -> None:
        """The head that was taken announces a body.

        Parameters:
            length: its length in bytes; None if it comes in chunks.
            max_body: how many bytes it may have; one more is answered with 413.
        """
        self._chunked = length is None
        self._left = length or 0
        self._max_body = max_body
        self._in_chunk = self._in_trailer = False
        self._payload = self._overhead = 0
        if self._left > max_body:
            raise Refusal(413, f"the body is longer than {max_body} bytes")
        self.complete = length == 0

    def take_body(self) -> bytes:
        """What has arrived of the body, as it was sent, chunk by chunk with their framing if it comes in chunks;
        `b""` if nothing has. Sets `complete` with the last of it."""
        if self._chunked:
            return self._take_chunks()
        data = bytes(self._buffer[: self._left])
        del self._buffer[: len(data)]
        self._left -= len(data)
        self.complete = not self._left
        return data

    def _take_chunks(self) -> bytes:
        taken = bytearray()
        while not self.complete:
            # What is right in front of an error is given out before the error is raised.
            try:
                piece = self._take_piece()
            except Refusal:
                if taken:
                    return bytes(taken)
                raise
            if not piece:
                break
            taken += piece
        return bytes(taken)

    def _take_piece(self) -> bytes:
        """One size line, some data, the end of a chunk's data, or one line of the trailer section."""
        if self._in_trailer:
            return self._take_trailer_line()
        if not self._in_chunk:
            return self._take_size_line()
        if self._left:
            data = bytes(self._buffer[: self._left])
            del self._buffer[: len(data)]
            self._left -= len(data)
            return data
        if not b"\r\n".startswith(self._buffer[:2]):
            raise Refusal(400, "a chunk is longer than it says")
        if len(self._buffer) < 2:
            return b""
        self._in_chunk = False
        return self._take(2)

    def _take_size_line(self) -> bytes:
        end = self._buffer.find(b"\n")
        if (end if end >= 0 else len(self._buffer)) > _LONGEST_CHUNK_LINE:
            raise Refusal(400, "the size line of a chunk is too long")
        if end < 0:
            return b""
        match = _CHUNK_LINE.fullmatch(self._buffer, 0, max(0, end - 1))
        if match is None or self._buffer[end - 1] != 0x0D:
            raise Refusal(400, "the size line of a chunk is malformed")
        self._left = int(match[1], 16)
        self._payload += self._left
        if self._payload > self._max_body:
            raise Refusal(413, f"the body is longer than {self._max_body} bytes")
        self._overhead += end + 3  # with the CR LF behind the data
        if self._overhead > _OVERHEAD + 2 * self._payload:
            raise Refusal(400, "the chunks are too small")
        self._in_chunk, self._in_trailer = bool(self._left), not self._left
        self._line = self._fields = 0
        return self._take(end + 1)

    def _take_trailer_line(self) -> bytes:
        # `_line` counts what has been taken of the section; the line itself is always at the front.
        end = self._buffer.find(b"\n")
        if self._line + (end if end >= 0 else len(self._buffer) - 1) >= self._max_head:
            raise Refusal(431, f"the trailer section is longer than {self._max_head} bytes")
        if end < 0:
            return b""
        taken, self._line = self._line, 0
        line = self._checked_line(end)
        self._line = taken + end + 1
        self._fields += 1
        if self._fields > self._max_fields + 1:
            raise Refusal(431, f"there are more than {self._max_fields} trailer fields")
        if not line:
            self.complete = True
            self._line = self._fields = 0
        return self._take(end + 1)

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data
