"""Starts `rpcbind_namespace.py` in a network of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["Done", "need", "run_beside"]

HERE = Path(__file__).parent
_SET_UP = (
    "mount -t tmpfs none /run && ip link set lo up && ip link add v0 type veth peer name v1 && "
    "ip addr add 192.0.2.1/24 brd + dev v0 && ip link set v0 up && ip link set v1 up"
)


class Done(NamedTuple):
    """What came of a command: its status (None: it took too long), and what it said."""

    status: int | None
    out: str
    err: str


def need(name: str, package: str) -> None:
    """Skip a test whose program is missing; in CI, where it must be there, it fails."""
    if shutil.which(name) is None:
        message = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@cache
def _refusal() -> str:
    """Why there can be no namespaces here; empty if there can."""
    tried = subprocess.run(_unshare(_SET_UP), capture_output=True, text=True, timeout=20, check=False)
    return "" if tried.returncode == 0 else tried.stderr.strip() or f"status {tried.returncode}"


def _unshare(script: str) -> list[str]:
    return ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script]


def run_beside(rpcbind: str, commands: list[list[str]], *, seconds: float = 20.0) -> list[Done]:
    """Run commands where an rpcbind has port 111.

    Parameters:
        rpcbind: `"ours"`, `"port mapper"` (ours, with version 2 only), `"debian"` or `"none"`.
        commands: as `rpcbind_namespace.py` takes them.
        seconds: that each may take.
    """
    need("unshare", "util-linux")
    need("ip", "iproute2")
    need("rpcinfo", "rpcbind")
    if _refusal():
        pytest.skip(f"this system gives us no network of our own: {_refusal()}")
    asked: dict[str, Any] = {"rpcbind": rpcbind, "commands": commands, "seconds": seconds}
    done = subprocess.run(
        [*_unshare(f'{_SET_UP} && exec "$0" "$1"'), sys.executable, str(HERE / "rpcbind_namespace.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Done(*each) for each in json.loads(done.stdout)]
