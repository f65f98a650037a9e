from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_http.ranges import Unsatisfiable, multipart, parse_ranges


@pytest.mark.parametrize(
    "header, expected",
    [
        ("bytes=0-4", [(0, 4)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=5-", [(5, 9)]),
        ("bytes=-3", [(7, 9)]),
        ("bytes=-30", [(0, 9)]),
        ("bytes=3-300", [(3, 9)]),
        ("Bytes=0-4", [(0, 4)]),
        ("bytes= 0-1 , 3-4", [(0, 1), (3, 4)]),
        ("bytes=,0-1,,", [(0, 1)]),
        ("bytes=8-9,0-1", [(8, 9), (0, 1)]),
        ("bytes=0-1,20-30", [(0, 1)]),
        ("bytes=0-1,-0", [(0, 1)]),
        # Ignored, so the whole file:
        ("bytes=4-3", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=1--2", None),
        ("bytes=+1-2", None),
        ("bytes=0-1;2-3", None),
        ("items=0-4", None),
        ("bytes=0-1,x", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=" + ",".join(["0-0"] * 33), None),
        ("bytes=0-,0-", None),  # CVE-2011-3192: together they are longer than the file
    ],
)
def test_http_ranges_are_what_the_rfc_says(header: str, expected: list[tuple[int, int]] | None) -> None:
    """A table of RFC 9110, section 14, for a file of ten bytes."""
    assert parse_ranges(header, 10) == expected


@pytest.mark.parametrize("header, size", [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_http_ranges_beyond_the_file_cannot_be_satisfied(header: str, size: int) -> None:
    """That is 416, and not the whole file."""
    with pytest.raises(Unsatisfiable):
        parse_ranges(header, size)


@given(
    st.text(max_size=30) | st.from_regex(r"bytes=([0-9]{0,3}-[0-9]{0,3},?){1,5}", fullmatch=True), st.integers(0, 50)
)
def test_http_any_ranges_are_within_the_file(header: str, size: int) -> None:
    """Never an exception but the one, and never a byte that is not there, nor more bytes than there are."""
    try:
        ranges = parse_ranges(header, size)
    except Unsatisfiable:
        return
    for first, last in ranges or []:
        assert 0 <= first <= last < size
    assert sum(last - first + 1 for first, last in ranges or []) <= size


def test_http_several_ranges_are_a_multipart_body() -> None:
    """Byte for byte as in RFC 9110, section 14.6."""
    text = b"0123456789"
    pieces = multipart([(0, 1), (8, 9)], 10, "text/plain", "BOUNDARY")
    body = b"".join(piece.text + text[piece.first : piece.first + piece.length] for piece in pieces)
    assert body == (
        b"--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
        b"--BOUNDARY\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n"
        b"--BOUNDARY--\r\n"
    )
