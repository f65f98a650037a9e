from __future__ import annotations

import ast
import dataclasses
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import plugserve_simple
from plugserve import CoroutineHandler, ProtocolHandler

SANS_IO = ["protocol.py", "quotes.py", "datagram.py", "budget.py"]
NAMES = {
    "chargen": "ChargenHandler",
    "daytime": "DaytimeHandler",
    "discard": "DiscardHandler",
    "echo": "EchoHandler",
    "qotd": "QotdHandler",
    "time": "TimeHandler",
}


def test_every_handler_is_exported_and_has_a_name() -> None:
    """The six handlers are what the package exports, and all of the new styles."""
    assert sorted(NAMES.values()) == plugserve_simple.__all__
    for name in plugserve_simple.__all__:
        assert issubclass(getattr(plugserve_simple, name), (CoroutineHandler, ProtocolHandler))


def test_the_names_on_the_command_line_lead_to_the_handlers() -> None:
    """Whoever has installed the distribution finds each service under the name that the RFCs and /etc/services use."""
    found = {
        point.name: point
        for point in entry_points(group="plugserve.handlers")
        if point.module.partition(".")[0] == "plugserve_simple"
    }
    if not found:
        pytest.skip("plugserve-simple is imported from its sources, not installed")
    assert {name: point.load().__name__ for name, point in found.items()} == NAMES


def test_the_readme_lists_every_option() -> None:
    """An option that is not in the table does not exist for anybody."""
    readme = Path(__file__).parents[1] / "README.md"
    if not readme.exists():
        pytest.skip("the README is not beside these tests")
    table = re.findall(r"^\| `(\w+)` \| [^|]+ \| `?(\w+)`? \|", readme.read_text("utf-8"), re.MULTILINE)
    defaults = {
        field.name: {None: "none", False: "no"}.get(field.default, str(field.default))
        for name in plugserve_simple.__all__
        if getattr(plugserve_simple, name).Options is not None
        for field in dataclasses.fields(getattr(plugserve_simple, name).Options)
        if field.init
    }
    assert dict(table) == defaults


@pytest.mark.parametrize("file", SANS_IO)
def test_what_decides_does_no_io(file: str) -> None:
    """What is said, and to whom, is decided without sockets, threads, files or clocks."""
    tree = ast.parse((Path(plugserve_simple.__file__).parent / file).read_text())
    imported: set[Any] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").partition(".")[0])
    assert imported <= {"__future__", "collections", "datetime", "mmap", "typing"}
