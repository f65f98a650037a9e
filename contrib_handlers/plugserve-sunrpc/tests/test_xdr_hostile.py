from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve_sunrpc import Packer, Unpacker, XDRError, load
from plugserve_sunrpc.protocols import mount3, nfs3, nlm4, rpcbind

TORTURE = load(Path(__file__).with_name("torture.x"), name="torture_hostile")

HUGE = [b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff"]


def tree(depth: int) -> Any:
    """A tree that is a list: each node has a left one only."""
    value = None
    for _ in range(depth):
        value = TORTURE.tree(value, TORTURE.counted.ONE, None)
    return value


def listing(entries: int) -> Any:
    """The entries of a directory, as READDIR answers them."""
    items = tuple(nfs3.entry3(number, b"name", number) for number in range(entries))
    reply = nfs3.dirlist3(items, True)
    return nfs3.READDIR3res(nfs3.nfsstat3.NFS3_OK, nfs3.READDIR3resok(None, b"\0" * 8, reply))


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize(
    "unpack",
    [
        Unpacker.unpack_opaque,
        Unpacker.unpack_string,
        lambda unpacker: unpacker.unpack_array(Unpacker.unpack_int),
        lambda unpacker: unpacker.unpack_array(TORTURE.scalars.unpack, minimum=64),
        lambda unpacker: unpacker.unpack_numbers("i"),
        lambda unpacker: unpacker.unpack_array(lambda each: None, minimum=0),
        TORTURE.blobs.unpack,
        TORTURE.arrays.unpack,
        mount3.mountres3_ok.unpack,
        rpcbind.call_result.unpack,
    ],
)
def test_huge_declared_lengths_allocate_nothing(length: bytes, unpack: Callable[[Unpacker], object]) -> None:
    """A length beyond what is there is refused before anything of that size is made."""
    raw = length * 64
    unpacker = Unpacker(raw)
    tracemalloc.start()
    try:
        with pytest.raises(XDRError):
            unpack(unpacker)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024


@pytest.mark.parametrize("entries", [1000, 100_000])
def test_a_linked_list_may_be_long(entries: int) -> None:
    """A list of directory entries, linked one to the next on the wire, is no recursion."""
    value = listing(entries)
    packer = Packer()
    value.pack(packer)
    unpacker = Unpacker(packer.data())
    result = nfs3.READDIR3res.unpack(unpacker)
    unpacker.done()
    assert result == value


def test_a_linked_list_is_limited() -> None:
    """The unpacker's limit ends a list, too."""
    packer = Packer()
    listing(100).pack(packer)
    with pytest.raises(XDRError, match="at most 99 items expected"):
        nfs3.READDIR3res.unpack(Unpacker(packer.data(), limit=99))


def test_recursion_is_bounded() -> None:
    """Types that contain themselves are unpacked to the depth that is asked for, and no deeper."""
    for depth, allowed in ((100, 100), (5, 5)):
        packer = Packer()
        tree(depth).pack(packer)
        raw = packer.data()
        unpacker = Unpacker(raw, depth=allowed)
        assert TORTURE.tree.unpack(unpacker) == tree(depth)
        unpacker.done()
        assert unpacker.depth == allowed
        with pytest.raises(XDRError, match="nested less deeply"):
            TORTURE.tree.unpack(Unpacker(raw, depth=allowed - 1))


def test_recursion_of_a_million_levels_is_refused() -> None:
    """Bytes that nest without end raise the error of XDR, even where the depth that is allowed is beyond Python's."""
    raw = b"\0\0\0\1" * 1_000_000
    with pytest.raises(XDRError, match="nested less deeply"):
        TORTURE.tree.unpack(Unpacker(raw))
    with pytest.raises(XDRError, match="nested less deeply"):
        TORTURE.tree.unpack(Unpacker(raw, depth=1_000_000))


def test_packing_too_deep_a_value_is_refused() -> None:
    """A value of one's own that is nested beyond what Python can follow is refused with the error of XDR."""
    with pytest.raises(XDRError, match="nested less deeply"):
        tree(5000).pack(Packer())


COMPILED = [
    each.unpack
    for module in (nfs3, mount3, nlm4, rpcbind, TORTURE)
    for each in vars(module).values()
    if hasattr(each, "unpack") and hasattr(each, "pack") and each.__module__ == module.__name__
]


@given(st.data())
def test_any_bytes_raise_nothing_but_the_error(data: st.DataObject) -> None:
    """Every struct and union of the compiled protocols takes any bytes: a value, or the error of XDR."""
    unpack = data.draw(st.sampled_from(COMPILED))
    # Small words, so that bools, lengths and enums are often right and the code behind them is reached.
    words = st.integers(0, 5).map(lambda number: number.to_bytes(4)) | st.binary(min_size=4, max_size=4)
    raw = b"".join(data.draw(st.lists(words, max_size=60)))
    unpacker = Unpacker(raw)
    try:
        value = unpack(unpacker)
    except XDRError as error:
        offset = error.offset
        inside = 0 <= offset <= len(raw)
    else:
        packer = Packer()
        value.pack(packer)
        inside = packer.position == unpacker.position
    assert inside


def test_every_compiled_type_is_reached() -> None:
    """The list that the test above draws from has the types of five descriptions."""
    assert len(COMPILED) > 140
