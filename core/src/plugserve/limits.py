"""Limits on what one peer may cost: deadlines, sizes, and how many at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import inf, isnan
from typing import Literal, get_args

from .errors import ConfigurationError

__all__ = ["Limits"]

_WhenFull = Literal["refuse", "wait"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server lets its peers do. Times are seconds, sizes are bytes, None means no limit.

    The defaults hold for coroutine and protocol handlers. A classic server built in code starts from
    `Limits.none()`, since software written for `socketserver` brings its own.

    Parameters:
        connections: requests at once, in all; what comes then is decided by `when_full`.
        connections_per_peer: requests at once from one peer; further ones are rejected. Counted at accept, by the
            address that accept(2) gave: one IPv4 address, IPv4 in IPv6 included, or one network of IPv6. Loopback and
            Unix peers count only with `count_local_peers`, since behind them stand a proxy or a whole machine.
        count_local_peers: whether `connections_per_peer` also counts loopback and Unix peers, each as one.
        ipv6_prefix: bits of an IPv6 address that make one peer: a site is given a /64 or more (RFC 6177), so single
            addresses cost it nothing.
        when_full: at `connections`: `refuse` accepts and rejects, with the protocol's own words if the handler has any;
            `wait` leaves clients in the kernel's queue until there is room, but none longer than `wait_timeout`: then
            those that still wait are rejected, and the dead among them closed.
        wait_timeout: how long `when_full = "wait"` lets clients wait.
        layers_timeout: from accept to the end of the last layer and of `authorize`. The PROXY protocol asks a
            receiver to wait at least 3 s (its specification, section 2).
        layers_bytes: what all layers together may read of a peer that is not yet admitted.
        first_byte: until the peer has said anything.
        idle: between two bytes, while the handler waits for the peer to send or to take what it was sent.
        write_timeout: while output is unsent and the peer takes none of it, whatever it sends meanwhile.
        total: for the whole request, from its admission on.
        minimum_rate: bytes a second, sent and taken together, that a peer must reach on average while it keeps the
            handler waiting: an idle limit alone is reset by a trickle.
        rate_grace: seconds of such waiting over which each average is taken, so that old credit is not kept.
        read_size: what one receive asks the kernel for at the most.
        high_water: unsent output above which reading pauses, and `drain()` waits for the peer.
        low_water: unsent output at which it goes on; None: a quarter of `high_water`.
        output: unsent output above which `write` fails.
        close_timeout: for the last output to leave, and again for the peer's end of stream.
        reply_ratio: bytes of a reply to a datagram, as a multiple of those that it answers, as long as its source may
            be forged; a handler's own `reply_ratio` goes before it.

    Errors: `ConfigurationError` for a value that is not positive, or makes no sense beside another.
    """

    connections: int | None = None
    connections_per_peer: int | None = None
    count_local_peers: bool = False
    ipv6_prefix: int = 64
    when_full: _WhenFull = "refuse"
    wait_timeout: float = 5.0
    layers_timeout: float = 5.0
    layers_bytes: int = 64 * 1024
    first_byte: float | None = 30.0
    idle: float | None = 60.0
    write_timeout: float | None = 60.0
    total: float | None = None
    minimum_rate: float | None = None
    rate_grace: float = 10.0
    read_size: int = 64 * 1024
    high_water: int = 64 * 1024
    low_water: int | None = None
    output: int = 1024 * 1024
    close_timeout: float = 2.0
    reply_ratio: float | None = 1.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name == "when_full":
                if value not in get_args(_WhenFull):
                    raise ConfigurationError(f'limits: {name} is {value!r}: give "refuse" or "wait"', option=name)
            elif isinstance(value, bool) or (value is None and name in _MAY_BE_NONE):
                continue
            elif not isinstance(value, (int, float)) or isnan(value) or value <= 0:
                raise ConfigurationError(f"limits: {name} is {value!r}: give a number above 0", option=name)
            elif value == inf:
                # No clock and no system call could wait that long.
                if name not in _MAY_BE_NONE:
                    raise ConfigurationError(f"limits: {name} is {value!r}: give a number that ends", option=name)
                object.__setattr__(self, name, None)
        if self.ipv6_prefix > 128:
            raise ConfigurationError(
                f"limits: ipv6_prefix is {self.ipv6_prefix!r}: an IPv6 address has 128 bits", option="ipv6_prefix"
            )
        if self.low_water is not None and self.low_water > self.high_water:
            raise ConfigurationError(
                f"limits: low_water is {self.low_water!r}: give no more than high_water, which is {self.high_water}",
                option="low_water",
            )

    @property
    def has_deadlines(self) -> bool:
        """Whether anybody has to look at the clock while a request is handled."""
        return not (
            self.idle is None
            and self.first_byte is None
            and self.write_timeout is None
            and self.total is None
            and self.minimum_rate is None
        )

    @property
    def soonest(self) -> float:
        """Seconds that a wait for the peer's bytes may last whatever else holds; infinite for ever."""
        if self.minimum_rate is not None:
            return -inf
        return min(inf if limit is None else limit for limit in (self.first_byte, self.idle))

    @property
    def calm(self) -> float:
        """The same once the peer has said anything."""
        if self.minimum_rate is not None:
            return -inf
        return inf if self.idle is None else self.idle

    @property
    def idle_comes_first(self) -> bool:
        """Whether a peer may be silent for longer at the beginning than later."""
        return self.idle is not None and self.first_byte is not None and self.idle < self.first_byte

    @property
    def resume_at(self) -> int:
        """Unsent output at which a paused reader goes on, in bytes."""
        return self.high_water // 4 if self.low_water is None else self.low_water

    @classmethod
    def none(cls) -> Limits:
        """Only what `socketserver` has: no deadline and no cap once a request is admitted."""
        return _NONE

    def but(self, **changes: object) -> Limits:
        """The same limits with some changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # checked by __post_init__, named by the keyword


_MAY_BE_NONE = {one.name for one in fields(Limits) if "None" in str(one.type)}

_NONE = Limits(first_byte=None, idle=None, write_timeout=None, reply_ratio=None)
