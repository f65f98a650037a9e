"""What `import plugserve` loads."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["click", "rich", "pydantic", "importlib_metadata", "packaging", "asyncio", "ssl", "logging"]
)
def test_importing_the_package_does_not_load(module: str) -> None:
    """What a program does not use costs it nothing."""
    code = f"import sys, plugserve; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there_and_sorted_by_module_order() -> None:
    """`__all__` names what exists, without doubles."""
    import plugserve

    assert len(plugserve.__all__) == len(set(plugserve.__all__))
    assert all(hasattr(plugserve, name) for name in plugserve.__all__)
