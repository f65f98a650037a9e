"""Test every distribution alone, from its wheel, on every supported Python that is installed; then all together.

    python tests/workspace/everywhere.py [--python 3.12] [--only NAME] [--keep]

In a workspace all members share one environment, so a dependency that one of them forgot to declare goes unnoticed.
Here each gets an empty environment of its own with nothing but its wheel and what that declares: first all its modules
are imported, then its test requirements are added, and its tests run from outside the source tree. At the end the root
`tests/` run on each Python in a copy of the tree, with all distributions installed from their wheels.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from interpreters import SUPPORTED, Interpreter, find_interpreters
from members import ROOT, Member, find_members, name_of, own_requirements, root_group
from wheels import Built, build, faults_of_wheel, unpack_tests

# Imports every module of a package, but those that run something when they are imported. What a module misses may only
# be what an extra of its distribution brings.
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(".__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError as fault:
            if (fault.name or "").partition(".")[0] not in sys.argv[2:]:
                raise
"""

# Fails unless all packages come from below the environment.
IMPORTED_FROM = """
import importlib.util, sys
where = {name: importlib.util.find_spec(name).origin for name in sys.argv[2:]}
sys.exit(not all(origin.startswith(sys.argv[1]) for origin in where.values()) and f"not from the wheels: {where}")
"""

# How the report names the root tests, and the folder of their environment.
TOGETHER = "together"

# What a developer's shell sets must not reach the tests, nor what it has installed.
UNWANTED_VARIABLES = {
    "MAKEFLAGS",
    "MAKELEVEL",
    "PYTEST_ADDOPTS",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "VIRTUAL_ENV",
}

# What is not copied for the root tests: what belongs to one machine, and the history.
UNWANTED_FOLDERS = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".audit",
    ".bench",
    ".venv",
    "__pycache__",
    "_build",
}

# The longest that the tests of one distribution, or the root's, may take on one Python, in seconds: a hang of the test
# run itself, which no test's own limit would end.
LIMIT = 1200


class Bench(NamedTuple):
    """An environment, and the tests to be run in it."""

    interpreter: Interpreter
    subject: str
    python: Path
    config: Path
    tests: Path


class Failed(Exception):
    """A step failed: the first argument says which, the second is what it printed."""


class Workshop:
    """The folder in which wheels and environments are made, and how.

    Parameters:
        folder: an empty folder outside the source tree.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dist = folder / "dist"
        self.dist.mkdir()
        # One uv for all environments: it links packages from its cache, where pip would unpack them each time.
        self.uv = str(Path(sys.executable).with_name("uv"))
        self.environ = {name: value for name, value in os.environ.items() if name not in UNWANTED_VARIABLES}
        self.environ |= {"UV_PYTHON_DOWNLOADS": "never", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, step: str, command: Iterable[object], cwd: Path | None = None) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            Failed: it ended with another code than 0, or not at all.
        """
        try:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd or self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as fault:
            printed = fault.stdout or b""
            raise Failed(f"{step}: no end after {LIMIT} s", printed.decode(errors="replace")) from None
        if done.returncode:
            raise Failed(f"{step} (exit code {done.returncode})", done.stdout)
        return done.stdout

    def environment(self, interpreter: Interpreter, name: str) -> Path:
        """Make an empty environment and return its Python."""
        folder = self.folder / interpreter.minor / name
        self.run("venv", [self.uv, "venv", "--quiet", f"--python={interpreter.executable}", folder])
        # Where Windows keeps it; everywhere else it is bin/python.
        windows = folder / "Scripts" / "python.exe"
        return windows if windows.exists() else folder / "bin" / "python"

    def install(self, python: Path, step: str, *what: str | Path) -> None:
        """Install into the environment of `python`, with the versions of constraints.txt."""
        constraints = f"--constraint={ROOT / 'constraints.txt'}"
        self.run(step, [self.uv, "pip", "install", "--quiet", f"--python={python}", constraints, *what])

    def pytest(self, bench: Bench, mark: str, *flags: str | Path) -> str:
        """Run the tests of `bench` that the expression `mark` selects; returns pytest's closing line.

        Raises:
            Failed: a test failed, or none was found.
        """
        root = bench.config.parent
        command: list[object] = [bench.python.with_name("pytest"), "-q", "-p", "no:cacheprovider", "-m", mark, *flags]
        command += [f"--rootdir={root}", "-c", bench.config, bench.tests]
        printed = self.run(f"pytest -m '{mark}'", command, root)
        return printed.strip().rpartition("\n")[2].strip("= ")

    def prepare(self, interpreter: Interpreter, built: Built, needed: list[Built], for_tests: list[Built]) -> Bench:
        """Install one distribution alone, import all of it, and lay its tests beside it.

        Parameters:
            needed: it, and the distributions of this workspace that it declares to need.
            for_tests: those that its tests need besides.

        Raises:
            Failed: it does not install, import, or fit together with what it declares.
        """
        member = built.member
        python = self.environment(interpreter, member.name)
        # Our own wheels by path: what an index may have under the same name is never looked at.
        self.install(python, "install", *(one.wheel for one in needed))
        self.run("dependencies", [self.uv, "pip", "check", "--quiet", f"--python={python}"])
        extras = [name_of(need).replace("-", "_") for need in member.extras]
        self.run("import", [python, "-I", "-W", "error", "-c", IMPORT_ALL, member.import_name, *extras])
        # Only now: pytest brings packages of its own, which would hide that a dependency is not declared.
        wheels = [one.wheel for one in for_tests]
        self.install(python, "install test requirements", *wheels, *member.test_requirements)
        folder = self.folder / interpreter.minor / f"{member.name}-tests"
        folder.mkdir()
        config = Path(shutil.copy(ROOT / "pyproject.toml", folder))
        return Bench(interpreter, member.name, python, config, unpack_tests(built, folder))

    def prepare_together(self, interpreter: Interpreter, built: list[Built]) -> Bench:
        """Install all distributions from their wheels, and copy the tree, which the root tests read.

        Raises:
            Failed: something does not install, or a package would be imported from the tree.
        """
        python = self.environment(interpreter, TOGETHER)
        requirements = [need for one in built for need in one.member.test_requirements]
        self.install(python, "install", *(one.wheel for one in built), *root_group("test"), *requirements)
        folder = self.folder / interpreter.minor / "tree"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*UNWANTED_FOLDERS), symlinks=True)
        packages = [one.member.import_name for one in built]
        self.run("import from the wheels", [python, "-c", IMPORTED_FROM, python.parents[1], *packages], folder)
        return Bench(interpreter, TOGETHER, python, folder / "pyproject.toml", folder / "tests")


class Report:
    """One line for each Python and distribution, as they end, and a summary."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []

    def line(self, python: str, subject: str, verdict: str, words: str) -> None:
        """Print one line at once."""
        print(f"{python:7} {subject:30} {verdict:6} {words}", flush=True)

    def attempt(self, python: str, subject: str, work: Callable[[], str]) -> None:
        """Do `work` and report how it ended; what it returns is its summary."""
        started = time.monotonic()
        try:
            summary = work()
        except Failed as fault:
            step, printed = fault.args
        except Exception as fault:
            step, printed = f"{type(fault).__name__}: {fault}", ""
        else:
            self.passed.append(f"{python} {subject}")
            self.line(python, subject, "ok", f"{summary} ({time.monotonic() - started:.0f} s in all)")
            return
        self.failed.append(f"{python} {subject}: {step}")
        self.line(python, subject, "FAILED", f"{step}\n{printed}")


def measures(tests: Path) -> bool:
    """Whether any of the tests below a folder is marked to run with nothing beside it."""
    return any("mark.alone" in path.read_text("utf-8") for path in tests.rglob("test_*.py"))


def main() -> int:
    """Run all of it; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", action="append", choices=SUPPORTED, help="only this version; may be repeated")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"only this distribution, or `{TOGETHER}`")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="how many at a time")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the wheels and environments")
    arguments = parser.parse_args()

    members = find_members()
    unknown = set(arguments.only or ()) - {member.name for member in members} - {TOGETHER}
    if unknown:
        parser.error(f"no distribution of this workspace: {', '.join(sorted(unknown))}")
    folder = Path(tempfile.mkdtemp(prefix="plugserve-"))
    try:
        return run(Workshop(folder), members, arguments.python or SUPPORTED, arguments.only, arguments.jobs)
    finally:
        if arguments.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run(workshop: Workshop, members: list[Member], minors: Iterable[str], only: list[str] | None, jobs: int) -> int:
    """Build, install and test; returns the exit code."""
    report = Report()
    found = find_interpreters(tuple(minors))
    interpreters = [interpreter for interpreter in found.values() if interpreter]
    for minor, interpreter in found.items():
        print(f"Python {minor}: {interpreter.version if interpreter else 'not installed, left out'}")
    if not interpreters:
        print("none of the supported Pythons is installed", file=sys.stderr)
        return 1

    built: dict[str, Built] = {}

    def make(member: Member) -> str:
        one = build(member, workshop.dist)
        if faults := faults_of_wheel(one.wheel, member):
            raise Failed(f"the wheel is wrong: {'; '.join(faults)}", "")
        built[member.name] = one
        return one.wheel.name

    for member in members:
        report.attempt("build", member.name, partial(make, member))

    benches: list[Bench] = []

    def alone(interpreter: Interpreter, member: Member) -> str:
        run_time = own_requirements(member, members)
        for_tests = [one for one in own_requirements(member, members, tests=True) if one not in run_time]
        if missing := [one.name for one in run_time + for_tests if one.name not in built]:
            raise Failed(f"not tested: no usable wheel of {', '.join(missing)}", "")
        wheels = [[built[one.name] for one in those] for those in (run_time, for_tests)]
        bench = workshop.prepare(interpreter, built[member.name], *wheels)
        benches.append(bench)
        return workshop.pytest(bench, "not alone")

    def together(interpreter: Interpreter) -> str:
        bench = workshop.prepare_together(interpreter, list(built.values()))
        benches.append(bench)
        return workshop.pytest(bench, "not alone", f"--numprocesses={jobs}", "--dist=worksteal")

    wanted = [member for member in members if not only or member.name in only]
    with ThreadPoolExecutor(jobs) as pool:
        for interpreter in interpreters:
            for member in wanted:
                work = partial(alone, interpreter, member)
                pool.submit(report.attempt, interpreter.minor, member.name, work)

    if (not only or TOGETHER in only) and len(built) == len(members):
        for interpreter in interpreters:
            report.attempt(interpreter.minor, TOGETHER, partial(together, interpreter))

    # Last, and one by one: nothing may run beside a test that measures.
    for bench in sorted(benches, key=lambda bench: (bench.interpreter.minor, bench.subject)):
        if measures(bench.tests):
            measured = partial(workshop.pytest, bench, "alone")
            report.attempt(bench.interpreter.minor, f"{bench.subject} (measured)", measured)

    for failure in report.failed:
        print(f"FAILED  {failure}")
    print(f"workspace: {len(report.passed)} passed, {len(report.failed)} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
