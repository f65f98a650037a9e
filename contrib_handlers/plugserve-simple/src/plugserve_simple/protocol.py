"""What each service says, as bytes: no I/O, no clock, no chance.

Echo and discard have nothing to say of their own. The quotes of qotd are in `quotes.py`; whether a datagram is answered
at all is in `datagram.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

__all__ = ["CYCLE", "LONGEST", "characters", "check_daytime", "daytime", "seconds_since_1900"]

LONGEST: Final = 512
"""Bytes that a reply over UDP has at the most: RFC 864 (chargen) says "between 0 and 512", RFC 865 (qotd) "less than
512"; the others never come near."""

_EPOCH: Final = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01, both at 00:00 UTC (RFC 868)."""

_PRINTING: Final = bytes(range(0x20, 0x7F))
"""The 95 printing characters of ASCII, in order (RFC 864)."""

_LINE: Final = 72
"""Characters of a chargen line, without its CR LF (RFC 864)."""

_LINES: Final = b"".join(
    bytes(_PRINTING[(number + column) % len(_PRINTING)] for column in range(_LINE)) + b"\r\n"
    for number in range(len(_PRINTING))
)

CYCLE: Final = len(_LINES)
"""Bytes after which the characters of chargen start again: 95 lines of 74 bytes."""


def characters(offset: int, count: int) -> bytes:
    """A piece of the endless stream of chargen: the pattern that RFC 864 calls popular.

    Lines of 72 printing characters, each line starting one character later in the ring of all 95.

    Parameters:
        offset: bytes of the stream before the piece.
        count: bytes of the piece.
    """
    start = offset % CYCLE
    return (_LINES * (1 + (start + count) // CYCLE))[start : start + count]


def seconds_since_1900(now: float) -> bytes:
    """The time as RFC 868 sends it: seconds since 1900-01-01 00:00 UTC, 32 bits, the most significant byte first.

    On 2036-02-07 at 06:28:16 UTC the number starts again from 0: the RFC says nothing of what comes after, so this
    does what NTP does with the same numbers (RFC 5905, section 6, eras).

    Parameters:
        now: seconds since 1970-01-01 00:00 UTC.
    """
    # Floor, not towards zero: a second has begun or it has not, before 1970 too.
    return int((now // 1 + _EPOCH) % 2**32).to_bytes(4, "big")


def daytime(now: float, style: str, *, utc: bool) -> bytes:
    """The date and time as one line with CR LF (RFC 867, which lays down no syntax).

    Parameters:
        now: seconds since 1970-01-01 00:00 UTC.
        style: `"ctime"`: what inetd sends, `Tue Feb 22 17:37:43 1982`; `"iso"`: RFC 3339,
            `1982-02-22T17:37:43-08:00`; anything with a `%` is a pattern for strftime(3).
        utc: UTC instead of the system's time zone.

    Errors: `ValueError` for a style that is none of these.
    """
    # A locale, or the name of a time zone, may bring in letters that the protocol does not have.
    return _line(now, style, utc).encode("ascii", "replace") + b"\r\n"


def check_daytime(style: str) -> None:
    """Try a style, so that a wrong one is found at start.

    Errors: `ValueError`, when it does not give one line of ASCII printing characters (RFC 867).
    """
    line = _line(0, style, utc=True)
    if not line or not line.isascii() or not line.isprintable():
        raise ValueError(f"{style!r} gives {line!r}: RFC 867 wants one line of ASCII printing characters")
    if len(line) + 2 > LONGEST:
        raise ValueError(f"{style[:20]!r}... gives a line of {len(line)} characters: make it {LONGEST - 2} at the most")


def _line(now: float, style: str, utc: bool) -> str:
    moment = datetime.fromtimestamp(now // 1, UTC)
    if not utc:
        moment = moment.astimezone()
    if style == "ctime":
        return moment.ctime()
    if style == "iso":
        return moment.isoformat()
    if "%" in style:
        return moment.strftime(style)
    raise ValueError(f"{style!r} is no style: write ctime, iso, or a pattern for strftime such as '%d %b %Y %T'")
