from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_sunrpc.record import RecordError, RecordReader, encode_record

LAST = 2**31


def header(size: int, *, last: bool = False) -> bytes:
    """The mark of a fragment."""
    return struct.pack(">I", size | (LAST if last else 0))


def records(portions: list[bytes], limit: int = 1000, **limits: int) -> tuple[list[bytes], str]:
    """What a reader makes of a stream in portions: the records, and the error that ended it."""
    reader = RecordReader(limit, **limits)
    found: list[bytes] = []
    try:
        for portion in portions:
            reader.feed(portion)
            while (record := reader.next_record()) is not None:
                found.append(record)
    except RecordError as error:
        return found, str(error)
    return found, ""


FRAGMENTS = st.lists(st.tuples(st.binary(max_size=30), st.booleans()), max_size=12).map(
    lambda parts: b"".join(header(len(part), last=last) + part for part, last in parts)
)
LIMITS = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 60),
        "fragment_limit": st.integers(1, 40),
        "fragments": st.integers(1, 5),
        "empty": st.integers(0, 2),
    }
)


@given(FRAGMENTS | st.binary(max_size=60), LIMITS, st.data())
def test_byte_at_a_time_equals_bulk(stream: bytes, limits: dict[str, int], data: st.DataObject) -> None:
    """The same records and the same error, in any portions."""
    whole = records([stream], **limits)
    assert records([stream[at : at + 1] for at in range(len(stream))], **limits) == whole
    cut = data.draw(st.integers(0, len(stream)))
    assert records([stream[:cut], stream[cut:]], **limits) == whole


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 60))
def test_records_come_back_as_they_were(messages: list[bytes], fragment: int) -> None:
    """In fragments of any size."""
    stream = b"".join(encode_record(message, fragment) for message in messages)
    assert records([stream]) == (messages, "")


def test_a_record_may_end_with_an_empty_fragment() -> None:
    """As senders do that flush before they know that it was the end."""
    assert records([header(3) + b"abc" + header(0, last=True) + header(2, last=True) + b"de"]) == ([b"abc", b"de"], "")


def test_a_fragment_or_record_beyond_its_limit_is_refused_by_its_header() -> None:
    """Before any of its bytes have come."""
    assert records([header(LAST - 1, last=True)]) == ([], "a fragment of at most 1000 bytes expected, not 2147483647")
    assert records([header(600) + bytes(600) + header(401, last=True)])[1] == (
        "a record of at most 1000 bytes expected, not 1001 or more"
    )
    assert records([header(11)], fragment_limit=10)[1] == "a fragment of at most 10 bytes expected, not 11"


def test_zero_length_fragments_are_bounded() -> None:
    """They make no progress, so a few are enough for everybody."""
    assert records([header(0) * 8 + header(1, last=True) + b"x"]) == ([b"x"], "")
    assert records([header(0) * 9])[1] == "a record with at most 8 empty fragments expected"


def test_a_record_of_a_million_fragments_is_refused_at_the_limit() -> None:
    """However little is in each: the bytes alone would be within the limit."""
    stream = (header(1) + b"x") * 1_000_000
    reader = RecordReader(1 << 21)
    reader.feed(stream)
    with pytest.raises(RecordError, match="at most 1024 fragments"):
        reader.next_record()
    assert len(stream) - reader.pending <= 1024 * 5


def test_a_claim_takes_no_memory() -> None:
    """A hundred readers of 2 GiB records, of which three bytes are there, keep a few hundred bytes each."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    readers = [RecordReader(LAST) for _ in range(100)]
    for reader in readers:
        reader.feed(header(LAST - 1) + b"abc")
        assert reader.next_record() is None
        assert reader.pending == 3
        assert reader.amid
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000


def test_what_is_behind_a_record_can_be_taken_back() -> None:
    """For a handshake that starts there."""
    reader = RecordReader()
    reader.feed(encode_record(b"one") + b"\x16\x03\x01rest")
    assert reader.next_record() == b"one"
    assert reader.rest() == b"\x16\x03\x01rest"
    assert not reader.amid
