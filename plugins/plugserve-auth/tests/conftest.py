"""What all tests of this distribution share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind
from plugserve_auth.stores.passwords import decoy_line, entry_line


@pytest.fixture
def cheap() -> PasswordHasher:
    """argon2id at its lowest costs: tests are about what is done with it, not about its strength."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def users(tmp_path: Path, cheap: PasswordHasher) -> Path:
    """A password file: alice (staff), bob (disabled)."""
    lines = [
        decoy_line(),
        entry_line("alice", "correct horse", groups=["staff"], hasher=cheap, iterations=4096),
        entry_line("bob", "battery staple", disabled=True, hasher=cheap, iterations=4096),
    ]
    path = tmp_path / "users"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def program() -> Callable[[str, str], str]:
    """The path of a real client. Without it the test is skipped; in CI, where it must be there, it fails."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name)
        if path is not None:
            return path
        message = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    return find


class FakeContext:
    """The facts of a request, as far as authentication looks at them."""

    def __init__(self, **facts: Any) -> None:
        self.client_address: Any = ("192.0.2.7", 4711)
        self.transport = "tcp"
        self.identity: Any = None
        self.tls: Any = None
        self.peer_credentials: Any = None
        self.listener_name = "main"
        self.data: dict[Any, Any] = {}
        vars(self).update(facts)
        self.peer_address = facts.get("peer_address", self.client_address)


@pytest.fixture
def context() -> Callable[..., FakeContext]:
    """Makes the facts of a request."""
    return FakeContext
