"""What is exported, as one server has it: the tree, what may be done there, and the numbers that clients are told."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path
from typing import Final

from plugserve_sunrpc.protocols.nfs3 import fattr3, ftype3, nfstime3, specdata3, wcc_attr
from plugserve_sunrpc.records import maker

from .facts import Facts
from .handles import Handles, Key
from .secret import default_place, read_or_make
from .tree import Tree

__all__ = ["Export", "before"]

_TYPES: Final = {
    stat.S_IFREG: ftype3.NF3REG,
    stat.S_IFDIR: ftype3.NF3DIR,
    stat.S_IFBLK: ftype3.NF3BLK,
    stat.S_IFCHR: ftype3.NF3CHR,
    stat.S_IFLNK: ftype3.NF3LNK,
    stat.S_IFSOCK: ftype3.NF3SOCK,
    stat.S_IFIFO: ftype3.NF3FIFO,
}
_STREAM: Final = 1024 * 1024
_DATAGRAM: Final = 32 * 1024
_LATEST: Final = 0xFFFF_FFFF
_LEAST: Final = 512
_HEADER: Final = 1024
"""Bytes of a WRITE call that are not data, at the most: a credential of 400, a handle, and what is fixed."""


# A folder has many entries, and each of them attributes.
_make_attributes: Final = maker(fattr3)
_make_special: Final = maker(specdata3)
_make_time: Final = maker(nfstime3)


class Export:
    """An exported folder.

    Parameters:
        folder: its path.
        key: the file with the key of the handles; None: where it is by default.
        writable: whether anything may be changed.
        sync: whether changes of folders and attributes are on the disk before they are answered.
        record: the most bytes of a call on a stream.
    """

    def __init__(self, folder: str, *, key: Path | None, writable: bool, sync: bool, record: int) -> None:
        self.handles = Handles(read_or_make(default_place() if key is None else key))
        self.tree = Tree(folder, self.handles)
        self.writable = writable
        self.sync = sync
        self.verifier = secrets.token_bytes(8)
        self._most = max(4096, min(_STREAM, record - _HEADER) & ~4095)
        self._systems: dict[int, int] = {}

    def most_read(self, packet: int | None) -> int:
        """Bytes of one READ.

        Parameters:
            packet: bytes of a call, of a listener for datagrams; None for streams. A reply must fit into a datagram.
        """
        return self._most if packet is None else min(self._most, _DATAGRAM)

    def most_written(self, packet: int | None) -> int:
        """Bytes of one WRITE: the call must fit into a record, or a datagram that the listener takes."""
        if packet is None:
            return self._most
        return max(_LEAST, min(self._most, _DATAGRAM, packet - _HEADER) // _LEAST * _LEAST)

    def lost(self) -> None:
        """Something could not be brought to the disk: clients must send again what they have not committed."""
        self.verifier = secrets.token_bytes(8)

    def system_number(self, key: Key) -> int:
        """What the client knows the file system by."""
        number = self._systems.get(key.system)
        if number is None:
            number = int.from_bytes(self.handles.number(b"system %d" % key.system))
            if len(self._systems) < 4096:
                self._systems[key.system] = number
        return number

    def attributes(self, facts: Facts, key: Key) -> fattr3:
        """What a client is told of an object."""
        return _make_attributes(
            _TYPES.get(stat.S_IFMT(facts.mode), ftype3.NF3REG),
            facts.mode & 0o7777,
            facts.nlink,
            facts.uid,
            facts.gid,
            facts.size,
            facts.blocks * 512,
            _make_special(*facts.special),
            self.system_number(key),
            facts.ino,
            _time(facts.atime),
            _time(facts.mtime),
            _time(facts.ctime),
        )


def before(facts: Facts) -> wcc_attr:
    """What a client needs to know whether its cache was right before a change."""
    return wcc_attr(facts.size, _time(facts.mtime), _time(facts.ctime))


def _time(when: tuple[int, int]) -> nfstime3:
    """A time in NFS: from 1970 to 2106."""
    seconds, nanoseconds = when
    if not 0 <= seconds <= _LATEST:
        seconds = 0 if seconds < 0 else _LATEST
    return _make_time(seconds, nanoseconds)
