"""What all tests of compatibility share: nothing may be left behind, and a subprocess in which the module is ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind

SHIM = """\
# Found before the standard library: whoever imports `socketserver` gets plugserve.
import sys

import plugserve

sys.modules[__name__] = plugserve
"""


@pytest.fixture
def replaced(tmp_path: Path) -> dict[str, str]:
    """An environment for subprocesses, and theirs, in which `import socketserver` gives plugserve."""
    folder = tmp_path / "replaced"
    folder.mkdir()
    (folder / "socketserver.py").write_text(SHIM)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
