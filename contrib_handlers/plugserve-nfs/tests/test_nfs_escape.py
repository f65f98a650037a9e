"""Nobody gets out of the exported folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nfs_caller import OK, UNSET, Local, Mounted, attributes, worth

from plugserve_nfs.tree import Tree
from plugserve_sunrpc.protocols import mount3 as m
from plugserve_sunrpc.protocols import nfs3 as x

S = x.nfsstat3
ILLEGAL = [b"", b"/", b"a/b", b"../secret.txt", b"/etc/passwd", b"a\0b", b"\0"]


def every_way(client: Mounted, name: bytes) -> dict[str, x.nfsstat3]:
    """What each procedure that takes a name says to one."""
    root, nfs = client.root, client.nfs
    where = x.diropargs3(root, name)
    file = client.handle("hallo.txt")
    return {
        "lookup": client.lookup(root, name).status,
        "create": client.create(root, name, how=x.createmode3.UNCHECKED).status,
        "exclusive": nfs.nfsproc3_create(x.CREATE3args(where, x.createhow3(x.createmode3.EXCLUSIVE, bytes(8)))).status,
        "mkdir": client.mkdir(root, name).status,
        "symlink": client.symlink(root, name, b"hallo.txt").status,
        "mknod": nfs.nfsproc3_mknod(x.MKNOD3args(where, x.mknoddata3(x.ftype3.NF3FIFO, UNSET))).status,
        "remove": client.remove(root, name),
        "rmdir": client.rmdir(root, name),
        "rename from": client.rename(root, name, root, b"new"),
        "rename to": client.rename(root, b"hallo.txt", root, name),
        "link": client.link(file, root, name),
    }


def outside(public: Path) -> dict[str, bytes]:
    """All files beside the exported folder."""
    return {
        str(path): path.read_bytes()
        for path in public.parent.rglob("*")
        if path.is_file() and not path.is_relative_to(public) and path.name != "nfs.key"
    }


@pytest.mark.parametrize("name", ILLEGAL)
def test_what_can_be_no_name_is_refused_by_every_procedure(public: Path, name: bytes) -> None:
    """Empty, with a slash, or with NUL: the same answer everywhere, and nothing happens."""
    before = sorted(os.listdir(public)), outside(public)
    client = Local(public, writable=True, squash="none").mounted()
    assert set(every_way(client, name).values()) == {S.NFS3ERR_ACCES}
    assert (sorted(os.listdir(public)), outside(public)) == before


def test_a_name_that_is_too_long_is_refused(public: Path) -> None:
    """Of 255 bytes one is taken, of 256 and of a million none."""
    client = Local(public, writable=True, squash="none").mounted()
    for length in (256, 4096, 1_000_000):
        assert set(every_way(client, b"n" * length).values()) == {S.NFS3ERR_NAMETOOLONG}
    assert client.create(client.root, b"n" * 255).status == OK


def test_dot_dot_of_the_export_is_the_export(public: Path) -> None:
    """LOOKUP does not go above it, wherever it begins, and READDIR does not tell what is there."""
    client = Local(public).mounted()
    assert worth(client.lookup(client.root, b"..")).object == client.root
    deep = client.handle("folder/deep")
    assert worth(client.lookup(deep, b"..")).object == client.handle("folder")
    assert worth(client.lookup(client.handle("folder"), b"..")).object == client.root
    own = client.getattr(client.root).fileid
    assert {entry.fileid for entry in client.entries(client.root) if entry.name in (b".", b"..")} == {own}
    assert {entry.fileid for entry in client.entries_plus(client.root) if entry.name in (b".", b"..")} == {own}


def test_dot_and_dot_dot_are_not_made_nor_removed(public: Path) -> None:
    """Each procedure has its status for them (RFC 1813, sections 3.3.8 to 3.3.15)."""
    client = Local(public, writable=True, squash="none").mounted()
    for name in (b".", b".."):
        said = every_way(client, name)
        assert said.pop("lookup") == OK
        for procedure in ("remove", "rmdir", "rename from", "rename to"):
            assert said.pop(procedure) == S.NFS3ERR_INVAL
        assert set(said.values()) == {S.NFS3ERR_EXIST}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.one_of(st.binary(max_size=300), st.sampled_from([b"..", b"../..", b"./hallo.txt", b"out", b"\xff\xfe"])))
def test_any_name_is_made_as_it_is_or_refused(public: Path, name: bytes) -> None:
    """Whatever bytes a name has: either a file of exactly that name is there afterwards, or nothing has changed."""
    before = set(os.listdir(os.fsencode(public)))
    beside = outside(public)
    client = Local(public, writable=True, squash="none", sync=False).mounted()
    made = client.create(client.root, name)
    now = set(os.listdir(os.fsencode(public)))
    assert outside(public) == beside
    if made.status == OK:
        assert now - before == {name}
        assert worth(client.lookup(client.root, name)).object == made.value.obj  # type: ignore[union-attr]
        assert client.remove(client.root, name) == OK
    else:
        assert now == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.one_of(st.binary(max_size=64), st.text("./af\0", max_size=12).map(str.encode)))
def test_any_path_is_mounted_below_or_refused(public: Path, path: bytes) -> None:
    """MNT leads to a folder of the export, or to an error."""
    local = Local(public)
    client = local.mounted()
    found = client.mount.mountproc3_mnt(path)
    if found.fhs_status == m.mountstat3.MNT3_OK:
        assert found.value is not None
        inside = {os.stat(folder).st_ino for folder, _, _ in os.walk(public)}
        assert client.getattr(x.nfs_fh3(found.value.fhandle)).fileid in inside


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/folder/../../outside", m.mountstat3.MNT3ERR_ACCES),
        (b"..", m.mountstat3.MNT3ERR_ACCES),
        (b"/away", m.mountstat3.MNT3ERR_NOTDIR),
        (b"/away/file.txt", m.mountstat3.MNT3ERR_NOENT),
        (b"/hallo.txt", m.mountstat3.MNT3ERR_NOTDIR),
        (b"/nothing", m.mountstat3.MNT3ERR_NOENT),
        (b"/" + b"n" * 300, m.mountstat3.MNT3ERR_NAMETOOLONG),
        (b"//folder///deep/./", m.mountstat3.MNT3_OK),
    ],
)
def test_what_may_be_mounted(public: Path, path: bytes, status: m.mountstat3) -> None:
    """Folders below the export, by paths that go down only and through no symlink."""
    assert Local(public).mounted().mount.mountproc3_mnt(path).fhs_status == status


def test_a_symlink_is_never_followed(public: Path) -> None:
    """Its handle is that of the symlink: it can be read, and neither entered, read through nor written through."""
    client = Local(public, writable=True, squash="none").mounted()
    for name, text in ((b"out", b"../secret.txt"), (b"away", os.fsencode(public.parent / "outside"))):
        link = worth(client.lookup(client.root, name)).object
        assert client.getattr(link).type == x.ftype3.NF3LNK
        assert client.readlink(link) == text
        assert client.reading(link) == S.NFS3ERR_INVAL
        assert client.write(link, b"x").status == S.NFS3ERR_INVAL
        assert client.commit(link).status == S.NFS3ERR_INVAL
        assert client.lookup(link, b"file.txt").status == S.NFS3ERR_NOTDIR
        assert client.create(link, b"new").status == S.NFS3ERR_NOTDIR
        assert client.setattr(link, attributes(size=0)).status == S.NFS3ERR_INVAL
        assert client.setattr(link, attributes(mode=0o777, times=(1, 2))).status == OK
        assert client.create(client.root, name, how=x.createmode3.UNCHECKED).status == S.NFS3ERR_EXIST
    assert (public.parent / "secret.txt").read_bytes() == b"SECRET"
    assert (public.parent / "secret.txt").stat().st_mtime_ns > 2
    assert os.listdir(public.parent / "outside") == ["file.txt"]


class Swapping(Tree):
    """A tree in which something happens just before a name is opened."""

    swap: tuple[bytes, object] = (b"", None)

    def step(self, folder: int, name: bytes) -> int:
        """Open a name."""
        wanted, happens = self.swap
        if name == wanted:
            self.swap = (b"", None)
            happens()  # type: ignore[operator]
        return super().step(folder, name)


def swapping(local: Local, name: bytes, happens: object) -> None:
    """Let something happen just before a name is opened the next time."""
    local.tree.__class__ = Swapping
    local.tree.swap = (name, happens)


def test_a_symlink_that_is_swapped_in_on_the_way_leads_nowhere(public: Path) -> None:
    """A folder is exchanged for a symlink to outside between two steps of one call: the object is gone, and what the
    symlink leads to is neither read, written nor listed."""
    local = Local(public, writable=True, squash="none")
    client = local.mounted()
    (public.parent / "outside" / "well").write_bytes(b"SECRET")
    well, deep = client.handle("folder/deep/well"), client.handle("folder/deep")

    def swap() -> None:
        (public / "folder" / "deep").rename(public / "folder" / "moved")
        (public / "folder" / "deep").symlink_to(public.parent / "outside")

    def back() -> None:
        (public / "folder" / "deep").unlink()
        (public / "folder" / "moved").rename(public / "folder" / "deep")

    for _ in range(2):
        swapping(local, b"deep", swap)
        # The file is still there, below another name of its folder, and is found there.
        assert client.read(well) == b"at the bottom"
        back()
    swapping(local, b"deep", swap)
    assert worth(client.write(well, b"AT")).count == 2
    back()
    swapping(local, b"deep", swap)
    assert {entry.name for entry in client.entries(deep)} == {b".", b"..", b"well"}
    assert worth(client.create(deep, b"made")).obj
    back()
    assert sorted(os.listdir(public / "folder" / "deep")) == ["made", "well"]
    assert (public.parent / "outside" / "well").read_bytes() == b"SECRET"
    assert sorted(os.listdir(public.parent / "outside")) == ["file.txt", "well"]


def test_a_file_that_is_exchanged_for_a_symlink_is_not_followed(public: Path) -> None:
    """Between LOOKUP and READ, or between two steps of READ: the handle is stale, or the file is found elsewhere."""
    local = Local(public, writable=True, squash="none")
    client = local.mounted()
    file = client.handle("hallo.txt")

    def swap() -> None:
        (public / "hallo.txt").unlink()
        (public / "hallo.txt").symlink_to("../secret.txt")

    swapping(local, b"hallo.txt", swap)
    assert client.reading(file) == S.NFS3ERR_STALE
    assert client.write(file, b"x").status == S.NFS3ERR_STALE
    assert (public.parent / "secret.txt").read_bytes() == b"SECRET"


def test_a_folder_that_is_moved_out_of_the_export_is_gone(public: Path) -> None:
    """Its handle, and those of what is in it, are stale, also for who has used them before."""
    client = Local(public, writable=True, squash="none").mounted()
    folder, file = client.handle("folder"), client.handle("folder/file.txt")
    assert client.read(file) == b"in a folder"
    (public / "folder").rename(public.parent / "taken")
    assert client.status(folder) == S.NFS3ERR_STALE
    assert client.reading(file) == S.NFS3ERR_STALE
    assert client.create(folder, b"new").status == S.NFS3ERR_STALE
    assert client.remove(folder, b"file.txt") == S.NFS3ERR_STALE


def test_what_is_linked_into_the_export_from_outside_is_in_it(public: Path) -> None:
    """A hard link is a name like any other: who may make one below the export exports the file."""
    os.link(public.parent / "secret.txt", public / "shown")
    client = Local(public).mounted()
    assert client.read(client.handle("shown")) == b"SECRET"


def test_special_files_are_not_opened(public: Path) -> None:
    """A FIFO would hold the server for ever; it is shown, and that is all."""
    os.mkfifo(public / "pipe")
    client = Local(public, writable=True, squash="none").mounted()
    pipe = client.handle("pipe")
    assert client.getattr(pipe).type == x.ftype3.NF3FIFO
    assert client.reading(pipe) == S.NFS3ERR_INVAL
    assert client.write(pipe, b"x").status == S.NFS3ERR_INVAL
    assert client.setattr(pipe, attributes(size=0)).status == S.NFS3ERR_INVAL
    assert client.setattr(pipe, attributes(mode=0o640)).status == OK
