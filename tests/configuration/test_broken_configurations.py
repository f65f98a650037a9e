"""Every file below `broken/` has one realistic mistake, and says in its first lines what `plugserve check` tells of it:

    # expects: 7: listen[0].engine: ... did you mean 'threading'
    # expects: included/engine.toml:5: listen[0].engine: ...
    # command: serve

One `expects` for each line on standard error, in that order: file (this one if left out), line, and what follows it,
with ` ... ` for any text. Where `command` is `serve`, the mistake shows when the server starts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from plugserve.cli import main

BROKEN = Path(__file__).with_name("broken")
NAMES = sorted(path.name for path in BROKEN.glob("*.toml"))
NOT_FINISHED = "class Greeting:\n    def handle(self)\n"
"""A file that Python refuses: written by the test, so that no tool stumbles over it in the repository."""


class Expected(NamedTuple):
    """What a broken file says of itself."""

    command: str
    lines: list[re.Pattern[str]]


def expected(name: str) -> Expected:
    """The first lines of a broken file, read."""
    text = (BROKEN / name).read_text(encoding="utf-8", errors="replace")
    [command] = re.findall(r"^# command: (.+)$", text, re.MULTILINE) or ["check"]
    return Expected(
        command,
        [
            re.compile(
                re.escape(f"plugserve: {file or name}:{number}: ") + ".*".join(map(re.escape, parts.split(" ... ")))
            )
            for file, number, parts in re.findall(r"^# expects: (?:([\w./-]+):)?(\d+): (.+)$", text, re.MULTILINE)
        ],
    )


CHECKED = [name for name in NAMES if expected(name).command == "check"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the broken files, with what is not in the repository."""
    folder = shutil.copytree(BROKEN, tmp_path_factory.mktemp("configuration") / "broken")
    (folder / "unfinished.py").write_text(NOT_FINISHED)
    return folder


@pytest.fixture
def here(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in that folder, and forget the modules of it."""
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield files
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(files)):
            del sys.modules[module]


def run(command: str, name: str) -> subprocess.CompletedProcess[str]:
    """The command in a process, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "plugserve", command, "-c", name], capture_output=True, text=True, timeout=30
    )


def refused(name: str, status: int, output: str, errors: str) -> None:
    """Hold what was printed against what the file says."""
    lines = errors.splitlines()
    wanted = expected(name).lines
    assert "Traceback" not in errors
    assert status == 78, errors
    assert not output
    assert len(lines) == len(wanted), errors
    for line, pattern in zip(lines, wanted, strict=True):
        assert pattern.match(line), f"\n{line}\nis not\n{pattern.pattern}"


@pytest.mark.parametrize("name", CHECKED)
def test_a_broken_configuration_is_told_with_file_line_and_remedy(name: str, here: Path) -> None:
    """`check` ends with 78 and one line for each mistake, that names the file, the line, and what to do."""
    result = CliRunner().invoke(main, ["check", "-c", name])
    assert isinstance(result.exception, SystemExit)
    refused(name, result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize("name", sorted({*NAMES} - {*CHECKED}))
def test_what_only_shows_at_start_is_told_in_the_same_way(name: str, here: Path) -> None:
    """`check` finds nothing, and `serve` ends with 78 and the line of the option, and is never ready."""
    assert CliRunner().invoke(main, ["check", "-c", name]).exit_code == 0
    result = run("serve", name)
    refused(name, result.returncode, result.stdout, result.stderr)


@pytest.mark.parametrize("name", ["all_at_once.toml", "not_utf_8.toml", "handler_file_with_a_syntax_error.toml"])
def test_a_real_process_says_the_same(name: str, here: Path) -> None:
    """Nothing of it is due to the test's own process."""
    result = run("check", name)
    refused(name, result.returncode, result.stdout, result.stderr)


def test_serve_refuses_what_check_refuses(here: Path) -> None:
    """`serve` tells the same mistakes and binds nothing."""
    result = run("serve", "all_at_once.toml")
    refused("all_at_once.toml", result.returncode, result.stdout, result.stderr)


def test_there_are_enough_of_them() -> None:
    """At least sixty mistakes, and each file says what it expects."""
    assert len(NAMES) >= 60
    for name in NAMES:
        assert expected(name).lines, name
    assert os.listdir(BROKEN / "conf.d") == ["echo.toml"]


def test_a_folder_of_broken_files_tells_all_mistakes(here: Path) -> None:
    """`-c DIR` reads all of its files, and each line is about one of them."""
    result = CliRunner().invoke(main, ["check", "-c", "."])
    assert result.exit_code == 78
    lines = result.stderr.splitlines()
    told = {line.removeprefix("plugserve: ").partition(":")[0].removeprefix("./") for line in lines}
    # Two of the sixty are about a line that another one has as well, or in a file that another one includes.
    assert len(told & set(CHECKED)) > len(CHECKED) - 8
    assert all(re.match(r"plugserve: (\./)?[\w./-]+\.toml:\d+: ", line) for line in lines)
