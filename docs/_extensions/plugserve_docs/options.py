"""The page of options: those of every handler, plugin and engine in this repository, from their types."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from plugserve.options import Option, engine_options, expected, options_of

from .docstrings import names_of, read, summary

__all__ = ["Offer", "engines", "handlers", "offers", "options_table", "plugins"]

ROOT: Final = Path(__file__).resolve().parents[3]


class Offer(NamedTuple):
    """What one entry point of a distribution of this repository leads to."""

    name: str
    target: Any
    distribution: str


def offers(kind: str) -> list[Offer]:
    """The handlers, plugins or engines of this repository, as its pyproject.toml files have them."""
    found = []
    for file in sorted(ROOT.glob("core/pyproject.toml")) + sorted(ROOT.glob("*/plugserve-*/pyproject.toml")):
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        for name, reference in project.get("entry-points", {}).get(f"plugserve.{kind}", {}).items():
            module, _, attribute = reference.partition(":")
            found.append(Offer(name, getattr(import_module(module), attribute), project["name"]))
    return found


def handlers() -> str:
    """All handlers, by distribution."""
    return _all("handlers", _handler_table)


def plugins() -> str:
    """All plugins, by distribution."""
    return _all("plugins", lambda offer: options_table(options_of(offer.target), offer.target))


def engines() -> str:
    """All engines."""
    return _all("engines", lambda offer: options_table(options_of(engine_options(offer.target)), offer.target))


def _handler_table(offer: Offer) -> str:
    shape = getattr(offer.target, "Options", None)
    return options_table(options_of(shape), shape) if shape is not None else options_table([], offer.target)


def _all(kind: str, table: Callable[[Offer], str]) -> str:
    parts = []
    for offer in offers(kind):
        text = read(offer.target.__doc__)
        words = text[0] if text and isinstance(text[0], str) else summary(offer.target.__doc__)
        parts.append(f"({kind.removesuffix('s')}-{offer.name})=\n### {offer.name}")
        parts.append(f"`{offer.target.__module__.partition('.')[0]}.{offer.target.__name__}` of {offer.distribution}")
        parts += [words, table(offer)]
    return "\n\n".join(parts)


def options_table(options: list[Option], documented: Any) -> str:
    """A table of options.

    Parameters:
        options: what `options_of` found.
        documented: the class whose docstring has a sentence on each.
    """
    if not options:
        return "No options."
    said = _said(documented)
    rows = ["| option | type | default | |", "|---|---|---|---|"]
    for option in options:
        default = "required" if option.required else f"`{_default(option, documented)}`"
        rows.append(
            f"| `{option.shown}` | {_cell(_type(option.hint))} | {_cell(default)} | {_cell(said[option.name])} |"
        )
    return "\n".join(rows)


def _said(documented: Any) -> dict[str, str]:
    """What the class says of each option: in the docstring, or beneath the attribute."""
    said: dict[str, str] = {}
    for base in reversed(documented.__mro__):
        for section in ("Attributes", "Parameters"):
            said |= names_of(base.__doc__, section)
        if base.__module__ != "builtins":
            said |= _beneath_attributes(base)
    return said


def _beneath_attributes(base: type) -> dict[str, str]:
    from sphinx.pycode import ModuleAnalyzer

    documented = ModuleAnalyzer.for_module(base.__module__).find_attr_docs()
    return {
        name: " ".join(" ".join(lines).split())
        for (owner, name), lines in documented.items()
        if owner == base.__qualname__
    }


def _default(option: Option, documented: Any) -> str:
    value = option.default
    if is_dataclass(documented):
        # What `inspect` shows of a default_factory is a placeholder.
        for one in fields(documented):
            if one.name == option.name and one.default_factory is not MISSING:
                value = one.default_factory()
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "[]"
    return f"{value:_}" if isinstance(value, int) and value >= 10_000 else repr(value).replace("'", '"')


def _type(hint: Any) -> str:
    """A type in the words of people who write TOML."""
    if hint is Any or hint is inspect.Parameter.empty:
        return "any"
    words = re.split(r" or |(?<=\]) ?\| ?", expected(hint))
    return " or ".join(dict.fromkeys(_word(word.strip()) for word in words))


def _word(word: str) -> str:
    plain = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "`true` or `false`",
        "None": "none",
        "NoneType": "none",
        "Path": "path",
        "PurePath": "path",
        "Secret": "secret",
    }
    if word in plain:
        return plain[word]
    if many := re.fullmatch(r"(?:Sequence|list|tuple|Iterable|set|frozenset)\[(.+?)(?:, \.\.\.)?\]", word):
        return f"list of {_word(many[1])}"
    return f"`{word}`".replace("'", '"')


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
