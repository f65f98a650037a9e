"""Build every distribution, and look into what was built.

The source distribution is built first and the wheel from it, so that what is published as source is known to build;
its tests are taken from it too, so that it is known to carry them.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from members import Member, normalized

__all__ = ["Built", "build", "faults_of_wheel", "unpack_tests"]


class Built(NamedTuple):
    """A member, and the two files made of it."""

    member: Member
    sdist: Path
    wheel: Path


def build(member: Member, dist: Path) -> Built:
    """Build `member` into the folder `dist`. The builder comes from this environment.

    Raises:
        RuntimeError: with what the builder printed.
    """
    before = set(dist.iterdir())
    command = [sys.executable, "-m", "build", "--no-isolation", f"--outdir={dist}", str(member.folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{member.name} does not build:\n{done.stdout}")
    made = {path.suffix: path for path in set(dist.iterdir()) - before}
    return Built(member, made[".gz"], made[".whl"])


def faults_of_wheel(wheel: Path, member: Member) -> list[str]:
    """What is wrong with the wheel of `member`, a sentence each."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        points = next((archive.read(name).decode() for name in names if name.endswith("/entry_points.txt")), "")
    faults = []
    stem = f"{member.import_name}-{member.table['project']['version']}"
    package, info, pages = f"{member.import_name}/", f"{stem}.dist-info/", f"{stem}.data/data/share/man/man1/"
    if f"{package}py.typed" not in names:
        faults.append(f"{package}py.typed is missing: its users' type checkers will not see its types")
    if strangers := sorted(name for name in names if not name.startswith((package, info, pages))):
        faults.append(f"it installs what is not in {package}: {', '.join(strangers)}")
    # Templates of tests are no tests: `plugserve new` copies them.
    code = [name for name in names if "/templates/" not in name]
    if tests := sorted(name for name in code if "/tests/" in f"/{name}" or "/test_" in name or "conftest" in name):
        faults.append(f"it carries tests: {', '.join(tests)}")
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # names of entry points have a case
    parser.read_string(points)
    declared = {(group, name): target for group, name, target in member.entry_points()}
    built = {(group, name): parser[group][name] for group in parser.sections() for name in parser[group]}
    if built != declared:
        faults.append(f"its entry points are {built}, not {declared}")
    for target in built.values():
        module = target.partition(":")[0].replace(".", "/")
        if not {f"{module}.py", f"{module}/__init__.py"} & names:
            faults.append(f"an entry point names {target}, which it does not carry")
    return faults


def unpack_tests(built: Built, folder: Path) -> Path:
    """Unpack the source distribution below `folder`, without its `src`; returns the folder of its tests.

    Raises:
        RuntimeError: it carries no tests.
    """
    with tarfile.open(built.sdist) as archive:
        # The folder has the sdist's own name, a path of the archive starts with it.
        members = [entry for entry in archive.getmembers() if "/src/" not in f"{entry.name}/"]
        archive.extractall(folder, members, filter="data")
    tests = folder / built.sdist.name.removesuffix(".tar.gz") / "tests"
    if not any(tests.rglob("test_*.py")):
        raise RuntimeError(f"the source distribution of {normalized(built.member.name)} carries no tests")
    return tests
