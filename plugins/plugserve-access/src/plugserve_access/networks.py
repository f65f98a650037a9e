"""Rules as people write them, and tables that find the most specific one in a single binary search.

A table flattens its nested networks once, when it is built, into the points of the address space where the deciding
rule changes. A decision is then one `bisect` over packed addresses, whatever the number of networks and however
many different prefix lengths they have: a dictionary for each prefix length takes up to 33 probes for IPv4, and 129
for IPv6.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Generator, Iterable
from typing import Final, NamedTuple

from .addresses import BITS, Kind, pack_host

__all__ = ["BadRule", "NetworkTable", "Rule", "parse_rule"]

STEP: Final = 256
"""How many rules are worked on between two yields: about 0.3 ms, which a server's loop can spare."""

_SHOWN: Final = 60
"""Characters of a bad rule that its error shows: enough to find it, too few to fill a log with a binary file."""


class BadRule(ValueError):
    """A rule that cannot be understood. The text says what is wrong and what would be right, but not where."""


class Rule(NamedTuple):
    """One allow or deny rule.

    Parameters:
        kind: what kind of peer it is about.
        first: the first address of the network, as a number.
        length: the prefix length, in bits.
        allow: whether it allows; else it denies.
        source: the option or file that it comes from.
        line: its line in the file, from 1; its place in the option, from 1.
    """

    kind: Kind
    first: int
    length: int
    allow: bool
    source: str
    line: int

    def covers(self, address: int) -> bool:
        """Whether it is about an address of its kind, given as a number."""
        free = BITS[self.kind] - self.length
        return self.first >> free == address >> free

    @property
    def text(self) -> str:
        """The rule as it would be written."""
        if self.kind == "unix":
            return "unix"
        if self.kind == "vsock":
            return f"vsock:{self.first}" if self.length else "vsock"
        if self.kind == "ipv4":
            return str(ipaddress.IPv4Network((self.first, self.length)))
        return str(ipaddress.IPv6Network((self.first, self.length)))

    def __str__(self) -> str:
        return f"{self.text} ({'allow' if self.allow else 'deny'} rule {self.line} of {self.source})"


def parse_rule(text: str, *, allow: bool, source: str, line: int) -> Rule:
    """Read one rule: an address, a network with its prefix length, `unix`, `vsock` or `vsock:CID`.

    Errors: `BadRule`, with the right form where it can be guessed.
    """
    if text == "unix":
        return Rule("unix", 0, 0, allow, source, line)
    if text == "vsock" or text.startswith("vsock:"):
        return _parse_vsock(text, allow, source, line)
    host, slash, prefix = text.partition("/")
    located = None if "%" in host else pack_host(host)
    if located is None:
        raise _explained(text, host)
    kind, packed = located
    bits = BITS[kind]
    first = int.from_bytes(packed, "big")
    if not slash:
        return Rule(kind, first, bits, allow, source, line)
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 3):
        raise _explained(text, host)
    length = int(prefix)
    if kind == "ipv4" and ":" in host:
        # ::ffff:192.0.2.0/120 is 192.0.2.0/24. Above /96 it is no longer about mapped addresses alone, and the host
        # bits below tell so.
        length -= 96
        if length < 0:
            raise BadRule(f"{_shown(text)} reaches beyond the IPv4-mapped addresses: write 0.0.0.0/0 for all of IPv4")
    if length > bits:
        raise BadRule(f"{_shown(text)} has a prefix of more than {bits} bits: write a network such as {host}/{bits}")
    if first & ((1 << bits - length) - 1):
        start = first >> bits - length << bits - length
        network = Rule(kind, start, length, allow, source, line).text
        one = Rule(kind, first, bits, allow, source, line).text
        raise BadRule(f"{_shown(text)} has host bits set: write {network} for the network, or {one} for the one host")
    return Rule(kind, first, length, allow, source, line)


def _parse_vsock(text: str, allow: bool, source: str, line: int) -> Rule:
    _, colon, cid = text.partition(":")
    if not colon:
        return Rule("vsock", 0, 0, allow, source, line)
    if not (cid.isascii() and cid.isdigit() and len(cid) <= 10 and int(cid) < 1 << BITS["vsock"]):
        raise BadRule(f"{_shown(text)} is no vsock peer: write vsock:CID with a number below 2**32, or vsock for all")
    return Rule("vsock", int(cid), BITS["vsock"], allow, source, line)


def _explained(text: str, host: str) -> BadRule:
    """The error for what is neither an address nor a network, with the right form where it can be guessed."""
    if not text:
        return BadRule("an empty rule: remove it, or write an address or a network such as 192.0.2.0/24")
    if "%" in host:
        return BadRule(f"{_shown(text)} has a zone, and rules hold for all interfaces: write it without %...")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return BadRule(
            f"{_shown(text)} is neither an address nor a network (names are never looked up): write an address, a "
            f"network such as 192.0.2.0/24 or 2001:db8::/32, unix, vsock or vsock:CID"
        )
    return BadRule(f"{_shown(text)} is not written with a prefix length: write {network}")


def _shown(text: str) -> str:
    """Text from outside, fit for a log: escaped, and not too long."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


class NetworkTable:
    """All rules about one kind of peer. Immutable once built; `find` may be called from any thread."""

    __slots__ = ("_owners", "_points")

    def __init__(self, points: list[bytes], owners: list[Rule | None]) -> None:
        self._points = points
        self._owners = owners

    def find(self, packed: bytes) -> Rule | None:
        """The rule that decides about an address: of the most specific network; deny before allow. None: no rule.

        Parameters:
            packed: the address, of the table's kind, as `addresses.locate` packs it.
        """
        return self._owners[bisect_right(self._points, packed) - 1]

    @classmethod
    def build(cls, kind: Kind, rules: Iterable[Rule]) -> Generator[None, None, NetworkTable]:
        """Build a table in small steps: a generator that yields often and returns the table.

        Parameters:
            kind: the kind of peer; rules about other kinds are skipped.
            rules: in any order, with duplicates.
        """
        bits = BITS[kind]
        width = bits // 8
        beyond = 1 << bits
        # One number a network, so that sorting puts outer networks before inner ones and compares plain integers.
        distinct: dict[int, Rule] = {}
        for count, rule in enumerate(rules):
            if count % STEP == 0:
                yield
            if rule.kind == kind:
                key = rule.first << 8 | rule.length
                known = distinct.get(key)
                if known is None or (known.allow and not rule.allow):
                    distinct[key] = rule
        points = [bytes(width)]
        owners: list[Rule | None] = [None]

        def change(position: int, owner: Rule | None) -> None:
            point = position.to_bytes(width, "big")
            if points[-1] == point:
                owners[-1] = owner
            else:
                points.append(point)
                owners.append(owner)

        # The networks that contain the position of the sweep, outermost first, with where each ends. Networks nest or
        # are apart, never overlap in part, so the innermost always ends first.
        inside: list[tuple[int, Rule]] = []
        for count, key in enumerate(sorted(distinct)):
            if count % STEP == 0:
                yield
            rule = distinct[key]
            while inside and inside[-1][0] <= rule.first:
                end = inside.pop()[0]
                change(end, inside[-1][1] if inside else None)
            change(rule.first, rule)
            inside.append((rule.first + (1 << bits - rule.length), rule))
        while inside:
            end = inside.pop()[0]
            if end < beyond:
                change(end, inside[-1][1] if inside else None)
        return cls(points, owners)
