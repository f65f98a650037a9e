"""What `plugserve new` makes is complete: each variant passes its own checks, installs, and serves at once."""

from __future__ import annotations

import ast
import builtins
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import plugserve
from plugserve.scaffold import STYLES, TAKEN, Scaffold

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="stops servers with SIGTERM")

PATIENCE = 20.0
"""Seconds after which anything that a test waits for has hung."""

HANDLERS, PLUGINS = list(STYLES["handler"]), list(STYLES["plugin"])
every_variant = pytest.mark.parametrize("style", HANDLERS + PLUGINS)


@every_variant
def test_its_own_tests_pass(made: Any, run: Callable[..., str], style: str) -> None:
    """As it is, installed from its wheel; and none of them is skipped."""
    summary = run(
        *("pytest", "-p", "no:cacheprovider", f"--basetemp={made.root}/temporary-{style}"),
        cwd=made.source(style),
        environ=made.environ,
    ).splitlines()[-1]
    assert re.match(r"=* *\d+ passed in ", summary), summary


def test_ruff_has_nothing_to_say(made: Any, run: Callable[..., str]) -> None:
    """Neither its rules nor its formatter, each distribution under its own configuration."""
    run("ruff", "check", "--no-cache", *made.sources, cwd=made.root)
    run("ruff", "format", "--check", "--no-cache", *made.sources, cwd=made.root)


def test_mypy_has_nothing_to_say(made: Any, run: Callable[..., str]) -> None:
    """Strict, sources and tests, each distribution under its own configuration."""
    for source in made.sources:
        # What they all import is looked at once.
        run("mypy", "--cache-dir", made.root / "mypy", cwd=source, environ=made.environ)


@pytest.mark.parametrize("name", ["a", "x" * 40, "-".join("x" * 20)])
def test_no_name_spoils_the_format(run: Callable[..., str], tmp_path: Path, name: str) -> None:
    """The shortest name joins no lines, and the longest breaks none."""
    for kind, styles in STYLES.items():
        for style in styles:
            Scaffold(kind=kind, name=name, style=style, folder=tmp_path / f"{kind}-{style}").make()
    run("ruff", "check", "--no-cache", tmp_path, cwd=tmp_path)
    run("ruff", "format", "--check", "--no-cache", tmp_path, cwd=tmp_path)


@pytest.mark.parametrize("style", HANDLERS)
@pytest.mark.parametrize("engine", ["threading", "forking"])
def test_a_handler_is_served_at_once(made: Any, style: str, engine: str) -> None:
    """By its name, with its options, over a real socket."""
    words = [f"my-{style}", "--engine", engine, "--option", "greeting=welcome", "--option", "max-line=5"]
    with served(made, *words) as (port, stop):
        assert talk(port, b"hello\nyou") == b"welcome\r\nHELLO\r\nYOU\r\n"
        assert talk(port, b"hello you\n") == b"welcome\r\nline too long\r\n"
        assert stop() == (0, "")


def test_a_vote_is_taken_at_once(made: Any) -> None:
    """The second request of the same client is one too many."""
    with served(made, "echo", "--with", "my-vote:limit=1") as (port, stop):
        assert talk(port, b"hello") == b"hello"
        assert talk(port, b"hello") == b""
        assert stop() == (0, "")


def test_an_observer_reports_at_once(made: Any, tmp_path: Path) -> None:
    """On standard error, or to a file."""
    with served(made, "echo", "--with", "my-observe") as (port, stop):
        assert talk(port, b"hello") == b"hello"
        status, errors = stop()
    report = r"127\.0\.0\.1:\d+: 1 requests \(0 failed, .*\), 0 refused, 5 bytes in, 5 bytes out\n"
    assert status == 0
    assert re.fullmatch(report, errors)
    path = tmp_path / "totals.txt"
    with served(made, "echo", "--with", f"my-observe:path={path}") as (port, stop):
        assert talk(port, b"hello") == b"hello"
        assert stop() == (0, "")
    assert re.fullmatch(report, path.read_text())


def test_a_layer_wants_its_preamble_at_once(made: Any) -> None:
    """With it the handler gets what follows; without it, nothing."""
    with served(made, "echo", "--with", "my-layer:word=please") as (port, stop):
        assert talk(port, b"please\nhello") == b"hello"
        assert talk(port, b"hello\n") == b""
        assert stop() == (0, "")


def test_a_wrapper_measures_at_once(made: Any) -> None:
    """And where requests share no memory, it is refused with the reason."""
    with served(made, "echo", "--with", "my-wrap:slow=0") as (port, stop):
        assert talk(port, b"hello") == b"hello"
        status, errors = stop()
    assert status == 0
    assert re.fullmatch(r"EchoHandler: \d+\.\d{3} s for request 1 of \('127\.0\.0\.1', \d+\)\n", errors)
    with served(made, "echo", "--engine", "forking", "--with", "my-wrap") as (_, stop):
        status, errors = stop()
    assert status == 78
    assert "plugin 'my-wrap' needs the memory of all requests in one process" in errors


@every_variant
def test_it_has_the_shape_of_our_own(made: Any, style: str) -> None:
    """Metadata, licence, types and README are there, and the one file that may know hooks or sockets is thin."""
    source = made.source(style)
    kind = "handler" if style in HANDLERS else "plugin"
    assert {path.name for path in source.iterdir()} == {
        *(".gitignore", "LICENSE", "README.md", "pyproject.toml", "src", "tests"),
    }
    assert (source / "src" / f"plugserve_my_{style}" / "py.typed").read_bytes() == b""
    table = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    assert table["project"]["entry-points"] == {
        f"plugserve.{kind}s": {
            f"my-{style}": f"plugserve_my_{style}:My{style.title()}{'Handler' if kind == 'handler' else ''}"
        }
    }
    assert table["project"]["requires-python"] == ">=3.11"
    assert set(table["tool"]) == {"hatch", "mypy", "pytest", "ruff"}
    assert f"plugserve-my-{style} contributors" in (source / "LICENSE").read_text("utf-8")
    readme = (source / "README.md").read_text("utf-8")
    assert ("\nOrder: " in readme) == (kind == "plugin")
    assert ", because " in readme or kind == "handler"
    for text in [path.read_text("utf-8") for path in source.rglob("*") if path.is_file()]:
        assert not re.search(r"\{\{|\}\}|\{%|%\}", text), "something of the template is left"


@every_variant
def test_the_command_says_what_to_do_next(made: Any, style: str) -> None:
    """The steps can be copied one by one."""
    steps = [line.strip() for line in made.said(style).splitlines() if line.startswith("  ")]
    serve = f"my-{style}" if style in HANDLERS else f"echo --with my-{style}"
    assert steps[:3] == [f"cd {made.source(style)}", "pip install -e .", f"plugserve serve {serve}"]
    assert steps[-1] == "pytest"


@pytest.mark.parametrize("style", PLUGINS)
def test_no_class_of_a_plugin_is_named_twice(made: Any, style: str) -> None:
    """Whatever a template imports or defines is in the list of names that its plugin's class cannot have."""
    found = set()
    for path in made.source(style).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Name):
                found.add(node.id)
    candidates = {name for name in found if re.fullmatch(r"([A-Z][a-z0-9]*)+", name)} - {f"My{style.title()}"}
    assert candidates - TAKEN - set(plugserve.__all__) - set(dir(builtins)) == set()


# -- helpers -----------------------------------------------------------------------------------------------------------


@contextmanager
def served(made: Any, *words: str) -> Iterator[tuple[int, Callable[[], tuple[int, str]]]]:
    """`plugserve serve`, in a process of its own; gives the port (0 if there is none), and what stops it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "plugserve", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**made.environ, "PYTHONUNBUFFERED": "1"},
    )

    def stop() -> tuple[int, str]:
        """SIGTERM; gives back the exit status, and what stands on standard error."""
        if process.poll() is None and port:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        return process.returncode, errors

    port = 0
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"tcp://127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
                break
        yield port, stop
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def talk(port: int, data: bytes) -> bytes:
    """Send everything, and read to the end; a server that refuses may be done before we are."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while more := connection.recv(65536):
                answer += more
        except ConnectionError:
            pass
        return answer
