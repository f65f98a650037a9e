"""The table of unfinished requests: every one by its request object, and how many a peer has."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .connection import Connection
    from .limits import Limits

__all__ = ["RequestTable", "UnfinishedRequest"]


class UnfinishedRequest(NamedTuple):
    """One row of the table, as it was when it was asked for.

    Parameters:
        id: the number of the request in its process.
        client_address: its client's.
        handler: the name of the handler class.
        state: where it is: `arrived` (before its handler: layers, votes, the wait for a first byte), `moved` or
            `queued` (on its way to a thread, worker or child), `away` (in a child), `handling`, `handled`, `closing`.
        age: seconds since it was accepted.
        idle: seconds since it waits for its peer; 0 while it does not.
        bytes_in: received so far; None where nobody can know.
        bytes_out: sent so far; None where nobody can know.
        buffered: bytes of output that the peer has not taken yet.
    """

    id: int
    client_address: Any
    handler: str
    state: str
    age: float
    idle: float
    bytes_in: int | None
    bytes_out: int | None
    buffered: int


class RequestTable(dict[int, "Connection"]):
    """The unfinished requests of one server, keyed by `id(request)`: the one thing that every method which people
    override is given."""

    def __init__(self) -> None:
        super().__init__()
        self.on_room: list[Callable[[], object]] = []
        """What to call when a request has been taken out, from any thread: there may be room for another."""
        self._peers: dict[object, int] = {}
        self._lock = threading.Lock()

    def refusal(self, c: Connection, limits: Limits) -> str | None:
        """Count a request that has been entered. Returns why it is one too many, None if it is not."""
        if limits.connections is not None and len(self) > limits.connections:
            return f"more than {limits.connections} requests at once"
        if limits.connections_per_peer is None:
            return None
        peer = peer_key(c.peer_address, limits.ipv6_prefix)
        if peer is None and not limits.count_local_peers:
            return None
        with self._lock:
            count = self._peers.get(peer, 0) + 1
            if count > limits.connections_per_peer:
                return f"more than {limits.connections_per_peer} requests at once from this peer"
            self._peers[peer] = count
            c.counted_peer = (peer,)
        return None

    def remove(self, c: Connection, *, keep_count: bool = False) -> None:
        """Take a request out. Does nothing if it is not in."""
        if self.get(id(c.request)) is c:
            del self[id(c.request)]
            if self.on_room and not keep_count:
                for call in tuple(self.on_room):
                    call()
        if c.counted_peer is not None and not keep_count:
            (peer,), c.counted_peer = c.counted_peer, None
            with self._lock:
                left = self._peers[peer] - 1
                if left:
                    self._peers[peer] = left
                else:
                    del self._peers[peer]


_MAPPED = b"\0" * 10 + b"\xff\xff"
"""The first 96 bits of an IPv4 address in IPv6 (RFC 4291, section 2.5.5.2)."""


def peer_key(address: object, ipv6_prefix: int) -> object:
    """What a peer is counted by.

    Parameters:
        address: as accept(2) gave it.
        ipv6_prefix: bits of an IPv6 address that make one peer.

    Returns: the IPv4 address; the network, and the scope, of an IPv6 one; the number of a vsock peer; None for a
        loopback or Unix peer.
    """
    if not isinstance(address, tuple) or not address:
        return None
    host = str(address[0])
    if ":" in host:
        try:
            packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        except (OSError, ValueError):
            return host  # an override's own form
        if not packed.startswith(_MAPPED):
            if packed == b"\0" * 15 + b"\1":
                return None
            network = int.from_bytes(packed, "big") >> (128 - ipv6_prefix)
            # A link-local network is another one on each interface.
            return network, address[3] if len(address) > 3 else 0
        host = socket.inet_ntop(socket.AF_INET, packed[12:])
    return None if host.startswith("127.") else host
