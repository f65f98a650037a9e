"""From a description to a Python module: readable, typed, and formatted as ruff does it.

How the types come out:

- An **enum** is an `IntEnum`; a **struct** a frozen dataclass with slots; arrays are tuples, opaque data and strings
  `bytes` (XDR does not say in which encoding a string is).
- A **union** is a dataclass of two fields: the discriminant under its own name, and `value`, whose type is that of the
  arms: `READ3res(nfsstat3.NFS3_OK, READ3resok(...))`. One class for all arms, since the discriminant says more than the
  arm does where several labels share an arm or fall to the default; `value` is None for void, and need not be given.
- A union over a bool that has nothing where it is false is an **optional** value, as section 4.19 says: `T | None`.
- A struct whose last field may lead to another one of its kind is an item of a **linked list**. The list is a tuple of
  items, without the link; it is read and written in a loop, so that its length is no depth of recursion.

Fields of fixed size that follow each other, those of structs inside too, are packed and unpacked at once by one
`struct.Struct`.

Names stay those of the description. `_` is added to one that Python or the module itself needs.
"""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .description import (
    Array,
    Basic,
    Constant,
    Definition,
    Description,
    Enum,
    Field,
    Opaque,
    OptionalType,
    Procedure,
    ProgramDefinition,
    Reference,
    String,
    Struct,
    Type,
    Typedef,
    Union,
    Value,
    VersionDefinition,
)
from .resolve import NUMBERS, Base, Resolver

__all__ = ["generate"]

WIDTH = 88
"""Lines are as long as ruff makes them if nobody says otherwise. Lists are broken so that they stay at any width."""

CALL = re.compile(r"[\w.]+\(.*\)$")

IMPORTS = {
    "abc": {"abstractmethod"},
    "dataclasses": {"dataclass"},
    "enum": {"IntEnum"},
    "struct": {"Struct"},
    "typing": {"Any", "ClassVar", "Final", "TypeAlias", "Union"},
    "plugserve_sunrpc.program": {"AsyncStub", "Call", "Procedure", "Program", "Reply", "Stub"},
    "plugserve_sunrpc.records": {
        "PackingFailure",
        "UnpackingFailure",
        "maker",
        "members",
        "pack_nothing",
        "unpack_nothing",
    },
    "plugserve_sunrpc.xdr": {"Packer", "Unpacker", "pack_value"},
}
"""All that a module may import; it imports what it uses."""

TAKEN = {"self", "packer", "unpacker", "annotations", *keyword.kwlist, *dir(builtins)}.union(*IMPORTS.values())
MEMBER_TAKEN = {"name", "value", "mro", *keyword.kwlist, *dir(int)}
FIELD_TAKEN = {"self", "packer", "unpacker", "pack", "unpack", "failure", "read", "write", *keyword.kwlist}
USED_IN_FIELDS = {"bool", "bytes", "float", "int", "str", "tuple", "staticmethod", "dataclass", "len"}
"""Names that a class's own body and methods need, so that no field may hide them."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A number inside a run: how to reach it from the value, its name once unpacked, and what it is.

    `given` is False for the length of the data that follows, and for the bool before an optional value.
    """

    path: str
    local: str
    kind: Base
    given: bool = True


def generate(description: Description) -> str:
    """The module's source.

    Parameters:
        description: the model.
    Raises: `DescriptionError` for names that are not there, and the like.
    """
    return _Generator(Resolver(description)).module()


class _Generator:
    """Writes one module."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.written: set[str] = set()
        self.postponed: list[Typedef | Union] = []
        self.globals = {self.name(each.name) for each in resolver.definitions}

    # Names

    def name(self, name: str) -> str:
        """A name of the description, as the module has it."""
        return f"{name}_" if name in TAKEN or name.startswith("__") else name

    def field_name(self, name: str) -> str:
        """The name of a field; one that a type has would hide that type inside the class."""
        taken = name in FIELD_TAKEN or name in USED_IN_FIELDS or name in self.globals or name.startswith("__")
        return f"{name}_" if taken else name

    def member_name(self, name: str) -> str:
        """The name of an enum's member."""
        return f"{name}_" if name in MEMBER_TAKEN or name.startswith("_") else name

    def value(self, value: Value) -> str:
        """A number as the description writes it, in Python's way; a constant by its name."""
        text = value.text
        if text.lstrip("-")[0].isdigit():
            sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
            if len(digits) > 1 and digits[0] == "0" and digits[1] not in "xX":
                digits = f"0o{digits[1:]}"
            elif digits[:2] in {"0x", "0X"}:
                digits = f"0x{digits[2:].upper()}"
            return sign + digits
        if text in self.resolver.member_of:
            enum = self.resolver.member_of[text]
            known = enum in self.written
            return f"{self.name(enum)}.{self.member_name(text)}" if known else str(self.resolver.number(value))
        return self.name(text) if text in self.written else str(self.resolver.number(value))

    def label(self, value: Value, kind: Base) -> str:
        """A case's label: a member of the enum that is switched on, a bool or a number."""
        if isinstance(kind, Enum):
            number = self.resolver.number(value)
            member = next(name for name, _, _ in kind.members if self.resolver.numbers[name] == number)
            if value.text in self.resolver.member_of:
                member = value.text
            return f"{self.name(kind.name)}.{self.member_name(member)}"
        if kind == Basic("bool"):
            return str(bool(self.resolver.number(value)))
        return self.value(value)

    # Types

    def annotation(self, kind: Type) -> str:
        """The Python type."""
        if isinstance(kind, Reference):
            definition = self.resolver.named(kind)
            if isinstance(definition, Typedef) and kind.name not in self.resolver.types:
                return self.annotation(definition.type)
            name = self.name(kind.name)
            return f"tuple[{name}, ...]" if self.resolver.link(definition_of(definition)) else name
        if isinstance(kind, Basic):
            if kind.name == "void":
                return "None"
            return "bytes" if kind.name == "quadruple" else NUMBERS[kind.name].python
        if isinstance(kind, (Opaque, String)):
            return "bytes"
        if isinstance(kind, OptionalType) and self.chained(kind):
            return self.annotation(kind.item)
        if isinstance(kind, OptionalType) and not self.resolver.nullable(kind.item):
            return f"{self.annotation(kind.item)} | None"
        return f"tuple[{self.annotation(kind.item)}, ...]"

    def chained(self, kind: OptionalType) -> Struct | None:
        """The items' struct, if an optional value is a linked list."""
        found = self.resolver.base(kind.item)
        return found if isinstance(found, Struct) and self.resolver.link(found) else None

    def has_function(self, kind: Type) -> str | None:
        """The name of a type with a pack and an unpack function of its own: all but enums, classes and numbers."""
        if isinstance(kind, Reference) and kind.name in self.resolver.types:
            definition = self.resolver.types[kind.name]
            if self.resolver.optional_arm(definition_of(definition)):
                return self.name(kind.name)
            found = self.resolver.base(kind)
            complex_kind = isinstance(found, (Opaque, String, Array, OptionalType)) or self.resolver.link(found)
            if isinstance(definition, Typedef) and complex_kind:
                return self.name(kind.name)
        return None

    def limit(self, value: Value | None) -> list[str]:
        """A limit as an argument; none where there is none."""
        return [] if value is None else [self.value(value)]

    def pack(self, kind: Type, value: str) -> str:
        """The call that packs a value."""
        found = self.resolver.base(kind)
        if isinstance(found, Basic):
            if found.name == "void":
                return f"pack_nothing(packer, {value})"
            method = "quadruple" if found.name == "quadruple" else NUMBERS[found.name].method
            return f"packer.pack_{method}({value})"
        if isinstance(found, Enum):
            return f"packer.pack_enum({value}, {self.name(found.name)})"
        if isinstance(found, Opaque) and found.fixed and found.size:
            return f"packer.pack_opaque_fixed({self.value(found.size)}, {value})"
        if isinstance(found, Opaque):
            return self.call("packer.pack_opaque", [value, *self.limit(found.size)])
        if isinstance(found, String):
            return self.call("packer.pack_opaque", [value, *self.limit(found.size)])
        if isinstance(found, Struct) and self.resolver.link(found):
            return f"packer.pack_linked({value})"
        if isinstance(found, Union) and self.resolver.optional_arm(found):
            return f"pack_{self.name(found.name)}(packer, {value})"
        if only := self.only_bytes(found):
            return self.pack(only.type, f"{value}.{self.field_name(only.name)}")
        if isinstance(found, (Struct, Union)):
            return f"{value}.pack(packer)"
        if isinstance(found, OptionalType):
            if self.chained(found):
                return f"packer.pack_chain_values({value})"
            if self.resolver.nullable(found.item):
                return self.call("packer.pack_array", [value, self.packs(found.item), "1"])
            return self.call("packer.pack_optional", [value, self.packs(found.item)])
        item = self.resolver.base(found.item)
        letter = self.letter(item)
        if found.fixed and found.size:
            if letter:
                return self.call("packer.pack_numbers_fixed", [self.value(found.size), value, f'"{letter}"'])
            return self.call("packer.pack_array_fixed", [self.value(found.size), value, self.packs(found.item)])
        if letter:
            return self.call("packer.pack_numbers", [value, f'"{letter}"', *self.limit(found.size)])
        if self.packs(found.item) == "pack_value":
            return self.call("packer.pack_values", [value, *self.limit(found.size)])
        return self.call("packer.pack_array", [value, self.packs(found.item), *self.limit(found.size)])

    def only_bytes(self, kind: Base) -> Field | None:
        """The one field of a struct that is only a name for some bytes, as a handle is; None for other types."""
        if not isinstance(kind, Struct) or len(kind.fields) != 1:
            return None
        found = self.resolver.base(kind.fields[0].type)
        is_bytes = isinstance(found, String) or (isinstance(found, Opaque) and not found.fixed)
        return kind.fields[0] if is_bytes else None

    def unpack(self, kind: Type) -> str:
        """The expression that unpacks a value."""
        found = self.resolver.base(kind)
        if isinstance(found, Basic):
            if found.name == "void":
                return "None"
            method = "quadruple" if found.name == "quadruple" else NUMBERS[found.name].method
            return f"unpacker.unpack_{method}()"
        if isinstance(found, Enum):
            return f"unpacker.unpack_enum({self.name(found.name)})"
        if isinstance(found, Opaque) and found.fixed and found.size:
            return f"unpacker.unpack_opaque_fixed({self.value(found.size)})"
        if isinstance(found, Opaque):
            return self.call("unpacker.unpack_opaque", self.limit(found.size))
        if isinstance(found, String):
            return self.call("unpacker.unpack_opaque", self.limit(found.size))
        if isinstance(found, Struct) and self.resolver.link(found):
            return f"unpacker.unpack_linked({self.name(found.name)}.unpack)"
        if isinstance(found, Union) and self.resolver.optional_arm(found):
            return f"unpack_{self.name(found.name)}(unpacker)"
        if isinstance(found, Struct) and found.name in self.written and (only := self.only_bytes(found)):
            return f"_make_{found.name}({self.unpack(only.type)})"
        if isinstance(found, (Struct, Union)):
            return f"{self.name(found.name)}.unpack(unpacker)"
        if isinstance(found, OptionalType):
            if chained := self.chained(found):
                return f"unpacker.unpack_chain({self.name(chained.name)}.unpack)"
            if self.resolver.nullable(found.item):
                return self.call("unpacker.unpack_array", [self.unpacks(found.item), "1"])
            return f"unpacker.unpack_optional({self.unpacks(found.item)})"
        letter = self.letter(self.resolver.base(found.item))
        least = self.resolver.least(found.item)
        minimum = [] if least == 4 else [f"minimum={least}"]
        if found.fixed and found.size:
            if letter:
                return self.call("unpacker.unpack_numbers_fixed", [self.value(found.size), f'"{letter}"'])
            arguments = [self.value(found.size), self.unpacks(found.item), *minimum]
            return self.call("unpacker.unpack_array_fixed", arguments)
        if letter:
            return self.call("unpacker.unpack_numbers", [f'"{letter}"', *self.limit(found.size)])
        arguments = [self.unpacks(found.item), *self.limit(found.size), *minimum]
        return self.call("unpacker.unpack_array", arguments)

    def letter(self, kind: Base) -> str | None:
        """The letter in `struct` of a number that all values of its size are."""
        if isinstance(kind, Basic) and kind.name in NUMBERS and NUMBERS[kind.name].range is None:
            return NUMBERS[kind.name].letter
        return None

    def packs(self, kind: Type) -> str:
        """The function that packs a value, called with the packer and the value."""
        if function := self.has_function(kind):
            return f"pack_{function}"
        found = self.resolver.base(kind)
        if isinstance(found, Basic) and found.name != "void":
            return self.pack(kind, "").replace("packer.", "Packer.").removesuffix("()")
        if isinstance(found, (Struct, Union)) and not self.resolver.link(found):
            return "pack_value"
        return "pack_nothing" if found == Basic("void") else f"lambda packer, value: {self.pack(kind, 'value')}"

    def unpacks(self, kind: Type) -> str:
        """The function that unpacks a value, called with the unpacker."""
        if function := self.has_function(kind):
            return f"unpack_{function}"
        found = self.resolver.base(kind)
        if isinstance(found, Basic) and found.name != "void":
            return self.unpack(kind).replace("unpacker.", "Unpacker.").removesuffix("()")
        if isinstance(found, (Struct, Union)) and not self.resolver.link(found):
            return f"{self.name(found.name)}.unpack"
        return "unpack_nothing" if found == Basic("void") else f"lambda unpacker: {self.unpack(kind)}"

    # Layout

    @staticmethod
    def call(function: str, arguments: list[str]) -> str:
        """A call, on one line."""
        return f"{function}({', '.join(arguments)})"

    def fitted(self, indent: str, before: str, items: list[str], after: str) -> Iterator[str]:
        """Items between brackets: on one line if they fit, else one a line. `before` ends with the bracket."""
        line = f"{indent}{before}{', '.join(items)}{after}"
        if len(line) <= WIDTH or not items:
            yield line
            return
        yield f"{indent}{before}"
        for item in items:
            yield from self.statement(f"{indent}    ", "", item, ",")
        yield f"{indent}{after}"

    def statement(self, indent: str, before: str, expression: str, after: str = "") -> Iterator[str]:
        """A line that ends with a call; the call's arguments are broken if it is too long."""
        line = f"{indent}{before}{expression}{after}"
        if len(line) <= WIDTH or not CALL.match(expression) or expression.endswith("()"):
            yield line
            return
        head, arguments = _split_call(expression)
        yield from self.fitted(indent, f"{before}{head}(", arguments, f"){after}")

    @staticmethod
    def docstring(indent: str, text: str, *more: str) -> Iterator[str]:
        """A docstring: a sentence, and lines after it."""
        text = text.replace("\\", "\\\\").replace('"""', "'''")
        first = textwrap.wrap(text, WIDTH - len(indent) - 6, break_long_words=False)
        if len(first) == 1 and not more:
            yield f'{indent}"""{text}"""'
            return
        yield f'{indent}"""{first[0]}'
        yield from (f"{indent}{line}" for line in first[1:])
        if more:
            yield ""
        for line in more:
            wrapped = textwrap.wrap(line, WIDTH - len(indent) - 4, break_long_words=False)
            yield f"{indent}{wrapped[0]}"
            yield from (f"{indent}    {rest}" for rest in wrapped[1:])
        yield f'{indent}"""'

    # Definitions

    def module(self) -> str:
        """The whole module."""
        blocks: list[list[str]] = []
        for definition in self.resolver.definitions:
            blocks += self.definition(definition)
            self.written.add(definition.name)
            blocks += self.waiting()
        body = _joined(blocks)
        lines = list(
            self.docstring(
                "",
                f"Compiled from {Path(self.resolver.description.name).name} by plugserve-rpcgen.",
                "Do not change it: change the description, and compile that again.",
            )
        )
        # No rule about names holds for names that are given.
        lines += [
            "# ruff: noqa: A001, A002, E501, E741, N801, N802, N806, N815, N816, PYI042, RUF100, SIM114, UP007",
            "",
            "from __future__ import annotations",
            "",
        ]
        lines += self.imports(body)
        blank = "\n\n" if body.startswith(("class ", "@", "def ")) else "\n"
        return "\n".join(lines).rstrip() + "\n" + (f"{blank}{body}" if body else "")

    def imports(self, body: str) -> Iterator[str]:
        """The imports that the body uses, in two groups."""
        names = set(re.findall(r"(?<![\w.\"])[A-Za-z]\w*", re.sub(r'""".*?"""', "", body, flags=re.DOTALL)))
        own = False
        for module, known in IMPORTS.items():
            used = sorted(known & names, key=lambda name: (name.islower() or "_" in name, name))
            if not used:
                continue
            if module.startswith("plugserve") and not own:
                own = True
                yield ""
            yield from self.import_line(module, used)

    def import_line(self, module: str, names: list[str]) -> Iterator[str]:
        """One import; too long a one has brackets, which need no space around the names."""
        line = f"from {module} import {', '.join(names)}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield f"from {module} import ("
            yield from (f"    {name}," for name in names)
            yield ")"

    def definition(self, definition: Definition) -> Iterator[list[str]]:
        """The blocks of a definition."""
        if isinstance(definition, Constant):
            yield [self.constant(definition)]
        elif isinstance(definition, Enum):
            yield list(self.enum(definition))
            yield [f"_members_{definition.name}: Final = members({self.name(definition.name)})"]
        elif isinstance(definition, Struct):
            yield from self.struct(definition)
        elif isinstance(definition, Union) and not self.resolver.optional_arm(definition):
            yield from self.union(definition)
        elif isinstance(definition, (Typedef, Union)):
            self.postponed.append(definition)
        else:
            for version in definition.versions:
                yield from self.version(definition, version)

    def waiting(self) -> Iterator[list[str]]:
        """Aliases whose types are all written: unlike annotations, they are looked up where they stand."""
        again = True
        while again:
            again = False
            for definition in list(self.postponed):
                kind = self.aliased(definition)
                if all(name in self.written for name in self.mentioned(kind)):
                    self.postponed.remove(definition)
                    self.written.add(definition.name)
                    again = True
                    yield from self.alias(definition, kind)

    def aliased(self, definition: Typedef | Union) -> Type:
        """What a typedef, or a union that is an optional value, stands for."""
        if isinstance(definition, Typedef):
            return definition.type
        field = self.resolver.optional_arm(definition)
        assert field is not None
        return OptionalType(field.type)

    def mentioned(self, kind: Type) -> Iterator[str]:
        """The names that the annotation of a type has."""
        if isinstance(kind, Reference) and kind.name in self.resolver.types:
            yield kind.name
        elif isinstance(kind, (Array, OptionalType)):
            yield from self.mentioned(kind.item)

    def constant(self, definition: Constant) -> str:
        text = definition.value.text
        value = text if text[0] == '"' else self.value(definition.value)
        self.written.add(definition.name)
        return f"{self.name(definition.name)}: Final = {value}"

    def enum(self, definition: Enum) -> Iterator[str]:
        yield f"class {self.name(definition.name)}(IntEnum):"
        yield from self.docstring("    ", f"enum {definition.name}.")
        yield ""
        for name, value, _ in definition.members:
            number = str(self.resolver.numbers[name]) if value is None else self.value(value)
            yield f"    {self.member_name(name)} = {number}"

    def alias(self, definition: Typedef | Union, kind: Type) -> Iterator[list[str]]:
        """A type alias, and its functions if it is no plain name."""
        name = self.name(definition.name)
        yield [f"{name}: TypeAlias = {self.annotation(kind)}"]
        reference = Reference(definition.name, definition.place)
        if not self.has_function(reference):
            return
        lines = list(self.fitted("", f"def pack_{name}(", ["packer: Packer", f"value: {name}"], ") -> None:"))
        lines += self.docstring("    ", f"Pack {_article(definition.name)}.")
        lines += self.guarded(definition.name, list(self.statement("        ", "", self.pack(kind, "value"))))
        yield lines
        lines = list(self.fitted("", f"def unpack_{name}(", ["unpacker: Unpacker"], f") -> {name}:"))
        lines += self.docstring("    ", f"Unpack {_article(definition.name)}.")
        lines += self.statement("    ", "return ", self.unpack(kind))
        yield lines

    def guarded(self, name: str, body: list[str]) -> Iterator[str]:
        """Statements that pack, with Python's errors made ours."""
        yield "    try:"
        yield from body
        yield "    except PackingFailure as failure:"
        yield f'        packer.refuse("{name}", failure)'

    # Structs

    def leaves(self, kind: Type, path: str, local: str) -> list[_Leaf] | None:
        """The numbers that a type is made of, if it is made of numbers only; else None."""
        found = self.resolver.base(kind)
        if isinstance(found, Enum) or (isinstance(found, Basic) and found.name in NUMBERS):
            return [_Leaf(path, local, found)]
        if not isinstance(found, Struct) or self.resolver.link(found) or found.name in self.resolver.recursive:
            return None
        all_leaves: list[_Leaf] = []
        for field in found.fields:
            name = self.field_name(field.name)
            leaves = self.leaves(field.type, f"{path}.{name}", f"{local}_{name}")
            if leaves is None:
                return None
            all_leaves += leaves
        return all_leaves

    def heading(self, field: Field) -> _Leaf | None:
        """The number that comes before a value of variable size, where it can end a run: a length, or a bool."""
        own = self.field_name(field.name)
        found = self.resolver.base(field.type)
        if isinstance(found, String) or (isinstance(found, Opaque) and not found.fixed):
            return _Leaf(f"len(self.{own})", f"{own}_size", Basic("unsigned int"), given=False)
        item = self.optional_item(field.type)
        if item is None or self.optional(own, item, "follows_") is None:
            return None
        return _Leaf(f"self.{own} is not None", "follows", Basic("bool"), given=False)

    def optional_item(self, kind: Type) -> Type | None:
        """What an optional value is where it is there; None for other types."""
        found = self.resolver.base(kind)
        if isinstance(found, OptionalType) and not self.chained(found) and not self.resolver.nullable(found.item):
            return found.item
        arm = self.resolver.optional_arm(found)
        return arm.type if arm else None

    def optional(self, own: str, item: Type, condition: str) -> str | None:
        """The line that unpacks an optional value; None if it is too long: broken, it would look otherwise at 120."""
        found = self.resolver.base(item)
        ways = [self.unpack(item)]
        if isinstance(found, Struct) and self.only_bytes(found):
            ways.append(f"{self.name(found.name)}.unpack(unpacker)")
        lines = [f"            {own} = {way} if {condition} else None" for way in ways]
        return next((line for line in lines if len(line) <= WIDTH), None)

    def body(self, field: Field, heading: _Leaf, packing: list[str], unpacking: list[str]) -> None:
        """What follows a heading."""
        own = self.field_name(field.name)
        found = self.resolver.base(field.type)
        if isinstance(found, (String, Opaque)):
            limit = self.limit(found.size)
            packing += self.statement("            ", "", self.call("packer.fill", [f"self.{own}", *limit]))
            call = self.call("unpacker.filled", [heading.local, *limit])
            unpacking += self.statement("            ", f"{own} = ", call)
            return
        item = self.optional_item(field.type)
        assert item is not None
        packing.append(f"            if self.{own} is not None:")
        packing += self.statement("                ", "", self.pack(item, f"self.{own}"))
        line = self.optional(own, item, heading.local)
        assert line is not None
        unpacking.append(line)

    def runs(self, fields: list[Field]) -> Iterator[tuple[list[Field], Field | None]]:
        """The fields: those that are numbers together, and the one after them, whose heading goes with them."""
        run: list[Field] = []
        for field in fields:
            if self.leaves(field.type, "", "") is not None:
                run.append(field)
            else:
                yield run, field
                run = []
        yield run, None

    def struct(self, definition: Struct) -> Iterator[list[str]]:
        """The class, the layouts of its runs before it, and its maker after it."""
        name = self.name(definition.name)
        fields = self.resolver.fields(definition)
        link = self.resolver.link(definition)
        packing: list[str] = []
        unpacking: list[str] = []
        layouts: list[str] = []
        recursive = definition.name in self.resolver.recursive
        if recursive:
            unpacking.append("            unpacker.enter()")
        start = len(unpacking)
        used = {self.field_name(field.name) for field in fields} | self.globals
        arguments: list[str] = []
        for run, last in self.runs(fields):
            leaves: list[_Leaf] = []
            for field in run:
                own = self.field_name(field.name)
                leaves += self.leaves(field.type, f"self.{own}", own) or []
            heading = self.heading(last) if last and leaves else None
            leaves = _unique([*leaves, *([heading] if heading else [])], used)
            alone = list(run)
            if len(leaves) > 1:
                layout = f"_{definition.name}_{len(layouts) + 1}"
                layouts += self.fitted("", f"{layout}: Final = Struct(", [f'">{_layout(leaves)}"'], ")")
                self.pack_run(leaves, layout, packing)
                self.unpack_run(leaves, layout, unpacking)
                rest = iter(leaves)
                arguments += [self.built(field.type, rest) for field in run]
                alone = []
            if last and heading:
                self.body(last, leaves[-1], packing, unpacking)
                arguments.append(self.field_name(last.name))
            elif last:
                alone.append(last)
            for field in alone:
                own = self.field_name(field.name)
                self.single(field, packing, unpacking)
                arguments.append(own)
        if layouts:
            # Python 3.11 looks an attribute up quickly, but not one that is called where it stands.
            packing.insert(0, "            write = packer.write")
            unpacking.insert(start, "            read = unpacker.read")
        if recursive:
            unpacking.append("            unpacker.leave()")
        unpacking += self.fitted("            ", f"return _make_{definition.name}(", arguments, ")")
        lines = ["@dataclass(frozen=True, slots=True)", f"class {name}:"]
        if link:
            more = f"An item of a linked list: the list is a tuple, without {link.name}."
            lines += self.docstring("    ", f"struct {definition.name}.", more)
        else:
            lines += self.docstring("    ", f"struct {definition.name}.")
        lines.append("")
        lines += [f"    {self.field_name(field.name)}: {self.annotation(field.type)}" for field in fields]
        if fields:
            lines.append("")
        lines += self.methods(name, definition.name, packing, unpacking)
        if layouts:
            yield layouts
        yield lines
        yield list(self.fitted("", f"_make_{definition.name}: Final = maker(", [name], ")"))

    def single(self, field: Field, packing: list[str], unpacking: list[str]) -> None:
        """A field on its own."""
        own = self.field_name(field.name)
        item = self.optional_item(field.type)
        line = self.optional(own, item, "unpacker.unpack_bool()") if item else None
        if item is None or line is None:
            packing += self.statement("            ", "", self.pack(field.type, f"self.{own}"))
            unpacking += self.statement("            ", f"{own} = ", self.unpack(field.type))
            return
        packing.append(f"            packer.pack_bool(self.{own} is not None)")
        packing.append(f"            if self.{own} is not None:")
        packing += self.statement("                ", "", self.pack(item, f"self.{own}"))
        unpacking.append(line)

    def methods(self, name: str, plain: str, packing: list[str], unpacking: list[str]) -> Iterator[str]:
        """`pack` and `unpack`, with Python's errors made ours."""
        yield "    def pack(self, packer: Packer) -> None:"
        yield '        """Pack it; raises `XDRError`."""'
        if packing:
            yield "        try:"
            yield from packing
            yield "        except PackingFailure as failure:"
            yield f'            packer.refuse("{plain}", failure)'
        yield ""
        yield "    @staticmethod"
        yield from self.fitted("    ", "def unpack(", ["unpacker: Unpacker"], f") -> {name}:")
        yield '        """Unpack one; raises `XDRError`."""'
        yield "        try:"
        yield from unpacking
        yield "        except UnpackingFailure as failure:"
        yield f'            unpacker.refuse("{plain}", failure)'

    def pack_run(self, leaves: list[_Leaf], layout: str, out: list[str]) -> None:
        """Check what has fewer values than its size, and pack all."""
        indent = "            "
        for leaf in leaves:
            if isinstance(leaf.kind, Enum):
                out.append(f"{indent}if {leaf.path} not in _members_{leaf.kind.name}:")
                expected = f'"a member of {leaf.kind.name}"'
                out += self.fitted(f"{indent}    ", "packer.wrong(", [expected, leaf.path], ")")
            elif leaf.given and (limits := self.range(leaf.kind)):
                out.append(f"{indent}if not {limits[0]} <= {leaf.path} <= {limits[1]}:")
                expected = f'"{leaf.path.removeprefix("self.")}"'
                items = [expected, str(limits[0]), str(limits[1]), leaf.path]
                out += self.fitted(f"{indent}    ", "packer.outside(", items, ")")
        paths = [leaf.path for leaf in leaves]
        out += self.statement(indent, "", f"write({self.call(f'{layout}.pack', paths)})")

    def unpack_run(self, leaves: list[_Leaf], layout: str, out: list[str]) -> None:
        """Unpack all, and check what has fewer values than its size."""
        indent = "            "
        locals_ = [leaf.local for leaf in leaves]
        back = sum(_size(leaf.kind) for leaf in leaves)
        taken = f"{layout}.unpack(read({back}))"
        line = f"{indent}{', '.join(locals_)} = {taken}"
        if len(line) <= WIDTH:
            out.append(line)
        else:
            out.append(f"{indent}(")
            out += [f"{indent}    {local}," for local in locals_]
            out += self.statement(indent, ") = ", taken)
        for leaf in leaves:
            if isinstance(leaf.kind, Enum):
                out.append(f"{indent}if {leaf.local} not in _members_{leaf.kind.name}:")
                items = [self.name(leaf.kind.name), leaf.local, str(back)]
                out += self.fitted(f"{indent}    ", "unpacker.not_a_member(", items, ")")
            elif limits := self.range(leaf.kind):
                low, high = limits
                bound = f"{leaf.local} > {high}" if low == 0 else f"not {low} <= {leaf.local} <= {high}"
                out.append(f"{indent}if {bound}:")
                items = [str(low), str(high), leaf.local, str(back)]
                out += self.fitted(f"{indent}    ", "unpacker.outside(", items, ")")
            back -= _size(leaf.kind)

    def range(self, kind: Base) -> tuple[int, int] | None:
        """The least and the greatest value, where these are not those of the size."""
        return NUMBERS[kind.name].range if isinstance(kind, Basic) else None

    def built(self, kind: Type, leaves: Iterator[_Leaf]) -> str:
        """The expression that makes a value of its unpacked numbers."""
        found = self.resolver.base(kind)
        if isinstance(found, Struct):
            parts = [self.built(field.type, leaves) for field in found.fields]
            return self.call(f"_make_{found.name}", parts)
        leaf = next(leaves)
        if isinstance(found, Enum):
            return f"_members_{found.name}[{leaf.local}]"
        return f"{leaf.local} == 1" if found == Basic("bool") else leaf.local

    # Unions

    def union(self, definition: Union) -> Iterator[list[str]]:
        """The class, and its maker."""
        name = self.name(definition.name)
        kind = self.resolver.base(definition.discriminant.type)
        switch = self.field_name(definition.discriminant.name)
        if switch == "value":
            switch = "discriminant"
        arms: list[tuple[list[str] | None, Field | None]] = [
            ([self.label(label, kind) for label in labels], field) for labels, field in definition.arms
        ]
        arms += [(None, field) for field in definition.default]
        annotations = list(dict.fromkeys(self.annotation(field.type) for _, field in arms if field))
        void = any(field is None for _, field in arms)
        annotations = [each for each in annotations if each != "None"]
        if void or any(field and self.resolver.nullable(field.type) for _, field in arms):
            annotations.append("None")
        more = []
        for labels, field in arms:
            case = "otherwise" if labels is None else ", ".join(labels)
            what = f"{self.annotation(field.type)}, {field.name}" if field else "None"
            more.append(f"- {case}: {what}")
        lines = ["@dataclass(frozen=True, slots=True)", f"class {name}:"]
        lines += self.docstring("    ", f"union {definition.name}: what `value` is, by `{switch}`.", *more)
        lines.append("")
        lines.append(f"    {switch}: {self.annotation(definition.discriminant.type)}")
        default = " = None" if void else ""
        line = f"    value: {' | '.join(annotations)}{default}"
        if len(line) <= WIDTH:
            lines.append(line)
        else:
            lines.append("    value: Union[")
            lines += [f"        {each}," for each in annotations]
            lines.append(f"    ]{default}")
        lines.append("")
        packing, unpacking = self.arms(definition, kind, switch, arms)
        lines += self.methods(name, definition.name, packing, unpacking)
        yield lines
        yield list(self.fitted("", f"_make_{definition.name}: Final = maker(", [name], ")"))

    def arms(
        self, definition: Union, kind: Base, switch: str, arms: list[tuple[list[str] | None, Field | None]]
    ) -> tuple[list[str], list[str]]:
        """The bodies of `pack` and `unpack`."""
        recursive = definition.name in self.resolver.recursive
        make = f"_make_{definition.name}"
        packing = ["            value: Any = self.value"]
        packing += self.statement("            ", "", self.pack(definition.discriminant.type, f"self.{switch}"))
        unpacking = ["            unpacker.enter()"] if recursive else []
        unpacking += self.statement("            ", f"{switch} = ", self.unpack(definition.discriminant.type))
        word = "if"
        named = False
        for labels, field in arms:
            pack = self.pack(field.type, "value") if field else "pack_nothing(packer, value)"
            unpack = self.unpack(field.type) if field else "None"
            inside_pack = inside_unpack = "            "
            if labels is not None:
                packing += self.condition("            ", word, f"self.{switch}", labels)
                unpacking += self.condition("            ", "if", switch, labels)
                inside_pack += "    "
                inside_unpack += "    "
                word = "elif"
            elif word == "elif":
                packing.append("            else:")
                inside_pack += "    "
            packing += self.statement(inside_pack, "", pack)
            if unpack == "None":
                unpacking += [f"{inside_unpack}unpacker.leave()"] if recursive else []
                unpacking += self.fitted(inside_unpack, f"return {make}(", [switch, "None"], ")")
            elif recursive or len(inside_unpack) + len(f"return {make}({switch}, {unpack})") > WIDTH:
                unpacking += self.statement(inside_unpack, "value = ", unpack)
                unpacking += [f"{inside_unpack}unpacker.leave()"] if recursive else []
                unpacking += self.fitted(inside_unpack, f"return {make}(", [switch, "value"], ")")
                named = True
            else:
                unpacking.append(f"{inside_unpack}return {make}({switch}, {unpack})")
        if named:
            unpacking.insert(0, "            value: Any")
        if not definition.default:
            message = f'f"{definition.name}: a case expected, not {{self.{switch}}}"'
            packing.append("            else:")
            packing += self.fitted("                ", "packer.fail(", [message], ")")
            message = f'f"{definition.name}: a case expected, not {{{switch}}}"'
            unpacking += self.fitted("            ", "unpacker.fail(", [message, "unpacker.position - 4"], ")")
        return packing, unpacking

    def condition(self, indent: str, word: str, value: str, labels: list[str]) -> Iterator[str]:
        """The head of an arm: one label, or several."""
        if len(labels) == 1:
            if labels[0] in {"True", "False"}:
                yield f"{indent}{word} {'' if labels[0] == 'True' else 'not '}{value}:"
            else:
                yield f"{indent}{word} {value} == {labels[0]}:"
            return
        yield from self.fitted(indent, f"{word} {value} in (", labels, "):")

    # Programs

    def version(self, program: ProgramDefinition, version: VersionDefinition) -> Iterator[list[str]]:
        """The two stubs and the server base class of a version."""
        same = [
            each
            for each in self.resolver.definitions
            if isinstance(each, ProgramDefinition) and any(other.name == version.name for other in each.versions)
        ]
        clashes = len(same) > 1 or any(
            self.name(f"{version.name}{suffix}") in self.globals for suffix in ("Client", "AsyncClient", "Server")
        )
        name = f"{program.name}_{version.name}" if clashes else version.name
        what = f"{program.name} {self.value(program.number)}, {version.name} {self.value(version.number)}"
        yield list(self.stub(name, what, program, version, asynchronous=False))
        yield list(self.stub(name, what, program, version, asynchronous=True))
        yield list(self.server(name, what, program, version))

    def parameters(self, procedure: Procedure) -> list[tuple[str, str]]:
        """The names and types of a procedure's arguments."""
        if len(procedure.arguments) == 1:
            return [("argument", self.annotation(procedure.arguments[0]))]
        return [(f"argument{index}", self.annotation(kind)) for index, kind in enumerate(procedure.arguments, 1)]

    def method_name(self, procedure: Procedure, version: VersionDefinition) -> str:
        """The method: the procedure's name in lower case, as C has it; as it is, where that is the name of a type or
        of another procedure, too."""
        lowered = procedure.name.lower()
        same = [each for each in version.procedures if each.name.lower() == lowered]
        name = lowered if len(same) == 1 and lowered not in self.globals else procedure.name
        name = f"{name}_" if name in self.globals else name
        taken = {"number", "version", "name", "procedures", "program", *keyword.kwlist}
        return f"{name}_" if name in taken or name.startswith("_") else name

    def stub(
        self, name: str, what: str, program: ProgramDefinition, version: VersionDefinition, *, asynchronous: bool
    ) -> Iterator[str]:
        """A client stub."""
        base = "AsyncStub" if asynchronous else "Stub"
        suffix = "AsyncClient" if asynchronous else "Client"
        yield f"class {name}{suffix}({base}):"
        yield from self.docstring("    ", f"Calls {what}{', asynchronously' if asynchronous else ''}.")
        yield ""
        yield f"    program = {self.value(program.number)}"
        yield f"    version = {self.value(version.number)}"
        for procedure in version.procedures:
            yield ""
            parameters = self.parameters(procedure)
            word = "async def" if asynchronous else "def"
            items = ["self", *(f"{parameter}: {kind}" for parameter, kind in parameters)]
            method = self.method_name(procedure, version)
            result = self.annotation(procedure.result)
            yield from self.fitted("    ", f"{word} {method}(", items, f") -> {result}:")
            yield from self.docstring("        ", f"Procedure {self.value(procedure.number)}, {procedure.name}.")
            if not parameters:
                pack = "pack_nothing"
            elif len(parameters) == 1:
                call = self.pack(procedure.arguments[0], "argument")
                pack = "argument.pack" if call == "argument.pack(packer)" else f"lambda packer: {call}"
            else:
                pack = "pack"
                yield ""
                yield "        def pack(packer: Packer) -> None:"
                for (parameter, _), kind in zip(parameters, procedure.arguments, strict=True):
                    yield from self.statement("            ", "", self.pack(kind, parameter))
                yield ""
            call = "await self._call(" if asynchronous else "self._call("
            items = [self.value(procedure.number), pack, self.unpacks(procedure.result)]
            before = call if result == "None" else f"return {call}"
            yield from self.fitted("        ", before, items, ")")

    def server(self, name: str, what: str, program: ProgramDefinition, version: VersionDefinition) -> Iterator[str]:
        """A server base class."""
        yield f"class {name}Server(Program):"
        yield from self.docstring("    ", f"Serves {what}: a subclass has the procedures.")
        yield ""
        yield f"    number = {self.value(program.number)}"
        yield f"    version = {self.value(version.number)}"
        yield f'    name = "{program.name}"'
        yield "    procedures: ClassVar = {"
        for procedure in version.procedures:
            unpacks = [self.unpack(kind) for kind in procedure.arguments]
            inside = f"({', '.join(unpacks)}{',' if len(unpacks) == 1 else ''})"
            items = [f'"{self.method_name(procedure, version)}"', f"lambda unpacker: {inside}"]
            items.append(self.packs(procedure.result))
            yield from self.fitted("        ", f"{self.value(procedure.number)}: Procedure(", items, "),")
        yield "    }"
        for procedure in version.procedures:
            yield ""
            result = self.annotation(procedure.result)
            null = result == "None" and not procedure.arguments and self.resolver.number(procedure.number) == 0
            parameters = [f"{parameter}: {kind}" for parameter, kind in self.parameters(procedure)]
            if not null:
                yield "    @abstractmethod"
            method = self.method_name(procedure, version)
            items = ["self", "call: Call", *parameters]
            result = result if null else f"Reply[{result}]"
            yield from self.fitted("    ", f"def {method}(", items, f") -> {result}:")
            text = f"Procedure {self.value(procedure.number)}, {procedure.name}"
            yield from self.docstring("        ", f"{text}: does nothing." if null else f"{text}.")


def definition_of(definition: Enum | Struct | Union | Typedef) -> Base:
    """The definition itself, if it is no typedef; else a type that is nothing special."""
    return Basic("void") if isinstance(definition, Typedef) else definition


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _size(kind: Base) -> int:
    return NUMBERS[kind.name].size if isinstance(kind, Basic) else 4


def _layout(leaves: list[_Leaf]) -> str:
    """The layout of numbers, with repeated letters counted."""
    letters = "".join(NUMBERS[leaf.kind.name].letter if isinstance(leaf.kind, Basic) else "i" for leaf in leaves)
    return re.sub(r"(.)\1+", lambda match: f"{len(match[0])}{match[1]}", letters)


def _unique(leaves: list[_Leaf], used: set[str]) -> list[_Leaf]:
    """The leaves, with no name of a nested one used twice."""
    out = []
    for leaf in leaves:
        local = leaf.local
        if leaf.path.count(".") > 1 or not leaf.given:
            while local in used:
                local += "_"
            used.add(local)
        out.append(replace(leaf, local=local))
    return out


def _split_call(expression: str) -> tuple[str, list[str]]:
    """The function and the arguments of a call."""
    head, _, rest = expression.replace("lambda packer, value", "lambda packer\0 value").partition("(")
    arguments = [""]
    depth = 0
    for character in rest[:-1]:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += character
    return head, [argument.strip().replace("\0", ",") for argument in arguments if argument.strip()]


def _joined(blocks: list[list[str]]) -> str:
    """Blocks with the blank lines between them: two around a class or function, none between lines of a kind."""
    out: list[str] = []
    before = ""
    for lines in blocks:
        first = lines[0]
        now = "block" if first.startswith(("@", "class ", "def ")) else first.split(":")[1].split()[0]
        if out:
            out += [""] * (2 if "block" in (before, now) else 0 if now == before else 1)
        out += lines
        before = now
    return "\n".join(out) + "\n" if out else ""
