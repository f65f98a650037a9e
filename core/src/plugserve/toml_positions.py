"""Where in a TOML document each thing stands: `tomllib` gives the values, this module gives their lines.

The document is one that `tomllib.loads` has accepted (TOML 1.0, https://toml.io/en/v1.0.0). What is known to be right
need not be checked again, and that keeps the reader small:

Rule 1: white space, newlines, comments and commas are skipped wherever they stand between two things. Whether there had
to be a comma or a newline is for `tomllib` to say.

Rule 2: what comes next is a closing bracket, a header, a key with its value, or (in an array) a value alone. The
innermost open bracket says which of them it can be. Open brackets are kept in a list: a deep document takes no stack.

Rule 3: a value without brackets is one token, so quotes, brackets and `#` inside a string never count. Three quotes
open a multi-line string; tried first, they are not taken for an empty one. Such a string ends at a run of three to
five quotes, of which all but three belong to it: one or two may stand right before the closing delimiter (section
String). A value that is not quoted ends at white space, a comma, a bracket or a comment; only a date may have a space
in it, before its time.

Rule 4: the path of a key begins at the table that the key stands in, that of a header at the top. Each part goes one
table down, and through an array of tables into its last element: "any reference to an array of tables points to the
most recently defined table element of the array" (section Array of Tables).

Rule 5: a table has the line of its own header, wherever that stands; without one, that of what first implied it. An
array of tables has the line of its first header. Anything else has the line on which it begins.

Rule 6: each step goes forward or ends the reading, and the patterns are possessive: a token that does not fit is not
tried again in other ways. So the time is linear in the length of the text and of the paths in the answer.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["locate"]

_Path: TypeAlias = "tuple[str | int, ...]"

_DEEPEST: Final = 1000
"""Parts of the longest path in the answer. All paths to the depth N have N * N / 2 parts, so without a limit a megabyte
of `a.a.a` would fill the memory. `tomllib` itself gives up at some 500 brackets inside each other."""

_BETWEEN: Final = re.compile(r"(?:[ \t\r\n,]++|#[^\n]*+)*+")
_BASIC: Final = r'"(?:[^"\\\n]++|\\.)*+"'
_LITERAL: Final = r"'[^'\n]*+'"
_VALUE: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    rf"|{_BASIC}|{_LITERAL}"
    r"""|(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ ](?=[0-9]))?+[^ \t\r\n,#"'\[\]{}]++""",
    re.DOTALL,
)
_OPEN: Final = re.compile(r"[\[{]")
_CLOSE: Final = re.compile(r"[\]}]")
_HEADER: Final = re.compile(r"\[\[?+")
_HEADER_END: Final = re.compile(r"\]\]?+")
_KEY: Final = re.compile(rf"[ \t]*+(?:(?P<bare>[A-Za-z0-9_-]++)|(?P<basic>{_BASIC})|(?P<literal>{_LITERAL}))[ \t]*+")
_DOT: Final = re.compile(r"\.")
_EQUALS: Final = re.compile(r"=[ \t]*+")
# \x and \e are TOML 1.1, for a Python whose tomllib reads that.
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_SHORT_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def locate(text: str) -> dict[tuple[str | int, ...], int]:
    """The line of each key, table and array element of a TOML document.

    Parameters:
        text: a document that `tomllib.loads` has accepted, with either kind of newline.

    Returns: lines, counted from 1, by path. The parts of a path are keys and indexes into arrays: `("listen", 0,
    "bind")` is the key in the first `[[listen]]`, and `("listen",)` is the array. The top of the document has no line.
    Paths of more than 1000 parts are left out: take the line of what is above them.

    Errors: `ValueError`, and nothing else, for some of the texts that `tomllib` refuses; what others give is undefined.
    """
    return _Reader(text).read()


class _Reader:
    """One pass over one document."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1
        self.lines: dict[_Path, int] = {}
        self.newest: dict[_Path, int] = {}  # by path of an array of tables: the index of its last element

    def read(self) -> dict[_Path, int]:
        # The numbers are those of an array's elements, yet to come; a table has none. The first is the header's table.
        brackets: list[tuple[_Path, Iterator[int] | None]] = [((), None)]
        while True:
            self.take(_BETWEEN)
            if len(brackets) > 1:
                if self.take(_CLOSE):
                    brackets.pop()
                    continue
            elif self.position == len(self.text):
                return self.lines
            elif header := self.take(_HEADER):
                brackets[0] = (self.header(array=len(header[0]) == 2), None)
                continue
            inside, numbers = brackets[-1]
            if numbers is None:
                path = self.key(inside)
                self.need(_EQUALS, "=")
            else:
                path = _below(inside, next(numbers))
                self.note(path)
            if bracket := self.take(_OPEN):
                brackets.append((path, count() if bracket[0] == "[" else None))
            else:
                self.need(_VALUE, "a value")

    def header(self, *, array: bool) -> _Path:
        """The rest of a header; the path of the table that it begins."""
        path = self.key(())
        self.need(_HEADER_END, "]")
        if array:
            self.newest[path] = number = self.newest.get(path, -1) + 1
            path = _below(path, number)
        self.note(path, again=True)
        return path

    def key(self, path: _Path) -> _Path:
        """The path of a key with dots, from that of a table. Its last part names something new, its others are gone
        through (rule 4)."""
        while True:
            path = _below(path, _plain(self.need(_KEY, "a key")))
            self.note(path)
            if not self.take(_DOT):
                return path
            if path in self.newest:
                path = _below(path, self.newest[path])

    def note(self, path: _Path, *, again: bool = False) -> None:
        """Remember that something stands on this line; the first time counts, but for a header (rule 5)."""
        if len(path) <= _DEEPEST and (again or path not in self.lines):
            self.lines[path] = self.line

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go past what the pattern finds here, if it does."""
        found = pattern.match(self.text, self.position)
        if found:
            self.line += self.text.count("\n", self.position, found.end())
            self.position = found.end()
        return found

    def need(self, pattern: re.Pattern[str], name: str) -> re.Match[str]:
        """Go past what has to be here."""
        found = self.take(pattern)
        if not found:
            raise ValueError(f"line {self.line}: {name} should be here")
        return found


def _below(path: _Path, part: str | int) -> _Path:
    """A path with one part more. Those too long to be remembered need not differ, and so cost no more for depth."""
    return (*path, part) if len(path) <= _DEEPEST else path


def _plain(key: re.Match[str]) -> str:
    """What a part of a key stands for, without quotes and escapes."""
    if key["bare"]:
        return key["bare"]
    if key["literal"]:
        return key["literal"][1:-1]
    return _ESCAPE.sub(_unescaped, key["basic"][1:-1])


def _unescaped(escape: re.Match[str]) -> str:
    number = escape[1] or escape[2] or escape[3]
    if number is None:
        return _SHORT_ESCAPES.get(escape[4], escape[0])
    if (code := int(number, 16)) > 0x10FFFF:  # chr() has an OverflowError for some of these
        raise ValueError(f"there is no character {escape[0]}")
    return chr(code)
