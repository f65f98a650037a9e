"""The pages of limits and of addresses, from the docstrings that define them."""

from __future__ import annotations

from dataclasses import fields

from plugserve import Limits, address

from .docstrings import names_of, read

__all__ = ["addresses", "limits"]


def limits() -> str:
    """A table of all limits with their defaults."""
    said = names_of(Limits.__doc__, "Parameters")
    words = next(part for part in read(Limits.__doc__) if isinstance(part, str))
    rows = ["| limit | default | |", "|---|---|---|"]
    rows += [f"| `{one.name}` | {_shown(one.default)} | {said[one.name]} |" for one in fields(Limits)]
    return words + "\n\n" + "\n".join(rows)


def _shown(value: object) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and value >= 1024 and value % 1024 == 0:
        return f"{value:_} ({value // 1024} KiB)" if value < 1024 * 1024 else f"{value:_} ({value // 1024**2} MiB)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def addresses() -> str:
    """The forms of an address: the module's own words."""
    return "\n\n".join(part for part in read(address.__doc__) if isinstance(part, str)).partition("\n\n")[2]
