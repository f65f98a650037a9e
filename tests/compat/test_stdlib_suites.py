"""Python's own tests of `socketserver`, and of the modules that stand on it, pass with the module replaced by ours."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from .run_stdlib_tests import LIMIT, USERS

RUNNER = Path(__file__).with_name("run_stdlib_tests.py")

NOT_FOR_US = {
    # It compares `socketserver.__all__` with the names whose `__module__` is "socketserver": ours say where they are
    # defined. What it checks is checked for us in test_names.py.
    "test.test_socketserver.MiscTestCase.test_all",
}

SERVERS = {
    "test_socketserver": {"MyServer", "BaseErrorTestServer", "ThreadingErrorTestServer", "ForkingErrorTestServer"},
    "test_httpservers": {"HTTPServer"},
    "test_xmlrpc": {"SimpleXMLRPCServer", "MyXMLRPCServer"},
    "test_wsgiref": {"WSGIServer", "MockServer"},
    "test_logging": {
        "TestTCPServer",
        "TestUDPServer",
        "TestUnixStreamServer",
        "TestHTTPServer",
        "ConfigSocketReceiver",
    },
}
"""Python's test modules, and classes of servers that each is known to make: proof that they really were ours."""


def _has_tests() -> bool:
    try:
        return importlib.util.find_spec("test.test_socketserver") is not None
    except ImportError:
        return False


@pytest.fixture(autouse=True)
def _test_package() -> None:
    if not _has_tests():
        # Debian packages them apart, under this name.
        package = f"libpython3.{sys.version_info.minor}-testsuite"
        message = f"{sys.executable} comes without Python's own tests: install {package} (apt-get install {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


def _run(folder: Path, module: str, *flags: str, environment: dict[str, str]) -> dict[str, Any]:
    folder.mkdir()
    report, output = folder / "report.json", folder / "output.txt"
    cwd = folder / "cwd"
    cwd.mkdir()
    with output.open("w") as sink:
        subprocess.run(
            [sys.executable, RUNNER, report, module, *flags],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            timeout=LIMIT + 20,
            check=False,
        )
    if not report.exists():
        pytest.fail(f"{module} did not come to its end:\n{output.read_text(errors='replace')[-8000:]}")
    told: dict[str, Any] = json.loads(report.read_text())
    told["output"] = output.read_text(errors="replace")
    return told


@pytest.mark.timeout(2 * LIMIT + 60)
@pytest.mark.parametrize("module", SERVERS)
def test_pythons_own_tests_pass_on_our_module(module: str, tmp_path: Path, replaced: dict[str, str]) -> None:
    """Every test passes with `socketserver` replaced, but for those that this machine fails or skips with the standard
    module, too, and the one that compares the names of modules."""
    ours = _run(tmp_path / "ours", module, "--replaced", environment=replaced)
    assert len(ours["outcomes"]) > 20

    assert ours["module"] == "plugserve"
    excepted = {name for name in ours["outcomes"] if name in NOT_FOR_US}
    assert all(ours["outcomes"][name] == "failed" for name in excepted), "it passes: take it out of NOT_FOR_US"
    odd = {name: outcome for name, outcome in ours["outcomes"].items() if outcome != "passed" and name not in excepted}
    if odd:
        # A root user, a machine without IPv6, ...: what the standard module cannot do here we need not.
        theirs = _run(tmp_path / "theirs", module, *_only(odd), environment=dict(os.environ))
        assert theirs["module"] == "socketserver"
        worse = {name for name, outcome in odd.items() if theirs["outcomes"].get(name) != outcome}
        if worse:
            # As Python's own CI does (regrtest --rerun): some of its tests fail on a machine that is busy enough.
            again = _run(tmp_path / "again", module, "--replaced", *_only(worse), environment=replaced)
            worse = {name for name in worse if again["outcomes"].get(name) != "passed"}
        assert not worse, f"{sorted(worse)}\n{ours['output'][-8000:]}"

    # Whose classes they were: the bases of the module's users, the servers made, and no class of the standard one.
    assert ours["standard"] == []
    for name in USERS[:-1]:
        assert any(base.startswith("plugserve.") for base in ours["bases"][name]), name
    assert SERVERS[module] <= set(ours["servers"])


def _only(names: Iterable[str]) -> list[str]:
    """The flags for these tests; for all, if one is the set-up of a class or module, which is no test by itself."""
    return [] if any("(" in name for name in names) else ["--only", *names]


def test_without_the_replacement_the_proof_would_fail(tmp_path: Path) -> None:
    """The report of a run on the standard module says so: the classes of `http.server` stand on `socketserver`."""
    report = _run(tmp_path / "theirs", "test_wsgiref", environment=dict(os.environ))
    assert report["module"] == "socketserver"
    assert "socketserver.TCPServer" in report["standard"]
    assert "socketserver" in report["bases"]["http.server"]
