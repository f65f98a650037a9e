"""SASLprep (RFC 4013): names and passwords as they are compared, whatever keyboard they were typed on."""

from __future__ import annotations

import stringprep
from typing import Final
from unicodedata import ucd_3_2_0

__all__ = ["TEXT_LIMIT", "saslprep"]

TEXT_LIMIT: Final = 1024
"""Characters of a name or a password, as given and as prepared: one character of three bytes may become 18, each of
which is looked up in ten tables, so that without a limit strangers could keep us busy for a second with one line."""

# RFC 4013, section 2.3.
_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, stored: bool = False) -> str:
    """Prepare a name or a password.

    Parameters:
        text: as it was given.
        stored: whether it is to be stored; characters that Unicode 3.2 has not assigned are then refused, while in what
            is only compared they may stand (RFC 3454, section 7).

    Returns: the prepared text, which may be empty.
    Errors: `ValueError`, which never quotes the text: it may be a password.
    """
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"it has more than {TEXT_LIMIT} characters")
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    if len(prepared) > TEXT_LIMIT:
        raise ValueError(f"it has more than {TEXT_LIMIT} characters")
    for char in set(prepared):
        if any(prohibited(char) for prohibited in _PROHIBITED):
            raise ValueError("it has a character that names and passwords may not have (RFC 4013)")
        if stored and stringprep.in_table_a1(char):
            raise ValueError("it has a character that is newer than Unicode 3.2 (RFC 4013)")
    if any(map(stringprep.in_table_d1, prepared)) and (
        # RFC 3454, section 6.
        any(map(stringprep.in_table_d2, prepared))
        or not stringprep.in_table_d1(prepared[0])
        or not stringprep.in_table_d1(prepared[-1])
    ):
        raise ValueError("it mixes writing from the left and from the right (RFC 3454, section 6)")
    return prepared
