"""The one place where text from outside is made harmless for a log.

What a client sends, and what an exception says about it, may hold a line break that forges a line, an escape sequence
that a terminal obeys (CVE-2003-0063 and its kin), a bidirectional control that shows a line in another order than it
has (Unicode Technical Report 36, section 3), or half a surrogate pair that no decoder takes. After these functions a
line holds none of them: the line break that ends it is ours.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import Any, Final

__all__ = ["MOST_TEXT", "MOST_TRACEBACK", "clip", "clip_middle", "escaped", "quote", "to_json", "visible"]

MOST_TEXT: Final = 4096
"""Characters of one value: an exception may quote a megabyte of what the client sent."""

MOST_TRACEBACK: Final = 32 * 1024
"""Characters of one traceback: about 300 frames."""

quote: Final = encode_basestring_ascii
"""A string as JSON in ASCII, as fast as it gets. It lets two things through that `to_json` does not: see `escaped`."""


def escaped(line: str) -> bool:
    """Whether a line made with `quote` is good. It is not if DEL is in it, or what may be half a surrogate pair; both
    are rare, and these two searches cost less than a look at each value. `to_json` then writes the line anew."""
    return "\\ud" not in line and "\x7f" not in line


def clip(text: str, most: int = MOST_TEXT) -> str:
    """The beginning of a text, and how much is missing."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"


def clip_middle(text: str, most: int = MOST_TRACEBACK) -> str:
    """Both ends of a text: of a traceback, the entry and the place of the failure matter."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n... ({len(text) - 2 * half} characters left out)\n{text[-half:]}"


def visible(text: str, *, ascii_only: bool = False) -> str:
    """The text with everything that a terminal would not simply print written as an escape, as in a Python string.

    What is kept is what `str.isprintable` calls so: nothing of the Unicode categories Cc, Cf, Cs, Co, Cn, Zl and Zp,
    and of Zs only the space. A backslash is doubled, so that no text looks like the escape of another.

    Parameters:
        text: any string.
        ascii_only: also escape what is not ASCII, for a terminal whose encoding is not UTF-8: the second byte of many
            letters is a C1 control there.
    """
    if text.isprintable() and "\\" not in text and (text.isascii() or not ascii_only):
        return text
    return "".join([_escape(character, ascii_only) for character in text])


def _escape(character: str, ascii_only: bool) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

_encode: Final = json.JSONEncoder(separators=(",", ":"), default=str).encode


def to_json(fields: dict[str, Any], **_: Any) -> str:
    """One object as a line of JSON in ASCII, in the order of its keys, without the line break."""
    line = _encode(fields)
    if escaped(line):
        return line
    return _encode(_without_surrogates(fields)).replace("\x7f", "\\u007f")


def _without_surrogates(value: Any) -> Any:
    """Halves of surrogate pairs as text: `\\udc80` within a JSON string is an error for strict readers (RFC 8259,
    section 8.2), and a line that cannot be read hides its client."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(item) for item in value]
    return value if value is None or isinstance(value, (int, float)) else _without_surrogates(str(value))
