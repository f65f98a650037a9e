"""What `plugserve new` refuses, what it asks, and what it does with odd but right answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from plugserve.commands.new import new
from plugserve.discovery import Catalog, Entry
from plugserve.scaffold import Scaffold, core_range


def invoke(*words: object) -> Result:
    """The command, without a terminal."""
    return CliRunner().invoke(new, [str(word) for word in words])


def told(result: Result) -> list[str]:
    """The mistakes that a command has told, after making sure that it has ended as it should."""
    assert result.exit_code == 78, result.output
    assert result.stdout == ""
    assert all(line.startswith("plugserve: ") for line in result.stderr.splitlines())
    return [line.removeprefix("plugserve: ") for line in result.stderr.splitlines()]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, said",
    [
        ("My_Handler", "how about 'my-handler'?"),
        ("plugserve_Foo", "how about 'foo'?"),
        ("3com", "how about 'com'?"),
        ("a--b", "how about 'a-b'?"),
        ("../evil", "how about 'evil'?"),
        ("-", "with a letter first"),
        ("größe", "how about 'gr-e'?"),
        ("line\nbreak", "how about 'line-break'?"),
        ("", "with a letter first"),
        ("x" * 41, "is too long for a name: write 40 characters at the most"),
        ("plugserve-foo", "which the distribution gets anyway: write 'foo'"),
        ("coroutine", "its class would be called CoroutineHandler, as one of plugserve's own"),
        ("echo", "the handler 'echo' is plugserve-simple 0.1.0: choose another name"),
        ("simple", "plugserve-simple is one of plugserve's own distributions: choose another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(here: Path, name: str, said: str) -> None:
    """One sentence says what is wrong with it, and what would be right; nothing is made."""
    (sentence,) = told(invoke("handler", "--", name))
    assert said in sentence
    assert list(here.iterdir()) == []


def test_a_name_that_is_installed_is_refused(made: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an entry point has it, a distribution, or a module."""
    monkeypatch.syspath_prepend(str(made.site))
    assert told(invoke("plugin", "my-vote")) == [
        "the plugin 'my-vote' is plugserve-my-vote 0.1.0: choose another name, or uninstall that"
    ]
    assert told(invoke("handler", "my-vote")) == [
        "plugserve-my-vote 0.1.0 is installed already: choose another name, or uninstall that"
    ]
    module = here / "plugserve_stray.py"
    module.touch()
    monkeypatch.syspath_prepend(str(here))
    assert told(invoke("handler", "stray")) == [
        f"there is a module plugserve_stray already ({module}): choose another name, or remove that"
    ]


def test_a_name_of_ours_is_refused_where_it_is_not_installed() -> None:
    """What is made would clash with it some day."""
    mistakes = Scaffold(kind="handler", name="daytime", style="protocol").mistakes(Catalog([]))
    assert mistakes == ["the handler 'daytime' is that of plugserve-simple: choose another name, or install that"]


def test_a_name_of_another_kind_may_be_used_again() -> None:
    """Handlers and plugins do not share their names."""
    catalog = Catalog([Entry("handler", "shout", "acme:Shout", "acme-shout", "3.1")])
    assert Scaffold(kind="plugin", name="shout", style="vote").mistakes(catalog) == []
    assert len(Scaffold(kind="handler", name="shout", style="protocol").mistakes(catalog)) == 1


@pytest.mark.parametrize(
    "kind, name, class_name",
    [
        ("handler", "http-files", "HttpFilesHandler"),
        ("handler", "none", "NoneHandler"),
        ("plugin", "rate-limit", "RateLimit"),
        ("plugin", "none", "NonePlugin"),  # a keyword
        ("plugin", "warning", "WarningPlugin"),  # a builtin
        ("plugin", "context", "ContextPlugin"),  # one of plugserve's
        ("plugin", "echo", "EchoPlugin"),  # one of the template's
    ],
)
def test_the_class_has_a_name_of_its_own(kind: Any, name: str, class_name: str) -> None:
    """It is the name in capitals, unless that means something else already."""
    assert Scaffold(kind=kind, name=name, style="").class_name == class_name


# -- the rest of the command line --------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once(here: Path) -> None:
    """A name, a folder and two texts that are wrong are four lines, and nothing is made."""
    (here / "full").mkdir()
    (here / "full" / "file").touch()
    words = ["handler", "No!", "--into", "full", "--author", "two\nlines", "--description", "x" * 201]
    name, folder, author, description = told(invoke(*words))
    assert "'No!' cannot be a name" in name
    assert folder == "full exists and is not empty: choose another folder with --into"
    assert author == r"--author 'two\nlines': write one line of printing characters"
    assert description == "--description is 201 characters long: write 200 at the most"
    assert [path.name for path in here.rglob("*")] == ["full", "file"]


def test_a_file_is_no_folder(here: Path) -> None:
    """Neither as the place itself, nor as what it would lie in."""
    (here / "file").touch()
    assert told(invoke("handler", "shout", "--into", "file")) == [
        "file exists and is no folder: choose another one with --into"
    ]
    assert told(invoke("handler", "shout", "--into", "file/below")) == [
        "file/below cannot be made: Not a directory: choose another folder with --into"
    ]


def test_an_empty_folder_is_filled(here: Path) -> None:
    """Also the working directory itself; the parents of another are made."""
    assert invoke("handler", "shout", "--into", ".").exit_code == 0
    assert invoke("plugin", "quota", "--into", "deep/down").exit_code == 0
    assert (here / "src" / "plugserve_shout" / "handler.py").is_file()
    assert (here / "deep" / "down" / "src" / "plugserve_quota" / "plugin.py").is_file()
    assert not list(here.rglob(".plugserve-*"))


def test_a_style_that_does_not_exist_is_refused(here: Path) -> None:
    """The choices are those of the kind."""
    result = invoke("handler", "shout", "--style", "vote")
    assert result.exit_code == 2
    assert "'vote' is not one of 'protocol', 'coroutine', 'classic'" in result.stderr


def test_odd_texts_arrive_as_they_are(here: Path) -> None:
    """What means something to TOML or to the templates means nothing here."""
    author, description = """Ann "the \\n" O'Hara {{ 7 * 7 }} {% raw %} é #""", 'no: "yes" \\ {# and #} <b>.'
    assert invoke("handler", "shout", "--author", author, "--description", description).exit_code == 0
    source = here / "plugserve-shout"
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["authors"] == [{"name": author}]
    assert project["description"] == description.removesuffix(".")
    assert author in (source / "LICENSE").read_text("utf-8")
    assert (source / "README.md").read_text("utf-8").startswith(f"# plugserve-shout\n\n{description}\n")


@pytest.mark.parametrize(
    "version, requirement",
    [
        ("0.1.0", ">=0.1,<0.2"),
        ("0.9.3", ">=0.9,<0.10"),
        ("1.4.2", ">=1.4,<2"),
        ("0.2.0.dev3", ">=0.2.0.dev3,<0.3"),
        ("2.0rc1+local", ">=2.0rc1,<3"),
    ],
)
def test_the_requirement_is_what_runs_now(version: str, requirement: str) -> None:
    """From the version that it is made with to the next that may break it."""
    assert core_range(version) == requirement


# -- copier ------------------------------------------------------------------------------------------------------------


def test_without_copier_it_says_what_to_install(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with all else that is wrong."""
    monkeypatch.setitem(sys.modules, "copier", None)
    name, copier = told(invoke("handler", "echo"))
    assert "plugserve-simple" in name
    assert copier == (
        "templates are filled by copier, which is not installed: "
        "pip install 'plugserve[new]', or in a checkout pip install './core[new]'"
    )


def test_a_broken_copier_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason of its failure."""
    (here / "copier.py").write_text("import nothing_of_this_name")
    monkeypatch.delitem(sys.modules, "copier", raising=False)
    monkeypatch.syspath_prepend(str(here))
    (sentence,) = told(invoke("handler", "shout"))
    assert sentence == (
        "templates are filled by copier, which cannot be imported (No module named 'nothing_of_this_name'): "
        "pip install 'plugserve[new]', or in a checkout pip install './core[new]'"
    )


def test_copier_is_imported_to_make_something_and_not_before() -> None:
    """The command's help and its mistakes do without."""
    program = "import sys, plugserve.commands.new as new; new.new(['handler', '--help'], standalone_mode=False); "
    program += "sys.exit('copier' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_terminal_it_asks_what_was_not_given(here: Path) -> None:
    """An empty answer takes the default."""
    master, slave = os.openpty()
    program = "from plugserve.commands.new import new; new()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "plugin", "quota"], stdin=slave, stdout=slave, stderr=slave, cwd=here
    )
    os.close(slave)
    os.write(master, b"Ada Lovelace\n\n")
    screen = b""
    try:
        while data := os.read(master, 4096):
            screen += data
    except OSError:
        pass  # Linux says EIO where the other side has closed
    os.close(master)
    assert process.wait() == 0, screen.decode()
    assert b"Author [plugserve-quota contributors]: " in screen
    assert b"Description [Serves at most so many requests of each client]: " in screen
    project = tomllib.loads((here / "plugserve-quota" / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["authors"] == [{"name": "Ada Lovelace"}]
    assert project["description"] == "Serves at most so many requests of each client"
