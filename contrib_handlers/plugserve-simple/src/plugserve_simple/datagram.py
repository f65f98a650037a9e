"""Which datagrams are answered: never a service that might answer back, and never with more than was asked with.

The sender's address of a datagram can be invented, so a server that answers can be aimed at somebody. Two things are
done with that:

- a *loop*: the invented address is that of another server, which answers the answer, and so on for ever
  (CVE-2024-2169; for echo and chargen known since CERT's CA-1996-01);
- an *amplifier*: the invented address is the victim's, and the answer is longer than the question (chargen 358 times,
  qotd 140 times: CISA, TA14-017A).

So a reply is shorter than its request (that of echo is as long as it). That is no amplifier; and as a length cannot go
down for ever, two such servers make no loop. For the rest there is a budget of replies: it ends a loop with a server
that makes datagrams longer, one of echo with echo, and what the mode `rfc` would otherwise allow.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from .budget import ReplyBudget

__all__ = ["ANSWERING_PORTS", "Mode", "comes_from_service", "may_reply"]

Mode = Literal["safe", "rfc"]

_RESERVED: Final = 1024
"""Ports below are those of services: echo 7, daytime 13, qotd 17, chargen 19, time 37, DNS 53, TFTP 69, NTP 123 ... No
client has one, nor does a NAT give it one (RFC 4787, REQ-4). 0 asks for no answer (RFC 768)."""

ANSWERING_PORTS: Final = frozenset(
    {
        1194,  # OpenVPN
        1434,  # SQL Server resolution
        1701,  # L2TP
        1900,  # SSDP
        3283,  # Apple remote desktop
        3478,  # STUN
        3702,  # WS-Discovery
        5060,  # SIP
        5093,  # Sentinel licence manager
        5351,  # NAT-PMP
        5353,  # multicast DNS
        5683,  # CoAP
        10001,  # Ubiquiti discovery
        11211,  # memcached
        27015,  # Source engine
        27960,  # Quake 3
    }
)
"""Other ports of services that answer what nobody asked (most are in CISA's TA14-017A). All lie below the ports that
systems hand out to clients: Linux from 32768, others from 49152 (RFC 6335, section 6)."""


def comes_from_service(client: Any, local: Any) -> bool:
    """Whether a datagram comes from a port that clients do not have: a service's, or our own.

    Parameters:
        client: the sender's address, `(host, port, ...)`; the path of a Unix socket is no port.
        local: the address that it was sent to; None if nobody knows.
    """
    if not isinstance(client, tuple):
        return False
    port = client[1]
    return port < _RESERVED or port in ANSWERING_PORTS or (isinstance(local, tuple) and port == local[1])


def may_reply(
    request: int, reply: int, *, client: Any, local: Any, mode: Mode, budget: ReplyBudget, now: float
) -> bool:
    """Whether to send a reply that has nothing to do with what the request says.

    Parameters:
        request: its length in bytes.
        reply: its length in bytes.
        client: the sender's address.
        local: the address that it was sent to; None if nobody knows.
        mode: `"safe"`: only replies that are shorter than their request, from the budget of the sender's address and
            port. `"rfc"`: longer ones too, from the budget of its host.
        budget: what this listener's peers have left.
        now: seconds, for the budget.
    """
    # A Unix socket without a name cannot be answered.
    if not client or comes_from_service(client, local):
        return False
    if not isinstance(client, tuple):
        # The kernel vouches for the path of a Unix socket, so there is no victim to flood; but whoever owns a path can
        # put another server's socket there, so a loop is possible all the same.
        return budget.take(client, now)
    if mode == "rfc":
        # By host, not by port: the victim of a flood is a host, and ports are cheap to invent.
        return budget.take(client[0], now)
    return reply < request and budget.take(client, now)
