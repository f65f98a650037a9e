"""Compiled from nfs3.x by plugserve-rpcgen.

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

NFS3_FHSIZE: Final = 64
NFS3_COOKIEVERFSIZE: Final = 8
NFS3_CREATEVERFSIZE: Final = 8
NFS3_WRITEVERFSIZE: Final = 8
MODE3_SUID: Final = 0x800
MODE3_SGID: Final = 0x400
MODE3_STICKY: Final = 0x200
ACCESS3_READ: Final = 0x0001
ACCESS3_LOOKUP: Final = 0x0002
ACCESS3_MODIFY: Final = 0x0004
ACCESS3_EXTEND: Final = 0x0008
ACCESS3_DELETE: Final = 0x0010
ACCESS3_EXECUTE: Final = 0x0020
FSF3_LINK: Final = 0x0001
FSF3_SYMLINK: Final = 0x0002
FSF3_HOMOGENEOUS: Final = 0x0008
FSF3_CANSETTIME: Final = 0x0010

uint64: TypeAlias = int
int64: TypeAlias = int
uint32: TypeAlias = int
int32: TypeAlias = int
filename3: TypeAlias = bytes


def pack_filename3(packer: Packer, value: filename3) -> None:
    """Pack a filename3."""
    try:
        packer.pack_opaque(value)
    except PackingFailure as failure:
        packer.refuse("filename3", failure)


def unpack_filename3(unpacker: Unpacker) -> filename3:
    """Unpack a filename3."""
    return unpacker.unpack_opaque()


nfspath3: TypeAlias = bytes


def pack_nfspath3(packer: Packer, value: nfspath3) -> None:
    """Pack a nfspath3."""
    try:
        packer.pack_opaque(value)
    except PackingFailure as failure:
        packer.refuse("nfspath3", failure)


def unpack_nfspath3(unpacker: Unpacker) -> nfspath3:
    """Unpack a nfspath3."""
    return unpacker.unpack_opaque()


fileid3: TypeAlias = uint64
cookie3: TypeAlias = uint64
cookieverf3: TypeAlias = bytes


def pack_cookieverf3(packer: Packer, value: cookieverf3) -> None:
    """Pack a cookieverf3."""
    try:
        packer.pack_opaque_fixed(NFS3_COOKIEVERFSIZE, value)
    except PackingFailure as failure:
        packer.refuse("cookieverf3", failure)


def unpack_cookieverf3(unpacker: Unpacker) -> cookieverf3:
    """Unpack a cookieverf3."""
    return unpacker.unpack_opaque_fixed(NFS3_COOKIEVERFSIZE)


createverf3: TypeAlias = bytes


def pack_createverf3(packer: Packer, value: createverf3) -> None:
    """Pack a createverf3."""
    try:
        packer.pack_opaque_fixed(NFS3_CREATEVERFSIZE, value)
    except PackingFailure as failure:
        packer.refuse("createverf3", failure)


def unpack_createverf3(unpacker: Unpacker) -> createverf3:
    """Unpack a createverf3."""
    return unpacker.unpack_opaque_fixed(NFS3_CREATEVERFSIZE)


writeverf3: TypeAlias = bytes


def pack_writeverf3(packer: Packer, value: writeverf3) -> None:
    """Pack a writeverf3."""
    try:
        packer.pack_opaque_fixed(NFS3_WRITEVERFSIZE, value)
    except PackingFailure as failure:
        packer.refuse("writeverf3", failure)


def unpack_writeverf3(unpacker: Unpacker) -> writeverf3:
    """Unpack a writeverf3."""
    return unpacker.unpack_opaque_fixed(NFS3_WRITEVERFSIZE)


uid3: TypeAlias = uint32
gid3: TypeAlias = uint32
size3: TypeAlias = uint64
offset3: TypeAlias = uint64
mode3: TypeAlias = uint32
count3: TypeAlias = uint32


class nfsstat3(IntEnum):
    """enum nfsstat3."""

    NFS3_OK = 0
    NFS3ERR_PERM = 1
    NFS3ERR_NOENT = 2
    NFS3ERR_IO = 5
    NFS3ERR_NXIO = 6
    NFS3ERR_ACCES = 13
    NFS3ERR_EXIST = 17
    NFS3ERR_XDEV = 18
    NFS3ERR_NODEV = 19
    NFS3ERR_NOTDIR = 20
    NFS3ERR_ISDIR = 21
    NFS3ERR_INVAL = 22
    NFS3ERR_FBIG = 27
    NFS3ERR_NOSPC = 28
    NFS3ERR_ROFS = 30
    NFS3ERR_MLINK = 31
    NFS3ERR_NAMETOOLONG = 63
    NFS3ERR_NOTEMPTY = 66
    NFS3ERR_DQUOT = 69
    NFS3ERR_STALE = 70
    NFS3ERR_REMOTE = 71
    NFS3ERR_BADHANDLE = 10001
    NFS3ERR_NOT_SYNC = 10002
    NFS3ERR_BAD_COOKIE = 10003
    NFS3ERR_NOTSUPP = 10004
    NFS3ERR_TOOSMALL = 10005
    NFS3ERR_SERVERFAULT = 10006
    NFS3ERR_BADTYPE = 10007
    NFS3ERR_JUKEBOX = 10008


_members_nfsstat3: Final = members(nfsstat3)


class ftype3(IntEnum):
    """enum ftype3."""

    NF3REG = 1
    NF3DIR = 2
    NF3BLK = 3
    NF3CHR = 4
    NF3LNK = 5
    NF3SOCK = 6
    NF3FIFO = 7


_members_ftype3: Final = members(ftype3)
_specdata3_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class specdata3:
    """struct specdata3."""

    specdata1: uint32
    specdata2: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_specdata3_1.pack(self.specdata1, self.specdata2))
        except PackingFailure as failure:
            packer.refuse("specdata3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> specdata3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            specdata1, specdata2 = _specdata3_1.unpack(read(8))
            return _make_specdata3(specdata1, specdata2)
        except UnpackingFailure as failure:
            unpacker.refuse("specdata3", failure)


_make_specdata3: Final = maker(specdata3)


@dataclass(frozen=True, slots=True)
class nfs_fh3:
    """struct nfs_fh3."""

    data: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("nfs_fh3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nfs_fh3:
        """Unpack one; raises `XDRError`."""
        try:
            data = unpacker.unpack_opaque(NFS3_FHSIZE)
            return _make_nfs_fh3(data)
        except UnpackingFailure as failure:
            unpacker.refuse("nfs_fh3", failure)


_make_nfs_fh3: Final = maker(nfs_fh3)
_nfstime3_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class nfstime3:
    """struct nfstime3."""

    seconds: uint32
    nseconds: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_nfstime3_1.pack(self.seconds, self.nseconds))
        except PackingFailure as failure:
            packer.refuse("nfstime3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> nfstime3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            seconds, nseconds = _nfstime3_1.unpack(read(8))
            return _make_nfstime3(seconds, nseconds)
        except UnpackingFailure as failure:
            unpacker.refuse("nfstime3", failure)


_make_nfstime3: Final = maker(nfstime3)
_fattr3_1: Final = Struct(">i4I2Q2I2Q6I")


@dataclass(frozen=True, slots=True)
class fattr3:
    """struct fattr3."""

    type: ftype3
    mode: mode3
    nlink: uint32
    uid: uid3
    gid: gid3
    size: size3
    used: size3
    rdev: specdata3
    fsid: uint64
    fileid: fileid3
    atime: nfstime3
    mtime: nfstime3
    ctime: nfstime3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            if self.type not in _members_ftype3:
                packer.wrong("a member of ftype3", self.type)
            write(
                _fattr3_1.pack(
                    self.type,
                    self.mode,
                    self.nlink,
                    self.uid,
                    self.gid,
                    self.size,
                    self.used,
                    self.rdev.specdata1,
                    self.rdev.specdata2,
                    self.fsid,
                    self.fileid,
                    self.atime.seconds,
                    self.atime.nseconds,
                    self.mtime.seconds,
                    self.mtime.nseconds,
                    self.ctime.seconds,
                    self.ctime.nseconds,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("fattr3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> fattr3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                type,
                mode,
                nlink,
                uid,
                gid,
                size,
                used,
                rdev_specdata1,
                rdev_specdata2,
                fsid,
                fileid,
                atime_seconds,
                atime_nseconds,
                mtime_seconds,
                mtime_nseconds,
                ctime_seconds,
                ctime_nseconds,
            ) = _fattr3_1.unpack(read(84))
            if type not in _members_ftype3:
                unpacker.not_a_member(ftype3, type, 84)
            return _make_fattr3(
                _members_ftype3[type],
                mode,
                nlink,
                uid,
                gid,
                size,
                used,
                _make_specdata3(rdev_specdata1, rdev_specdata2),
                fsid,
                fileid,
                _make_nfstime3(atime_seconds, atime_nseconds),
                _make_nfstime3(mtime_seconds, mtime_nseconds),
                _make_nfstime3(ctime_seconds, ctime_nseconds),
            )
        except UnpackingFailure as failure:
            unpacker.refuse("fattr3", failure)


_make_fattr3: Final = maker(fattr3)

post_op_attr: TypeAlias = fattr3 | None


def pack_post_op_attr(packer: Packer, value: post_op_attr) -> None:
    """Pack a post_op_attr."""
    try:
        packer.pack_optional(value, pack_value)
    except PackingFailure as failure:
        packer.refuse("post_op_attr", failure)


def unpack_post_op_attr(unpacker: Unpacker) -> post_op_attr:
    """Unpack a post_op_attr."""
    return unpacker.unpack_optional(fattr3.unpack)


_wcc_attr_1: Final = Struct(">Q4I")


@dataclass(frozen=True, slots=True)
class wcc_attr:
    """struct wcc_attr."""

    size: size3
    mtime: nfstime3
    ctime: nfstime3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(
                _wcc_attr_1.pack(
                    self.size,
                    self.mtime.seconds,
                    self.mtime.nseconds,
                    self.ctime.seconds,
                    self.ctime.nseconds,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("wcc_attr", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> wcc_attr:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                size,
                mtime_seconds,
                mtime_nseconds,
                ctime_seconds,
                ctime_nseconds,
            ) = _wcc_attr_1.unpack(read(24))
            return _make_wcc_attr(
                size,
                _make_nfstime3(mtime_seconds, mtime_nseconds),
                _make_nfstime3(ctime_seconds, ctime_nseconds),
            )
        except UnpackingFailure as failure:
            unpacker.refuse("wcc_attr", failure)


_make_wcc_attr: Final = maker(wcc_attr)

pre_op_attr: TypeAlias = wcc_attr | None


def pack_pre_op_attr(packer: Packer, value: pre_op_attr) -> None:
    """Pack a pre_op_attr."""
    try:
        packer.pack_optional(value, pack_value)
    except PackingFailure as failure:
        packer.refuse("pre_op_attr", failure)


def unpack_pre_op_attr(unpacker: Unpacker) -> pre_op_attr:
    """Unpack a pre_op_attr."""
    return unpacker.unpack_optional(wcc_attr.unpack)


@dataclass(frozen=True, slots=True)
class wcc_data:
    """struct wcc_data."""

    before: pre_op_attr
    after: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.before is not None)
            if self.before is not None:
                self.before.pack(packer)
            packer.pack_bool(self.after is not None)
            if self.after is not None:
                self.after.pack(packer)
        except PackingFailure as failure:
            packer.refuse("wcc_data", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> wcc_data:
        """Unpack one; raises `XDRError`."""
        try:
            before = wcc_attr.unpack(unpacker) if unpacker.unpack_bool() else None
            after = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_wcc_data(before, after)
        except UnpackingFailure as failure:
            unpacker.refuse("wcc_data", failure)


_make_wcc_data: Final = maker(wcc_data)

post_op_fh3: TypeAlias = nfs_fh3 | None


def pack_post_op_fh3(packer: Packer, value: post_op_fh3) -> None:
    """Pack a post_op_fh3."""
    try:
        packer.pack_optional(value, pack_value)
    except PackingFailure as failure:
        packer.refuse("post_op_fh3", failure)


def unpack_post_op_fh3(unpacker: Unpacker) -> post_op_fh3:
    """Unpack a post_op_fh3."""
    return unpacker.unpack_optional(nfs_fh3.unpack)


class time_how(IntEnum):
    """enum time_how."""

    DONT_CHANGE = 0
    SET_TO_SERVER_TIME = 1
    SET_TO_CLIENT_TIME = 2


_members_time_how: Final = members(time_how)

set_mode3: TypeAlias = mode3 | None


def pack_set_mode3(packer: Packer, value: set_mode3) -> None:
    """Pack a set_mode3."""
    try:
        packer.pack_optional(value, Packer.pack_uint)
    except PackingFailure as failure:
        packer.refuse("set_mode3", failure)


def unpack_set_mode3(unpacker: Unpacker) -> set_mode3:
    """Unpack a set_mode3."""
    return unpacker.unpack_optional(Unpacker.unpack_uint)


set_uid3: TypeAlias = uid3 | None


def pack_set_uid3(packer: Packer, value: set_uid3) -> None:
    """Pack a set_uid3."""
    try:
        packer.pack_optional(value, Packer.pack_uint)
    except PackingFailure as failure:
        packer.refuse("set_uid3", failure)


def unpack_set_uid3(unpacker: Unpacker) -> set_uid3:
    """Unpack a set_uid3."""
    return unpacker.unpack_optional(Unpacker.unpack_uint)


set_gid3: TypeAlias = gid3 | None


def pack_set_gid3(packer: Packer, value: set_gid3) -> None:
    """Pack a set_gid3."""
    try:
        packer.pack_optional(value, Packer.pack_uint)
    except PackingFailure as failure:
        packer.refuse("set_gid3", failure)


def unpack_set_gid3(unpacker: Unpacker) -> set_gid3:
    """Unpack a set_gid3."""
    return unpacker.unpack_optional(Unpacker.unpack_uint)


set_size3: TypeAlias = size3 | None


def pack_set_size3(packer: Packer, value: set_size3) -> None:
    """Pack a set_size3."""
    try:
        packer.pack_optional(value, Packer.pack_uhyper)
    except PackingFailure as failure:
        packer.refuse("set_size3", failure)


def unpack_set_size3(unpacker: Unpacker) -> set_size3:
    """Unpack a set_size3."""
    return unpacker.unpack_optional(Unpacker.unpack_uhyper)


@dataclass(frozen=True, slots=True)
class set_atime:
    """union set_atime: what `value` is, by `set_it`.

    - time_how.SET_TO_CLIENT_TIME: nfstime3, atime
    - otherwise: None
    """

    set_it: time_how
    value: nfstime3 | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.set_it, time_how)
            if self.set_it == time_how.SET_TO_CLIENT_TIME:
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("set_atime", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> set_atime:
        """Unpack one; raises `XDRError`."""
        try:
            set_it = unpacker.unpack_enum(time_how)
            if set_it == time_how.SET_TO_CLIENT_TIME:
                return _make_set_atime(set_it, nfstime3.unpack(unpacker))
            return _make_set_atime(set_it, None)
        except UnpackingFailure as failure:
            unpacker.refuse("set_atime", failure)


_make_set_atime: Final = maker(set_atime)


@dataclass(frozen=True, slots=True)
class set_mtime:
    """union set_mtime: what `value` is, by `set_it`.

    - time_how.SET_TO_CLIENT_TIME: nfstime3, mtime
    - otherwise: None
    """

    set_it: time_how
    value: nfstime3 | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.set_it, time_how)
            if self.set_it == time_how.SET_TO_CLIENT_TIME:
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("set_mtime", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> set_mtime:
        """Unpack one; raises `XDRError`."""
        try:
            set_it = unpacker.unpack_enum(time_how)
            if set_it == time_how.SET_TO_CLIENT_TIME:
                return _make_set_mtime(set_it, nfstime3.unpack(unpacker))
            return _make_set_mtime(set_it, None)
        except UnpackingFailure as failure:
            unpacker.refuse("set_mtime", failure)


_make_set_mtime: Final = maker(set_mtime)


@dataclass(frozen=True, slots=True)
class sattr3:
    """struct sattr3."""

    mode: set_mode3
    uid: set_uid3
    gid: set_gid3
    size: set_size3
    atime: set_atime
    mtime: set_mtime

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.mode is not None)
            if self.mode is not None:
                packer.pack_uint(self.mode)
            packer.pack_bool(self.uid is not None)
            if self.uid is not None:
                packer.pack_uint(self.uid)
            packer.pack_bool(self.gid is not None)
            if self.gid is not None:
                packer.pack_uint(self.gid)
            packer.pack_bool(self.size is not None)
            if self.size is not None:
                packer.pack_uhyper(self.size)
            self.atime.pack(packer)
            self.mtime.pack(packer)
        except PackingFailure as failure:
            packer.refuse("sattr3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> sattr3:
        """Unpack one; raises `XDRError`."""
        try:
            mode = unpacker.unpack_uint() if unpacker.unpack_bool() else None
            uid = unpacker.unpack_uint() if unpacker.unpack_bool() else None
            gid = unpacker.unpack_uint() if unpacker.unpack_bool() else None
            size = unpacker.unpack_uhyper() if unpacker.unpack_bool() else None
            atime = set_atime.unpack(unpacker)
            mtime = set_mtime.unpack(unpacker)
            return _make_sattr3(mode, uid, gid, size, atime, mtime)
        except UnpackingFailure as failure:
            unpacker.refuse("sattr3", failure)


_make_sattr3: Final = maker(sattr3)


@dataclass(frozen=True, slots=True)
class diropargs3:
    """struct diropargs3."""

    dir: nfs_fh3
    name: filename3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.dir.data, NFS3_FHSIZE)
            packer.pack_opaque(self.name)
        except PackingFailure as failure:
            packer.refuse("diropargs3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> diropargs3:
        """Unpack one; raises `XDRError`."""
        try:
            dir = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            name = unpacker.unpack_opaque()
            return _make_diropargs3(dir, name)
        except UnpackingFailure as failure:
            unpacker.refuse("diropargs3", failure)


_make_diropargs3: Final = maker(diropargs3)


@dataclass(frozen=True, slots=True)
class GETATTR3args:
    """struct GETATTR3args."""

    object: nfs_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.object.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("GETATTR3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> GETATTR3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            return _make_GETATTR3args(object)
        except UnpackingFailure as failure:
            unpacker.refuse("GETATTR3args", failure)


_make_GETATTR3args: Final = maker(GETATTR3args)
_GETATTR3resok_1: Final = Struct(">i4I2Q2I2Q6I")


@dataclass(frozen=True, slots=True)
class GETATTR3resok:
    """struct GETATTR3resok."""

    obj_attributes: fattr3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            if self.obj_attributes.type not in _members_ftype3:
                packer.wrong("a member of ftype3", self.obj_attributes.type)
            write(
                _GETATTR3resok_1.pack(
                    self.obj_attributes.type,
                    self.obj_attributes.mode,
                    self.obj_attributes.nlink,
                    self.obj_attributes.uid,
                    self.obj_attributes.gid,
                    self.obj_attributes.size,
                    self.obj_attributes.used,
                    self.obj_attributes.rdev.specdata1,
                    self.obj_attributes.rdev.specdata2,
                    self.obj_attributes.fsid,
                    self.obj_attributes.fileid,
                    self.obj_attributes.atime.seconds,
                    self.obj_attributes.atime.nseconds,
                    self.obj_attributes.mtime.seconds,
                    self.obj_attributes.mtime.nseconds,
                    self.obj_attributes.ctime.seconds,
                    self.obj_attributes.ctime.nseconds,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("GETATTR3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> GETATTR3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            (
                obj_attributes_type,
                obj_attributes_mode,
                obj_attributes_nlink,
                obj_attributes_uid,
                obj_attributes_gid,
                obj_attributes_size,
                obj_attributes_used,
                obj_attributes_rdev_specdata1,
                obj_attributes_rdev_specdata2,
                obj_attributes_fsid,
                obj_attributes_fileid,
                obj_attributes_atime_seconds,
                obj_attributes_atime_nseconds,
                obj_attributes_mtime_seconds,
                obj_attributes_mtime_nseconds,
                obj_attributes_ctime_seconds,
                obj_attributes_ctime_nseconds,
            ) = _GETATTR3resok_1.unpack(read(84))
            if obj_attributes_type not in _members_ftype3:
                unpacker.not_a_member(ftype3, obj_attributes_type, 84)
            return _make_GETATTR3resok(
                _make_fattr3(
                    _members_ftype3[obj_attributes_type],
                    obj_attributes_mode,
                    obj_attributes_nlink,
                    obj_attributes_uid,
                    obj_attributes_gid,
                    obj_attributes_size,
                    obj_attributes_used,
                    _make_specdata3(
                        obj_attributes_rdev_specdata1,
                        obj_attributes_rdev_specdata2,
                    ),
                    obj_attributes_fsid,
                    obj_attributes_fileid,
                    _make_nfstime3(
                        obj_attributes_atime_seconds,
                        obj_attributes_atime_nseconds,
                    ),
                    _make_nfstime3(
                        obj_attributes_mtime_seconds,
                        obj_attributes_mtime_nseconds,
                    ),
                    _make_nfstime3(
                        obj_attributes_ctime_seconds,
                        obj_attributes_ctime_nseconds,
                    ),
                ),
            )
        except UnpackingFailure as failure:
            unpacker.refuse("GETATTR3resok", failure)


_make_GETATTR3resok: Final = maker(GETATTR3resok)


@dataclass(frozen=True, slots=True)
class GETATTR3res:
    """union GETATTR3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: GETATTR3resok, resok
    - otherwise: None
    """

    status: nfsstat3
    value: GETATTR3resok | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("GETATTR3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> GETATTR3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_GETATTR3res(status, GETATTR3resok.unpack(unpacker))
            return _make_GETATTR3res(status, None)
        except UnpackingFailure as failure:
            unpacker.refuse("GETATTR3res", failure)


_make_GETATTR3res: Final = maker(GETATTR3res)

sattrguard3: TypeAlias = nfstime3 | None


def pack_sattrguard3(packer: Packer, value: sattrguard3) -> None:
    """Pack a sattrguard3."""
    try:
        packer.pack_optional(value, pack_value)
    except PackingFailure as failure:
        packer.refuse("sattrguard3", failure)


def unpack_sattrguard3(unpacker: Unpacker) -> sattrguard3:
    """Unpack a sattrguard3."""
    return unpacker.unpack_optional(nfstime3.unpack)


@dataclass(frozen=True, slots=True)
class SETATTR3args:
    """struct SETATTR3args."""

    object: nfs_fh3
    new_attributes: sattr3
    guard: sattrguard3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.object.data, NFS3_FHSIZE)
            self.new_attributes.pack(packer)
            packer.pack_bool(self.guard is not None)
            if self.guard is not None:
                self.guard.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SETATTR3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SETATTR3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            new_attributes = sattr3.unpack(unpacker)
            guard = nfstime3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_SETATTR3args(object, new_attributes, guard)
        except UnpackingFailure as failure:
            unpacker.refuse("SETATTR3args", failure)


_make_SETATTR3args: Final = maker(SETATTR3args)


@dataclass(frozen=True, slots=True)
class SETATTR3resok:
    """struct SETATTR3resok."""

    obj_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.obj_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SETATTR3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SETATTR3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj_wcc = wcc_data.unpack(unpacker)
            return _make_SETATTR3resok(obj_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("SETATTR3resok", failure)


_make_SETATTR3resok: Final = maker(SETATTR3resok)


@dataclass(frozen=True, slots=True)
class SETATTR3resfail:
    """struct SETATTR3resfail."""

    obj_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.obj_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SETATTR3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SETATTR3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            obj_wcc = wcc_data.unpack(unpacker)
            return _make_SETATTR3resfail(obj_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("SETATTR3resfail", failure)


_make_SETATTR3resfail: Final = maker(SETATTR3resfail)


@dataclass(frozen=True, slots=True)
class SETATTR3res:
    """union SETATTR3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: SETATTR3resok, resok
    - otherwise: SETATTR3resfail, resfail
    """

    status: nfsstat3
    value: SETATTR3resok | SETATTR3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SETATTR3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SETATTR3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_SETATTR3res(status, SETATTR3resok.unpack(unpacker))
            return _make_SETATTR3res(status, SETATTR3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("SETATTR3res", failure)


_make_SETATTR3res: Final = maker(SETATTR3res)


@dataclass(frozen=True, slots=True)
class LOOKUP3args:
    """struct LOOKUP3args."""

    what: diropargs3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.what.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LOOKUP3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LOOKUP3args:
        """Unpack one; raises `XDRError`."""
        try:
            what = diropargs3.unpack(unpacker)
            return _make_LOOKUP3args(what)
        except UnpackingFailure as failure:
            unpacker.refuse("LOOKUP3args", failure)


_make_LOOKUP3args: Final = maker(LOOKUP3args)


@dataclass(frozen=True, slots=True)
class LOOKUP3resok:
    """struct LOOKUP3resok."""

    object: nfs_fh3
    obj_attributes: post_op_attr
    dir_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.object.data, NFS3_FHSIZE)
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LOOKUP3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LOOKUP3resok:
        """Unpack one; raises `XDRError`."""
        try:
            object = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_LOOKUP3resok(object, obj_attributes, dir_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("LOOKUP3resok", failure)


_make_LOOKUP3resok: Final = maker(LOOKUP3resok)


@dataclass(frozen=True, slots=True)
class LOOKUP3resfail:
    """struct LOOKUP3resfail."""

    dir_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LOOKUP3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LOOKUP3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_LOOKUP3resfail(dir_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("LOOKUP3resfail", failure)


_make_LOOKUP3resfail: Final = maker(LOOKUP3resfail)


@dataclass(frozen=True, slots=True)
class LOOKUP3res:
    """union LOOKUP3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: LOOKUP3resok, resok
    - otherwise: LOOKUP3resfail, resfail
    """

    status: nfsstat3
    value: LOOKUP3resok | LOOKUP3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LOOKUP3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LOOKUP3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_LOOKUP3res(status, LOOKUP3resok.unpack(unpacker))
            return _make_LOOKUP3res(status, LOOKUP3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("LOOKUP3res", failure)


_make_LOOKUP3res: Final = maker(LOOKUP3res)


@dataclass(frozen=True, slots=True)
class ACCESS3args:
    """struct ACCESS3args."""

    object: nfs_fh3
    access: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.object.data, NFS3_FHSIZE)
            packer.pack_uint(self.access)
        except PackingFailure as failure:
            packer.refuse("ACCESS3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> ACCESS3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            access = unpacker.unpack_uint()
            return _make_ACCESS3args(object, access)
        except UnpackingFailure as failure:
            unpacker.refuse("ACCESS3args", failure)


_make_ACCESS3args: Final = maker(ACCESS3args)


@dataclass(frozen=True, slots=True)
class ACCESS3resok:
    """struct ACCESS3resok."""

    obj_attributes: post_op_attr
    access: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            packer.pack_uint(self.access)
        except PackingFailure as failure:
            packer.refuse("ACCESS3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> ACCESS3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            access = unpacker.unpack_uint()
            return _make_ACCESS3resok(obj_attributes, access)
        except UnpackingFailure as failure:
            unpacker.refuse("ACCESS3resok", failure)


_make_ACCESS3resok: Final = maker(ACCESS3resok)


@dataclass(frozen=True, slots=True)
class ACCESS3resfail:
    """struct ACCESS3resfail."""

    obj_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("ACCESS3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> ACCESS3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_ACCESS3resfail(obj_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("ACCESS3resfail", failure)


_make_ACCESS3resfail: Final = maker(ACCESS3resfail)


@dataclass(frozen=True, slots=True)
class ACCESS3res:
    """union ACCESS3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: ACCESS3resok, resok
    - otherwise: ACCESS3resfail, resfail
    """

    status: nfsstat3
    value: ACCESS3resok | ACCESS3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("ACCESS3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> ACCESS3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_ACCESS3res(status, ACCESS3resok.unpack(unpacker))
            return _make_ACCESS3res(status, ACCESS3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("ACCESS3res", failure)


_make_ACCESS3res: Final = maker(ACCESS3res)


@dataclass(frozen=True, slots=True)
class READLINK3args:
    """struct READLINK3args."""

    symlink: nfs_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.symlink.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("READLINK3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READLINK3args:
        """Unpack one; raises `XDRError`."""
        try:
            symlink = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            return _make_READLINK3args(symlink)
        except UnpackingFailure as failure:
            unpacker.refuse("READLINK3args", failure)


_make_READLINK3args: Final = maker(READLINK3args)


@dataclass(frozen=True, slots=True)
class READLINK3resok:
    """struct READLINK3resok."""

    symlink_attributes: post_op_attr
    data: nfspath3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            pack_post_op_attr(packer, self.symlink_attributes)
            packer.pack_opaque(self.data)
        except PackingFailure as failure:
            packer.refuse("READLINK3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READLINK3resok:
        """Unpack one; raises `XDRError`."""
        try:
            symlink_attributes = unpack_post_op_attr(unpacker)
            data = unpacker.unpack_opaque()
            return _make_READLINK3resok(symlink_attributes, data)
        except UnpackingFailure as failure:
            unpacker.refuse("READLINK3resok", failure)


_make_READLINK3resok: Final = maker(READLINK3resok)


@dataclass(frozen=True, slots=True)
class READLINK3resfail:
    """struct READLINK3resfail."""

    symlink_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            pack_post_op_attr(packer, self.symlink_attributes)
        except PackingFailure as failure:
            packer.refuse("READLINK3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READLINK3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            symlink_attributes = unpack_post_op_attr(unpacker)
            return _make_READLINK3resfail(symlink_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("READLINK3resfail", failure)


_make_READLINK3resfail: Final = maker(READLINK3resfail)


@dataclass(frozen=True, slots=True)
class READLINK3res:
    """union READLINK3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: READLINK3resok, resok
    - otherwise: READLINK3resfail, resfail
    """

    status: nfsstat3
    value: READLINK3resok | READLINK3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READLINK3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READLINK3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_READLINK3res(status, READLINK3resok.unpack(unpacker))
            return _make_READLINK3res(status, READLINK3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("READLINK3res", failure)


_make_READLINK3res: Final = maker(READLINK3res)
_READ3args_1: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class READ3args:
    """struct READ3args."""

    file: nfs_fh3
    offset: offset3
    count: count3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.file.data, NFS3_FHSIZE)
            write(_READ3args_1.pack(self.offset, self.count))
        except PackingFailure as failure:
            packer.refuse("READ3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READ3args:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            file = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            offset, count = _READ3args_1.unpack(read(12))
            return _make_READ3args(file, offset, count)
        except UnpackingFailure as failure:
            unpacker.refuse("READ3args", failure)


_make_READ3args: Final = maker(READ3args)
_READ3resok_1: Final = Struct(">3I")


@dataclass(frozen=True, slots=True)
class READ3resok:
    """struct READ3resok."""

    file_attributes: post_op_attr
    count: count3
    eof: bool
    data: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            pack_post_op_attr(packer, self.file_attributes)
            if not 0 <= self.eof <= 1:
                packer.outside("eof", 0, 1, self.eof)
            write(_READ3resok_1.pack(self.count, self.eof, len(self.data)))
            packer.fill(self.data)
        except PackingFailure as failure:
            packer.refuse("READ3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READ3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            file_attributes = unpack_post_op_attr(unpacker)
            count, eof, data_size = _READ3resok_1.unpack(read(12))
            if eof > 1:
                unpacker.outside(0, 1, eof, 8)
            data = unpacker.filled(data_size)
            return _make_READ3resok(file_attributes, count, eof == 1, data)
        except UnpackingFailure as failure:
            unpacker.refuse("READ3resok", failure)


_make_READ3resok: Final = maker(READ3resok)


@dataclass(frozen=True, slots=True)
class READ3resfail:
    """struct READ3resfail."""

    file_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            pack_post_op_attr(packer, self.file_attributes)
        except PackingFailure as failure:
            packer.refuse("READ3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READ3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            file_attributes = unpack_post_op_attr(unpacker)
            return _make_READ3resfail(file_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("READ3resfail", failure)


_make_READ3resfail: Final = maker(READ3resfail)


@dataclass(frozen=True, slots=True)
class READ3res:
    """union READ3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: READ3resok, resok
    - otherwise: READ3resfail, resfail
    """

    status: nfsstat3
    value: READ3resok | READ3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READ3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READ3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_READ3res(status, READ3resok.unpack(unpacker))
            return _make_READ3res(status, READ3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("READ3res", failure)


_make_READ3res: Final = maker(READ3res)


class stable_how(IntEnum):
    """enum stable_how."""

    UNSTABLE = 0
    DATA_SYNC = 1
    FILE_SYNC = 2


_members_stable_how: Final = members(stable_how)
_WRITE3args_1: Final = Struct(">QIiI")


@dataclass(frozen=True, slots=True)
class WRITE3args:
    """struct WRITE3args."""

    file: nfs_fh3
    offset: offset3
    count: count3
    stable: stable_how
    data: bytes

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.file.data, NFS3_FHSIZE)
            if self.stable not in _members_stable_how:
                packer.wrong("a member of stable_how", self.stable)
            write(
                _WRITE3args_1.pack(
                    self.offset,
                    self.count,
                    self.stable,
                    len(self.data),
                ),
            )
            packer.fill(self.data)
        except PackingFailure as failure:
            packer.refuse("WRITE3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> WRITE3args:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            file = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            offset, count, stable, data_size = _WRITE3args_1.unpack(read(20))
            if stable not in _members_stable_how:
                unpacker.not_a_member(stable_how, stable, 8)
            data = unpacker.filled(data_size)
            return _make_WRITE3args(
                file,
                offset,
                count,
                _members_stable_how[stable],
                data,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("WRITE3args", failure)


_make_WRITE3args: Final = maker(WRITE3args)
_WRITE3resok_1: Final = Struct(">Ii")


@dataclass(frozen=True, slots=True)
class WRITE3resok:
    """struct WRITE3resok."""

    file_wcc: wcc_data
    count: count3
    committed: stable_how
    verf: writeverf3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            self.file_wcc.pack(packer)
            if self.committed not in _members_stable_how:
                packer.wrong("a member of stable_how", self.committed)
            write(_WRITE3resok_1.pack(self.count, self.committed))
            packer.pack_opaque_fixed(NFS3_WRITEVERFSIZE, self.verf)
        except PackingFailure as failure:
            packer.refuse("WRITE3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> WRITE3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            file_wcc = wcc_data.unpack(unpacker)
            count, committed = _WRITE3resok_1.unpack(read(8))
            if committed not in _members_stable_how:
                unpacker.not_a_member(stable_how, committed, 4)
            verf = unpacker.unpack_opaque_fixed(NFS3_WRITEVERFSIZE)
            return _make_WRITE3resok(
                file_wcc,
                count,
                _members_stable_how[committed],
                verf,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("WRITE3resok", failure)


_make_WRITE3resok: Final = maker(WRITE3resok)


@dataclass(frozen=True, slots=True)
class WRITE3resfail:
    """struct WRITE3resfail."""

    file_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.file_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("WRITE3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> WRITE3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            file_wcc = wcc_data.unpack(unpacker)
            return _make_WRITE3resfail(file_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("WRITE3resfail", failure)


_make_WRITE3resfail: Final = maker(WRITE3resfail)


@dataclass(frozen=True, slots=True)
class WRITE3res:
    """union WRITE3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: WRITE3resok, resok
    - otherwise: WRITE3resfail, resfail
    """

    status: nfsstat3
    value: WRITE3resok | WRITE3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("WRITE3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> WRITE3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_WRITE3res(status, WRITE3resok.unpack(unpacker))
            return _make_WRITE3res(status, WRITE3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("WRITE3res", failure)


_make_WRITE3res: Final = maker(WRITE3res)


class createmode3(IntEnum):
    """enum createmode3."""

    UNCHECKED = 0
    GUARDED = 1
    EXCLUSIVE = 2


_members_createmode3: Final = members(createmode3)


@dataclass(frozen=True, slots=True)
class createhow3:
    """union createhow3: what `value` is, by `mode`.

    - createmode3.UNCHECKED, createmode3.GUARDED: sattr3, obj_attributes
    - createmode3.EXCLUSIVE: createverf3, verf
    """

    mode: createmode3
    value: sattr3 | createverf3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.mode, createmode3)
            if self.mode in (createmode3.UNCHECKED, createmode3.GUARDED):
                value.pack(packer)
            elif self.mode == createmode3.EXCLUSIVE:
                packer.pack_opaque_fixed(NFS3_CREATEVERFSIZE, value)
            else:
                packer.fail(f"createhow3: a case expected, not {self.mode}")
        except PackingFailure as failure:
            packer.refuse("createhow3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> createhow3:
        """Unpack one; raises `XDRError`."""
        try:
            value: Any
            mode = unpacker.unpack_enum(createmode3)
            if mode in (createmode3.UNCHECKED, createmode3.GUARDED):
                return _make_createhow3(mode, sattr3.unpack(unpacker))
            if mode == createmode3.EXCLUSIVE:
                value = unpacker.unpack_opaque_fixed(NFS3_CREATEVERFSIZE)
                return _make_createhow3(mode, value)
            unpacker.fail(
                f"createhow3: a case expected, not {mode}",
                unpacker.position - 4,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("createhow3", failure)


_make_createhow3: Final = maker(createhow3)


@dataclass(frozen=True, slots=True)
class CREATE3args:
    """struct CREATE3args."""

    where: diropargs3
    how: createhow3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.where.pack(packer)
            self.how.pack(packer)
        except PackingFailure as failure:
            packer.refuse("CREATE3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> CREATE3args:
        """Unpack one; raises `XDRError`."""
        try:
            where = diropargs3.unpack(unpacker)
            how = createhow3.unpack(unpacker)
            return _make_CREATE3args(where, how)
        except UnpackingFailure as failure:
            unpacker.refuse("CREATE3args", failure)


_make_CREATE3args: Final = maker(CREATE3args)


@dataclass(frozen=True, slots=True)
class CREATE3resok:
    """struct CREATE3resok."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj is not None)
            if self.obj is not None:
                packer.pack_opaque(self.obj.data, NFS3_FHSIZE)
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("CREATE3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> CREATE3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj = nfs_fh3.unpack(unpacker) if unpacker.unpack_bool() else None
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_CREATE3resok(obj, obj_attributes, dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("CREATE3resok", failure)


_make_CREATE3resok: Final = maker(CREATE3resok)


@dataclass(frozen=True, slots=True)
class CREATE3resfail:
    """struct CREATE3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("CREATE3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> CREATE3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_CREATE3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("CREATE3resfail", failure)


_make_CREATE3resfail: Final = maker(CREATE3resfail)


@dataclass(frozen=True, slots=True)
class CREATE3res:
    """union CREATE3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: CREATE3resok, resok
    - otherwise: CREATE3resfail, resfail
    """

    status: nfsstat3
    value: CREATE3resok | CREATE3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("CREATE3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> CREATE3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_CREATE3res(status, CREATE3resok.unpack(unpacker))
            return _make_CREATE3res(status, CREATE3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("CREATE3res", failure)


_make_CREATE3res: Final = maker(CREATE3res)


@dataclass(frozen=True, slots=True)
class MKDIR3args:
    """struct MKDIR3args."""

    where: diropargs3
    attributes: sattr3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.where.pack(packer)
            self.attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKDIR3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKDIR3args:
        """Unpack one; raises `XDRError`."""
        try:
            where = diropargs3.unpack(unpacker)
            attributes = sattr3.unpack(unpacker)
            return _make_MKDIR3args(where, attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("MKDIR3args", failure)


_make_MKDIR3args: Final = maker(MKDIR3args)


@dataclass(frozen=True, slots=True)
class MKDIR3resok:
    """struct MKDIR3resok."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj is not None)
            if self.obj is not None:
                packer.pack_opaque(self.obj.data, NFS3_FHSIZE)
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKDIR3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKDIR3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj = nfs_fh3.unpack(unpacker) if unpacker.unpack_bool() else None
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_MKDIR3resok(obj, obj_attributes, dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("MKDIR3resok", failure)


_make_MKDIR3resok: Final = maker(MKDIR3resok)


@dataclass(frozen=True, slots=True)
class MKDIR3resfail:
    """struct MKDIR3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKDIR3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKDIR3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_MKDIR3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("MKDIR3resfail", failure)


_make_MKDIR3resfail: Final = maker(MKDIR3resfail)


@dataclass(frozen=True, slots=True)
class MKDIR3res:
    """union MKDIR3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: MKDIR3resok, resok
    - otherwise: MKDIR3resfail, resfail
    """

    status: nfsstat3
    value: MKDIR3resok | MKDIR3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKDIR3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKDIR3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_MKDIR3res(status, MKDIR3resok.unpack(unpacker))
            return _make_MKDIR3res(status, MKDIR3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("MKDIR3res", failure)


_make_MKDIR3res: Final = maker(MKDIR3res)


@dataclass(frozen=True, slots=True)
class symlinkdata3:
    """struct symlinkdata3."""

    symlink_attributes: sattr3
    symlink_data: nfspath3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.symlink_attributes.pack(packer)
            packer.pack_opaque(self.symlink_data)
        except PackingFailure as failure:
            packer.refuse("symlinkdata3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> symlinkdata3:
        """Unpack one; raises `XDRError`."""
        try:
            symlink_attributes = sattr3.unpack(unpacker)
            symlink_data = unpacker.unpack_opaque()
            return _make_symlinkdata3(symlink_attributes, symlink_data)
        except UnpackingFailure as failure:
            unpacker.refuse("symlinkdata3", failure)


_make_symlinkdata3: Final = maker(symlinkdata3)


@dataclass(frozen=True, slots=True)
class SYMLINK3args:
    """struct SYMLINK3args."""

    where: diropargs3
    symlink: symlinkdata3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.where.pack(packer)
            self.symlink.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SYMLINK3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SYMLINK3args:
        """Unpack one; raises `XDRError`."""
        try:
            where = diropargs3.unpack(unpacker)
            symlink = symlinkdata3.unpack(unpacker)
            return _make_SYMLINK3args(where, symlink)
        except UnpackingFailure as failure:
            unpacker.refuse("SYMLINK3args", failure)


_make_SYMLINK3args: Final = maker(SYMLINK3args)


@dataclass(frozen=True, slots=True)
class SYMLINK3resok:
    """struct SYMLINK3resok."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj is not None)
            if self.obj is not None:
                packer.pack_opaque(self.obj.data, NFS3_FHSIZE)
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SYMLINK3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SYMLINK3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj = nfs_fh3.unpack(unpacker) if unpacker.unpack_bool() else None
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_SYMLINK3resok(obj, obj_attributes, dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("SYMLINK3resok", failure)


_make_SYMLINK3resok: Final = maker(SYMLINK3resok)


@dataclass(frozen=True, slots=True)
class SYMLINK3resfail:
    """struct SYMLINK3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SYMLINK3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SYMLINK3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_SYMLINK3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("SYMLINK3resfail", failure)


_make_SYMLINK3resfail: Final = maker(SYMLINK3resfail)


@dataclass(frozen=True, slots=True)
class SYMLINK3res:
    """union SYMLINK3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: SYMLINK3resok, resok
    - otherwise: SYMLINK3resfail, resfail
    """

    status: nfsstat3
    value: SYMLINK3resok | SYMLINK3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("SYMLINK3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> SYMLINK3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_SYMLINK3res(status, SYMLINK3resok.unpack(unpacker))
            return _make_SYMLINK3res(status, SYMLINK3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("SYMLINK3res", failure)


_make_SYMLINK3res: Final = maker(SYMLINK3res)
_devicedata3_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class devicedata3:
    """struct devicedata3."""

    dev_attributes: sattr3
    spec: specdata3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            self.dev_attributes.pack(packer)
            write(_devicedata3_1.pack(self.spec.specdata1, self.spec.specdata2))
        except PackingFailure as failure:
            packer.refuse("devicedata3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> devicedata3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            dev_attributes = sattr3.unpack(unpacker)
            spec_specdata1, spec_specdata2 = _devicedata3_1.unpack(read(8))
            return _make_devicedata3(
                dev_attributes,
                _make_specdata3(spec_specdata1, spec_specdata2),
            )
        except UnpackingFailure as failure:
            unpacker.refuse("devicedata3", failure)


_make_devicedata3: Final = maker(devicedata3)


@dataclass(frozen=True, slots=True)
class mknoddata3:
    """union mknoddata3: what `value` is, by `type`.

    - ftype3.NF3CHR, ftype3.NF3BLK: devicedata3, device
    - ftype3.NF3SOCK, ftype3.NF3FIFO: sattr3, pipe_attributes
    - otherwise: None
    """

    type: ftype3
    value: devicedata3 | sattr3 | None = None

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.type, ftype3)
            if self.type in (ftype3.NF3CHR, ftype3.NF3BLK):
                value.pack(packer)
            elif self.type in (ftype3.NF3SOCK, ftype3.NF3FIFO):
                value.pack(packer)
            else:
                pack_nothing(packer, value)
        except PackingFailure as failure:
            packer.refuse("mknoddata3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> mknoddata3:
        """Unpack one; raises `XDRError`."""
        try:
            type = unpacker.unpack_enum(ftype3)
            if type in (ftype3.NF3CHR, ftype3.NF3BLK):
                return _make_mknoddata3(type, devicedata3.unpack(unpacker))
            if type in (ftype3.NF3SOCK, ftype3.NF3FIFO):
                return _make_mknoddata3(type, sattr3.unpack(unpacker))
            return _make_mknoddata3(type, None)
        except UnpackingFailure as failure:
            unpacker.refuse("mknoddata3", failure)


_make_mknoddata3: Final = maker(mknoddata3)


@dataclass(frozen=True, slots=True)
class MKNOD3args:
    """struct MKNOD3args."""

    where: diropargs3
    what: mknoddata3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.where.pack(packer)
            self.what.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKNOD3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKNOD3args:
        """Unpack one; raises `XDRError`."""
        try:
            where = diropargs3.unpack(unpacker)
            what = mknoddata3.unpack(unpacker)
            return _make_MKNOD3args(where, what)
        except UnpackingFailure as failure:
            unpacker.refuse("MKNOD3args", failure)


_make_MKNOD3args: Final = maker(MKNOD3args)


@dataclass(frozen=True, slots=True)
class MKNOD3resok:
    """struct MKNOD3resok."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj is not None)
            if self.obj is not None:
                packer.pack_opaque(self.obj.data, NFS3_FHSIZE)
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKNOD3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKNOD3resok:
        """Unpack one; raises `XDRError`."""
        try:
            obj = nfs_fh3.unpack(unpacker) if unpacker.unpack_bool() else None
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_MKNOD3resok(obj, obj_attributes, dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("MKNOD3resok", failure)


_make_MKNOD3resok: Final = maker(MKNOD3resok)


@dataclass(frozen=True, slots=True)
class MKNOD3resfail:
    """struct MKNOD3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKNOD3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKNOD3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_MKNOD3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("MKNOD3resfail", failure)


_make_MKNOD3resfail: Final = maker(MKNOD3resfail)


@dataclass(frozen=True, slots=True)
class MKNOD3res:
    """union MKNOD3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: MKNOD3resok, resok
    - otherwise: MKNOD3resfail, resfail
    """

    status: nfsstat3
    value: MKNOD3resok | MKNOD3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("MKNOD3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> MKNOD3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_MKNOD3res(status, MKNOD3resok.unpack(unpacker))
            return _make_MKNOD3res(status, MKNOD3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("MKNOD3res", failure)


_make_MKNOD3res: Final = maker(MKNOD3res)


@dataclass(frozen=True, slots=True)
class REMOVE3args:
    """struct REMOVE3args."""

    object: diropargs3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.object.pack(packer)
        except PackingFailure as failure:
            packer.refuse("REMOVE3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> REMOVE3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = diropargs3.unpack(unpacker)
            return _make_REMOVE3args(object)
        except UnpackingFailure as failure:
            unpacker.refuse("REMOVE3args", failure)


_make_REMOVE3args: Final = maker(REMOVE3args)


@dataclass(frozen=True, slots=True)
class REMOVE3resok:
    """struct REMOVE3resok."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("REMOVE3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> REMOVE3resok:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_REMOVE3resok(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("REMOVE3resok", failure)


_make_REMOVE3resok: Final = maker(REMOVE3resok)


@dataclass(frozen=True, slots=True)
class REMOVE3resfail:
    """struct REMOVE3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("REMOVE3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> REMOVE3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_REMOVE3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("REMOVE3resfail", failure)


_make_REMOVE3resfail: Final = maker(REMOVE3resfail)


@dataclass(frozen=True, slots=True)
class REMOVE3res:
    """union REMOVE3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: REMOVE3resok, resok
    - otherwise: REMOVE3resfail, resfail
    """

    status: nfsstat3
    value: REMOVE3resok | REMOVE3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("REMOVE3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> REMOVE3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_REMOVE3res(status, REMOVE3resok.unpack(unpacker))
            return _make_REMOVE3res(status, REMOVE3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("REMOVE3res", failure)


_make_REMOVE3res: Final = maker(REMOVE3res)


@dataclass(frozen=True, slots=True)
class RMDIR3args:
    """struct RMDIR3args."""

    object: diropargs3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.object.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RMDIR3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RMDIR3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = diropargs3.unpack(unpacker)
            return _make_RMDIR3args(object)
        except UnpackingFailure as failure:
            unpacker.refuse("RMDIR3args", failure)


_make_RMDIR3args: Final = maker(RMDIR3args)


@dataclass(frozen=True, slots=True)
class RMDIR3resok:
    """struct RMDIR3resok."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RMDIR3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RMDIR3resok:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_RMDIR3resok(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("RMDIR3resok", failure)


_make_RMDIR3resok: Final = maker(RMDIR3resok)


@dataclass(frozen=True, slots=True)
class RMDIR3resfail:
    """struct RMDIR3resfail."""

    dir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.dir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RMDIR3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RMDIR3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_wcc = wcc_data.unpack(unpacker)
            return _make_RMDIR3resfail(dir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("RMDIR3resfail", failure)


_make_RMDIR3resfail: Final = maker(RMDIR3resfail)


@dataclass(frozen=True, slots=True)
class RMDIR3res:
    """union RMDIR3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: RMDIR3resok, resok
    - otherwise: RMDIR3resfail, resfail
    """

    status: nfsstat3
    value: RMDIR3resok | RMDIR3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RMDIR3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RMDIR3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_RMDIR3res(status, RMDIR3resok.unpack(unpacker))
            return _make_RMDIR3res(status, RMDIR3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("RMDIR3res", failure)


_make_RMDIR3res: Final = maker(RMDIR3res)


@dataclass(frozen=True, slots=True)
class RENAME3args:
    """struct RENAME3args."""

    from_: diropargs3
    to: diropargs3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.from_.pack(packer)
            self.to.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RENAME3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RENAME3args:
        """Unpack one; raises `XDRError`."""
        try:
            from_ = diropargs3.unpack(unpacker)
            to = diropargs3.unpack(unpacker)
            return _make_RENAME3args(from_, to)
        except UnpackingFailure as failure:
            unpacker.refuse("RENAME3args", failure)


_make_RENAME3args: Final = maker(RENAME3args)


@dataclass(frozen=True, slots=True)
class RENAME3resok:
    """struct RENAME3resok."""

    fromdir_wcc: wcc_data
    todir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.fromdir_wcc.pack(packer)
            self.todir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RENAME3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RENAME3resok:
        """Unpack one; raises `XDRError`."""
        try:
            fromdir_wcc = wcc_data.unpack(unpacker)
            todir_wcc = wcc_data.unpack(unpacker)
            return _make_RENAME3resok(fromdir_wcc, todir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("RENAME3resok", failure)


_make_RENAME3resok: Final = maker(RENAME3resok)


@dataclass(frozen=True, slots=True)
class RENAME3resfail:
    """struct RENAME3resfail."""

    fromdir_wcc: wcc_data
    todir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.fromdir_wcc.pack(packer)
            self.todir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RENAME3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RENAME3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            fromdir_wcc = wcc_data.unpack(unpacker)
            todir_wcc = wcc_data.unpack(unpacker)
            return _make_RENAME3resfail(fromdir_wcc, todir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("RENAME3resfail", failure)


_make_RENAME3resfail: Final = maker(RENAME3resfail)


@dataclass(frozen=True, slots=True)
class RENAME3res:
    """union RENAME3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: RENAME3resok, resok
    - otherwise: RENAME3resfail, resfail
    """

    status: nfsstat3
    value: RENAME3resok | RENAME3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("RENAME3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> RENAME3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_RENAME3res(status, RENAME3resok.unpack(unpacker))
            return _make_RENAME3res(status, RENAME3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("RENAME3res", failure)


_make_RENAME3res: Final = maker(RENAME3res)


@dataclass(frozen=True, slots=True)
class LINK3args:
    """struct LINK3args."""

    file: nfs_fh3
    link: diropargs3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.file.data, NFS3_FHSIZE)
            self.link.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LINK3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LINK3args:
        """Unpack one; raises `XDRError`."""
        try:
            file = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            link = diropargs3.unpack(unpacker)
            return _make_LINK3args(file, link)
        except UnpackingFailure as failure:
            unpacker.refuse("LINK3args", failure)


_make_LINK3args: Final = maker(LINK3args)


@dataclass(frozen=True, slots=True)
class LINK3resok:
    """struct LINK3resok."""

    file_attributes: post_op_attr
    linkdir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            pack_post_op_attr(packer, self.file_attributes)
            self.linkdir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LINK3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LINK3resok:
        """Unpack one; raises `XDRError`."""
        try:
            file_attributes = unpack_post_op_attr(unpacker)
            linkdir_wcc = wcc_data.unpack(unpacker)
            return _make_LINK3resok(file_attributes, linkdir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("LINK3resok", failure)


_make_LINK3resok: Final = maker(LINK3resok)


@dataclass(frozen=True, slots=True)
class LINK3resfail:
    """struct LINK3resfail."""

    file_attributes: post_op_attr
    linkdir_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            pack_post_op_attr(packer, self.file_attributes)
            self.linkdir_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LINK3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LINK3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            file_attributes = unpack_post_op_attr(unpacker)
            linkdir_wcc = wcc_data.unpack(unpacker)
            return _make_LINK3resfail(file_attributes, linkdir_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("LINK3resfail", failure)


_make_LINK3resfail: Final = maker(LINK3resfail)


@dataclass(frozen=True, slots=True)
class LINK3res:
    """union LINK3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: LINK3resok, resok
    - otherwise: LINK3resfail, resfail
    """

    status: nfsstat3
    value: LINK3resok | LINK3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("LINK3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> LINK3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_LINK3res(status, LINK3resok.unpack(unpacker))
            return _make_LINK3res(status, LINK3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("LINK3res", failure)


_make_LINK3res: Final = maker(LINK3res)


@dataclass(frozen=True, slots=True)
class READDIR3args:
    """struct READDIR3args."""

    dir: nfs_fh3
    cookie: cookie3
    cookieverf: cookieverf3
    count: count3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.dir.data, NFS3_FHSIZE)
            packer.pack_uhyper(self.cookie)
            packer.pack_opaque_fixed(NFS3_COOKIEVERFSIZE, self.cookieverf)
            packer.pack_uint(self.count)
        except PackingFailure as failure:
            packer.refuse("READDIR3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIR3args:
        """Unpack one; raises `XDRError`."""
        try:
            dir = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            cookie = unpacker.unpack_uhyper()
            cookieverf = unpacker.unpack_opaque_fixed(NFS3_COOKIEVERFSIZE)
            count = unpacker.unpack_uint()
            return _make_READDIR3args(dir, cookie, cookieverf, count)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIR3args", failure)


_make_READDIR3args: Final = maker(READDIR3args)
_entry3_1: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class entry3:
    """struct entry3.

    An item of a linked list: the list is a tuple, without nextentry.
    """

    fileid: fileid3
    name: filename3
    cookie: cookie3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_entry3_1.pack(self.fileid, len(self.name)))
            packer.fill(self.name)
            packer.pack_uhyper(self.cookie)
        except PackingFailure as failure:
            packer.refuse("entry3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> entry3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            fileid, name_size = _entry3_1.unpack(read(12))
            name = unpacker.filled(name_size)
            cookie = unpacker.unpack_uhyper()
            return _make_entry3(fileid, name, cookie)
        except UnpackingFailure as failure:
            unpacker.refuse("entry3", failure)


_make_entry3: Final = maker(entry3)


@dataclass(frozen=True, slots=True)
class dirlist3:
    """struct dirlist3."""

    entries: tuple[entry3, ...]
    eof: bool

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_chain_values(self.entries)
            packer.pack_bool(self.eof)
        except PackingFailure as failure:
            packer.refuse("dirlist3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> dirlist3:
        """Unpack one; raises `XDRError`."""
        try:
            entries = unpacker.unpack_chain(entry3.unpack)
            eof = unpacker.unpack_bool()
            return _make_dirlist3(entries, eof)
        except UnpackingFailure as failure:
            unpacker.refuse("dirlist3", failure)


_make_dirlist3: Final = maker(dirlist3)


@dataclass(frozen=True, slots=True)
class READDIR3resok:
    """struct READDIR3resok."""

    dir_attributes: post_op_attr
    cookieverf: cookieverf3
    reply: dirlist3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
            packer.pack_opaque_fixed(NFS3_COOKIEVERFSIZE, self.cookieverf)
            self.reply.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIR3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIR3resok:
        """Unpack one; raises `XDRError`."""
        try:
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            cookieverf = unpacker.unpack_opaque_fixed(NFS3_COOKIEVERFSIZE)
            reply = dirlist3.unpack(unpacker)
            return _make_READDIR3resok(dir_attributes, cookieverf, reply)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIR3resok", failure)


_make_READDIR3resok: Final = maker(READDIR3resok)


@dataclass(frozen=True, slots=True)
class READDIR3resfail:
    """struct READDIR3resfail."""

    dir_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIR3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIR3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_READDIR3resfail(dir_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIR3resfail", failure)


_make_READDIR3resfail: Final = maker(READDIR3resfail)


@dataclass(frozen=True, slots=True)
class READDIR3res:
    """union READDIR3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: READDIR3resok, resok
    - otherwise: READDIR3resfail, resfail
    """

    status: nfsstat3
    value: READDIR3resok | READDIR3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIR3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIR3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_READDIR3res(status, READDIR3resok.unpack(unpacker))
            return _make_READDIR3res(status, READDIR3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("READDIR3res", failure)


_make_READDIR3res: Final = maker(READDIR3res)
_READDIRPLUS3args_1: Final = Struct(">2I")


@dataclass(frozen=True, slots=True)
class READDIRPLUS3args:
    """struct READDIRPLUS3args."""

    dir: nfs_fh3
    cookie: cookie3
    cookieverf: cookieverf3
    dircount: count3
    maxcount: count3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.dir.data, NFS3_FHSIZE)
            packer.pack_uhyper(self.cookie)
            packer.pack_opaque_fixed(NFS3_COOKIEVERFSIZE, self.cookieverf)
            write(_READDIRPLUS3args_1.pack(self.dircount, self.maxcount))
        except PackingFailure as failure:
            packer.refuse("READDIRPLUS3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIRPLUS3args:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            dir = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            cookie = unpacker.unpack_uhyper()
            cookieverf = unpacker.unpack_opaque_fixed(NFS3_COOKIEVERFSIZE)
            dircount, maxcount = _READDIRPLUS3args_1.unpack(read(8))
            return _make_READDIRPLUS3args(dir, cookie, cookieverf, dircount, maxcount)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIRPLUS3args", failure)


_make_READDIRPLUS3args: Final = maker(READDIRPLUS3args)
_entryplus3_1: Final = Struct(">QI")
_entryplus3_2: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class entryplus3:
    """struct entryplus3.

    An item of a linked list: the list is a tuple, without nextentry.
    """

    fileid: fileid3
    name: filename3
    cookie: cookie3
    name_attributes: post_op_attr
    name_handle: post_op_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            write(_entryplus3_1.pack(self.fileid, len(self.name)))
            packer.fill(self.name)
            write(_entryplus3_2.pack(self.cookie, self.name_attributes is not None))
            if self.name_attributes is not None:
                self.name_attributes.pack(packer)
            packer.pack_bool(self.name_handle is not None)
            if self.name_handle is not None:
                packer.pack_opaque(self.name_handle.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("entryplus3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> entryplus3:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            fileid, name_size = _entryplus3_1.unpack(read(12))
            name = unpacker.filled(name_size)
            cookie, follows = _entryplus3_2.unpack(read(12))
            if follows > 1:
                unpacker.outside(0, 1, follows, 4)
            name_attributes = fattr3.unpack(unpacker) if follows else None
            name_handle = nfs_fh3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_entryplus3(fileid, name, cookie, name_attributes, name_handle)
        except UnpackingFailure as failure:
            unpacker.refuse("entryplus3", failure)


_make_entryplus3: Final = maker(entryplus3)


@dataclass(frozen=True, slots=True)
class dirlistplus3:
    """struct dirlistplus3."""

    entries: tuple[entryplus3, ...]
    eof: bool

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_chain_values(self.entries)
            packer.pack_bool(self.eof)
        except PackingFailure as failure:
            packer.refuse("dirlistplus3", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> dirlistplus3:
        """Unpack one; raises `XDRError`."""
        try:
            entries = unpacker.unpack_chain(entryplus3.unpack)
            eof = unpacker.unpack_bool()
            return _make_dirlistplus3(entries, eof)
        except UnpackingFailure as failure:
            unpacker.refuse("dirlistplus3", failure)


_make_dirlistplus3: Final = maker(dirlistplus3)


@dataclass(frozen=True, slots=True)
class READDIRPLUS3resok:
    """struct READDIRPLUS3resok."""

    dir_attributes: post_op_attr
    cookieverf: cookieverf3
    reply: dirlistplus3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
            packer.pack_opaque_fixed(NFS3_COOKIEVERFSIZE, self.cookieverf)
            self.reply.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIRPLUS3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIRPLUS3resok:
        """Unpack one; raises `XDRError`."""
        try:
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            cookieverf = unpacker.unpack_opaque_fixed(NFS3_COOKIEVERFSIZE)
            reply = dirlistplus3.unpack(unpacker)
            return _make_READDIRPLUS3resok(dir_attributes, cookieverf, reply)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIRPLUS3resok", failure)


_make_READDIRPLUS3resok: Final = maker(READDIRPLUS3resok)


@dataclass(frozen=True, slots=True)
class READDIRPLUS3resfail:
    """struct READDIRPLUS3resfail."""

    dir_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.dir_attributes is not None)
            if self.dir_attributes is not None:
                self.dir_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIRPLUS3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIRPLUS3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            dir_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_READDIRPLUS3resfail(dir_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("READDIRPLUS3resfail", failure)


_make_READDIRPLUS3resfail: Final = maker(READDIRPLUS3resfail)


@dataclass(frozen=True, slots=True)
class READDIRPLUS3res:
    """union READDIRPLUS3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: READDIRPLUS3resok, resok
    - otherwise: READDIRPLUS3resfail, resfail
    """

    status: nfsstat3
    value: READDIRPLUS3resok | READDIRPLUS3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("READDIRPLUS3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> READDIRPLUS3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_READDIRPLUS3res(status, READDIRPLUS3resok.unpack(unpacker))
            return _make_READDIRPLUS3res(status, READDIRPLUS3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("READDIRPLUS3res", failure)


_make_READDIRPLUS3res: Final = maker(READDIRPLUS3res)


@dataclass(frozen=True, slots=True)
class FSSTAT3args:
    """struct FSSTAT3args."""

    fsroot: nfs_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.fsroot.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("FSSTAT3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSSTAT3args:
        """Unpack one; raises `XDRError`."""
        try:
            fsroot = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            return _make_FSSTAT3args(fsroot)
        except UnpackingFailure as failure:
            unpacker.refuse("FSSTAT3args", failure)


_make_FSSTAT3args: Final = maker(FSSTAT3args)
_FSSTAT3resok_1: Final = Struct(">6QI")


@dataclass(frozen=True, slots=True)
class FSSTAT3resok:
    """struct FSSTAT3resok."""

    obj_attributes: post_op_attr
    tbytes: size3
    fbytes: size3
    abytes: size3
    tfiles: size3
    ffiles: size3
    afiles: size3
    invarsec: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            write(
                _FSSTAT3resok_1.pack(
                    self.tbytes,
                    self.fbytes,
                    self.abytes,
                    self.tfiles,
                    self.ffiles,
                    self.afiles,
                    self.invarsec,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("FSSTAT3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSSTAT3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            (
                tbytes,
                fbytes,
                abytes,
                tfiles,
                ffiles,
                afiles,
                invarsec,
            ) = _FSSTAT3resok_1.unpack(read(52))
            return _make_FSSTAT3resok(
                obj_attributes,
                tbytes,
                fbytes,
                abytes,
                tfiles,
                ffiles,
                afiles,
                invarsec,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("FSSTAT3resok", failure)


_make_FSSTAT3resok: Final = maker(FSSTAT3resok)


@dataclass(frozen=True, slots=True)
class FSSTAT3resfail:
    """struct FSSTAT3resfail."""

    obj_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("FSSTAT3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSSTAT3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_FSSTAT3resfail(obj_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("FSSTAT3resfail", failure)


_make_FSSTAT3resfail: Final = maker(FSSTAT3resfail)


@dataclass(frozen=True, slots=True)
class FSSTAT3res:
    """union FSSTAT3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: FSSTAT3resok, resok
    - otherwise: FSSTAT3resfail, resfail
    """

    status: nfsstat3
    value: FSSTAT3resok | FSSTAT3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("FSSTAT3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSSTAT3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_FSSTAT3res(status, FSSTAT3resok.unpack(unpacker))
            return _make_FSSTAT3res(status, FSSTAT3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("FSSTAT3res", failure)


_make_FSSTAT3res: Final = maker(FSSTAT3res)


@dataclass(frozen=True, slots=True)
class FSINFO3args:
    """struct FSINFO3args."""

    fsroot: nfs_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.fsroot.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("FSINFO3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSINFO3args:
        """Unpack one; raises `XDRError`."""
        try:
            fsroot = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            return _make_FSINFO3args(fsroot)
        except UnpackingFailure as failure:
            unpacker.refuse("FSINFO3args", failure)


_make_FSINFO3args: Final = maker(FSINFO3args)
_FSINFO3resok_1: Final = Struct(">7IQ3I")


@dataclass(frozen=True, slots=True)
class FSINFO3resok:
    """struct FSINFO3resok."""

    obj_attributes: post_op_attr
    rtmax: uint32
    rtpref: uint32
    rtmult: uint32
    wtmax: uint32
    wtpref: uint32
    wtmult: uint32
    dtpref: uint32
    maxfilesize: size3
    time_delta: nfstime3
    properties: uint32

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            write(
                _FSINFO3resok_1.pack(
                    self.rtmax,
                    self.rtpref,
                    self.rtmult,
                    self.wtmax,
                    self.wtpref,
                    self.wtmult,
                    self.dtpref,
                    self.maxfilesize,
                    self.time_delta.seconds,
                    self.time_delta.nseconds,
                    self.properties,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("FSINFO3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSINFO3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            (
                rtmax,
                rtpref,
                rtmult,
                wtmax,
                wtpref,
                wtmult,
                dtpref,
                maxfilesize,
                time_delta_seconds,
                time_delta_nseconds,
                properties,
            ) = _FSINFO3resok_1.unpack(read(48))
            return _make_FSINFO3resok(
                obj_attributes,
                rtmax,
                rtpref,
                rtmult,
                wtmax,
                wtpref,
                wtmult,
                dtpref,
                maxfilesize,
                _make_nfstime3(time_delta_seconds, time_delta_nseconds),
                properties,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("FSINFO3resok", failure)


_make_FSINFO3resok: Final = maker(FSINFO3resok)


@dataclass(frozen=True, slots=True)
class FSINFO3resfail:
    """struct FSINFO3resfail."""

    obj_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("FSINFO3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSINFO3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_FSINFO3resfail(obj_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("FSINFO3resfail", failure)


_make_FSINFO3resfail: Final = maker(FSINFO3resfail)


@dataclass(frozen=True, slots=True)
class FSINFO3res:
    """union FSINFO3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: FSINFO3resok, resok
    - otherwise: FSINFO3resfail, resfail
    """

    status: nfsstat3
    value: FSINFO3resok | FSINFO3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("FSINFO3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> FSINFO3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_FSINFO3res(status, FSINFO3resok.unpack(unpacker))
            return _make_FSINFO3res(status, FSINFO3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("FSINFO3res", failure)


_make_FSINFO3res: Final = maker(FSINFO3res)


@dataclass(frozen=True, slots=True)
class PATHCONF3args:
    """struct PATHCONF3args."""

    object: nfs_fh3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_opaque(self.object.data, NFS3_FHSIZE)
        except PackingFailure as failure:
            packer.refuse("PATHCONF3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> PATHCONF3args:
        """Unpack one; raises `XDRError`."""
        try:
            object = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            return _make_PATHCONF3args(object)
        except UnpackingFailure as failure:
            unpacker.refuse("PATHCONF3args", failure)


_make_PATHCONF3args: Final = maker(PATHCONF3args)
_PATHCONF3resok_1: Final = Struct(">6I")


@dataclass(frozen=True, slots=True)
class PATHCONF3resok:
    """struct PATHCONF3resok."""

    obj_attributes: post_op_attr
    linkmax: uint32
    name_max: uint32
    no_trunc: bool
    chown_restricted: bool
    case_insensitive: bool
    case_preserving: bool

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
            if not 0 <= self.no_trunc <= 1:
                packer.outside("no_trunc", 0, 1, self.no_trunc)
            if not 0 <= self.chown_restricted <= 1:
                packer.outside("chown_restricted", 0, 1, self.chown_restricted)
            if not 0 <= self.case_insensitive <= 1:
                packer.outside("case_insensitive", 0, 1, self.case_insensitive)
            if not 0 <= self.case_preserving <= 1:
                packer.outside("case_preserving", 0, 1, self.case_preserving)
            write(
                _PATHCONF3resok_1.pack(
                    self.linkmax,
                    self.name_max,
                    self.no_trunc,
                    self.chown_restricted,
                    self.case_insensitive,
                    self.case_preserving,
                ),
            )
        except PackingFailure as failure:
            packer.refuse("PATHCONF3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> PATHCONF3resok:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            (
                linkmax,
                name_max,
                no_trunc,
                chown_restricted,
                case_insensitive,
                case_preserving,
            ) = _PATHCONF3resok_1.unpack(read(24))
            if no_trunc > 1:
                unpacker.outside(0, 1, no_trunc, 16)
            if chown_restricted > 1:
                unpacker.outside(0, 1, chown_restricted, 12)
            if case_insensitive > 1:
                unpacker.outside(0, 1, case_insensitive, 8)
            if case_preserving > 1:
                unpacker.outside(0, 1, case_preserving, 4)
            return _make_PATHCONF3resok(
                obj_attributes,
                linkmax,
                name_max,
                no_trunc == 1,
                chown_restricted == 1,
                case_insensitive == 1,
                case_preserving == 1,
            )
        except UnpackingFailure as failure:
            unpacker.refuse("PATHCONF3resok", failure)


_make_PATHCONF3resok: Final = maker(PATHCONF3resok)


@dataclass(frozen=True, slots=True)
class PATHCONF3resfail:
    """struct PATHCONF3resfail."""

    obj_attributes: post_op_attr

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            packer.pack_bool(self.obj_attributes is not None)
            if self.obj_attributes is not None:
                self.obj_attributes.pack(packer)
        except PackingFailure as failure:
            packer.refuse("PATHCONF3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> PATHCONF3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            obj_attributes = fattr3.unpack(unpacker) if unpacker.unpack_bool() else None
            return _make_PATHCONF3resfail(obj_attributes)
        except UnpackingFailure as failure:
            unpacker.refuse("PATHCONF3resfail", failure)


_make_PATHCONF3resfail: Final = maker(PATHCONF3resfail)


@dataclass(frozen=True, slots=True)
class PATHCONF3res:
    """union PATHCONF3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: PATHCONF3resok, resok
    - otherwise: PATHCONF3resfail, resfail
    """

    status: nfsstat3
    value: PATHCONF3resok | PATHCONF3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("PATHCONF3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> PATHCONF3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_PATHCONF3res(status, PATHCONF3resok.unpack(unpacker))
            return _make_PATHCONF3res(status, PATHCONF3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("PATHCONF3res", failure)


_make_PATHCONF3res: Final = maker(PATHCONF3res)
_COMMIT3args_1: Final = Struct(">QI")


@dataclass(frozen=True, slots=True)
class COMMIT3args:
    """struct COMMIT3args."""

    file: nfs_fh3
    offset: offset3
    count: count3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            write = packer.write
            packer.pack_opaque(self.file.data, NFS3_FHSIZE)
            write(_COMMIT3args_1.pack(self.offset, self.count))
        except PackingFailure as failure:
            packer.refuse("COMMIT3args", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> COMMIT3args:
        """Unpack one; raises `XDRError`."""
        try:
            read = unpacker.read
            file = _make_nfs_fh3(unpacker.unpack_opaque(NFS3_FHSIZE))
            offset, count = _COMMIT3args_1.unpack(read(12))
            return _make_COMMIT3args(file, offset, count)
        except UnpackingFailure as failure:
            unpacker.refuse("COMMIT3args", failure)


_make_COMMIT3args: Final = maker(COMMIT3args)


@dataclass(frozen=True, slots=True)
class COMMIT3resok:
    """struct COMMIT3resok."""

    file_wcc: wcc_data
    verf: writeverf3

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.file_wcc.pack(packer)
            packer.pack_opaque_fixed(NFS3_WRITEVERFSIZE, self.verf)
        except PackingFailure as failure:
            packer.refuse("COMMIT3resok", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> COMMIT3resok:
        """Unpack one; raises `XDRError`."""
        try:
            file_wcc = wcc_data.unpack(unpacker)
            verf = unpacker.unpack_opaque_fixed(NFS3_WRITEVERFSIZE)
            return _make_COMMIT3resok(file_wcc, verf)
        except UnpackingFailure as failure:
            unpacker.refuse("COMMIT3resok", failure)


_make_COMMIT3resok: Final = maker(COMMIT3resok)


@dataclass(frozen=True, slots=True)
class COMMIT3resfail:
    """struct COMMIT3resfail."""

    file_wcc: wcc_data

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            self.file_wcc.pack(packer)
        except PackingFailure as failure:
            packer.refuse("COMMIT3resfail", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> COMMIT3resfail:
        """Unpack one; raises `XDRError`."""
        try:
            file_wcc = wcc_data.unpack(unpacker)
            return _make_COMMIT3resfail(file_wcc)
        except UnpackingFailure as failure:
            unpacker.refuse("COMMIT3resfail", failure)


_make_COMMIT3resfail: Final = maker(COMMIT3resfail)


@dataclass(frozen=True, slots=True)
class COMMIT3res:
    """union COMMIT3res: what `value` is, by `status`.

    - nfsstat3.NFS3_OK: COMMIT3resok, resok
    - otherwise: COMMIT3resfail, resfail
    """

    status: nfsstat3
    value: COMMIT3resok | COMMIT3resfail

    def pack(self, packer: Packer) -> None:
        """Pack it; raises `XDRError`."""
        try:
            value: Any = self.value
            packer.pack_enum(self.status, nfsstat3)
            if self.status == nfsstat3.NFS3_OK:
                value.pack(packer)
            else:
                value.pack(packer)
        except PackingFailure as failure:
            packer.refuse("COMMIT3res", failure)

    @staticmethod
    def unpack(unpacker: Unpacker) -> COMMIT3res:
        """Unpack one; raises `XDRError`."""
        try:
            status = unpacker.unpack_enum(nfsstat3)
            if status == nfsstat3.NFS3_OK:
                return _make_COMMIT3res(status, COMMIT3resok.unpack(unpacker))
            return _make_COMMIT3res(status, COMMIT3resfail.unpack(unpacker))
        except UnpackingFailure as failure:
            unpacker.refuse("COMMIT3res", failure)


_make_COMMIT3res: Final = maker(COMMIT3res)


class NFS_V3Client(Stub):
    """Calls NFS_PROGRAM 100003, NFS_V3 3."""

    program = 100003
    version = 3

    def nfsproc3_null(self) -> None:
        """Procedure 0, NFSPROC3_NULL."""
        self._call(0, pack_nothing, unpack_nothing)

    def nfsproc3_getattr(self, argument: GETATTR3args) -> GETATTR3res:
        """Procedure 1, NFSPROC3_GETATTR."""
        return self._call(1, argument.pack, GETATTR3res.unpack)

    def nfsproc3_setattr(self, argument: SETATTR3args) -> SETATTR3res:
        """Procedure 2, NFSPROC3_SETATTR."""
        return self._call(2, argument.pack, SETATTR3res.unpack)

    def nfsproc3_lookup(self, argument: LOOKUP3args) -> LOOKUP3res:
        """Procedure 3, NFSPROC3_LOOKUP."""
        return self._call(3, argument.pack, LOOKUP3res.unpack)

    def nfsproc3_access(self, argument: ACCESS3args) -> ACCESS3res:
        """Procedure 4, NFSPROC3_ACCESS."""
        return self._call(4, argument.pack, ACCESS3res.unpack)

    def nfsproc3_readlink(self, argument: READLINK3args) -> READLINK3res:
        """Procedure 5, NFSPROC3_READLINK."""
        return self._call(5, argument.pack, READLINK3res.unpack)

    def nfsproc3_read(self, argument: READ3args) -> READ3res:
        """Procedure 6, NFSPROC3_READ."""
        return self._call(6, argument.pack, READ3res.unpack)

    def nfsproc3_write(self, argument: WRITE3args) -> WRITE3res:
        """Procedure 7, NFSPROC3_WRITE."""
        return self._call(7, argument.pack, WRITE3res.unpack)

    def nfsproc3_create(self, argument: CREATE3args) -> CREATE3res:
        """Procedure 8, NFSPROC3_CREATE."""
        return self._call(8, argument.pack, CREATE3res.unpack)

    def nfsproc3_mkdir(self, argument: MKDIR3args) -> MKDIR3res:
        """Procedure 9, NFSPROC3_MKDIR."""
        return self._call(9, argument.pack, MKDIR3res.unpack)

    def nfsproc3_symlink(self, argument: SYMLINK3args) -> SYMLINK3res:
        """Procedure 10, NFSPROC3_SYMLINK."""
        return self._call(10, argument.pack, SYMLINK3res.unpack)

    def nfsproc3_mknod(self, argument: MKNOD3args) -> MKNOD3res:
        """Procedure 11, NFSPROC3_MKNOD."""
        return self._call(11, argument.pack, MKNOD3res.unpack)

    def nfsproc3_remove(self, argument: REMOVE3args) -> REMOVE3res:
        """Procedure 12, NFSPROC3_REMOVE."""
        return self._call(12, argument.pack, REMOVE3res.unpack)

    def nfsproc3_rmdir(self, argument: RMDIR3args) -> RMDIR3res:
        """Procedure 13, NFSPROC3_RMDIR."""
        return self._call(13, argument.pack, RMDIR3res.unpack)

    def nfsproc3_rename(self, argument: RENAME3args) -> RENAME3res:
        """Procedure 14, NFSPROC3_RENAME."""
        return self._call(14, argument.pack, RENAME3res.unpack)

    def nfsproc3_link(self, argument: LINK3args) -> LINK3res:
        """Procedure 15, NFSPROC3_LINK."""
        return self._call(15, argument.pack, LINK3res.unpack)

    def nfsproc3_readdir(self, argument: READDIR3args) -> READDIR3res:
        """Procedure 16, NFSPROC3_READDIR."""
        return self._call(16, argument.pack, READDIR3res.unpack)

    def nfsproc3_readdirplus(self, argument: READDIRPLUS3args) -> READDIRPLUS3res:
        """Procedure 17, NFSPROC3_READDIRPLUS."""
        return self._call(17, argument.pack, READDIRPLUS3res.unpack)

    def nfsproc3_fsstat(self, argument: FSSTAT3args) -> FSSTAT3res:
        """Procedure 18, NFSPROC3_FSSTAT."""
        return self._call(18, argument.pack, FSSTAT3res.unpack)

    def nfsproc3_fsinfo(self, argument: FSINFO3args) -> FSINFO3res:
        """Procedure 19, NFSPROC3_FSINFO."""
        return self._call(19, argument.pack, FSINFO3res.unpack)

    def nfsproc3_pathconf(self, argument: PATHCONF3args) -> PATHCONF3res:
        """Procedure 20, NFSPROC3_PATHCONF."""
        return self._call(20, argument.pack, PATHCONF3res.unpack)

    def nfsproc3_commit(self, argument: COMMIT3args) -> COMMIT3res:
        """Procedure 21, NFSPROC3_COMMIT."""
        return self._call(21, argument.pack, COMMIT3res.unpack)


class NFS_V3AsyncClient(AsyncStub):
    """Calls NFS_PROGRAM 100003, NFS_V3 3, asynchronously."""

    program = 100003
    version = 3

    async def nfsproc3_null(self) -> None:
        """Procedure 0, NFSPROC3_NULL."""
        await self._call(0, pack_nothing, unpack_nothing)

    async def nfsproc3_getattr(self, argument: GETATTR3args) -> GETATTR3res:
        """Procedure 1, NFSPROC3_GETATTR."""
        return await self._call(1, argument.pack, GETATTR3res.unpack)

    async def nfsproc3_setattr(self, argument: SETATTR3args) -> SETATTR3res:
        """Procedure 2, NFSPROC3_SETATTR."""
        return await self._call(2, argument.pack, SETATTR3res.unpack)

    async def nfsproc3_lookup(self, argument: LOOKUP3args) -> LOOKUP3res:
        """Procedure 3, NFSPROC3_LOOKUP."""
        return await self._call(3, argument.pack, LOOKUP3res.unpack)

    async def nfsproc3_access(self, argument: ACCESS3args) -> ACCESS3res:
        """Procedure 4, NFSPROC3_ACCESS."""
        return await self._call(4, argument.pack, ACCESS3res.unpack)

    async def nfsproc3_readlink(self, argument: READLINK3args) -> READLINK3res:
        """Procedure 5, NFSPROC3_READLINK."""
        return await self._call(5, argument.pack, READLINK3res.unpack)

    async def nfsproc3_read(self, argument: READ3args) -> READ3res:
        """Procedure 6, NFSPROC3_READ."""
        return await self._call(6, argument.pack, READ3res.unpack)

    async def nfsproc3_write(self, argument: WRITE3args) -> WRITE3res:
        """Procedure 7, NFSPROC3_WRITE."""
        return await self._call(7, argument.pack, WRITE3res.unpack)

    async def nfsproc3_create(self, argument: CREATE3args) -> CREATE3res:
        """Procedure 8, NFSPROC3_CREATE."""
        return await self._call(8, argument.pack, CREATE3res.unpack)

    async def nfsproc3_mkdir(self, argument: MKDIR3args) -> MKDIR3res:
        """Procedure 9, NFSPROC3_MKDIR."""
        return await self._call(9, argument.pack, MKDIR3res.unpack)

    async def nfsproc3_symlink(self, argument: SYMLINK3args) -> SYMLINK3res:
        """Procedure 10, NFSPROC3_SYMLINK."""
        return await self._call(10, argument.pack, SYMLINK3res.unpack)

    async def nfsproc3_mknod(self, argument: MKNOD3args) -> MKNOD3res:
        """Procedure 11, NFSPROC3_MKNOD."""
        return await self._call(11, argument.pack, MKNOD3res.unpack)

    async def nfsproc3_remove(self, argument: REMOVE3args) -> REMOVE3res:
        """Procedure 12, NFSPROC3_REMOVE."""
        return await self._call(12, argument.pack, REMOVE3res.unpack)

    async def nfsproc3_rmdir(self, argument: RMDIR3args) -> RMDIR3res:
        """Procedure 13, NFSPROC3_RMDIR."""
        return await self._call(13, argument.pack, RMDIR3res.unpack)

    async def nfsproc3_rename(self, argument: RENAME3args) -> RENAME3res:
        """Procedure 14, NFSPROC3_RENAME."""
        return await self._call(14, argument.pack, RENAME3res.unpack)

    async def nfsproc3_link(self, argument: LINK3args) -> LINK3res:
        """Procedure 15, NFSPROC3_LINK."""
        return await self._call(15, argument.pack, LINK3res.unpack)

    async def nfsproc3_readdir(self, argument: READDIR3args) -> READDIR3res:
        """Procedure 16, NFSPROC3_READDIR."""
        return await self._call(16, argument.pack, READDIR3res.unpack)

    async def nfsproc3_readdirplus(self, argument: READDIRPLUS3args) -> READDIRPLUS3res:
        """Procedure 17, NFSPROC3_READDIRPLUS."""
        return await self._call(17, argument.pack, READDIRPLUS3res.unpack)

    async def nfsproc3_fsstat(self, argument: FSSTAT3args) -> FSSTAT3res:
        """Procedure 18, NFSPROC3_FSSTAT."""
        return await self._call(18, argument.pack, FSSTAT3res.unpack)

    async def nfsproc3_fsinfo(self, argument: FSINFO3args) -> FSINFO3res:
        """Procedure 19, NFSPROC3_FSINFO."""
        return await self._call(19, argument.pack, FSINFO3res.unpack)

    async def nfsproc3_pathconf(self, argument: PATHCONF3args) -> PATHCONF3res:
        """Procedure 20, NFSPROC3_PATHCONF."""
        return await self._call(20, argument.pack, PATHCONF3res.unpack)

    async def nfsproc3_commit(self, argument: COMMIT3args) -> COMMIT3res:
        """Procedure 21, NFSPROC3_COMMIT."""
        return await self._call(21, argument.pack, COMMIT3res.unpack)


class NFS_V3Server(Program):
    """Serves NFS_PROGRAM 100003, NFS_V3 3: a subclass has the procedures."""

    number = 100003
    version = 3
    name = "NFS_PROGRAM"
    procedures: ClassVar = {
        0: Procedure("nfsproc3_null", lambda unpacker: (), pack_nothing),
        1: Procedure(
            "nfsproc3_getattr",
            lambda unpacker: (GETATTR3args.unpack(unpacker),),
            pack_value,
        ),
        2: Procedure(
            "nfsproc3_setattr",
            lambda unpacker: (SETATTR3args.unpack(unpacker),),
            pack_value,
        ),
        3: Procedure(
            "nfsproc3_lookup",
            lambda unpacker: (LOOKUP3args.unpack(unpacker),),
            pack_value,
        ),
        4: Procedure(
            "nfsproc3_access",
            lambda unpacker: (ACCESS3args.unpack(unpacker),),
            pack_value,
        ),
        5: Procedure(
            "nfsproc3_readlink",
            lambda unpacker: (READLINK3args.unpack(unpacker),),
            pack_value,
        ),
        6: Procedure(
            "nfsproc3_read",
            lambda unpacker: (READ3args.unpack(unpacker),),
            pack_value,
        ),
        7: Procedure(
            "nfsproc3_write",
            lambda unpacker: (WRITE3args.unpack(unpacker),),
            pack_value,
        ),
        8: Procedure(
            "nfsproc3_create",
            lambda unpacker: (CREATE3args.unpack(unpacker),),
            pack_value,
        ),
        9: Procedure(
            "nfsproc3_mkdir",
            lambda unpacker: (MKDIR3args.unpack(unpacker),),
            pack_value,
        ),
        10: Procedure(
            "nfsproc3_symlink",
            lambda unpacker: (SYMLINK3args.unpack(unpacker),),
            pack_value,
        ),
        11: Procedure(
            "nfsproc3_mknod",
            lambda unpacker: (MKNOD3args.unpack(unpacker),),
            pack_value,
        ),
        12: Procedure(
            "nfsproc3_remove",
            lambda unpacker: (REMOVE3args.unpack(unpacker),),
            pack_value,
        ),
        13: Procedure(
            "nfsproc3_rmdir",
            lambda unpacker: (RMDIR3args.unpack(unpacker),),
            pack_value,
        ),
        14: Procedure(
            "nfsproc3_rename",
            lambda unpacker: (RENAME3args.unpack(unpacker),),
            pack_value,
        ),
        15: Procedure(
            "nfsproc3_link",
            lambda unpacker: (LINK3args.unpack(unpacker),),
            pack_value,
        ),
        16: Procedure(
            "nfsproc3_readdir",
            lambda unpacker: (READDIR3args.unpack(unpacker),),
            pack_value,
        ),
        17: Procedure(
            "nfsproc3_readdirplus",
            lambda unpacker: (READDIRPLUS3args.unpack(unpacker),),
            pack_value,
        ),
        18: Procedure(
            "nfsproc3_fsstat",
            lambda unpacker: (FSSTAT3args.unpack(unpacker),),
            pack_value,
        ),
        19: Procedure(
            "nfsproc3_fsinfo",
            lambda unpacker: (FSINFO3args.unpack(unpacker),),
            pack_value,
        ),
        20: Procedure(
            "nfsproc3_pathconf",
            lambda unpacker: (PATHCONF3args.unpack(unpacker),),
            pack_value,
        ),
        21: Procedure(
            "nfsproc3_commit",
            lambda unpacker: (COMMIT3args.unpack(unpacker),),
            pack_value,
        ),
    }

    def nfsproc3_null(self, call: Call) -> None:
        """Procedure 0, NFSPROC3_NULL: does nothing."""

    @abstractmethod
    def nfsproc3_getattr(
        self,
        call: Call,
        argument: GETATTR3args,
    ) -> Reply[GETATTR3res]:
        """Procedure 1, NFSPROC3_GETATTR."""

    @abstractmethod
    def nfsproc3_setattr(
        self,
        call: Call,
        argument: SETATTR3args,
    ) -> Reply[SETATTR3res]:
        """Procedure 2, NFSPROC3_SETATTR."""

    @abstractmethod
    def nfsproc3_lookup(self, call: Call, argument: LOOKUP3args) -> Reply[LOOKUP3res]:
        """Procedure 3, NFSPROC3_LOOKUP."""

    @abstractmethod
    def nfsproc3_access(self, call: Call, argument: ACCESS3args) -> Reply[ACCESS3res]:
        """Procedure 4, NFSPROC3_ACCESS."""

    @abstractmethod
    def nfsproc3_readlink(
        self,
        call: Call,
        argument: READLINK3args,
    ) -> Reply[READLINK3res]:
        """Procedure 5, NFSPROC3_READLINK."""

    @abstractmethod
    def nfsproc3_read(self, call: Call, argument: READ3args) -> Reply[READ3res]:
        """Procedure 6, NFSPROC3_READ."""

    @abstractmethod
    def nfsproc3_write(self, call: Call, argument: WRITE3args) -> Reply[WRITE3res]:
        """Procedure 7, NFSPROC3_WRITE."""

    @abstractmethod
    def nfsproc3_create(self, call: Call, argument: CREATE3args) -> Reply[CREATE3res]:
        """Procedure 8, NFSPROC3_CREATE."""

    @abstractmethod
    def nfsproc3_mkdir(self, call: Call, argument: MKDIR3args) -> Reply[MKDIR3res]:
        """Procedure 9, NFSPROC3_MKDIR."""

    @abstractmethod
    def nfsproc3_symlink(
        self,
        call: Call,
        argument: SYMLINK3args,
    ) -> Reply[SYMLINK3res]:
        """Procedure 10, NFSPROC3_SYMLINK."""

    @abstractmethod
    def nfsproc3_mknod(self, call: Call, argument: MKNOD3args) -> Reply[MKNOD3res]:
        """Procedure 11, NFSPROC3_MKNOD."""

    @abstractmethod
    def nfsproc3_remove(self, call: Call, argument: REMOVE3args) -> Reply[REMOVE3res]:
        """Procedure 12, NFSPROC3_REMOVE."""

    @abstractmethod
    def nfsproc3_rmdir(self, call: Call, argument: RMDIR3args) -> Reply[RMDIR3res]:
        """Procedure 13, NFSPROC3_RMDIR."""

    @abstractmethod
    def nfsproc3_rename(self, call: Call, argument: RENAME3args) -> Reply[RENAME3res]:
        """Procedure 14, NFSPROC3_RENAME."""

    @abstractmethod
    def nfsproc3_link(self, call: Call, argument: LINK3args) -> Reply[LINK3res]:
        """Procedure 15, NFSPROC3_LINK."""

    @abstractmethod
    def nfsproc3_readdir(
        self,
        call: Call,
        argument: READDIR3args,
    ) -> Reply[READDIR3res]:
        """Procedure 16, NFSPROC3_READDIR."""

    @abstractmethod
    def nfsproc3_readdirplus(
        self,
        call: Call,
        argument: READDIRPLUS3args,
    ) -> Reply[READDIRPLUS3res]:
        """Procedure 17, NFSPROC3_READDIRPLUS."""

    @abstractmethod
    def nfsproc3_fsstat(self, call: Call, argument: FSSTAT3args) -> Reply[FSSTAT3res]:
        """Procedure 18, NFSPROC3_FSSTAT."""

    @abstractmethod
    def nfsproc3_fsinfo(self, call: Call, argument: FSINFO3args) -> Reply[FSINFO3res]:
        """Procedure 19, NFSPROC3_FSINFO."""

    @abstractmethod
    def nfsproc3_pathconf(
        self,
        call: Call,
        argument: PATHCONF3args,
    ) -> Reply[PATHCONF3res]:
        """Procedure 20, NFSPROC3_PATHCONF."""

    @abstractmethod
    def nfsproc3_commit(self, call: Call, argument: COMMIT3args) -> Reply[COMMIT3res]:
        """Procedure 21, NFSPROC3_COMMIT."""
