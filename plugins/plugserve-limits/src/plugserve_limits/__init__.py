"""Rates and quotas for plugserve: connections, requests and bytes by peer, network, identity and listener."""

from __future__ import annotations

from .buckets import Decision
from .plugin import RateLimits, RateLimitsMixIn, limiter_of
from .rules import Rule

__all__ = ["Decision", "RateLimits", "RateLimitsMixIn", "Rule", "limiter_of"]
