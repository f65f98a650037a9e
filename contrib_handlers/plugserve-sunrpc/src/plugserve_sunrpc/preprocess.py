"""What cpp does to a description before rpcgen reads it, as far as descriptions need it.

Comments and lines that begin with `%` (C, which rpcgen copies) become blanks, so that lines and columns stay what they
were. Of the preprocessor's lines, conditions are evaluated, a `#define` of one value is a constant, and an `#include`
of another description is put in its place; other headers, in C, have nothing for us.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .description import DescriptionError, Place

__all__ = ["Source", "preprocess"]

DEPTH = 20
"""How deep files may include each other; more is a circle."""

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|/\*.*", re.DOTALL)
DIRECTIVE = re.compile(r"\s*#\s*(\w*)\s*(.*)")
INCLUDE = re.compile(r'[<"]([^>"]+)[>"]')
HEADER = re.compile(r'%\s*#\s*include\s*[<"]([^>"]+)\.h[>"]')
C_DEFINE = re.compile(r"%\s*#\s*define\s+(\w+)\s+(.*)")
DEFINE = re.compile(r"(\w+)(\(.*?\))?\s*(.*)")
VALUE = re.compile(r'-?(0[xX][0-9a-fA-F]+|\d+)|[A-Za-z_]\w*|"[^"]*"')
SUM = re.compile(r"(\w+)\s*([+-])\s*(\w+)")
WORD = re.compile(r"defined\s*\(\s*(\w+)\s*\)|defined\s+(\w+)|(\w+)|(&&|\|\||[!()<>=]=?)|\s+|(.)")


@dataclass(slots=True)
class Source:
    """A description, ready for the parser.

    Attributes:
        lines: the text, line by line.
        places: for each line, its file and number there.
        defines: names and values of `#define` lines, and where they stand.
        c_defines: the same, of `%#define` lines, which are C's: what is not defined otherwise may be meant.
        headers: the descriptions whose C headers `%#include` lines name, and that lie beside this one: types that this
            one uses without defining them may be there.
    """

    lines: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    defines: dict[str, tuple[str, Place]] = field(default_factory=dict)
    c_defines: dict[str, tuple[str, Place]] = field(default_factory=dict)
    headers: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class _Condition:
    """One `#if` that is open: whether its lines count now, whether an earlier branch did, and where it began."""

    active: bool
    taken: bool
    outer: bool
    place: Place


def preprocess(
    text: str, name: str, folders: Sequence[Path], symbols: dict[str, str], source: Source | None = None, depth: int = 0
) -> Source:
    """Preprocess one file.

    Parameters:
        text: what is in it.
        name: what errors call it.
        folders: where included files are looked for.
        symbols: macros that are defined, and their values; those that the text defines are added.
        source: to append to.
    Raises: `DescriptionError` for a condition without an end, and for an included description that is not there.
    """
    source = source or Source()
    conditions: list[_Condition] = []
    for number, line in enumerate(_without_comments(text).split("\n"), 1):
        kept = ""
        active = not conditions or conditions[-1].active
        directive = DIRECTIVE.match(line)
        place = Place(name, number, 1 + len(line) - len(line.lstrip()))
        if line.startswith("%"):
            header = HEADER.match(line)
            define = C_DEFINE.match(line)
            if define and active and (value := _folded(define[2].strip(), symbols)):
                source.c_defines[define[1]] = (value, place)
                symbols.setdefault(define[1], value)
            if header and active and (found := _find(f"{header[1]}.x", folders)):
                source.headers.append(found)
        elif directive is None:
            kept = line if active else ""
        elif directive[1] in {"if", "ifdef", "ifndef", "elif", "else", "endif"}:
            _branch(directive[1], directive[2].strip(), place, conditions, symbols)
        elif active:
            _direct(directive[1], directive[2].strip(), place, folders, symbols, source, depth)
        source.lines.append(kept)
        source.places.append((name, number))
    if conditions:
        raise DescriptionError("#endif expected: this condition has none", conditions[-1].place)
    return source


def _without_comments(text: str) -> str:
    """The text with blanks for comments. A `%` line is a line of C: what it opens ends with it."""
    text = text.replace("\r\n", "\n").replace("\t", " ").replace("\f", " ")
    # A continued directive, or line of C, is one line; blank lines keep the count.
    text = re.sub(r"^[ ]*[#%](?:.*\\\n)+.*", _joined, text, flags=re.MULTILINE)
    out = []
    position = 0
    while position < len(text):
        if text[position] == "%" and (position == 0 or text[position - 1] == "\n"):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            out.append(text[position:end])
            position = end
        elif comment := COMMENT.match(text, position):
            out.append(re.sub(r"[^\n]", " ", comment[0]))
            position = comment.end()
        elif text[position] == '"' and (quoted := re.compile(r'"[^"\n]*"').match(text, position)):
            out.append(quoted[0])
            position = quoted.end()
        else:
            out.append(text[position])
            position += 1
    return "".join(out)


def _joined(match: re.Match[str]) -> str:
    return match[0].replace("\\\n", " ") + "\n" * match[0].count("\\\n")


def _branch(kind: str, rest: str, place: Place, conditions: list[_Condition], symbols: dict[str, str]) -> None:
    """Open, turn or close a condition."""
    if kind in {"if", "ifdef", "ifndef"}:
        outer = not conditions or conditions[-1].active
        if kind == "if":
            holds = outer and _holds(rest, place, symbols)
        else:
            word = rest.split()[0] if rest else ""
            if not word:
                raise DescriptionError(f"a name expected after #{kind}", place)
            holds = (word in symbols) == (kind == "ifdef")
        conditions.append(_Condition(outer and holds, holds, outer, place))
        return
    if not conditions:
        raise DescriptionError(f"#{kind} without an #if before it", place)
    if kind == "endif":
        conditions.pop()
        return
    condition = conditions[-1]
    holds = not condition.taken and (kind == "else" or (condition.outer and _holds(rest, place, symbols)))
    condition.active = condition.outer and holds
    condition.taken = condition.taken or holds


def _direct(
    kind: str,
    rest: str,
    place: Place,
    folders: Sequence[Path],
    symbols: dict[str, str],
    source: Source,
    depth: int,
) -> None:
    """Obey a directive that is no condition. Those that say nothing about types, as `#pragma`, are passed over."""
    if kind == "define":
        match = DEFINE.match(rest)
        if match is None:
            raise DescriptionError("a name expected after #define", place)
        word, parameters, value = match[1], match[2], match[3].strip()
        if not parameters:
            value = _folded(value, symbols) or value
        symbols[word] = value or "1"
        if not parameters and VALUE.fullmatch(value):
            source.defines[word] = (value, place)
    elif kind == "undef":
        symbols.pop(rest, None)
        source.defines.pop(rest, None)
    elif kind == "error":
        raise DescriptionError(f"#error {rest}".strip(), place)
    elif kind == "include":
        match = INCLUDE.match(rest)
        if match is None:
            raise DescriptionError('#include needs a file, as in #include "other.x"', place)
        if not match[1].endswith(".x"):
            return
        found = _find(match[1], folders)
        if found is None:
            looked = ", ".join(str(folder) for folder in folders)
            raise DescriptionError(f"the included description {match[1]} is not in {looked}", place)
        if depth >= DEPTH:
            raise DescriptionError(f"{match[1]} includes itself", place)
        preprocess(found.read_text("utf-8", "replace"), str(found), folders, symbols, source, depth + 1)


def _folded(value: str, symbols: dict[str, str]) -> str:
    """The value of a definition: a number, name or string as it is, the sum of two as a number; else nothing."""
    while value[:1] == "(" and value[-1:] == ")":
        value = value[1:-1].strip()
    if VALUE.fullmatch(value):
        return value
    match = SUM.fullmatch(value)
    numbers = [_number(word, symbols) for word in (match[1], match[3])] if match else []
    return str(numbers[0] + (numbers[1] if match[2] == "+" else -numbers[1])) if match else ""


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    """A file in one of the folders, by its whole name or by the last part of it (`rpcsvc/nis.x`)."""
    for folder in folders:
        for path in (folder / name, folder / Path(name).name):
            if path.is_file():
                return path
    return None


def _holds(expression: str, place: Place, symbols: dict[str, str]) -> bool:
    """The truth of an `#if`: names, numbers, `defined`, `!`, `&&`, `||`, comparisons and brackets."""
    words: list[str] = []
    for match in WORD.finditer(expression):
        defined, name, operator, other = match[1] or match[2], match[3], match[4], match[5]
        if other:
            raise DescriptionError(f"#if understands names, numbers and !, &&, ||, ==, not {other!r}", place)
        if defined:
            words.append(str(int(defined in symbols)))
        elif name:
            words.append(str(_number(name, symbols)))
        elif operator:
            words.append(operator)
    try:
        value, end = _either(words, 0)
    except (IndexError, ValueError):
        end = -1
        value = 0
    if end != len(words):
        raise DescriptionError(f"a condition expected, not {expression!r}", place)
    return bool(value)


def _number(word: str, symbols: dict[str, str]) -> int:
    for _ in range(DEPTH):
        if re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", word):
            return int(word, 16 if word[:2] in {"0x", "0X"} else 10)
        word = symbols.get(word, "0")
    return 0


def _either(words: list[str], at: int) -> tuple[int, int]:
    left, at = _both(words, at)
    while at < len(words) and words[at] == "||":
        right, at = _both(words, at + 1)
        left = int(bool(left) or bool(right))
    return left, at


def _both(words: list[str], at: int) -> tuple[int, int]:
    left, at = _compared(words, at)
    while at < len(words) and words[at] == "&&":
        right, at = _compared(words, at + 1)
        left = int(bool(left) and bool(right))
    return left, at


def _compared(words: list[str], at: int) -> tuple[int, int]:
    left, at = _single(words, at)
    while at < len(words) and words[at] in {"==", "!=", "<", ">", "<=", ">="}:
        operator = words[at]
        right, at = _single(words, at + 1)
        results = {"==": left == right, "!=": left != right, "<": left < right}
        results |= {">": left > right, "<=": left <= right, ">=": left >= right}
        left = int(results[operator])
    return left, at


def _single(words: list[str], at: int) -> tuple[int, int]:
    if words[at] == "!":
        value, at = _single(words, at + 1)
        return int(not value), at
    if words[at] == "(":
        value, at = _either(words, at + 1)
        if words[at] != ")":
            raise ValueError
        return value, at + 1
    return int(words[at]), at + 1
