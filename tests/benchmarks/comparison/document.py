"""The files that a run leaves in the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .bars import judge
from .chart import draw
from .machine import describe_machine, describe_versions
from .rounds import Rounds
from .table import bars_as_markdown, workload_as_markdown
from .workloads import WORKLOADS

__all__ = ["write"]


def write(results: Mapping[str, Rounds], seconds: float, folder: Path) -> None:
    """Write `benchmarks-table.md`, which the page includes, and `benchmarks.svg`.

    Parameters:
        results: by the workload's name.
        seconds: how long each measurement was.
        folder: where they go.
    """
    names = sorted({name for rounds in results.values() for name in rounds})
    number = max((len(figures) for rounds in results.values() for figures in rounds.values()), default=0)
    facts = describe_machine()
    facts += [("versions", describe_versions(names)), ("rounds", f"{number}, each of {seconds:g} s a server")]
    parts = [
        "<!-- `make bench` writes this file. -->",
        "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in facts),
        "## What we want to reach",
        bars_as_markdown(judge(results)),
    ]
    for name, rounds in results.items():
        parts += [f"## {WORKLOADS[name].title}", workload_as_markdown(WORKLOADS[name], rounds)]
    (folder / "benchmarks-table.md").write_text("\n\n".join(parts) + "\n", "utf-8")
    machine = dict(facts)
    caption = f"{machine['machine']}; {machine['kernel']}; {machine['date']}; medians of {number} rounds"
    (folder / "benchmarks.svg").write_text(draw(results, caption), "utf-8")
