"""The request target: where it leads, and nowhere else (RFC 9112 section 3.2, RFC 3986)."""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from .refusal import Refusal

__all__ = ["Target", "check_host", "path_names", "split_target"]

_ABSOLUTE: Final = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#]+)([^?#]*)(?:\?([^#]*))?")
_ORIGIN: Final = re.compile(rb"(/[^?#]*)(?:\?([^#]*))?")
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")
"""RFC 9110 section 7.2: `uri-host [ ":" port ]`; empty where the target has no host."""

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

# What is a separator on some system, or ends a C string, is in no name that we serve.
_NEVER: Final = re.compile(r"[/\\\x00]")
# On Windows a name may also lead to a drive, to a second stream of a file, or to a device ("CON", "aux.html"), and
# dots and blanks at its end are ignored, so that one file would have many names.
_NEVER_ON_WINDOWS: Final = re.compile(
    r"[:<>\"|?*\x01-\x1f]|[. ]$|^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\xb9\xb2\xb3])(\.|$)", re.IGNORECASE
)


class Target(NamedTuple):
    """What a request line asks for.

    Attributes:
        path: as sent, percent-encoded; begins with `/`, or is `*`.
        query: as sent, without its `?`; None if there is none.
        authority: host and port of a target in absolute form, which overrule the field `Host`; None otherwise.
    """

    path: bytes
    query: bytes | None
    authority: bytes | None


def split_target(method: str, target: bytes) -> Target:
    """Split the request target.

    Errors: `Refusal`: 400 for what is none, 501 for `CONNECT`: this is no proxy.
    """
    if method == "CONNECT":
        raise Refusal(501, "this server is no proxy")
    if target == b"*" and method == "OPTIONS":
        return Target(b"*", None, None)
    match = _ORIGIN.fullmatch(target)
    if match is not None:
        return Target(match[1], match[2], None)
    match = _ABSOLUTE.fullmatch(target)
    if match is None or not check_host(match[1]):
        raise Refusal(400, "the request target is neither a path nor an http address")
    return Target(match[2] or b"/", match[3], match[1])


def check_host(value: bytes) -> bool:
    """Whether this is a value for the field `Host`."""
    return _HOST.fullmatch(value) is not None


def path_names(path: bytes, *, windows: bool = os.name == "nt") -> list[str] | None:
    """The names of the files and folders that a path leads through, percent-decoded once.

    Parameters:
        path: percent-encoded, as in `Target`.
        windows: whether names follow the rules of Windows.

    Returns: the names, without empty ones; None if one of them can be no name: `.` and `..`, and whatever has a slash,
        a backslash or a NUL in it.

    Errors: `Refusal` 400 if a `%` is not followed by two digits.
    """
    if _BAD_ESCAPE.search(path):
        raise Refusal(400, "the path has a % that is not followed by two hexadecimal digits")
    names = [os.fsdecode(unquote_to_bytes(name)) for name in path.split(b"/") if name]
    for name in names:
        if name in (".", "..") or _NEVER.search(name) or (windows and _NEVER_ON_WINDOWS.search(name)):
            return None
    return names
