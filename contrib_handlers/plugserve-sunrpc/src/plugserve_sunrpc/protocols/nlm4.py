"""Compiled from nlm4.x by plugserve-rpcgen.

Do not change it: change the description, and compile that again.
"""
# ruff: noqa: A001, A002, E501, E741, N801, N802, N806, N815, N816, PYI042, RUF100, SIM114, UP007

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Any, ClassVar, Final, TypeAlias

from plugserve_sunrpc.program import AsyncStub, Call, Procedure, Program, Reply, Stub
from plugserve_sunrpc.records import (
    PackingFailure,
    UnpackingFailure,
    maker,
    members,
    pack_nothing,
    unpack_nothing,
)
from plugserve_sunrpc.xdr import Packer, Unpacker, pack_value

LM_MAXSTRLEN: Final = 1024
LM_MAXNAMELEN: Final = 1025
MAXNETOBJ_SZ: Final = 1024

netobj: TypeAlias = bytes


def pack_netobj(packer: Packer, value: netobj) -> None:
    """Pack a netobj."""
    try:
        packer.pack_opaque(value, MAXNETOBJ_SZ)
    except PackingFailure as failure:
        packer.refuse("netobj", failure)


def unpack_netobj(unpacker: Unpacker) -> netobj:
    """Unpack a netobj."""
    return unpacker.unpack_opaque(MAXNETOBJ_SZ)


uint64: TypeAlias = int
int64: TypeAlias = int
uint32: TypeAlias = int
int32: TypeAlias = int


class nlm4_stats(IntEnum):
    """enum nlm4_stats."""

    NLM4_GRANTED = 0
    NLM4_DENIED = 1
    NLM4_DENIED_NOLOCKS = 2
    NLM4_BLOCKED = 3
    NLM4_DENIED_GRACE_PERIOD = 4
    NLM4_DEADLCK = 5
    NLM4_ROFS = 6
    NLM4_STALE_FH = 7
    NLM4_FBIG = 8
    NLM4_FAILED = 9


_members_nlm4_stats: Final = members(nlm4_stats)


@dataclass(frozen=True, slots=True)
class nlm4_stat:
    """struct nlm4_stat."""

    stat: nlm4_stats

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_enum(self.stat, nlm4_stats)
        except PackingFailure as failure:
            packer.refuse("nlm4_stat", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_stat:
        """Unpack one; raises `XDRError`."""
        try:
            stat = unpacker.unpack_enum(nlm4_stats)
            return _make_nlm4_stat(stat)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_stat", failure)


_make_nlm4_stat: Final = maker(nlm4_stat)


@dataclass(frozen=True, slots=True)
class nlm4_res:
    """struct nlm4_res."""

    cookie: netobj
    stat: nlm4_stat

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            self.stat.pack(packer)
        except PackingFailure as failure:
            packer.refuse("nlm4_res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_res:
        """Unpack one; raises `XDRError`."""
        try:
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            stat = nlm4_stat.unpack(unpacker)
            return _make_nlm4_res(cookie, stat)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_res", failure)


_make_nlm4_res: Final = maker(nlm4_res)
_nlm4_holder_1: Final = Struct(">IiI")
_nlm4_holder_2: Final = Struct(">2Q")


@dataclass(frozen=True, slots=True)
class nlm4_holder:
    """struct nlm4_holder."""

    exclusive: bool
    svid: int32
    oh: netobj
    l_offset: uint64
    l_len: uint64

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            if not 0 <= self.exclusive <= 1:
                packer.outside("exclusive", 0, 1, self.exclusive)
            write(_nlm4_holder_1.pack(self.exclusive, self.svid, len(self.oh)))
            packer.fill(self.oh, MAXNETOBJ_SZ)
            write(_nlm4_holder_2.pack(self.l_offset, self.l_len))
        except PackingFailure as failure:
            packer.refuse("nlm4_holder", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_holder:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            exclusive, svid, oh_size = _nlm4_holder_1.unpack(read(12))
            if exclusive > 1:
                unpacker.outside(0, 1, exclusive, 12)
            oh = unpacker.filled(oh_size, MAXNETOBJ_SZ)
            l_offset, l_len = _nlm4_holder_2.unpack(read(16))
            return _make_nlm4_holder(exclusive == 1, svid, oh, l_offset, l_len)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_holder", failure)


_make_nlm4_holder: Final = maker(nlm4_holder)


@dataclass(frozen=True, slots=True)
class nlm4_testrply:
    """union nlm4_testrply: what `value` is, by `stat`.

    - nlm4_stats.NLM4_DENIED: nlm4_holder, holder
    - otherwise: None
    """

    stat: nlm4_stats
    value: nlm4_holder | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.stat, nlm4_stats)
            if self.stat == nlm4_stats.NLM4_DENIED:
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("nlm4_testrply", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_testrply:
        """Unpack one; raises `XDRError`."""
        try:
            stat = unpacker.unpack_enum(nlm4_stats)
            if stat == nlm4_stats.NLM4_DENIED:
                return _make_nlm4_testrply(stat, nlm4_holder.unpack(unpacker))
            return _make_nlm4_testrply(stat, None)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_testrply", failure)


_make_nlm4_testrply: Final = maker(nlm4_testrply)


@dataclass(frozen=True, slots=True)
class nlm4_testres:
    """struct nlm4_testres."""

    cookie: netobj
    test_stat: nlm4_testrply

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            self.test_stat.pack(packer)
        except PackingFailure as failure:
            packer.refuse("nlm4_testres", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_testres:
        """Unpack one; raises `XDRError`."""
        try:
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            test_stat = nlm4_testrply.unpack(unpacker)
            return _make_nlm4_testres(cookie, test_stat)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_testres", failure)


_make_nlm4_testres: Final = maker(nlm4_testres)
_nlm4_lock_1: Final = Struct(">i2Q")


@dataclass(frozen=True, slots=True)
class nlm4_lock:
    """struct nlm4_lock."""

    caller_name: bytes
    fh: netobj
    oh: netobj
    svid: int32
    l_offset: uint64
    l_len: uint64

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.caller_name, LM_MAXSTRLEN)
            packer.pack_opaque(self.fh, MAXNETOBJ_SZ)
            packer.pack_opaque(self.oh, MAXNETOBJ_SZ)
            write(_nlm4_lock_1.pack(self.svid, self.l_offset, self.l_len))
        except PackingFailure as failure:
            packer.refuse("nlm4_lock", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_lock:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            caller_name = unpacker.unpack_opaque(LM_MAXSTRLEN)
            fh = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            oh = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            svid, l_offset, l_len = _nlm4_lock_1.unpack(read(20))
            return _make_nlm4_lock(caller_name, fh, oh, svid, l_offset, l_len)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_lock", failure)


_make_nlm4_lock: Final = maker(nlm4_lock)
_nlm4_lockargs_1: Final = Struct(">2I")
_nlm4_lockargs_2: Final = Struct(">Ii")


@dataclass(frozen=True, slots=True)
class nlm4_lockargs:
    """struct nlm4_lockargs."""

    cookie: netobj
    block: bool
    exclusive: bool
    alock: nlm4_lock
    reclaim: bool
    state: int32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            if not 0 <= self.block <= 1:
                packer.outside("block", 0, 1, self.block)
            if not 0 <= self.exclusive <= 1:
                packer.outside("exclusive", 0, 1, self.exclusive)
            write(_nlm4_lockargs_1.pack(self.block, self.exclusive))
            self.alock.pack(packer)
            if not 0 <= self.reclaim <= 1:
                packer.outside("reclaim", 0, 1, self.reclaim)
            write(_nlm4_lockargs_2.pack(self.reclaim, self.state))
        except PackingFailure as failure:
            packer.refuse("nlm4_lockargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_lockargs:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            block, exclusive = _nlm4_lockargs_1.unpack(read(8))
            if block > 1:
                unpacker.outside(0, 1, block, 8)
            if exclusive > 1:
                unpacker.outside(0, 1, exclusive, 4)
            alock = nlm4_lock.unpack(unpacker)
            reclaim, state = _nlm4_lockargs_2.unpack(read(8))
            if reclaim > 1:
                unpacker.outside(0, 1, reclaim, 8)
            return _make_nlm4_lockargs(
                cookie,
                block == 1,
                exclusive == 1,
                alock,
                reclaim == 1,
                state,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_lockargs", failure)


_make_nlm4_lockargs: Final = maker(nlm4_lockargs)
_nlm4_cancargs_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class nlm4_cancargs:
    """struct nlm4_cancargs."""

    cookie: netobj
    block: bool
    exclusive: bool
    alock: nlm4_lock

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            if not 0 <= self.block <= 1:
                packer.outside("block", 0, 1, self.block)
            if not 0 <= self.exclusive <= 1:
                packer.outside("exclusive", 0, 1, self.exclusive)
            write(_nlm4_cancargs_1.pack(self.block, self.exclusive))
            self.alock.pack(packer)
        except PackingFailure as failure:
            packer.refuse("nlm4_cancargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_cancargs:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            block, exclusive = _nlm4_cancargs_1.unpack(read(8))
            if block > 1:
                unpacker.outside(0, 1, block, 8)
            if exclusive > 1:
                unpacker.outside(0, 1, exclusive, 4)
            alock = nlm4_lock.unpack(unpacker)
            return _make_nlm4_cancargs(cookie, block == 1, exclusive == 1, alock)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_cancargs", failure)


_make_nlm4_cancargs: Final = maker(nlm4_cancargs)


@dataclass(frozen=True, slots=True)
class nlm4_testargs:
    """struct nlm4_testargs."""

    cookie: netobj
    exclusive: bool
    alock: nlm4_lock

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            packer.pack_bool(self.exclusive)
            self.alock.pack(packer)
        except PackingFailure as failure:
            packer.refuse("nlm4_testargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_testargs:
        """Unpack one; raises `XDRError`."""
        try:
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            exclusive = unpacker.unpack_bool()
            alock = nlm4_lock.unpack(unpacker)
            return _make_nlm4_testargs(cookie, exclusive, alock)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_testargs", failure)


_make_nlm4_testargs: Final = maker(nlm4_testargs)


@dataclass(frozen=True, slots=True)
class nlm4_unlockargs:
    """struct nlm4_unlockargs."""

    cookie: netobj
    alock: nlm4_lock

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            self.alock.pack(packer)
        except PackingFailure as failure:
            packer.refuse("nlm4_unlockargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_unlockargs:
        """Unpack one; raises `XDRError`."""
        try:
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            alock = nlm4_lock.unpack(unpacker)
            return _make_nlm4_unlockargs(cookie, alock)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_unlockargs", failure)


_make_nlm4_unlockargs: Final = maker(nlm4_unlockargs)


class fsh4_mode(IntEnum):
    """enum fsh4_mode."""

    fsm_DN = 0
    fsm_DR = 1
    fsm_DW = 2
    fsm_DRW = 3


_members_fsh4_mode: Final = members(fsh4_mode)


class fsh4_access(IntEnum):
    """enum fsh4_access."""

    fsa_NONE = 0
    fsa_R = 1
    fsa_W = 2
    fsa_RW = 3


_members_fsh4_access: Final = members(fsh4_access)
_nlm4_share_1: Final = Struct(">2i")


@dataclass(frozen=True, slots=True)
class nlm4_share:
    """struct nlm4_share."""

    caller_name: bytes
    fh: netobj
    oh: netobj
    mode: fsh4_mode
    access: fsh4_access

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.caller_name, LM_MAXSTRLEN)
            packer.pack_opaque(self.fh, MAXNETOBJ_SZ)
            packer.pack_opaque(self.oh, MAXNETOBJ_SZ)
            if self.mode not in _members_fsh4_mode:
                packer.wrong("a member of fsh4_mode", self.mode)
            if self.access not in _members_fsh4_access:
                packer.wrong("a member of fsh4_access", self.access)
            write(_nlm4_share_1.pack(self.mode, self.access))
        except PackingFailure as failure:
            packer.refuse("nlm4_share", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_share:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            caller_name = unpacker.unpack_opaque(LM_MAXSTRLEN)
            fh = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            oh = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            mode, access = _nlm4_share_1.unpack(read(8))
            if mode not in _members_fsh4_mode:
                unpacker.not_a_member(fsh4_mode, mode, 8)
            if access not in _members_fsh4_access:
                unpacker.not_a_member(fsh4_access, access, 4)
            return _make_nlm4_share(
                caller_name,
                fh,
                oh,
                _members_fsh4_mode[mode],
                _members_fsh4_access[access],
            )
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_share", failure)


_make_nlm4_share: Final = maker(nlm4_share)


@dataclass(frozen=True, slots=True)
class nlm4_shareargs:
    """struct nlm4_shareargs."""

    cookie: netobj
    share: nlm4_share
    reclaim: bool

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            self.share.pack(packer)
            packer.pack_bool(self.reclaim)
        except PackingFailure as failure:
            packer.refuse("nlm4_shareargs", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_shareargs:
        """Unpack one; raises `XDRError`."""
        try:
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            share = nlm4_share.unpack(unpacker)
            reclaim = unpacker.unpack_bool()
            return _make_nlm4_shareargs(cookie, share, reclaim)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_shareargs", failure)


_make_nlm4_shareargs: Final = maker(nlm4_shareargs)
_nlm4_shareres_1: Final = Struct(">2i")


@dataclass(frozen=True, slots=True)
class nlm4_shareres:
    """struct nlm4_shareres."""

    cookie: netobj
    stat: nlm4_stats
    sequence: int32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.cookie, MAXNETOBJ_SZ)
            if self.stat not in _members_nlm4_stats:
                packer.wrong("a member of nlm4_stats", self.stat)
            write(_nlm4_shareres_1.pack(self.stat, self.sequence))
        except PackingFailure as failure:
            packer.refuse("nlm4_shareres", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_shareres:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            cookie = unpacker.unpack_opaque(MAXNETOBJ_SZ)
            stat, sequence = _nlm4_shareres_1.unpack(read(8))
            if stat not in _members_nlm4_stats:
                unpacker.not_a_member(nlm4_stats, stat, 8)
            return _make_nlm4_shareres(cookie, _members_nlm4_stats[stat], sequence)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_shareres", failure)


_make_nlm4_shareres: Final = maker(nlm4_shareres)


@dataclass(frozen=True, slots=True)
class nlm4_notify:
    """struct nlm4_notify."""

    name: bytes
    state: int32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.name, LM_MAXNAMELEN)
            packer.pack_int(self.state)
        except PackingFailure as failure:
            packer.refuse("nlm4_notify", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nlm4_notify:
        """Unpack one; raises `XDRError`."""
        try:
            name = unpacker.unpack_opaque(LM_MAXNAMELEN)
            state = unpacker.unpack_int()
            return _make_nlm4_notify(name, state)
        except UnpackingFailure as failure:
            unpacker.refuse("nlm4_notify", failure)


_make_nlm4_notify: Final = maker(nlm4_notify)


class NLM4_VERSClient(Stub):
    """Calls NLM_PROG 100021, NLM4_VERS 4."""

    program = 100021
    version = 4

    def nlmproc4_null(self) -> None:
        """Procedure 0, NLMPROC4_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def nlmproc4_test(self, argument: nlm4_testargs) -> nlm4_testres:
        """Procedure 1, NLMPROC4_TEST."""
        return self._call(1, argument.pack, nlm4_testres.unpack)

    def nlmproc4_lock(self, argument: nlm4_lockargs) -> nlm4_res:
        """Procedure 2, NLMPROC4_LOCK."""
        return self._call(2, argument.pack, nlm4_res.unpack)

    def nlmproc4_cancel(self, argument: nlm4_cancargs) -> nlm4_res:
        """Procedure 3, NLMPROC4_CANCEL."""
        return self._call(3, argument.pack, nlm4_res.unpack)

    def nlmproc4_unlock(self, argument: nlm4_unlockargs) -> nlm4_res:
        """Procedure 4, NLMPROC4_UNLOCK."""
        return self._call(4, argument.pack, nlm4_res.unpack)

    def nlmproc4_granted(self, argument: nlm4_testargs) -> nlm4_res:
        """Procedure 5, NLMPROC4_GRANTED."""
        return self._call(5, argument.pack, nlm4_res.unpack)

    def nlmproc4_test_msg(self, argument: nlm4_testargs) -> None:
        """Procedure 6, NLMPROC4_TEST_MSG."""
        self._call(6, argument.pack, unpack_nothing)

    def nlmproc4_lock_msg(self, argument: nlm4_lockargs) -> None:
        """Procedure 7, NLMPROC4_LOCK_MSG."""
        self._call(7, argument.pack, unpack_nothing)

    def nlmproc4_cancel_msg(self, argument: nlm4_cancargs) -> None:
        """Procedure 8, NLMPROC4_CANCEL_MSG."""
        self._call(8, argument.pack, unpack_nothing)

    def nlmproc4_unlock_msg(self, argument: nlm4_unlockargs) -> None:
        """Procedure 9, NLMPROC4_UNLOCK_MSG."""
        self._call(9, argument.pack, unpack_nothing)

    def nlmproc4_granted_msg(self, argument: nlm4_testargs) -> None:
        """Procedure 10, NLMPROC4_GRANTED_MSG."""
        self._call(10, argument.pack, unpack_nothing)

    def nlmproc4_test_res(self, argument: nlm4_testres) -> None:
        """Procedure 11, NLMPROC4_TEST_RES."""
        self._call(11, argument.pack, unpack_nothing)

    def nlmproc4_lock_res(self, argument: nlm4_res) -> None:
        """Procedure 12, NLMPROC4_LOCK_RES."""
        self._call(12, argument.pack, unpack_nothing)

    def nlmproc4_cancel_res(self, argument: nlm4_res) -> None:
        """Procedure 13, NLMPROC4_CANCEL_RES."""
        self._call(13, argument.pack, unpack_nothing)

    def nlmproc4_unlock_res(self, argument: nlm4_res) -> None:
        """Procedure 14, NLMPROC4_UNLOCK_RES."""
        self._call(14, argument.pack, unpack_nothing)

    def nlmproc4_granted_res(self, argument: nlm4_res) -> None:
        """Procedure 15, NLMPROC4_GRANTED_RES."""
        self._call(15, argument.pack, unpack_nothing)

    def nlmproc4_share(self, argument: nlm4_shareargs) -> nlm4_shareres:
        """Procedure 20, NLMPROC4_SHARE."""
        return self._call(20, argument.pack, nlm4_shareres.unpack)

    def nlmproc4_unshare(self, argument: nlm4_shareargs) -> nlm4_shareres:
        """Procedure 21, NLMPROC4_UNSHARE."""
        return self._call(21, argument.pack, nlm4_shareres.unpack)

    def nlmproc4_nm_lock(self, argument: nlm4_lockargs) -> nlm4_res:
        """Procedure 22, NLMPROC4_NM_LOCK."""
        return self._call(22, argument.pack, nlm4_res.unpack)

    def nlmproc4_free_all(self, argument: nlm4_notify) -> None:
        """Procedure 23, NLMPROC4_FREE_ALL."""
        self._call(23, argument.pack, unpack_nothing)


class NLM4_VERSAsyncClient(AsyncStub):
    """Calls NLM_PROG 100021, NLM4_VERS 4, asynchronously."""

    program = 100021
    version = 4

    async def nlmproc4_null(self) -> None:
        """Procedure 0, NLMPROC4_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def nlmproc4_test(self, argument: nlm4_testargs) -> nlm4_testres:
        """Procedure 1, NLMPROC4_TEST."""
        return await self._call(1, argument.pack, nlm4_testres.unpack)

    async def nlmproc4_lock(self, argument: nlm4_lockargs) -> nlm4_res:
        """Procedure 2, NLMPROC4_LOCK."""
        return await self._call(2, argument.pack, nlm4_res.unpack)

    async def nlmproc4_cancel(self, argument: nlm4_cancargs) -> nlm4_res:
        """Procedure 3, NLMPROC4_CANCEL."""
        return await self._call(3, argument.pack, nlm4_res.unpack)

    async def nlmproc4_unlock(self, argument: nlm4_unlockargs) -> nlm4_res:
        """Procedure 4, NLMPROC4_UNLOCK."""
        return await self._call(4, argument.pack, nlm4_res.unpack)

    async def nlmproc4_granted(self, argument: nlm4_testargs) -> nlm4_res:
        """Procedure 5, NLMPROC4_GRANTED."""
        return await self._call(5, argument.pack, nlm4_res.unpack)

    async def nlmproc4_test_msg(self, argument: nlm4_testargs) -> None:
        """Procedure 6, NLMPROC4_TEST_MSG."""
        await self._call(6, argument.pack, unpack_nothing)

    async def nlmproc4_lock_msg(self, argument: nlm4_lockargs) -> None:
        """Procedure 7, NLMPROC4_LOCK_MSG."""
        await self._call(7, argument.pack, unpack_nothing)

    async def nlmproc4_cancel_msg(self, argument: nlm4_cancargs) -> None:
        """Procedure 8, NLMPROC4_CANCEL_MSG."""
        await self._call(8, argument.pack, unpack_nothing)

    async def nlmproc4_unlock_msg(self, argument: nlm4_unlockargs) -> None:
        """Procedure 9, NLMPROC4_UNLOCK_MSG."""
        await self._call(9, argument.pack, unpack_nothing)

    async def nlmproc4_granted_msg(self, argument: nlm4_testargs) -> None:
        """Procedure 10, NLMPROC4_GRANTED_MSG."""
        await self._call(10, argument.pack, unpack_nothing)

    async def nlmproc4_test_res(self, argument: nlm4_testres) -> None:
        """Procedure 11, NLMPROC4_TEST_RES."""
        await self._call(11, argument.pack, unpack_nothing)

    async def nlmproc4_lock_res(self, argument: nlm4_res) -> None:
        """Procedure 12, NLMPROC4_LOCK_RES."""
        await self._call(12, argument.pack, unpack_nothing)

    async def nlmproc4_cancel_res(self, argument: nlm4_res) -> None:
        """Procedure 13, NLMPROC4_CANCEL_RES."""
        await self._call(13, argument.pack, unpack_nothing)

    async def nlmproc4_unlock_res(self, argument: nlm4_res) -> None:
        """Procedure 14, NLMPROC4_UNLOCK_RES."""
        await self._call(14, argument.pack, unpack_nothing)

    async def nlmproc4_granted_res(self, argument: nlm4_res) -> None:
        """Procedure 15, NLMPROC4_GRANTED_RES."""
        await self._call(15, argument.pack, unpack_nothing)

    async def nlmproc4_share(self, argument: nlm4_shareargs) -> nlm4_shareres:
        """Procedure 20, NLMPROC4_SHARE."""
        return await self._call(20, argument.pack, nlm4_shareres.unpack)

    async def nlmproc4_unshare(self, argument: nlm4_shareargs) -> nlm4_shareres:
        """Procedure 21, NLMPROC4_UNSHARE."""
        return await self._call(21, argument.pack, nlm4_shareres.unpack)

    async def nlmproc4_nm_lock(self, argument: nlm4_lockargs) -> nlm4_res:
        """Procedure 22, NLMPROC4_NM_LOCK."""
        return await self._call(22, argument.pack, nlm4_res.unpack)

    async def nlmproc4_free_all(self, argument: nlm4_notify) -> None:
        """Procedure 23, NLMPROC4_FREE_ALL."""
        await self._call(23, argument.pack, unpack_nothing)


class NLM4_VERSServer(Program):
    """Serves NLM_PROG 100021, NLM4_VERS 4: a subclass has the procedures."""

    number = 100021
    version = 4
    name = "NLM_PROG"
    procedures: ClassVar = {
        0: Procedure("nlmproc4_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "nlmproc4_test",
            lambda unpacker: (nlm4_testargs.unpack(unpacker),),
            pack_value,
        ),
        2: Procedure(
            "nlmproc4_lock",
            lambda unpacker: (nlm4_lockargs.unpack(unpacker),),
            pack_value,
        ),
        3: Procedure(
            "nlmproc4_cancel",
            lambda unpacker: (nlm4_cancargs.unpack(unpacker),),
            pack_value,
        ),
        4: Procedure(
            "nlmproc4_unlock",
            lambda unpacker: (nlm4_unlockargs.unpack(unpacker),),
            pack_value,
        ),
        5: Procedure(
            "nlmproc4_granted",
            lambda unpacker: (nlm4_testargs.unpack(unpacker),),
            pack_value,
        ),
        6: Procedure(
            "nlmproc4_test_msg",
            lambda unpacker: (nlm4_testargs.unpack(unpacker),),
            pack_nothing,
        ),
        7: Procedure(
            "nlmproc4_lock_msg",
            lambda unpacker: (nlm4_lockargs.unpack(unpacker),),
            pack_nothing,
        ),
        8: Procedure(
            "nlmproc4_cancel_msg",
            lambda unpacker: (nlm4_cancargs.unpack(unpacker),),
            pack_nothing,
        ),
        9: Procedure(
            "nlmproc4_unlock_msg",
            lambda unpacker: (nlm4_unlockargs.unpack(unpacker),),
            pack_nothing,
        ),
        10: Procedure(
            "nlmproc4_granted_msg",
            lambda unpacker: (nlm4_testargs.unpack(unpacker),),
            pack_nothing,
        ),
        11: Procedure(
            "nlmproc4_test_res",
            lambda unpacker: (nlm4_testres.unpack(unpacker),),
            pack_nothing,
        ),
        12: Procedure(
            "nlmproc4_lock_res",
            lambda unpacker: (nlm4_res.unpack(unpacker),),
            pack_nothing,
        ),
        13: Procedure(
            "nlmproc4_cancel_res",
            lambda unpacker: (nlm4_res.unpack(unpacker),),
            pack_nothing,
        ),
        14: Procedure(
            "nlmproc4_unlock_res",
            lambda unpacker: (nlm4_res.unpack(unpacker),),
            pack_nothing,
        ),
        15: Procedure(
            "nlmproc4_granted_res",
            lambda unpacker: (nlm4_res.unpack(unpacker),),
            pack_nothing,
        ),
        20: Procedure(
            "nlmproc4_share",
            lambda unpacker: (nlm4_shareargs.unpack(unpacker),),
            pack_value,
        ),
        21: Procedure(
            "nlmproc4_unshare",
            lambda unpacker: (nlm4_shareargs.unpack(unpacker),),
            pack_value,
        ),
        22: Procedure(
            "nlmproc4_nm_lock",
            lambda unpacker: (nlm4_lockargs.unpack(unpacker),),
            pack_value,
        ),
        23: Procedure(
            "nlmproc4_free_all",
            lambda unpacker: (nlm4_notify.unpack(unpacker),),
            pack_nothing,
        ),
    }

    def nlmproc4_null(self, call: Call) -> None:
        """Procedure 0, NLMPROC4_NULL: does nothing."""

    @abstractmethod
    def nlmproc4_test(self, call: Call, argument: nlm4_testargs) -> Reply[nlm4_testres]:
        """Procedure 1, NLMPROC4_TEST."""

    @abstractmethod
    def nlmproc4_lock(self, call: Call, argument: nlm4_lockargs) -> Reply[nlm4_res]:
        """Procedure 2, NLMPROC4_LOCK."""

    @abstractmethod
    def nlmproc4_cancel(self, call: Call, argument: nlm4_cancargs) -> Reply[nlm4_res]:
        """Procedure 3, NLMPROC4_CANCEL."""

    @abstractmethod
    def nlmproc4_unlock(self, call: Call, argument: nlm4_unlockargs) -> Reply[nlm4_res]:
        """Procedure 4, NLMPROC4_UNLOCK."""

    @abstractmethod
    def nlmproc4_granted(self, call: Call, argument: nlm4_testargs) -> Reply[nlm4_res]:
        """Procedure 5, NLMPROC4_GRANTED."""

    @abstractmethod
    def nlmproc4_test_msg(self, call: Call, argument: nlm4_testargs) -> Reply[None]:
        """Procedure 6, NLMPROC4_TEST_MSG."""

    @abstractmethod
    def nlmproc4_lock_msg(self, call: Call, argument: nlm4_lockargs) -> Reply[None]:
        """Procedure 7, NLMPROC4_LOCK_MSG."""

    @abstractmethod
    def nlmproc4_cancel_msg(self, call: Call, argument: nlm4_cancargs) -> Reply[None]:
        """Procedure 8, NLMPROC4_CANCEL_MSG."""

    @abstractmethod
    def nlmproc4_unlock_msg(self, call: Call, argument: nlm4_unlockargs) -> Reply[None]:
        """Procedure 9, NLMPROC4_UNLOCK_MSG."""

    @abstractmethod
    def nlmproc4_granted_msg(self, call: Call, argument: nlm4_testargs) -> Reply[None]:
        """Procedure 10, NLMPROC4_GRANTED_MSG."""

    @abstractmethod
    def nlmproc4_test_res(self, call: Call, argument: nlm4_testres) -> Reply[None]:
        """Procedure 11, NLMPROC4_TEST_RES."""

    @abstractmethod
    def nlmproc4_lock_res(self, call: Call, argument: nlm4_res) -> Reply[None]:
        """Procedure 12, NLMPROC4_LOCK_RES."""

    @abstractmethod
    def nlmproc4_cancel_res(self, call: Call, argument: nlm4_res) -> Reply[None]:
        """Procedure 13, NLMPROC4_CANCEL_RES."""

    @abstractmethod
    def nlmproc4_unlock_res(self, call: Call, argument: nlm4_res) -> Reply[None]:
        """Procedure 14, NLMPROC4_UNLOCK_RES."""

    @abstractmethod
    def nlmproc4_granted_res(self, call: Call, argument: nlm4_res) -> Reply[None]:
        """Procedure 15, NLMPROC4_GRANTED_RES."""

    @abstractmethod
    def nlmproc4_share(
        self,
        call: Call,
        argument: nlm4_shareargs,
    ) -> Reply[nlm4_shareres]:
        """Procedure 20, NLMPROC4_SHARE."""

    @abstractmethod
    def nlmproc4_unshare(
        self,
        call: Call,
        argument: nlm4_shareargs,
    ) -> Reply[nlm4_shareres]:
        """Procedure 21, NLMPROC4_UNSHARE."""

    @abstractmethod
    def nlmproc4_nm_lock(self, call: Call, argument: nlm4_lockargs) -> Reply[nlm4_res]:
        """Procedure 22, NLMPROC4_NM_LOCK."""

    @abstractmethod
    def nlmproc4_free_all(self, call: Call, argument: nlm4_notify) -> Reply[None]:
        """Procedure 23, NLMPROC4_FREE_ALL."""
