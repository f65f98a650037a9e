"""What all tests of authentication share: nothing may be left behind, and a password file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind
from plugserve_auth.stores.passwords import decoy_line, entry_line


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A password file with alice, made at the lowest costs."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    path = tmp_path / "users"
    line = entry_line("alice", "correct:horse", groups=["staff"], hasher=cheap, iterations=4096)
    path.write_text(f"{decoy_line()}\n{line}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def curl() -> str:
    """The program of that name; without it a test is skipped, but fails where everything has been installed."""
    found = shutil.which("curl")
    if found is None:
        message = "needs curl: install the Debian package curl"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found
