from __future__ import annotations

import math
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ProtocolError
from plugserve_sunrpc import Packer, Unpacker, XDRError


class Color(IntEnum):
    RED = 1
    BLUE = -3


def packed(method: Callable[..., object], *arguments: Any) -> bytes:
    """The bytes that one call packs."""
    packer = Packer()
    method(packer, *arguments)
    return packer.data()


TYPES: dict[str, tuple[st.SearchStrategy[Any], Callable[[Packer, Any], object], Callable[[Unpacker], Any]]] = {
    "int": (st.integers(-(2**31), 2**31 - 1), Packer.pack_int, Unpacker.unpack_int),
    "unsigned int": (st.integers(0, 2**32 - 1), Packer.pack_uint, Unpacker.unpack_uint),
    "hyper": (st.integers(-(2**63), 2**63 - 1), Packer.pack_hyper, Unpacker.unpack_hyper),
    "unsigned hyper": (st.integers(0, 2**64 - 1), Packer.pack_uhyper, Unpacker.unpack_uhyper),
    "bool": (st.booleans(), Packer.pack_bool, Unpacker.unpack_bool),
    "float": (st.floats(width=32, allow_nan=False), Packer.pack_float, Unpacker.unpack_float),
    "double": (st.floats(allow_nan=False), Packer.pack_double, Unpacker.unpack_double),
    "quadruple": (st.binary(min_size=16, max_size=16), Packer.pack_quadruple, Unpacker.unpack_quadruple),
    "char": (st.integers(-128, 127), Packer.pack_char, Unpacker.unpack_char),
    "unsigned char": (st.integers(0, 255), Packer.pack_uchar, Unpacker.unpack_uchar),
    "short": (st.integers(-32768, 32767), Packer.pack_short, Unpacker.unpack_short),
    "unsigned short": (st.integers(0, 65535), Packer.pack_ushort, Unpacker.unpack_ushort),
    "enum": (
        st.sampled_from(Color),
        lambda packer, value: packer.pack_enum(value, Color),
        lambda unpacker: unpacker.unpack_enum(Color),
    ),
    "opaque[5]": (
        st.binary(min_size=5, max_size=5),
        lambda packer, value: packer.pack_opaque_fixed(5, value),
        lambda unpacker: unpacker.unpack_opaque_fixed(5),
    ),
    "opaque<9>": (
        st.binary(max_size=9),
        lambda packer, value: packer.pack_opaque(value, 9),
        lambda unpacker: unpacker.unpack_opaque(9),
    ),
    "string<9>": (
        st.binary(max_size=9),
        lambda packer, value: packer.pack_string(value, 9),
        lambda unpacker: unpacker.unpack_string(9),
    ),
    "int[3]": (
        st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 3),
        lambda packer, value: packer.pack_array_fixed(3, value, Packer.pack_int),
        lambda unpacker: unpacker.unpack_array_fixed(3, Unpacker.unpack_int),
    ),
    "hyper<4>": (
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(tuple),
        lambda packer, value: packer.pack_array(value, Packer.pack_hyper, 4),
        lambda unpacker: unpacker.unpack_array(Unpacker.unpack_hyper, 4, 8),
    ),
    "numbers<>": (
        st.lists(st.integers(0, 2**64 - 1)).map(tuple),
        lambda packer, value: packer.pack_numbers(value, "Q"),
        lambda unpacker: unpacker.unpack_numbers("Q"),
    ),
    "optional": (
        st.none() | st.binary(),
        lambda packer, value: packer.pack_optional(value, Packer.pack_opaque),
        lambda unpacker: unpacker.unpack_optional(Unpacker.unpack_opaque),
    ),
    "chain": (
        st.lists(st.binary()).map(tuple),
        lambda packer, value: packer.pack_chain(value, Packer.pack_opaque),
        lambda unpacker: unpacker.unpack_chain(Unpacker.unpack_opaque),
    ),
}


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_values_come_back(name: str, data: st.DataObject) -> None:
    """What is packed is unpacked the same, takes a multiple of four bytes, and nothing is left."""
    values, pack, unpack = TYPES[name]
    value = data.draw(values)
    raw = packed(pack, value)
    assert len(raw) % 4 == 0
    unpacker = Unpacker(raw)
    result = unpack(unpacker)
    unpacker.done()
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_truncated_values_are_refused(name: str, data: st.DataObject) -> None:
    """Whatever the byte after which the data ends, unpacking raises the error of XDR, with an offset inside."""
    values, pack, unpack = TYPES[name]
    raw = packed(pack, data.draw(values))
    for end in range(len(raw)):
        with pytest.raises(XDRError) as caught:
            unpack(Unpacker(raw[:end]))
        assert 0 <= caught.value.offset <= end


@pytest.mark.parametrize("name", TYPES)
@given(raw=st.binary(max_size=64))
def test_any_bytes_raise_nothing_else(name: str, raw: bytes) -> None:
    """Of any bytes at all comes a value, which packs to the same bytes, or the error of XDR."""
    _, pack, unpack = TYPES[name]
    unpacker = Unpacker(raw)
    try:
        value = unpack(unpacker)
    except XDRError:
        return
    again = packed(pack, value)
    if not (isinstance(value, float) and math.isnan(value)):
        assert again == raw[: unpacker.position]


WRONG: list[Any] = [None, "text", b"bytes", 2**70, -(2**70), 1.5, [], Ellipsis, {"a": 1}, [None], True, 1e300]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_wrong_python_values_raise_nothing_else(name: str, value: Any) -> None:
    """A value of a wrong type or range is packed as what it equals, or refused with the error of XDR."""
    _, pack, _ = TYPES[name]
    message = "expected"
    try:
        packed(pack, value)
    except XDRError as error:
        message = str(error)
    assert "expected" in message


def test_error_is_the_protocols() -> None:
    """The error belongs to the peer, as every `ProtocolError`, and knows its offset."""
    unpacker = Unpacker(b"\0\0\0\1\0\0\0\2")
    unpacker.unpack_int()
    with pytest.raises(ProtocolError, match=r"a bool, 0 or 1, expected, not 2 \(at offset 4\)") as caught:
        unpacker.unpack_bool()
    assert isinstance(caught.value, XDRError)
    assert caught.value.offset == 4


def color(unpacker: Unpacker) -> Color:
    """An enum."""
    return unpacker.unpack_enum(Color)


def three(unpacker: Unpacker) -> bytes:
    """opaque[3]."""
    return unpacker.unpack_opaque_fixed(3)


def four(unpacker: Unpacker) -> bytes:
    """opaque<4>."""
    return unpacker.unpack_opaque(4)


ERRORS = [
    (b"\0\0\0\2", Unpacker.unpack_bool, "a bool, 0 or 1, expected, not 2 (at offset 0)"),
    (b"\xff\xff\xff\xff", Unpacker.unpack_bool, "a bool, 0 or 1, expected, not 4294967295 (at offset 0)"),
    (b"\0\0\0\7", color, "a member of Color expected (RED = 1, BLUE = -3), not 7 (at offset 0)"),
    (b"\0\0\0\1a\0\1\0", four, "3 fill bytes of zero expected, not b'\\x00\\x01\\x00' (at offset 5)"),
    (b"\0\0\0\2ab\0", four, "2 fill bytes of zero expected, not b'\\x00' (at offset 6)"),
    (b"abc\1", three, "fill bytes of zero expected, not b'\\x01' (at offset 3)"),
    (b"\0\0\0\5abcde\0\0\0", four, "at most 4 bytes expected, not 5 (at offset 0)"),
    (b"\0\0\0\4abc", four, "4 bytes announced, but only 3 bytes of data are left (at offset 0)"),
    (b"\0\0", Unpacker.unpack_int, "an int expected, 4 bytes, but the data ends after 2 (at offset 0)"),
    (b"\0\0\0\x80", Unpacker.unpack_char, "an integer from -128 to 127 expected, not 128 (at offset 0)"),
]


@pytest.mark.parametrize("raw, unpack, message", ERRORS)
def test_errors_say_what_and_where(raw: bytes, unpack: Callable[[Unpacker], Any], message: str) -> None:
    """An error says what was expected, what was there instead, and at which offset."""
    with pytest.raises(XDRError) as caught:
        unpack(Unpacker(raw))
    assert str(caught.value) == message


def test_what_is_left_is_refused() -> None:
    """`done` raises when bytes are left, and says how many."""
    unpacker = Unpacker(b"\0\0\0\1\0\0\0\2")
    assert unpacker.unpack_uint() == 1
    assert unpacker.remaining == 4
    with pytest.raises(XDRError, match="4 bytes are left"):
        unpacker.done()
    assert unpacker.rest() == b"\0\0\0\2"
    unpacker.done()


def test_the_example_of_the_rfc() -> None:
    """The file of RFC 4506, section 7, packs to the bytes that are printed there."""
    packer = Packer()
    packer.pack_string("sillyprog", 255)
    packer.pack_enum(2)
    packer.pack_string("lisp", 255)
    packer.pack_string("john", 32)
    packer.pack_opaque(b"(quit)", 65535)
    expected = (
        "00000009 73696c6c 7970726f 67000000 00000002 00000004 6c69737000000004 6a6f686e 00000006 28717569 74290000"
    )
    assert packer.data() == bytes.fromhex(expected)
    assert packer.position == 48


def test_a_string_of_text_is_utf_8() -> None:
    """A `str` is packed as UTF-8, and its limit counts bytes."""
    assert packed(Packer.pack_string, "hä", 3) == b"\0\0\0\3h\xc3\xa4\0"
    with pytest.raises(XDRError, match="at most 2 bytes expected, not 3"):
        packed(Packer.pack_string, "hä", 2)


def test_a_buffer_that_changes_later_is_copied() -> None:
    """A bytearray is packed as it was at the time."""
    data = bytearray(b"abcd")
    packer = Packer()
    packer.pack_opaque(data)
    data[0] = 0
    assert packer.data() == b"\0\0\0\4abcd"


def test_float_keeps_nan_and_infinity() -> None:
    """The special values of IEEE 754 pass."""
    assert packed(Packer.pack_float, math.inf) == struct.pack(">f", math.inf)
    assert math.isnan(Unpacker(packed(Packer.pack_double, math.nan)).unpack_double())


@pytest.mark.parametrize("limit", [0, 3])
def test_the_unpackers_own_limit_holds_everywhere(limit: int) -> None:
    """A limit given to the unpacker holds for bytes, items and lists, where the description allows more."""
    many = [
        (packed(Packer.pack_opaque, b"abcde"), Unpacker.unpack_opaque),
        (packed(Packer.pack_numbers, range(5), "i"), lambda unpacker: unpacker.unpack_numbers("i")),
        (packed(Packer.pack_chain, range(5), Packer.pack_int), lambda u: u.unpack_chain(Unpacker.unpack_int)),
    ]
    for raw, unpack in many:
        with pytest.raises(XDRError, match=f"at most {limit} (bytes|items) expected"):
            unpack(Unpacker(raw, limit=limit))
