"""The page of addresses, from the docstring that defines their forms."""

from __future__ import annotations

from plugserve import address

from .docstrings import read

__all__ = ["addresses"]


def addresses() -> str:
    """The forms of an address: the module's own words."""
    return "\n\n".join(part for part in read(address.__doc__) if isinstance(part, str)).partition("\n\n")[2]
