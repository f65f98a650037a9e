"""Wall and CPU time of `plugserve plugins` where 200 distributions are installed, every other one of them ours.

    python tests/benchmarks/plugins_command.py [--rounds N] [--distributions N]

The distributions are folders of metadata on PYTHONPATH, as an installer leaves them: a METADATA with a description of
several kilobytes, a RECORD, and for ours an entry_points.txt. The goal is an answer within 300 ms. An empty program of
Python is measured with them, since nobody can be faster than it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

DESCRIPTION = "\n".join(f"Line {number} of a description that an index shows, and we never do." for number in range(80))
VARIANTS = {
    "python -c pass": ["-c", "pass"],
    "plugserve --help": ["-m", "plugserve", "--help"],
    "plugserve --version": ["-m", "plugserve", "--version"],
    "plugserve plugins": ["-m", "plugserve", "plugins"],
    "plugserve plugins --json": ["-m", "plugserve", "plugins", "--json"],
    "on a terminal": ["-m", "plugserve", "plugins"],
}


class Cost(NamedTuple):
    """What one run of a program took, in seconds."""

    wall: float
    cpu: float


def write_distributions(folder: Path, number: int = 200) -> list[str]:
    """Write the metadata of so many distributions below `folder`; every other one brings a handler and a plugin.

    Returns:
        The names of those handlers and plugins: `bench-000` and so on.
    """
    names = []
    for index in range(number):
        ours = index % 2 == 0
        name = f"plugserve-bench-{index:03}" if ours else f"stranger-{index:03}"
        module = name.replace("-", "_")
        info = folder / f"{module}-1.2.{index}.dist-info"
        info.mkdir(parents=True)
        requirements = ["importlib-metadata>=8", 'pytest>=8; extra == "test"', "typing-extensions>=4.6"]
        points = f"[console_scripts]\n{name} = {module}.shell:main\n"
        if ours:
            names.append(f"bench-{index:03}")
            requirements.insert(1, "plugserve<0.2,>=0.1")
            points += f"\n[plugserve.handlers]\n{names[-1]} = {module}.handler:Handler\n"
            points += f"\n[plugserve.plugins]\n{names[-1]} = {module}.plugin:Plugin\n"
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2.{index}\nSummary: Does the work of number {index}\n"
            "Author-email: Somebody <somebody@example.org>\nLicense-Expression: MIT\nRequires-Python: >=3.11\n"
            + "".join(f"Classifier: Programming Language :: Python :: 3.{minor}\n" for minor in (11, 12, 13))
            + "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)
            + f"Provides-Extra: test\nDescription-Content-Type: text/markdown\n\n# {name}\n\n{DESCRIPTION}\n"
        )
        files = ["__init__.py", "handler.py", "plugin.py", "py.typed", "shell.py"]
        (info / "RECORD").write_text(
            "".join(f"{module}/{file},sha256={'A' * 43},1234\n" for file in files)
            + "".join(f"{info.name}/{file},,\n" for file in ("METADATA", "RECORD", "entry_points.txt"))
        )
        (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        (info / "INSTALLER").write_text("pip\n")
        # Whoever imports one of them is told so.
        (folder / module).mkdir()
        (folder / module / "__init__.py").write_text(f"raise RuntimeError('{name} was imported')\n")
        (info / "entry_points.txt").write_text(points)
    return names


def run(arguments: list[str], folder: Path, *, terminal: bool = False) -> Cost:
    """Run Python with these arguments and the distributions of `folder`, and measure it.

    Parameters:
        terminal: write to a pseudo-terminal and not to a file.
    """
    # Compiled code is cached, as an installation has it, whatever this shell says.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(folder), "COLUMNS": "120", "TERM": "xterm-256color"}
    ours, theirs = os.openpty() if terminal else os.pipe()
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=theirs, env=environment) as process:
        os.close(theirs)
        try:
            while os.read(ours, 65536):
                pass
        except OSError:
            pass  # so Linux says that the other end of a terminal has gone
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    os.close(ours)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {process.returncode}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Alternate the commands and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--distributions", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_distributions(Path(name), arguments.distributions)
        costs: dict[str, list[Cost]] = {variant: [] for variant in VARIANTS}
        for variant, words in VARIANTS.items():
            run(words, Path(name), terminal=variant == "on a terminal")  # compiles
        for _ in range(arguments.rounds):
            for variant, words in VARIANTS.items():
                costs[variant].append(run(words, Path(name), terminal=variant == "on a terminal"))
    print(f"{arguments.distributions} distributions, median of {arguments.rounds} runs (and the slowest)")
    for variant, found in costs.items():
        wall, cpu = ([cost[column] * 1000 for cost in found] for column in (0, 1))
        print(
            f"{variant:26} wall {statistics.median(wall):6.1f} ms ({max(wall):6.1f})   "
            f"CPU {statistics.median(cpu):6.1f} ms ({max(cpu):6.1f})"
        )


if __name__ == "__main__":
    main()
