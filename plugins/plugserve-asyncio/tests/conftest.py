"""What all tests of this distribution share: nothing may be left behind, no task either, and the engines."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse: what a test may not leave behind

if find_spec("uvloop") is not None:
    import uvloop  # noqa: F401  # before the first test: what it opens for the process's life is nobody's leak

_NO_UVLOOP = "needs uvloop: pip install 'plugserve-asyncio[uvloop]'"


@pytest.fixture(params=["asyncio", "uvloop"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine; without uvloop its tests are skipped, but fail where everything has been installed."""
    if request.param == "uvloop" and find_spec("uvloop") is None:
        pytest.fail(_NO_UVLOOP) if os.environ.get("CI") == "true" else pytest.skip(_NO_UVLOOP)
    return str(request.param)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@pytest.fixture(autouse=True)
def asyncio_is_content() -> Iterator[list[str]]:
    """Fails a test after which asyncio has something to say: a task that was destroyed while pending, an exception that
    nobody retrieved. A test that expects it empties the list."""
    kept = _Kept()
    logger = logging.getLogger("asyncio")
    logger.addHandler(kept)
    yield kept.said
    logger.removeHandler(kept)
    assert kept.said == []
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
