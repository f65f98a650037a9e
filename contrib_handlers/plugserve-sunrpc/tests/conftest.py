from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind

# For rpc_oracle.py, which several tests share.
sys.path.append(str(Path(__file__).parent))


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
