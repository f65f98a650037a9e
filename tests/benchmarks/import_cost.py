"""CPU of `import plugserve` against `import socketserver` and `import pluggy`, in processes that alternate.

    python tests/benchmarks/import_cost.py [--rounds N]

The goal is a ratio of at most 2.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

CODE = """
import time, sys
before = time.process_time()
{statement}
print(time.process_time() - before)
"""
VARIANTS = {"socketserver + pluggy": "import socketserver, pluggy", "plugserve": "import plugserve"}


def cost(statement: str) -> float:
    """CPU seconds of one import statement in a new process."""
    # Compiled code is cached, as an installation has it, whatever this shell says.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(statement=statement)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return float(run.stdout)


def main() -> None:
    """Alternate the variants and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    for statement in VARIANTS.values():
        cost(statement)  # compiles
    results: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(arguments.rounds):
        for name, statement in VARIANTS.items():
            results[name].append(cost(statement))
    base, own = results.values()
    ratios = [mine / theirs for mine, theirs in zip(own, base, strict=True)]
    for name, times in results.items():
        print(f"{name:24} {statistics.median(times) * 1000:6.1f} ms")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
