"""The one form that docstrings have here: Markdown, and sections that begin with their name and a colon.

    Decide, by the peer alone, whether this request is served.

    When: right after accept, in the thread of the server's loop.
    Parameters:
        limit: how many bytes there may be,
            the separator included.

A section holds a sentence or a list of names, each with its own sentence. What follows it unindented is text again.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

__all__ = ["Section", "as_definitions", "as_fields", "names_of", "read", "summary"]

_SECTIONS: Final = (
    "Attributes",
    "Connection",
    "Errors",
    "Error handling",
    "Order",
    "Parameters",
    "Raises",
    "Resource handling",
    "Returns",
    "Since",
    "When",
)
_HEAD: Final = re.compile(rf"({'|'.join(_SECTIONS)}):(?: (.*))?")
_ITEM: Final = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*(?:, [A-Za-z_][\w.]*)*): (.*)")
_LISTS: Final = ("Attributes", "Errors", "Parameters", "Raises")
"""Sections that may be a list of names. In another one a colon is a colon."""


class Section(NamedTuple):
    """One section: either a text, or a list of names with a text each."""

    name: str
    text: str
    items: tuple[tuple[str, str], ...] = ()


def read(docstring: str | None) -> list[str | Section]:
    """The parts of a docstring in order: Markdown text, and sections."""
    parts: list[str | Section] = []
    text: list[str] = []
    lines = inspect.cleandoc(docstring or "").splitlines()
    while lines:
        line = lines.pop(0)
        head = _HEAD.fullmatch(line)
        if head is None:
            text.append(line)
            continue
        if any(text):
            parts.append("\n".join(text).strip("\n"))
        text = []
        inside = []
        while lines and (not lines[0] or lines[0].startswith("    ")):
            inside.append(lines.pop(0))
        parts.append(_section(head[1], head[2] or "", inside))
    if any(text):
        parts.append("\n".join(text).strip("\n"))
    return parts


def _section(name: str, first: str, lines: list[str]) -> Section:
    lines = [line.removeprefix("    ") for line in lines if line.strip()]
    if not first and name in _LISTS and lines and _ITEM.fullmatch(lines[0]):
        items: list[tuple[str, str]] = []
        for line in lines:
            item = _ITEM.fullmatch(line)
            if item is not None:
                items.append((item[1], item[2]))
            elif items:
                items[-1] = (items[-1][0], f"{items[-1][1]} {line.strip()}")
        return Section(name, "", tuple(items))
    return Section(name, " ".join([first, *(line.strip() for line in lines)]).strip())


def summary(docstring: str | None) -> str:
    """The first paragraph, in one line."""
    first = next(iter(read(docstring)), "")
    return " ".join(first.partition("\n\n")[0].split()) if isinstance(first, str) else ""


def names_of(docstring: str | None, section: str) -> dict[str, str]:
    """The names that a section lists, and what it says of each."""
    return {
        name: text
        for part in read(docstring)
        if isinstance(part, Section) and part.name == section
        for names, text in part.items
        for name in names.split(", ")
    }


def as_definitions(parts: Iterable[str | Section]) -> str:
    """Markdown: the text, and then a definition list of the sections."""
    parts = list(parts)
    text = [part for part in parts if isinstance(part, str)]
    facts = [f"{part.name}\n: {_flat(part)}\n" for part in parts if isinstance(part, Section)]
    return "\n\n".join([*text, "\n".join([":::{container} facts", *facts, ":::"])])


def _flat(section: Section) -> str:
    return section.text or " ".join(f"`{name}`: {text}" for name, text in section.items)


def as_fields(parts: Iterable[str | Section]) -> str:
    """Markdown with the fields of Sphinx's Python domain for the sections."""
    blocks: list[str] = []
    for part in parts:
        if isinstance(part, str):
            blocks.append(part)
            continue
        fields = "\n".join(_fields(part))
        # Fields that follow each other are one list.
        if blocks and blocks[-1].startswith(":"):
            blocks[-1] += f"\n{fields}"
        else:
            blocks.append(fields)
    return "\n\n".join(blocks)


def _fields(section: Section) -> Iterator[str]:
    if section.name == "Returns":
        yield f":returns: {section.text}"
    elif not section.items:
        yield f":{section.name}: {section.text}"
    else:
        field = {"Parameters": "param", "Attributes": "ivar"}.get(section.name, "raises")
        for name, text in section.items:
            yield f":{field} {name}: {text}"
