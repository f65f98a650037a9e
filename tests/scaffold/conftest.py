"""One distribution of each variant, made by the command, built and installed: once for all tests and all workers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from plugserve.commands.new import new
from plugserve.scaffold import STYLES


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        root: the folder of all of it.
        environ: for processes that shall see the distributions as installed.
    """

    root: Path
    environ: Mapping[str, str]

    @property
    def sources(self) -> list[Path]:
        """The folders that the command has made."""
        return sorted((self.root / "sources").iterdir())

    @property
    def site(self) -> Path:
        """Where they are installed."""
        return self.root / "site"

    def source(self, style: str) -> Path:
        """The folder of one of them."""
        return self.root / "sources" / f"plugserve-my-{style}"

    def said(self, style: str) -> str:
        """What the command said when it had made it."""
        return (self.root / "said" / style).read_text()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All variants, each called `my-STYLE`."""
    base = tmp_path_factory.getbasetemp()
    # The workers of pytest-xdist have a folder each, in one that is the run's.
    root = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "scaffold"
    root.mkdir(exist_ok=True)
    with _locked(root / "lock"):
        if not (root / "done").exists():
            _make(root)
            (root / "done").touch()
    # What a developer's shell says of pytest and Python is for the tests outside.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    path = [str(root / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Bytecode is kept for the next process, and out of what was made.
    return Made(root, {**environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONPYCACHEPREFIX": str(root / "bytecode")})


def _make(root: Path) -> None:
    for folder in ("sources", "said"):
        (root / folder).mkdir(exist_ok=True)
    for kind, styles in STYLES.items():
        for style in styles:
            folder = root / "sources" / f"plugserve-my-{style}"
            words = [kind, f"my-{style}", "--style", style, "--into", str(folder)]
            result = CliRunner().invoke(new, words)
            assert result.exit_code == 0, result.output
            (root / "said" / style).write_text(result.output)
    # Nothing is fetched: the builder is the one that has built our own packages.
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(root / "wheels")]
    subprocess.run([*wheel, *map(str, (root / "sources").iterdir())], check=True)
    install = [*pip, "install", "--no-index", "--no-deps", "--no-compile", "--target", str(root / "site")]
    subprocess.run([*install, *map(str, (root / "wheels").glob("*.whl"))], check=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def run() -> Callable[..., None]:
    """Run a Python module to its end, in a process of its own, and fail with its output unless it succeeds."""

    def run_module(module: str, *arguments: object, cwd: Path, environ: Mapping[str, str] = os.environ) -> str:
        if importlib.util.find_spec(module) is None:
            message = f"{module} is not installed: python tests/workspace/install.py tools"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        command = [sys.executable, "-m", module, *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"{' '.join(command[1:])} in {cwd}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    return run_module
