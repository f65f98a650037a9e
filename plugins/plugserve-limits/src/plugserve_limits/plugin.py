"""The plugin: its options, and where in the life of a request it counts."""

from __future__ import annotations

import socket
import sys
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from plugserve import BaseServer, ConfigurationError, Connection, Context, PluginMixIn, RequestRejected, hookimpl

from .buckets import ALLOWED, Buckets, Decision
from .peers import network_of, peer_of
from .rules import Rule
from .shared import SharedBuckets

__all__ = ["Limiter", "RateLimits", "RateLimitsMixIn", "limiter_of"]

_PACING = getattr(socket, "SO_MAX_PACING_RATE", 47 if sys.platform == "linux" else None)


class RateLimits:
    """Refuses what is too much in too short a time: connections, requests within them, bytes.

    Counted where it is known: connections by peer, network and listener before a byte is read; by identity, and what is
    counted in a shared store, once the layers are through. Requests are counted by handlers that ask (`limiter_of`).
    Bytes are a quota over both directions, by the core's counters: who has used it up is refused until some of it is
    there again. Memory has a bound, whoever comes from however many addresses.

    Parameters:
        rules: what is allowed; each a `Rule` or the parameters of one.
        store: the address of a Redis or Valkey for rules with `shared = true`: `redis://host:6379/0`.
        store_timeout: seconds for one answer of it.
        keys: how many keys each rule keeps at the most.
        pace: bytes that each connection is sent a second at the most (Linux, TCP: socket(7), SO_MAX_PACING_RATE).

    Errors: `ConfigurationError` for a rule that cannot be understood.
    """

    plugin_name = "limits"

    def __init__(
        self,
        *,
        rules: Sequence[Rule | Mapping[str, Any]] = (),
        store: str | None = None,
        store_timeout: float = 0.25,
        keys: int = 100_000,
        pace: int | None = None,
    ) -> None:
        if keys < 1:
            raise ConfigurationError("keys is how many are kept: at least 1", option="keys")
        if pace is not None and (pace < 1 or _PACING is None):
            raise ConfigurationError(
                "pace needs Linux, and at least 1 byte a second" if pace >= 1 else "pace is at least 1 byte a second",
                option="pace",
            )
        self._rules = [_rule(index, given) for index, given in enumerate(rules)]
        if not self._rules and pace is None:
            raise ConfigurationError("rules is empty: nothing would be limited", option="rules")
        shared = [rule for rule in self._rules if rule.shared]
        if shared and store is None:
            raise ConfigurationError(f"the rule '{shared[0]}' is shared: give store", option="store")
        self._buckets = {
            index: Buckets(rule.interval, rule.most, keys) for index, rule in enumerate(self._rules) if not rule.shared
        }
        self._shared = SharedBuckets(store, timeout=store_timeout) if store is not None else None
        self._pace = pace
        self._refused: dict[str, int] = {}
        self._allowed = 0
        self.clock = monotonic
        self._late = [(i, rule) for i, rule in self._of("connections", "bytes") if rule.shared or rule.by == "identity"]
        self._early = [pair for pair in self._of("connections", "bytes") if pair not in self._late]
        self._bytes = self._of("bytes")
        self.needs_shared_memory = bool(self._of("requests"))
        """Requests within connections are counted where their handler runs."""

    def _of(self, *whats: str) -> list[tuple[int, Rule]]:
        return [(index, rule) for index, rule in enumerate(self._rules) if rule.what in whats]

    @hookimpl
    def verify_request(self, context: Context) -> None:
        """Count by what is known before a byte is read."""
        self._count(context, self._early, context.peer_address)

    @hookimpl
    async def authorize(self, context: Context, connection: Connection) -> None:
        """Count by who the client is, behind a proxy by its own address, and in the shared store."""
        if context.client_address != context.peer_address:
            self._count(context, [pair for pair in self._early if pair[1].by != "listener"], context.client_address)
        for index, rule in self._late:
            key = _key(rule, context, context.client_address)
            if key is None:
                continue
            if not rule.shared:
                self._judge(rule, self._take(index, rule, key))
            elif self._shared is not None:
                # A store may be slow: it is asked beside, and the loop goes on.
                self._judge(rule, await connection.offload(partial(self._shared.take, rule, key)))
        self._allowed += 1

    def _count(self, context: Context, rules: list[tuple[int, Rule]], address: Any) -> None:
        for index, rule in rules:
            key = _key(rule, context, address)
            if key is not None:
                self._judge(rule, self._take(index, rule, key))

    def _take(self, index: int, rule: Rule, key: Hashable) -> Decision:
        buckets, now = self._buckets[index], self.clock()
        return buckets.left(key, now) if rule.what == "bytes" else buckets.take(key, now)

    def _judge(self, rule: Rule, decision: Decision) -> None:
        if not decision.allowed:
            self._refused[str(rule)] = self._refused.get(str(rule), 0) + 1
            raise RequestRejected(f"too much: {rule}; again in {decision.retry_after:.3g} s")

    @hookimpl
    def process_request(self, request: Any, context: Context) -> None:
        """Have the kernel send no faster than that."""
        if self._pace is not None and _PACING is not None and context.transport == "tcp":
            try:
                request.setsockopt(socket.SOL_SOCKET, _PACING, self._pace)
            except (OSError, AttributeError):
                pass  # it is gone already

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        """Count the bytes."""
        total = (context.bytes_in or 0) + (context.bytes_out or 0)
        for index, rule in self._bytes:
            key = _key(rule, context, context.client_address)
            if key is not None and total and not rule.shared:
                self._buckets[index].use(key, self.clock(), total)

    @hookimpl
    def server_close(self, server: BaseServer) -> None:
        """Give the connections to the store back."""
        if self._shared is not None:
            self._shared.close()

    def request(self, context: Context) -> Decision:
        """Whether a handler may serve one more request of a connection; `limiter_of(context).request()` asks this."""
        for index, rule in self._of("requests"):
            key = _key(rule, context, context.client_address)
            if key is None or rule.shared:
                continue
            decision = self._buckets[index].take(key, self.clock())
            if not decision.allowed:
                self._refused[str(rule)] = self._refused.get(str(rule), 0) + 1
                return decision
        return ALLOWED

    def status(self) -> dict[str, Any]:
        """Counters since the start: `allowed`, `refused` by rule, `keys` by rule, `store_failures`."""
        return {
            "allowed": self._allowed,
            "refused": dict(self._refused),
            "keys": {str(self._rules[index]): len(buckets) for index, buckets in self._buckets.items()},
            "store_failures": 0 if self._shared is None else self._shared.failures,
        }


class RateLimitsMixIn(PluginMixIn):
    """Mix-in: a server with limits; the parameters of `RateLimits` are its attributes `limits_rules`, ..."""

    plugin_class = RateLimits


class Limiter:
    """What a handler asks before it serves one of several requests of a connection."""

    def __init__(self, plugins: list[RateLimits], context: Context) -> None:
        self._plugins = plugins
        self._context = context

    def request(self) -> Decision:
        """Count one request, and say whether it may be served."""
        for plugin in self._plugins:
            decision = plugin.request(self._context)
            if not decision.allowed:
                return decision
        return ALLOWED


def limiter_of(context: Context) -> Limiter:
    """The limits that hold for the requests of a connection; without any, everything is allowed."""
    plugins = [plugin for plugin in context.server._core_plugins.values() if isinstance(plugin, RateLimits)]
    return Limiter(plugins, context)


def _rule(index: int, given: Rule | Mapping[str, Any]) -> Rule:
    try:
        return given if isinstance(given, Rule) else Rule(**given)
    except TypeError as error:
        raise ConfigurationError(f"rule {index + 1}: {error}", option="rules", index=index) from None
    except ConfigurationError as error:
        raise ConfigurationError(f"rule {index + 1}: {error}", option="rules", index=index) from None


def _key(rule: Rule, context: Context, address: Any) -> Hashable:
    """Whose bucket it is; None for whoever is not counted."""
    if rule.by == "listener":
        return "listener"
    if rule.by == "identity":
        return None if context.identity is None else str(context.identity)
    return peer_of(address) if rule.by == "peer" else network_of(address, rule.prefix4, rule.prefix6)
