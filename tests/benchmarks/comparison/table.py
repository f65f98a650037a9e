"""The figures as text, for terminals, and as Markdown, for the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from .bars import Verdict
from .competitors import COMPETITORS
from .measuring import Figures
from .rounds import Rounds, median, ratio
from .workloads import Workload

__all__ = ["bars_as_markdown", "bars_as_text", "rows", "workload_as_markdown", "workload_as_text"]

BAR_HEADINGS = ["workload", "ours", "bar", "measured", ""]


def _text(headings: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    """Columns in line; the first `left` ones are words, the others numbers."""
    cells = [list(headings), *map(list, lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _markdown(headings: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    rule = ["---" if column < left else "---:" for column in range(len(headings))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [headings, rule, *lines])


def _number(value: float | None, digits: int = 1) -> str:
    return "—" if value is None else f"{value:,.{digits}f}"


def _bases(results: Rounds) -> list[str]:
    return [name for name in ("c", "uvloop-protocol") if results.get(name)]


def headings(workload: Workload, results: Rounds) -> list[str]:
    """The columns of a workload's table."""
    names = ["server", "CPU a request (µs)"]
    names += [f"\N{MULTIPLICATION SIGN} {COMPETITORS[base].title}" for base in _bases(results)]
    names += ["requests/s", "p50 (µs)", "p99 (µs)"]
    return names + (["p99 by none idle", "KiB a connection"] if workload.idle else [])


def rows(workload: Workload, results: Rounds) -> list[list[str]]:
    """The cells of a workload's table, the cheapest server first."""

    def cpu(figures: Figures) -> float:
        return figures.cpu

    lines = []
    for name in sorted(results, key=lambda name: median(results[name], cpu) or 0):
        mine = results[name]
        line = [COMPETITORS[name].title, _number(median(mine, cpu))]
        line += [_number(ratio(results, name, base, cpu), 2) for base in _bases(results)]
        line += [_number(median(mine, lambda figures: figures.rate), 0)]
        line += [_number(median(mine, lambda figures: figures.p50), 0)]
        line += [_number(median(mine, lambda figures: figures.p99), 0)]
        if workload.idle:
            line += [_number(median(mine, lambda figures: figures.slowdown), 2)]
            memory = median(mine, lambda figures: figures.memory)
            line += [_number(None if memory is None else memory / 1024, 2)]
        lines.append(line)
    return lines


def workload_as_text(workload: Workload, results: Rounds) -> str:
    """One workload, for a terminal."""
    rounds = max((len(figures) for figures in results.values()), default=0)
    table = _text(headings(workload, results), rows(workload, results), 1)
    return f"{workload.title} (medians of {rounds} rounds)\n{table}\n"


def workload_as_markdown(workload: Workload, results: Rounds) -> str:
    """One workload, for the documentation."""
    return _markdown(headings(workload, results), rows(workload, results), 1)


def bars_as_text(verdicts: Sequence[Verdict]) -> str:
    """The bars, for a terminal."""
    return _text(BAR_HEADINGS, [verdict.words() for verdict in verdicts], 5)


def bars_as_markdown(verdicts: Sequence[Verdict]) -> str:
    """The bars, for the documentation."""
    return _markdown(BAR_HEADINGS, [verdict.words() for verdict in verdicts], 5)
