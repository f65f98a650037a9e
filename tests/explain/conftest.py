"""What all tests of `explain` share: nothing may be left behind, and the programs that they need."""

from __future__ import annotations

import os
import shutil

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind


@pytest.fixture
def strace() -> str:
    """The program of that name; without it a test is skipped, but fails where everything has been installed."""
    found = shutil.which("strace")
    if found is None:
        message = "needs strace: install the Debian package strace"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found
