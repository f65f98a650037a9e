from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError
from plugserve.options import build_options, option_names
from plugserve_simple import (
    ChargenHandler,
    DaytimeHandler,
    DiscardHandler,
    EchoHandler,
    QotdHandler,
    TimeHandler,
)

WITH_OPTIONS = [ChargenHandler, DaytimeHandler, EchoHandler, QotdHandler, TimeHandler]


@pytest.mark.parametrize(
    "make, complaint",
    [
        (
            lambda: EchoHandler.Options(udp_burst=0),
            r"option 'udp-burst' is 0: give a whole number of datagrams, 1 or more",
        ),
        (lambda: TimeHandler.Options(udp="fast"), r"option 'udp' is 'fast': choose 'safe' or 'rfc'"),
        (lambda: TimeHandler.Options(udp_burst="9"), r"option 'udp-burst' is '9': give a whole number"),
        (lambda: DaytimeHandler.Options(format="long"), r"option 'format': 'long' is no style"),
        (lambda: DaytimeHandler.Options(format="%n"), r"option 'format': '%n' gives '\\n': RFC 867 wants one line"),
        (lambda: QotdHandler.Options(pick="best"), r"option 'pick' is 'best': choose 'day' or 'random'"),
        (lambda: ChargenHandler.Options(limit=-1), r"option 'limit' is -1: give a whole number of bytes, 1 or more"),
        (lambda: ChargenHandler.Options(rate=True), r"option 'rate' is True: give a whole number of bytes"),
        (lambda: ChargenHandler.Options(rate=1.5), r"option 'rate' is 1.5: give a whole number of bytes"),
    ],
)
def test_a_wrong_option_is_refused_with_what_would_be_right(make: Any, complaint: str) -> None:
    """The error names the option, what it was given, and what it wants."""
    with pytest.raises(ConfigurationError, match=complaint):
        make()


@pytest.mark.parametrize(
    "content, complaint",
    [
        (None, "cannot be read: No such file or directory: give the path of a text file"),
        (b"", "has no quotes: write one a line"),
        (b"%\n\n%\n", "has no quotes"),
        (b"\xff\xfe", "is no text file: save it as ASCII"),
        (b"fine\nna\xc3\xafve\n", "the quote that begins at line 2 has the character 'ï'"),
    ],
)
def test_a_wrong_file_of_quotes_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    """A missing, empty, binary or wrong file is found at start, and named."""
    file = tmp_path / "quotes"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        QotdHandler.Options(file=file)
    assert f"option 'file': {file}" in str(caught.value)


def test_quotes_come_from_the_file(tmp_path: Path) -> None:
    """The path may be text, as it is on a command line."""
    file = tmp_path / "quotes"
    file.write_text("One.\nTwo.\n")
    assert QotdHandler.Options(file=str(file)).quotes == (b"One.\r\n", b"Two.\r\n")


@pytest.mark.parametrize(
    "handler, names",
    [
        (EchoHandler, ["udp-burst"]),
        (DiscardHandler, []),
        (ChargenHandler, ["udp-burst", "udp", "limit", "rate"]),
        (DaytimeHandler, ["udp-burst", "udp", "format", "utc"]),
        (TimeHandler, ["udp-burst", "udp"]),
        (QotdHandler, ["udp-burst", "udp", "file", "pick"]),
    ],
)
def test_the_command_line_sees_the_options_and_nothing_else(handler: Any, names: list[str]) -> None:
    """The state that the options of one listener hold is no option."""
    assert option_names(handler) == names


def test_options_come_as_text_from_a_command_line() -> None:
    """Text becomes numbers and truth values."""
    assert build_options(ChargenHandler, {"limit": "1000", "rate": "50", "udp": "rfc"}) == ChargenHandler.Options(
        limit=1000, rate=50, udp="rfc"
    )
    assert build_options(DaytimeHandler, {"utc": "yes", "format": "iso"}).utc is True
    with pytest.raises(ConfigurationError, match="limit"):
        build_options(ChargenHandler, {"limit": "0"})


@pytest.mark.parametrize("handler", WITH_OPTIONS)
def test_options_can_be_compared_shown_copied_and_sent(handler: Any) -> None:
    """They are plain values, though they hold the budget of their listener; each copy gets a budget of its own."""
    options = handler.Options(udp_burst=3)
    for twin in (copy.deepcopy(options), pickle.loads(pickle.dumps(options)), dataclasses.replace(options)):
        assert twin == options
        assert twin.budget is not options.budget
        assert [twin.budget.take("key", 0.0) for _ in range(4)] == [True, True, True, False]
    assert "budget" not in repr(options)
    assert hash(options) == hash(handler.Options(udp_burst=3))
