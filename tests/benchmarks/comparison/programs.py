"""The two programs in C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__all__ = ["BenchmarkError", "compile_program"]

SOURCES = Path(__file__).resolve().parent.parent


class BenchmarkError(Exception):
    """Why nothing was measured, for the person at the terminal."""


def compile_program(name: str, folder: Path) -> Path:
    """Compile `name`.c with -O2 unless that is done already; returns the program.

    Errors: `BenchmarkError` without a compiler, or with what it said.
    """
    source, program = SOURCES / f"{name}.c", folder / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchmarkError("there is no C compiler (cc): on Debian, install gcc and libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise BenchmarkError(f"cc {source.name}: {run.stderr.strip()}")
    return program
