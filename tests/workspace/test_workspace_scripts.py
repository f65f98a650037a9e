"""The scripts behind the Makefile, on small workspaces made for the purpose."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

import interpreters
from members import Member, find_members, own_requirements, root_group
from wheels import Built, faults_of_wheel, unpack_tests


def member(name: str, *dependencies: str, **project: Any) -> Member:
    """A member that exists as a table only."""
    return Member(Path(name), {"project": {"name": name, "version": "1.0", "dependencies": dependencies, **project}})


def wheel(path: Path, *names: str, entry_points: str = "") -> Path:
    """Write a wheel with empty files of these names."""
    with zipfile.ZipFile(path / "plugserve_a-1.0-py3-none-any.whl", "w") as archive:
        for name in names:
            archive.writestr(name, "")
        if entry_points:
            archive.writestr("plugserve_a-1.0.dist-info/entry_points.txt", entry_points)
    return path / "plugserve_a-1.0-py3-none-any.whl"


GOOD = ("plugserve_a/__init__.py", "plugserve_a/py.typed", "plugserve_a-1.0.dist-info/METADATA")


def test_members_are_found_by_listing_folders(tmp_path: Path) -> None:
    """Every folder with a pyproject.toml at its place is a member, the core first; a folder without is none."""
    for folder in ("plugins/plugserve-b", "plugins/plugserve-a", "contrib_handlers/plugserve-c", "core", "docs"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{folder.rpartition("/")[2]}"\n')
    (tmp_path / "plugins/notes").mkdir()
    found = find_members(tmp_path)
    assert [one.name for one in found] == ["core", "plugserve-a", "plugserve-b", "plugserve-c"]
    assert [one.kind for one in found] == ["core", "plugins", "plugins", "contrib_handlers"]


def test_a_member_brings_those_it_needs_and_no_others() -> None:
    """What a member declares is followed through other members, however the names are spelt; the rest stays away."""
    core, access, log = (
        member("plugserve"),
        member("plugserve-access", "plugserve>=1"),
        member("plugserve-log", "structlog"),
    )
    http = member("plugserve-http", "h11", "Plugserve_Access[files]>=0.1,<0.2 ; python_version > '3'")
    members = [core, access, log, http]
    assert {one.name for one in own_requirements(http, members)} == {"plugserve", "plugserve-access", "plugserve-http"}
    assert own_requirements(core, members) == [core]
    http.table["dependency-groups"] = {"test": ["plugserve-log"]}
    assert log not in own_requirements(http, members)
    assert log in own_requirements(http, members, tests=True)


def test_groups_of_the_root_include_one_another(tmp_path: Path) -> None:
    """An included dependency group is expanded in place, and nothing is listed twice."""
    text = '[dependency-groups]\ntest = ["a>=1"]\ndev = [{include-group = "test"}, "b", "a>=1"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert root_group("dev", tmp_path) == ["a>=1", "b"]


def test_a_good_wheel_has_no_faults(tmp_path: Path) -> None:
    """A wheel with its package, py.typed and metadata is in order."""
    assert faults_of_wheel(wheel(tmp_path, *GOOD), member("plugserve-a")) == []


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        ((GOOD[0], GOOD[2]), "py.typed is missing"),
        ((*GOOD, "tests/test_a.py"), "installs what is not in plugserve_a/: tests/test_a.py"),
        ((*GOOD, "plugserve_a/tests/test_a.py"), "carries tests: plugserve_a/tests/test_a.py"),
    ],
)
def test_faults_of_a_wheel_are_named(tmp_path: Path, names: tuple[str, ...], fault: str) -> None:
    """A wheel without py.typed, with tests, or with files beside its package is refused, with the reason."""
    assert any(fault in found for found in faults_of_wheel(wheel(tmp_path, *names), member("plugserve-a")))


def test_entry_points_of_a_wheel_are_those_declared(tmp_path: Path) -> None:
    """An entry point that is lost on the way into the wheel is noticed, and so is one that leads nowhere."""
    declared = member("plugserve-a", **{"entry-points": {"plugserve.plugins": {"A": "plugserve_a.plugin:A"}}})
    assert any("entry points are {}" in fault for fault in faults_of_wheel(wheel(tmp_path, *GOOD), declared))
    points = "[plugserve.plugins]\nA = plugserve_a.plugin:A\n"
    assert any(
        "does not carry" in fault for fault in faults_of_wheel(wheel(tmp_path, *GOOD, entry_points=points), declared)
    )
    names = (*GOOD, "plugserve_a/plugin.py")
    assert faults_of_wheel(wheel(tmp_path, *names, entry_points=points), declared) == []


@pytest.mark.parametrize("tested", [True, False])
def test_tests_come_from_the_sdist_without_its_sources(tmp_path: Path, tested: bool) -> None:
    """The tests are unpacked, the sources are not, and a source distribution without tests is refused."""
    sdist = tmp_path / "plugserve_a-1.0.tar.gz"
    with tarfile.open(sdist, "w:gz") as archive:
        for name in ("README.md", "src/plugserve_a/__init__.py", *(["tests/test_a.py"] * tested)):
            archive.addfile(tarfile.TarInfo(f"plugserve_a-1.0/{name}"), io.BytesIO())
    built = Built(member("plugserve-a"), sdist, tmp_path / "none.whl")
    if not tested:
        with pytest.raises(RuntimeError, match="plugserve-a carries no tests"):
            unpack_tests(built, tmp_path)
        return
    tests = unpack_tests(built, tmp_path)
    assert [path.name for path in tests.iterdir()] == ["test_a.py"]
    assert (tests.parent / "README.md").exists()
    assert not (tests.parent / "src").exists()


@pytest.mark.skipif(os.name == "nt", reason="the fake Pythons are shell scripts")
def test_a_python_on_path_must_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim that fails is passed over for a Python of pyenv's, of which the newest is taken; none found is None."""

    def python(path: Path, version: str, code: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        minor = version.rpartition(".")[0]
        path.write_text(f"""#!/bin/sh\necho '["{minor}", "{version}", "{path}", "cpython"]'\nexit {code}\n""")
        path.chmod(0o755)
        return path

    python(tmp_path / "bin/python3.12", "3.12.9", code=127)
    python(tmp_path / "bin/python3", "3.8.1")
    python(tmp_path / "pyenv/versions/3.12.2/bin/python3.12", "3.12.2")
    newest = python(tmp_path / "pyenv/versions/3.12.10/bin/python3.12", "3.12.10")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    found = interpreters.find_interpreters(("3.12", "3.13"))
    assert found == {"3.12": ("3.12", "3.12.10", newest), "3.13": None}


def test_the_running_python_is_found_by_asking_it() -> None:
    """Asked what it is, this Python names its version and an executable that is in no virtual environment."""
    answer = interpreters.ask(sys.executable)
    assert answer is not None
    assert answer.minor == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert answer.executable.exists()
