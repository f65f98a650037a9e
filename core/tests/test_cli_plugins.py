from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result
from packaging.specifiers import SpecifierSet

from plugserve.cli import main
from plugserve.discovery import list_entries

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Writes the metadata of a distribution where this process and its children find it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr("plugserve.__version__", "0.1.0")

    def write(
        name: str, points: str, *, summary: str = "what it does", requires: str = "", version: str = "1.0"
    ) -> Path:
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", f"Summary: {summary}"]
        lines += [f"Requires-Dist: {requires}"] if requires else []
        (info / "METADATA").write_text("\n".join(lines) + f"\n\nName: {name} in its description\n", "utf-8")
        (info / "entry_points.txt").write_text(dedent(points))
        return info

    return write


def _run(*arguments: str, catch: bool = False) -> Result:
    return CliRunner().invoke(main, ["plugins", *arguments], catch_exceptions=catch)


def _row(name: str, *arguments: str) -> list[str]:
    """The line of that name: its columns up to the last, and the last."""
    [line] = [line for line in _run(*arguments).stdout.splitlines() if line.split()[1] == name]
    return line.split(maxsplit=5)


def _on_a_terminal(columns: int) -> str:
    """What a terminal of that width is given, without its colours."""
    pty = pytest.importorskip("pty", reason="waits for a platform with pseudo-terminals")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "plugserve", "plugins"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, env=environment) as process:
        os.close(theirs)
        output = b""
        try:
            while data := os.read(ours, 65536):
                output += data
        except OSError:
            pass  # so Linux says that the other end has gone
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", output.decode())


# -- what is told ------------------------------------------------------------------------------------------------------


def test_each_entry_is_a_line_with_what_its_metadata_says(install: Install) -> None:
    """Kind, name, distribution, version, the range of core versions it needs, and the summary, in aligned columns."""
    install("plugserve-zz", "[plugserve.plugins]\nzz = zz:P", summary="Counts sheep", requires="plugserve<0.2,>=0.1")
    assert _row("zz") == ["plugin", "zz", "plugserve-zz", "1.0", ">=0.1,<0.2", "Counts sheep"]
    head, *lines = _run().stdout.splitlines()
    assert head.split() == ["kind", "name", "distribution", "version", "needs", "summary"]
    starts = {line.index(line.split()[3], line.index(line.split()[2]) + len(line.split()[2])) for line in lines}
    assert starts == {head.index("version")}


def test_what_is_not_told_is_a_dash_so_that_every_line_has_all_columns(install: Install) -> None:
    """A distribution without summary and without requirement leaves no column out."""
    install("plugserve-zz", "[plugserve.handlers]\nzz = zz:H", summary="")
    assert _row("zz") == ["handler", "zz", "plugserve-zz", "1.0", "-", "-"]


def test_the_engines_of_the_core_are_listed() -> None:
    """What comes with the core comes the same way as everything else."""
    found = {(entry["kind"], entry["name"]) for entry in json.loads(_run("--json").stdout)}
    assert {("engine", "sync"), ("engine", "threading"), ("engine", "forking")} <= found


def test_a_package_that_cannot_be_used_is_shown_with_the_reason_and_the_status_is_0(install: Install) -> None:
    """One made for another core, one without metadata, one whose entry points nobody can read: all are listed."""
    install("plugserve-zza", "[plugserve.plugins]\nzza = zz:P", requires="plugserve>=9")
    (install("plugserve-zzb", "[plugserve.plugins]\nzzb = zz:P") / "METADATA").unlink()
    (install("plugserve-zzc", "") / "entry_points.txt").write_bytes(b"\xff\xfe[plugserve.plugins]\n")
    result = _run()
    assert result.exit_code == 0
    assert (
        _row("zza")[-1] == "broken: it needs plugserve >=9, and this is plugserve 0.1.0: install a release made for it"
    )
    assert _row("zzb")[2:5] == ["plugserve-zzb", "?", "-"]
    assert "broken: its metadata cannot be read" in _row("zzb")[-1]
    [line] = [line for line in result.stdout.splitlines() if "plugserve-zzc" in line]
    assert line.split()[:4] == ["-", "-", "plugserve-zzc", "1.0"]
    assert "broken: its entry_points.txt cannot be read" in line


def test_a_summary_cannot_write_to_the_terminal(install: Install) -> None:
    """Control characters of somebody's metadata are shown as escapes."""
    install("plugserve-zz", "[plugserve.plugins]\nzz = zz:P", summary="red \x1b[31m alert")
    assert _row("zz")[-1] == r"red \x1b[31m alert"


def test_a_summary_that_the_encoding_does_not_know_is_escaped(install: Install) -> None:
    """A pipe of Latin-1 gets its umlauts, and an escape for what it has not; no traceback."""
    install("plugserve-zz", "[plugserve.plugins]\nzz = zz:P", summary="z\u00e4hlt Schafe \u2713")
    done = subprocess.run(
        [sys.executable, "-m", "plugserve", "plugins"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert "z\u00e4hlt Schafe \\u2713".encode("latin-1") in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("kind", ["handler", "plugin", "engine"])
def test_a_kind_can_be_asked_for(install: Install, kind: str) -> None:
    """`--kind` leaves only those of that kind, in the table and in the array."""
    install(
        "plugserve-zz", "[plugserve.plugins]\nzz = z:P\n[plugserve.handlers]\nzz = z:H\n[plugserve.engines]\nzz = z:E"
    )
    assert {line.split()[0] for line in _run("--kind", kind).stdout.splitlines()[1:]} == {kind}
    assert {entry["kind"] for entry in json.loads(_run("--kind", kind, "--json").stdout)} == {kind}


def test_a_kind_that_there_is_not_is_no_kind() -> None:
    """Status 2, and the kinds that there are."""
    result = _run("--kind", "plugins")
    assert result.exit_code == 2
    assert "'handler', 'plugin', 'engine'" in result.stderr


def test_nothing_to_list_is_said_beside_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output stays empty, and the array is one without elements."""
    monkeypatch.setattr("sys.path", [])
    result = _run("--kind", "handler")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no handler is installed\n")
    assert _run("--kind", "handler", "--json").stdout == "[]\n"


def test_json_has_an_object_an_entry(install: Install) -> None:
    """The array is what the help says: strings, and what could not be told is null."""
    install("plugserve-zz", "[plugserve.plugins]\nzz = zz.plugin:P", summary="z\u00e4hlt", requires="plugserve>=0.1")
    install("plugserve-zzbad", "[plugserve.plugins]\nno equals sign here")
    found = {entry["distribution"]: entry for entry in json.loads(_run("--json").stdout)}
    assert found["plugserve-zz"] == {
        "kind": "plugin",
        "name": "zz",
        "reference": "zz.plugin:P",
        "distribution": "plugserve-zz",
        "version": "1.0",
        "summary": "z\u00e4hlt",
        "needs": ">=0.1",
        "problems": [],
    }
    broken = found["plugserve-zzbad"]
    assert (broken["kind"], broken["name"], broken["reference"]) == (None, None, None)
    assert "no equals sign here" in broken["problems"][0]


def test_the_help_names_every_member_of_the_json_objects() -> None:
    """What a script may rely on is documented where its author looks."""
    members = json.loads(_run("--json").stdout)[0]
    output = _run("--help").output
    assert [name for name in members if f'"{name}"' not in output] == []


# -- on a terminal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_a_terminal_of_any_width_shows_every_name_whole(install: Install, columns: int) -> None:
    """Names, distributions, versions and ranges are never cut or broken into lines, however narrow the window is."""
    name, distribution = "zz-a-name-that-is-rather-long", "plugserve-zz-a-distribution-with-a-long-name"
    install(distribution, f"[plugserve.plugins]\n{name} = zz:P", summary="wordy " * 30, requires="plugserve>=0.1,<0.2")
    output = _on_a_terminal(columns)
    [line] = [line for line in output.splitlines() if name in line]
    assert line.split()[:5] == ["plugin", name, distribution, "1.0", ">=0.1,<0.2"]
    assert output.count("wordy") == 30
    assert "\u2026" not in output


def test_a_terminal_shows_what_is_broken_and_how_many(install: Install) -> None:
    """The reason stands in the last column, and the number of those that cannot be used below."""
    install("plugserve-zza", "[plugserve.plugins]\nzza = nonsense")
    output = " ".join(_on_a_terminal(200).split())
    assert "broken: its reference 'nonsense' is not of the form package.module:Object" in output
    assert output.endswith("cannot be used.")


# -- what it costs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_of_200_distributions_all_are_listed_and_nothing_is_imported(
    install: Install, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Neither a module of theirs nor a library that is there for other commands; so the answer comes at once."""
    names = []
    for index in range(200):
        kind = ("handlers", "plugins", "engines")[index % 3]
        ours = index % 2 == 0
        names += [f"zz{index:03}"] if ours else []
        points = f"[plugserve.{kind}]\nzz{index:03} = zzmod{index:03}:Z" if ours else "[console_scripts]\nx = y:z"
        install(f"plugserve-zz{index:03}", points, requires="plugserve<0.2,>=0.1")
        (tmp_path / f"zzmod{index:03}.py").write_text("raise RuntimeError\n")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "plugserve", "plugins", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    if arguments:
        shown = [entry["name"] for entry in json.loads(done.stdout)]
    else:
        shown = [line.split()[1] for line in done.stdout.splitlines()]
    assert sorted(name for name in shown if name.startswith("zz")) == names
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "plugserve.discovery" in imported
    assert not {name for name in imported if name.startswith("zzmod")}
    assert not {"pydantic", "rich", "asyncio", "packaging", "ssl", "tomllib"} & {
        name.split(".")[0] for name in imported
    }


# -- where metadata comes from -----------------------------------------------------------------------------------------


def test_a_zipped_distribution_is_listed(tmp_path: Path) -> None:
    """A wheel on the path is as good as an installed one, as it is for Python's import."""
    with zipfile.ZipFile(tmp_path / "zz.whl", "w") as wheel:
        metadata = "Metadata-Version: 2.4\r\nName: plugserve-zz\r\nVersion: 3\r\nSummary: zipped\r\n\r\nName: no\r\n"
        wheel.writestr("plugserve_zz-3.dist-info/METADATA", metadata)
        wheel.writestr("plugserve_zz-3.dist-info/entry_points.txt", "[plugserve.handlers]\r\nzz = zz:H\r\n")
    # In a process of its own: importlib_metadata keeps the archive open.
    done = subprocess.run(
        [sys.executable, "-m", "plugserve", "plugins"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "zz.whl"), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.split()[1] == "zz"]
    assert line.split() == ["handler", "zz", "plugserve-zz", "3", "-", "zipped"]


def test_metadata_of_the_old_form_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What setuptools leaves beside a source tree: PKG-INFO, and requirements in a file of their own."""
    info = tmp_path / "plugserve_zz.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: plugserve-zz\nVersion: 3\nSummary: old\n")
    (info / "requires.txt").write_text("plugserve>=0.1\n\n[test]\nplugserve>=9\n")
    (info / "entry_points.txt").write_text("[plugserve.handlers]\nzz = zz:H\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("plugserve.__version__", "0.1.0")
    assert _row("zz") == ["handler", "zz", "plugserve-zz", "3", ">=0.1", "old"]


def test_a_valid_installation_counts_before_one_without_metadata(install: Install, tmp_path: Path) -> None:
    """What an interrupted uninstall left behind does not hide the distribution that is there now."""
    (install("plugserve-zz", "[plugserve.plugins]\nzzold = zz:Old", version="0.9") / "METADATA").unlink()
    install("plugserve-zz", "[plugserve.plugins]\nzznew = zz:New")
    assert [entry.name for entry in list_entries("plugin") if entry.name.startswith("zz")] == ["zznew"]


# -- ranges of versions ------------------------------------------------------------------------------------------------

CLAUSES = ["", ">=0.1", "<0.2", ">0.1", "<=0.1.0", "==0.1", "!=0.1.0", ">=0.1.1", "==0.1.*", "~=0.1", "<1.0a1"]


@pytest.mark.parametrize("core", ["0.1.0", "0.1", "0.2", "0.10.3", "1.0", "0.2.0rc1", "0.1.0.dev1+local"])
def test_ranges_mean_what_packaging_says(install: Install, monkeypatch: pytest.MonkeyPatch, core: str) -> None:
    """Simple ranges are compared without the library, and come out as they do with it."""
    monkeypatch.setattr("plugserve.__version__", core)
    expected = {}
    for index, pair in enumerate(itertools.product(CLAUSES, repeat=2)):
        specifier = ",".join(filter(None, pair))
        install(f"plugserve-zz{index}", f"[plugserve.plugins]\nzz{index} = zz:P", requires=f"plugserve{specifier}")
        expected[f"zz{index}"] = (specifier, SpecifierSet(specifier).contains(core, prereleases=True))
    entries = {entry.name: entry for entry in list_entries("plugin") if entry.name in expected}
    assert set(entries) == set(expected)
    for name, (specifier, fits) in expected.items():
        assert (entries[name].problems == ()) is fits, (specifier, core)
        assert SpecifierSet(entries[name].needs) == SpecifierSet(specifier)
