"""One consistent set of rules, and what it says about a peer.

A `Policy` never changes: new rules are a new policy, put in the old one's place by one assignment. So no decision sees
half of an update, and the cache needs no invalidation, since each policy has its own.

How peers are treated that no rule is about:

| there are | others |
|---|---|
| no rules | denied, but for loopback and Unix peers |
| only deny rules | allowed |
| any allow rule | denied |

A file that lists allowed networks counts as an allow rule even while it is empty, and so for denied ones: what a file
happens to hold never turns the meaning of the configuration around.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from .addresses import BITS, CID_LOCAL, Kind, locate
from .networks import NetworkTable, Rule, parse_rule

__all__ = ["CACHE_LIMIT", "Decision", "HasTransport", "Policy", "at_once"]

CACHE_LIMIT: Final = 4096
"""How many addresses a policy remembers its answer for: about half a megabyte. When it is full it starts anew, so an
attacker with many addresses costs a cleared dictionary every 4096 requests, and never more memory."""

_LOCAL: Final = "the default"
LOCAL_ONLY: Final = tuple(
    parse_rule(text, allow=True, source=_LOCAL, line=line)
    for line, text in enumerate(("127.0.0.0/8", "::1", "unix", f"vsock:{CID_LOCAL}"), 1)
)
"""The rules when there are none."""


class HasTransport(Protocol):
    """What a policy needs of `plugserve.Context`, and only where the address does not say it all."""

    @property
    def transport(self) -> str:
        """The listener's transport."""


class Decision(NamedTuple):
    """A decision, explained.

    Parameters:
        allowed: whether the peer is served.
        why: the rule that decided, and where it stands; or why none did.
        overruled: the other rules that are about the peer, in the order in which they would have decided.
    """

    allowed: bool
    why: str
    overruled: tuple[str, ...] = ()

    def __str__(self) -> str:
        others = f"; it overrules {', '.join(self.overruled)}" if self.overruled else ""
        return f"{'allowed' if self.allowed else 'denied'}: {self.why}{others}"


class Policy:
    """An immutable set of rules.

    Parameters:
        tables: the rules about each kind of peer, built.
        others: whether peers are allowed that no rule is about.
        why_others: the same as a sentence.
        counts: how many allow and how many deny rules there are, for people.
        rules: all of them, for `decide`.
    """

    __slots__ = ("_cache", "_rules", "_tables", "counts", "others", "why_others")

    def __init__(
        self,
        tables: dict[Kind, NetworkTable],
        others: bool,
        why_others: str,
        counts: tuple[int, int],
        rules: Sequence[Rule] = (),
    ) -> None:
        self._tables = tables
        self._rules = rules
        self._cache: dict[Any, bool] = {}
        self.others = others
        self.why_others = why_others
        self.counts = counts

    def allows(self, address: Any, context: HasTransport) -> bool:
        """Decide about a peer. Whatever cannot be understood is denied.

        Parameters:
            address: as the socket module gives it, or as a layer has set it.
            context: of the request; asked for its transport where the address alone leaves that open.
        """
        if isinstance(address, tuple) and address:
            host = address[0]
            # The cache holds only text that was found to be an IP address, which means the same on any transport.
            if isinstance(host, str):
                known = self._cache.get(host)
                if known is not None:
                    return known
        located = locate(address, context.transport)
        if located is None:
            return False
        kind, packed = located
        rule = self._tables[kind].find(packed)
        verdict = self.others if rule is None else rule.allow
        # A zone is text of any length: not worth a place.
        if (kind == "ipv4" or kind == "ipv6") and "%" not in host:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[host] = verdict
        return verdict

    def decide(self, address: Any, transport: str) -> Decision:
        """The same decision with its reason, for people: slower, and it remembers nothing."""
        located = locate(address, transport)
        if located is None:
            return Decision(False, f"{address!a} is no address of a peer on {transport}")
        kind, packed = located
        rule = self._tables[kind].find(packed)
        if rule is None:
            return Decision(self.others, self.why_others)
        number = int.from_bytes(packed, "big")
        about = [other for other in self._rules if other.kind == kind and other.covers(number)]
        about.sort(key=lambda other: (-other.length, other.allow))
        return Decision(rule.allow, str(rule), tuple(str(other) for other in about if other is not rule))

    @classmethod
    def build(cls, rules: Iterable[Rule], *, any_allow: bool, any_deny: bool) -> Generator[None, None, Policy]:
        """Build a policy in small steps: a generator that yields often and returns the policy.

        Parameters:
            rules: all rules.
            any_allow: whether the configuration allows anything by name, be it a file that is empty now.
            any_deny: the same for denials.
        """
        rules = list(rules)
        if any_allow:
            others, why = False, "no rule is about it, and there are allow rules"
        elif any_deny:
            others, why = True, "no rule is about it, and there are only deny rules"
        else:
            rules, others, why = list(LOCAL_ONLY), False, "there are no rules, and it is neither loopback nor Unix"
        tables: dict[Kind, NetworkTable] = {}
        for kind in BITS:
            tables[kind] = yield from NetworkTable.build(kind, rules)
        allowing = sum(rule.allow for rule in rules)
        return cls(tables, others, why, (allowing, len(rules) - allowing), rules)

    @classmethod
    def nobody(cls, why: str) -> Policy:
        """The policy that denies everybody, for as long as the real one is not known."""
        tables = {kind: at_once(NetworkTable.build(kind, ())) for kind in BITS}
        return cls(tables, False, why, (0, 0))


_T = TypeVar("_T")


def at_once(steps: Generator[None, None, _T]) -> _T:
    """Run a generator that works in steps to its end, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result
