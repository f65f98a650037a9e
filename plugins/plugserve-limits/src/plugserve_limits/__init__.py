"""Rates and quotas for plugserve: connections, requests, bytes, bandwidth; by peer, network, identity and listener."""

from __future__ import annotations

from .buckets import Decision
from .plugin import RateLimits, RateLimitsMixIn
from .rules import Rule

__all__ = ["Decision", "RateLimits", "RateLimitsMixIn", "Rule"]
