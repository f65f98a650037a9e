"""`plugserve plugins`: what is installed, from its metadata alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from plugserve.discovery import Kind, list_entries
from plugserve.exits import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugserve.discovery import Entry

__all__ = ["plugins"]

_COLUMNS: Final = ("kind", "name", "distribution", "version", "needs", "summary")
"""The columns of the table. `needs` is the range of versions of plugserve itself."""

_NARROWEST_SUMMARY: Final = 24
"""Columns that a summary gets on the narrowest terminal: enough for two or three words a line."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of a table.")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    help="Only these. What is too broken to say what it is stands in the whole list alone.",
)
def plugins(as_json: bool, kind: Kind | None) -> None:
    """List installed handlers, plugins and engines.

    Nothing is imported: the list is made from the metadata of the installed distributions. What cannot be used is
    listed too, with the reason, and does not change the exit status: a broken package hurts those who name it.

    --json prints an array with an object for each entry. Its strings are "kind", "name", "reference" (the
    package.module:Object that is loaded), "distribution", "version", "summary" and "needs" (the range of plugserve's
    own versions that it is made for, empty for any). What a broken distribution does not tell is null: its kind, name,
    reference or version. "problems" is an array of sentences, empty for what can be used.

    \b
    plugserve plugins
    plugserve plugins --kind handler
    plugserve plugins --json | jq -r '.[] | select(.problems != []) | .distribution'
    """
    entries = list_entries(kind)
    # Somebody's summary may hold what this terminal's encoding does not know.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    if as_json:
        import json

        click.echo(json.dumps([_plain_data(entry) for entry in entries], indent=2))
    elif not entries:
        click.echo(f"no {kind or 'handler, plugin or engine'} is installed", err=True)
    elif sys.stdout.isatty():
        _print_richly(entries)
    else:
        _print_plainly(entries)


def _plain_data(entry: Entry) -> dict[str, Any]:
    """An entry as JSON has it: what could not be told is null."""
    return {
        "kind": entry.kind,
        "name": entry.name or None,
        "reference": entry.reference or None,
        "distribution": entry.distribution,
        "version": None if entry.version == "?" else entry.version,
        "summary": entry.summary,
        "needs": entry.needs,
        "problems": list(entry.problems),
    }


def _cells(entry: Entry) -> list[str]:
    """An entry as text for all columns but the last: `-` for what is not told, so that each line has all columns."""
    # Spaces in what should be a word would make columns of it.
    words = (entry.kind or "", entry.name, entry.distribution, entry.version, entry.needs)
    return ["".join(printable(word).split()) or "-" for word in words]


def _print_plainly(entries: Sequence[Entry]) -> None:
    """Aligned columns, one line an entry, for `grep` and `awk`."""
    rows = [[*_COLUMNS]]
    for entry in entries:
        last = f"broken: {'; '.join(entry.problems)}" if entry.problems else entry.summary
        rows.append([*_cells(entry), printable(last) or "-"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # The last column ends where its text does.
    widths[-1] = 0
    click.echo("\n".join("  ".join(map(str.ljust, row, widths)) for row in rows))


def _print_richly(entries: Sequence[Entry]) -> None:
    """Columns for people. A summary takes as many lines as it needs, beside the names or below; no name is ever cut."""
    import textwrap

    from rich.cells import cell_len
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    # By hand: rich's own table cuts or breaks names where there is little room, and takes a second for 200 rows.
    console = Console(highlight=False, soft_wrap=True)
    rows = [_cells(entry) for entry in entries]
    widths = [max(map(cell_len, column)) + 2 for column in zip(_COLUMNS[:-1], *rows, strict=True)]
    # Asked once: rich looks at the environment each time.
    width = console.width
    beside = width - sum(widths) >= _NARROWEST_SUMMARY
    indent = " " * (sum(widths) if beside else 4)
    wrapper = textwrap.TextWrapper(max(width - len(indent), 1), break_long_words=False, break_on_hyphens=False)
    # Blanks at the end of a line would be wrapped as well.
    widths[-1] *= beside
    dim, bold, red = Style(dim=True), Style(bold=True), Style(color="red")
    styles = (Style(color="cyan"), bold, None, None, dim)
    shown: list[Segment] = []

    def write(cells: Sequence[str], styles: Sequence[Style | None], below: Sequence[tuple[str, Style]]) -> None:
        for cell, size, style in zip(cells, widths, styles, strict=True):
            shown.append(Segment(cell + " " * (size - cell_len(cell)), style))
        lines = [(line, style) for text, style in below for line in wrapper.wrap(text)]
        for number, (line, style) in enumerate(lines):
            if number or not beside:
                shown.extend([Segment.line(), Segment(indent)])
            shown.append(Segment(line, style))
        shown.append(Segment.line())

    write(_COLUMNS[:-1], [dim] * len(widths), [(_COLUMNS[-1], dim)])
    for entry, cells in zip(entries, rows, strict=True):
        problems = [(f"broken: {printable(problem)}", red) for problem in entry.problems]
        write(cells, styles, [(printable(entry.summary), dim), *problems])
    broken = sum(bool(entry.problems) for entry in entries)
    if broken:
        shown += [Segment.line(), Segment(f"{broken} of {len(entries)} cannot be used.", red), Segment.line()]
    console.print(Segments(shown), end="")
