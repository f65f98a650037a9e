"""What a line costs: `python bench_log.py` prints microseconds of CPU, the median and the best of several rounds.

Not a test: it asserts nothing and is not collected.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from plugserve import Context
from plugserve_log import Log
from plugserve_log.rendering import Renderer

ROUNDS = 30
CALLS = 5000


class _Connection(SimpleNamespace):
    """The facts of a request, reached as the core's are."""

    bytes_in = property(lambda self: self.total_in)
    bytes_out = property(lambda self: self.total_out)
    duration = property(lambda self: self.lasted)


class _Stuck:
    """A stream that takes nothing."""

    def write(self, _: str) -> int:
        raise BlockingIOError


def measure(name: str, call: Callable[[], object], after: Callable[[], object] = lambda: None) -> None:
    """Print what one call costs this thread."""
    costs = []
    for _ in range(ROUNDS):
        begin = time.thread_time()
        for _ in range(CALLS):
            call()
        costs.append((time.thread_time() - begin) / CALLS * 1e6)
        after()
    print(f"{name:<44} {statistics.median(costs):6.2f} us (best {min(costs):.2f})")


def main() -> None:
    """Measure the hook, a rendered line in both formats, and a line on its whole way to a file."""
    server: Any = SimpleNamespace(
        listener_name="127.0.0.1:7070",
        handler_name="EchoHandler",
        engine_name="threading",
        transport="tcp",
        server_address=("127.0.0.1", 7070),
    )
    connection: Any = _Connection(
        id=123456,
        server=server,
        client_address=("127.0.0.1", 50123),
        peer_address=("127.0.0.1", 50123),
        identity=None,
        outcome="ok",
        rejected_by=None,
        accepted_at=time.time(),
        lasted=0.001234,
        total_in=512,
        total_out=512,
    )
    context = Context(connection)
    log = Log(path=os.devnull, queue_size=CALLS * 2)
    log.server_activate(server)
    hook = partial(log.connection_closed, server, context, "finished")
    measure("hook connection_closed, writer at work", hook, log.flush)
    measure("hook service_actions, nothing to do", log.service_actions)

    facts: list[Any] = []
    log._put = facts.append  # takes down what the hook makes
    log.connection_closed(server, context, "finished")
    for form in ("json", "human"):
        renderer = Renderer(form)  # type: ignore[arg-type]  # it is one of the two
        measure(f"a line rendered, {form}", partial(renderer.render, facts[0]))
    log.server_close(server)

    full = Log(stream=_Stuck(), queue_size=1)  # type: ignore[arg-type]  # has what it needs
    full.server_activate(server)
    measure("hook connection_closed, queue full", partial(full.connection_closed, server, context, "finished"))
    full._journal.close(0)

    for target in (os.devnull, *sys.argv[1:]):
        log = Log(path=target, queue_size=10**6)
        log.server_activate(server)
        begin, lines = time.process_time(), 100_000
        for _ in range(lines):
            log.connection_closed(server, context, "finished")
        log.flush(60)
        spent = (time.process_time() - begin) / lines * 1e6
        log.server_close(server)
        print(f"{f'hook to {target}, both threads':<44} {spent:6.2f} us, {log.dropped} dropped")


if __name__ == "__main__":
    main()
