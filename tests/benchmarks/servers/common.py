"""What every server of the benchmarks shares: one queue length, one way to say that it is ready.

Each script is called with `tcp` or `udp` (some can do one only), listens on a free port of 127.0.0.1, prints `ready
PORT`, and serves until it is killed. Its echo is the one that the manual of its framework shows.
"""

from __future__ import annotations

BACKLOG = 1024
"""Connections that may wait to be accepted, the same for all: a full queue would cost a client a whole second."""

HOST = "127.0.0.1"


def ready(port: int) -> None:
    """Tell the measuring process where to connect."""
    print("ready", port, flush=True)
