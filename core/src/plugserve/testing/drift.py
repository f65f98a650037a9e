"""What a test must not leave behind: descriptors, threads, children, signal handlers, errors in the log.

```python
with Watch() as watch:
    ...
assert not watch.differences
```

For pytest there is the fixture `no_drift`, which comes with plugserve.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from plugserve import faults
from plugserve.background import is_background

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Snapshot", "Watch"]

_PATIENCE = 5.0
"""Seconds that a thread which has been told to end may take before it counts as left behind."""


class Snapshot:
    """The state of this process that a test may not change."""

    def __init__(self) -> None:
        self.descriptors = _descriptors()
        self.threads = set(threading.enumerate())
        self.tasks = _tasks()
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
                found.append(f"the thread {thread.name!r} is still alive{_where(thread)}")
        found += [f"{task!r} has not ended" for task in _tasks() - self.tasks]
        ours = _background_descriptors()
        for number, target in _descriptors().items():
            if self.descriptors.get(number) != target and number not in ours and number not in self.descriptors:
                found.append(f"descriptor {number} ({target}) is still open")
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            found.append(f"the child {pid or 'that was started'} has not been waited for{_command(pid)}")
        except (ChildProcessError, AttributeError):
            pass
        for number, handler in self.signals.items():
            if signal.getsignal(number) != handler:
                found.append(f"the handler of signal {number} has changed")
        return found


def _where(thread: threading.Thread) -> str:
    """What a thread is doing, in words for people."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "" if frame is None else ":\n" + "".join(traceback.format_stack(frame, 4))


def _tasks() -> set[Any]:
    """The tasks of asyncio that have not ended, of every loop. Their registry is private: `asyncio.all_tasks` tells of
    one loop at a time, and those that were left behind are on loops that nobody knows any more."""
    tasks = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return set()
    registries = [getattr(tasks, name, ()) for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks")]
    return {task for registry in registries for task in list(registry) if not task.done()}


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


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return f" ({file.read().replace(bytes(1), b' ').decode(errors='replace').strip()})"
    except OSError:
        return ""


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


class Watch:
    """A context manager around one test.

    Attributes:
        records: what the core logged at WARNING or above; whoever expects something looks at it and clears the list.
        differences: after the end: what was left behind, one sentence each.
    """

    def __init__(self) -> None:
        self._errors = _Errors()
        self.records = self._errors.records
        self.differences: list[str] = []

    def __enter__(self) -> Self:
        faults.reset_reports()
        _open_what_stays()
        logging.getLogger("plugserve").addHandler(self._errors)
        self._before = Snapshot()
        return self

    def __exit__(self, *args: object) -> None:
        logging.getLogger("plugserve").removeHandler(self._errors)
        self.differences = self._before.differences()
        self.differences += [f"logged: {record}" for record in self.records]
