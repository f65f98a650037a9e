"""Run one of Python's own test modules, on the standard `socketserver` or on plugserve in its place; for a subprocess.

    python run_stdlib_tests.py REPORT MODULE [--replaced] [--only ID ...]

Writes a JSON report: the outcome of each test by its id, and proof of whose classes were used. With `--replaced`,
`sys.modules["socketserver"]` is plugserve before anything else is imported, so `http.server` and its kin subclass ours;
processes that the tests start get it through a module of that name ahead of the standard library.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import importlib
import json
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

USERS = ("http.server", "xmlrpc.server", "wsgiref.simple_server", "logging.config")
"""Modules of the standard library that stand on `socketserver`."""

LIMIT = 180
"""Seconds for one module; the slowest takes half a minute, nearly all of it waits of its own."""

Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Outcomes(unittest.TextTestResult):
    """Remembers how each test ended, by its id; the worst counts, so a failed subtest is a failed test."""

    outcomes: dict[str, str]

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.outcomes = {}

    def _note(self, test: unittest.TestCase, outcome: str) -> None:
        name = test.id()
        if self.outcomes.get(name, "passed") == "passed":
            self.outcomes[name] = outcome

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._note(test, "passed")

    def addError(self, test: unittest.TestCase, err: Error) -> None:
        super().addError(test, err)
        self._note(test, "failed")

    def addFailure(self, test: unittest.TestCase, err: Error) -> None:
        super().addFailure(test, err)
        self._note(test, "failed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, "skipped")

    def addExpectedFailure(self, test: unittest.TestCase, err: Error) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, "passed")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, "failed")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Error | None) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failed")


def replace_module() -> ModuleType:
    """Put plugserve in the place of `socketserver`, in this process; returns it."""
    early = [name for name in ("socketserver", *USERS) if name in sys.modules]
    assert not early, f"{early} must not be imported before the replacement"
    import plugserve

    sys.modules["socketserver"] = plugserve
    return plugserve


def count_servers(module: ModuleType) -> list[str]:
    """The names of the classes of all servers that are made from now on, one for each."""
    made: list[str] = []
    original = module.BaseServer.__init__

    def counted(self: Any, *args: Any, **keywords: Any) -> None:
        made.append(type(self).__name__)
        original(self, *args, **keywords)

    module.BaseServer.__init__ = counted
    return made


def standard_classes() -> list[str]:
    """The names of all living classes that the standard module defines."""
    return sorted(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in gc.get_objects()
        if isinstance(kind, type) and kind.__module__ == "socketserver"
    )


def bases(name: str) -> list[str]:
    """Where the server class of a user of `socketserver` gets its bases from, as module names."""
    module = importlib.import_module(name)
    classes = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == name]
    return sorted({base.__module__ for kind in classes for base in kind.__mro__[1:] if "server" in base.__module__})


def select(suite: unittest.TestSuite, only: set[str]) -> unittest.TestSuite:
    """The tests of a suite with these ids."""
    chosen = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            chosen.addTest(select(test, only))
        elif test.id() in only:
            chosen.addTest(test)
    return chosen


def main() -> None:
    """Run, and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("report", type=Path)
    parser.add_argument("module")
    parser.add_argument("--replaced", action="store_true")
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    # A test that hangs shows where.
    faulthandler.dump_traceback_later(LIMIT, exit=True)

    subject = replace_module() if arguments.replaced else importlib.import_module("socketserver")
    made = count_servers(subject)

    from test import support

    # Nothing here leaves the machine: `network` is what test_socketserver asks for, `walltime` only says that a test
    # takes seconds.
    support.use_resources = ["network", "cpu", "walltime"]
    tests = unittest.defaultTestLoader.loadTestsFromName(f"test.{arguments.module}")
    if arguments.only is not None:
        tests = select(tests, set(arguments.only))
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Outcomes, verbosity=0)
    result = runner.run(tests)
    assert isinstance(result, Outcomes)
    report = {
        "outcomes": result.outcomes,
        "module": sys.modules["socketserver"].__name__,
        "servers": sorted(set(made)),
        "count": len(made),
        "bases": {name: bases(name) for name in USERS},
        "standard": standard_classes(),
    }
    arguments.report.write_text(json.dumps(report))
    # Threads and children that a failed test left behind must not hold this up; the report is written.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
