"""The server: rpcbind versions 3 and 4, and the port mapper, version 2, on the same table.

It is safe by default. What rpcbind has been abused for is not there, or not for strangers:

- Indirect calls (CALLIT, BCAST, INDIRECT) are not done: they made calls look as if they came from this host
  (CVE-1999-0168), and made one packet many.
- SET and UNSET are for local callers: on a Unix socket, where the kernel knows who it is, and from a loopback address
  with a privileged port. An entry belongs to who made it.
- DUMP and GETSTAT, which tell all that there is, are for local callers unless the option says otherwise.
- A reply over UDP is no longer than its call, for anybody but local callers.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from plugserve import ConfigurationError, ProtocolError
from plugserve_sunrpc.auth import AuthenticationFailed
from plugserve_sunrpc.handler import RPCHandler
from plugserve_sunrpc.message import AuthStatus
from plugserve_sunrpc.program import Call, NoReply
from plugserve_sunrpc.protocols import rpcbind as x
from plugserve_sunrpc.service import Service

from .registry import SUPERUSER, Registration, Registry
from .universal import is_loopback, is_wildcard, universal_address, without_universal_address

__all__ = ["RPCBindHandler", "rpcbind_handler"]

_PROTOCOLS: Final = {x.IPPROTO_TCP: "tcp", x.IPPROTO_UDP: "udp"}
_NUMBERS: Final = {name: number for number, name in _PROTOCOLS.items()}
# What /etc/netconfig says of each: semantics (1 connectionless, 3 with orderly release), family, protocol.
_NETWORKS: Final = {
    "udp": (1, b"inet", b"udp"),
    "tcp": (3, b"inet", b"tcp"),
    "udp6": (1, b"inet6", b"udp"),
    "tcp6": (3, b"inet6", b"tcp"),
    "local": (3, b"loopback", b"-"),
}
_STATISTICS: Final = 64
"""Different programs of which GETSTAT counts questions; those that were not asked for longest go."""
_PRIVILEGED: Final = 1024
_RPCBIND: Final = x.RPCBVERSServer.number
_SOCKADDR: Final = struct.Struct("=H2s4s8x")
_SOCKADDR6: Final = struct.Struct("=H2sI16sI")
_MOST_COUNT: Final = 0x7FFF_FFFF


class _Common:
    """What the three versions share, and the decisions.

    Parameters:
        registry: the table.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._lock = threading.Lock()
        self._known: set[tuple[str, str]] = set()
        self._calls: dict[int, Counter[int]] = {2: Counter(), 3: Counter(), 4: Counter()}
        self._done: dict[int, Counter[str]] = {2: Counter(), 3: Counter(), 4: Counter()}
        self._asked: dict[int, OrderedDict[tuple[int, int, str], list[int]]] = {
            version: OrderedDict() for version in (2, 3, 4)
        }

    # -- who it is -----------------------------------------------------------------------------------------------------

    @staticmethod
    def netid(call: Call) -> str:
        """The transport that the call came on."""
        address = call.client_address
        if not isinstance(address, tuple):
            return "local"
        kind = "tcp" if call.handler is None or call.handler.is_stream else "udp"
        host = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if host.version == 4 or host.ipv4_mapped is not None:
            return kind
        return f"{kind}6"

    @staticmethod
    def is_local(call: Call) -> bool:
        """Whether the caller is on this host."""
        address = call.client_address
        return not isinstance(address, tuple) or is_loopback(str(address[0]))

    def owner(self, call: Call) -> str | None:
        """Whose entries the caller may make and remove; None: nobody's."""
        address = call.client_address
        if isinstance(address, tuple):
            if not is_loopback(str(address[0])):
                return None
            if address[1] < _PRIVILEGED:
                return SUPERUSER
            return "unknown" if call.handler.options.insecure else None
        context = call.context
        credentials = None if context is None else context.peer_credentials
        if credentials is None:
            return None
        return SUPERUSER if credentials.uid == 0 else str(credentials.uid)

    def count(self, call: Call) -> None:
        """Count a call, and know the listener that it came to as one of rpcbind's own."""
        counter = self._calls[call.version]
        counter[call.procedure] = min(counter[call.procedure] + 1, _MOST_COUNT)
        server = getattr(call.handler, "server", None)
        if server is None:
            return
        for netid, address in addresses_of(server):
            if (netid, address) in self._known:
                continue
            with self._lock:
                self._known.add((netid, address))
            for version in (2, 3, 4):
                if version != 2 or netid in _NUMBERS:
                    self.registry.set(Registration(_RPCBIND, version, netid, address, SUPERUSER))

    def all_for(self, call: Call) -> list[Registration]:
        """All entries, for those who may see them.

        Raises: `AuthenticationFailed`.
        """
        if not self.is_local(call) and call.handler.options.dump != "all":
            raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK, "the table is not for strangers")
        return self.registry.all()

    # -- changing ------------------------------------------------------------------------------------------------------

    def set(self, call: Call, program: int, version: int, netid: str, address: str) -> bool:
        """Make an entry. Nobody but root registers a port that only root can have, or rpcbind itself."""
        owner = self.owner(call)
        if owner is None or netid not in _NETWORKS:
            return False
        if netid != "local":
            try:
                _, port = without_universal_address(address)
            except ProtocolError:
                return False
            if port == 0 or (port < _PRIVILEGED and owner != SUPERUSER):
                return False
        elif not address.startswith(("/", "@")):
            return False
        if program == _RPCBIND and owner != SUPERUSER:
            return False
        done = self.registry.set(Registration(program, version, netid, address, owner))
        self._done[call.version]["set"] += done
        return done

    def unset(self, call: Call, program: int, version: int, netid: str) -> bool:
        """Remove one."""
        owner = self.owner(call)
        if owner is None:
            return False
        done = self.registry.unset(program, version, netid, owner)
        self._done[call.version]["unset"] += done
        return done

    # -- asking --------------------------------------------------------------------------------------------------------

    def find(self, call: Call, program: int, version: int, netid: str, *, exact: bool = False) -> str:
        """The universal address at which the caller reaches a program; empty: none."""
        found = self.registry.find(program, version, netid, exact=exact)
        address = "" if found is None else self.reachable(call, found)
        self._note(call, program, version, netid, found=bool(address))
        return address

    def reachable(self, call: Call, entry: Registration) -> str:
        """Its address as the caller must write it: of all addresses of the host, the one that he has asked."""
        if entry.netid == "local":
            return entry.address if self.is_local(call) else ""
        host, port = without_universal_address(entry.address)
        if is_loopback(host):
            return entry.address if self.is_local(call) else ""
        if not is_wildcard(host):
            return entry.address
        # Asking for it makes the datagram's connection, which costs; so only here.
        if call.context is None:
            return entry.address
        local = call.context.local_address
        here = str(local[0]) if isinstance(local, tuple) else ("::1" if ":" in host else "127.0.0.1")
        asked = ipaddress.ip_address(here.partition("%")[0])
        mapped = getattr(asked, "ipv4_mapped", None)
        asked = mapped or asked
        if (asked.version == 6) != (":" in host) or is_wildcard(str(asked)):
            return entry.address
        return universal_address(str(asked), port)

    def _note(self, call: Call, program: int, version: int, netid: str, *, found: bool) -> None:
        with self._lock:
            asked = self._asked[call.version]
            counts = asked.setdefault((program, version, netid), [0, 0])
            asked.move_to_end((program, version, netid))
            counts[not found] = min(counts[not found] + 1, _MOST_COUNT)
            if len(asked) > _STATISTICS:
                asked.popitem(last=False)

    def statistics(self) -> tuple[x.rpcb_stat, ...]:
        """What GETSTAT tells, of each version."""
        with self._lock:
            return tuple(
                x.rpcb_stat(
                    tuple(self._calls[version][procedure] for procedure in range(x.RPCBSTAT_HIGHPROC)),
                    min(self._done[version]["set"], _MOST_COUNT),
                    min(self._done[version]["unset"], _MOST_COUNT),
                    tuple(
                        x.rpcbs_addrlist(program, number, good, bad, netid.encode())
                        for (program, number, netid), (good, bad) in self._asked[version].items()
                    ),
                    (),
                )
                for version in (2, 3, 4)
            )


def addresses_of(server: Any) -> list[tuple[str, str]]:
    """Netid and universal address of each way to a listener; one that serves both families has two."""
    transport, address = type(server).transport, server.server_address
    if transport in ("unix", "unix-seqpacket"):
        path = os.fsdecode(address)
        return [("local", f"@{path[1:]}" if path.startswith("\0") else path)]
    if transport not in ("tcp", "udp"):
        return []
    host, port = str(address[0]), int(address[1])
    if ":" not in host:
        return [(transport, universal_address(host, port))]
    found = [(f"{transport}6", universal_address(host, port))]
    if host == "::":
        try:
            both = not server.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        except (OSError, AttributeError):
            both = False
        if both:
            found.append((transport, universal_address("0.0.0.0", port)))
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class PortMapper(x.PMAP_VERSServer):
    """Version 2: TCP and UDP over IPv4, with ports instead of addresses."""

    def __init__(self, common: _Common) -> None:
        self._common = common

    def pmapproc_set(self, call: Call, argument: x.mapping) -> bool:
        """Register a port."""
        self._common.count(call)
        netid = _PROTOCOLS.get(argument.prot)
        if netid is None or not 0 < argument.port < 65536:
            return False
        address = universal_address("0.0.0.0", argument.port)
        return self._common.set(call, argument.prog, argument.vers, netid, address)

    def pmapproc_unset(self, call: Call, argument: x.mapping) -> bool:
        """Withdraw a version of a program, whatever the protocol and port (RFC 1833, section 3.2)."""
        self._common.count(call)
        done = [self._common.unset(call, argument.prog, argument.vers, netid) for netid in _NUMBERS]
        return any(done)

    def pmapproc_getport(self, call: Call, argument: x.mapping) -> int:
        """The port of a program; 0: none."""
        self._common.count(call)
        netid = _PROTOCOLS.get(argument.prot)
        if netid is None:
            return 0
        address = self._common.find(call, argument.prog, argument.vers, netid)
        return without_universal_address(address)[1] if address else 0

    def pmapproc_dump(self, call: Call) -> x.pmaplist_ptr:
        """All that there is."""
        self._common.count(call)
        return tuple(
            x.pmaplist(
                x.mapping(one.program, one.version, _NUMBERS[one.netid], without_universal_address(one.address)[1])
            )
            for one in self._common.all_for(call)
            if one.netid in _NUMBERS
        )

    def pmapproc_callit(self, call: Call, argument: x.call_args) -> x.call_result:
        """Not done; whom it is not done for is not told (RFC 1833, section 3.2)."""
        self._common.count(call)
        raise NoReply


class _Rpcb:
    """What versions 3 and 4 share."""

    _common: _Common

    def rpcbproc_set(self, call: Call, argument: x.rpcb) -> bool:
        """Register an address. The owner is who the caller is, whatever he says."""
        self._common.count(call)
        netid, address = _text(argument.r_netid), _text(argument.r_addr)
        return self._common.set(call, argument.r_prog, argument.r_vers, netid, address)

    def rpcbproc_unset(self, call: Call, argument: x.rpcb) -> bool:
        """Withdraw it, of one transport or of all."""
        self._common.count(call)
        return self._common.unset(call, argument.r_prog, argument.r_vers, _text(argument.r_netid))

    def rpcbproc_getaddr(self, call: Call, argument: x.rpcb) -> bytes:
        """Where a program is, on the transport that the question came on (RFC 1833, section 2.2.1)."""
        self._common.count(call)
        netid = self._netid(call, argument)
        return _bytes(self._common.find(call, argument.r_prog, argument.r_vers, netid))

    def _netid(self, call: Call, argument: x.rpcb) -> str:
        netid = self._common.netid(call)
        # On the Unix socket nearly all questions are about the network.
        return _text(argument.r_netid) or netid if netid == "local" else netid

    def rpcbproc_dump(self, call: Call) -> x.rpcblist_ptr:
        """All that there is."""
        self._common.count(call)
        return tuple(
            x.rp__list(x.rpcb(one.program, one.version, _bytes(one.netid), _bytes(one.address), _bytes(one.owner)))
            for one in self._common.all_for(call)
        )

    def rpcbproc_callit(self, call: Call, argument: x.rpcb_rmtcallargs) -> x.rpcb_rmtcallres:
        """Not done; whom it is not done for is not told (RFC 1833, section 2.2.1)."""
        self._common.count(call)
        raise NoReply

    rpcbproc_bcast = rpcbproc_callit

    def rpcbproc_gettime(self, call: Call) -> int:
        """Seconds since 1970."""
        self._common.count(call)
        return int(time.time()) & 0xFFFF_FFFF

    def rpcbproc_uaddr2taddr(self, call: Call, argument: bytes) -> x.netbuf:
        """A universal address as this host's own form, a struct sockaddr; empty: it is none."""
        self._common.count(call)
        try:
            host, port = without_universal_address(_text(argument))
        except ProtocolError:
            return x.netbuf(0, b"")
        address = ipaddress.ip_address(host)
        if address.version == 4:
            data = _SOCKADDR.pack(socket.AF_INET, port.to_bytes(2), address.packed)
        else:
            data = _SOCKADDR6.pack(socket.AF_INET6, port.to_bytes(2), 0, address.packed, 0)
        return x.netbuf(len(data), data)

    def rpcbproc_taddr2uaddr(self, call: Call, argument: x.netbuf) -> bytes:
        """The other way round."""
        self._common.count(call)
        data = argument.buf
        family = int.from_bytes(data[:2], sys.byteorder)
        if family == socket.AF_INET and len(data) == _SOCKADDR.size:
            _, port, host = _SOCKADDR.unpack(data)
        elif family == socket.AF_INET6 and len(data) == _SOCKADDR6.size:
            _, port, _, host, _ = _SOCKADDR6.unpack(data)
        else:
            return b""
        return universal_address(str(ipaddress.ip_address(host)), int.from_bytes(port)).encode()


class Rpcb3(_Rpcb, x.RPCBVERSServer):
    """Version 3."""

    def __init__(self, common: _Common) -> None:
        self._common = common


class Rpcb4(_Rpcb, x.RPCBVERS4Server):
    """Version 4. INDIRECT is not among its procedures."""

    procedures: ClassVar = {
        number: procedure for number, procedure in x.RPCBVERS4Server.procedures.items() if number != 10
    }

    def __init__(self, common: _Common) -> None:
        self._common = common

    def rpcbproc_getversaddr(self, call: Call, argument: x.rpcb) -> bytes:
        """As GETADDR, of this version only."""
        self._common.count(call)
        netid = self._netid(call, argument)
        return _bytes(self._common.find(call, argument.r_prog, argument.r_vers, netid, exact=True))

    def rpcbproc_indirect(self, call: Call, argument: x.rpcb_rmtcallargs) -> x.rpcb_rmtcallres:
        """Not done."""
        raise NoReply

    def rpcbproc_getaddrlist(self, call: Call, argument: x.rpcb) -> x.rpcb_entry_list_ptr:
        """All addresses of a version, of the transport's family."""
        self._common.count(call)
        family = _NETWORKS[self._common.netid(call)][1]
        found: list[x.rpcb_entry_list] = []
        for one in self._common.registry.all():
            semantics, protocols, protocol = _NETWORKS[one.netid]
            if (one.program, one.version, protocols) == (argument.r_prog, argument.r_vers, family):
                address = self._common.reachable(call, one)
                if address:
                    entry = x.rpcb_entry(_bytes(address), _bytes(one.netid), semantics, protocols, protocol)
                    found.append(x.rpcb_entry_list(entry))
        return tuple(found)

    def rpcbproc_getstat(self, call: Call) -> x.rpcb_stat_byvers:
        """What has been asked, for those who may see the table."""
        self._common.count(call)
        self._common.all_for(call)
        return self._common.statistics()


class RPCBindHandler(RPCHandler):
    """Serves rpcbind. All listeners of a process have one table; `rpcbind_handler` makes a class with its own."""

    @dataclass(frozen=True, kw_only=True)
    class Options(RPCHandler.Options):
        """Options of `rpcbind`, and those of every RPC service.

        Parameters:
            dump: who may see the whole table, and the statistics: `local` callers, or `all`.
            insecure: whether local callers may register from ports of 1024 and above, where every user of the host can
                come from. On a Unix socket they may anyway, since there the kernel knows who they are.

        Errors: as of `RPCHandler.Options`.
        """

        dump: Literal["local", "all"] = "local"
        insecure: bool = False
        record: int = 16 * 1024
        fragments: int = 64
        cache_entries: int = 0

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.dump not in ("local", "all"):
                raise ConfigurationError(f"option 'dump' is {self.dump!r}: choose 'local' or 'all'", option="dump")

    options: Options
    reply_ratio = 1.0


def _programs(registry: Registry) -> tuple[Any, ...]:
    common = _Common(registry)
    return PortMapper(common), Rpcb3(common), Rpcb4(common)


def rpcbind_handler(registry: Registry | None = None) -> type[RPCBindHandler]:
    """A handler class with a table of its own.

    Parameters:
        registry: the table; None: an empty one.
    """

    class Handler(RPCBindHandler):
        """Serves rpcbind."""

        programs = _programs(Registry() if registry is None else registry)

    Handler.__name__ = Handler.__qualname__ = "RPCBindHandler"
    return Handler


# The one of this process, which all of its listeners share.
RPCBindHandler.programs = _programs(Registry())
RPCBindHandler.service = Service(RPCBindHandler.programs)
