"""Limits on what one peer may cost: deadlines, sizes, and how many at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import ConfigurationError

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server lets its peers do. Times are seconds, sizes are bytes, None means no limit.

    The defaults hold for coroutine and protocol handlers. A classic server built in code starts from
    `Limits.none()`, since software written for `socketserver` brings its own.

    Parameters:
        connections: requests at once, in all; further ones are rejected.
        connections_per_peer: requests at once from one address; loopback and Unix peers count only with
            `count_local_peers`, since behind them stand a proxy or a whole machine.
        count_local_peers: whether `connections_per_peer` also counts loopback and Unix peers.
        layers_timeout: from accept to the end of the last layer and of `authorize`. The PROXY protocol asks a
            receiver to wait at least 3 s (its specification, section 2).
        layers_bytes: what all layers together may read of a peer that is not yet admitted.
        first_byte: until the peer has said anything.
        idle: between two bytes, while the handler waits for the peer to send or to take what it was sent.
        total: for the whole request.
        minimum_rate: bytes a second that a peer which keeps the handler waiting must reach on average, measured
            from `rate_grace` seconds on: an idle limit alone is reset by a trickle.
        rate_grace: seconds before `minimum_rate` counts.
        high_water: unsent output above which a read, and `drain()`, wait for the peer.
        output: unsent output at which `write` fails.
        close_timeout: for the last output to leave, and again for the peer's end of stream.

    Errors: `ConfigurationError` for a value that is not positive.
    """

    connections: int | None = None
    connections_per_peer: int | None = None
    count_local_peers: bool = False
    layers_timeout: float = 5.0
    layers_bytes: int = 64 * 1024
    first_byte: float | None = 30.0
    idle: float | None = 60.0
    total: float | None = None
    minimum_rate: float | None = None
    rate_grace: float = 10.0
    high_water: int = 64 * 1024
    output: int = 1024 * 1024
    close_timeout: float = 2.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool) and not value > 0:
                raise ConfigurationError(f"limits: {name} is {value!r}: give a number above 0", option=name)

    @classmethod
    def none(cls) -> Limits:
        """Only what `socketserver` has: no deadline and no cap once a request is admitted."""
        return _NONE

    def but(self, **changes: object) -> Limits:
        """The same limits with some changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # checked by __post_init__, named by the keyword


_NONE = Limits(first_byte=None, idle=None)
