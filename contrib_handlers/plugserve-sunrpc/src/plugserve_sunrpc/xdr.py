"""XDR, the external data representation (RFC 4506): values to bytes and back.

`Packer` and `Unpacker` know the types of the RFC one by one. What `plugserve-rpcgen` writes uses them for all that
varies in size, and reads and writes runs of fixed size at once through `Packer.write` and `Unpacker.read`.

Everything that can be wrong is an `XDRError`: with bytes from a peer, with a value that does not fit its type, and with
a value of a wrong Python type. The rules that a reader may be lax about are kept strictly: fill bytes are zero (section
3), a bool is 0 or 1 (4.4), an enum is one of its members (4.3). A declared length is held against its limit and against
the bytes that are there before anything is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from io import BytesIO
from typing import Any, Final, NoReturn, Protocol, TypeVar

from plugserve import ProtocolError

__all__ = ["PADDING", "UNLIMITED", "Packable", "Packer", "Unpacker", "XDRError", "pack_value"]

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)

UNLIMITED: Final = 0xFFFF_FFFF
"""The limit that the RFC gives where a description gives none: lengths are unsigned ints."""

PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
"""The fill bytes after data of a length, by that length modulo 4."""

DEPTH: Final = 100
"""How deep types that contain themselves may be nested. Python allows a thousand calls; a level takes two or three."""

EMPTY_ITEMS: Final = 1024
"""How many items an array may have whose items take no bytes, and so are not bounded by the bytes that are there."""

_INT: Final = struct.Struct(">i")
_UINT: Final = struct.Struct(">I")
_HYPER: Final = struct.Struct(">q")
_UHYPER: Final = struct.Struct(">Q")
_FLOAT: Final = struct.Struct(">f")
_DOUBLE: Final = struct.Struct(">d")
_TRUE: Final = b"\0\0\0\1"
_FALSE: Final = b"\0\0\0\0"


class XDRError(ProtocolError):
    """Bytes that are not what the description says, or a value that cannot be packed as it says.

    Parameters:
        message: what is wrong, and what was expected.
        offset: where, in bytes from the start of the data.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at offset {offset})")
        self.offset = offset


class Packable(Protocol):
    """What can pack itself: every struct and union that `plugserve-rpcgen` writes."""

    def pack(self, packer: Packer, /) -> None:
        """Append this value to what is packed."""


def pack_value(packer: Packer, value: Packable) -> None:
    """Pack a struct or union: the form of `value.pack` that `Packer.pack_array` and `pack_optional` take."""
    try:
        pack = value.pack
    except AttributeError:
        packer.wrong("a struct or union", value)
    pack(packer)


def shown(value: object) -> str:
    """A value for an error: its start, so that a long one does not fill the log."""
    if isinstance(value, (bytes, bytearray, str)):
        value = value[:33]
    elif not isinstance(value, (int, float, type(None))):
        return f"an object of type {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


class Packer:
    """Packs values one after another.

    Every method takes the value and appends its bytes, a multiple of four. `limit` is the most bytes or items that the
    description allows; more are refused, as are values outside the type's range. All raise `XDRError`, whose offset is
    then the number of bytes packed before the value.
    """

    __slots__ = ("_stream", "write")

    write: Callable[[bytes], object]
    """Appends bytes as they are, which compiled code does with runs of numbers: a multiple of four."""

    def __init__(self) -> None:
        self._stream = BytesIO()
        self.write = self._stream.write

    @property
    def position(self) -> int:
        """How many bytes are packed."""
        return self._stream.tell()

    def data(self) -> bytes:
        """All that is packed."""
        return self._stream.getvalue()

    def fail(self, message: str) -> NoReturn:
        """Raise `XDRError` with the position."""
        raise XDRError(message, self.position)

    def wrong(self, expected: str, value: object) -> NoReturn:
        """Raise the `XDRError` that says what was expected instead of `value`."""
        self.fail(f"{expected} expected, not {shown(value)}")

    def _number(self, form: struct.Struct, expected: str, value: float) -> None:
        try:
            self.write(form.pack(value))
        except (struct.error, OverflowError, TypeError, ValueError):
            self.wrong(expected, value)

    def pack_int(self, value: int) -> None:
        """An integer from -2**31 to 2**31 - 1 (section 4.1)."""
        self._number(_INT, "an int from -2147483648 to 2147483647", value)

    def pack_uint(self, value: int) -> None:
        """An unsigned integer below 2**32 (section 4.2)."""
        self._number(_UINT, "an unsigned int from 0 to 4294967295", value)

    def pack_hyper(self, value: int) -> None:
        """An integer from -2**63 to 2**63 - 1 (section 4.5)."""
        self._number(_HYPER, "a hyper from -2**63 to 2**63 - 1", value)

    def pack_uhyper(self, value: int) -> None:
        """An unsigned integer below 2**64 (section 4.5)."""
        self._number(_UHYPER, "an unsigned hyper from 0 to 2**64 - 1", value)

    def pack_bool(self, value: bool) -> None:
        """A bool (section 4.4); nothing else that is true or false."""
        write = self.write
        if value is True:
            write(_TRUE)
        elif value is False:
            write(_FALSE)
        else:
            self.wrong("a bool", value)

    def pack_enum(self, value: int, members: type[IntEnum] | None = None) -> None:
        """An enum (section 4.3): one of `members`, or any int if these are not given."""
        if members is not None:
            try:
                known = value in members._value2member_map_
            except TypeError:
                known = False
            if not known:
                self.wrong(f"a member of {members.__name__}", value)
        self._number(_INT, "an enum's int", value)

    def pack_float(self, value: float) -> None:
        """A floating-point number in 32 bits, to which it is rounded (section 4.6); one too large is refused."""
        self._number(_FLOAT, "a float of 32 bits", value)

    def pack_double(self, value: float) -> None:
        """A floating-point number in 64 bits, which is Python's own (section 4.7)."""
        self._number(_DOUBLE, "a double", value)

    def pack_quadruple(self, value: bytes) -> None:
        """A floating-point number in 128 bits (section 4.8), as the 16 bytes that it is: Python has no such type."""
        self.pack_opaque_fixed(16, value)

    def pack_opaque_fixed(self, size: int, data: bytes) -> None:
        """Exactly `size` bytes (section 4.9)."""
        if data.__class__ is not bytes:
            data = self._copied(data)
        if len(data) != size:
            self.fail(f"{size} bytes expected, not {len(data)}")
        self.write(data)
        if size & 3:
            self.write(PADDING[size & 3])

    def pack_opaque(self, data: bytes, limit: int = UNLIMITED) -> None:
        """Bytes of any number up to `limit` (section 4.10)."""
        if data.__class__ is not bytes:
            data = self._copied(data)
        size = len(data)
        if size > limit:
            self.fail(f"at most {limit} bytes expected, not {size}")
        write = self.write
        write(_UINT.pack(size))
        write(data)
        if size & 3:
            write(PADDING[size & 3])

    def fill(self, data: bytes, limit: int = UNLIMITED) -> None:
        """Bytes of any number up to `limit`, whose length is packed already, and their fill bytes."""
        if data.__class__ is not bytes:
            data = self._copied(data)
        size = len(data)
        if size > limit:
            self.fail(f"at most {limit} bytes expected, not {size}")
        write = self.write
        write(data)
        if size & 3:
            write(PADDING[size & 3])

    def _copied(self, data: object) -> bytes:
        """Other bytes than `bytes`, which may change before they are joined."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            self.wrong("bytes", data)
        return bytes(data)

    def pack_string(self, data: bytes | str, limit: int = UNLIMITED) -> None:
        """A string of up to `limit` bytes (section 4.11); a `str` becomes UTF-8."""
        if isinstance(data, str):
            try:
                data = data.encode()
            except UnicodeEncodeError:
                self.wrong("a string that UTF-8 can encode", data)
        self.pack_opaque(data, limit)

    def count(self, items: object) -> int:
        """How many items there are; what is no sequence is refused, and text and bytes as well."""
        if not isinstance(items, Sequence) or isinstance(items, (str, bytes)):
            self.wrong("a sequence of items", items)
        return len(items)

    def pack_array_fixed(self, size: int, items: Sequence[T], pack_item: Callable[[Packer, T], object]) -> None:
        """Exactly `size` items (section 4.12), each packed by `pack_item(packer, item)`."""
        if self.count(items) != size:
            self.fail(f"{size} items expected, not {len(items)}")
        for item in items:
            pack_item(self, item)

    def pack_array(self, items: Sequence[T], pack_item: Callable[[Packer, T], object], limit: int = UNLIMITED) -> None:
        """Items of any number up to `limit` (section 4.13), each packed by `pack_item(packer, item)`."""
        if self.count(items) > limit:
            self.fail(f"at most {limit} items expected, not {len(items)}")
        self.write(_UINT.pack(len(items)))
        for item in items:
            pack_item(self, item)

    def pack_optional(self, value: T | None, pack_item: Callable[[Packer, T], object]) -> None:
        """A value or None (section 4.19), packed by `pack_item(packer, value)`."""
        if value is None:
            self.write(_FALSE)
        else:
            self.write(_TRUE)
            pack_item(self, value)

    def pack_values(self, items: Sequence[Packable], limit: int = UNLIMITED) -> None:
        """Structs or unions of any number up to `limit`."""
        if self.count(items) > limit:
            self.fail(f"at most {limit} items expected, not {len(items)}")
        self.write(_UINT.pack(len(items)))
        for item in items:
            item.pack(self)

    def pack_numbers_fixed(self, size: int, items: Sequence[float], letter: str) -> None:
        """Exactly `size` numbers of one kind, at once.

        Parameters:
            letter: their kind, as the module `struct` calls it.
        """
        if self.count(items) != size:
            self.fail(f"{size} items expected, not {len(items)}")
        try:
            self.write(struct.pack(f">{size}{letter}", *items))
        except (struct.error, OverflowError, TypeError, ValueError) as error:
            self.fail(f"numbers that fit expected: {error}")

    def pack_numbers(self, items: Sequence[float], letter: str, limit: int = UNLIMITED) -> None:
        """Numbers of one kind, of any number up to `limit`, at once; `letter` as in `pack_numbers_fixed`."""
        if self.count(items) > limit:
            self.fail(f"at most {limit} items expected, not {len(items)}")
        self.write(_UINT.pack(len(items)))
        self.pack_numbers_fixed(len(items), items, letter)

    def pack_chain_values(self, items: Sequence[Packable]) -> None:
        """A linked list of structs; see `pack_chain`."""
        self.count(items)
        write = self.write
        for item in items:
            write(_TRUE)
            item.pack(self)
        write(_FALSE)

    def pack_linked(self, items: Sequence[Packable]) -> None:
        """A linked list of structs whose first item is always there, and so has no bool before it."""
        if not self.count(items):
            self.fail("one item at least expected")
        items[0].pack(self)
        self.pack_chain_values(items[1:])

    def refuse(self, what: str, failure: Exception) -> NoReturn:
        """Raise the `XDRError` for what Python said when a value of the type `what` was packed."""
        if isinstance(failure, RecursionError):
            self.fail(f"{what}: values nested less deeply expected")
        self.fail(f"{what}: fields of their types and ranges expected: {failure}")

    def outside(self, expected: str, low: int, high: int, value: object) -> NoReturn:
        """Raise the `XDRError` for a number that is not in its range."""
        self.wrong(f"{expected} from {low} to {high}", value)

    def pack_small(self, value: int, low: int, high: int) -> None:
        """An integer from `low` to `high`, which takes four bytes all the same."""
        try:
            fits = low <= value <= high
        except TypeError:
            fits = False
        if not fits:
            self.wrong(f"an integer from {low} to {high}", value)
        self._number(_INT, f"an integer from {low} to {high}", value)

    def pack_char(self, value: int) -> None:
        """C's char, as rpcgen sends it: in an int."""
        self.pack_small(value, -128, 127)

    def pack_uchar(self, value: int) -> None:
        """C's unsigned char, in an unsigned int."""
        self.pack_small(value, 0, 255)

    def pack_short(self, value: int) -> None:
        """C's short, in an int."""
        self.pack_small(value, -32768, 32767)

    def pack_ushort(self, value: int) -> None:
        """C's unsigned short, in an unsigned int."""
        self.pack_small(value, 0, 65535)

    def pack_chain(self, items: Sequence[T], pack_item: Callable[[Packer, T], object]) -> None:
        """A linked list: each item after a true bool, and a false one at the end (the example of section 4.19).

        Parameters:
            items: the items.
            pack_item: packs one item, without the optional item that follows it.
        """
        self.count(items)
        for item in items:
            self.write(_TRUE)
            pack_item(self, item)
        self.write(_FALSE)


class Unpacker:
    """Unpacks values one after another. The methods mirror those of `Packer`; each returns the value.

    Parameters:
        data: the bytes; anything but `bytes` is copied once.
        limit: the most bytes or items of variable length that are taken, where the description allows more.
        depth: how deep values of types that contain themselves may be nested.
    Raises: `XDRError`, with the offset of what is wrong. After that the position means nothing.
    """

    __slots__ = ("_most", "_stream", "data", "depth", "limit", "read")

    data: bytes
    """All bytes, those before the position too."""
    read: Callable[..., bytes]
    """Takes the next bytes as they are, fewer if the data ends. Compiled code unpacks runs of numbers from it."""

    def __init__(self, data: bytes, *, limit: int = UNLIMITED, depth: int = DEPTH) -> None:
        self.data = bytes(data)
        self.limit = limit
        self.depth = depth
        # More than there is at all needs no look at what is left.
        self._most = min(limit, len(self.data))
        # It keeps the position in C, which makes everything a third faster, and shares the bytes.
        self._stream = BytesIO(self.data)
        self.read = self._stream.read

    @property
    def position(self) -> int:
        """The offset of what comes next: a multiple of four."""
        return self._stream.tell()

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self._stream.tell()

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        """Raise `XDRError`, with the position if no other offset is given."""
        raise XDRError(message, self.position if offset is None else offset)

    def done(self) -> None:
        """Raises: `XDRError` if bytes are left."""
        if self.remaining:
            self.fail(f"the end of the data expected, but {self.remaining} bytes are left")

    def rest(self) -> bytes:
        """All bytes that are left, as they are."""
        return self.read()

    def short(self, expected: str, size: int, offset: int) -> NoReturn:
        """Raise the `XDRError` for data that ends before the `size` bytes that begin at an offset."""
        left = len(self.data) - offset
        self.fail(f"{expected} expected, {size} bytes, but the data ends after {left}", offset)

    def refuse(self, what: str, failure: Exception) -> NoReturn:
        """Raise the `XDRError` for what Python said when a value of the type `what` was unpacked."""
        if isinstance(failure, RecursionError):
            self.fail(f"{what}: values nested less deeply expected")
        self.fail(f"{what} expected, but the data ends")

    def take(self, form: struct.Struct, expected: str) -> tuple[Any, ...]:
        """A run of numbers at once.

        Parameters:
            form: their layout; its size is a multiple of four.
            expected: what they are, for errors.
        """
        data = self.read(form.size)
        if len(data) < form.size:
            self.short(expected, form.size, self.position - len(data))
        return form.unpack(data)

    def unpack_int(self) -> int:
        """An integer of 32 bits."""
        value: int = self.take(_INT, "an int")[0]
        return value

    def unpack_uint(self) -> int:
        """An unsigned integer of 32 bits."""
        value: int = self.take(_UINT, "an unsigned int")[0]
        return value

    def unpack_hyper(self) -> int:
        """An integer of 64 bits."""
        value: int = self.take(_HYPER, "a hyper")[0]
        return value

    def unpack_uhyper(self) -> int:
        """An unsigned integer of 64 bits."""
        value: int = self.take(_UHYPER, "an unsigned hyper")[0]
        return value

    def unpack_float(self) -> float:
        """A floating-point number of 32 bits."""
        value: float = self.take(_FLOAT, "a float")[0]
        return value

    def unpack_double(self) -> float:
        """A floating-point number of 64 bits."""
        value: float = self.take(_DOUBLE, "a double")[0]
        return value

    def unpack_quadruple(self) -> bytes:
        """A floating-point number of 128 bits, as its 16 bytes."""
        return self.unpack_opaque_fixed(16)

    def unpack_bool(self) -> bool:
        """A bool: 0 or 1, nothing else."""
        # Comparing four bytes is cheaper than making a number of them, and this goes before every optional value.
        read = self.read
        word = read(4)
        if word == _TRUE:
            return True
        if word != _FALSE:
            self._misjudged(word)
        return False

    def _misjudged(self, word: bytes) -> NoReturn:
        """Say what is wrong with a bool."""
        if len(word) < 4:
            self.short("a bool", 4, self.position - len(word))
        self.fail(f"a bool, 0 or 1, expected, not {int.from_bytes(word)}", self.position - 4)

    def unpack_enum(self, members: type[E]) -> E:
        """An enum: one of `members`."""
        value = self.take(_INT, f"a member of {members.__name__}")[0]
        member = members._value2member_map_.get(value)
        if member is None:
            self.not_a_member(members, value, 4)
        return member  # type: ignore[return-value]  # the map holds members

    def not_a_member(self, members: type[IntEnum], value: int, back: int) -> NoReturn:
        """Raise the `XDRError` for an int that is no member, which was taken `back` bytes before the position."""
        known = ", ".join(f"{member.name} = {member.value}" for member in list(members)[:8])
        more = ", ..." if len(members) > 8 else ""
        self.fail(f"a member of {members.__name__} expected ({known}{more}), not {value}", self.position - back)

    def unpack_opaque_fixed(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        if size > len(self.data):
            self.short("opaque data", size, self.position)
        data = self.read(size)
        if len(data) != size:
            self.short("opaque data", size, self.position - len(data))
        if size & 3:
            self._pad(size)
        return data

    def _pad(self, size: int) -> None:
        """Take the fill bytes after data of a size that is no multiple of four."""
        fill = self.read(-size & 3)
        if fill != PADDING[size & 3]:
            if len(fill) < len(PADDING[size & 3]):
                self.short("fill bytes", len(PADDING[size & 3]), self.position - len(fill))
            self.fail(f"fill bytes of zero expected, not {fill!r}", self.position - len(fill))

    def length(self, limit: int, what: str, minimum: int) -> int:
        """The number of bytes or items that follow.

        Parameters:
            limit: the most that the description allows.
            what: "bytes" or "items", for errors.
            minimum: how many bytes one takes at least.
        """
        number: int = self.take(_UINT, f"a number of {what}")[0]
        if number > limit or number > self.limit:
            self.fail(f"at most {min(limit, self.limit)} {what} expected, not {number}", self.position - 4)
        if number * minimum > self.remaining:
            self.fail(f"{number} {what} announced, but only {self.remaining} bytes of data are left", self.position - 4)
        if not minimum and number > EMPTY_ITEMS:
            self.fail(f"at most {EMPTY_ITEMS} {what} without data expected, not {number}", self.position - 4)
        return number

    def filled(self, size: int, limit: int = UNLIMITED) -> bytes:
        """Bytes of any number up to `limit`, whose length has been unpacked already: it is `size`."""
        if size > limit or size > self._most:
            self._too_long(size, limit, 0)
        read = self.read
        data = read(size)
        if len(data) != size:
            self._too_long(size, limit, len(data))
        if size & 3 and read(-size & 3) != PADDING[size & 3]:
            self._misfilled(size)
        return data

    def unpack_opaque(self, limit: int = UNLIMITED) -> bytes:
        """Bytes of any number up to `limit`."""
        read = self.read
        word = read(4)
        if len(word) < 4:
            self.short("a number of bytes", 4, self.position - len(word))
        (size,) = _UINT.unpack(word)
        # The same as `filled`, without the call: handles, names and data all come this way.
        if size > limit or size > self._most:
            self._too_long(size, limit, 0)
        data = read(size)
        if len(data) != size:
            self._too_long(size, limit, len(data))
        if size & 3 and read(-size & 3) != PADDING[size & 3]:
            self._misfilled(size)
        return data

    def _too_long(self, size: int, limit: int, taken: int) -> NoReturn:
        """Say what is wrong with a number of bytes, of which some have been taken."""
        start = self.position - taken
        limit = min(limit, self.limit)
        if size > limit:
            self.fail(f"at most {limit} bytes expected, not {size}", start - 4)
        self.fail(f"{size} bytes announced, but only {len(self.data) - start} bytes of data are left", start - 4)

    def _misfilled(self, size: int) -> NoReturn:
        """Say what is wrong with fill bytes that have been taken as far as they are there."""
        start = (self.position - 1) & -4 | (size & 3)
        self.fail(f"{-size & 3} fill bytes of zero expected, not {self.data[start : self.position]!r}", start)

    def unpack_string(self, limit: int = UNLIMITED) -> bytes:
        """A string of up to `limit` bytes, as bytes: XDR does not say in which encoding."""
        return self.unpack_opaque(limit)

    def unpack_small(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, in four bytes."""
        value: int = self.take(_INT, "an int")[0]
        if not low <= value <= high:
            self.fail(f"an integer from {low} to {high} expected, not {value}", self.position - 4)
        return value

    def unpack_char(self) -> int:
        """C's char, in an int."""
        return self.unpack_small(-128, 127)

    def unpack_uchar(self) -> int:
        """C's unsigned char, in an unsigned int."""
        return self.unpack_small(0, 255)

    def unpack_short(self) -> int:
        """C's short, in an int."""
        return self.unpack_small(-32768, 32767)

    def unpack_ushort(self) -> int:
        """C's unsigned short, in an unsigned int."""
        return self.unpack_small(0, 65535)

    def outside(self, low: int, high: int, value: int, back: int) -> NoReturn:
        """Raise the `XDRError` for a number not in its range, which was taken `back` bytes before the position."""
        what = "a bool, 0 or 1," if high == 1 else f"an integer from {low} to {high}"
        self.fail(f"{what} expected, not {value}", self.position - back)

    def unpack_numbers_fixed(self, size: int, letter: str) -> tuple[Any, ...]:
        """Exactly `size` numbers of one kind, at once.

        Parameters:
            letter: their kind, as the module `struct` calls it: one of `iIqQfd`.
        """
        width = size * (8 if letter in "qQd" else 4)
        if width > self.remaining:
            self.short(f"{size} numbers", width, self.position)
        return struct.unpack(f">{size}{letter}", self.read(width))

    def unpack_numbers(self, letter: str, limit: int = UNLIMITED) -> tuple[Any, ...]:
        """Numbers of one kind, of any number up to `limit`, at once; `letter` as in `unpack_numbers_fixed`."""
        return self.unpack_numbers_fixed(self.length(limit, "items", 8 if letter in "qQd" else 4), letter)

    def unpack_linked(self, unpack_item: Callable[[Unpacker], T]) -> tuple[T, ...]:
        """A linked list whose first item is always there, and so has no bool before it."""
        return (unpack_item(self), *self.unpack_chain(unpack_item))

    def unpack_array_fixed(self, size: int, unpack_item: Callable[[Unpacker], T], minimum: int = 4) -> tuple[T, ...]:
        """Exactly `size` items, each unpacked by `unpack_item(unpacker)`; `minimum` as in `unpack_array`."""
        if size * minimum > self.remaining:
            self.short(f"{size} items", size * minimum, self.position)
        return tuple([unpack_item(self) for _ in range(size)])

    def unpack_array(
        self, unpack_item: Callable[[Unpacker], T], limit: int = UNLIMITED, minimum: int = 4
    ) -> tuple[T, ...]:
        """Items of any number up to `limit`, each unpacked by `unpack_item(unpacker)`.

        Parameters:
            minimum: how many bytes an item takes at least. A number of items that cannot be there is refused at once.
        """
        return tuple([unpack_item(self) for _ in range(self.length(limit, "items", minimum))])

    def unpack_optional(self, unpack_item: Callable[[Unpacker], T]) -> T | None:
        """A value, unpacked by `unpack_item(unpacker)`, or None."""
        return unpack_item(self) if self.unpack_bool() else None

    def unpack_chain(self, unpack_item: Callable[[Unpacker], T]) -> tuple[T, ...]:
        """A linked list, without recursion: it may be as long as the data.

        Parameters:
            unpack_item: unpacks one item, without the optional item that follows it.
        """
        items: list[T] = []
        read, limit = self.read, self.limit
        while (word := read(4)) == _TRUE:
            if len(items) >= limit:
                self.fail(f"at most {limit} items expected", self.position - 4)
            items.append(unpack_item(self))
        if word != _FALSE:
            self._misjudged(word)
        return tuple(items)

    def enter(self) -> None:
        """Go one level deeper into a type that contains itself; `leave` goes back.

        Raises: `XDRError` beyond the depth that was given.
        """
        if self.depth <= 0:
            self.fail("values nested less deeply expected")
        self.depth -= 1

    def leave(self) -> None:
        """Come back from one level."""
        self.depth += 1
