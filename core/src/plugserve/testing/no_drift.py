"""The fixture `no_drift` for every test of a folder:

```python
# conftest.py
from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse
```

For every test of a project, `plugserve_drift = true` in its configuration of pytest does the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .pytest_plugin import watch_test

__all__ = ["no_drift"]


@pytest.fixture(autouse=True)
def no_drift(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """As the fixture of the pytest plugin, for every test."""
    yield from watch_test(request.node.nodeid)
