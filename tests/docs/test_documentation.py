"""The documentation as Sphinx builds it, once for all of these tests."""

from __future__ import annotations

import ast
import fcntl
import html
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import plugserve
from plugserve import errors, exits, hookspecs
from plugserve.discovery import GROUPS
from plugserve.hookspecs import PARAMETERS, SPECS

pytest.importorskip("sphinx", reason="the group `docs` is not installed: only `make test` builds the documentation")

ROOT = Path(__file__).resolve().parents[2]
HEADINGS = ["When", "Connection", "Parameters", "Returns", "Raises", "Order", "Since"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages; a warning fails it. Workers of xdist share it: the first one builds."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, report = base / "documentation", base / "documentation.txt"
    with (base / "documentation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not report.exists():
            command = [sys.executable, "-m", "sphinx", "--quiet", "--nitpicky", "--fail-on-warning", "--keep-going"]
            done = subprocess.run([*command, str(ROOT / "docs"), str(folder)], capture_output=True, text=True)
            report.write_text(done.stderr if done.returncode else "")
    assert report.read_text() == ""
    return folder


def text_of(page: Path) -> str:
    """What a reader sees of a page, spaces squeezed."""
    body = page.read_text("utf-8").partition('<article role="main"')[2].partition("</article>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())


def test_the_page_of_hooks_has_each_with_its_exact_signature_and_all_headings(built: Path) -> None:
    """In call order, as `hookspecs.py` defines them."""
    page = (built / "reference" / "hooks.html").read_text("utf-8")
    places = [page.index(f'id="hook-{name.replace("_", "-")}"') for name in SPECS]
    assert places == sorted(places)
    for name in SPECS:
        section = re.search(rf'<section id="hook-{name.replace("_", "-")}">(.*?)</section>', page, re.DOTALL)
        assert section is not None, name
        code = re.search(r'<div class="highlight-python.*?<pre>(.*?)</pre>', section[1], re.DOTALL)
        assert code is not None, name
        shown = ast.parse(html.unescape(re.sub(r"<[^>]+>", "", code[1])).strip() + ": ...").body[0]
        [real] = ast.parse(inspect.getsource(getattr(hookspecs, name))).body
        assert isinstance(shown, ast.FunctionDef)
        assert isinstance(real, ast.FunctionDef)
        assert shown.name == name
        assert ast.unparse(shown.args) == ast.unparse(real.args)
        assert ast.unparse(shown.returns or real) == ast.unparse(real.returns or shown)
        assert re.findall(r"<dt>(\w+)", section[1]) == HEADINGS, name
        assert f">{SPECS[name].rule}<" in section[1]


def test_every_docstring_of_a_hook_has_the_same_headings() -> None:
    """In the same order."""
    for name in SPECS:
        found = re.findall(r"^([A-Z]\w+):", inspect.getdoc(getattr(hookspecs, name)) or "", re.MULTILINE)
        assert found == HEADINGS, name


def test_the_page_of_hooks_explains_every_rule_and_every_parameter(built: Path) -> None:
    """Nothing that a signature or a rule names is left unsaid."""
    page = text_of(built / "reference" / "hooks.html")
    for rule in {spec.rule for spec in SPECS.values()}:
        assert f"{rule}: " in page
    for parameter in PARAMETERS:
        assert f"{parameter} " in page


def test_every_hook_has_a_test_of_its_name() -> None:
    """A function `test_hook_<name>` stands in the tests of the core or of the whole."""
    files = [*(ROOT / "core/tests").rglob("test_*.py"), *(ROOT / "tests").rglob("test_*.py")]
    defined = {
        name for file in files for name in re.findall(r"^def (test_hook_\w+)\(", file.read_text("utf-8"), re.MULTILINE)
    }
    assert [name for name in SPECS if f"test_hook_{name}" not in defined] == []


def test_every_public_class_is_described(built: Path) -> None:
    """Whatever `plugserve.__all__` names is on the page of classes or on that of errors."""
    pages = "".join((built / "reference" / f"{name}.html").read_text("utf-8") for name in ("api", "errors"))
    assert [name for name in plugserve.__all__ if f'id="plugserve.{name}"' not in pages] == []


def test_every_error_is_described_with_what_to_do(built: Path) -> None:
    """Each class of `plugserve.errors` and each exit status."""
    page = (built / "reference" / "errors.html").read_text("utf-8")
    for name in errors.__all__:
        described = re.search(rf'id="plugserve\.(errors\.)?{name}".*?<dt[^>]*>What to do', page, re.DOTALL)
        assert described is not None, name
        assert described[0].count('class="py exception"') == 0, f"{name}: nothing says what to do about it"
    for name in exits.__all__:
        if isinstance(status := getattr(exits, name), int):
            assert len(re.findall(rf"<td><p>{status}</p></td>", page)) == 2, f"{name}: the status {status}"


def test_every_subcommand_is_described(built: Path) -> None:
    """As `plugserve --help` lists them."""
    import click

    from plugserve.cli import main

    page = text_of(built / "reference" / "command-line.html")
    for name in main.list_commands(click.Context(main)):
        assert f"plugserve {name}" in page


def test_every_handler_plugin_and_engine_is_described_with_its_options(built: Path) -> None:
    """As the distributions of this repository declare them; options have a type, a default and a sentence."""
    page = (built / "reference" / "options.html").read_text("utf-8")
    for file in ROOT.glob("*/**/pyproject.toml"):
        project = tomllib.loads(file.read_text("utf-8")).get("project", {})
        for group, points in project.get("entry-points", {}).items():
            for name in points if group in GROUPS.values() and "templates" not in file.parts else ():
                assert f'id="{group.removeprefix("plugserve.").removesuffix("s")}-{name}"' in page
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        assert all(re.sub(r"<[^>]+>", "", cell).strip() for cell in cells), row


def test_nothing_on_the_pages_is_left_as_it_was_typed(built: Path) -> None:
    """No backtick, no marker, no field and no table shows as it stands in the source."""
    for page in built.rglob("*.html"):
        body = page.read_text("utf-8").partition('<article role="main"')[2].partition("</article>")[0]
        prose = re.sub(r"<(pre|code)\b.*?</\1>", "", body, flags=re.DOTALL)
        prose = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", prose)).split())
        assert "`" not in prose, page.name
        assert not re.search(r"\{from-code\}|<!--|^:\w+:|\|---", prose), page.name


def test_the_pages_load_nothing_from_elsewhere(built: Path) -> None:
    """A reader's browser asks nobody else for scripts, fonts or styles."""
    for page in built.rglob("*.html"):
        text = page.read_text("utf-8")
        for tag in re.findall(r"<(?:script|link|img)\b[^>]*>", text):
            assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", tag), f"{page.name}: {tag}"
