"""The manual pages say what the command line says, and the programs that show them have nothing to complain about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

import manpages
from members import ROOT
from plugserve.cli import main

PAGES = manpages.pages()


def test_pages_are_up_to_date() -> None:
    """What lies in core/man is what the command line gives now; if not, run: python tests/workspace/manpages.py"""
    written = {path.name: path.read_text("utf-8") for path in manpages.FOLDER.iterdir()}
    stale = sorted(name for name in written.keys() | PAGES.keys() if written.get(name) != PAGES.get(name))
    assert stale == [], f"{', '.join(stale)}: run: python tests/workspace/manpages.py"


def test_each_subcommand_has_a_page() -> None:
    """One for the command, and one for each subcommand, however many there will be."""

    def pages(command: click.Command, name: str) -> set[str]:
        found = {f"{name}.1"}
        if isinstance(command, click.Group):
            context = click.Context(command)
            for word in command.list_commands(context):
                one = command.get_command(context, word)
                assert one is not None
                found |= pages(one, f"{name}-{word}")
        return found

    assert set(PAGES) == pages(main, "plugserve")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_the_usual_sections_in_the_usual_order(name: str) -> None:
    """Those of man-pages(7), as far as there is something to say."""
    usual = ["NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS", "COMMANDS", "EXAMPLES", "EXIT STATUS"]
    usual += ["FILES", "SEE ALSO"]
    found = re.findall(r"^\.SH (.*)$", PAGES[name], re.MULTILINE)
    assert found == [section for section in usual if section in found]
    needed = {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"}
    assert needed | ({"COMMANDS"} if name == "plugserve.1" else {"EXAMPLES"}) <= set(found)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_same_on_every_day(name: str) -> None:
    """The date is that of the last change of substance, and stands in the generator."""
    title = PAGES[name].splitlines()[1]
    assert re.fullmatch(r'\.TH PLUGSERVE\S* 1 \d{4}-\d\d-\d\d "plugserve \S+" "plugserve manual"', title)


def test_nothing_of_a_help_text_is_a_request_to_roff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dots and quotes at the beginning of a line, backslashes, hyphens: each is printed as it is."""
    text = ".TH is no title, 'tis \\fBnot\\fR bold, -x is a hyphen-minus, ~ and ^ and ` stay"

    @click.group()
    def top() -> None: ...

    top.help = f"Do it.\n\n{text}\n\n\b\nplugserve .hidden '\\n'\n.so /etc/passwd"
    monkeypatch.setattr(manpages, "command_line", top)
    page = manpages.pages()["plugserve.1"]
    assert r"\&.TH is no title, \(aqtis \efBnot\efR bold, \-x is a hyphen\-minus, \(ti and \(ha and \(ga stay" in page
    assert ".EX\nplugserve .hidden \\(aq\\en\\(aq\n\\&.so /etc/passwd\n.EE" in page


def _formatted(page: Path) -> str:
    """What man(1) shows of a page; whatever it has to say against it is a failure."""
    for program, package in (("man", "man-db"), ("groff", "groff-base")):
        if shutil.which(program) is None:
            message = f"{program} is not installed: apt-get install {package}"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
    environment = os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANROFFSEQ": ""}
    # Another man than that of man-db, as on macOS, has other options.
    if "--warnings" not in subprocess.run(["man", "--help"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("this man is not that of man-db")
    for arguments in (["-Tutf8", "-Z"], []):
        done = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", *arguments, str(page)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    return re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)


@pytest.mark.parametrize("name", PAGES)
def test_man_formats_a_page_without_a_warning(name: str) -> None:
    """man-db and groff read the committed page, and the reader sees name, options and examples as they are typed."""
    shown = _formatted(manpages.FOLDER / name)
    command = name.removesuffix(".1")
    assert f"\n       {command} - " in shown
    assert "-h, --help" in shown
    if command != "plugserve":
        assert f"{command.replace('-', ' ')} " in shown.partition("\nEXAMPLES\n")[2]


def test_pages_are_installed_where_man_looks() -> None:
    """The wheel carries them as data, which pip puts below the prefix: share/man/man1."""
    table = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))
    assert table["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"] == {"man": "share/man/man1"}
