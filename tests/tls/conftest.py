"""The scripts of this folder are imported by their tests, as they import each other."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind
