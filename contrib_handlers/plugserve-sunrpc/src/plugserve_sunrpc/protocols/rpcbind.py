"""Compiled from rpcbind.x by plugserve-rpcgen.

Do not change it: change the description, and compile that again.
"""
# ruff: noqa: A001, A002, E501, E741, N801, N802, N806, N815, N816, PYI042, RUF100, SIM114, UP007

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final, TypeAlias

from plugserve_sunrpc.program import AsyncStub, Call, Procedure, Program, Reply, Stub
from plugserve_sunrpc.records import (
    PackingFailure,
    UnpackingFailure,
    maker,
    pack_nothing,
    unpack_nothing,
)
from plugserve_sunrpc.xdr import Packer, Unpacker, pack_value

RPCB_PORT: Final = 111
PMAP_PORT: Final = 111
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
_mapping_1: Final = Struct(">4I")


@dataclass(frozen=True, slots=True)
class mapping:
    """struct mapping."""

    prog: int
    vers: int
    prot: int
    port: int

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_mapping_1.pack(self.prog, self.vers, self.prot, self.port))
        except PackingFailure as failure:
            packer.refuse("mapping", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> mapping:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            prog, vers, prot, port = _mapping_1.unpack(read(16))
            return _make_mapping(prog, vers, prot, port)
        except UnpackingFailure as failure:
            unpacker.refuse("mapping", failure)


_make_mapping: Final = maker(mapping)
_pmaplist_1: Final = Struct(">4I")


@dataclass(frozen=True, slots=True)
class pmaplist:
    """struct pmaplist.

    An item of a linked list: the list is a tuple, without next.
    """

    map: mapping

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(
                _pmaplist_1.pack(
                    self.map.prog,
                    self.map.vers,
                    self.map.prot,
                    self.map.port,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("pmaplist", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> pmaplist:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            map_prog, map_vers, map_prot, map_port = _pmaplist_1.unpack(read(16))
            return _make_pmaplist(_make_mapping(map_prog, map_vers, map_prot, map_port))
        except UnpackingFailure as failure:
            unpacker.refuse("pmaplist", failure)


_make_pmaplist: Final = maker(pmaplist)

pmaplist_ptr: TypeAlias = tuple[pmaplist, ...]


def pack_pmaplist_ptr(packer: Packer, value: pmaplist_ptr) -> None:
    """Pack a pmaplist_ptr."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("pmaplist_ptr", failure)


def unpack_pmaplist_ptr(unpacker: Unpacker) -> pmaplist_ptr:
    """Unpack a pmaplist_ptr."""
    return unpacker.unpack_chain(pmaplist.unpack)


_call_args_1: Final = Struct(">4I")


@dataclass(frozen=True, slots=True)
class call_args:
    """struct call_args."""

    prog: int
    vers: int
    proc: int
    args: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_call_args_1.pack(self.prog, self.vers, self.proc, len(self.args)))
            packer.fill(self.args)
        except PackingFailure as failure:
            packer.refuse("call_args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> call_args:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            prog, vers, proc, args_size = _call_args_1.unpack(read(16))
            args = unpacker.filled(args_size)
            return _make_call_args(prog, vers, proc, args)
        except UnpackingFailure as failure:
            unpacker.refuse("call_args", failure)


_make_call_args: Final = maker(call_args)
_call_result_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class call_result:
    """struct call_result."""

    port: int
    res: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_call_result_1.pack(self.port, len(self.res)))
            packer.fill(self.res)
        except PackingFailure as failure:
            packer.refuse("call_result", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> call_result:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            port, res_size = _call_result_1.unpack(read(8))
            res = unpacker.filled(res_size)
            return _make_call_result(port, res)
        except UnpackingFailure as failure:
            unpacker.refuse("call_result", failure)


_make_call_result: Final = maker(call_result)
_rpcb_1: Final = Struct(">3I")


@dataclass(frozen=True, slots=True)
class rpcb:
    """struct rpcb."""

    r_prog: int
    r_vers: int
    r_netid: bytes
    r_addr: bytes
    r_owner: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_rpcb_1.pack(self.r_prog, self.r_vers, len(self.r_netid)))
            packer.fill(self.r_netid)
            packer.pack_opaque(self.r_addr)
            packer.pack_opaque(self.r_owner)
        except PackingFailure as failure:
            packer.refuse("rpcb", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            r_prog, r_vers, r_netid_size = _rpcb_1.unpack(read(12))
            r_netid = unpacker.filled(r_netid_size)
            r_addr = unpacker.unpack_opaque()
            r_owner = unpacker.unpack_opaque()
            return _make_rpcb(r_prog, r_vers, r_netid, r_addr, r_owner)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb", failure)


_make_rpcb: Final = maker(rpcb)


@dataclass(frozen=True, slots=True)
class rp__list:
    """struct rp__list.

    An item of a linked list: the list is a tuple, without rpcb_next.
    """

    rpcb_map: rpcb

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.rpcb_map.pack(packer)
        except PackingFailure as failure:
            packer.refuse("rp__list", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rp__list:
        """Unpack one; raises `XDRError`."""
        try:
            rpcb_map = rpcb.unpack(unpacker)
            return _make_rp__list(rpcb_map)
        except UnpackingFailure as failure:
            unpacker.refuse("rp__list", failure)


_make_rp__list: Final = maker(rp__list)

rpcblist_ptr: TypeAlias = tuple[rp__list, ...]


def pack_rpcblist_ptr(packer: Packer, value: rpcblist_ptr) -> None:
    """Pack a rpcblist_ptr."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("rpcblist_ptr", failure)


def unpack_rpcblist_ptr(unpacker: Unpacker) -> rpcblist_ptr:
    """Unpack a rpcblist_ptr."""
    return unpacker.unpack_chain(rp__list.unpack)


_rpcb_rmtcallargs_1: Final = Struct(">4I")


@dataclass(frozen=True, slots=True)
class rpcb_rmtcallargs:
    """struct rpcb_rmtcallargs."""

    prog: int
    vers: int
    proc: int
    args: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(
                _rpcb_rmtcallargs_1.pack(
                    self.prog,
                    self.vers,
                    self.proc,
                    len(self.args),
                ),
            )
            packer.fill(self.args)
        except PackingFailure as failure:
            packer.refuse("rpcb_rmtcallargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb_rmtcallargs:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            prog, vers, proc, args_size = _rpcb_rmtcallargs_1.unpack(read(16))
            args = unpacker.filled(args_size)
            return _make_rpcb_rmtcallargs(prog, vers, proc, args)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb_rmtcallargs", failure)


_make_rpcb_rmtcallargs: Final = maker(rpcb_rmtcallargs)


@dataclass(frozen=True, slots=True)
class rpcb_rmtcallres:
    """struct rpcb_rmtcallres."""

    addr: bytes
    results: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.addr)
            packer.pack_opaque(self.results)
        except PackingFailure as failure:
            packer.refuse("rpcb_rmtcallres", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb_rmtcallres:
        """Unpack one; raises `XDRError`."""
        try:
            addr = unpacker.unpack_opaque()
            results = unpacker.unpack_opaque()
            return _make_rpcb_rmtcallres(addr, results)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb_rmtcallres", failure)


_make_rpcb_rmtcallres: Final = maker(rpcb_rmtcallres)
_rpcb_entry_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class rpcb_entry:
    """struct rpcb_entry."""

    r_maddr: bytes
    r_nc_netid: bytes
    r_nc_semantics: int
    r_nc_protofmly: bytes
    r_nc_proto: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.r_maddr)
            packer.pack_opaque(self.r_nc_netid)
            write(_rpcb_entry_1.pack(self.r_nc_semantics, len(self.r_nc_protofmly)))
            packer.fill(self.r_nc_protofmly)
            packer.pack_opaque(self.r_nc_proto)
        except PackingFailure as failure:
            packer.refuse("rpcb_entry", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb_entry:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            r_maddr = unpacker.unpack_opaque()
            r_nc_netid = unpacker.unpack_opaque()
            r_nc_semantics, r_nc_protofmly_size = _rpcb_entry_1.unpack(read(8))
            r_nc_protofmly = unpacker.filled(r_nc_protofmly_size)
            r_nc_proto = unpacker.unpack_opaque()
            return _make_rpcb_entry(
                r_maddr,
                r_nc_netid,
                r_nc_semantics,
                r_nc_protofmly,
                r_nc_proto,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb_entry", failure)


_make_rpcb_entry: Final = maker(rpcb_entry)


@dataclass(frozen=True, slots=True)
class rpcb_entry_list:
    """struct rpcb_entry_list.

    An item of a linked list: the list is a tuple, without rpcb_entry_next.
    """

    rpcb_entry_map: rpcb_entry

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.rpcb_entry_map.pack(packer)
        except PackingFailure as failure:
            packer.refuse("rpcb_entry_list", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb_entry_list:
        """Unpack one; raises `XDRError`."""
        try:
            rpcb_entry_map = rpcb_entry.unpack(unpacker)
            return _make_rpcb_entry_list(rpcb_entry_map)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb_entry_list", failure)


_make_rpcb_entry_list: Final = maker(rpcb_entry_list)

rpcb_entry_list_ptr: TypeAlias = tuple[rpcb_entry_list, ...]


def pack_rpcb_entry_list_ptr(packer: Packer, value: rpcb_entry_list_ptr) -> None:
    """Pack a rpcb_entry_list_ptr."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("rpcb_entry_list_ptr", failure)


def unpack_rpcb_entry_list_ptr(unpacker: Unpacker) -> rpcb_entry_list_ptr:
    """Unpack a rpcb_entry_list_ptr."""
    return unpacker.unpack_chain(rpcb_entry_list.unpack)


RPCB_HIGHPROC_2: Final = 5
RPCB_HIGHPROC_3: Final = 8
RPCB_HIGHPROC_4: Final = 12
RPCBSTAT_HIGHPROC: Final = 13
RPCBVERS_STAT: Final = 3
RPCBVERS_4_STAT: Final = 2
RPCBVERS_3_STAT: Final = 1
RPCBVERS_2_STAT: Final = 0
_rpcbs_addrlist_1: Final = Struct(">2I2iI")


@dataclass(frozen=True, slots=True)
class rpcbs_addrlist:
    """struct rpcbs_addrlist.

    An item of a linked list: the list is a tuple, without next.
    """

    prog: int
    vers: int
    success: int
    failure_: int
    netid: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(
                _rpcbs_addrlist_1.pack(
                    self.prog,
                    self.vers,
                    self.success,
                    self.failure_,
                    len(self.netid),
                ),
            )
            packer.fill(self.netid)
        except PackingFailure as failure:
            packer.refuse("rpcbs_addrlist", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcbs_addrlist:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                prog,
                vers,
                success,
                failure_,
                netid_size,
            ) = _rpcbs_addrlist_1.unpack(read(20))
            netid = unpacker.filled(netid_size)
            return _make_rpcbs_addrlist(prog, vers, success, failure_, netid)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcbs_addrlist", failure)


_make_rpcbs_addrlist: Final = maker(rpcbs_addrlist)
_rpcbs_rmtcalllist_1: Final = Struct(">3I3iI")


@dataclass(frozen=True, slots=True)
class rpcbs_rmtcalllist:
    """struct rpcbs_rmtcalllist.

    An item of a linked list: the list is a tuple, without next.
    """

    prog: int
    vers: int
    proc: int
    success: int
    failure_: int
    indirect: int
    netid: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(
                _rpcbs_rmtcalllist_1.pack(
                    self.prog,
                    self.vers,
                    self.proc,
                    self.success,
                    self.failure_,
                    self.indirect,
                    len(self.netid),
                ),
            )
            packer.fill(self.netid)
        except PackingFailure as failure:
            packer.refuse("rpcbs_rmtcalllist", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcbs_rmtcalllist:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                prog,
                vers,
                proc,
                success,
                failure_,
                indirect,
                netid_size,
            ) = _rpcbs_rmtcalllist_1.unpack(read(28))
            netid = unpacker.filled(netid_size)
            return _make_rpcbs_rmtcalllist(
                prog,
                vers,
                proc,
                success,
                failure_,
                indirect,
                netid,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("rpcbs_rmtcalllist", failure)


_make_rpcbs_rmtcalllist: Final = maker(rpcbs_rmtcalllist)

rpcbs_proc: TypeAlias = tuple[int, ...]


def pack_rpcbs_proc(packer: Packer, value: rpcbs_proc) -> None:
    """Pack a rpcbs_proc."""
    try:
        packer.pack_numbers_fixed(RPCBSTAT_HIGHPROC, value, "i")
    except PackingFailure as failure:
        packer.refuse("rpcbs_proc", failure)


def unpack_rpcbs_proc(unpacker: Unpacker) -> rpcbs_proc:
    """Unpack a rpcbs_proc."""
    return unpacker.unpack_numbers_fixed(RPCBSTAT_HIGHPROC, "i")


rpcbs_addrlist_ptr: TypeAlias = tuple[rpcbs_addrlist, ...]


def pack_rpcbs_addrlist_ptr(packer: Packer, value: rpcbs_addrlist_ptr) -> None:
    """Pack a rpcbs_addrlist_ptr."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("rpcbs_addrlist_ptr", failure)


def unpack_rpcbs_addrlist_ptr(unpacker: Unpacker) -> rpcbs_addrlist_ptr:
    """Unpack a rpcbs_addrlist_ptr."""
    return unpacker.unpack_chain(rpcbs_addrlist.unpack)


rpcbs_rmtcalllist_ptr: TypeAlias = tuple[rpcbs_rmtcalllist, ...]


def pack_rpcbs_rmtcalllist_ptr(packer: Packer, value: rpcbs_rmtcalllist_ptr) -> None:
    """Pack a rpcbs_rmtcalllist_ptr."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("rpcbs_rmtcalllist_ptr", failure)


def unpack_rpcbs_rmtcalllist_ptr(unpacker: Unpacker) -> rpcbs_rmtcalllist_ptr:
    """Unpack a rpcbs_rmtcalllist_ptr."""
    return unpacker.unpack_chain(rpcbs_rmtcalllist.unpack)


_rpcb_stat_1: Final = Struct(">2i")


@dataclass(frozen=True, slots=True)
class rpcb_stat:
    """struct rpcb_stat."""

    info: rpcbs_proc
    setinfo: int
    unsetinfo: int
    addrinfo: rpcbs_addrlist_ptr
    rmtinfo: rpcbs_rmtcalllist_ptr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_numbers_fixed(RPCBSTAT_HIGHPROC, self.info, "i")
            write(_rpcb_stat_1.pack(self.setinfo, self.unsetinfo))
            packer.pack_chain_values(self.addrinfo)
            packer.pack_chain_values(self.rmtinfo)
        except PackingFailure as failure:
            packer.refuse("rpcb_stat", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> rpcb_stat:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            info = unpacker.unpack_numbers_fixed(RPCBSTAT_HIGHPROC, "i")
            setinfo, unsetinfo = _rpcb_stat_1.unpack(read(8))
            addrinfo = unpacker.unpack_chain(rpcbs_addrlist.unpack)
            rmtinfo = unpacker.unpack_chain(rpcbs_rmtcalllist.unpack)
            return _make_rpcb_stat(info, setinfo, unsetinfo, addrinfo, rmtinfo)
        except UnpackingFailure as failure:
            unpacker.refuse("rpcb_stat", failure)


_make_rpcb_stat: Final = maker(rpcb_stat)

rpcb_stat_byvers: TypeAlias = tuple[rpcb_stat, ...]


def pack_rpcb_stat_byvers(packer: Packer, value: rpcb_stat_byvers) -> None:
    """Pack a rpcb_stat_byvers."""
    try:
        packer.pack_array_fixed(RPCBVERS_STAT, value, pack_value)
    except PackingFailure as failure:
        packer.refuse("rpcb_stat_byvers", failure)


def unpack_rpcb_stat_byvers(unpacker: Unpacker) -> rpcb_stat_byvers:
    """Unpack a rpcb_stat_byvers."""
    return unpacker.unpack_array_fixed(RPCBVERS_STAT, rpcb_stat.unpack, minimum=68)


_netbuf_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class netbuf:
    """struct netbuf."""

    maxlen: int
    buf: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_netbuf_1.pack(self.maxlen, len(self.buf)))
            packer.fill(self.buf)
        except PackingFailure as failure:
            packer.refuse("netbuf", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> netbuf:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            maxlen, buf_size = _netbuf_1.unpack(read(8))
            buf = unpacker.filled(buf_size)
            return _make_netbuf(maxlen, buf)
        except UnpackingFailure as failure:
            unpacker.refuse("netbuf", failure)


_make_netbuf: Final = maker(netbuf)


class PMAP_VERSClient(Stub):
    """Calls PMAP_PROG 100000, PMAP_VERS 2."""

    program = 100000
    version = 2

    def pmapproc_null(self) -> None:
        """Procedure 0, PMAPPROC_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def pmapproc_set(self, argument: mapping) -> bool:
        """Procedure 1, PMAPPROC_SET."""
        return self._call(1, argument.pack, Unpacker.unpack_bool)

    def pmapproc_unset(self, argument: mapping) -> bool:
        """Procedure 2, PMAPPROC_UNSET."""
        return self._call(2, argument.pack, Unpacker.unpack_bool)

    def pmapproc_getport(self, argument: mapping) -> int:
        """Procedure 3, PMAPPROC_GETPORT."""
        return self._call(3, argument.pack, Unpacker.unpack_uint)

    def pmapproc_dump(self) -> pmaplist_ptr:
        """Procedure 4, PMAPPROC_DUMP."""
        return self._call(4, pack_nothing, unpack_pmaplist_ptr)

    def pmapproc_callit(self, argument: call_args) -> call_result:
        """Procedure 5, PMAPPROC_CALLIT."""
        return self._call(5, argument.pack, call_result.unpack)


class PMAP_VERSAsyncClient(AsyncStub):
    """Calls PMAP_PROG 100000, PMAP_VERS 2, asynchronously."""

    program = 100000
    version = 2

    async def pmapproc_null(self) -> None:
        """Procedure 0, PMAPPROC_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def pmapproc_set(self, argument: mapping) -> bool:
        """Procedure 1, PMAPPROC_SET."""
        return await self._call(1, argument.pack, Unpacker.unpack_bool)

    async def pmapproc_unset(self, argument: mapping) -> bool:
        """Procedure 2, PMAPPROC_UNSET."""
        return await self._call(2, argument.pack, Unpacker.unpack_bool)

    async def pmapproc_getport(self, argument: mapping) -> int:
        """Procedure 3, PMAPPROC_GETPORT."""
        return await self._call(3, argument.pack, Unpacker.unpack_uint)

    async def pmapproc_dump(self) -> pmaplist_ptr:
        """Procedure 4, PMAPPROC_DUMP."""
        return await self._call(4, pack_nothing, unpack_pmaplist_ptr)

    async def pmapproc_callit(self, argument: call_args) -> call_result:
        """Procedure 5, PMAPPROC_CALLIT."""
        return await self._call(5, argument.pack, call_result.unpack)


class PMAP_VERSServer(Program):
    """Serves PMAP_PROG 100000, PMAP_VERS 2: a subclass has the procedures."""

    number = 100000
    version = 2
    name = "PMAP_PROG"
    procedures: ClassVar = {
        0: Procedure("pmapproc_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "pmapproc_set",
            lambda unpacker: (mapping.unpack(unpacker),),
            Packer.pack_bool,
        ),
        2: Procedure(
            "pmapproc_unset",
            lambda unpacker: (mapping.unpack(unpacker),),
            Packer.pack_bool,
        ),
        3: Procedure(
            "pmapproc_getport",
            lambda unpacker: (mapping.unpack(unpacker),),
            Packer.pack_uint,
        ),
        4: Procedure("pmapproc_dump", lambda unpacker: (), pack_pmaplist_ptr),
        5: Procedure(
            "pmapproc_callit",
            lambda unpacker: (call_args.unpack(unpacker),),
            pack_value,
        ),
    }

    def pmapproc_null(self, call: Call) -> None:
        """Procedure 0, PMAPPROC_NULL: does nothing."""

    @abstractmethod
    def pmapproc_set(self, call: Call, argument: mapping) -> Reply[bool]:
        """Procedure 1, PMAPPROC_SET."""

    @abstractmethod
    def pmapproc_unset(self, call: Call, argument: mapping) -> Reply[bool]:
        """Procedure 2, PMAPPROC_UNSET."""

    @abstractmethod
    def pmapproc_getport(self, call: Call, argument: mapping) -> Reply[int]:
        """Procedure 3, PMAPPROC_GETPORT."""

    @abstractmethod
    def pmapproc_dump(self, call: Call) -> Reply[pmaplist_ptr]:
        """Procedure 4, PMAPPROC_DUMP."""

    @abstractmethod
    def pmapproc_callit(self, call: Call, argument: call_args) -> Reply[call_result]:
        """Procedure 5, PMAPPROC_CALLIT."""


class RPCBVERSClient(Stub):
    """Calls RPCBPROG 100000, RPCBVERS 3."""

    program = 100000
    version = 3

    def rpcbproc_null(self) -> None:
        """Procedure 0, RPCBPROC_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def rpcbproc_set(self, argument: rpcb) -> bool:
        """Procedure 1, RPCBPROC_SET."""
        return self._call(1, argument.pack, Unpacker.unpack_bool)

    def rpcbproc_unset(self, argument: rpcb) -> bool:
        """Procedure 2, RPCBPROC_UNSET."""
        return self._call(2, argument.pack, Unpacker.unpack_bool)

    def rpcbproc_getaddr(self, argument: rpcb) -> bytes:
        """Procedure 3, RPCBPROC_GETADDR."""
        return self._call(3, argument.pack, lambda unpacker: unpacker.unpack_opaque())

    def rpcbproc_dump(self) -> rpcblist_ptr:
        """Procedure 4, RPCBPROC_DUMP."""
        return self._call(4, pack_nothing, unpack_rpcblist_ptr)

    def rpcbproc_callit(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 5, RPCBPROC_CALLIT."""
        return self._call(5, argument.pack, rpcb_rmtcallres.unpack)

    def rpcbproc_gettime(self) -> int:
        """Procedure 6, RPCBPROC_GETTIME."""
        return self._call(6, pack_nothing, Unpacker.unpack_uint)

    def rpcbproc_uaddr2taddr(self, argument: bytes) -> netbuf:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""
        return self._call(7, lambda packer: packer.pack_opaque(argument), netbuf.unpack)

    def rpcbproc_taddr2uaddr(self, argument: netbuf) -> bytes:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""
        return self._call(8, argument.pack, lambda unpacker: unpacker.unpack_opaque())


class RPCBVERSAsyncClient(AsyncStub):
    """Calls RPCBPROG 100000, RPCBVERS 3, asynchronously."""

    program = 100000
    version = 3

    async def rpcbproc_null(self) -> None:
        """Procedure 0, RPCBPROC_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def rpcbproc_set(self, argument: rpcb) -> bool:
        """Procedure 1, RPCBPROC_SET."""
        return await self._call(1, argument.pack, Unpacker.unpack_bool)

    async def rpcbproc_unset(self, argument: rpcb) -> bool:
        """Procedure 2, RPCBPROC_UNSET."""
        return await self._call(2, argument.pack, Unpacker.unpack_bool)

    async def rpcbproc_getaddr(self, argument: rpcb) -> bytes:
        """Procedure 3, RPCBPROC_GETADDR."""
        return await self._call(
            3,
            argument.pack,
            lambda unpacker: unpacker.unpack_opaque(),
        )

    async def rpcbproc_dump(self) -> rpcblist_ptr:
        """Procedure 4, RPCBPROC_DUMP."""
        return await self._call(4, pack_nothing, unpack_rpcblist_ptr)

    async def rpcbproc_callit(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 5, RPCBPROC_CALLIT."""
        return await self._call(5, argument.pack, rpcb_rmtcallres.unpack)

    async def rpcbproc_gettime(self) -> int:
        """Procedure 6, RPCBPROC_GETTIME."""
        return await self._call(6, pack_nothing, Unpacker.unpack_uint)

    async def rpcbproc_uaddr2taddr(self, argument: bytes) -> netbuf:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""
        return await self._call(
            7,
            lambda packer: packer.pack_opaque(argument),
            netbuf.unpack,
        )

    async def rpcbproc_taddr2uaddr(self, argument: netbuf) -> bytes:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""
        return await self._call(
            8,
            argument.pack,
            lambda unpacker: unpacker.unpack_opaque(),
        )


class RPCBVERSServer(Program):
    """Serves RPCBPROG 100000, RPCBVERS 3: a subclass has the procedures."""

    number = 100000
    version = 3
    name = "RPCBPROG"
    procedures: ClassVar = {
        0: Procedure("rpcbproc_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "rpcbproc_set",
            lambda unpacker: (rpcb.unpack(unpacker),),
            Packer.pack_bool,
        ),
        2: Procedure(
            "rpcbproc_unset",
            lambda unpacker: (rpcb.unpack(unpacker),),
            Packer.pack_bool,
        ),
        3: Procedure(
            "rpcbproc_getaddr",
            lambda unpacker: (rpcb.unpack(unpacker),),
            lambda packer, value: packer.pack_opaque(value),
        ),
        4: Procedure("rpcbproc_dump", lambda unpacker: (), pack_rpcblist_ptr),
        5: Procedure(
            "rpcbproc_callit",
            lambda unpacker: (rpcb_rmtcallargs.unpack(unpacker),),
            pack_value,
        ),
        6: Procedure("rpcbproc_gettime", lambda unpacker: (), Packer.pack_uint),
        7: Procedure(
            "rpcbproc_uaddr2taddr",
            lambda unpacker: (unpacker.unpack_opaque(),),
            pack_value,
        ),
        8: Procedure(
            "rpcbproc_taddr2uaddr",
            lambda unpacker: (netbuf.unpack(unpacker),),
            lambda packer, value: packer.pack_opaque(value),
        ),
    }

    def rpcbproc_null(self, call: Call) -> None:
        """Procedure 0, RPCBPROC_NULL: does nothing."""

    @abstractmethod
    def rpcbproc_set(self, call: Call, argument: rpcb) -> Reply[bool]:
        """Procedure 1, RPCBPROC_SET."""

    @abstractmethod
    def rpcbproc_unset(self, call: Call, argument: rpcb) -> Reply[bool]:
        """Procedure 2, RPCBPROC_UNSET."""

    @abstractmethod
    def rpcbproc_getaddr(self, call: Call, argument: rpcb) -> Reply[bytes]:
        """Procedure 3, RPCBPROC_GETADDR."""

    @abstractmethod
    def rpcbproc_dump(self, call: Call) -> Reply[rpcblist_ptr]:
        """Procedure 4, RPCBPROC_DUMP."""

    @abstractmethod
    def rpcbproc_callit(
        self,
        call: Call,
        argument: rpcb_rmtcallargs,
    ) -> Reply[rpcb_rmtcallres]:
        """Procedure 5, RPCBPROC_CALLIT."""

    @abstractmethod
    def rpcbproc_gettime(self, call: Call) -> Reply[int]:
        """Procedure 6, RPCBPROC_GETTIME."""

    @abstractmethod
    def rpcbproc_uaddr2taddr(self, call: Call, argument: bytes) -> Reply[netbuf]:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""

    @abstractmethod
    def rpcbproc_taddr2uaddr(self, call: Call, argument: netbuf) -> Reply[bytes]:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""


class RPCBVERS4Client(Stub):
    """Calls RPCBPROG 100000, RPCBVERS4 4."""

    program = 100000
    version = 4

    def rpcbproc_null(self) -> None:
        """Procedure 0, RPCBPROC_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def rpcbproc_set(self, argument: rpcb) -> bool:
        """Procedure 1, RPCBPROC_SET."""
        return self._call(1, argument.pack, Unpacker.unpack_bool)

    def rpcbproc_unset(self, argument: rpcb) -> bool:
        """Procedure 2, RPCBPROC_UNSET."""
        return self._call(2, argument.pack, Unpacker.unpack_bool)

    def rpcbproc_getaddr(self, argument: rpcb) -> bytes:
        """Procedure 3, RPCBPROC_GETADDR."""
        return self._call(3, argument.pack, lambda unpacker: unpacker.unpack_opaque())

    def rpcbproc_dump(self) -> rpcblist_ptr:
        """Procedure 4, RPCBPROC_DUMP."""
        return self._call(4, pack_nothing, unpack_rpcblist_ptr)

    def rpcbproc_bcast(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 5, RPCBPROC_BCAST."""
        return self._call(5, argument.pack, rpcb_rmtcallres.unpack)

    def rpcbproc_gettime(self) -> int:
        """Procedure 6, RPCBPROC_GETTIME."""
        return self._call(6, pack_nothing, Unpacker.unpack_uint)

    def rpcbproc_uaddr2taddr(self, argument: bytes) -> netbuf:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""
        return self._call(7, lambda packer: packer.pack_opaque(argument), netbuf.unpack)

    def rpcbproc_taddr2uaddr(self, argument: netbuf) -> bytes:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""
        return self._call(8, argument.pack, lambda unpacker: unpacker.unpack_opaque())

    def rpcbproc_getversaddr(self, argument: rpcb) -> bytes:
        """Procedure 9, RPCBPROC_GETVERSADDR."""
        return self._call(9, argument.pack, lambda unpacker: unpacker.unpack_opaque())

    def rpcbproc_indirect(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 10, RPCBPROC_INDIRECT."""
        return self._call(10, argument.pack, rpcb_rmtcallres.unpack)

    def rpcbproc_getaddrlist(self, argument: rpcb) -> rpcb_entry_list_ptr:
        """Procedure 11, RPCBPROC_GETADDRLIST."""
        return self._call(11, argument.pack, unpack_rpcb_entry_list_ptr)

    def rpcbproc_getstat(self) -> rpcb_stat_byvers:
        """Procedure 12, RPCBPROC_GETSTAT."""
        return self._call(12, pack_nothing, unpack_rpcb_stat_byvers)


class RPCBVERS4AsyncClient(AsyncStub):
    """Calls RPCBPROG 100000, RPCBVERS4 4, asynchronously."""

    program = 100000
    version = 4

    async def rpcbproc_null(self) -> None:
        """Procedure 0, RPCBPROC_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def rpcbproc_set(self, argument: rpcb) -> bool:
        """Procedure 1, RPCBPROC_SET."""
        return await self._call(1, argument.pack, Unpacker.unpack_bool)

    async def rpcbproc_unset(self, argument: rpcb) -> bool:
        """Procedure 2, RPCBPROC_UNSET."""
        return await self._call(2, argument.pack, Unpacker.unpack_bool)

    async def rpcbproc_getaddr(self, argument: rpcb) -> bytes:
        """Procedure 3, RPCBPROC_GETADDR."""
        return await self._call(
            3,
            argument.pack,
            lambda unpacker: unpacker.unpack_opaque(),
        )

    async def rpcbproc_dump(self) -> rpcblist_ptr:
        """Procedure 4, RPCBPROC_DUMP."""
        return await self._call(4, pack_nothing, unpack_rpcblist_ptr)

    async def rpcbproc_bcast(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 5, RPCBPROC_BCAST."""
        return await self._call(5, argument.pack, rpcb_rmtcallres.unpack)

    async def rpcbproc_gettime(self) -> int:
        """Procedure 6, RPCBPROC_GETTIME."""
        return await self._call(6, pack_nothing, Unpacker.unpack_uint)

    async def rpcbproc_uaddr2taddr(self, argument: bytes) -> netbuf:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""
        return await self._call(
            7,
            lambda packer: packer.pack_opaque(argument),
            netbuf.unpack,
        )

    async def rpcbproc_taddr2uaddr(self, argument: netbuf) -> bytes:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""
        return await self._call(
            8,
            argument.pack,
            lambda unpacker: unpacker.unpack_opaque(),
        )

    async def rpcbproc_getversaddr(self, argument: rpcb) -> bytes:
        """Procedure 9, RPCBPROC_GETVERSADDR."""
        return await self._call(
            9,
            argument.pack,
            lambda unpacker: unpacker.unpack_opaque(),
        )

    async def rpcbproc_indirect(self, argument: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        """Procedure 10, RPCBPROC_INDIRECT."""
        return await self._call(10, argument.pack, rpcb_rmtcallres.unpack)

    async def rpcbproc_getaddrlist(self, argument: rpcb) -> rpcb_entry_list_ptr:
        """Procedure 11, RPCBPROC_GETADDRLIST."""
        return await self._call(11, argument.pack, unpack_rpcb_entry_list_ptr)

    async def rpcbproc_getstat(self) -> rpcb_stat_byvers:
        """Procedure 12, RPCBPROC_GETSTAT."""
        return await self._call(12, pack_nothing, unpack_rpcb_stat_byvers)


class RPCBVERS4Server(Program):
    """Serves RPCBPROG 100000, RPCBVERS4 4: a subclass has the procedures."""

    number = 100000
    version = 4
    name = "RPCBPROG"
    procedures: ClassVar = {
        0: Procedure("rpcbproc_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "rpcbproc_set",
            lambda unpacker: (rpcb.unpack(unpacker),),
            Packer.pack_bool,
        ),
        2: Procedure(
            "rpcbproc_unset",
            lambda unpacker: (rpcb.unpack(unpacker),),
            Packer.pack_bool,
        ),
        3: Procedure(
            "rpcbproc_getaddr",
            lambda unpacker: (rpcb.unpack(unpacker),),
            lambda packer, value: packer.pack_opaque(value),
        ),
        4: Procedure("rpcbproc_dump", lambda unpacker: (), pack_rpcblist_ptr),
        5: Procedure(
            "rpcbproc_bcast",
            lambda unpacker: (rpcb_rmtcallargs.unpack(unpacker),),
            pack_value,
        ),
        6: Procedure("rpcbproc_gettime", lambda unpacker: (), Packer.pack_uint),
        7: Procedure(
            "rpcbproc_uaddr2taddr",
            lambda unpacker: (unpacker.unpack_opaque(),),
            pack_value,
        ),
        8: Procedure(
            "rpcbproc_taddr2uaddr",
            lambda unpacker: (netbuf.unpack(unpacker),),
            lambda packer, value: packer.pack_opaque(value),
        ),
        9: Procedure(
            "rpcbproc_getversaddr",
            lambda unpacker: (rpcb.unpack(unpacker),),
            lambda packer, value: packer.pack_opaque(value),
        ),
        10: Procedure(
            "rpcbproc_indirect",
            lambda unpacker: (rpcb_rmtcallargs.unpack(unpacker),),
            pack_value,
        ),
        11: Procedure(
            "rpcbproc_getaddrlist",
            lambda unpacker: (rpcb.unpack(unpacker),),
            pack_rpcb_entry_list_ptr,
        ),
        12: Procedure("rpcbproc_getstat", lambda unpacker: (), pack_rpcb_stat_byvers),
    }

    def rpcbproc_null(self, call: Call) -> None:
        """Procedure 0, RPCBPROC_NULL: does nothing."""

    @abstractmethod
    def rpcbproc_set(self, call: Call, argument: rpcb) -> Reply[bool]:
        """Procedure 1, RPCBPROC_SET."""

    @abstractmethod
    def rpcbproc_unset(self, call: Call, argument: rpcb) -> Reply[bool]:
        """Procedure 2, RPCBPROC_UNSET."""

    @abstractmethod
    def rpcbproc_getaddr(self, call: Call, argument: rpcb) -> Reply[bytes]:
        """Procedure 3, RPCBPROC_GETADDR."""

    @abstractmethod
    def rpcbproc_dump(self, call: Call) -> Reply[rpcblist_ptr]:
        """Procedure 4, RPCBPROC_DUMP."""

    @abstractmethod
    def rpcbproc_bcast(
        self,
        call: Call,
        argument: rpcb_rmtcallargs,
    ) -> Reply[rpcb_rmtcallres]:
        """Procedure 5, RPCBPROC_BCAST."""

    @abstractmethod
    def rpcbproc_gettime(self, call: Call) -> Reply[int]:
        """Procedure 6, RPCBPROC_GETTIME."""

    @abstractmethod
    def rpcbproc_uaddr2taddr(self, call: Call, argument: bytes) -> Reply[netbuf]:
        """Procedure 7, RPCBPROC_UADDR2TADDR."""

    @abstractmethod
    def rpcbproc_taddr2uaddr(self, call: Call, argument: netbuf) -> Reply[bytes]:
        """Procedure 8, RPCBPROC_TADDR2UADDR."""

    @abstractmethod
    def rpcbproc_getversaddr(self, call: Call, argument: rpcb) -> Reply[bytes]:
        """Procedure 9, RPCBPROC_GETVERSADDR."""

    @abstractmethod
    def rpcbproc_indirect(
        self,
        call: Call,
        argument: rpcb_rmtcallargs,
    ) -> Reply[rpcb_rmtcallres]:
        """Procedure 10, RPCBPROC_INDIRECT."""

    @abstractmethod
    def rpcbproc_getaddrlist(
        self,
        call: Call,
        argument: rpcb,
    ) -> Reply[rpcb_entry_list_ptr]:
        """Procedure 11, RPCBPROC_GETADDRLIST."""

    @abstractmethod
    def rpcbproc_getstat(self, call: Call) -> Reply[rpcb_stat_byvers]:
        """Procedure 12, RPCBPROC_GETSTAT."""
