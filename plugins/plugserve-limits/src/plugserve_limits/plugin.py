"""The plugin: its options, and where in the life of a request it counts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from time import monotonic
from typing import Any

from plugserve import BaseServer, ConfigurationError, Connection, Context, Lane, PluginMixIn, RequestRejected, hookimpl

from .bandwidth import Shares
from .buckets import ALLOWED, Buckets, Decision
from .metering import Meter, Quota
from .peers import network_of, peer_of
from .rules import Rule
from .shared import SharedBuckets

__all__ = ["RateLimits", "RateLimitsMixIn"]

_ASKING = 8
"""Questions to the shared store at once: as many as it has connections."""


class RateLimits:
    """Refuses what is too much in too short a time: connections, requests within them, bytes; holds back bandwidth.

    Counted where it is known: connections by peer, network and listener before a byte is read; by identity, and what is
    counted in a shared store, once the layers are through. Requests are counted by handlers that ask
    (`context.limiter`). Bytes are a quota over both directions, by the core's counters: who has used it up is
    disconnected within a second or so, and refused until some of it is there again. Memory has a bound, whoever comes
    from however many addresses.

    Parameters:
        rules: what is allowed; each a `Rule` or the parameters of one.
        store: the address of a Redis or Valkey for rules with `shared = true`: `redis://host:6379/0`.
        store_timeout: seconds for one answer of it.
        keys: how many keys each rule keeps at the most.

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
    ) -> None:
        if keys < 1:
            raise ConfigurationError("keys is how many are kept: at least 1", option="keys")
        self._rules = [_rule(index, given) for index, given in enumerate(rules)]
        if not self._rules:
            raise ConfigurationError("rules is empty: nothing would be limited", option="rules")
        shared = [rule for rule in self._rules if rule.shared]
        if shared and store is None:
            raise ConfigurationError(f"the rule '{shared[0]}' is shared: give store", option="store")
        self._shared = SharedBuckets(store, timeout=store_timeout) if store is not None else None
        self._buckets = {
            rule: Buckets(rule.interval, rule.most, keys)
            for rule in self._rules
            if not rule.shared and rule.what != "bandwidth"
        }
        self._shares = {rule: Shares(1 / rule.interval) for rule in self._of("bandwidth")}
        self._quotas = [Quota(rule, self._buckets.get(rule), self._shared) for rule in self._of("bytes")]
        self._requests = self._of("requests")
        admitting = self._of("connections", "bytes")
        self._late = [rule for rule in admitting if rule.shared or rule.by == "identity"]
        self._early = [rule for rule in admitting if rule not in self._late and rule.by != "connection"]
        self._refused: dict[str, int] = {}
        self._allowed = 0
        self.clock = monotonic
        self._meter = Meter(lambda: self.clock(), self._words)
        self.needs_shared_memory = bool(self._requests)
        """Requests within connections are counted where their handler runs."""
        self.limiter = self if self._requests else None
        """What `context.limiter` finds."""
        self.may_wait = any(rule.shared for rule in self._requests)
        """Whether `request` asks the shared store: then it is called by `connection.offload`, in the `lane`."""
        self.lane = Lane(name="limits", threads=_ASKING)
        """In whose threads the shared store is asked, so that a slow one holds up no other work."""
        if not self._quotas:
            self.service_actions = None  # type: ignore[method-assign, assignment]
        if not self._shares:
            self.process_request = None  # type: ignore[method-assign, assignment]

    def _of(self, *whats: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.what in whats]

    @hookimpl
    def verify_request(self, context: Context) -> None:
        """Count by what is known before a byte is read."""
        self._count(context, self._early, context.peer_address)

    @hookimpl
    async def authorize(self, context: Context, connection: Connection) -> None:
        """Count by who the client is, behind a proxy by its own address, and in the shared store."""
        if context.client_address != context.peer_address:
            self._count(context, [rule for rule in self._early if rule.by != "listener"], context.client_address)
        for rule in self._late:
            key = _key(rule, context, context.client_address)
            if key is None:
                continue
            if not rule.shared:
                self._judge(rule, self._take(rule, key))
            elif self._shared is not None:
                # A store may be slow: it is asked beside, and the loop goes on.
                cost = 0 if rule.what == "bytes" else 1
                self._judge(rule, await connection.offload(self._shared.take, rule, key, cost, lane=self.lane))
        self._allowed += 1
        if self._quotas:
            keys = [(quota, _key(quota.rule, context, context.client_address)) for quota in self._quotas]
            self._meter.watch(context, connection, [(quota, key) for quota, key in keys if key is not None])

    def _count(self, context: Context, rules: list[Rule], address: Any) -> None:
        for rule in rules:
            key = _key(rule, context, address)
            if key is not None:
                self._judge(rule, self._take(rule, key))

    def _take(self, rule: Rule, key: Hashable) -> Decision:
        buckets, now = self._buckets[rule], self.clock()
        return buckets.left(key, now) if rule.what == "bytes" else buckets.take(key, now)

    def _judge(self, rule: Rule, decision: Decision) -> None:
        if not decision.allowed:
            raise RequestRejected(self._words(rule, decision))

    def _words(self, rule: Rule, decision: Decision) -> str:
        """Count a refusal, and put it into words."""
        self._refused[str(rule)] = self._refused.get(str(rule), 0) + 1
        return f"too much: {rule}; again in {decision.retry_after:.3g} s"

    @hookimpl
    def process_request(self, request: Any, context: Context) -> None:
        """Have the kernel send no faster than that."""
        if context.transport == "tcp":
            for rule, shares in self._shares.items():
                key = _key(rule, context, context.client_address)
                if key is not None:
                    shares.join(key, context, request)

    @hookimpl
    def service_actions(self) -> None:
        """Look at what goes on."""
        self._meter.look()

    @hookimpl
    def request_rejected(self, context: Context) -> None:
        """Count what was carried nevertheless."""
        self.connection_closed(context)

    @hookimpl
    def connection_closed(self, context: Context) -> None:
        """Count the rest, and give its bandwidth to others."""
        self._meter.ended(context)
        for shares in self._shares.values():
            shares.leave(context)

    @hookimpl
    def server_close(self, server: BaseServer) -> None:
        """Tell the store the rest, and give the connections to it back."""
        self._meter.close()
        if self._shared is not None:
            self._shared.close()

    def request(self, context: Context) -> Decision:
        """Count one request of a connection, and say whether it may be served.

        For handlers, which find this object as `context.limiter`; what is counted in the shared store (`may_wait`) they
        ask by `connection.offload`.
        """
        for rule in self._requests:
            key = _key(rule, context, context.client_address)
            if key is None:
                continue
            decision = (
                self._take(rule, key) if self._shared is None or not rule.shared else self._shared.take(rule, key)
            )
            if not decision.allowed:
                self._words(rule, decision)
                return decision
        return ALLOWED

    def status(self) -> dict[str, Any]:
        """Counters since the start: `allowed`, `refused` by rule, `keys` by rule, `store_failures`."""
        return {
            "allowed": self._allowed,
            "refused": dict(self._refused),
            "keys": {str(rule): len(buckets) for rule, buckets in self._buckets.items()},
            "store_failures": 0 if self._shared is None else self._shared.failures,
        }


class RateLimitsMixIn(PluginMixIn):
    """Mix-in: a server with limits; the parameters of `RateLimits` are its attributes `limits_rules`, ..."""

    plugin_class = RateLimits


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
    if rule.by == "connection":
        return context.id
    return peer_of(address) if rule.by == "peer" else network_of(address, rule.prefix4, rule.prefix6)
