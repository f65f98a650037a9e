"""Names and passwords are prepared as RFC 4013 says."""

from __future__ import annotations

import pytest

from plugserve_auth.saslprep import saslprep


@pytest.mark.parametrize(
    "text, prepared",
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
        ("", ""),
    ],
)
def test_examples(text: str, prepared: str) -> None:
    """The examples of RFC 4013, section 3, and a few more, come out as it says."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "a\u0000", "\ufffd", "\ue000", "\u0627a\u0628"])
def test_prohibited(text: str) -> None:
    """What is prohibited is refused, and the error does not quote it."""
    with pytest.raises(ValueError) as error:
        saslprep(text)
    assert text not in str(error.value)


def test_unassigned() -> None:
    """A character newer than Unicode 3.2 is compared, but not stored."""
    assert saslprep("\U0001f600") == "\U0001f600"
    with pytest.raises(ValueError, match=r"newer than Unicode 3\.2"):
        saslprep("\U0001f600", stored=True)


def test_bounded() -> None:
    """Text that is long, or becomes so, is refused before its characters are looked at."""
    assert saslprep("x" * 1024) == "x" * 1024
    assert len(saslprep("\ufdfa" * 56)) == 56 * 18
    for text in ("x" * 1025, "\u00e9" * 1025, "\ufdfa" * 57):
        with pytest.raises(ValueError, match="more than 1024"):
            saslprep(text)
