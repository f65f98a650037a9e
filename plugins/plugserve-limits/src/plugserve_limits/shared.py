"""Buckets in Redis or Valkey, for several machines together; asked off the loop, and never waited for long."""

from __future__ import annotations

import hashlib
import threading
from time import monotonic
from typing import Any, Final

from plugserve import ConfigurationError
from plugserve.faults import report

from .buckets import Decision
from .rules import Rule

__all__ = ["SharedBuckets"]

# As `Buckets.take`, and with a fourth argument as `Buckets.use`, by the store's own clock, in one step. The key goes
# away by itself when the bucket is full.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local interval, tolerance, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
if full < now then full = now end
full = full + cost * interval
local wait = full - now - tolerance
if wait > 0.000001 and not ARGV[4] then return tostring(wait) end
if full > now then redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000)) end
return tostring(math.max(wait, 0))
"""
_REST: Final = 5.0
"""Seconds for which a store that failed is not asked."""


class SharedBuckets:
    """The shared buckets of all rules.

    Parameters:
        url: as of the library redis: `redis://host:6379/0`, `unix:///run/redis.sock`.
        timeout: seconds for one answer.
        prefix: of all keys.

    Errors: `ConfigurationError` where that library is missing, or the address is none.
    """

    def __init__(self, url: str, *, timeout: float = 0.25, prefix: str = "plugserve:") -> None:
        try:
            import redis
        except ImportError:
            raise ConfigurationError(
                "a shared store needs the library redis: pip install 'plugserve-limits[redis]'", option="store"
            ) from None
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url, max_connections=8, timeout=timeout, socket_timeout=timeout, socket_connect_timeout=timeout
            )
        except ValueError as error:
            raise ConfigurationError(f"store is no address: {error}", option="store") from error
        self._redis: Any = redis.Redis(connection_pool=pool)
        self._failure: type[Exception] = redis.RedisError
        self._script: Any = self._redis.register_script(_TAKE)
        self._prefix = prefix
        self._rests_until = 0.0
        self._away = False
        self._lock = threading.Lock()
        self.failures = 0
        """How often it could not be asked."""

    def take(self, rule: Rule, key: object, cost: float = 1.0) -> Decision:
        """Take out of a bucket, if there is as much in it; while the store cannot be asked, what the rule says of that.
        It may wait: call it beside."""
        return self._ask(rule, key, cost)

    def use(self, rule: Rule, key: object, cost: float) -> Decision:
        """Take what was used already. Returns whether there was as much; it may wait."""
        return self._ask(rule, key, cost, "used")

    def _ask(self, rule: Rule, key: object, cost: float, *mode: str) -> Decision:
        if monotonic() < self._rests_until:
            return self._without(rule)
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        name = f"{self._prefix}{rule.what}:{rule.by}:{rule.rate}:{digest}"
        try:
            wait = float(self._script(keys=[name], args=[rule.interval, rule.interval * rule.most, cost, *mode]))
        except (self._failure, OSError, ValueError) as error:
            self._fail(error)
            return self._without(rule)
        with self._lock:
            came_back, self._away = self._away, False
        if came_back:
            report("plugin 'limits'", level="warning", text="the shared store answers again")
        return Decision(wait <= 0, wait)

    def _without(self, rule: Rule) -> Decision:
        with self._lock:
            self.failures += 1
        return Decision(rule.when_away == "allow", 0.0 if rule.when_away == "allow" else _REST)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._rests_until = monotonic() + _REST
            first, self._away = not self._away, True
        if first:
            report("plugin 'limits'", level="warning", text=f"the shared store cannot be asked: {type(error).__name__}")

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
        self._redis.connection_pool.disconnect()
