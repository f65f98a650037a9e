"""The fixture `no_drift` for every test of a folder:

```python
# conftest.py
from plugserve.testing.no_drift import no_drift  # noqa: F401  # autouse
```

Where the whole project wants it, `plugserve_drift = true` in the configuration of pytest says so, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .drift import Watch

__all__ = ["no_drift"]


@pytest.fixture(autouse=True)
def no_drift(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """As the fixture of the pytest plugin, for every test."""
    with Watch() as watch:
        yield watch.records
    if watch.differences:
        pytest.fail(f"left behind by {request.node.nodeid}:\n" + "\n".join(watch.differences), pytrace=False)
