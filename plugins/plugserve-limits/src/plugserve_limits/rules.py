"""Rules as people write them: how much of what, by whom, in which time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from plugserve import ConfigurationError

from .bandwidth import PACING

__all__ = ["Rule"]

What = Literal["connections", "requests", "bytes", "bandwidth"]
By = Literal["peer", "network", "identity", "listener", "connection"]

_WHATS: Final = ("connections", "requests", "bytes", "bandwidth")
_BYS: Final = ("peer", "network", "identity", "listener", "connection")
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]iB|[kMGT]?B)?\s*/\s*(\d*)\s*([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES: Final = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rule:
    """How much is allowed.

    Parameters:
        rate: `"10/s"`, `"100/5m"`, `"5000/h"`, `"1/d"`; of bytes and bandwidth `"10GiB/d"`, `"500kB/s"`.
        what: `"connections"`; `"requests"` within them, of handlers that ask; `"bytes"`, both ways together, as a
            quota: who has used it up is disconnected, and refused until there is some of it again; or `"bandwidth"`,
            bytes that are sent, which are held back and not refused (Linux, TCP).
        by: whose: of each `"peer"` (an IPv6 peer is its /64), each `"network"` (of `prefix4` and `prefix6` bits), each
            `"identity"`, of the whole `"listener"`, or of each `"connection"`. Who has no identity is not counted by
            that.
        burst: how many at once, after a silence; by default what one unit of the rate's time allows, at least 1.
        prefix4, prefix6: bits of a network.
        shared: whether it is counted in the shared store, for several machines together.
        when_away: `"allow"` or `"deny"`: what holds while that store cannot be asked.
        name: to be told by in logs; by default the rule itself.

    Errors: `ConfigurationError` for what cannot be understood.
    """

    rate: str
    what: What = "connections"
    by: By = "peer"
    burst: float | None = None
    prefix4: int = 24
    prefix6: int = 48
    shared: bool = False
    when_away: Literal["allow", "deny"] = "allow"
    name: str = ""

    def __post_init__(self) -> None:
        for option, value, choices in (
            ("what", self.what, _WHATS),
            ("by", self.by, _BYS),
            ("when_away", self.when_away, ("allow", "deny")),
        ):
            if value not in choices:
                raise ConfigurationError(f"a rule has {option} = {value!r}: use one of {', '.join(choices)}")
        if self.by == "connection" and (self.what == "connections" or self.shared):
            raise ConfigurationError("by = 'connection' counts what is in one, on one machine: use another `by`")
        if self.what == "bandwidth" and (self.shared or self.burst is not None):
            raise ConfigurationError("bandwidth is held back by this machine, as it comes: leave out shared and burst")
        if self.what == "bandwidth" and PACING is None:
            raise ConfigurationError("bandwidth needs Linux, whose sockets can be told a pace")
        of_bytes = self.what in ("bytes", "bandwidth")
        found = _RATE.fullmatch(self.rate.strip())
        if found is None or (found[2] is not None) != of_bytes or not float(found[1]):
            example = "10GiB/d" if of_bytes else "10/s"
            raise ConfigurationError(f"{self.rate!r} is no rate of {self.what}: write {example}, or one by m, h or d")
        if not 0 < self.prefix4 <= 32 or not 0 < self.prefix6 <= 128:
            raise ConfigurationError("prefix4 has 1 to 32 bits, prefix6 1 to 128")
        if self.burst is not None and self.burst < 1:
            raise ConfigurationError("burst is how many may come at once: at least 1")
        amount = float(found[1]) * (_BYTES[found[2]] if found[2] else 1)
        seconds = (int(found[3]) if found[3] else 1) * _SECONDS[found[4]]
        object.__setattr__(self, "_interval", seconds / amount)
        object.__setattr__(self, "_most", max(1.0, self.burst if self.burst is not None else amount))

    @property
    def interval(self) -> float:
        """Seconds that one takes."""
        return float(vars(self)["_interval"])

    @property
    def most(self) -> float:
        """How many may come at once."""
        return float(vars(self)["_most"])

    def __str__(self) -> str:
        return self.name or f"{self.what} by {self.by}, {self.rate}"
