"""The server: rpcbind versions 3 and 4, and the port mapper, version 2, on the same table.

It is safe by default. What rpcbind has been abused for is not there, or not for strangers:

- Indirect calls (CALLIT, BCAST, INDIRECT) are not done: they made calls look as if they came from this host
  (CVE-1999-0168), and made one packet many.
- SET and UNSET are for local callers: on a Unix socket, where the kernel knows who it is, and from a loopback address
  with a privileged port. An entry belongs to who made it.
- DUMP and GETSTAT, which tell all that there is, are for local callers unless the option says otherwise.
- A reply over UDP is at most 1.3 times as long as its call, for anybody but local callers.
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

from plugserve import BaseServer, ConfigurationError, ProtocolError
from plugserve_sunrpc.auth import AuthenticationFailed
from plugserve_sunrpc.handler import RPCHandler
from plugserve_sunrpc.message import AuthStatus
from plugserve_sunrpc.program import Call, NoReply
from plugserve_sunrpc.protocols import rpcbind as x
from plugserve_sunrpc.service import Service

from .registry import SUPERUSER, Registration, Registry
from .universal import canonical_address, is_loopback, is_wildcard, universal_address, without_universal_address

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
        self._own: dict[int, list[Registration]] = {}
        self._unprivileged = first_unprivileged_port()
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
    def peer_address(call: Call) -> Any:
        """The address at the other end of the socket: not the caller's own where a proxy is between."""
        # In front of datagrams there is none, and asking makes their connection, which costs.
        if call.handler is None or not call.handler.is_stream or call.context is None:
            return call.client_address
        return call.context.peer_address

    def is_local(self, call: Call) -> bool:
        """Whether the caller is on this host; behind a proxy, whether both are."""
        addresses = (call.client_address, self.peer_address(call))
        return all(not isinstance(one, tuple) or is_loopback(str(one[0])) for one in addresses)

    def owner(self, call: Call) -> str | None:
        """Whose entries the caller may make and remove; None: nobody's."""
        address = call.client_address
        # What a proxy says of a port or a user is not the kernel's word.
        if not self.is_local(call) or self.peer_address(call) != address:
            return None
        if isinstance(address, tuple):
            if 0 < address[1] < self._unprivileged:
                return SUPERUSER
            return "unknown" if call.handler.options.insecure else None
        context = call.context
        credentials = None if context is None else context.peer_credentials
        if credentials is None:
            return None
        return SUPERUSER if credentials.uid == 0 else str(credentials.uid)

    def count(self, call: Call) -> None:
        """Count a call."""
        counter = self._calls[call.version]
        counter[call.procedure] = min(counter[call.procedure] + 1, _MOST_COUNT)

    # -- rpcbind's own entries -----------------------------------------------------------------------------------------

    def begin(self, server: BaseServer) -> None:
        """Have a listener of rpcbind itself in the table, where nobody else can make or remove it."""
        own = [
            Registration(_RPCBIND, version, netid, address, SUPERUSER)
            for netid, address in addresses_of(server)
            for version in ((2, 3, 4) if netid in _NUMBERS else (3, 4))
        ]
        with self._lock:
            self._own[id(server)] = own

    def end(self, server: BaseServer) -> None:
        """The listener has ended."""
        with self._lock:
            self._own.pop(id(server), None)

    def own(self) -> list[Registration]:
        """Those of all listeners."""
        with self._lock:
            return [one for of_listener in self._own.values() for one in of_listener]

    def all(self) -> list[Registration]:
        """Everything."""
        return self.own() + self.registry.all()

    def all_for(self, call: Call) -> list[Registration]:
        """All entries, for those who may see them.

        Raises: `AuthenticationFailed`.
        """
        if not self.is_local(call) and call.handler.options.dump != "all":
            raise AuthenticationFailed(AuthStatus.AUTH_TOOWEAK, "the table is not for strangers")
        return self.all()

    # -- changing ------------------------------------------------------------------------------------------------------

    def set(self, call: Call, program: int, version: int, netid: str, address: str) -> bool:
        """Make an entry. Nobody but root registers a port that only root can have, and nobody rpcbind itself."""
        owner = self.owner(call)
        if owner is None or program == _RPCBIND:
            return False
        try:
            address = canonical_address(netid, address)
        except ProtocolError:
            return False
        if netid != "local" and owner != SUPERUSER and without_universal_address(address)[1] < _PRIVILEGED:
            return False
        done = self.registry.set(Registration(program, version, netid, address, owner))
        self._done[call.version]["set"] += done
        return done

    def unset(self, call: Call, program: int, version: int, netid: str) -> bool:
        """Remove one."""
        owner = self.owner(call)
        if owner is None or program == _RPCBIND:
            return False
        done = self.registry.unset(program, version, netid, owner)
        self._done[call.version]["unset"] += done
        return done

    # -- asking --------------------------------------------------------------------------------------------------------

    def find(self, call: Call, program: int, version: int, netid: str, *, exact: bool = False) -> str:
        """The universal address at which the caller reaches a program; empty: none."""
        found: Registration | None
        if program == _RPCBIND:
            own = {one.version: one for one in self.own() if one.netid == netid}
            found = own.get(version) or (None if exact or not own else own[max(own)])
        else:
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


def first_unprivileged_port() -> int:
    """The lowest port that everybody may bind: 1024, or less where the system says so (ip(7))."""
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            return min(_PRIVILEGED, int(file.read()))
    except (OSError, ValueError):
        return _PRIVILEGED


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
        for one in self._common.all():
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
    # The shortest question for an address of IPv6 has 60 bytes, and the longest such answer 76.
    reply_ratio = 1.3
    needs_shared_memory = True

    common: ClassVar[_Common]

    @classmethod
    def server_activate(cls, server: BaseServer) -> None:
        """Have the listener in the table."""
        super().server_activate(server)
        cls.common.begin(server)

    @classmethod
    def server_close(cls, server: BaseServer) -> None:
        """Take it out."""
        cls.common.end(server)


def _programs(common: _Common) -> tuple[Any, ...]:
    return PortMapper(common), Rpcb3(common), Rpcb4(common)


def rpcbind_handler(registry: Registry | None = None) -> type[RPCBindHandler]:
    """A handler class with a table of its own.

    Parameters:
        registry: the table; None: an empty one.
    """

    table = _Common(Registry() if registry is None else registry)

    class Handler(RPCBindHandler):
        """Serves rpcbind."""

        common = table
        programs = _programs(table)

    Handler.__name__ = Handler.__qualname__ = "RPCBindHandler"
    return Handler


# The one of this process, which all of its listeners share.
RPCBindHandler.common = _Common(Registry())
RPCBindHandler.programs = _programs(RPCBindHandler.common)
RPCBindHandler.service = Service(RPCBindHandler.programs)
