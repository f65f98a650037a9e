"""How long `plugserve serve echo` takes from its start until it listens, and what of that Python itself takes.

    python tests/benchmarks/start_to_listen.py [ROUNDS]

Wall time, from before the process is started to its first line, in rounds that alternate with an empty Python; medians.
The figure to reach is 400 ms. Compare on a quiet machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ["-c", "print('up', flush=True)"],
    "serve echo": ["-m", "plugserve", "serve", "echo"],
    "serve echo --with access": ["-m", "plugserve", "serve", "echo", "--with", "access"],
}


def seconds(arguments: list[str]) -> float:
    """The time to the first line."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        elapsed = time.perf_counter() - started
        process.terminate()
    assert line, "it ended without a word"
    return elapsed


def main(rounds: int) -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    for name, found in times.items():
        print(f"{name:26} median {statistics.median(found) * 1000:4.0f} ms, most {max(found) * 1000:4.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
