"""Who may use a listener: rules about identity, group, network, time, certificate and listener.

Without rules, whoever has proved who it is may. With any rule, who is to be served must be allowed by one, and denied
by none: the order of rules means nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from plugserve import Identity

__all__ = ["Decision", "Facts", "Policy", "Rule"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")

Texts = str | Sequence[str]


class Facts(Protocol):
    """What rules look at, besides the identity; a `plugserve.Context` has it."""

    @property
    def client_address(self) -> Any: ...
    @property
    def transport(self) -> str: ...
    @property
    def identity(self) -> Any: ...
    @property
    def listener_name(self) -> str: ...


class Decision(NamedTuple):
    """A decision, explained; its `str` is a sentence.

    Parameters:
        allowed: whether the client is served; None: that depends on who it will prove to be.
        why: the rule that decided, or why none did.
    """

    allowed: bool | None
    why: str

    def __str__(self) -> str:
        word = {True: "allowed", False: "denied", None: "depends on who it proves to be"}[self.allowed]
        return f"{word}: {self.why}"


class _Who(NamedTuple):
    """Whom a rule names. Names and groups stand apart: whoever issues certificates or tokens may give anybody the
    name `@staff` or `*`."""

    names: frozenset[str]
    groups: frozenset[str]
    everybody: bool
    anybody: bool


_NOBODY: Final = _Who(frozenset(), frozenset(), False, False)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule, as it stands in a configuration: who is allowed or denied, and the conditions, all of which must hold.

    Parameters:
        allow: whom it lets in: a name, `@group`, `*` (everybody who has proved who it is) or `anybody` (the others, and
            anonymous ones, too), or several of these.
        deny: whom it keeps out, likewise. A rule has either.
        network: addresses or networks that the client comes from, or `unix`.
        days: days of the week, such as `"mon-fri"` or `["sat", "sun"]`.
        hours: times of the day, such as `"08:00-18:00"`; they may go over midnight, and belong to the day on which they
            begin.
        timezone: in which days and hours are meant, such as `"Europe/Vienna"`; that of the host if None.
        method: how the identity was proved, such as `"tls"` or `"scram-*"`.
        certificate: fields of the client's certificate and what they must be; `*` and `?` as in file names.
        listener: the names of listeners that it is for.

    Errors: `ValueError` for what means nothing.
    """

    allow: Texts | None = None
    deny: Texts | None = None
    network: Texts | None = None
    days: Texts | None = None
    hours: Texts | None = None
    timezone: str | None = None
    method: Texts | None = None
    certificate: Mapping[str, str] | None = None
    listener: Texts | None = None
    allows: bool = field(init=False, default=False, repr=False)
    _who: _Who = field(init=False, default=_NOBODY, repr=False)
    _networks: tuple[Any, ...] = field(init=False, default=(), repr=False)
    _days: frozenset[int] = field(init=False, default=frozenset(), repr=False)
    _hours: tuple[tuple[int, int], ...] = field(init=False, default=(), repr=False)
    _zone: ZoneInfo | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.allow is None) == (self.deny is None):
            raise ValueError("a rule has either allow or deny")
        known = {
            "allows": self.deny is None,
            "_who": _who(_texts(self.allow if self.deny is None else self.deny)),
            "_networks": tuple(_network(text) for text in _texts(self.network)),
            "_days": frozenset(day for text in _texts(self.days) for day in _parse_days(text)),
            "_hours": tuple(_parse_hours(text) for text in _texts(self.hours)),
            "_zone": _zone(self.timezone),
        }
        for name in ("network", "days", "hours", "method", "listener"):
            texts = getattr(self, name)
            if texts is not None and not (_texts(texts) and all(_texts(texts))):
                raise ValueError(f"{name} is empty: leave it out, or the rule means nobody")
        if self.certificate is not None and not self.certificate:
            raise ValueError("certificate is empty: leave it out, or say what the certificate must have")
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def is_about(self, identity: Identity | None) -> bool:
        """Whether this identity, or somebody without one, is among those it names."""
        who = self._who
        if who.anybody:
            return True
        if identity is None:
            return False
        if who.everybody and identity.method != "anonymous":
            return True
        return identity.name in who.names or not who.groups.isdisjoint(identity.groups)

    def holds(self, facts: Facts, now: Callable[[ZoneInfo | None], datetime]) -> bool:
        """Whether the conditions that do not depend on the identity hold."""
        if self.listener is not None and facts.listener_name not in _texts(self.listener):
            return False
        if self._networks and not _comes_from(facts, self._networks):
            return False
        return not (self._days or self._hours) or self._is_time(now(self._zone))

    def _is_time(self, moment: datetime) -> bool:
        minute, today = moment.hour * 60 + moment.minute, moment.weekday()
        for start, end in self._hours or ((0, 24 * 60),):
            over_midnight = start > end
            early = over_midnight and minute < end
            # What goes over midnight belongs to the day on which it begins: Friday's night shift ends on Saturday.
            day = (today - 1) % 7 if early else today
            within = early or (minute >= start and (over_midnight or minute < end))
            if within and (not self._days or day in self._days):
                return True
        return False

    def fits(self, identity: Identity | None, facts: Facts) -> bool:
        """Whether the conditions about how the identity was proved hold."""
        if self.method is not None and (
            identity is None or not any(fnmatchcase(identity.method, text) for text in _texts(self.method))
        ):
            return False
        if self.certificate is not None:
            known = _certificate(identity, facts)
            for name, wanted in self.certificate.items():
                values = known.get(name)
                listed = values if isinstance(values, (list, tuple, set, frozenset)) else [values]
                if not any(value is not None and fnmatchcase(str(value), wanted) for value in listed):
                    return False
        return True

    def __str__(self) -> str:
        parts = [f"{'allow' if self.allows else 'deny'} {', '.join(_texts(self.allow or self.deny))}"]
        if self.network is not None:
            parts.append(f"from {', '.join(_texts(self.network))}")
        if self.days is not None:
            parts.append(f"on {', '.join(_texts(self.days))}")
        if self.hours is not None:
            parts.append(f"at {', '.join(_texts(self.hours))}")
        if self.method is not None:
            parts.append(f"by {', '.join(_texts(self.method))}")
        if self.certificate is not None:
            parts.append("with " + ", ".join(f"{key} {value}" for key, value in self.certificate.items()))
        if self.listener is not None:
            parts.append(f"on listener {', '.join(_texts(self.listener))}")
        return " ".join(parts)


class Policy:
    """All rules of a listener.

    Parameters:
        rules: in any order.
        now: the time in a zone, or in that of the host; for tests.
    """

    def __init__(self, rules: Sequence[Rule], *, now: Callable[[ZoneInfo | None], datetime] = datetime.now) -> None:
        self.rules = tuple(rules)
        self._now = now

    def decide(self, identity: Identity | None, facts: Facts, *, final: bool = True) -> Decision:
        """Whether a client is served.

        Parameters:
            identity: who it is; None if it has not proved anything.
            facts: of its request.
            final: whether this is all that it will prove; else an identity may still come.
        """
        if not self.rules:
            return Decision(True, "there are no rules")
        allowing = possible = None
        for number, rule in enumerate(self.rules, 1):
            if not rule.holds(facts, self._now):
                continue
            if rule.is_about(identity) and rule.fits(identity, facts):
                if not rule.allows:
                    return Decision(False, f"rule {number} ({rule})")
                allowing = allowing or f"rule {number} ({rule})"
            elif rule.allows and possible is None:
                possible = f"rule {number} ({rule})"
        if not final and identity is None and (allowing or possible):
            return Decision(None, allowing or possible or "")
        if allowing is not None:
            return Decision(True, allowing)
        who = "somebody without an identity" if identity is None else str(identity)
        return Decision(False, f"no rule allows {who} here and now")


def _texts(value: Texts | None) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",")) if value.strip() else ()
    return tuple(value)


def _who(texts: tuple[str, ...]) -> _Who:
    if not texts or not all(texts) or "@" in texts:
        raise ValueError("a rule says who: a name, @group, * or anybody")
    groups = frozenset(text[1:] for text in texts if text.startswith("@"))
    names = frozenset(text for text in texts if not text.startswith("@")) - {"*", "anybody"}
    return _Who(names, groups, "*" in texts, "anybody" in texts)


def _network(text: str) -> Any:
    if text == "unix":
        return text
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"network has {text!r}, which is neither unix nor a network: {error}") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        # Clients are compared by their IPv4 address, however the kernel writes it.
        return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def _comes_from(facts: Facts, networks: tuple[Any, ...]) -> bool:
    address = facts.client_address
    host = address[0] if isinstance(address, tuple) and address else None
    if not isinstance(host, str):
        return facts.transport.startswith("unix") and "unix" in networks
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(network != "unix" and found in network for network in networks)


def _parse_days(text: str) -> list[int]:
    first, dash, last = (part.strip() for part in text.lower().partition("-"))
    if first not in _DAYS or (dash and last not in _DAYS):
        raise ValueError(f"days has {text!r}: give days such as mon, or mon-fri")
    start = _DAYS.index(first)
    if not dash:
        return [start]
    count = (_DAYS.index(last) - start) % 7 + 1
    return [(start + step) % 7 for step in range(count)]


def _parse_hours(text: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ValueError(f"hours has {text!r}: give times such as 08:00-18:00")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if start == end or end > 24 * 60:
        raise ValueError(f"hours has {text!r}, which is no time at all, or after 24:00")
    return start, end


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"timezone is {name!r}, which is not known here: give one such as Europe/Vienna") from None


def _certificate(identity: Identity | None, facts: Facts) -> Mapping[str, Any]:
    """The fields of the client's certificate, wherever an identity keeps them, and its `name`."""
    if identity is not None and isinstance(identity.claims.get("certificate"), Mapping):
        kept: Mapping[str, Any] = identity.claims["certificate"]
        return kept
    for one in (identity, facts.identity):
        if isinstance(one, Identity) and one.method == "tls":
            return {"name": one.name, **one.claims}
    return {}
