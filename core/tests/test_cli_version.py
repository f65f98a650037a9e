from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from plugserve.cli import main
from plugserve.discovery import core_version


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path for distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _install(site: Path, name: str, points: str, version: str = "2.5") -> Path:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(points)
    return info


def _lines() -> list[str]:
    result = CliRunner().invoke(main, ["--version"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout.splitlines()


def test_the_first_line_is_the_program_and_its_version() -> None:
    """Scripts read the first line, and it holds nothing else."""
    assert _lines()[0] == f"plugserve {core_version()}"


def test_the_second_line_is_the_python_and_the_platform() -> None:
    """What a report of a defect has to say beside the version."""
    assert _lines()[1].startswith(f"Python {platform.python_version()} (")
    assert platform.system() in _lines()[1]


def test_each_distribution_that_brings_something_is_a_line(site: Path) -> None:
    """Once, however much it brings; one that brings nothing of ours is not named, and nothing is imported."""
    _install(site, "plugserve-zz", "[plugserve.plugins]\nzz = zzmod:P\n[plugserve.handlers]\nzz = zzmod:H\n")
    _install(site, "stranger", "[console_scripts]\nx = y:z\n")
    (site / "zzmod.py").write_text("raise RuntimeError\n")
    lines = _lines()[2:]
    assert lines.count("plugserve-zz 2.5") == 1
    assert lines == sorted(lines, key=str.lower)
    assert not [line for line in lines if "stranger" in line]
    assert "zzmod" not in sys.modules


def test_the_core_is_not_named_twice() -> None:
    """Its engines come from the distribution of the first line."""
    assert not [line for line in _lines()[1:] if line.startswith("plugserve ")]


def test_a_broken_distribution_is_marked(site: Path) -> None:
    """Anything that cannot be used of it marks it, and the mark says where the reason stands."""
    _install(site, "plugserve-zz", "[plugserve.plugins]\nzz = zz:P\nzzbad = nonsense\n")
    (_install(site, "plugserve-zzc", "") / "entry_points.txt").write_bytes(b"\xff\xfe")
    assert "plugserve-zz 2.5 (broken: see plugserve plugins)" in _lines()
    assert "plugserve-zzc 2.5 (broken: see plugserve plugins)" in _lines()
