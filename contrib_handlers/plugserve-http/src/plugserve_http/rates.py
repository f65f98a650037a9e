"""How many requests: asked of the listener's limiter, and answered with 429 (RFC 6585, section 4).

Which plugin that is, is not known here: `context.limiter` counts, and says whether and when again.
"""

from __future__ import annotations

import math

from plugserve import Connection, Context

from .refusal import Refusal

__all__ = ["count_request"]


async def count_request(connection: Connection, context: Context) -> None:
    """Count one request, if anybody does.

    Errors: `Refusal` for one too many.
    """
    limiter = context.limiter
    if limiter is None:
        return
    if limiter.may_wait:
        decision = await connection.offload(limiter.request, context, lane=limiter.lane)
    else:
        decision = limiter.request(context)
    if not decision.allowed:
        seconds = max(1, math.ceil(decision.retry_after))
        raise Refusal(429, "too many requests", [("Retry-After", str(seconds))]) from None
