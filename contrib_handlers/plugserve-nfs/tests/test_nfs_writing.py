"""The procedures that change something, and what they say of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nfs_caller import OK, UNSET, Local, Mounted, attributes, worth

from plugserve_nfs import writing
from plugserve_sunrpc.protocols import nfs3 as x

S = x.nfsstat3


@pytest.fixture
def client(public: Path) -> Mounted:
    """Somebody who may do everything that the test's own user may."""
    return Local(public, writable=True, squash="none").mounted()


def test_nothing_is_changed_where_the_export_is_read_only(public: Path) -> None:
    """That is the default: every procedure that would change something says ROFS, and ACCESS says so before."""
    client = Local(public, squash="none").mounted()
    root, file, nfs = client.root, client.handle("hallo.txt"), client.nfs
    where = x.diropargs3(root, b"new")
    said = {
        "setattr": client.setattr(file, attributes(mode=0)).status,
        "write": client.write(file, b"x").status,
        "create": client.create(root, b"new").status,
        "mkdir": client.mkdir(root, b"new").status,
        "symlink": client.symlink(root, b"new", b"x").status,
        "mknod": nfs.nfsproc3_mknod(x.MKNOD3args(where, x.mknoddata3(x.ftype3.NF3FIFO, UNSET))).status,
        "remove": client.remove(root, b"hallo.txt"),
        "rmdir": client.rmdir(root, b"folder"),
        "rename": client.rename(root, b"hallo.txt", root, b"new"),
        "link": client.link(file, root, b"new"),
        "commit": client.commit(file).status,
    }
    assert set(said.values()) == {S.NFS3ERR_ROFS}, said
    change = x.ACCESS3_MODIFY | x.ACCESS3_EXTEND | x.ACCESS3_DELETE
    assert not (client.access(file) | client.access(root)) & change
    assert sorted(os.listdir(public)) == ["away", "folder", "hallo.txt", "link", "out"]


def test_a_file_is_made_written_and_read(client: Mounted, public: Path) -> None:
    """With its mode and times; what is said before and after the change is what was so."""
    before = client.getattr(client.root)
    made = worth(client.create(client.root, b"new", attributes(mode=0o640, times=(1_500_000_001, 2_000_000_000))))
    assert made.obj_attributes.mode == 0o640
    assert (made.obj_attributes.atime, made.obj_attributes.mtime) == (x.nfstime3(1, 500_000_001), x.nfstime3(2, 0))
    assert made.dir_wcc.before == x.wcc_attr(before.size, before.mtime, before.ctime)
    assert made.dir_wcc.after == client.getattr(client.root)
    wrote = worth(client.write(made.obj, b"hello", 3))
    assert (wrote.count, wrote.committed) == (5, x.stable_how.UNSTABLE)
    assert wrote.file_wcc.before.size == 0
    assert wrote.file_wcc.after.size == 8
    assert client.read(made.obj, 4) == b"\0\0\0hello"
    assert (public / "new").read_bytes() == b"\0\0\0hello"
    committed = worth(client.commit(made.obj))
    assert committed.verf == wrote.verf
    assert committed.file_wcc.after == client.getattr(made.obj)


def test_what_a_write_says_of_the_disk_is_so(client: Mounted, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FILE_SYNC is fsync, DATA_SYNC fdatasync, UNSTABLE neither; after a failure the verifier is another one."""
    done: list[str] = []
    real = os.fsync, os.fdatasync
    monkeypatch.setattr(writing.os, "fsync", lambda fd: (done.append("fsync"), real[0](fd)))
    monkeypatch.setattr(writing.os, "fdatasync", lambda fd: (done.append("fdatasync"), real[1](fd)))
    file = client.handle("hallo.txt")
    for how, calls in ((0, []), (1, ["fdatasync"]), (2, ["fsync"])):
        done.clear()
        wrote = worth(client.write(file, b"x", stable=x.stable_how(how)))
        assert (wrote.committed, done) == (how, calls)
    verifier = wrote.verf

    def fails(fd: int) -> None:
        raise OSError(5, "no")

    monkeypatch.setattr(writing.os, "fsync", fails)
    assert client.commit(file).status == S.NFS3ERR_IO
    assert worth(client.write(file, b"x")).verf != verifier


def test_a_write_of_more_than_there_is_is_refused(client: Mounted) -> None:
    """And of more than may be written at once only the beginning is written; beyond what a file may have is FBIG."""
    file = client.handle("hallo.txt")
    nfs = client.nfs
    assert nfs.nfsproc3_write(x.WRITE3args(file, 0, 5, x.stable_how.UNSTABLE, b"x")).status == S.NFS3ERR_INVAL
    limits = worth(nfs.nfsproc3_fsinfo(x.FSINFO3args(client.root)))
    assert worth(client.write(file, bytes(limits.wtmax + 1))).count == limits.wtmax
    assert worth(nfs.nfsproc3_read(x.READ3args(file, 0, limits.rtmax + 4096))).count == limits.rtmax
    assert client.write(file, b"xx", (1 << 63) - 2).status == S.NFS3ERR_FBIG
    assert client.write(file, b"xx", (1 << 64) - 1).status == S.NFS3ERR_FBIG
    assert client.setattr(file, attributes(size=1 << 63)).status == S.NFS3ERR_FBIG
    ended = worth(nfs.nfsproc3_read(x.READ3args(file, (1 << 64) - 1, 10)))
    assert (ended.data, ended.eof) == (b"", True)


def test_create_has_three_ways(client: Mounted, public: Path) -> None:
    """UNCHECKED takes what is there, and sets its size alone; GUARDED refuses it; EXCLUSIVE takes what the same caller
    has made with the same verifier."""
    create, nfs, root = client.create, client.nfs, client.root
    unchecked, guarded = x.createmode3.UNCHECKED, x.createmode3.GUARDED
    assert create(root, b"hallo.txt", how=guarded).status == S.NFS3ERR_EXIST
    taken = worth(create(root, b"hallo.txt", attributes(mode=0), how=unchecked))
    assert taken.obj == client.handle("hallo.txt")
    assert (public / "hallo.txt").stat().st_mode & 0o777 == 0o644
    worth(create(root, b"hallo.txt", attributes(size=4), how=unchecked))
    assert (public / "hallo.txt").read_bytes() == b"0123"
    assert create(root, b"folder", how=unchecked).status == S.NFS3ERR_EXIST
    worth(create(root, b"sized", attributes(size=10), how=guarded))
    assert (public / "sized").read_bytes() == bytes(10)

    def exclusive(name: bytes, verifier: bytes) -> Any:
        how = x.createhow3(x.createmode3.EXCLUSIVE, verifier)
        return nfs.nfsproc3_create(x.CREATE3args(x.diropargs3(root, name), how))

    first = worth(exclusive(b"alone", b"\xff\x01\x02\x03\x04\x05\x06\x07"))
    again = worth(exclusive(b"alone", b"\xff\x01\x02\x03\x04\x05\x06\x07"))
    assert first.obj == again.obj
    assert exclusive(b"alone", b"another!").status == S.NFS3ERR_EXIST
    assert exclusive(b"hallo.txt", b"another!").status == S.NFS3ERR_EXIST
    failed = exclusive(b"alone", b"another!").value
    assert failed.dir_wcc.after == client.getattr(root)


def test_all_kinds_are_made(client: Mounted, public: Path) -> None:
    """Folders, symlinks, FIFOs and sockets; of what is there already EXIST."""
    root, nfs = client.root, client.nfs
    made = worth(client.mkdir(root, b"d", attributes(mode=0o2750)))
    assert (public / "d").stat().st_mode == stat.S_IFDIR | 0o2750
    assert made.obj == client.handle("d")
    made = worth(client.symlink(root, b"s", b"../any\xffwhere"))
    assert made.obj_attributes.type == x.ftype3.NF3LNK
    assert client.readlink(client.handle("s")) == b"../any\xffwhere"
    assert client.nfs.nfsproc3_readlink(x.READLINK3args(client.handle("d"))).status == S.NFS3ERR_INVAL
    for text, status in ((b"", S.NFS3ERR_INVAL), (b"a\0b", S.NFS3ERR_INVAL), (b"x" * 5000, S.NFS3ERR_NAMETOOLONG)):
        assert client.symlink(root, b"t", text).status == status

    def mknod(name: bytes, kind: x.ftype3, value: Any) -> Any:
        return nfs.nfsproc3_mknod(x.MKNOD3args(x.diropargs3(root, name), x.mknoddata3(kind, value)))

    worth(mknod(b"f", x.ftype3.NF3FIFO, attributes(mode=0o622)))
    assert (public / "f").stat().st_mode == stat.S_IFIFO | 0o622
    assert worth(mknod(b"k", x.ftype3.NF3SOCK, UNSET)).obj_attributes.type == x.ftype3.NF3SOCK
    assert mknod(b"r", x.ftype3.NF3REG, None).status == S.NFS3ERR_BADTYPE
    for status in (
        client.mkdir(root, b"f").status,
        client.symlink(root, b"f", b"x").status,
        mknod(b"f", x.ftype3.NF3FIFO, UNSET).status,
    ):
        assert status == S.NFS3ERR_EXIST


def test_names_are_removed(client: Mounted, public: Path) -> None:
    """REMOVE takes no folder, RMDIR nothing else and none with something in it."""
    root, folder = client.root, client.handle("folder")
    assert client.remove(root, b"folder") == S.NFS3ERR_ISDIR
    assert client.rmdir(root, b"hallo.txt") == S.NFS3ERR_NOTDIR
    assert client.rmdir(root, b"folder") == S.NFS3ERR_NOTEMPTY
    assert client.remove(root, b"nothing") == S.NFS3ERR_NOENT
    assert client.remove(client.handle("hallo.txt"), b"x") == S.NFS3ERR_NOTDIR
    assert client.remove(root, b"link") == OK
    assert (public / "folder" / "file.txt").exists()
    deep = client.handle("folder/deep")
    assert client.remove(deep, b"well") == OK
    assert client.rmdir(folder, b"deep") == OK
    assert client.status(deep) == S.NFS3ERR_STALE
    assert client.create(deep, b"x").status == S.NFS3ERR_STALE


def test_a_name_is_changed(client: Mounted, public: Path) -> None:
    """Within a folder and to another; what had the name is gone; a folder does not go into itself."""
    root, folder = client.root, client.handle("folder")
    file, old = client.handle("hallo.txt"), client.handle("folder/file.txt")
    said = client.nfs.nfsproc3_rename(
        x.RENAME3args(x.diropargs3(root, b"hallo.txt"), x.diropargs3(folder, b"file.txt"))
    )
    assert worth(said).fromdir_wcc.after == client.getattr(root)
    assert said.value.todir_wcc.after == client.getattr(folder)
    assert client.handle("folder/file.txt") == file
    assert client.status(old) == S.NFS3ERR_STALE
    assert client.rename(root, b"folder", folder, b"x") == S.NFS3ERR_INVAL
    assert client.rename(root, b"nothing", folder, b"x") == S.NFS3ERR_NOENT
    assert client.rename(root, b"link", root, b"folder") == S.NFS3ERR_ISDIR
    assert client.mkdir(root, b"d").status == OK
    assert client.rename(root, b"d", folder, b"deep") == S.NFS3ERR_NOTEMPTY
    bad = x.nfs_fh3(b"bad")
    failed = client.nfs.nfsproc3_rename(x.RENAME3args(x.diropargs3(root, b"d"), x.diropargs3(bad, b"d")))
    assert failed.status == S.NFS3ERR_BADHANDLE
    assert failed.value.fromdir_wcc.after == client.getattr(root)
    assert failed.value.todir_wcc == x.wcc_data(None, None)


def test_a_file_gets_one_more_name(client: Mounted, public: Path) -> None:
    """A symlink, too; a folder does not."""
    root = client.root
    file = client.handle("hallo.txt")
    assert client.link(file, client.handle("folder"), b"more") == OK
    assert client.getattr(file).nlink == 2
    assert client.link(file, root, b"folder") == S.NFS3ERR_EXIST
    assert client.link(client.handle("folder"), root, b"more") == S.NFS3ERR_ISDIR
    assert client.link(client.handle("link"), root, b"again") == OK
    assert os.readlink(public / "again") == "folder/file.txt"


def test_attributes_are_set(client: Mounted, public: Path) -> None:
    """Mode, size and times, each alone; of a symlink its times; with a guard only if nothing has changed."""
    file = client.handle("hallo.txt")
    assert client.setattr(file, attributes(mode=0o604)).status == OK
    assert client.setattr(file, attributes(size=3)).status == OK
    assert client.setattr(file, attributes(times=(1_000_000_007, 2_000_000_008))).status == OK
    now = (public / "hallo.txt").stat()
    assert (now.st_mode & 0o7777, now.st_size, now.st_atime_ns, now.st_mtime_ns) == (
        0o604,
        3,
        1_000_000_007,
        2_000_000_008,
    )
    only = x.sattr3(None, None, None, None, UNSET.atime, x.set_mtime(x.time_how.SET_TO_SERVER_TIME))
    assert client.setattr(file, only).status == OK
    now = (public / "hallo.txt").stat()
    assert now.st_atime_ns == 1_000_000_007
    assert now.st_mtime_ns > 1_000_000_000_000
    link = client.handle("out")
    assert client.setattr(link, attributes(times=(5, 6))).status == OK
    assert os.lstat(public / "out").st_mtime_ns == 6
    ctime = client.getattr(file).ctime
    assert client.setattr(file, attributes(mode=0o600), ctime).status == OK
    refused = client.setattr(file, attributes(mode=0o666), x.nfstime3(ctime.seconds, ctime.nseconds ^ 1))
    assert refused.status == S.NFS3ERR_NOT_SYNC
    assert refused.value.obj_wcc.after.mode == 0o600
    assert client.setattr(client.root, attributes(size=0)).status == S.NFS3ERR_ISDIR


def test_changes_are_on_the_disk_before_they_are_answered(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder, and of attributes; with `sync = false` that is left to the system."""

    @contextmanager
    def counted() -> Iterator[list[int]]:
        done: list[int] = []
        real = os.fsync
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda fd: (done.append(os.fstat(fd).st_ino), real(fd)))
            yield done

    root = public.stat().st_ino
    for sync in (True, False):
        client = Local(public, writable=True, squash="none", sync=sync).mounted()
        for change in (
            lambda client: worth(client.create(client.root, b"1")),
            lambda client: worth(client.mkdir(client.root, b"2")),
            lambda client: client.rename(client.root, b"1", client.root, b"3"),
            lambda client: client.link(client.handle("3"), client.root, b"4"),
            lambda client: client.remove(client.root, b"3"),
            lambda client: client.remove(client.root, b"4"),
            lambda client: client.rmdir(client.root, b"2"),
            lambda client: worth(client.symlink(client.root, b"5", b"x")),
            lambda client: client.remove(client.root, b"5"),
            lambda client: worth(client.setattr(client.root, attributes(mode=0o755))),
        ):
            with counted() as done:
                change(client)
            assert (root in done) == sync
        with counted() as done:
            worth(client.commit(client.handle("hallo.txt")))
        assert done


def test_a_file_of_mode_0444_can_be_written_by_who_made_it(client: Mounted, public: Path) -> None:
    """As a client does that copies such a file: CREATE, then WRITE. Its owner could give himself leave anyway."""
    made = worth(client.create(client.root, b"new", attributes(mode=0o444)))
    assert worth(client.write(made.obj, b"read-only")).count == 9
    assert worth(client.commit(made.obj))
    assert (public / "new").stat().st_mode & 0o777 == 0o444
    assert client.setattr(made.obj, attributes(mode=0)).status == OK
    assert client.read(made.obj) == b"read-only"
    assert client.getattr(made.obj).mode == 0


def test_nothing_is_left_of_what_could_not_be_made(
    client: Mounted, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot be given to its owner."""

    def fails(*arguments: Any, **named: Any) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(os, "chown", fails)
    before = sorted(os.listdir(public))
    assert client.create(client.root, b"new").status == S.NFS3ERR_NOSPC
    assert client.mkdir(client.root, b"new").status == S.NFS3ERR_NOSPC
    assert client.symlink(client.root, b"new", b"x").status == S.NFS3ERR_NOSPC
    assert sorted(os.listdir(public)) == before
