"""Callers of the programs, over a network or without any, as users that a test says.

They are what the tests share with `nfs_tree.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from plugserve import Identity
from plugserve.testing import hosted
from plugserve_nfs import NFSHandler
from plugserve_sunrpc import ClientSys, Packer, RPCClient, Stub, Unpacker
from plugserve_sunrpc.program import Call
from plugserve_sunrpc.protocols import mount3 as m
from plugserve_sunrpc.protocols import nfs3 as x

T = TypeVar("T")

OK = x.nfsstat3.NFS3_OK
UNSET = x.sattr3(None, None, None, None, x.set_atime(x.time_how.DONT_CHANGE), x.set_mtime(x.time_how.DONT_CHANGE))


def attributes(
    *,
    mode: int | None = None,
    uid: int | None = None,
    gid: int | None = None,
    size: int | None = None,
    times: tuple[int, int] | None = None,
) -> x.sattr3:
    """What is to be set, and nothing else; times are nanoseconds, of access and change."""
    client = x.time_how.SET_TO_CLIENT_TIME
    return x.sattr3(
        mode,
        uid,
        gid,
        size,
        UNSET.atime if times is None else x.set_atime(client, x.nfstime3(*divmod(times[0], 1_000_000_000))),
        UNSET.mtime if times is None else x.set_mtime(client, x.nfstime3(*divmod(times[1], 1_000_000_000))),
    )


class Mounted:
    """A client: an exported folder, by names and handles.

    Parameters:
        nfs: calls NFS.
        mount: calls MOUNT.
        path: what is mounted.
    """

    def __init__(self, nfs: x.NFS_V3Client, mount: m.MOUNT_V3Client, path: bytes = b"/") -> None:
        self.nfs = nfs
        self.mount = mount
        found = mount.mountproc3_mnt(path)
        if found.fhs_status != m.mountstat3.MNT3_OK or found.value is None:
            raise OSError(f"mount: {found.fhs_status.name}")
        self.root = x.nfs_fh3(found.value.fhandle)

    # -- reading -------------------------------------------------------------------------------------------------------

    def lookup(self, folder: x.nfs_fh3, name: bytes) -> x.LOOKUP3res:
        """One name."""
        return self.nfs.nfsproc3_lookup(x.LOOKUP3args(x.diropargs3(folder, name)))

    def handle(self, path: str) -> x.nfs_fh3:
        """The handle of what a path leads to."""
        at = self.root
        for name in os.fsencode(path).split(b"/"):
            if name:
                at = worth(self.lookup(at, name)).object
        return at

    def getattr(self, handle: x.nfs_fh3) -> x.fattr3:
        """Attributes."""
        attributes: x.fattr3 = worth(self.nfs.nfsproc3_getattr(x.GETATTR3args(handle))).obj_attributes
        return attributes

    def status(self, handle: x.nfs_fh3) -> x.nfsstat3:
        """What GETATTR says."""
        return self.nfs.nfsproc3_getattr(x.GETATTR3args(handle)).status

    def access(self, handle: x.nfs_fh3) -> int:
        """All that may be done."""
        granted: int = worth(self.nfs.nfsproc3_access(x.ACCESS3args(handle, 0x3F))).access
        return granted

    def read(self, handle: x.nfs_fh3, count: int = 1 << 20) -> bytes:
        """All of a file."""
        data = b""
        while True:
            part = worth(self.nfs.nfsproc3_read(x.READ3args(handle, len(data), count)))
            data += part.data
            if part.eof:
                return data

    def reading(self, handle: x.nfs_fh3) -> x.nfsstat3:
        """What READ says."""
        return self.nfs.nfsproc3_read(x.READ3args(handle, 0, 1)).status

    def readlink(self, handle: x.nfs_fh3) -> bytes:
        """Where a symlink leads."""
        text: bytes = worth(self.nfs.nfsproc3_readlink(x.READLINK3args(handle))).data
        return text

    def entries(self, folder: x.nfs_fh3, count: int = 32768) -> Iterator[Any]:
        """All entries of a folder, `.` and `..` among them, by READDIR."""
        cookie, verifier = 0, bytes(8)
        while True:
            found = worth(self.nfs.nfsproc3_readdir(x.READDIR3args(folder, cookie, verifier, count)))
            yield from found.reply.entries
            if found.reply.eof:
                return
            cookie, verifier = found.reply.entries[-1].cookie, found.cookieverf

    def entries_plus(self, folder: x.nfs_fh3, count: int = 65536) -> Iterator[Any]:
        """The same, by READDIRPLUS."""
        cookie, verifier = 0, bytes(8)
        while True:
            found = worth(self.nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(folder, cookie, verifier, count, count)))
            yield from found.reply.entries
            if found.reply.eof:
                return
            cookie, verifier = found.reply.entries[-1].cookie, found.cookieverf

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(
        self, folder: x.nfs_fh3, name: bytes, wanted: x.sattr3 = UNSET, how: x.createmode3 = x.createmode3.GUARDED
    ) -> x.CREATE3res:
        """A file."""
        return self.nfs.nfsproc3_create(x.CREATE3args(x.diropargs3(folder, name), x.createhow3(how, wanted)))

    def write(
        self, handle: x.nfs_fh3, data: bytes, offset: int = 0, stable: x.stable_how = x.stable_how.UNSTABLE
    ) -> x.WRITE3res:
        """A piece of it."""
        return self.nfs.nfsproc3_write(x.WRITE3args(handle, offset, len(data), stable, data))

    def commit(self, handle: x.nfs_fh3) -> x.COMMIT3res:
        """To the disk."""
        return self.nfs.nfsproc3_commit(x.COMMIT3args(handle, 0, 0))

    def setattr(self, handle: x.nfs_fh3, wanted: x.sattr3, guard: x.nfstime3 | None = None) -> x.SETATTR3res:
        """Attributes."""
        return self.nfs.nfsproc3_setattr(x.SETATTR3args(handle, wanted, guard))

    def mkdir(self, folder: x.nfs_fh3, name: bytes, wanted: x.sattr3 = UNSET) -> x.MKDIR3res:
        """A folder."""
        return self.nfs.nfsproc3_mkdir(x.MKDIR3args(x.diropargs3(folder, name), wanted))

    def symlink(self, folder: x.nfs_fh3, name: bytes, text: bytes) -> x.SYMLINK3res:
        """A symlink."""
        return self.nfs.nfsproc3_symlink(x.SYMLINK3args(x.diropargs3(folder, name), x.symlinkdata3(UNSET, text)))

    def remove(self, folder: x.nfs_fh3, name: bytes) -> x.nfsstat3:
        """A name."""
        return self.nfs.nfsproc3_remove(x.REMOVE3args(x.diropargs3(folder, name))).status

    def rmdir(self, folder: x.nfs_fh3, name: bytes) -> x.nfsstat3:
        """A folder."""
        return self.nfs.nfsproc3_rmdir(x.RMDIR3args(x.diropargs3(folder, name))).status

    def rename(self, folder: x.nfs_fh3, name: bytes, to: x.nfs_fh3, new: bytes) -> x.nfsstat3:
        """Another name."""
        return self.nfs.nfsproc3_rename(x.RENAME3args(x.diropargs3(folder, name), x.diropargs3(to, new))).status

    def link(self, handle: x.nfs_fh3, folder: x.nfs_fh3, name: bytes) -> x.nfsstat3:
        """One more name."""
        return self.nfs.nfsproc3_link(x.LINK3args(handle, x.diropargs3(folder, name))).status


def worth(result: Any) -> Any:
    """What a call has brought. Raises: `OSError` with the status if it failed."""
    if result.status != OK:
        raise OSError(result.status.name)
    return result.value


# -- over a network ----------------------------------------------------------------------------------------------------


@contextmanager
def mounted(address: str, *, user: tuple[int, ...] | None = None, path: bytes = b"/") -> Iterator[Mounted]:
    """A client of a server at an address; `user` is uid, gid and more groups, or ourselves."""
    auth = ClientSys() if user is None else ClientSys(user[0], user[1], user[2:])
    with RPCClient(address, auth=auth, timeout=20) as client:
        yield Mounted(client.stub(x.NFS_V3Client), client.stub(m.MOUNT_V3Client), path)


@contextmanager
def serving(engine: str, root: Path, *, datagrams: bool = False, **options: Any) -> Iterator[str]:
    """A server on an engine: its address."""
    made = NFSHandler.Options(root=root, key=root.parent / "nfs.key", **options)
    with hosted(engine, NFSHandler, datagrams=datagrams, options=made) as host:
        yield f"{'udp' if datagrams else 'tcp'}://127.0.0.1:{host.server.server_address[1]}"


# -- without a network -------------------------------------------------------------------------------------------------


class Local:
    """The programs without a network, but with all of XDR.

    Parameters:
        root: the folder that is exported.
        options: those of the handler. The key of the handles lies beside the folder, so that one made anew for the same
            folder is the server after a restart.
    """

    def __init__(self, root: Path, **options: Any) -> None:
        self.options = NFSHandler.Options(root=root, key=root.parent / "nfs.key", **options)
        self.is_stream = True

    @property
    def tree(self) -> Any:
        """What is exported."""
        return self.options.export().tree

    def mounted(self, uid: int | None = None, gid: int | None = None, *gids: int, path: bytes = b"/") -> Mounted:
        """A client as some user: the one that runs the test, if none is given."""
        uid = os.geteuid() if uid is None else uid
        gid = os.getegid() if gid is None else gid
        identity = Identity(str(uid), "auth-sys", frozenset(), {"uid": uid, "gid": gid, "gids": gids})
        return self.as_identity(identity, path)

    def as_identity(self, identity: Identity | None, path: bytes = b"/") -> Mounted:
        """A client of that identity."""
        nfs, mount = NFSHandler.programs
        return Mounted(self._stub(x.NFS_V3Client, nfs, identity), self._stub(m.MOUNT_V3Client, mount, identity), path)

    def _stub(self, kind: type[T], program: Any, identity: Identity | None) -> T:
        server = SimpleNamespace(max_packet_size=8192)
        handler = SimpleNamespace(options=self.options, is_stream=self.is_stream, server=server)
        procedures: Mapping[int, Any] = program.procedures

        def call(self: Any, procedure: int, pack: Callable[[Packer], object], unpack: Callable[[Unpacker], Any]) -> Any:
            packer = Packer()
            pack(packer)
            row = procedures[procedure]
            arguments = row.unpack(Unpacker(packer.data()))
            told = Call(program.number, program.version, procedure, identity=identity, handler=handler)
            result = getattr(program, row.method)(told, *arguments)
            packer = Packer()
            row.pack(packer, result)
            unpacker = Unpacker(packer.data())
            unpacked = unpack(unpacker)
            unpacker.done()
            return unpacked

        assert issubclass(kind, Stub)
        made: T = type(kind.__name__, (kind,), {"_call": call})()
        return made
