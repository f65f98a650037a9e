"""No plugin can kill the server: every hook, every kind of exception, every engine, a process each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from plugserve.hookspecs import SPECS
from plugserve.testing import STREAM_ENGINES

CELL = Path(__file__).with_name("kill_cell.py")
# Without the policy event a plugin that implements out_of_band is refused at start; with it: test_urgent.py.
HOOKS = [hook for hook in SPECS if hook != "out_of_band"]
EXCEPTIONS = [
    "SystemExit",
    "KeyboardInterrupt",
    "CancelledError",
    "GeneratorExit",
    "RecursionError",
    "MemoryError",
    "Exception",
    "ReprRaises",
]


@pytest.mark.parametrize("engine", STREAM_ENGINES)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_plugin_that_raises_does_not_end_the_server(hook: str, engine: str) -> None:
    """Whatever a hook raises, the next client is served, and the server ends when it is told to."""
    cell = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(CELL), hook, engine],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert cell.stdout.splitlines() == [f"{name} served" for name in EXCEPTIONS], cell.stderr[-3000:]
