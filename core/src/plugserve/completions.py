"""What a shell offers after TAB: the `shell_complete` functions of the command line's parameters.

They read the metadata of what is installed and import none of it, so a broken package cannot spoil a keystroke. What
cannot be used is not offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .discovery import list_entries

if TYPE_CHECKING:
    from collections.abc import Container

    from click import Context, Parameter
    from click.shell_completion import CompletionItem

    from .discovery import Kind

__all__ = ["complete_engine", "complete_handler", "complete_plugins"]


def complete_handler(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Handlers for `HANDLER[@ADDRESS]`; files and folders for what begins like a path."""
    if incomplete.startswith((".", "/", "~")):
        return _files(incomplete)
    return _items("handler", "", incomplete)


def complete_engine(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Engines for `--engine NAME`."""
    return _items("engine", "", incomplete)


def complete_plugins(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Plugins for `--with PLUGIN,...`: the last word behind a comma is completed, and no plugin is offered twice.

    Options of a plugin are not offered: only its code knows them, and nothing is imported here.
    """
    before, comma, last = incomplete.rpartition(",")
    if last.startswith((".", "/", "~")) and not comma:
        return _files(last)
    given = context.params.get(parameter.name or "") or ()
    words = [word for value in (*given, before) for word in value.split(",")]
    return _items("plugin", before + comma, last, {word.partition(":")[0] for word in words})


def _items(kind: Kind, prefix: str, start: str, without: Container[str] = ()) -> list[CompletionItem]:
    """The usable entries of one kind whose names begin so, each as the whole word that the shell is to write."""
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(prefix + entry.name, help=entry.summary or None)
        for entry in list_entries(kind)
        if entry.name.startswith(start) and entry.name not in without and not entry.problems
    ]


def _files(incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
