"""READDIR and READDIRPLUS: within the bytes that were asked for, and stable while the folder changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nfs_caller import OK, Local, Mounted, worth

from plugserve_sunrpc import Packer
from plugserve_sunrpc.protocols import nfs3 as x

S = x.nfsstat3
COUNT = 500


@pytest.fixture
def many(public: Path) -> Path:
    """A folder of many files, with names of many lengths."""
    folder = public / "many"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:04}{'n' * (number % 200)}").touch()
    return folder


def size(value: x.READDIR3resok | x.READDIRPLUS3resok) -> int:
    """Bytes of it."""
    packer = Packer()
    value.pack(packer)
    return len(packer.data())


def pages(client: Mounted, folder: x.nfs_fh3, count: int, *, plus: bool) -> list[x.READDIR3resok | x.READDIRPLUS3resok]:
    """All replies that it takes to read a folder."""
    found: list[x.READDIR3resok | x.READDIRPLUS3resok] = []
    cookie, verifier = 0, bytes(8)
    while not found or not found[-1].reply.eof:
        nfs = client.nfs
        if plus:
            page = worth(nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(folder, cookie, verifier, count, count)))
        else:
            page = worth(nfs.nfsproc3_readdir(x.READDIR3args(folder, cookie, verifier, count)))
        found.append(page)
        cookie, verifier = page.reply.entries[-1].cookie, page.cookieverf
    return found


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize("count", [512, 1500, 8192, 1 << 20])
def test_every_entry_comes_once_in_replies_of_the_size_asked_for(
    public: Path, many: Path, count: int, plus: bool
) -> None:
    """Whatever that size is; with the numbers, attributes and handles that LOOKUP has."""
    client = Local(public).mounted()
    folder = client.handle("many")
    found = pages(client, folder, count, plus=plus)
    assert all(size(page) <= count for page in found)
    entries = [entry for page in found for entry in page.reply.entries]
    assert sorted(os.fsdecode(entry.name) for entry in entries) == sorted([".", "..", *os.listdir(many)])
    for entry in entries[:: COUNT // 10]:
        if entry.name != b"..":
            one = worth(client.lookup(folder, entry.name))
            assert entry.fileid == one.obj_attributes.fileid
            if isinstance(entry, x.entryplus3):
                assert entry.name_attributes == one.obj_attributes
                assert entry.name_handle in (one.object, None if entry.name == b"." else one.object)
    if count == 8192 and not plus:
        # Replies are as full as they can be.
        assert len(found) <= sum(24 + (len(entry.name) + 3 & ~3) for entry in entries) // (count - 104 - 280) + 1


def test_a_size_for_no_entry_is_too_small(public: Path, many: Path) -> None:
    """TOOSMALL, and not an empty page that a client would ask for again and again."""
    client = Local(public).mounted()
    for count in (0, 1, 104, 120):
        said = client.nfs.nfsproc3_readdir(x.READDIR3args(client.handle("many"), 0, bytes(8), count)).status
        assert said == S.NFS3ERR_TOOSMALL
        plus = x.READDIRPLUS3args(client.handle("many"), 0, bytes(8), count, count)
        assert client.nfs.nfsproc3_readdirplus(plus).status == S.NFS3ERR_TOOSMALL


def test_dircount_bounds_what_readdir_would_have(public: Path, many: Path) -> None:
    """One entry at least; the attributes and handles do not count there."""
    client = Local(public).mounted()
    few = worth(client.nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(client.handle("many"), 0, bytes(8), 0, 65536)))
    assert len(few.reply.entries) == 1
    more = worth(client.nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(client.handle("many"), 0, bytes(8), 2000, 65536)))
    named = sum(24 + (len(entry.name) + 3 & ~3) for entry in more.reply.entries)
    assert 1500 < named <= 2000


@pytest.mark.parametrize("plus", [False, True])
def test_a_folder_is_emptied_while_it_is_read(public: Path, many: Path, plus: bool) -> None:
    """As `rm -r` does: all entries come, however many of those before have gone, also over a restart of the server."""
    removed = set()
    cookie, verifier, ended = 0, bytes(8), False
    while not ended:
        client = Local(public, writable=True, squash="none", sync=False).mounted()
        folder = client.handle("many")
        if plus:
            page = worth(client.nfs.nfsproc3_readdirplus(x.READDIRPLUS3args(folder, cookie, verifier, 4096, 4096)))
        else:
            page = worth(client.nfs.nfsproc3_readdir(x.READDIR3args(folder, cookie, verifier, 4096)))
        for entry in page.reply.entries:
            if entry.name not in (b".", b".."):
                assert client.remove(folder, entry.name) == OK
                removed.add(entry.name)
        cookie, verifier, ended = page.reply.entries[-1].cookie, page.cookieverf, page.reply.eof
    assert len(removed) == COUNT
    assert os.listdir(many) == []


def test_entries_that_were_there_all_the_time_come_once(public: Path, many: Path) -> None:
    """Whatever comes and goes beside them while the folder is read."""
    client = Local(public).mounted()
    folder = client.handle("many")
    seen: list[bytes] = []
    for turn, page in enumerate(_turns(client, folder, many)):
        seen += [entry.name for entry in page]
        (many / f"come{turn}").touch()
        if turn:
            (many / f"come{turn - 1}").unlink()
    always = [name for name in seen if not name.startswith(b"come") and name not in (b".", b"..")]
    assert len(always) == len(set(always)) == COUNT


def _turns(client: Mounted, folder: x.nfs_fh3, many: Path) -> list[list[x.entry3]]:
    found = []
    cookie, verifier, ended = 0, bytes(8), False
    while not ended:
        page = worth(client.nfs.nfsproc3_readdir(x.READDIR3args(folder, cookie, verifier, 2048)))
        found.append(list(page.reply.entries))
        cookie, verifier, ended = page.reply.entries[-1].cookie, page.cookieverf, page.reply.eof
    return found


def test_a_cookie_that_is_none_is_refused(public: Path, many: Path) -> None:
    """With another verifier, and beyond what a folder can have; a file is no folder."""
    client = Local(public).mounted()
    folder, nfs = client.handle("many"), client.nfs
    page = worth(nfs.nfsproc3_readdir(x.READDIR3args(folder, 0, bytes(8), 1024)))
    cookie = page.reply.entries[-1].cookie
    assert nfs.nfsproc3_readdir(x.READDIR3args(folder, cookie, bytes(8), 1024)).status == S.NFS3ERR_BAD_COOKIE
    assert (
        nfs.nfsproc3_readdir(x.READDIR3args(folder, (1 << 64) - 1, page.cookieverf, 1024)).status
        == S.NFS3ERR_BAD_COOKIE
    )
    file = client.handle("hallo.txt")
    assert nfs.nfsproc3_readdir(x.READDIR3args(file, 0, bytes(8), 1024)).status == S.NFS3ERR_NOTDIR


def test_what_is_said_of_the_file_system_is_so(public: Path) -> None:
    """FSSTAT, FSINFO and PATHCONF; a datagram carries less at once."""
    local = Local(public)
    client = local.mounted()
    room = os.statvfs(public)
    said = worth(client.nfs.nfsproc3_fsstat(x.FSSTAT3args(client.root)))
    assert said.tbytes == room.f_blocks * room.f_frsize
    assert said.tfiles == room.f_files
    stream = worth(client.nfs.nfsproc3_fsinfo(x.FSINFO3args(client.root)))
    assert (stream.rtmax, stream.wtmax, stream.time_delta) == (1 << 20, 1 << 20, x.nfstime3(0, 1))
    local.is_stream = False
    datagram = worth(local.mounted().nfs.nfsproc3_fsinfo(x.FSINFO3args(client.root)))
    assert (datagram.rtmax, datagram.wtmax) == (32768, 7168)
    names = worth(client.nfs.nfsproc3_pathconf(x.PATHCONF3args(client.root)))
    assert (names.name_max, names.no_trunc, names.case_insensitive, names.case_preserving) == (255, True, False, True)
    assert names.linkmax > 1
