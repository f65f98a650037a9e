"""Conditional requests (RFC 9110, section 13)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .dates import parse_date

if TYPE_CHECKING:
    from .protocol import Request

__all__ = ["Validators", "evaluate", "if_range_holds"]

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one state of a file from another.

    Attributes:
        etag: an entity tag with its quotes, and `W/` before them if it is a weak one.
        modified: seconds since the epoch.
    """

    etag: str
    modified: int


def evaluate(request: Request, validators: Validators, now: float) -> int | None:
    """Decide a conditional request in the order of section 13.2.2.

    Parameters:
        request: a GET or HEAD of something that exists.
        validators: of what would be sent.
        now: the current time, in seconds since the epoch.

    Returns: 304, 412, or None: answer as if there were no condition. Whatever is no date is ignored; what is no list
    of entity tags matches nothing.
    """
    wanted = request.get("if-match")
    if wanted is not None:
        if not _matches(wanted, validators.etag, weak=False):
            return 412
    else:
        limit = _date_of(request, "if-unmodified-since", now)
        if limit is not None and validators.modified > limit:
            return 412
    unwanted = request.get("if-none-match")
    if unwanted is not None:
        return 304 if _matches(unwanted, validators.etag, weak=True) else None
    since = _date_of(request, "if-modified-since", now)
    if since is not None and validators.modified <= since:
        return 304
    return None


def if_range_holds(request: Request, validators: Validators, now: float) -> bool:
    """Whether Range is to be looked at (section 13.1.5): the client's part is of the file as it is now."""
    values = request.all("if-range")
    if not values:
        return True
    if len(values) > 1:
        return False
    if validators.etag.startswith("W/"):
        return False  # neither a weak tag nor a date is exact while the file may still be changing
    if values[0].startswith(('"', "W/")):
        return values[0] == validators.etag
    # A date is a strong validator only if the file cannot have changed again in the same second (section 8.8.2.2).
    return parse_date(values[0], now) == validators.modified and validators.modified < int(now)


def _date_of(request: Request, name: str, now: float) -> int | None:
    values = request.all(name)
    return parse_date(values[0], now) if len(values) == 1 else None


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip(" \t") == "*":
        return True
    found, at = False, 0
    for index, char in enumerate(header):
        if index < at or char in " \t,":
            continue
        match = _TAG.match(header, index)
        if match is None:
            return False
        at = match.end()
        if header[at : at + 1].strip(" \t,"):
            return False
        same = match[2] == etag.removeprefix("W/")
        found = found or (same and (weak or not (match[1] or etag.startswith("W/"))))
    return found
