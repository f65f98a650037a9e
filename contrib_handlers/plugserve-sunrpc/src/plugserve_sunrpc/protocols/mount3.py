"""Compiled from mount3.x by plugserve-rpcgen.

Do not change it: change the description, and compile that again.
"""
# ruff: noqa: A001, A002, E501, E741, N801, N802, N806, N815, N816, PYI042, RUF100, SIM114, UP007

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum
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

MNTPATHLEN: Final = 1024
MNTNAMLEN: Final = 255
FHSIZE3: Final = 64

fhandle3: TypeAlias = bytes


def pack_fhandle3(packer: Packer, value: fhandle3) -> None:
    """Pack a fhandle3."""
    try:
        packer.pack_opaque(value, FHSIZE3)
    except PackingFailure as failure:
        packer.refuse("fhandle3", failure)


def unpack_fhandle3(unpacker: Unpacker) -> fhandle3:
    """Unpack a fhandle3."""
    return unpacker.unpack_opaque(FHSIZE3)


dirpath: TypeAlias = bytes


def pack_dirpath(packer: Packer, value: dirpath) -> None:
    """Pack a dirpath."""
    try:
        packer.pack_opaque(value, MNTPATHLEN)
    except PackingFailure as failure:
        packer.refuse("dirpath", failure)


def unpack_dirpath(unpacker: Unpacker) -> dirpath:
    """Unpack a dirpath."""
    return unpacker.unpack_opaque(MNTPATHLEN)


name: TypeAlias = bytes


def pack_name(packer: Packer, value: name) -> None:
    """Pack a name."""
    try:
        packer.pack_opaque(value, MNTNAMLEN)
    except PackingFailure as failure:
        packer.refuse("name", failure)


def unpack_name(unpacker: Unpacker) -> name:
    """Unpack a name."""
    return unpacker.unpack_opaque(MNTNAMLEN)


class mountstat3(IntEnum):
    """enum mountstat3."""

    MNT3_OK = 0
    MNT3ERR_PERM = 1
    MNT3ERR_NOENT = 2
    MNT3ERR_IO = 5
    MNT3ERR_ACCES = 13
    MNT3ERR_NOTDIR = 20
    MNT3ERR_INVAL = 22
    MNT3ERR_NAMETOOLONG = 63
    MNT3ERR_NOTSUPP = 10004
    MNT3ERR_SERVERFAULT = 10006


_members_mountstat3: Final = members(mountstat3)


@dataclass(frozen=True, slots=True)
class mountres3_ok:
    """struct mountres3_ok."""

    fhandle: fhandle3
    auth_flavors: tuple[int, ...]

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.fhandle, FHSIZE3)
            packer.pack_numbers(self.auth_flavors, "i")
        except PackingFailure as failure:
            packer.refuse("mountres3_ok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> mountres3_ok:
        """Unpack one; raises `XDRError`."""
        try:
            fhandle = unpacker.unpack_opaque(FHSIZE3)
            auth_flavors = unpacker.unpack_numbers("i")
            return _make_mountres3_ok(fhandle, auth_flavors)
        except UnpackingFailure as failure:
            unpacker.refuse("mountres3_ok", failure)


_make_mountres3_ok: Final = maker(mountres3_ok)


@dataclass(frozen=True, slots=True)
class mountres3:
    """union mountres3: what `value` is, by `fhs_status`.

    - mountstat3.MNT3_OK: mountres3_ok, mountinfo
    - otherwise: None
    """

    fhs_status: mountstat3
    value: mountres3_ok | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.fhs_status, mountstat3)
            if self.fhs_status == mountstat3.MNT3_OK:
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("mountres3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> mountres3:
        """Unpack one; raises `XDRError`."""
        try:
            fhs_status = unpacker.unpack_enum(mountstat3)
            if fhs_status == mountstat3.MNT3_OK:
                return _make_mountres3(fhs_status, mountres3_ok.unpack(unpacker))
            return _make_mountres3(fhs_status, None)
        except UnpackingFailure as failure:
            unpacker.refuse("mountres3", failure)


_make_mountres3: Final = maker(mountres3)


@dataclass(frozen=True, slots=True)
class mountbody:
    """struct mountbody.

    An item of a linked list: the list is a tuple, without ml_next.
    """

    ml_hostname: name
    ml_directory: dirpath

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.ml_hostname, MNTNAMLEN)
            packer.pack_opaque(self.ml_directory, MNTPATHLEN)
        except PackingFailure as failure:
            packer.refuse("mountbody", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> mountbody:
        """Unpack one; raises `XDRError`."""
        try:
            ml_hostname = unpacker.unpack_opaque(MNTNAMLEN)
            ml_directory = unpacker.unpack_opaque(MNTPATHLEN)
            return _make_mountbody(ml_hostname, ml_directory)
        except UnpackingFailure as failure:
            unpacker.refuse("mountbody", failure)


_make_mountbody: Final = maker(mountbody)

mountlist: TypeAlias = tuple[mountbody, ...]


def pack_mountlist(packer: Packer, value: mountlist) -> None:
    """Pack a mountlist."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("mountlist", failure)


def unpack_mountlist(unpacker: Unpacker) -> mountlist:
    """Unpack a mountlist."""
    return unpacker.unpack_chain(mountbody.unpack)


@dataclass(frozen=True, slots=True)
class groupnode:
    """struct groupnode.

    An item of a linked list: the list is a tuple, without gr_next.
    """

    gr_name: name

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.gr_name, MNTNAMLEN)
        except PackingFailure as failure:
            packer.refuse("groupnode", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> groupnode:
        """Unpack one; raises `XDRError`."""
        try:
            gr_name = unpacker.unpack_opaque(MNTNAMLEN)
            return _make_groupnode(gr_name)
        except UnpackingFailure as failure:
            unpacker.refuse("groupnode", failure)


_make_groupnode: Final = maker(groupnode)

groups: TypeAlias = tuple[groupnode, ...]


def pack_groups(packer: Packer, value: groups) -> None:
    """Pack a groups."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("groups", failure)


def unpack_groups(unpacker: Unpacker) -> groups:
    """Unpack a groups."""
    return unpacker.unpack_chain(groupnode.unpack)


@dataclass(frozen=True, slots=True)
class exportnode:
    """struct exportnode.

    An item of a linked list: the list is a tuple, without ex_next.
    """

    ex_dir: dirpath
    ex_groups: groups

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.ex_dir, MNTPATHLEN)
            packer.pack_chain_values(self.ex_groups)
        except PackingFailure as failure:
            packer.refuse("exportnode", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> exportnode:
        """Unpack one; raises `XDRError`."""
        try:
            ex_dir = unpacker.unpack_opaque(MNTPATHLEN)
            ex_groups = unpacker.unpack_chain(groupnode.unpack)
            return _make_exportnode(ex_dir, ex_groups)
        except UnpackingFailure as failure:
            unpacker.refuse("exportnode", failure)


_make_exportnode: Final = maker(exportnode)

exports: TypeAlias = tuple[exportnode, ...]


def pack_exports(packer: Packer, value: exports) -> None:
    """Pack an exports."""
    try:
        packer.pack_chain_values(value)
    except PackingFailure as failure:
        packer.refuse("exports", failure)


def unpack_exports(unpacker: Unpacker) -> exports:
    """Unpack an exports."""
    return unpacker.unpack_chain(exportnode.unpack)


class MOUNT_V3Client(Stub):
    """Calls MOUNT_PROGRAM 100005, MOUNT_V3 3."""

    program = 100005
    version = 3

    def mountproc3_null(self) -> None:
        """Procedure 0, MOUNTPROC3_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def mountproc3_mnt(self, argument: dirpath) -> mountres3:
        """Procedure 1, MOUNTPROC3_MNT."""
        return self._call(
            1,
            lambda packer: packer.pack_opaque(argument, MNTPATHLEN),
            mountres3.unpack,
        )

    def mountproc3_dump(self) -> mountlist:
        """Procedure 2, MOUNTPROC3_DUMP."""
        return self._call(2, pack_nothing, unpack_mountlist)

    def mountproc3_umnt(self, argument: dirpath) -> None:
        """Procedure 3, MOUNTPROC3_UMNT."""
        self._call(
            3,
            lambda packer: packer.pack_opaque(argument, MNTPATHLEN),
            unpack_nothing,
        )

    def mountproc3_umntall(self) -> None:
        """Procedure 4, MOUNTPROC3_UMNTALL."""
        self._call(4, pack_nothing, unpack_nothing)

    def mountproc3_export(self) -> exports:
        """Procedure 5, MOUNTPROC3_EXPORT."""
        return self._call(5, pack_nothing, unpack_exports)


class MOUNT_V3AsyncClient(AsyncStub):
    """Calls MOUNT_PROGRAM 100005, MOUNT_V3 3, asynchronously."""

    program = 100005
    version = 3

    async def mountproc3_null(self) -> None:
        """Procedure 0, MOUNTPROC3_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def mountproc3_mnt(self, argument: dirpath) -> mountres3:
        """Procedure 1, MOUNTPROC3_MNT."""
        return await self._call(
            1,
            lambda packer: packer.pack_opaque(argument, MNTPATHLEN),
            mountres3.unpack,
        )

    async def mountproc3_dump(self) -> mountlist:
        """Procedure 2, MOUNTPROC3_DUMP."""
        return await self._call(2, pack_nothing, unpack_mountlist)

    async def mountproc3_umnt(self, argument: dirpath) -> None:
        """Procedure 3, MOUNTPROC3_UMNT."""
        await self._call(
            3,
            lambda packer: packer.pack_opaque(argument, MNTPATHLEN),
            unpack_nothing,
        )

    async def mountproc3_umntall(self) -> None:
        """Procedure 4, MOUNTPROC3_UMNTALL."""
        await self._call(4, pack_nothing, unpack_nothing)

    async def mountproc3_export(self) -> exports:
        """Procedure 5, MOUNTPROC3_EXPORT."""
        return await self._call(5, pack_nothing, unpack_exports)


class MOUNT_V3Server(Program):
    """Serves MOUNT_PROGRAM 100005, MOUNT_V3 3: a subclass has the procedures."""

    number = 100005
    version = 3
    name = "MOUNT_PROGRAM"
    procedures: ClassVar = {
        0: Procedure("mountproc3_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "mountproc3_mnt",
            lambda unpacker: (unpacker.unpack_opaque(MNTPATHLEN),),
            pack_value,
        ),
        2: Procedure("mountproc3_dump", lambda unpacker: (), pack_mountlist),
        3: Procedure(
            "mountproc3_umnt",
            lambda unpacker: (unpacker.unpack_opaque(MNTPATHLEN),),
            pack_nothing,
        ),
        4: Procedure("mountproc3_umntall", lambda unpacker: (), pack_nothing),
        5: Procedure("mountproc3_export", lambda unpacker: (), pack_exports),
    }

    def mountproc3_null(self, call: Call) -> None:
        """Procedure 0, MOUNTPROC3_NULL: does nothing."""

    @abstractmethod
    def mountproc3_mnt(self, call: Call, argument: dirpath) -> Reply[mountres3]:
        """Procedure 1, MOUNTPROC3_MNT."""

    @abstractmethod
    def mountproc3_dump(self, call: Call) -> Reply[mountlist]:
        """Procedure 2, MOUNTPROC3_DUMP."""

    @abstractmethod
    def mountproc3_umnt(self, call: Call, argument: dirpath) -> Reply[None]:
        """Procedure 3, MOUNTPROC3_UMNT."""

    @abstractmethod
    def mountproc3_umntall(self, call: Call) -> Reply[None]:
        """Procedure 4, MOUNTPROC3_UMNTALL."""

    @abstractmethod
    def mountproc3_export(self, call: Call) -> Reply[exports]:
        """Procedure 5, MOUNTPROC3_EXPORT."""
