from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind

# For nfs_caller.py, which several tests share.
sys.path.append(str(Path(__file__).parent))

_PACKAGES = {"showmount": "nfs-common", "rpcinfo": "rpcbind", "ip": "iproute2", "unshare": "util-linux"}


@pytest.fixture
def program() -> Callable[[str], str]:
    """The path of a real client. Without it the test is skipped; in CI, where it must be there, it fails."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is not None:
            return path
        package = "libnfs-utils" if name.startswith("nfs-") else _PACKAGES.get(name, name)
        message = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    return find


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """An exported folder, and beside it what nobody may get."""
    root = tmp_path / "public"
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "hallo.txt").write_bytes(b"0123456789abcdef")
    (root / "folder" / "file.txt").write_bytes(b"in a folder")
    (root / "folder" / "deep" / "well").write_bytes(b"at the bottom")
    (root / "link").symlink_to("folder/file.txt")
    (root / "out").symlink_to("../secret.txt")
    (root / "away").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file.txt").write_bytes(b"SECRET")
    (tmp_path / "secret.txt").write_bytes(b"SECRET")
    # Who is not the owner goes through these, too.
    for folder in (tmp_path, root, root / "folder", root / "folder" / "deep"):
        folder.chmod(0o755)
    return root
