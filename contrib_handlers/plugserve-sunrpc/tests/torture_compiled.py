"""Compiled from torture.x by plugserve-rpcgen.

Do not change it: change the description, and compile that again.
"""
# ruff: noqa: A001, A002, E501, E741, N801, N802, N806, N815, N816, PYI042, RUF100, SIM114, UP007

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, ClassVar, Final, TypeAlias

from plugserve_sunrpc.program import AsyncStub, Call, Procedure, Program, Reply, Stub
from plugserve_sunrpc.records import (
    PackingFailure,
    UnpackingFailure,
    maker,
    members,
    pack_nothing,
    unpack_nothing,
)
from plugserve_sunrpc.xdr import Packer, Unpacker, pack_value

DEFINED: Final = 7
SIZE: Final = 5
HEX: Final = 0x10
OCTAL: Final = 0o10


class color(IntEnum):
    """enum color."""

    RED = 1
    GREEN = 2
    BLUE = -3


_members_color: Final = members(color)


class counted(IntEnum):
    """enum counted."""

    ZERO = 0
    ONE = 1
    FIVE = 5
    SIX = 6


_members_counted: Final = members(counted)
_scalars_1: Final = Struct(">iIqQfdI2iIiIi2I")


@dataclass(frozen=True, slots=True)
class scalars:
    """struct scalars."""

    i: int
    u: int
    h: int
    uh: int
    f: float
    d: float
    b: bool
    c: color
    ch: int
    uc: int
    s: int
    us: int
    l: int
    ul: int
    alone: int

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            if not 0 <= self.b <= 1:
                packer.outside("b", 0, 1, self.b)
            if self.c not in _members_color:
                packer.wrong("a member of color", self.c)
            if not -128 <= self.ch <= 127:
                packer.outside("ch", -128, 127, self.ch)
            if not 0 <= self.uc <= 255:
                packer.outside("uc", 0, 255, self.uc)
            if not -32768 <= self.s <= 32767:
                packer.outside("s", -32768, 32767, self.s)
            if not 0 <= self.us <= 65535:
                packer.outside("us", 0, 65535, self.us)
            write(
                _scalars_1.pack(
                    self.i,
                    self.u,
                    self.h,
                    self.uh,
                    self.f,
                    self.d,
                    self.b,
                    self.c,
                    self.ch,
                    self.uc,
                    self.s,
                    self.us,
                    self.l,
                    self.ul,
                    self.alone,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("scalars", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> scalars:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                i,
                u,
                h,
                uh,
                f,
                d,
                b,
                c,
                ch,
                uc,
                s,
                us,
                l,
                ul,
                alone,
            ) = _scalars_1.unpack(read(72))
            if b > 1:
                unpacker.outside(0, 1, b, 36)
            if c not in _members_color:
                unpacker.not_a_member(color, c, 32)
            if not -128 <= ch <= 127:
                unpacker.outside(-128, 127, ch, 28)
            if uc > 255:
                unpacker.outside(0, 255, uc, 24)
            if not -32768 <= s <= 32767:
                unpacker.outside(-32768, 32767, s, 20)
            if us > 65535:
                unpacker.outside(0, 65535, us, 16)
            return _make_scalars(
                i,
                u,
                h,
                uh,
                f,
                d,
                b == 1,
                _members_color[c],
                ch,
                uc,
                s,
                us,
                l,
                ul,
                alone,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("scalars", failure)


_make_scalars: Final = maker(scalars)

fixed: TypeAlias = bytes


def pack_fixed(packer: Packer, value: fixed) -> None:
    """Pack a fixed."""
    try:
        packer.pack_opaque_fixed(SIZE, value)
    except PackingFailure as failure:
        packer.refuse("fixed", failure)


def unpack_fixed(unpacker: Unpacker) -> fixed:
    """Unpack a fixed."""
    return unpacker.unpack_opaque_fixed(SIZE)


variable: TypeAlias = bytes


def pack_variable(packer: Packer, value: variable) -> None:
    """Pack a variable."""
    try:
        packer.pack_opaque(value, HEX)
    except PackingFailure as failure:
        packer.refuse("variable", failure)


def unpack_variable(unpacker: Unpacker) -> variable:
    """Unpack a variable."""
    return unpacker.unpack_opaque(HEX)


text: TypeAlias = bytes


def pack_text(packer: Packer, value: text) -> None:
    """Pack a text."""
    try:
        packer.pack_opaque(value, 32)
    except PackingFailure as failure:
        packer.refuse("text", failure)


def unpack_text(unpacker: Unpacker) -> text:
    """Unpack a text."""
    return unpacker.unpack_opaque(32)


pair: TypeAlias = tuple[scalars, ...]


def pack_pair(packer: Packer, value: pair) -> None:
    """Pack a pair."""
    try:
        packer.pack_array_fixed(2, value, pack_value)
    except PackingFailure as failure:
        packer.refuse("pair", failure)


def unpack_pair(unpacker: Unpacker) -> pair:
    """Unpack a pair."""
    return unpacker.unpack_array_fixed(2, scalars.unpack, minimum=72)


@dataclass(frozen=True, slots=True)
class blobs:
    """struct blobs."""

    three: bytes
    any: bytes
    words: bytes
    five: fixed
    sixteen: variable
    line: text

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque_fixed(3, self.three)
            packer.pack_opaque(self.any)
            packer.pack_opaque(self.words)
            packer.pack_opaque_fixed(SIZE, self.five)
            packer.pack_opaque(self.sixteen, HEX)
            packer.pack_opaque(self.line, 32)
        except PackingFailure as failure:
            packer.refuse("blobs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> blobs:
        """Unpack one; raises `XDRError`."""
        try:
            three = unpacker.unpack_opaque_fixed(3)
            any = unpacker.unpack_opaque()
            words = unpacker.unpack_opaque()
            five = unpacker.unpack_opaque_fixed(SIZE)
            sixteen = unpacker.unpack_opaque(HEX)
            line = unpacker.unpack_opaque(32)
            return _make_blobs(three, any, words, five, sixteen, line)
        except UnpackingFailure as failure:
            unpacker.refuse("blobs", failure)


_make_blobs: Final = maker(blobs)


@dataclass(frozen=True, slots=True)
class arrays:
    """struct arrays."""

    three: tuple[int, ...]
    two: tuple[scalars, ...]
    colors: tuple[color, ...]
    bits: tuple[bool, ...]
    eight: tuple[int, ...]
    lines: tuple[text, ...]
    doubles: tuple[float, ...]
    chars: tuple[int, ...]
    both: pair
    handles: tuple[fixed, ...]

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_numbers_fixed(3, self.three, "i")
            packer.pack_values(self.two, 2)
            packer.pack_array(
                self.colors,
                lambda packer, value: packer.pack_enum(value, color),
            )
            packer.pack_array_fixed(2, self.bits, Packer.pack_bool)
            packer.pack_numbers(self.eight, "q", OCTAL)
            packer.pack_array(self.lines, pack_text, 3)
            packer.pack_numbers(self.doubles, "d")
            packer.pack_array_fixed(4, self.chars, Packer.pack_char)
            packer.pack_array_fixed(2, self.both, pack_value)
            packer.pack_array(self.handles, pack_fixed, DEFINED)
        except PackingFailure as failure:
            packer.refuse("arrays", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> arrays:
        """Unpack one; raises `XDRError`."""
        try:
            three = unpacker.unpack_numbers_fixed(3, "i")
            two = unpacker.unpack_array(scalars.unpack, 2, minimum=72)
            colors = unpacker.unpack_array(lambda unpacker: unpacker.unpack_enum(color))
            bits = unpacker.unpack_array_fixed(2, Unpacker.unpack_bool)
            eight = unpacker.unpack_numbers("q", OCTAL)
            lines = unpacker.unpack_array(unpack_text, 3)
            doubles = unpacker.unpack_numbers("d")
            chars = unpacker.unpack_array_fixed(4, Unpacker.unpack_char)
            both = unpacker.unpack_array_fixed(2, scalars.unpack, minimum=72)
            handles = unpacker.unpack_array(unpack_fixed, DEFINED, minimum=8)
            return _make_arrays(
                three,
                two,
                colors,
                bits,
                eight,
                lines,
                doubles,
                chars,
                both,
                handles,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("arrays", failure)


_make_arrays: Final = maker(arrays)


@dataclass(frozen=True, slots=True)
class node:
    """struct node.

    An item of a linked list: the list is a tuple, without next.
    """

    number_: int

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_int(self.number_)
        except PackingFailure as failure:
            packer.refuse("node", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> node:
        """Unpack one; raises `XDRError`."""
        try:
            number_ = unpacker.unpack_int()
            return _make_node(number_)
        except UnpackingFailure as failure:
            unpacker.refuse("node", failure)


_make_node: Final = maker(node)
_tree_1: Final = Struct(">iI")


@dataclass(frozen=True, slots=True)
class tree:
    """struct tree."""

    left: tree | None
    number_: counted
    right: tree | None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_bool(self.left is not None)
            if self.left is not None:
                self.left.pack(packer)
            if self.number_ not in _members_counted:
                packer.wrong("a member of counted", self.number_)
            write(_tree_1.pack(self.number_, self.right is not None))
            if self.right is not None:
                self.right.pack(packer)
        except PackingFailure as failure:
            packer.refuse("tree", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> tree:
        """Unpack one; raises `XDRError`."""
        try:
            unpacker.enter()
            read = unpacker.read
            left = tree.unpack(unpacker) if unpacker.unpack_bool() else None
            number_, follows = _tree_1.unpack(read(8))
            if number_ not in _members_counted:
                unpacker.not_a_member(counted, number_, 8)
            if follows > 1:
                unpacker.outside(0, 1, follows, 4)
            right = tree.unpack(unpacker) if follows else None
            unpacker.leave()
            return _make_tree(left, _members_counted[number_], right)
        except UnpackingFailure as failure:
            unpacker.refuse("tree", failure)


_make_tree: Final = maker(tree)


@dataclass(frozen=True, slots=True)
class shape:
    """union shape: what `value` is, by `which`.

    - color.RED: int, number
    - color.GREEN, color.BLUE: text, line
    """

    which: color
    value: int | text

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.which, color)
            if self.which == color.RED:
                packer.pack_int(value)
            elif self.which in (color.GREEN, color.BLUE):
                packer.pack_opaque(value, 32)
            else:
                packer.fail(f"shape: a case expected, not {self.which}")
        except PackingFailure as failure:
            packer.refuse("shape", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> shape:
        """Unpack one; raises `XDRError`."""
        try:
            which = unpacker.unpack_enum(color)
            if which == color.RED:
                return _make_shape(which, unpacker.unpack_int())
            if which in (color.GREEN, color.BLUE):
                return _make_shape(which, unpacker.unpack_opaque(32))
            unpacker.fail(f"shape: a case expected, not {which}", unpacker.position - 4)
        except UnpackingFailure as failure:
            unpacker.refuse("shape", failure)


_make_shape: Final = maker(shape)


@dataclass(frozen=True, slots=True)
class number:
    """union number: what `value` is, by `kind`.

    - 0: None
    - 1: scalars, all
    - -5: tuple[node, ...], list
    - otherwise: bytes, rest
    """

    kind: int
    value: scalars | tuple[node, ...] | bytes | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_int(self.kind)
            if self.kind == 0:
                pack_nothing(packer, value)
            elif self.kind == 1:
                value.pack(packer)
            elif self.kind == -5:
                packer.pack_chain_values(value)
            else:
                packer.pack_opaque(value)
        except PackingFailure as failure:
            packer.refuse("number", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> number:
        """Unpack one; raises `XDRError`."""
        try:
            kind = unpacker.unpack_int()
            if kind == 0:
                return _make_number(kind, None)
            if kind == 1:
                return _make_number(kind, scalars.unpack(unpacker))
            if kind == -5:
                return _make_number(kind, unpacker.unpack_chain(node.unpack))
            return _make_number(kind, unpacker.unpack_opaque())
        except UnpackingFailure as failure:
            unpacker.refuse("number", failure)


_make_number: Final = maker(number)

perhaps: TypeAlias = int | None


def pack_perhaps(packer: Packer, value: perhaps) -> None:
    """Pack a perhaps."""
    try:
        packer.pack_optional(value, Packer.pack_hyper)
    except PackingFailure as failure:
        packer.refuse("perhaps", failure)


def unpack_perhaps(unpacker: Unpacker) -> perhaps:
    """Unpack a perhaps."""
    return unpacker.unpack_optional(Unpacker.unpack_hyper)


_torture_1: Final = Struct(">iIqQfdI2iIiIi2I")


@dataclass(frozen=True, slots=True)
class torture:
    """struct torture."""

    all: scalars
    bytes_: blobs
    many: arrays
    list: tuple[node, ...]
    root: tree | None
    shapes: tuple[shape, ...]
    choice: number
    maybe: perhaps
    favourite: color | None
    motto: text | None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            if not 0 <= self.all.b <= 1:
                packer.outside("all.b", 0, 1, self.all.b)
            if self.all.c not in _members_color:
                packer.wrong("a member of color", self.all.c)
            if not -128 <= self.all.ch <= 127:
                packer.outside("all.ch", -128, 127, self.all.ch)
            if not 0 <= self.all.uc <= 255:
                packer.outside("all.uc", 0, 255, self.all.uc)
            if not -32768 <= self.all.s <= 32767:
                packer.outside("all.s", -32768, 32767, self.all.s)
            if not 0 <= self.all.us <= 65535:
                packer.outside("all.us", 0, 65535, self.all.us)
            write(
                _torture_1.pack(
                    self.all.i,
                    self.all.u,
                    self.all.h,
                    self.all.uh,
                    self.all.f,
                    self.all.d,
                    self.all.b,
                    self.all.c,
                    self.all.ch,
                    self.all.uc,
                    self.all.s,
                    self.all.us,
                    self.all.l,
                    self.all.ul,
                    self.all.alone,
                ),
            )
            self.bytes_.pack(packer)
            self.many.pack(packer)
            packer.pack_chain_values(self.list)
            packer.pack_bool(self.root is not None)
            if self.root is not None:
                self.root.pack(packer)
            packer.pack_values(self.shapes)
            self.choice.pack(packer)
            packer.pack_bool(self.maybe is not None)
            if self.maybe is not None:
                packer.pack_hyper(self.maybe)
            packer.pack_bool(self.favourite is not None)
            if self.favourite is not None:
                packer.pack_enum(self.favourite, color)
            packer.pack_bool(self.motto is not None)
            if self.motto is not None:
                packer.pack_opaque(self.motto, 32)
        except PackingFailure as failure:
            packer.refuse("torture", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> torture:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                all_i,
                all_u,
                all_h,
                all_uh,
                all_f,
                all_d,
                all_b,
                all_c,
                all_ch,
                all_uc,
                all_s,
                all_us,
                all_l,
                all_ul,
                all_alone,
            ) = _torture_1.unpack(read(72))
            if all_b > 1:
                unpacker.outside(0, 1, all_b, 36)
            if all_c not in _members_color:
                unpacker.not_a_member(color, all_c, 32)
            if not -128 <= all_ch <= 127:
                unpacker.outside(-128, 127, all_ch, 28)
            if all_uc > 255:
                unpacker.outside(0, 255, all_uc, 24)
            if not -32768 <= all_s <= 32767:
                unpacker.outside(-32768, 32767, all_s, 20)
            if all_us > 65535:
                unpacker.outside(0, 65535, all_us, 16)
            bytes_ = blobs.unpack(unpacker)
            many = arrays.unpack(unpacker)
            list = unpacker.unpack_chain(node.unpack)
            root = tree.unpack(unpacker) if unpacker.unpack_bool() else None
            shapes = unpacker.unpack_array(shape.unpack, minimum=8)
            choice = number.unpack(unpacker)
            maybe = unpacker.unpack_hyper() if unpacker.unpack_bool() else None
            favourite = unpacker.unpack_enum(color) if unpacker.unpack_bool() else None
            motto = unpacker.unpack_opaque(32) if unpacker.unpack_bool() else None
            return _make_torture(
                _make_scalars(
                    all_i,
                    all_u,
                    all_h,
                    all_uh,
                    all_f,
                    all_d,
                    all_b == 1,
                    _members_color[all_c],
                    all_ch,
                    all_uc,
                    all_s,
                    all_us,
                    all_l,
                    all_ul,
                    all_alone,
                ),
                bytes_,
                many,
                list,
                root,
                shapes,
                choice,
                maybe,
                favourite,
                motto,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("torture", failure)


_make_torture: Final = maker(torture)


class TORTURE_V1Client(Stub):
    """Calls TORTURE_PROG 0x20000099, TORTURE_V1 1."""

    program = 0x20000099
    version = 1

    def torture_null(self) -> None:
        """Procedure 0, TORTURE_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def torture_echo(self, argument: torture) -> torture:
        """Procedure 1, TORTURE_ECHO."""
        return self._call(1, argument.pack, torture.unpack)

    def torture_sum(self, argument1: int, argument2: int) -> int:
        """Procedure 2, TORTURE_SUM."""

        def pack(packer: Packer) -> None:
            packer.pack_int(argument1)
            packer.pack_hyper(argument2)

        return self._call(2, pack, Unpacker.unpack_hyper)

    def torture_join(self, argument: text) -> text:
        """Procedure 3, TORTURE_JOIN."""
        return self._call(
            3,
            lambda packer: packer.pack_opaque(argument, 32),
            unpack_text,
        )

    def torture_forget(self, argument: color) -> None:
        """Procedure 4, TORTURE_FORGET."""
        self._call(4, lambda packer: packer.pack_enum(argument, color), unpack_nothing)


class TORTURE_V1AsyncClient(AsyncStub):
    """Calls TORTURE_PROG 0x20000099, TORTURE_V1 1, asynchronously."""

    program = 0x20000099
    version = 1

    async def torture_null(self) -> None:
        """Procedure 0, TORTURE_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def torture_echo(self, argument: torture) -> torture:
        """Procedure 1, TORTURE_ECHO."""
        return await self._call(1, argument.pack, torture.unpack)

    async def torture_sum(self, argument1: int, argument2: int) -> int:
        """Procedure 2, TORTURE_SUM."""

        def pack(packer: Packer) -> None:
            packer.pack_int(argument1)
            packer.pack_hyper(argument2)

        return await self._call(2, pack, Unpacker.unpack_hyper)

    async def torture_join(self, argument: text) -> text:
        """Procedure 3, TORTURE_JOIN."""
        return await self._call(
            3,
            lambda packer: packer.pack_opaque(argument, 32),
            unpack_text,
        )

    async def torture_forget(self, argument: color) -> None:
        """Procedure 4, TORTURE_FORGET."""
        await self._call(
            4,
            lambda packer: packer.pack_enum(argument, color),
            unpack_nothing,
        )


class TORTURE_V1Server(Program):
    """Serves TORTURE_PROG 0x20000099, TORTURE_V1 1: a subclass has the procedures."""

    number = 0x20000099
    version = 1
    name = "TORTURE_PROG"
    procedures: ClassVar = {
        0: Procedure("torture_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "torture_echo",
            lambda unpacker: (torture.unpack(unpacker),),
            pack_value,
        ),
        2: Procedure(
            "torture_sum",
            lambda unpacker: (unpacker.unpack_int(), unpacker.unpack_hyper()),
            Packer.pack_hyper,
        ),
        3: Procedure(
            "torture_join",
            lambda unpacker: (unpacker.unpack_opaque(32),),
            pack_text,
        ),
        4: Procedure(
            "torture_forget",
            lambda unpacker: (unpacker.unpack_enum(color),),
            pack_nothing,
        ),
    }

    def torture_null(self, call: Call) -> None:
        """Procedure 0, TORTURE_NULL: does nothing."""

    @abstractmethod
    def torture_echo(self, call: Call, argument: torture) -> Reply[torture]:
        """Procedure 1, TORTURE_ECHO."""

    @abstractmethod
    def torture_sum(self, call: Call, argument1: int, argument2: int) -> Reply[int]:
        """Procedure 2, TORTURE_SUM."""

    @abstractmethod
    def torture_join(self, call: Call, argument: text) -> Reply[text]:
        """Procedure 3, TORTURE_JOIN."""

    @abstractmethod
    def torture_forget(self, call: Call, argument: color) -> Reply[None]:
        """Procedure 4, TORTURE_FORGET."""
