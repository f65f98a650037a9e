from __future__ import annotations

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind
