"""The table of limits in the documentation, and the dataclass that they are in, say the same."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from plugserve import Limits
from plugserve.docstrings import parameters_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "limits.md"
COLUMNS = 6


def rows() -> dict[str, list[str]]:
    """The cells of each limit's row, by its name."""
    table = re.findall(r"^\| `(\w+)` \|(.+)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" |")] for name, rest in table}


def shown(value: object) -> str:
    """A default as the table has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_limit_is_in_the_table_in_the_order_of_the_class() -> None:
    """No more and no less, each with a description in the docstring, too."""
    names = [one.name for one in fields(Limits)]
    assert list(rows()) == names
    assert list(parameters_of(Limits)) == names


def test_the_defaults_in_the_table_are_those_of_the_class() -> None:
    """For modern handlers, and for classic servers made in code."""
    defaults, classic = Limits(), Limits.none()
    for name, cells in rows().items():
        assert len(cells) == COLUMNS - 1, name
        assert cells[1:3] == [shown(getattr(defaults, name)), shown(getattr(classic, name))], name


def test_every_reason_that_is_given_stands_on_the_page() -> None:
    """Whoever finds one in a log finds its limit."""
    from plugserve import connection

    page = PAGE.read_text("utf-8")
    for name in ("SILENT", "IDLE", "STALLED", "LAYERS", "TOTAL"):
        assert getattr(connection, name) in page, name
    assert connection.SLOW.format(100) in page


def test_each_limit_has_a_unit() -> None:
    """A number alone says little."""
    units = {"requests", "true, false", "bits", "word", "seconds", "bytes", "bytes a second", "multiple"}
    assert {cells[0] for cells in rows().values()} <= units
