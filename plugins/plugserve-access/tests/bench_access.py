"""What a decision costs: run `python bench_access.py` where plugserve-access is installed. Not a test.

Prints nanoseconds a vote of the plugin, the call of `verify_request` included, as the median of several rounds, with a
few and with 10,000 networks: for a peer that was seen before, for one that was not (the cache emptied each time), and
for the same question put to a plain loop over `ipaddress` networks. Then: how long it takes to build the rules, and how
long one call of `service_actions` holds the server's loop at most while a file of 10,000 networks is read again.
"""

from __future__ import annotations

import ipaddress
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from plugserve_access import Access
from plugserve_access.rulebook import RuleBook

ROUNDS = 9
PEERS = 1000
NETWORKS = 10_000
CONTEXT: Any = SimpleNamespace(transport="tcp", peer_address=None)


def networks(count: int, bits: int, shortest: int, longest: int) -> list[str]:
    """Random networks of mixed prefix lengths."""
    dice = random.Random(count)
    make = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
    found: dict[str, None] = {}
    while len(found) < count:
        length = dice.randint(shortest, longest)
        found[str(make((dice.getrandbits(length) << bits - length, length)))] = None
    return list(found)


def peers(bits: int) -> list[tuple[str, int]]:
    """Random peers."""
    dice = random.Random(bits)
    make = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    return [(str(make(dice.getrandbits(bits))), 4711) for _ in range(PEERS)]


def nanoseconds(ask: Callable[[Any], object], questions: Sequence[object], before: Callable[[], object]) -> float:
    """The median time of one question."""
    rounds = []
    for _ in range(ROUNDS):
        before()
        start = time.perf_counter_ns()
        for question in questions:
            ask(question)
        rounds.append((time.perf_counter_ns() - start) / len(questions))
    return statistics.median(rounds)


def decisions(title: str, rules: list[str], questions: list[tuple[str, int]]) -> None:
    """Measure and print one line."""
    access = Access(allow=rules)
    cache = access._book.policy._cache
    plain = [ipaddress.ip_network(rule) for rule in rules]

    def ask(address: Any) -> object:
        return access.verify_request(address, CONTEXT)

    def naive(address: Any) -> object:
        host = ipaddress.ip_address(address[0])
        return max((network.prefixlen for network in plain if host in network), default=None)

    first = nanoseconds(ask, questions, cache.clear)
    again = nanoseconds(ask, questions, lambda: None)
    loop = nanoseconds(naive, questions[: max(1, 20_000 // len(rules))], lambda: None)
    print(f"{title:32}{first:12,.0f}{again:12,.0f}{loop:16,.0f}")


def reading() -> None:
    """Measure and print building and reading again."""
    rules = networks(NETWORKS, 32, 8, 32)
    start = time.perf_counter()
    Access(allow=rules)
    print(f"\nbuild {NETWORKS:,} networks: {(time.perf_counter() - start) * 1e3:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "allowed")
        path.write_text("\n".join(rules[:-1]))
        now = 0.0
        book = RuleBook((), (), path, None, clock=lambda: now + time.perf_counter())
        book.load()
        path.write_text("\n".join(rules))
        before = book.policy
        calls = []
        while book.policy is before:
            now += 2
            start = time.perf_counter()
            book.refresh()
            calls.append((time.perf_counter() - start) * 1e3)
        print(f"read them again: {sum(calls):.0f} ms in {len(calls)} calls, the longest {max(calls):.1f} ms")
        looks = []
        for _ in range(1000):
            now += 2
            start = time.perf_counter()
            book.refresh()
            looks.append((time.perf_counter() - start) * 1e6)
        print(f"a look at the file, once a second: {statistics.median(looks):.1f} us")
        idle = nanoseconds(lambda _: book.refresh(), range(10_000), lambda: None)
        print(f"any other call of service_actions: {idle:.0f} ns")


if __name__ == "__main__":
    print(f"{'ns a decision (median)':32}{'first time':>12}{'seen before':>12}{'naive loop':>16}")
    decisions("IPv4, 3 networks", ["10.0.0.0/8", "192.168.0.0/16", "127.0.0.0/8"], peers(32))
    decisions(f"IPv4, {NETWORKS:,} networks", networks(NETWORKS, 32, 8, 32), peers(32))
    decisions("IPv6, 3 networks", ["2001:db8::/32", "fe80::/10", "::1"], peers(128))
    decisions(f"IPv6, {NETWORKS:,} networks", networks(NETWORKS, 128, 16, 128), peers(128))
    reading()
