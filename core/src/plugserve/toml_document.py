"""A TOML document that can be told about: where each thing in it stands, and what is wrong with it in words.

`tomllib` reads it. What that says of a mistake is put behind file and line, with what to do before the column; the line
of everything else is found by `toml_positions.py`, when somebody asks for it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Document", "Faults", "Spot"]

_MOST: Final = 1024 * 1024
"""Bytes of a file: a larger one is something else that was named by mistake."""

_MOST_SAID: Final = 2000
"""Letters of a complaint: more come from a value that is none, such as a file that got between two quotes."""

_DEEP: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""",
)
"""A key of so many parts that tomllib would fill the memory with it: it keeps each of its beginnings."""


class Faults(ConfigurationError):
    """What is wrong with a configuration; the message is one line for each fault, in the order of the files."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(dict.fromkeys(lines))
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True)
class Spot:
    """A place in a configuration file.

    Parameters:
        document: the file.
        path: keys and indexes from the top of the file down.
    """

    document: Document
    path: tuple[str | int, ...] = ()

    def at(self, *path: str | int) -> Spot:
        """A place below this one."""
        return Spot(self.document, (*self.path, *path))

    @property
    def line(self) -> int:
        """Its line, from 1: that of the nearest thing above it, if nothing stands there."""
        lines = self.document.lines
        path = _normalized(self.path)
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)

    @property
    def where(self) -> str:
        """File and line, in the form that editors and terminals can jump to: `site.toml:12`."""
        return f"{self.document.shown}:{self.line}"

    @property
    def name(self) -> str:
        """Its path: `listen[0].plugin[1].allow`."""
        text = ""
        for part in self.path:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                key = part if re.fullmatch(r"[\w-]{1,80}", part, re.ASCII) else _cut(json.dumps(part), 80)
                text += f".{key}" if text else key
        return text

    @property
    def folder(self) -> str:
        """The folder of the file: where relative paths in it begin."""
        return os.path.dirname(os.path.abspath(self.document.path))

    def says(self, text: str, sentence: str = "") -> str:
        """A line that complains about this place: one line, whatever is quoted in it."""
        text = _cut(" ".join(text.splitlines()), _MOST_SAID)
        return f"{self.where}: {self.name}: {text}" if self.path else f"{self.where}: {text}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _normalized(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path in which `-` and `_` are the same, as they are in names of options."""
    return tuple(part.replace("_", "-") if isinstance(part, str) else part for part in path)


class Document:
    """One TOML file, read.

    Parameters:
        path: the file.

    Errors: `Faults` with the one line that says why it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.shown = path
        self.text = self._read()
        self.data: dict[str, Any] = self._parse()

    @cached_property
    def lines(self) -> Mapping[tuple[str | int, ...], int]:
        """The line of each key, table and element; worked out when the first is asked for."""
        from .toml_positions import locate

        return {_normalized(path): line for path, line in locate(self.text).items()}

    def _read(self) -> str:
        try:
            # A folder is refused by open(), a FIFO (a shell's process substitution) is read to its end.
            with open(self.path, "rb") as file:
                content = file.read(_MOST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Faults([f"{self.shown}: cannot be read: {reason}: correct the path, or its rights"]) from None
        if len(content) > _MOST:
            raise Faults([f"{self.shown}: has more than {_MOST} bytes, so it is no configuration: correct the path"])
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Faults([f"{self.shown}:{line}: is not UTF-8, as TOML is: save the file in that encoding"]) from None

    def _parse(self) -> dict[str, Any]:
        if deep := _DEEP.search(self.text):
            line = self.text.count("\n", 0, deep.start()) + 1
            raise Faults([f"{self.shown}:{line}: is nested too deeply: no configuration needs that"])
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise Faults([self._explained(str(error))]) from None
        except RecursionError:
            raise Faults([f"{self.shown}:1: is nested too deeply: no configuration needs that"]) from None
        except ValueError as error:
            # An integer of thousands of digits (sys.set_int_max_str_digits).
            digits = re.search(r"[0-9][0-9_]{999,}", self.text)
            line = self.text.count("\n", 0, digits.start()) + 1 if digits else 1
            raise Faults([f"{self.shown}:{line}: is a number that nobody means ({error}): correct it"]) from None

    def _explained(self, message: str) -> str:
        """What tomllib says, with the line in front and a remedy behind."""
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
        if not found:
            return f"{self.shown}:1: is not TOML: {message}"
        text, line, column = found.groups()
        if line is None:
            last = self.text.rstrip().count("\n") + 1
            return f"{self.shown}:{last}: is not TOML: {text}: the file ends too early, {_END}"
        # Lines as tomllib counts them, which str.splitlines does not.
        written = self.text.replace("\r\n", "\n").split("\n")[int(line) - 1]
        remedy = _remedy(text, written, written[int(column) - 1 :])
        return f"{self.shown}:{line}: is not TOML: {text} (column {column}): {remedy}"


_END: Final = "close the quotes or brackets that are open"


def _remedy(message: str, line: str, rest: str) -> str:
    """What to do about what tomllib says of a line, of which it has not understood the rest."""
    letter = rest[:1]
    if letter in _QUOTES:
        return f"{letter} is no quotation mark of TOML: write a straight one, \" or '"
    if letter and not letter.isascii():
        return f"there is the character U+{ord(letter):04X}, which may not be seen: write it anew, or put it in quotes"
    if rest.startswith((";", "//")):
        return "comments begin with #"
    if not letter and "key part" in message:
        return "what stands in { } stands on one line"
    if "Cannot overwrite" in message and line.lstrip().startswith("[["):
        return "it is there already, with other brackets: write [[listen]] above all that belongs to it"
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, message)), "correct the line")


_QUOTES: Final = tuple("\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u0060")
"""What stands for quotes in print, and what stands for them in a shell."""

_REMEDIES: Final = (
    (
        r"Invalid value",
        'text stands in quotes, as in engine = "threading", lists in [ ]; for yes and no write true and false',
    ),
    (
        r"Expected newline or end of document",
        "one key = value a line; all text stands in quotes; a number has no unit and does not begin with 0",
    ),
    (r"Expected '=' after a key", "write key = value"),
    (r"Invalid initial character for a key part", "a key is made of letters, digits, - and _"),
    (r"Cannot overwrite a value|Cannot mutate", "the key is there twice: keep one"),
    (r"Duplicate inline table key", "the key is there twice: keep one"),
    (
        r"Cannot declare .* twice",
        "write its keys in one place, in [ ] or in { }; what may be there twice has double brackets, as in [[listen]]",
    ),
    (r"Invalid date", "there is no such day or time"),
    (
        r"Cannot (declare|redefine|mutate).*(namespace|immutable)",
        "that table was written as { ... }: add the keys there",
    ),
    (r"Expected '\]", "close the brackets: [[listen]], [listen.limits]"),
    (r"Unclosed (array|inline table)", "close it, and put commas between its elements"),
    (r"Unescaped '\\'|[Ee]scape", r"in double quotes a backslash is written \\; in single quotes it stands for itself"),
    (r"Illegal character '\\n'|Unterminated string|Expected '['\"]", "close the quotes on the same line"),
    (r"Illegal character", "remove it; in double quotes it can be written as \\u and four digits"),
)
"""What to do about what tomllib finds, by its words."""
