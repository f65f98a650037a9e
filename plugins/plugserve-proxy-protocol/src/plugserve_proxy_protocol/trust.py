"""Which peers are proxies that are believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from plugserve import ConfigurationError

__all__ = ["Trusted"]


class Trusted:
    """Networks, and Unix peers.

    Parameters:
        rules: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`, or `unix` for all Unix peers.

    Errors: `ConfigurationError` for a rule that cannot be understood, and without any.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        self._unix = False
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        if not rules:
            raise ConfigurationError(
                "trusted is empty: name the proxies, since whoever may send a header may claim any address",
                option="trusted",
            )
        for index, rule in enumerate(rules):
            if rule == "unix":
                self._unix = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(rule))
            except ValueError as error:
                raise ConfigurationError(
                    f"{rule!r} is no network: {error}; write 192.0.2.0/24, 2001:db8::1 or unix",
                    option="trusted",
                    index=index,
                ) from None

    def __contains__(self, peer: Any) -> bool:
        if not isinstance(peer, tuple):
            return self._unix
        try:
            address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped if mapped is not None else address
        return any(address.version == network.version and address in network for network in self._networks)
