"""HTTP-date (RFC 9110 section 5.6.7), independent of the locale."""

from __future__ import annotations

import re
from calendar import timegm
from time import gmtime
from typing import Final

__all__ = ["format_date", "parse_date"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_TIME: Final = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS: Final = tuple(
    re.compile(form, re.ASCII)
    for form in (
        # Sun, 06 Nov 1994 08:49:37 GMT
        rf"[A-Z][a-z][a-z], (?P<day>\d\d) (?P<month>[A-Z][a-z][a-z]) (?P<year>\d{{4}}) {_TIME} GMT",
        # Sunday, 06-Nov-94 08:49:37 GMT
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z][a-z])-(?P<year>\d\d) {_TIME} GMT",
        # Sun Nov  6 08:49:37 1994
        rf"[A-Z][a-z][a-z] (?P<month>[A-Z][a-z][a-z]) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)


def format_date(seconds: float) -> str:
    """A time in seconds since the epoch as `Sun, 06 Nov 1994 08:49:37 GMT`."""
    when = gmtime(seconds)
    return "%s, %02d %s %04d %02d:%02d:%02d GMT" % (
        _DAYS[when.tm_wday],
        when.tm_mday,
        _MONTHS[when.tm_mon - 1],
        when.tm_year,
        when.tm_hour,
        when.tm_min,
        when.tm_sec,
    )


def parse_date(text: str, now: float) -> int | None:
    """Seconds since the epoch; None if the text is no HTTP-date in one of the three forms.

    Parameters:
        text: the field value.
        now: seconds since the epoch. A year of two digits that would lie more than 50 years ahead is in the past.
    """
    match = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    if match is None or match["month"] not in _MONTHS:
        return None
    month = _MONTHS.index(match["month"]) + 1
    day, hour, minute, second = (int(match[name]) for name in ("day", "hour", "minute", "second"))
    year = int(match["year"])
    if len(match["year"]) == 2:
        this_year = gmtime(now).tm_year
        year += this_year - this_year % 100
        if year > this_year + 50:
            year -= 100
    # A leap second (60) counts as the next minute's first, as everywhere in Unix time.
    if not (year >= 1 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    seconds = timegm((year, month, day, hour, minute, second))
    # timegm turns 31 February into a day in March: that is no date.
    return seconds if gmtime(timegm((year, month, day, 0, 0, 0))).tm_mday == day else None
