"""The model of a description: what the parser makes of a `.x` file, and what the generator writes Python from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from plugserve import PlugserveError

__all__ = [
    "Array",
    "Basic",
    "Constant",
    "Definition",
    "Description",
    "DescriptionError",
    "Enum",
    "Field",
    "Opaque",
    "OptionalType",
    "Place",
    "Procedure",
    "ProgramDefinition",
    "Reference",
    "String",
    "Struct",
    "Type",
    "Typedef",
    "Union",
    "Value",
    "VersionDefinition",
]


class Place(NamedTuple):
    """Where something stands: the file, the line and the column, both from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DescriptionError(PlugserveError):
    """A description is wrong: the message begins with file, line and column.

    Parameters:
        message: what is wrong, and what was expected.
        place: where.
    """

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Value:
    """A number or the name of one, as written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Basic:
    """A type that the language has: int, unsigned int, hyper, bool, void, ..., by that name."""

    name: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """Bytes: exactly `size`, or up to it; None is no limit."""

    size: Value | None
    fixed: bool


@dataclass(frozen=True, slots=True)
class String:
    """A string of up to `size` bytes; None is no limit."""

    size: Value | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A type by the name that it has in the description."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Array:
    """Items: exactly `size`, or up to it; None is no limit."""

    item: Type
    size: Value | None
    fixed: bool


@dataclass(frozen=True, slots=True)
class OptionalType:
    """A value or nothing: `type *name`."""

    item: Type


Type: TypeAlias = Basic | Opaque | String | Reference | Array | OptionalType


@dataclass(frozen=True, slots=True)
class Field:
    """A name with a type: of a struct, of a union's arm."""

    name: str
    type: Type
    place: Place


@dataclass(frozen=True, slots=True)
class Constant:
    """`const NAME = value`, or a `#define` of one value. `text` may be a string, with its quotes."""

    name: str
    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum; a member without a value has one more than the member before it, as in C."""

    name: str
    members: list[tuple[str, Value | None, Place]]
    place: Place


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct."""

    name: str
    fields: list[Field]
    place: Place


@dataclass(frozen=True, slots=True)
class Union:
    """A discriminated union. An arm is its labels and its field, None for void; `default` is a list of none or one."""

    name: str
    discriminant: Field
    arms: list[tuple[list[Value], Field | None]]
    default: list[Field | None]
    place: Place


@dataclass(frozen=True, slots=True)
class Typedef:
    """Another name for a type."""

    name: str
    type: Type
    place: Place


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of a program; without arguments, `arguments` is empty."""

    name: str
    number: Value
    arguments: list[Type]
    result: Type
    place: Place


@dataclass(frozen=True, slots=True)
class VersionDefinition:
    """A version of a program."""

    name: str
    number: Value
    procedures: list[Procedure]
    place: Place


@dataclass(frozen=True, slots=True)
class ProgramDefinition:
    """A program."""

    name: str
    number: Value
    versions: list[VersionDefinition]
    place: Place


Definition: TypeAlias = Constant | Enum | Struct | Union | Typedef | ProgramDefinition


@dataclass(slots=True)
class Description:
    """All definitions, in the order in which they were written.

    Attributes:
        name: the file's name.
        definitions: them.
        outside: definitions of other descriptions, that this one may use; only those used are written.
    """

    name: str
    definitions: list[Definition] = field(default_factory=list)
    outside: dict[str, Definition] = field(default_factory=dict)
