"""The plugin: a listener's programs are registered with the host's rpcbind while it is open."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import Any, Final

from plugserve import BaseServer, ConfigurationError, ProtocolError, hookimpl
from plugserve.faults import report
from plugserve_sunrpc.client import RPCClient
from plugserve_sunrpc.failures import ProgramMismatch, RPCError
from plugserve_sunrpc.protocols import rpcbind as x

from .server import addresses_of
from .universal import is_wildcard, without_universal_address

__all__ = ["Rpcbind"]

_SOCKETS: Final = ("/run/rpcbind.sock", "/var/run/rpcbind.sock")
_LIVE: Final = 1.0
"""Seconds in which a server that is registered already must answer to count as alive."""

_lock = threading.Lock()
_held: Counter[tuple[str, int, int, str, str]] = Counter()
"""How many listeners of this process stand behind a registration: at a reload the new one comes before the old one
goes."""


class Rpcbind:
    """Registers the programs of the listener with rpcbind when it starts, and withdraws them when it is closed.

    What an earlier run that ended without withdrawing has left is replaced. If another server answers at the address
    that is registered, the listener refuses to start.

    Parameters:
        address: of rpcbind: `unix:///run/rpcbind.sock`, or `tcp://127.0.0.1:111`; None: the socket if there is one,
            else the port.
        timeout: seconds for each question to it.
        required: whether the listener refuses to start if rpcbind cannot be reached or says no; otherwise the log is
            told, and clients must know the port.

    Errors: `ConfigurationError` for an address that is none; at the start, for a handler that has no programs, and as
        above.
    """

    plugin_name = "rpcbind"

    def __init__(self, *, address: str | None = None, timeout: float = 5.0, required: bool = True) -> None:
        if not timeout > 0:
            raise ConfigurationError(f"timeout is {timeout!r}: give seconds above 0", option="timeout")
        if address is not None:
            RPCClient(address).close()
        self._address = address
        self._timeout = timeout
        self._required = required
        self._registered: dict[int, list[tuple[int, int, str, str]]] = {}

    @hookimpl
    def server_activate(self, server: BaseServer) -> None:
        """Register."""
        service = getattr(server.handler_class, "service", None)
        versions = getattr(service, "versions", None)
        if not versions:
            raise ConfigurationError(f"{server.handler_name} serves no RPC programs: use it with a handler that does")
        places = addresses_of(server)
        if not places:
            raise ConfigurationError(f"{server.listener_name}: rpcbind knows tcp, udp and Unix sockets only")
        done = self._registered[id(server)] = []
        try:
            with self._client() as client:
                for program, numbers in versions.items():
                    for version in sorted(numbers):
                        for netid, uaddr in places:
                            self._register(client, program, version, netid, uaddr)
                            done.append((program, version, netid, uaddr))
                            with _lock:
                                _held[self._key(client, program, version, netid, uaddr)] += 1
        except (RPCError, ProtocolError, ConfigurationError) as error:
            if self._required:
                self._withdraw(server)
                if isinstance(error, ConfigurationError):
                    raise
                raise ConfigurationError(f"{error}: start rpcbind, or say required = false") from error
            report(f"plugin rpcbind: {server.listener_name}", level="warning", text=f"not registered: {error}")

    @hookimpl
    def server_close(self, server: BaseServer) -> None:
        """Withdraw."""
        self._withdraw(server)

    def _withdraw(self, server: BaseServer) -> None:
        done = self._registered.pop(id(server), [])
        if not done:
            return
        try:
            with self._client() as client:
                last = [what for what in done if self._let_go(self._key(client, *what))]
                for program, version, netid, uaddr in last:
                    # Somebody may have taken the place meanwhile.
                    if self._found(client, program, version, netid) == uaddr:
                        self._unset(client, program, version, netid)
        except (RPCError, ProtocolError) as error:
            report(f"plugin rpcbind: {server.listener_name}", level="warning", text=f"not withdrawn: {error}")

    @staticmethod
    def _let_go(key: Any) -> bool:
        """Whether no listener stands behind it any more."""
        with _lock:
            _held[key] -= 1
            if _held[key] > 0:
                return False
            del _held[key]
            return True

    @staticmethod
    def _key(client: RPCClient, *what: Any) -> Any:
        return (str(client.address), *what)

    def _client(self) -> RPCClient:
        address = self._address
        if address is None:
            there = next((path for path in _SOCKETS if os.path.exists(path)), None)
            address = f"unix://{there}" if there else f"tcp://127.0.0.1:{x.RPCB_PORT}"
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        # From the network it believes nobody but root, whom it knows by his port.
        privileged = root and not address.startswith("unix:")
        return RPCClient(address, timeout=self._timeout, privileged_port=privileged)

    def _register(self, client: RPCClient, program: int, version: int, netid: str, uaddr: str) -> None:
        old = self._found(client, program, version, netid)
        if old is not None:
            if old != uaddr and self._answers(old, netid, program, version):
                raise ConfigurationError(
                    f"program {program} version {version} is registered for {netid} at {old}, and a "
                    f"server answers there: stop it, or leave this plugin out"
                )
            with _lock:
                ours = _held[self._key(client, program, version, netid, uaddr)] > 0
            if old == uaddr and ours:
                return
            self._unset(client, program, version, netid)
        if not self._set(client, program, version, netid, uaddr):
            raise ConfigurationError(
                f"{client.address} refuses to register program {program} version {version} for "
                f"{netid}: over the network it takes that from root only; run as root, or let it have its Unix socket"
            )

    # -- the three versions of the protocol ----------------------------------------------------------------------------

    def _found(self, client: RPCClient, program: int, version: int, netid: str) -> str | None:
        """What is registered now."""
        try:
            entries = client.stub(x.RPCBVERS4Client).rpcbproc_dump()
        except ProgramMismatch as mismatch:
            if mismatch.high >= 3:
                entries = client.stub(x.RPCBVERSClient).rpcbproc_dump()
            else:
                return self._found_by_port_mapper(client, program, version, netid)
        for entry in entries:
            one = entry.rpcb_map
            if (one.r_prog, one.r_vers, one.r_netid) == (program, version, netid.encode()):
                return one.r_addr.decode("utf-8", "surrogateescape")
        return None

    def _found_by_port_mapper(self, client: RPCClient, program: int, version: int, netid: str) -> str | None:
        number = {"tcp": x.IPPROTO_TCP, "udp": x.IPPROTO_UDP}.get(netid)
        for entry in client.stub(x.PMAP_VERSClient).pmapproc_dump():
            one = entry.map
            if (one.prog, one.vers, one.prot) == (program, version, number):
                return f"0.0.0.0.{one.port >> 8 & 255}.{one.port & 255}"
        return None

    def _set(self, client: RPCClient, program: int, version: int, netid: str, uaddr: str) -> bool:
        owner = str(os.geteuid()) if hasattr(os, "geteuid") else ""
        entry = x.rpcb(program, version, netid.encode(), uaddr.encode("utf-8", "surrogateescape"), owner.encode())
        try:
            return client.stub(x.RPCBVERS4Client).rpcbproc_set(entry)
        except ProgramMismatch as mismatch:
            if mismatch.high >= 3:
                return client.stub(x.RPCBVERSClient).rpcbproc_set(entry)
        number = {"tcp": x.IPPROTO_TCP, "udp": x.IPPROTO_UDP}.get(netid)
        if number is None:
            return True  # a port mapper knows no others, and nobody will ask it
        _, port = without_universal_address(uaddr)
        return client.stub(x.PMAP_VERSClient).pmapproc_set(x.mapping(program, version, number, port))

    def _unset(self, client: RPCClient, program: int, version: int, netid: str) -> bool:
        entry = x.rpcb(program, version, netid.encode(), b"", b"")
        try:
            return client.stub(x.RPCBVERS4Client).rpcbproc_unset(entry)
        except ProgramMismatch as mismatch:
            if mismatch.high >= 3:
                return client.stub(x.RPCBVERSClient).rpcbproc_unset(entry)
        done = client.stub(x.PMAP_VERSClient).pmapproc_unset(x.mapping(program, version, 0, 0))
        # That was of all transports (RFC 1833, section 3.2): those that are not meant come back.
        with _lock:
            held = [key[1:] for key in _held if key[:3] == (str(client.address), program, version)]
        for _, _, other, uaddr in held:
            if other != netid:
                self._set(client, program, version, other, uaddr)
        return done

    @staticmethod
    def _answers(uaddr: str, netid: str, program: int, version: int) -> bool:
        """Whether a server is there."""
        if netid == "local":
            address = f"unix://{uaddr}"
        else:
            try:
                host, port = without_universal_address(uaddr)
            except ProtocolError:
                return False
            if is_wildcard(host):
                host = "::1" if ":" in host else "127.0.0.1"
            address = f"{netid.removesuffix('6')}://{f'[{host}]' if ':' in host else host}:{port}"
        try:
            with RPCClient(address, timeout=_LIVE, first_wait=_LIVE / 4) as client:
                client.call(program, version, 0)
        except (RPCError, ProtocolError, ConfigurationError):
            # Whoever denies that he has the program is not the one that was registered.
            return False
        return True
