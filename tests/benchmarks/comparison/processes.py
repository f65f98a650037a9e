"""What a process and its children have used, from proc(5)."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["cpu_seconds", "resident_bytes", "tree"]

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []


def tree(pid: int) -> list[int]:
    """The process and all its living descendants."""
    found = [pid]
    for process in found:
        found.extend(_children(process))
    return found


def _own(pid: int) -> float:
    # The CPU clock of another process, in nanoseconds (clock_getcpuclockid(3)): stat counts in hundredths of a second.
    # It sums user and system time of all threads, dead ones too.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _reaped(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[13]) + int(fields[14])) * _TICK  # cutime and cstime


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its living descendants, and the children that it has waited for."""
    return sum(_own(process) + _reaped(process) for process in tree(pid))


def resident_bytes(pid: int) -> int:
    """Proportional set size of a process and its living descendants: resident memory, shared pages divided."""
    total = 0
    for process in tree(pid):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total
