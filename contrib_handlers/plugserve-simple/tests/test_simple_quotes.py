from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_simple.quotes import BUILT_IN, encode_quote, parse_quotes


def test_built_in_quotes_keep_to_the_rfc() -> None:
    """Each is one that RFC 865 allows, and none is there twice."""
    for quote in BUILT_IN:
        encode_quote(quote)
    assert len(set(BUILT_IN)) == len(BUILT_IN)


def test_a_file_without_percent_lines_has_a_quote_a_line() -> None:
    """Every line that is not blank is a quote."""
    assert parse_quotes("One.\n\n  \nTwo, 100 % sure.\r\nThree.") == ["One.", "Two, 100 % sure.", "Three."]


def test_a_file_with_percent_lines_has_quotes_between_them() -> None:
    """As in the files of fortune(6), a quote has as many lines as its writer wants, and tabs become spaces."""
    text = "One\n\tand a half.\n%\n%\nTwo.\n\nAfter a blank line.\n% \n\n"
    assert parse_quotes(text) == ["One\n        and a half.", "Two.\n\nAfter a blank line."]


def test_a_quote_is_sent_with_network_line_ends() -> None:
    """Lines end in CR LF, the last one too."""
    assert encode_quote("One\ntwo.") == b"One\r\ntwo.\r\n"


def test_a_quote_has_less_than_512_bytes() -> None:
    """With its line end, 511 bytes are allowed and 512 are not."""
    assert len(encode_quote("x" * 509)) == 511
    with pytest.raises(ValueError, match="has 512 bytes with its line ends: RFC 865 wants less than 512"):
        encode_quote("x" * 510)


@pytest.mark.parametrize("character", ["é", "\x1b", "\r", "\x00", "\u2028"])
def test_a_quote_has_printing_characters_only(character: str) -> None:
    """A terminal's escape sequences, and letters outside of ASCII, are refused."""
    with pytest.raises(ValueError, match="ASCII printing characters only"):
        encode_quote(f"a{character}b")


@pytest.mark.parametrize("text, line", [("fine\nna\u00efve\n", 2), ("fine\n%\nalso\nfine\n%\n" + "x" * 600, 6)])
def test_a_bad_quote_is_named_by_its_line(text: str, line: int) -> None:
    """Whoever keeps the file is told where to look."""
    with pytest.raises(ValueError, match=f"the quote that begins at line {line} has "):
        parse_quotes(text)


@given(st.text())
def test_every_text_is_either_quotes_or_refused(text: str) -> None:
    """No text breaks the parser, and what it lets through can be sent."""
    try:
        quotes = parse_quotes(text)
    except ValueError:
        return
    for quote in quotes:
        assert quote
        assert len(encode_quote(quote)) < 512
