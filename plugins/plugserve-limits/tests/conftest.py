"""What all tests of this distribution share: nothing may be left behind."""

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind
