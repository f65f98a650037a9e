"""Where and with what it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from .competitors import COMPETITORS

__all__ = ["describe_machine", "describe_versions"]


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"


def _virtual() -> str:
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    return ", virtual" if " hypervisor" in flags else ""


def describe_machine() -> list[tuple[str, str]]:
    """Facts of this machine, each with its name."""
    return [
        ("machine", f"{_processor()}, {os.cpu_count()} cores, {_memory()}{_virtual()}"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("date", datetime.datetime.now(datetime.UTC).date().isoformat()),
    ]


def _compiler() -> str:
    run = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False)
    return (run.stdout.splitlines() or ["cc"])[0]


def describe_versions(names: Iterable[str]) -> str:
    """The versions of the Python, of the measured servers' distributions and of the C compiler."""
    distributions = {COMPETITORS[name].distribution for name in names} - {None}
    versions = [f"{platform.python_implementation()} {platform.python_version()}"]
    versions += sorted(f"{name} {metadata.version(name)}" for name in distributions if name)
    return ", ".join([*versions, _compiler()])
