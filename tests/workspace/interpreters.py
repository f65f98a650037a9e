"""Find the installed Pythons that the project supports, one for each minor version.

A name on PATH is no proof: pyenv puts a shim there for versions that are installed but not chosen, and the shim fails.
So every candidate is run, and says itself what it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["SUPPORTED", "Interpreter", "find_interpreters"]

SUPPORTED = ("3.11", "3.12", "3.13")

# `_base_executable` leads from a virtual environment to the Python that it was made with.
QUESTION = """
import json, sys
print(json.dumps([".".join(map(str, sys.version_info[:2])), sys.version.split()[0],
                  getattr(sys, "_base_executable", None) or sys.executable, sys.implementation.name]))
"""


class Interpreter(NamedTuple):
    """A Python that answered."""

    minor: str
    """`3.12`"""
    version: str
    """`3.12.1`"""
    executable: Path


def candidates(minor: str) -> Iterator[str]:
    """Where a Python of that minor version may be: on PATH, then among pyenv's."""
    for name in (f"python{minor}", "python3", "python"):
        if found := shutil.which(name):
            yield found
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # The newest patch release first; a version that is no number (`3.13-dev`, `3.13t`) last.
    folders = sorted(root.glob(f"versions/{minor}*"), key=lambda folder: _patch(folder.name), reverse=True)
    for folder in folders:
        yield str(folder / "bin" / f"python{minor}")


def _patch(version: str) -> int:
    last = version.rpartition(".")[2]
    return int(last) if last.isdigit() else -1


def ask(command: str) -> Interpreter | None:
    """What `command` says it is, or None when it does not run, or is no CPython."""
    try:
        answer = subprocess.run([command, "-I", "-c", QUESTION], capture_output=True, timeout=60, check=True)
        minor, version, executable, implementation = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(minor, version, Path(executable)) if implementation == "cpython" else None


def find_interpreters(minors: tuple[str, ...] = SUPPORTED) -> dict[str, Interpreter | None]:
    """One Python for each minor version asked for; None where none is installed."""
    found: dict[str, Interpreter | None] = {}
    for minor in minors:
        answers = (ask(candidate) for candidate in candidates(minor))
        found[minor] = next((answer for answer in answers if answer and answer.minor == minor), None)
    return found
