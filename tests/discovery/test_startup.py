"""What a command loads before it answers, with everything of the workspace installed.

How long that takes is measured by tests/benchmarks/plugins_command.py; what must not be loaded is tested here, since
that is what the time depends on, and it is the same on every machine.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "plugins_command.py"

COMMAND = "from plugserve.cli import main; main(prog_name='plugserve')"
"""What the script `plugserve` is that an installer writes."""

HEAVY = {"asyncio", "packaging", "pydantic", "rich", "ssl", "xml"}
"""Libraries that cost as much as all the rest, each needed by something that these commands do not do."""


def _imported(report: str) -> set[str]:
    """The modules in what `python -X importtime` has printed."""
    return {line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")}


def _run(*arguments: str, environment: Mapping[str, str] = {}) -> tuple[str, set[str]]:
    """What a command has printed, and what it has imported for it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", COMMAND, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, _imported(done.stderr)


def _packages(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def _strangers(packages: Iterable[str]) -> set[str]:
    """Those that belong to other distributions of ours than the core."""
    return {package for package in packages if package.startswith("plugserve_")}


@pytest.mark.parametrize(
    "arguments,environment",
    [
        (["--help"], {}),
        (["--version"], {}),
        (["plugins"], {}),
        (["plugins", "--json"], {}),
        (["completion", "bash"], {}),
        # What a script asks when TAB is pressed, and click then reads from the environment.
        ([], {"_PLUGSERVE_COMPLETE": "zsh_complete", "COMP_WORDS": "plugserve pl", "COMP_CWORD": "1"}),
    ],
    ids=["help", "version", "plugins", "json", "completion", "tab"],
)
def test_what_only_asks_imports_no_plugin_and_nothing_heavy(arguments: list[str], environment: dict[str, str]) -> None:
    """Not one of the installed handlers and plugins, nor a library that another command needs."""
    output, modules = _run(*arguments, environment=environment)
    assert "plugserve.cli" in modules
    assert output.startswith("plain\nplugins") or not environment
    packages = _packages(modules)
    assert not packages & HEAVY
    assert not _strangers(packages)


def test_serving_imports_what_is_served_and_nothing_heavy() -> None:
    """`serve echo` without options has loaded one distribution besides the core when it listens."""
    command = [sys.executable, "-X", "importtime", "-m", "plugserve", "serve", "echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.terminate()
        _, report = process.communicate(timeout=30)
    assert "127.0.0.1" in first
    packages = _packages(_imported(report))
    assert not packages & HEAVY
    assert _strangers(packages) == {"plugserve_simple"}


@pytest.mark.skipif(sys.platform == "win32", reason="the benchmark asks for POSIX's account of CPU time")
def test_the_benchmark_measures_a_complete_answer(tmp_path: Path) -> None:
    """Of its 200 distributions every other one is ours, all of those are listed, and none is broken."""
    names = runpy.run_path(str(BENCHMARK))["write_distributions"](tmp_path)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    output, _ = _run("plugins", "--json", environment={"PYTHONPATH": path})
    entries = [entry for entry in json.loads(output) if entry["distribution"].startswith("plugserve-bench")]
    assert len(names) == 100
    for kind in ("handler", "plugin"):
        assert [entry["name"] for entry in entries if entry["kind"] == kind] == names
    assert {(entry["needs"], *entry["problems"]) for entry in entries} == {(">=0.1,<0.2",)}
    assert len(list(tmp_path.glob("*.dist-info"))) == 200
