"""Who may do what: by the caller's numbers, on every procedure, and not only where ACCESS is asked."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from nfs_caller import OK, UNSET, Local, Mounted, attributes, mounted, serving, worth

from plugserve import Identity
from plugserve_nfs.access import EXECUTE, READ, WRITE, Caller, _acl_allows
from plugserve_sunrpc.protocols import mount3 as m
from plugserve_sunrpc.protocols import nfs3 as x

S = x.nfsstat3
DENIED = S.NFS3ERR_ACCES
ME = os.geteuid()
STRANGER = ME + 12345
as_root = pytest.mark.skipif(ME != 0, reason="only root can give files to others")


@pytest.fixture
def local(public: Path) -> Local:
    """A writable export without squashing."""
    return Local(public, writable=True, squash="none")


def test_a_stranger_gets_what_the_mode_has_for_others(local: Local, public: Path) -> None:
    """Of a file that others may not read he gets attributes, and neither its contents nor any change."""
    (public / "hallo.txt").chmod(0o640)
    client = local.mounted(STRANGER, STRANGER)
    file = client.handle("hallo.txt")
    assert client.getattr(file).mode == 0o640
    assert client.access(file) == 0
    assert client.reading(file) == DENIED
    assert client.write(file, b"x").status == DENIED
    assert client.commit(file).status == DENIED
    assert client.setattr(file, attributes(size=0)).status == DENIED
    assert client.setattr(file, attributes(mode=0o666)).status == S.NFS3ERR_PERM
    assert client.setattr(file, attributes(times=(1, 2))).status == S.NFS3ERR_PERM
    assert client.link(file, client.root, b"mine") == DENIED  # the folder is not his to write
    assert client.read(client.handle("folder/file.txt")) == b"in a folder"
    assert client.access(client.handle("folder/file.txt")) == x.ACCESS3_READ


def test_a_stranger_changes_no_folder(local: Local, public: Path) -> None:
    """That others may not write: no procedure does it for him."""
    client = local.mounted(STRANGER, STRANGER)
    root, nfs = client.root, client.nfs
    assert client.access(root) == x.ACCESS3_READ | x.ACCESS3_LOOKUP
    said = [
        client.create(root, b"new").status,
        client.mkdir(root, b"new").status,
        client.symlink(root, b"new", b"x").status,
        nfs.nfsproc3_mknod(x.MKNOD3args(x.diropargs3(root, b"new"), x.mknoddata3(x.ftype3.NF3FIFO, UNSET))).status,
        client.remove(root, b"hallo.txt"),
        client.rmdir(root, b"folder"),
        client.rename(root, b"hallo.txt", root, b"new"),
        client.link(client.handle("hallo.txt"), root, b"new"),
        client.setattr(root, attributes(mode=0o777)).status,
    ]
    assert said == [DENIED] * 8 + [S.NFS3ERR_PERM]
    assert sorted(os.listdir(public)) == ["away", "folder", "hallo.txt", "link", "out"]


def test_a_folder_that_may_not_be_searched_hides_what_is_in_it(local: Local, public: Path) -> None:
    """By name, and by a handle from before; one that may not be read is not listed, and its names can be used."""
    client = local.mounted(STRANGER, STRANGER)
    folder, file, well = client.handle("folder"), client.handle("folder/file.txt"), client.handle("folder/deep/well")
    (public / "folder").chmod(0o744)
    assert client.lookup(folder, b"file.txt").status == DENIED
    assert client.lookup(folder, b"nothing").status == DENIED
    for handle in (file, well):
        assert client.status(handle) == DENIED
        assert client.reading(handle) == DENIED
    assert client.mount.mountproc3_mnt(b"/folder").fhs_status == m.mountstat3.MNT3_OK
    assert client.mount.mountproc3_mnt(b"/folder/deep").fhs_status == m.mountstat3.MNT3ERR_ACCES
    listed = list(client.entries_plus(folder))
    assert {entry.name for entry in listed} == {b".", b"..", b"file.txt", b"deep"}
    assert {(entry.name_attributes, entry.name_handle) for entry in listed} == {(None, None)}
    (public / "folder").chmod(0o711)
    assert client.read(file) == b"in a folder"
    for said in (
        client.nfs.nfsproc3_readdir(x.READDIR3args(folder, 0, bytes(8), 4096)),
        client.nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(folder, 0, bytes(8), 4096, 4096)),
    ):
        assert said.status == DENIED


def test_groups_count(local: Local, public: Path) -> None:
    """The one of the caller, and those beside it; who is in the group has its bits, and not those for others."""
    (public / "hallo.txt").chmod(0o604)
    group = (public / "hallo.txt").stat().st_gid
    assert local.mounted(STRANGER, STRANGER).reading(local.mounted().handle("hallo.txt")) == OK
    assert local.mounted(STRANGER, group).reading(local.mounted().handle("hallo.txt")) == DENIED
    assert local.mounted(STRANGER, STRANGER, 7, group).reading(local.mounted().handle("hallo.txt")) == DENIED
    (public / "hallo.txt").chmod(0o640)
    assert local.mounted(STRANGER, STRANGER, 7, group).reading(local.mounted().handle("hallo.txt")) == OK


def test_who_may_execute_a_file_may_read_it(local: Local, public: Path) -> None:
    """Without that no client could execute it; ACCESS still tells the two apart."""
    (public / "hallo.txt").chmod(0o711)
    client = local.mounted(STRANGER, STRANGER)
    file = client.handle("hallo.txt")
    assert client.reading(file) == OK
    assert client.access(file) == x.ACCESS3_EXECUTE


@as_root
def test_an_owner_may_read_and_write_his_file_whatever_its_mode(local: Local, public: Path) -> None:
    """ACCESS says what the mode says, so that a new open(2) fails; what has been opened goes on."""
    (public / "hallo.txt").chmod(0)
    os.chown(public / "hallo.txt", STRANGER, STRANGER)
    client = local.mounted(STRANGER, STRANGER)
    file = client.handle("hallo.txt")
    assert client.access(file) == 0
    assert client.reading(file) == OK
    assert client.write(file, b"x").status == OK
    assert client.setattr(file, attributes(size=1)).status == OK
    assert local.mounted(STRANGER + 1, STRANGER).reading(file) == DENIED


@as_root
def test_what_is_made_belongs_to_its_maker(local: Local, public: Path) -> None:
    """Also with the group of the folder, where that has the bit for it; to give a file away takes root."""
    (public / "folder").chmod(0o777)
    client = local.mounted(STRANGER, 500, 600)
    folder, nfs = client.handle("folder"), client.nfs
    worth(client.create(folder, b"1"))
    worth(client.mkdir(folder, b"2"))
    worth(client.symlink(folder, b"3", b"x"))
    fifo = x.mknoddata3(x.ftype3.NF3FIFO, UNSET)
    worth(nfs.nfsproc3_mknod(x.MKNOD3args(x.diropargs3(folder, b"4"), fifo)))
    worth(client.create(folder, b"5", attributes(uid=STRANGER, gid=600)))
    owners = [
        (os.lstat(public / "folder" / name).st_uid, os.lstat(public / "folder" / name).st_gid) for name in "12345"
    ]
    assert owners == [(STRANGER, 500)] * 4 + [(STRANGER, 600)]
    assert client.create(folder, b"6", attributes(uid=1)).status == S.NFS3ERR_PERM
    assert client.create(folder, b"6", attributes(gid=1)).status == S.NFS3ERR_PERM
    assert client.setattr(client.handle("folder/1"), attributes(uid=1)).status == S.NFS3ERR_PERM
    assert client.setattr(client.handle("folder/1"), attributes(gid=1)).status == S.NFS3ERR_PERM
    assert client.setattr(client.handle("folder/1"), attributes(uid=STRANGER, gid=600)).status == OK
    assert not (public / "folder" / "6").exists()
    os.chown(public / "folder", 0, 700)
    (public / "folder").chmod(0o2777)
    worth(client.create(folder, b"7"))
    worth(client.mkdir(folder, b"8"))
    assert (public / "folder" / "7").stat().st_gid == (public / "folder" / "8").stat().st_gid == 700
    assert (public / "folder" / "8").stat().st_mode & stat.S_ISGID


@as_root
def test_in_a_sticky_folder_everybody_removes_his_own(local: Local, public: Path) -> None:
    """As in /tmp: neither removed, nor renamed, nor replaced by others."""
    (public / "folder").chmod(0o1777)
    client, other = local.mounted(STRANGER, STRANGER), local.mounted(STRANGER + 1, STRANGER)
    folder = client.handle("folder")
    worth(client.create(folder, b"mine"))
    worth(other.create(folder, b"his"))
    assert other.remove(folder, b"mine") == S.NFS3ERR_PERM
    assert other.rename(folder, b"mine", folder, b"taken") == S.NFS3ERR_PERM
    assert other.rename(folder, b"his", folder, b"mine") == S.NFS3ERR_PERM
    assert client.rename(folder, b"mine", folder, b"still") == OK
    assert client.remove(folder, b"still") == OK


@as_root
def test_a_folder_of_others_is_not_moved_to_another_folder(local: Local, public: Path) -> None:
    """Its `..` would change with it, which takes permission to write it (rename(2))."""
    for path in (public, public / "folder"):
        path.chmod(0o777)
    client = local.mounted(STRANGER, STRANGER)
    assert client.rename(client.handle("folder"), b"deep", client.root, b"deep") == DENIED
    assert client.rename(client.handle("folder"), b"deep", client.handle("folder"), b"other") == OK


@as_root
def test_nobody_makes_a_program_that_runs_as_others(local: Local, public: Path) -> None:
    """The squashed never set the bits for that; others not for a group that they are not in; and who writes to such a
    program makes it an ordinary one."""
    (public / "folder").chmod(0o777)
    nobody = local.mounted(65534, 65534)
    made = worth(nobody.create(nobody.handle("folder"), b"1", attributes(mode=0o6755)))
    assert made.obj_attributes.mode == 0o755
    assert nobody.setattr(made.obj, attributes(mode=0o6755)).status == OK
    assert nobody.getattr(made.obj).mode == 0o755
    client = local.mounted(STRANGER, STRANGER)
    made = worth(client.create(client.handle("folder"), b"2", attributes(mode=0o6755)))
    assert made.obj_attributes.mode == 0o6755
    os.chown(public / "folder" / "2", STRANGER, 0)
    assert client.setattr(made.obj, attributes(mode=0o6777)).status == OK
    assert client.getattr(made.obj).mode == 0o4777
    assert local.mounted(STRANGER + 1, STRANGER).write(made.obj, b"x").status == OK
    assert client.getattr(made.obj).mode == 0o777
    program = public / "folder" / "3"
    program.write_bytes(b"x")
    for change in (lambda file: client.write(file, b"y"), lambda file: client.setattr(file, attributes(size=0))):
        program.chmod(0o6777)
        assert change(client.handle("folder/3")).status == OK
        assert program.stat().st_mode & 0o7777 == 0o777
    program.chmod(0o4777)
    assert client.link(client.handle("folder/3"), client.handle("folder"), b"kept") == S.NFS3ERR_PERM


@as_root
def test_a_device_is_made_by_root_alone(local: Local, public: Path) -> None:
    """Who is squashed, or is somebody, is refused; what root makes is never opened."""
    public.chmod(0o777)

    def mknod(client: Mounted) -> Any:
        device = x.devicedata3(attributes(mode=0o666), x.specdata3(1, 3))
        what = x.mknoddata3(x.ftype3.NF3CHR, device)
        return client.nfs.nfsproc3_mknod(x.MKNOD3args(x.diropargs3(client.root, b"null"), what))

    for uid in (STRANGER, 65534):
        assert mknod(local.mounted(uid, uid)).status == S.NFS3ERR_PERM
    client = local.mounted()
    made = mknod(client)
    if made.status == S.NFS3ERR_PERM:
        pytest.skip("this system lets nobody make devices")
    assert worth(made).obj_attributes.rdev == x.specdata3(1, 3)
    assert client.reading(client.handle("null")) == S.NFS3ERR_INVAL


def test_without_a_credential_one_is_nobody(local: Local, public: Path) -> None:
    """AUTH_NONE, and an identity that has no numbers: the anonymous user."""
    (public / "hallo.txt").chmod(0o600)
    for identity in (None, Identity("ann", "certificate")):
        client = local.as_identity(identity)
        assert client.reading(client.handle("hallo.txt")) == DENIED
        assert client.read(client.handle("folder/file.txt")) == b"in a folder"


def test_root_of_a_client_is_nobody_unless_it_is_said(public: Path) -> None:
    """Over the network: squashed by default; `squash = "all"` makes everybody one user; without, root is root."""
    (public / "hallo.txt").chmod(0o600)

    def reads(user: tuple[int, ...], **options: Any) -> x.nfsstat3:
        with serving("threading", public, **options) as address, mounted(address, user=user) as client:
            return client.reading(client.handle("hallo.txt"))

    assert reads((0, 0)) == DENIED
    assert reads((0, 0), squash="none") == OK
    assert reads((STRANGER, STRANGER), squash="all") == DENIED
    assert reads((STRANGER, STRANGER), squash="all", anonymous_uid=os.stat(public).st_uid) == OK


@as_root
@pytest.mark.parametrize("squash", ["root", "none"])
def test_who_says_that_he_is_the_number_of_nobody_makes_no_file_of_root(squash: str, public: Path) -> None:
    """4294967295 is -1 for chown(2), which then leaves a new file to the server, with the mode that was asked for."""
    public.chmod(0o777)
    nobody = 0xFFFF_FFFF
    with (
        serving("threading", public, writable=True, squash=squash) as address,
        mounted(address, user=(nobody, nobody, nobody)) as client,
    ):
        worth(client.create(client.root, b"program", attributes(mode=0o4755)))
        worth(client.mkdir(client.root, b"made"))
    for name in ("program", "made"):
        found = (public / name).stat()
        assert (found.st_uid, found.st_gid) == (65534, 65534)


def test_a_server_that_is_no_root_makes_nothing_for_others(local: Local, public: Path, monkeypatch: Any) -> None:
    """What it could not give to the caller it refuses, instead of making it its own."""
    monkeypatch.setattr(os, "geteuid", lambda: ME or 1000)
    public.chmod(0o777)
    client = local.mounted(STRANGER, STRANGER)
    assert client.create(client.root, b"new").status == DENIED
    assert client.mkdir(client.root, b"new").status == DENIED
    assert not (public / "new").exists()


def entry(tag: int, allowed: int, number: int = 0) -> tuple[int, int, int]:
    """An entry of an access control list."""
    return tag, allowed, number


@pytest.mark.parametrize(
    ("acl", "wanted", "allowed"),
    [
        # The group bits of the mode are the mask, and would be wrong for the owning group.
        ([entry(1, 7), entry(2, 4, STRANGER), entry(4, 0), entry(16, 4), entry(32, 0)], READ, True),
        ([entry(1, 7), entry(2, 0, STRANGER), entry(4, 4), entry(16, 4), entry(32, 4)], READ, False),
        ([entry(1, 7), entry(2, 6, STRANGER), entry(4, 0), entry(16, 4), entry(32, 0)], WRITE, False),
        ([entry(1, 7), entry(4, 0), entry(8, 5, 77), entry(16, 7), entry(32, 0)], READ | EXECUTE, True),
        ([entry(1, 7), entry(4, 4), entry(8, 2, 77), entry(16, 7), entry(32, 7)], READ | WRITE, False),
        ([entry(1, 7), entry(4, 0), entry(8, 0, 78), entry(16, 7), entry(32, 4)], READ, False),
        ([entry(1, 7), entry(8, 0, 78), entry(16, 7), entry(32, 4)], READ, True),
    ],
)
def test_an_access_control_list_is_read_as_the_kernel_does(
    acl: list[tuple[int, int, int]], wanted: int, allowed: bool
) -> None:
    """Named user, then groups, then others; limited by the mask."""
    caller = Caller(STRANGER, 50, frozenset((50, 77)), False)
    assert _acl_allows(acl, caller, wanted, 50) is allowed


def test_a_file_with_an_access_control_list_is_for_whom_that_says(local: Local, public: Path) -> None:
    """Although its mode says otherwise."""
    entries = [entry(1, 6, 0xFFFFFFFF), entry(2, 4, STRANGER), entry(4, 0, 0xFFFFFFFF)]
    entries += [entry(16, 4, 0xFFFFFFFF), entry(32, 0, 0xFFFFFFFF)]
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    try:
        os.setxattr(public / "hallo.txt", "system.posix_acl_access", raw)
    except OSError:
        pytest.skip("this file system has no access control lists")
    file = local.mounted().handle("hallo.txt")
    assert local.mounted(STRANGER, STRANGER).reading(file) == OK
    assert local.mounted(STRANGER + 1, STRANGER).reading(file) == DENIED
    group = (public / "hallo.txt").stat().st_gid
    assert local.mounted(STRANGER + 1, group).reading(file) == DENIED


AS_STRANGER = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[3].split(":")
from nfs_caller import *

stranger = int(sys.argv[2])
os.setgroups([])
os.setgid(stranger)
os.setuid(stranger)
local = Local(Path(sys.argv[1]) / "mine" / "public", writable=True, squash="none")
for uid in (stranger, 0, 777):
    client = local.mounted(uid, uid)
    made = client.create(client.handle("his"), b"new%d" % uid, attributes(mode=0o444))
    written = client.write(made.value.obj, b"x").value.count if made.status == OK else "-"
    print(int(client.reading(client.handle("secret"))), int(made.status), written)
"""


@as_root
def test_as_an_ordinary_user_the_kernel_has_its_say() -> None:
    """A server that runs as somebody serves what he may read, writes as him, and makes nothing for others."""
    with tempfile.TemporaryDirectory() as base:  # tmp_path is for root alone
        public = Path(base) / "mine" / "public"
        (public / "his").mkdir(parents=True)
        (public / "secret").write_bytes(b"SECRET")
        (public / "secret").chmod(0o600)
        Path(base).chmod(0o755)
        for path in (public.parent, public / "his"):
            os.chown(path, STRANGER, STRANGER)
        command = [sys.executable, "-c", AS_STRANGER, base, str(STRANGER), ":".join(sys.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["13 0 1", "13 13 -", "13 13 -"]
        assert (public / "his" / f"new{STRANGER}").stat().st_uid == STRANGER
        assert (public / "his" / f"new{STRANGER}").read_bytes() == b"x"
