"""What a test must not leave behind: descriptors, threads, children, signal handlers, errors in the log.

```python
# conftest.py
from plugserve.testing.drift import no_drift  # noqa: F401  (autouse)
```
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from plugserve import faults
from plugserve.background import is_background

__all__ = ["Snapshot", "no_drift"]

_PATIENCE = 5.0
"""Seconds that a thread which has been told to end may take before it counts as left behind."""


class Snapshot:
    """The state of this process that a test may not change."""

    def __init__(self) -> None:
        self.descriptors = _descriptors()
        self.threads = set(threading.enumerate())
        self.signals = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def differences(self) -> list[str]:
        """What has changed since, one sentence each."""
        found = self._look()
        if found:
            # Something may only wait for the collector, which is too dear to be run after each test.
            gc.collect()
            found = self._look()
        return found

    def _look(self) -> list[str]:
        found = []
        for thread in set(threading.enumerate()) - self.threads:
            if is_background(thread):
                continue
            thread.join(_PATIENCE)
            if thread.is_alive():
                found.append(f"the thread {thread.name!r} is still alive")
        ours = _background_descriptors()
        for number, target in _descriptors().items():
            if self.descriptors.get(number) != target and number not in ours and number not in self.descriptors:
                found.append(f"descriptor {number} ({target}) is still open")
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            found.append(f"the child {pid or 'that was started'} has not been waited for")
        except (ChildProcessError, AttributeError):
            pass
        for number, handler in self.signals.items():
            if signal.getsignal(number) != handler:
                found.append(f"the handler of signal {number} has changed")
        return found


def _descriptors() -> dict[int, str]:
    """The open descriptors and what they lead to; empty where the system does not tell."""
    result = {}
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return {}
    for name in names:
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the one that listed the folder
        if not target.endswith("/fd"):
            result[int(name)] = target
    return result


def _background_descriptors() -> set[int]:
    from plugserve.background import _instances

    return {number for instance in list(_instances) for number in instance.descriptors()}


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


def _open_what_stays() -> None:
    """libuv opens a pipe for signals with its first loop and keeps it for as long as the process lives: no test is to
    blame for that."""
    uvloop = sys.modules.get("uvloop")
    if uvloop is not None and uvloop not in _opened:
        _opened.append(uvloop)
        uvloop.new_event_loop().close()


_opened: list[Any] = []


@pytest.fixture(autouse=True)
def no_drift(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Fails a test that leaves something behind, or in which the core logged a warning that it did not expect.

    The value is the list of what the core logged: a test that expects records looks at them and clears the list.
    """
    faults.reset_reports()
    _open_what_stays()
    errors = _Errors()
    logger = logging.getLogger("plugserve")
    logger.addHandler(errors)
    before = Snapshot()
    try:
        yield errors.records
    finally:
        logger.removeHandler(errors)
    differences = before.differences()
    differences += [f"logged: {record}" for record in errors.records]
    if differences:
        pytest.fail(f"left behind by {request.node.nodeid}:\n" + "\n".join(differences))
