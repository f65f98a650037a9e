"""File handles: good after a restart and a renaming, for nobody else to make, and stale at the right time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nfs_caller import OK, Local, worth

from plugserve import ConfigurationError
from plugserve_nfs import NFSHandler
from plugserve_nfs.handles import MOST_HINTS, Handles, Key
from plugserve_nfs.known import Known
from plugserve_sunrpc.protocols import nfs3 as x

S = x.nfsstat3


def test_a_handle_is_good_after_a_restart(public: Path) -> None:
    """A server that knows nothing but its key finds files, folders and symlinks at any depth, and gives out the same
    handles again."""
    client = Local(public).mounted()
    paths = ["", "hallo.txt", "link", "folder", "folder/file.txt", "folder/deep", "folder/deep/well"]
    before = {path: client.handle(path) for path in paths}
    again = Local(public).mounted()
    for path in reversed(paths):
        assert again.getattr(before[path]).fileid == os.lstat(public / path).st_ino
    assert {path: again.handle(path) for path in paths} == before
    assert again.read(before["folder/deep/well"]) == b"at the bottom"


def test_a_handle_is_good_after_a_renaming(public: Path) -> None:
    """By the server itself or beside it, of the object or of a folder above, with and without a restart between; and
    the object keeps its handle."""
    local = Local(public, writable=True, squash="none")
    client = local.mounted()
    well, deep = client.handle("folder/deep/well"), client.handle("folder/deep")
    assert client.rename(client.handle("folder"), b"deep", client.root, b"moved") == OK
    assert client.read(well) == b"at the bottom"
    assert client.handle("moved/well") == well
    (public / "moved").rename(public / "folder" / "again")
    assert client.read(well) == b"at the bottom"
    assert client.getattr(deep).fileid == os.stat(public / "folder" / "again").st_ino
    (public / "folder" / "again" / "well").rename(public / "top")
    assert Local(public).mounted().read(well) == b"at the bottom"
    assert client.handle("top") == well


def test_a_file_with_several_names_has_one_handle(public: Path) -> None:
    """Wherever they are; and it is good for as long as there is one of them."""
    os.link(public / "hallo.txt", public / "folder" / "same")
    client = Local(public, writable=True, squash="none").mounted()
    handle = client.handle("hallo.txt")
    assert client.handle("folder/same") == handle
    assert client.remove(client.root, b"hallo.txt") == OK
    assert client.read(handle) == b"0123456789abcdef"
    assert client.remove(client.handle("folder"), b"same") == OK
    assert client.reading(handle) == S.NFS3ERR_STALE


def test_what_is_removed_is_stale(public: Path) -> None:
    """Also where another file has its name, and perhaps its number: whether by the server or beside it."""
    client = Local(public, writable=True, squash="none").mounted()
    for remove in (lambda: client.remove(client.root, b"hallo.txt"), (public / "hallo.txt").unlink):
        handle = client.handle("hallo.txt")
        remove()
        assert client.reading(handle) == S.NFS3ERR_STALE
        (public / "hallo.txt").write_bytes(b"another")
        assert client.reading(handle) == S.NFS3ERR_STALE
        assert client.read(client.handle("hallo.txt")) == b"another"


@given(forged=st.binary(max_size=64))
def test_a_handle_that_was_made_up_is_refused(forged: bytes) -> None:
    """Whatever it is."""
    assert Handles(b"k" * 32).read(forged) is None


@given(data=st.data())
def test_a_handle_that_was_changed_is_refused(data: st.DataObject) -> None:
    """By one bit, one byte more or one less."""
    handles = Handles(b"k" * 32)
    key = Key(*data.draw(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))))
    hints = data.draw(st.binary(max_size=MOST_HINTS))
    handle = handles.make(key, hints)
    assert len(handle) <= x.NFS3_FHSIZE
    assert handles.read(handle) == (key, hints)
    bit = data.draw(st.integers(0, len(handle) * 8 - 1))
    changed = int.from_bytes(handle) ^ 1 << bit
    assert handles.read(changed.to_bytes(len(handle))) is None
    assert handles.read(handle[:-1]) is None
    assert handles.read(handle + b"\0") is None
    assert Handles(b"x" * 32).read(handle) is None


def test_a_handle_of_another_server_is_refused(public: Path, tmp_path: Path) -> None:
    """Its key is another one: BADHANDLE, as for one that is no handle at all."""
    client = Local(public).mounted()
    foreign = Handles(b"k" * 32).make(Key(0, os.stat(public / "hallo.txt").st_ino, 0), b"")
    for handle in (foreign, b"", b"x" * 64):
        assert client.status(x.nfs_fh3(handle)) == S.NFS3ERR_BADHANDLE


def test_an_object_that_is_deeper_than_a_handle_knows_is_found(public: Path) -> None:
    """After a restart, too."""
    way = public
    for depth in range(MOST_HINTS + 5):
        way /= f"d{depth}"
    way.mkdir(parents=True)
    (way / "file").write_bytes(b"deep")
    path = str((way / "file").relative_to(public))
    handle = Local(public).mounted().handle(path)
    assert len(handle.data) == x.NFS3_FHSIZE
    assert Local(public).mounted().read(handle) == b"deep"


def test_searches_of_the_whole_tree_leave_time_for_others(public: Path) -> None:
    """Where one took long, who has handles of what is gone is told to come later; and what was not found is
    remembered."""
    local = Local(public, writable=True, squash="none")
    client = local.mounted()
    seconds = [0.0]

    def clock() -> float:
        seconds[0] += 0.01
        return seconds[0]

    local.tree._clock = clock
    handles = []
    for number in range(3):
        (public / f"{number}").write_bytes(b"x")
        handles.append(client.handle(f"{number}"))
    for number in range(3):
        (public / f"{number}").unlink()
    assert client.status(handles[0]) == S.NFS3ERR_STALE
    assert client.status(handles[1]) == S.NFS3ERR_JUKEBOX
    assert client.status(handles[0]) == S.NFS3ERR_STALE
    assert client.read(client.handle("folder/file.txt")) == b"in a folder"
    seconds[0] += 60
    assert client.status(handles[1]) == S.NFS3ERR_STALE


def test_what_is_remembered_is_bounded(public: Path) -> None:
    """Places of objects, and what is gone; objects whose place was forgotten are found again."""
    known = Known(10, clock=lambda: 0.0)
    root = Key(0, 1, 1)
    for number in range(5000):
        known.see(Key(0, number + 2, 1), root, b"%d" % number, lambda: b"handle")
        known.lose(Key(0, number + 10_000, 1))
    assert len(known) == 10
    assert len(known._gone) == 1024
    local = Local(public)
    local.tree.known = Known(2)
    client = local.mounted()
    handles = {path: client.handle(path) for path in ("folder/deep/well", "folder/file.txt", "hallo.txt", "link")}
    for path, handle in handles.items():
        assert client.getattr(handle).fileid == os.lstat(public / path).st_ino


def test_the_key_is_made_once_and_for_nobody_else_to_read(public: Path, tmp_path: Path) -> None:
    """With mode 0600, in folders that are made with it; what is no key is refused."""
    place = tmp_path / "state" / "deeper" / "nfs.key"
    first = NFSHandler.Options(root=public, key=place).export()
    assert place.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["nfs.key"]
    second = NFSHandler.Options(root=public, key=place).export()
    key = Key(0, 1, 2)
    assert first.handles.make(key, b"") == second.handles.make(key, b"")
    # Files that were written and not committed are for the client to write again.
    assert first.verifier != second.verifier
    place.write_bytes(b"short")
    with pytest.raises(ConfigurationError, match=r"'key'.*has 5 bytes"):
        NFSHandler.Options(root=public, key=place).export()
    with pytest.raises(ConfigurationError, match=r"'key'.*Not a directory"):
        NFSHandler.Options(root=public, key=place / "below").export()


def test_where_the_key_is_unless_an_option_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, public: Path) -> None:
    """In the folder for state of the service, else of the user."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user"))
    NFSHandler.Options(root=public).export()
    assert (tmp_path / "user" / "plugserve" / "nfs.key").is_file()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "service"))
    NFSHandler.Options(root=public).export()
    assert (tmp_path / "service" / "nfs.key").is_file()


def test_a_root_that_is_no_folder_is_refused(public: Path) -> None:
    """With what is wrong, where, and what to do."""
    with pytest.raises(ConfigurationError, match=r"'root'.*hallo.txt is no folder: give the path of one"):
        NFSHandler.Options(root=public / "hallo.txt")


def test_an_export_that_is_exchanged_is_another_one(public: Path) -> None:
    """Its handles are stale, and a mount leads to the new one."""
    client = Local(public).mounted()
    file, root = client.handle("hallo.txt"), client.root
    public.rename(public.parent / "old")
    public.mkdir()
    (public / "hallo.txt").write_bytes(b"new")
    assert client.status(root) == S.NFS3ERR_STALE
    assert client.reading(file) == S.NFS3ERR_STALE
    again = Local(public).mounted()
    assert again.read(again.handle("hallo.txt")) == b"new"
    assert worth(again.lookup(again.root, b"..")).object == again.root
