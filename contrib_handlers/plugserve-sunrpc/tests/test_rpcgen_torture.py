from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugserve_sunrpc import Packer, Unpacker, XDRError, load

HERE = Path(__file__).parent
T = load(HERE / "torture.x", name="torture_loaded")

INT = st.integers(-(2**31), 2**31 - 1)
UINT = st.integers(0, 2**32 - 1)
HYPER = st.integers(-(2**63), 2**63 - 1)
UHYPER = st.integers(0, 2**64 - 1)
DOUBLE = st.floats(allow_nan=False)
COLOR = st.sampled_from(T.color)
# C's strings end at a NUL byte; XDR's do not.
TEXT = st.binary(max_size=32).map(lambda data: data.replace(b"\0", b"-"))


def tuples(items: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[Any]:
    """Arrays."""
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def opaque(size: int) -> st.SearchStrategy[bytes]:
    """Bytes of one size."""
    return st.binary(min_size=size, max_size=size)


SCALARS = st.builds(
    T.scalars, INT, UINT, HYPER, UHYPER, st.floats(width=32, allow_nan=False), DOUBLE, st.booleans(), COLOR,
    st.integers(-128, 127), st.integers(0, 255), st.integers(-32768, 32767), st.integers(0, 65535), INT, UINT, UINT,
)  # fmt: skip
BLOBS = st.builds(T.blobs, opaque(3), st.binary(max_size=40), TEXT, opaque(5), st.binary(max_size=16), TEXT)
ARRAYS = st.builds(
    T.arrays, tuples(INT, 3, 3), tuples(SCALARS, 0, 2), tuples(COLOR, 0, 5), tuples(st.booleans(), 2, 2),
    tuples(HYPER, 0, 8), tuples(TEXT, 0, 3), tuples(DOUBLE, 0, 5), tuples(st.integers(-128, 127), 4, 4),
    tuples(SCALARS, 2, 2), tuples(opaque(5), 0, 7),
)  # fmt: skip
NODES = tuples(st.builds(T.node, INT), 0, 10)
COUNTED = st.sampled_from(T.counted)
TREE = st.recursive(
    st.builds(T.tree, st.none(), COUNTED, st.none()),
    lambda inner: st.builds(T.tree, st.none() | inner, COUNTED, st.none() | inner),
    max_leaves=6,
)
SHAPE = st.builds(T.shape, st.just(T.color.RED), INT) | st.builds(
    T.shape, st.sampled_from([T.color.GREEN, T.color.BLUE]), TEXT
)
NUMBER = (
    st.just(T.number(0))
    | st.builds(T.number, st.just(1), SCALARS)
    | st.builds(T.number, st.just(-5), NODES)
    | st.builds(T.number, INT.filter(lambda kind: kind not in {0, 1, -5}), st.binary(max_size=9))
)
TORTURE = st.builds(
    T.torture, SCALARS, BLOBS, ARRAYS, NODES, st.none() | TREE, tuples(SHAPE, 0, 3), NUMBER, st.none() | HYPER,
    st.none() | COLOR, st.none() | TEXT,
)  # fmt: skip


def packed(value: Any) -> bytes:
    """The bytes of a value."""
    packer = Packer()
    value.pack(packer)
    return packer.data()


def scalars(start: int) -> Any:
    """A struct of numbers that are all different."""
    return T.scalars(
        -start, 2**32 - start, -(2**62) - start, 2**64 - start, start / 8, math.pi * start, True, T.color.BLUE,
        -start, 250, -30000, 60000, -(2**31), 2**32 - 1, start,
    )  # fmt: skip


EXAMPLE = T.torture(
    scalars(1),
    T.blobs(b"abc", b"any\0thing", b"words", b"12345", b"sixteen bytes ok", b"line"),
    T.arrays(
        (1, -2, 3),
        (scalars(2),),
        (T.color.RED, T.color.BLUE),
        (True, False),
        (-1, 2**63 - 1),
        (b"", b"a", b"bb"),
        (1.5, -math.inf),
        (-128, 127, 0, 1),
        (scalars(3), scalars(4)),
        (b"abcde",),
    ),
    tuple(T.node(number) for number in (3, 1, 4, 1, 5)),
    T.tree(T.tree(None, T.counted.FIVE, None), T.counted.ONE, T.tree(None, T.counted.SIX, None)),
    (T.shape(T.color.RED, 7), T.shape(T.color.GREEN, b"green"), T.shape(T.color.BLUE, b"blue")),
    T.number(-5, (T.node(9),)),
    2**40,
    T.color.GREEN,
    b"per ardua",
)


@given(TORTURE)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_all_types_come_back(value: Any) -> None:
    """A value with every type of the language in it is unpacked as it was packed."""
    unpacker = Unpacker(packed(value))
    assert T.torture.unpack(unpacker) == value
    unpacker.done()


def test_truncated_at_every_byte() -> None:
    """Data that ends early raises the error of XDR, wherever it ends."""
    raw = packed(EXAMPLE)
    for end in range(len(raw)):
        with pytest.raises(XDRError):
            T.torture.unpack(Unpacker(raw[:end]))


def test_changed_at_every_byte() -> None:
    """One byte that is another one makes another value of the same size, or the error of XDR, and nothing else."""
    raw = packed(EXAMPLE)
    for index in range(len(raw)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(raw)
            changed[index] ^= change
            try:
                value = T.torture.unpack(Unpacker(changed))
            except XDRError:
                continue
            again = packed(value)
            assert changed.startswith(again) or math.isnan(value.all.f) or math.isnan(value.all.d)


def test_values_of_a_wrong_type_are_refused() -> None:
    """A struct with a field that is not of its type is refused when it is packed, with the struct's name."""
    for wrong in ("text", None, 2**80, -1, 1.5):
        with pytest.raises(XDRError, match="scalars"):
            packed(T.scalars(1, wrong, 1, 1, 1.0, 1.0, True, T.color.RED, 1, 1, 1, 1, 1, 1, 1))
    with pytest.raises(XDRError, match=r"b from 0 to 1 expected, not 7"):
        packed(T.scalars(1, 1, 1, 1, 1.0, 1.0, 7, T.color.RED, 1, 1, 1, 1, 1, 1, 1))
    with pytest.raises(XDRError, match="a member of color expected, not 9"):
        packed(T.scalars(1, 1, 1, 1, 1.0, 1.0, True, 9, 1, 1, 1, 1, 1, 1, 1))
    with pytest.raises(XDRError, match="at most 32 bytes expected, not 33"):
        packed(T.blobs(b"abc", b"", b"", b"12345", b"", b"x" * 33))
    with pytest.raises(XDRError, match="3 items expected, not 2"):
        packed(T.arrays((1, 2), (), (), (True, False), (), (), (), (0, 0, 0, 0), (scalars(1),) * 2, ()))
    with pytest.raises(XDRError, match="no value expected"):
        packed(T.number(0, 5))


def test_errors_inside_a_run_have_their_own_offset() -> None:
    """Numbers are unpacked together, and still an error gives the offset of the one that is wrong."""
    raw = bytearray(packed(scalars(1)))
    raw[36:40] = b"\0\0\0\2"
    with pytest.raises(XDRError, match=r"a bool, 0 or 1, expected, not 2 \(at offset 36\)"):
        T.scalars.unpack(Unpacker(raw))
    raw[36:44] = b"\0\0\0\1\0\0\0\4"
    with pytest.raises(XDRError, match=r"not 4 \(at offset 40\)"):
        T.scalars.unpack(Unpacker(raw))


@pytest.fixture(scope="module")
def torture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], tuple[bytes, str]]:
    """The C program: it takes a packed value, and gives it packed again by libtirpc, and what it read as text."""
    missing = [
        package for program, package in (("rpcgen", "rpcsvc-proto"), ("gcc", "gcc")) if not shutil.which(program)
    ]
    if not Path("/usr/include/tirpc/rpc/rpc.h").exists():
        missing.append("libtirpc-dev")
    if missing:
        message = f"not installed: apt-get install {' '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("torture")
    for name in ("torture.x", "torture_program.c"):
        shutil.copy(HERE / name, folder)

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    # Without -i 0, rpcgen's own inline code for bools does not compile.
    run("rpcgen", "-N", "-h", "-o", "torture.h", "torture.x")
    run("rpcgen", "-N", "-c", "-i", "0", "-o", "torture_xdr.c", "torture.x")
    run("gcc", "-w", "-I/usr/include/tirpc", "-I.", "-o", "torture", "torture_program.c", "torture_xdr.c", "-ltirpc")

    def convert(data: bytes) -> tuple[bytes, str]:
        done = subprocess.run([folder / "torture"], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr.decode()

    return convert


def told(name: str, value: Any) -> str:
    """What the C program says of numbers."""
    numbers = [value.i, value.u, value.h, value.uh, f"{value.f:.9g}", f"{value.d:.17g}", int(value.b), int(value.c)]
    numbers += [value.ch, value.uc, value.s, value.us, value.l, value.ul, value.alone]
    return " ".join(map(str, [name, *numbers]))


def test_libtirpc_packs_the_same_bytes(torture: Callable[[bytes], tuple[bytes, str]]) -> None:
    """C code that rpcgen wrote reads our bytes, sees the same values, and packs them to the same bytes."""
    raw = packed(EXAMPLE)
    again, text = torture(raw)
    assert again == raw
    assert T.torture.unpack(Unpacker(again)) == EXAMPLE
    assert text.splitlines() == [told("all", EXAMPLE.all), told("both", EXAMPLE.many.both[1]), "list 3 1 4 1 5"]


@given(value=TORTURE)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_libtirpc_packs_any_value_the_same(torture: Callable[[bytes], tuple[bytes, str]], value: Any) -> None:
    """The same holds for values that hypothesis makes up."""
    raw = packed(value)
    assert torture(raw)[0] == raw
