from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_http.conditions import Validators, evaluate, if_range_holds
from plugserve_http.dates import format_date, parse_date
from plugserve_http.protocol import Request

MODIFIED = 784111777
NOW = 1_800_000_000.0
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
STATE = Validators('"tag"', MODIFIED)


def request(*headers: tuple[str, str]) -> Request:
    """A request with these headers."""
    return Request("GET", "/", "/", None, "HTTP/1.1", "", headers, 0)


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({}, None),
        ({"if-match": '"tag"'}, None),
        ({"if-match": "*"}, None),
        ({"if-match": '"other", "tag"'}, None),
        ({"if-match": '"other"'}, 412),
        ({"if-match": 'W/"tag"'}, 412),
        ({"if-match": "tag"}, 412),
        ({"if-match": ""}, 412),
        ({"if-none-match": '"tag"'}, 304),
        ({"if-none-match": 'W/"tag"'}, 304),
        ({"if-none-match": '"a,b" ,,"tag"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, None),
        ({"if-none-match": "tag"}, None),
        ({"if-none-match": '"tag'}, None),
        ({"if-none-match": '"a""tag"'}, None),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, None),
        ({"if-modified-since": "yesterday"}, None),
        ({"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
        ({"if-modified-since": "Sun Nov  6 08:49:37 1994"}, 304),
        ({"if-unmodified-since": DATE}, None),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-unmodified-since": "never"}, None),
        # The order of section 13.2.2: tags overrule dates, and If-Match comes before If-None-Match.
        ({"if-match": '"tag"', "if-unmodified-since": EARLIER}, None),
        ({"if-none-match": '"other"', "if-modified-since": DATE}, None),
        ({"if-match": '"other"', "if-none-match": '"tag"'}, 412),
        ({"if-match": '"tag"', "if-none-match": '"tag"'}, 304),
        ({"if-unmodified-since": EARLIER, "if-none-match": '"tag"'}, 412),
        ({"if-unmodified-since": DATE, "if-modified-since": DATE}, 304),
    ],
)
def test_http_conditions_are_decided_as_the_rfc_orders(headers: dict[str, str], expected: int | None) -> None:
    """A table of RFC 9110, section 13."""
    assert evaluate(request(*headers.items()), STATE, NOW) == expected


def test_http_a_date_given_twice_is_no_condition() -> None:
    """Section 13.1.3: more than one member is not valid."""
    assert evaluate(request(("if-modified-since", DATE), ("if-modified-since", DATE)), STATE, NOW) is None


@pytest.mark.parametrize(
    "value, holds",
    [
        ('"tag"', True),
        ('"other"', False),
        ('W/"tag"', False),
        (DATE, True),
        (LATER, False),
        (EARLIER, False),
        ("nonsense", False),
    ],
)
def test_http_if_range_needs_the_same_state(value: str, holds: bool) -> None:
    """Strong comparison only, and a date must be the same and not merely later."""
    assert if_range_holds(request(("if-range", value)), STATE, NOW) is holds


def test_http_a_date_of_the_same_second_is_no_strong_validator() -> None:
    """The file could change again within it."""
    assert not if_range_holds(request(("if-range", DATE)), STATE, float(MODIFIED))
    assert if_range_holds(request(("if-range", DATE)), STATE, MODIFIED + 1.0)


def test_http_a_weak_tag_saves_a_transfer_and_nothing_else() -> None:
    """Of a file that has only just changed: good for If-None-Match, not for If-Match and If-Range."""
    weak = Validators('W/"tag"', MODIFIED)
    for value in ('"tag"', 'W/"tag"'):
        assert evaluate(request(("if-none-match", value)), weak, NOW) == 304
        assert evaluate(request(("if-match", value)), weak, NOW) == 412
        assert not if_range_holds(request(("if-range", value)), weak, NOW)


@given(st.integers(0, 253402300799))
def test_http_dates_survive_the_round_trip(seconds: int) -> None:
    """From 1970 to 9999."""
    assert parse_date(format_date(seconds), NOW) == seconds


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"))
def test_http_whatever_is_no_date_is_none(text: str) -> None:
    """Never an exception."""
    assert parse_date(text, NOW) is None or isinstance(parse_date(text, NOW), int)


@given(st.text(max_size=40), st.text(max_size=40))
def test_http_any_conditions_can_be_decided(one: str, two: str) -> None:
    """Never an exception, and never anything but the three verdicts."""
    headers = (("if-match", one), ("if-none-match", two), ("if-modified-since", one), ("if-range", two))
    assert evaluate(request(*headers), STATE, NOW) in (None, 304, 412)
    assert if_range_holds(request(*headers), STATE, NOW) in (True, False)
