"""Quotes for qotd: a few of our own, and how to read a file of them."""

from __future__ import annotations

from typing import Final

from .protocol import LONGEST

__all__ = ["BUILT_IN", "encode_quote", "parse_quotes"]

BUILT_IN: Final = (
    "A server that cannot be stopped cannot be started again.",
    "Every port is open to somebody.",
    "The shortest reply is the hardest to forge into a flood.",
    "Nobody reads the log until the day somebody must.",
    "A timeout is a decision that nobody wanted to make.",
    "What the peer promised, the peer may also forget.",
    "Silence on the wire is a message too; it only takes longer to arrive.",
    "Small protocols live long: there is so little in them that can break.",
    "A limit you did not set is set by whoever attacks you.",
    "Two servers that are polite to each other never stop talking.",
    "Count the bytes twice; the network counts them only once.",
    "Whoever speaks first should keep it short.",
)


def parse_quotes(text: str) -> list[str]:
    """Quotes from the text of a file.

    If any line is a single `%`, these lines stand between the quotes, as in the files of fortune(6); a quote may then
    have several lines. If none is, every line is a quote. Blank quotes are left out.

    Errors: `ValueError` names the line where a quote begins that `encode_quote` refuses.
    """
    lines = text.expandtabs().splitlines()
    if any(line.rstrip() == "%" for line in lines):
        found: list[tuple[int, list[str]]] = [(1, [])]
        for number, line in enumerate(lines, 1):
            if line.rstrip() == "%":
                found.append((number + 1, []))
            else:
                found[-1][1].append(line.rstrip())
    else:
        found = [(number, [line.rstrip()]) for number, line in enumerate(lines, 1)]
    quotes = []
    for number, quote in found:
        joined = "\n".join(quote).strip("\n")
        if joined:
            try:
                encode_quote(joined)
            except ValueError as error:
                raise ValueError(f"the quote that begins at line {number} {error}") from None
            quotes.append(joined)
    return quotes


def encode_quote(quote: str) -> bytes:
    """A quote as it is sent: ASCII printing characters, space, CR and LF, less than 512 of them (RFC 865).

    Errors: `ValueError`, to be read after a name for the quote.
    """
    for character in quote:
        if character != "\n" and not (character.isascii() and character.isprintable()):
            raise ValueError(f"has the character {character!r}: RFC 865 wants ASCII printing characters only")
    data = quote.replace("\n", "\r\n").encode("ascii") + b"\r\n"
    if len(data) >= LONGEST:
        raise ValueError(f"has {len(data)} bytes with its line ends: RFC 865 wants less than {LONGEST}")
    return data
