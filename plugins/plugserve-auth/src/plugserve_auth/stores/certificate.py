"""Clients known by their certificate, which the encryption layer has checked and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from plugserve import Context, Identity

__all__ = ["ClientCertificate"]


class ClientCertificate:
    """Takes over who the encryption layer says that the client is, under a name and with groups of our own.

    Parameters:
        users: the certificate's name, as the encryption layer has it, to the name that it stands for. With any, other
            certificates are nobody's; without, each stands for its own name.
        groups: a group to the names (of ours) that are in it.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] = MappingProxyType({}),
        groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._users = dict(users)
        self._groups = {group: frozenset(names) for group, names in groups.items()}

    def check_peer(self, context: Context) -> Identity | None:
        """Who the certificate belongs to; None without one."""
        found = context.identity
        if context.tls is None or not isinstance(found, Identity) or found.method != "tls":
            return None
        # Asked a second time, it finds its own answer: a name of ours is not that of a certificate.
        facts = found.claims.get("certificate")
        if not isinstance(facts, Mapping):
            facts = MappingProxyType({"name": found.name, **found.claims})
        certified = str(facts.get("name", found.name))
        name = self._users.get(certified) if self._users else certified
        if name is None:
            return None
        own = frozenset(group for group, names in self._groups.items() if name in names)
        claims = MappingProxyType({**found.claims, "certificate": facts})
        return replace(found, name=name, groups=found.groups | own, claims=claims)
