from __future__ import annotations

import math
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_simple.protocol import CYCLE, characters, check_daytime, daytime, seconds_since_1900

# RFC 867 has this moment in its example: Tuesday, February 22, 1982 17:37:43-PST.
EXAMPLE = datetime(1982, 2, 23, 1, 37, 43, tzinfo=UTC).timestamp()


@pytest.fixture
def pacific(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of RFC 867's example."""
    if not hasattr(time, "tzset"):
        pytest.skip("the system's time zone cannot be changed here")
    monkeypatch.setenv("TZ", "PST8PDT,M3.2.0,M11.1.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment, seconds",
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 2_208_988_800),
        (datetime(1976, 1, 1, tzinfo=UTC), 2_398_291_200),
        (datetime(1980, 1, 1, tzinfo=UTC), 2_524_521_600),
        (datetime(1983, 5, 1, tzinfo=UTC), 2_629_584_000),
    ],
)
def test_time_is_what_the_rfc_lists(moment: datetime, seconds: int) -> None:
    """The four moments that RFC 868 gives have the numbers that it gives."""
    assert seconds_since_1900(moment.timestamp()) == struct.pack(">I", seconds)


def test_time_of_a_moment_before_1970_is_the_rfcs_too() -> None:
    """RFC 868 reckons -1,297,728,000 as 17 November 1858: a number below zero, in the other half of the 32 bits."""
    assert seconds_since_1900(datetime(1858, 11, 17, tzinfo=UTC).timestamp()) == struct.pack(">i", -1_297_728_000)


def test_time_starts_again_in_2036() -> None:
    """The last second of the 32 bits is 2036-02-07 06:28:15 UTC, and the next one is 0."""
    last = datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC).timestamp()
    assert seconds_since_1900(last) == b"\xff\xff\xff\xff"
    assert seconds_since_1900(last + 1) == b"\0\0\0\0"
    assert seconds_since_1900(last + 2) == b"\0\0\0\1"


@given(st.floats(min_value=-(2.0**40), max_value=2.0**40))
def test_time_is_four_bytes_and_never_ahead(now: float) -> None:
    """Whatever the clock says, the number is that of the second that has begun."""
    (seconds,) = struct.unpack(">I", seconds_since_1900(now))
    assert seconds == (math.floor(now) + 2_208_988_800) % 2**32


# -- daytime -------------------------------------------------------------------------------------------------------


def test_daytime_is_the_line_of_inetd(pacific: None) -> None:
    """By default it is the line that inetd sends, in local time."""
    assert daytime(EXAMPLE, "ctime", utc=False) == b"Mon Feb 22 17:37:43 1982\r\n"
    assert daytime(EXAMPLE, "ctime", utc=True) == b"Tue Feb 23 01:37:43 1982\r\n"


def test_daytime_in_iso_has_its_offset(pacific: None) -> None:
    """The ISO form says how far from UTC it is."""
    assert daytime(EXAMPLE, "iso", utc=False) == b"1982-02-22T17:37:43-08:00\r\n"
    assert daytime(EXAMPLE, "iso", utc=True) == b"1982-02-23T01:37:43+00:00\r\n"


def test_daytime_can_have_the_forms_of_the_rfc(pacific: None) -> None:
    """Both popular forms of RFC 867 can be had with a pattern (it has the weekday of the example wrong)."""
    assert daytime(EXAMPLE, "%A, %B %d, %Y %H:%M:%S-%Z", utc=False) == b"Monday, February 22, 1982 17:37:43-PST\r\n"
    assert daytime(EXAMPLE, "%d %b %y %H:%M:%S %Z", utc=False) == b"22 Feb 82 17:37:43 PST\r\n"


@given(st.floats(min_value=-62e9, max_value=250e9), st.sampled_from(["ctime", "iso", "%x %X", "%a %e %B %Y %T"]))
def test_daytime_is_one_line_of_ascii(now: float, style: str) -> None:
    """Whatever the moment and the style, it is one line of ASCII printing characters that ends in CR LF."""
    line = daytime(now, style, utc=True)
    assert line.endswith(b"\r\n")
    assert line[:-2].decode("ascii").isprintable()


def test_daytime_keeps_to_ascii_in_any_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that a locale or the name of a time zone brings in are replaced, not sent."""
    monkeypatch.setattr("plugserve_simple.protocol._line", lambda now, style, utc: "février")
    assert daytime(0, "%B", utc=False) == b"f?vrier\r\n"


@pytest.mark.parametrize("style", ["ctime", "iso", "%A", "%d %b %Y %T", "100%%"])
def test_usual_styles_are_accepted(style: str) -> None:
    """What gives one line of ASCII is a style."""
    check_daytime(style)


@pytest.mark.parametrize(
    "style, complaint",
    [
        ("rfc867", "is no style: write ctime, iso, or a pattern"),
        ("", "is no style"),
        ("%H%n%M", "one line of ASCII printing characters"),
        ("%H\t%M", "one line of ASCII printing characters"),
        ("%Hé", "one line of ASCII printing characters"),
        ("%A" * 200, "make it 510 at the most"),
    ],
)
def test_other_styles_are_refused_with_the_reason(style: str, complaint: str) -> None:
    """A style that breaks the RFC's rules, or is none, is refused."""
    with pytest.raises(ValueError, match=complaint):
        check_daytime(style)


# -- chargen -------------------------------------------------------------------------------------------------------


def test_chargen_begins_with_the_lines_of_the_rfc() -> None:
    """The first lines are those of RFC 864's example, and the last of the 95 starts with the last character."""
    lines = characters(0, CYCLE).split(b"\r\n")
    assert lines[0] == b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg"
    assert lines[1] == b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh"
    assert lines[94] == b"~ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef"
    assert len(lines) == 96
    assert lines[95] == b""


def test_chargen_follows_the_rule_of_the_rfc() -> None:
    """On line N stand the characters N to N + 71 of the ring of 95, and a CR LF ends it."""
    ring = bytes(range(32, 127))
    for number, line in enumerate(characters(0, 3 * CYCLE).split(b"\r\n")[:-1]):
        assert line == bytes(ring[(number + column) % 95] for column in range(72))


@given(st.integers(0, 4 * CYCLE), st.lists(st.integers(0, 2 * CYCLE), max_size=6))
def test_chargen_in_pieces_is_one_stream(offset: int, sizes: list[int]) -> None:
    """However it is cut, the pieces are exactly those of one endless stream."""
    whole = characters(0, 24 * CYCLE)
    for size in sizes:
        piece = characters(offset, size)
        assert len(piece) == size
        assert piece == whole[offset : offset + size]
        offset += size
    assert offset <= len(whole)
