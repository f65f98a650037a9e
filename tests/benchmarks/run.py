"""Measure this project beside its peers: server CPU a request, requests a second, p50, p99, memory a connection.

    python tests/benchmarks/run.py [--workload W] [--only NAME,...] [--rounds N] [--seconds S] [--write]

`make bench` sets up an environment with all peers and runs everything with --write, which renews the tables and the
chart in docs/reference/. Run by another Python it measures the servers that are installed there. The server is pinned
to one core and the load to another; each round runs every server once, in a process of its own, beginning with another
one each time; ratios are made within a round, and their median is told. A wrong, missing or surplus byte ends the run.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

from comparison.bars import judge
from comparison.competitors import COMPETITORS
from comparison.document import write
from comparison.measuring import Figures, Programs, cores, measure
from comparison.programs import BenchmarkError, compile_program
from comparison.rounds import interleaved
from comparison.table import bars_as_text, workload_as_text
from comparison.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parents[2]


def chosen(text: str | None, known: dict[str, object], what: str) -> list[str]:
    """Names from a comma-separated list; None: all of them."""
    if text is None:
        return list(known)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise BenchmarkError(f"there is no {what} {name!r}: choose from {', '.join(known)}")
    return names


def check_descriptors(workloads: list[Workload]) -> None:
    """Raise the limit of this process, which servers inherit, and say what is missing."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for workload in workloads:
        needed = workload.idle + workload.connections + 200
        if most != resource.RLIM_INFINITY and most < needed:
            raise BenchmarkError(
                f"the workload {workload.name} needs {needed} descriptors a process, and {most} are allowed here: "
                f"`ulimit -n {needed}` first, or leave it out with --workload"
            )


def run_workload(workload: Workload, names: list[str], arguments: argparse.Namespace) -> dict[str, list[Figures]]:
    """All rounds of one workload."""
    folder = ROOT / ".bench"
    programs = Programs(compile_program("load", folder), compile_program("echo", folder))
    results: dict[str, list[Figures]] = {name: [] for name in names}
    for number, name in interleaved(names, arguments.rounds):
        if sys.stderr.isatty():
            print(f"\r\033[K{workload.name}: round {number + 1} of {arguments.rounds}, {name}", end="", file=sys.stderr)
        results[name].append(measure(COMPETITORS[name], workload, arguments.seconds, programs))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return results


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workload", help=f"one or more of {', '.join(WORKLOADS)}, with commas")
    parser.add_argument("--only", help=f"servers: {', '.join(COMPETITORS)}, with commas")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--write", action="store_true", help="renew the tables and the chart in docs/reference/")
    arguments = parser.parse_args()
    workloads = [WORKLOADS[name] for name in chosen(arguments.workload, dict(WORKLOADS), "workload")]
    wanted = chosen(arguments.only, dict(COMPETITORS), "server")
    check_descriptors(workloads)
    if arguments.write and (arguments.workload or arguments.only):
        raise BenchmarkError("--write renews the whole page: without --workload and --only")
    if cores()[0] is None:
        print("there is one core only: server and load share it, so the figures say little", file=sys.stderr)
    for name in wanted:
        if missing := COMPETITORS[name].missing():
            print(f"left out: {COMPETITORS[name].title} ({', '.join(missing)} not installed)", file=sys.stderr)
    results: dict[str, dict[str, list[Figures]]] = {}
    for workload in workloads:
        names = [name for name in wanted if workload.name in COMPETITORS[name].workloads]
        names = [name for name in names if not COMPETITORS[name].missing()]
        results[workload.name] = run_workload(workload, names, arguments)
        print(workload_as_text(workload, results[workload.name]), flush=True)
    verdicts = [verdict for verdict in judge(results) if arguments.workload is None or verdict.measured is not None]
    if verdicts:
        print(bars_as_text(verdicts))
    if arguments.write:
        write(results, arguments.seconds, ROOT / "docs" / "reference")


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        raise SystemExit(f"run.py: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
