"""Which certificate is shown, by the name that the client asks for (SNI, RFC 6066, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from plugserve import ConfigurationError

__all__ = ["Names"]

_T = TypeVar("_T")


class Names(Generic[_T]):
    """Exact names before wildcards, and a default. A wildcard stands for one label, the first (RFC 9525, section 6.3).

    Parameters:
        by_name: `www.example.org`, or `*.example.org`.
        default: for every other name, and for clients that name none.

    Errors: `ConfigurationError` for a name that is none.
    """

    def __init__(self, by_name: Mapping[str, _T], default: _T) -> None:
        self._exact: dict[str, _T] = {}
        self._wild: dict[str, _T] = {}
        self.default = default
        for name, value in by_name.items():
            plain = _folded(name)
            rest = plain.removeprefix("*.")
            if not rest or "*" in rest or not all(rest.split(".")) or not rest.isascii():
                raise ConfigurationError(
                    f"names: {name!r} is no host name: write www.example.org or *.example.org", option="names"
                )
            (self._wild if plain.startswith("*.") else self._exact)[rest] = value

    def find(self, name: str | None) -> _T:
        """What belongs to a name."""
        if not name:
            return self.default
        plain = _folded(name)
        if plain in self._exact:
            return self._exact[plain]
        return self._wild.get(plain.partition(".")[2], self.default)


def _folded(name: str) -> str:
    return name.lower().removesuffix(".")
