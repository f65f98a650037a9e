"""From the text of a description to its model, with lark."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

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
from .preprocess import Source, preprocess

__all__ = ["parse_file", "parse_text"]

WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "TEXT": "a string",
    "BASIC": "a type",
    "SIZED": "a type",
    "SEMICOLON": ";",
    "COMMA": ",",
    "COLON": ":",
    "EQUAL": "=",
    "STAR": "*",
    "LBRACE": "{",
    "RBRACE": "}",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "LESSTHAN": "<",
    "MORETHAN": ">",
    "$END": "the end of the file",
}
"""What errors call the parser's terminals; keywords are called by their own name."""

TYPES = {"UNSIGNED", "STRUCT", "ENUM", "UNION", "OPAQUE", "STRING", "BASIC"}
"""Terminals that begin a type: where all may stand, an error says so in one word."""

RESERVED = {
    *("bool", "case", "const", "default", "double", "enum", "float", "hyper", "int", "opaque", "quadruple"),
    *("string", "struct", "switch", "typedef", "union", "unsigned", "void"),
}
"""The words that are no names (RFC 4506, section 6.2). RFC 5531 adds `program` and `version`, which real descriptions
have as names."""

SYMBOLS = {"RPC_HDR": "1"}
"""What rpcgen defines while it makes the types."""


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("rpc_language.lark").read_text("utf-8")
    callbacks = {"NAME": _named}
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True, lexer_callbacks=callbacks)


class _Reserved(Exception):
    """A word of the language stands where only a name could."""

    def __init__(self, token: Token) -> None:
        self.token = token


def _named(token: Token) -> Token:
    if token in RESERVED:
        raise _Reserved(token)
    return token


def parse_file(path: Path, include: Sequence[Path] = ()) -> Description:
    """Parse a description and what it includes.

    Parameters:
        path: the file.
        include: more folders in which included descriptions are looked for.
    Raises: `DescriptionError`; `OSError` if the file cannot be read.
    """
    return parse_text(path.read_text("utf-8", "replace"), str(path), [path.parent, *include])


def parse_text(text: str, name: str, folders: Sequence[Path] = ()) -> Description:
    """Parse a description that is no file.

    Parameters:
        text: the description.
        name: what errors call it.
        folders: where included descriptions are looked for.
    Raises: `DescriptionError`.
    """
    source = preprocess(text, name, folders, dict(SYMBOLS))
    description = Description(name, _definitions(source))
    description.outside.update(_c_constants(source))
    seen = {Path(name).resolve()}
    headers = list(source.headers)
    while headers:
        path = headers.pop(0)
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        other = preprocess(path.read_text("utf-8", "replace"), str(path), [path.parent, *folders], dict(SYMBOLS))
        headers += other.headers
        for word, constant in _c_constants(other).items():
            description.outside.setdefault(word, constant)
        for definition in _definitions(other):
            if not isinstance(definition, ProgramDefinition):
                description.outside.setdefault(definition.name, definition)
    return description


def _c_constants(source: Source) -> dict[str, Definition]:
    """The constants of `%#define` lines."""
    return {name: Constant(name, Value(value, place), place) for name, (value, place) in source.c_defines.items()}


def _definitions(source: Source) -> list[Definition]:
    """Parse what was preprocessed."""
    builder = _Builder(source)
    try:
        tree = _parser().parse("\n".join(source.lines))
    except UnexpectedInput as error:
        raise builder.explain(error) from None
    except _Reserved as error:
        message = f"a name or another type expected, not {str(error.token)!r}"
        raise DescriptionError(message, builder.at(error.token)) from None
    for name, (value, place) in source.defines.items():
        builder.definitions.append(Constant(name, Value(value, place), place))
    for child in tree.children:
        builder.define(cast("Tree[Token]", child))
    return builder.definitions


class _Builder:
    """Makes the model from lark's tree. Types that are written inside others get a name: that of the outer one, `_`,
    and that of the field."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.definitions: list[Definition] = []

    def place(self, line: int, column: int) -> Place:
        """A position in the preprocessed text, as the place where it was written."""
        if not 1 <= line <= len(self.source.places):
            line, column = len(self.source.lines), len(self.source.lines[-1]) + 1
        file, number = self.source.places[line - 1]
        return Place(file, number, column)

    def at(self, token: Token) -> Place:
        """Where a token stands."""
        return self.place(token.line or 1, token.column or 1)

    def explain(self, error: UnexpectedInput) -> DescriptionError:
        """The parser's error, in words."""
        if isinstance(error, UnexpectedToken) and error.token.type != "$END":
            found = str(error.token)
        elif isinstance(error, UnexpectedCharacters):
            found = error.char
        else:
            last = max((number for number, line in enumerate(self.source.lines, 1) if line.strip()), default=1)
            place = self.place(last, len(self.source.lines[last - 1].rstrip()) + 1)
            return DescriptionError(f"{_expected(error)} expected, but the description ends here", place)
        return DescriptionError(f"{_expected(error)} expected, not {found!r}", self.place(error.line, error.column))

    def define(self, tree: Tree[Token]) -> None:
        """Add a definition."""
        kind = tree.data
        if kind == "typedef_definition":
            declared = self.declaration(tree.children[0], "")
            # `typedef struct foo foo;` says nothing here, where a struct's tag is its name anyhow.
            if declared is None:
                raise DescriptionError("a type expected, not 'void'", self.place(tree.meta.line, tree.meta.column))
            if not (isinstance(declared.type, Reference) and declared.type.name == declared.name):
                self.definitions.append(Typedef(declared.name, declared.type, declared.place))
            return
        token = cast("Token", tree.children[0])
        name, place = str(token), self.at(token)
        if kind == "constant_definition":
            value = tree.children[1]
            text = Value(str(value), self.at(value)) if isinstance(value, Token) else self.value(value)
            self.definitions.append(Constant(name, text, place))
        elif kind == "program_definition":
            versions = [self.version(cast("Tree[Token]", child), name) for child in tree.children[1:-1]]
            self.definitions.append(ProgramDefinition(name, self.value(tree.children[-1]), versions, place))
        else:
            body = cast("Tree[Token]", tree.children[1])
            self.body(str(kind).removesuffix("_definition"), name, body, place)

    def body(self, kind: str, name: str, body: Tree[Token], place: Place) -> None:
        """Add an enum, struct or union."""
        if kind == "enum":
            members: list[tuple[str, Value | None, Place]] = []
            for child in cast("list[Tree[Token]]", body.children):
                token = cast("Token", child.children[0])
                number = cast("Tree[Token] | None", child.children[1])
                value = None if number is None else self.value(number)
                members.append((str(token), value, self.at(token)))
            self.definitions.append(Enum(name, members, place))
        elif kind == "struct":
            fields = [self.declaration(child, name) for child in body.children]
            self.definitions.append(Struct(name, [each for each in fields if each is not None], place))
        else:
            discriminant = cast("Field", self.declaration(body.children[0], name))
            arms: list[tuple[list[Value], Field | None]] = []
            default: list[Field | None] = []
            for arm in cast("list[Tree[Token]]", body.children[1:]):
                declared = self.declaration(arm.children[-1], name)
                if arm.data == "default_arm":
                    default.append(declared)
                else:
                    labels = [self.value(cast("Tree[Token]", label).children[0]) for label in arm.children[:-1]]
                    arms.append((labels, declared))
            self.definitions.append(Union(name, discriminant, arms, default, place))

    def version(self, tree: Tree[Token], program: str) -> VersionDefinition:
        """A version and its procedures."""
        token = cast("Token", tree.children[0])
        procedures = []
        for child in cast("list[Tree[Token]]", tree.children[1:-1]):
            result, name, *arguments, number = cast("list[Any]", child.children)
            types = [self.type(each, f"{name}_{index}") for index, each in enumerate(arguments) if each is not None]
            if len(types) > 1 and Basic("void") in types:
                raise DescriptionError("void expected to stand alone between ( and )", self.at(name))
            types = [each for each in types if each != Basic("void")]
            procedures.append(
                Procedure(str(name), self.value(number), types, self.type(result, f"{name}_result"), self.at(name))
            )
        return VersionDefinition(str(token), self.value(tree.children[-1]), procedures, self.at(token))

    def value(self, tree: Any) -> Value:
        """A number or a name."""
        token = tree.children[0]
        return Value(str(token), self.at(token))

    def declaration(self, tree: Any, outer: str) -> Field | None:
        """A declaration; None for void."""
        kind = tree.data
        if kind == "void":
            return None
        children = tree.children
        token = next(child for child in children if isinstance(child, Token))
        name, place = str(token), self.at(token)
        size = self.value(children[-1]) if isinstance(children[-1], Tree) and children[-1].data == "value" else None
        if kind.startswith("opaque"):
            return Field(name, Opaque(size, kind == "opaque_fixed"), place)
        if kind == "string_variable":
            return Field(name, String(size), place)
        item = self.type(children[0], f"{outer}_{name}" if outer else name)
        if kind == "optional_declaration":
            return Field(name, OptionalType(item), place)
        if kind in {"fixed_declaration", "variable_declaration"}:
            return Field(name, Array(item, size, kind == "fixed_declaration"), place)
        return Field(name, item, place)

    def type(self, tree: Any, inner: str) -> Type:
        """A type. What is written here in full is defined under the name `inner`."""
        kind = tree.data
        if kind == "void":
            return Basic("void")
        if kind == "bare_string":
            sizes = [child for child in tree.children if isinstance(child, Tree) and child.data == "value"]
            return String(self.value(sizes[0]) if sizes else None)
        if kind == "basic_type":
            return Basic(str(tree.children[0]))
        if kind == "unsigned_type":
            return Basic(f"unsigned {tree.children[0] or 'int'}")
        if kind in {"reference", "tagged_reference"}:
            token = tree.children[0]
            return Reference(str(token), self.at(token))
        place = self.place(tree.meta.line, tree.meta.column)
        self.body(str(kind).removeprefix("inline_"), inner, tree.children[0], place)
        return Reference(inner, place)


def _expected(error: UnexpectedInput) -> str:
    """What the parser would have taken, in the words of the language."""
    if isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ())
    elif isinstance(error, UnexpectedToken):
        # `expected` is what may follow in all places that the parser cannot tell apart; `accepts` what may here.
        expected = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedEOF):
        expected = set(error.expected)
    else:
        expected = set()
    words = []
    if expected >= TYPES - {"OPAQUE", "STRING"}:
        expected -= TYPES | {"NAME"}
        words.append("a type")
    words += sorted({WORDS.get(each, each.lower()) for each in expected})
    return " or ".join(words) if len(words) < 9 else "something else"
