"""Who a client is, once that has been proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a layer, or a handler whose protocol has an authentication of its own, sets as `connection.identity`.

    Parameters:
        name: of the user or the machine; what `str()` gives, and logs show.
        method: how it was proved: `"tls"` by a client certificate, `"scram-sha-256"`, `"plain"`, `"password"`,
            `"token"`, `"jwt"`, `"peer-credentials"`, `"anonymous"`, ...
        groups: those that it is in.
        claims: what else is known about it, such as the subject of its certificate; never a secret. They take no part
            in comparisons.
    """

    name: str
    method: str
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    def __str__(self) -> str:
        return self.name
