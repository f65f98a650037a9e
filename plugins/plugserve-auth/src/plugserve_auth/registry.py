"""Stores and SASL mechanisms by name: what installed packages bring, of which nothing is imported that is not named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from plugserve.errors import ConfigurationError
from plugserve.options import build

__all__ = ["load_named", "make_store"]


def load_named(group: str, what: str, name: str, offered: Iterable[EntryPoint] | None = None) -> Any:
    """The class that an entry point names.

    Parameters:
        group: of entry points.
        what: how messages call it.
        name: of the entry point.
        offered: all of the group, where several are loaded in a row.

    Errors: `ConfigurationError`: nobody or more than one package offers it, or it cannot be imported.
    """
    offered = list(entry_points(group=group) if offered is None else offered)
    found = {point.value: point for point in offered if point.name == name}
    if not found:
        names = sorted({point.name for point in offered})
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        raise ConfigurationError(f"no {what} named {name!r} is installed: {hint}")
    if len(found) > 1:
        raise ConfigurationError(
            f"the {what} {name!r} is brought by more than one package ({', '.join(sorted(found))}): uninstall one"
        )
    point = next(iter(found.values()))
    try:
        return point.load()
    except Exception as error:
        raise ConfigurationError(
            f"the {what} {name!r} ({point.value}) cannot be imported: {type(error).__name__}: {error}"
        ) from error


def make_store(name: str, options: Mapping[str, object], folder: str | None = None) -> Any:
    """A store by its name.

    Parameters:
        name: of its entry point.
        options: its constructor's arguments, as a configuration has them.
        folder: where relative paths begin.

    Errors: `ConfigurationError`.
    """
    from .stores.store import GROUP, abilities

    store = build(
        load_named(GROUP, "credential store", name), options, what=f"credential store {name!r}", folder=folder
    )
    if not abilities(store):
        raise ConfigurationError(f"the credential store {name!r} checks nothing: it has none of the methods of a store")
    return store
