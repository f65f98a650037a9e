"""The plugin: its options, and where in the life of a request it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from plugserve import ConfigurationError, Connection, Context, PluginMixIn, RequestRejected, hookimpl

from .header import ProxyHeader
from .protocol import HeaderReader
from .trust import Trusted

__all__ = ["ProxyProtocol", "ProxyProtocolMixIn"]

_LEAST = 16 + 216
"""Bytes of a header with two Unix addresses."""


class ProxyProtocol:
    """Reads the header that a proxy sends before the client's bytes, and takes the client's address from it.

    The header is required: what comes without one is refused, since a client that could choose would choose. It is
    believed from the proxies in `trusted` alone, by the address of the machine at the other end of the socket. From
    then on `context.client_address` is the client's, for votes, limits and logs; `context.peer_address` stays the
    proxy's. The whole header is `ProxyProtocol.header_of(context)`. Its time is bounded by `Limits.layers_timeout`.

    Parameters:
        trusted: the proxies: addresses, networks, or `unix` for all Unix peers.
        versions: the versions of the protocol that are accepted.
        max_size: bytes of a header of version 2 at the most.

    Errors: `ConfigurationError` for what cannot be understood, and without any proxy.
    """

    plugin_name = "proxy-protocol"
    phase = "peer"

    def __init__(
        self, *, trusted: Sequence[str], versions: Sequence[Literal[1, 2]] = (1, 2), max_size: int = 1024
    ) -> None:
        self._trusted = Trusted(trusted)
        if not versions or not set(versions) <= {1, 2}:
            raise ConfigurationError("versions are 1, 2 or both", option="versions")
        if max_size < _LEAST:
            raise ConfigurationError(
                f"max_size is {max_size}: a header may have {_LEAST} bytes for its addresses alone", option="max_size"
            )
        self._versions = tuple(versions)
        self._max_size = max_size

    @hookimpl
    def verify_request(self, context: Context) -> None:
        """Refuse whoever is no proxy, before a byte is read."""
        if context.peer_address not in self._trusted:
            raise RequestRejected("the peer is no trusted proxy: only those speak the PROXY protocol here")

    @hookimpl
    async def open_connection(self, connection: Connection, context: Context) -> None:
        """Read the header, and not one byte more."""
        reader = HeaderReader(self._versions, self._max_size)
        header = None
        while header is None:
            header = reader.feed(await connection.read_exactly(reader.wanted))
        context.data[self.plugin_name] = header
        if not header.local and header.source is not None:
            connection.client_address = header.source

    @staticmethod
    def header_of(context: Context) -> ProxyHeader | None:
        """The header of a connection; None before it has come."""
        header: ProxyHeader | None = context.data.get(ProxyProtocol.plugin_name)
        return header


class ProxyProtocolMixIn(PluginMixIn):
    """Mix-in: a server behind a proxy; the parameters of `ProxyProtocol` are its attributes
    `proxy_protocol_trusted`, ..."""

    plugin_class = ProxyProtocol
