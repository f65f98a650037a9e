from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind


@pytest.fixture
def program() -> Callable[[str], str]:
    """The path of a real client. Without it the test is skipped; in CI, where it must be there, it fails."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is not None:
            return path
        message = f"{name} is not installed: apt-get install {name}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a bit of everything, and something beside it that nobody may get."""
    root = tmp_path / "site"
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "with index").mkdir()
    (root / "hallo.txt").write_bytes(b"0123456789abcdef")
    (root / "page.html").write_bytes(b"<p>page</p>")
    (root / "nothing.bin").write_bytes(b"")
    (root / "folder" / "file.txt").write_bytes(b"in a folder")
    (root / "with index" / "index.html").write_bytes(b"index")
    (root / ".secret").write_bytes(b"SECRET")
    (root / "<b>&\"'.txt").write_bytes(b"name")
    (tmp_path / "outside.txt").write_bytes(b"SECRET")
    (tmp_path / "site-too").mkdir()
    (tmp_path / "site-too" / "file.txt").write_bytes(b"SECRET")
    os.utime(root / "hallo.txt", (784111777, 784111777))
    return root
