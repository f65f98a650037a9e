"""What the names of a description mean: values, types, sizes; and what is wrong with them, with the place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from .description import (
    Array,
    Basic,
    Constant,
    Definition,
    Description,
    DescriptionError,
    Enum,
    Field,
    Opaque,
    OptionalType,
    Place,
    ProgramDefinition,
    Reference,
    String,
    Struct,
    Type,
    Typedef,
    Union,
    Value,
)

__all__ = ["NUMBERS", "Base", "Number", "Resolver"]

NOWHERE = Place("", 0, 0)
MOST = 0xFFFF_FFFF

Base: TypeAlias = Basic | Opaque | String | Array | OptionalType | Enum | Struct | Union
"""A type with all typedefs followed."""


class Number(NamedTuple):
    """A number on the wire: its letter in `struct`, its size in bytes, the method's suffix, the Python type; and the
    range, where it is narrower than the letter's."""

    letter: str
    size: int
    method: str
    python: str
    range: tuple[int, int] | None = None


NUMBERS = {
    "int": Number("i", 4, "int", "int"),
    "unsigned int": Number("I", 4, "uint", "int"),
    "long": Number("i", 4, "int", "int"),
    "unsigned long": Number("I", 4, "uint", "int"),
    "short": Number("i", 4, "short", "int", (-(2**15), 2**15 - 1)),
    "unsigned short": Number("I", 4, "ushort", "int", (0, 2**16 - 1)),
    "char": Number("i", 4, "char", "int", (-128, 127)),
    "unsigned char": Number("I", 4, "uchar", "int", (0, 255)),
    "hyper": Number("q", 8, "hyper", "int"),
    "unsigned hyper": Number("Q", 8, "uhyper", "int"),
    "float": Number("f", 4, "float", "float"),
    "double": Number("d", 8, "double", "float"),
    "bool": Number("I", 4, "bool", "bool", (0, 1)),
}
"""The basic types. long has 32 bits, char and short are sent as an int, as rpcgen has it."""

KNOWN_TYPES: dict[str, Type] = {
    "bool_t": Basic("bool"),
    "u_char": Basic("unsigned char"),
    "u_short": Basic("unsigned short"),
    "u_int": Basic("unsigned int"),
    "u_long": Basic("unsigned long"),
    "longlong_t": Basic("hyper"),
    "u_longlong_t": Basic("unsigned hyper"),
    "quad_t": Basic("hyper"),
    "u_quad_t": Basic("unsigned hyper"),
    "int8_t": Basic("char"),
    "int16_t": Basic("short"),
    "int32_t": Basic("int"),
    "int64_t": Basic("hyper"),
    "uint8_t": Basic("unsigned char"),
    "uint16_t": Basic("unsigned short"),
    "uint32_t": Basic("unsigned int"),
    "uint64_t": Basic("unsigned hyper"),
    "u_int8_t": Basic("unsigned char"),
    "u_int16_t": Basic("unsigned short"),
    "u_int32_t": Basic("unsigned int"),
    "u_int64_t": Basic("unsigned hyper"),
    "netobj": Opaque(Value("1024", NOWHERE), fixed=False),
    "des_block": Opaque(Value("8", NOWHERE), fixed=True),
}
"""What a C compiler knows from <rpc/rpc.h> and <sys/types.h>, and descriptions therefore use undefined."""

KNOWN_CONSTANTS = {"MAXNETNAMELEN": 255, "MAX_NETOBJ_SZ": 1024, "MAXHOSTNAMELEN": 64, "TRUE": 1, "FALSE": 0}
"""Constants from the same headers."""


class Resolver:
    """A description with its names looked up. Making one checks the whole description.

    Raises: `DescriptionError` for a name that is not defined or defined twice, a value that is out of range, a label
        that is no member, a type that contains itself for ever.

    Attributes:
        definitions: what is to be written: the description's own, after those that it uses of others.
        numbers: the value of each constant and enum member.
        texts: the value of each constant that is a string.
        member_of: the enum that each enum member belongs to.
        types: the definition of each type.
    """

    def __init__(self, description: Description) -> None:
        self.description = description
        self.definitions: list[Definition] = []
        self.numbers: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.member_of: dict[str, str] = {}
        self.types: dict[str, Enum | Struct | Union | Typedef] = {}
        self._constants: dict[str, Constant] = {}
        self._places: dict[str, Place] = {}
        self._resolving: list[str] = []
        self._outside = dict(description.outside)
        self._outside_members = {
            name: enum for enum in self._outside.values() if isinstance(enum, Enum) for name, _, _ in enum.members
        }
        for definition in description.definitions:
            self._add(definition)
        for definition in description.definitions:
            self._check(definition)
        self.definitions += description.definitions
        self._looped = self._find_loops()
        self._links = {name: self._link(each) for name, each in self.types.items() if isinstance(each, Struct)}
        self.recursive = self._find_circles()

    # Names

    def _add(self, definition: Definition) -> None:
        """Enter a definition's names."""
        self._enter(definition.name, definition.place)
        if isinstance(definition, Constant):
            self._constants[definition.name] = definition
        elif isinstance(definition, Enum):
            self.types[definition.name] = definition
            following = 0
            for name, value, place in definition.members:
                self._enter(name, place)
                number = following if value is None else self.number(value)
                if not -(2**31) <= number < 2**31:
                    raise DescriptionError(f"an int expected as the value of {name}, not {number}", place)
                self.numbers[name] = number
                self.member_of[name] = definition.name
                following = number + 1
        elif not isinstance(definition, ProgramDefinition):
            self.types[definition.name] = definition

    def _enter(self, name: str, place: Place) -> None:
        if name in self._places:
            raise DescriptionError(f"a new name expected: {name} is defined at {self._places[name]}", place)
        self._places[name] = place

    def _fetch(self, definition: Definition) -> None:
        """Take a definition from another description."""
        if definition.name in self._places:
            return
        self._add(definition)
        self._check(definition)
        self.definitions.append(definition)

    def number(self, value: Value) -> int:
        """The number that a value is."""
        text = value.text
        digits = text.lstrip("-")
        if digits[0].isdigit():
            try:
                number = int(digits, 16 if digits[:2] in {"0x", "0X"} else 8 if digits[0] == "0" else 10)
            except ValueError:
                raise DescriptionError(f"an octal number expected after 0, not {text!r}", value.place) from None
            return -number if text[0] == "-" else number
        if text in self.numbers:
            return self.numbers[text]
        if text in self._constants:
            if text in self._resolving:
                raise DescriptionError(f"a value expected for {text}, which is defined by itself", value.place)
            self._resolving.append(text)
            try:
                number = self.number(self._constants[text].value)
            finally:
                self._resolving.pop()
            self.numbers[text] = number
            return number
        if text[0] == '"':
            raise DescriptionError(f"a number expected, not {text}", value.place)
        outside = self._outside.get(text) or self._outside_members.get(text)
        if isinstance(outside, (Constant, Enum)):
            self._fetch(outside)
            return self.number(value)
        if text in KNOWN_CONSTANTS:
            return KNOWN_CONSTANTS[text]
        raise DescriptionError(f"a number or the name of a constant expected, not {text!r}", value.place)

    def size(self, value: Value | None) -> int:
        """The size or limit that a value is; without one, the most that there can be."""
        if value is None:
            return MOST
        number = self.number(value)
        if not 0 <= number <= MOST:
            raise DescriptionError(f"a size from 0 to 4294967295 expected, not {number}", value.place)
        return number

    def named(self, reference: Reference) -> Enum | Struct | Union | Typedef:
        """The definition of a type's name."""
        if reference.name not in self.types:
            outside = self._outside.get(reference.name)
            if isinstance(outside, (Enum, Struct, Union, Typedef)):
                self._fetch(outside)
            elif reference.name in KNOWN_TYPES:
                return Typedef(reference.name, KNOWN_TYPES[reference.name], NOWHERE)
            else:
                raise DescriptionError(f"a type expected: {reference.name!r} is not defined", reference.place)
        return self.types[reference.name]

    def base(self, kind: Type) -> Base:
        """A type with all typedefs followed."""
        seen = set()
        while isinstance(kind, Reference):
            definition = self.named(kind)
            if not isinstance(definition, Typedef):
                return definition
            if kind.name in seen:
                raise DescriptionError(f"a type expected for {kind.name}, which is defined by itself", kind.place)
            seen.add(kind.name)
            kind = definition.type
        return kind

    # Checks

    def _check(self, definition: Definition) -> None:
        """Look up everything that a definition mentions."""
        if isinstance(definition, Constant):
            if definition.value.text[0] == '"':
                self.texts[definition.name] = definition.value.text
            else:
                self.numbers[definition.name] = self.number(definition.value)
        elif isinstance(definition, Typedef):
            self._check_type(definition.type, definition.place)
        elif isinstance(definition, Struct):
            self._check_fields(definition.fields)
        elif isinstance(definition, Union):
            self._check_union(definition)
        elif isinstance(definition, ProgramDefinition):
            self._check_program(definition)

    def _check_type(self, kind: Type, place: Place) -> None:
        if isinstance(kind, (Opaque, String)):
            self.size(kind.size)
        elif isinstance(kind, Reference):
            self.base(kind)
        elif isinstance(kind, Array):
            self.size(kind.size)
            self._check_type(kind.item, place)
        elif isinstance(kind, OptionalType):
            self._check_type(kind.item, place)

    def _check_fields(self, fields: list[Field]) -> None:
        names: dict[str, Place] = {}
        for field in fields:
            if field.name in names:
                raise DescriptionError(
                    f"a new name expected: {field.name} is at {names[field.name]} already", field.place
                )
            names[field.name] = field.place
            self._check_type(field.type, field.place)

    def _check_union(self, union: Union) -> None:
        self._check_type(union.discriminant.type, union.discriminant.place)
        kind = self.base(union.discriminant.type)
        whole = {"int", "unsigned int", "long", "unsigned long", "short", "unsigned short", "bool"}
        if not isinstance(kind, Enum) and not (isinstance(kind, Basic) and kind.name in whole):
            raise DescriptionError("an int, unsigned int, bool or enum expected to switch on", union.discriminant.place)
        seen: set[int] = set()
        for labels, field in union.arms:
            for label in labels:
                number = self.number(label)
                if number in seen:
                    raise DescriptionError(f"a case that is not there yet expected, not {label.text}", label.place)
                seen.add(number)
                if isinstance(kind, Enum) and number not in {self.numbers[name] for name, _, _ in kind.members}:
                    raise DescriptionError(f"a member of {kind.name} expected, not {label.text}", label.place)
                if kind == Basic("bool") and number > 1:
                    raise DescriptionError(f"TRUE or FALSE expected, not {label.text}", label.place)
            if field is not None:
                self._check_type(field.type, field.place)
        for field in union.default:
            if field is not None:
                self._check_type(field.type, field.place)

    def _check_program(self, program: ProgramDefinition) -> None:
        self.size(program.number)
        numbers: dict[int, str] = {}
        for version in program.versions:
            number = self.size(version.number)
            if number in numbers:
                raise DescriptionError(f"a new version expected: {numbers[number]} is {number}", version.place)
            numbers[number] = version.name
            procedures: dict[int, str] = {}
            names: set[str] = set()
            for procedure in version.procedures:
                number = self.size(procedure.number)
                if number in procedures:
                    raise DescriptionError(
                        f"a new procedure number expected: {procedures[number]} is {number}", procedure.place
                    )
                if procedure.name in names:
                    raise DescriptionError(f"a new name expected: {procedure.name} is there already", procedure.place)
                procedures[number] = procedure.name
                names.add(procedure.name)
                for kind in [*procedure.arguments, procedure.result]:
                    self._check_type(kind, procedure.place)

    # What the generator asks

    def _link(self, struct: Struct) -> Field | None:
        """The last field of a struct that leads to the next item of a linked list, if it is the only such field."""
        mentions = [field for field in struct.fields if self._mentions(field.type, struct)]
        if len(mentions) != 1 or mentions[0] is not struct.fields[-1]:
            return None
        kind = self.base(mentions[0].type)
        if isinstance(kind, OptionalType) and self.base(kind.item) is struct:
            return mentions[0]
        return None

    def _mentions(self, kind: Type, struct: Struct) -> bool:
        found = self.base(kind)
        while isinstance(found, (Array, OptionalType)):
            found = self.base(found.item)
        return found is struct

    def link(self, kind: Base) -> Field | None:
        """The field of a struct that makes it an item of a linked list, or None. It is no field of the Python class."""
        return self._links.get(kind.name) if isinstance(kind, Struct) else None

    def fields(self, struct: Struct) -> list[Field]:
        """The fields of a struct, without the link of a linked list."""
        return [field for field in struct.fields if field is not self.link(struct)]

    def optional_arm(self, kind: Base) -> Field | None:
        """The field of a union that is an optional value by another name: a bool, whose TRUE has a field, FALSE none.

        Section 4.19 gives both as the same. Where the value may itself be None, the union stays one.
        """
        if not isinstance(kind, Union) or kind.name in self._looped:
            return None
        if self.base(kind.discriminant.type) != Basic("bool"):
            return None
        arms = {self.number(label): field for labels, field in kind.arms for label in labels}
        if kind.default:
            arms.setdefault(0, kind.default[0])
            arms.setdefault(1, kind.default[0])
        field = arms.get(1)
        if set(arms) != {0, 1} or arms[0] is not None or field is None or self.nullable(field.type):
            return None
        return field

    def nullable(self, kind: Type) -> bool:
        """Whether None is a value of the type."""
        found = self.base(kind)
        if isinstance(found, OptionalType):
            return not self.link(self.base(found.item)) and not self.nullable(found.item)
        return found == Basic("void") or self.optional_arm(found) is not None

    def least(self, kind: Type, above: frozenset[str] = frozenset()) -> int:
        """How many bytes a value takes at least; `above` are the types on the way to it."""
        found = self.base(kind)
        if isinstance(found, (Struct, Union)):
            if found.name in above:
                return 4
            above = above | {found.name}
        if isinstance(found, Basic):
            return 0 if found.name == "void" else 16 if found.name == "quadruple" else NUMBERS[found.name].size
        if isinstance(found, Opaque):
            return (self.size(found.size) + 3) & -4 if found.fixed else 4
        if isinstance(found, Array) and found.fixed:
            return self.size(found.size) * self.least(found.item, above)
        if isinstance(found, Struct):
            return sum(self.least(field.type, above) for field in found.fields)
        if isinstance(found, Union):
            arms = [field for _, field in found.arms] + found.default
            return 4 + min(self.least(field.type, above) if field else 0 for field in arms)
        return 4

    def _parts(self, definition: Definition) -> Iterator[tuple[Type, Place]]:
        if isinstance(definition, Struct):
            yield from ((field.type, field.place) for field in definition.fields)
        elif isinstance(definition, Union):
            arms = [field for _, field in definition.arms] + definition.default
            yield from ((field.type, field.place) for field in arms if field)

    def _find_loops(self) -> set[str]:
        """The unions over a bool that come back to themselves with no class between: as an alias they could not be.

        Raises: `DescriptionError` for a typedef that does so by typedefs alone, as in `typedef a *a`.
        """
        typedefs: dict[str, set[str]] = {}
        unions: dict[str, set[str]] = {}
        for name, definition in self.types.items():
            if isinstance(definition, Typedef):
                typedefs[name] = set(_names(definition.type))
            elif isinstance(definition, Union) and self.base(definition.discriminant.type) == Basic("bool"):
                unions[name] = {each for kind, _ in self._parts(definition) for each in _names(kind)}
        for name in typedefs:
            if name in _reached(name, typedefs):
                raise DescriptionError(f"a struct expected on the way from {name} to itself", self.types[name].place)
        return {name for name in unions if name in _reached(name, typedefs | unions)}

    def _find_circles(self) -> set[str]:
        """The structs and unions that contain themselves, links of lists aside.

        Raises: `DescriptionError` where nothing between could be absent: such a value would be without end.
        """
        direct: dict[str, set[str]] = {}
        inside: dict[str, set[str]] = {}
        for name, definition in self.types.items():
            direct[name], inside[name] = set(), set()
            for kind, _ in self._parts(definition):
                found = self.base(kind)
                absent = False
                while isinstance(found, (Array, OptionalType)):
                    absent = absent or isinstance(found, OptionalType) or not found.fixed
                    found = self.base(found.item)
                if not isinstance(found, (Struct, Union)):
                    continue
                if isinstance(definition, Struct) and found is definition and self.link(definition):
                    continue
                inside[name].add(found.name)
                # One arm of a union may end what the others go on with.
                if not absent and isinstance(definition, Struct):
                    direct[name].add(found.name)
        for name in direct:
            if name in _reached(name, direct):
                raise DescriptionError(
                    f"an optional value or an array expected on the way from {name} to itself", self.types[name].place
                )
        return {name for name in inside if name in _reached(name, inside)}


def _names(kind: Type) -> Iterator[str]:
    """The name of the type that a type is made of, if it has one."""
    while isinstance(kind, (Array, OptionalType)):
        kind = kind.item
    if isinstance(kind, Reference):
        yield kind.name


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """Everything that is reached from a name, in one step or more."""
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += edges.get(name, ())
    return found
