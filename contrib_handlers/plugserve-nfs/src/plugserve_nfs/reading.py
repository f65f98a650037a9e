"""The procedures that change nothing."""

from __future__ import annotations

import os
import stat
from typing import Final

from plugserve_sunrpc.program import Call
from plugserve_sunrpc.protocols import nfs3 as x
from plugserve_sunrpc.records import maker

from .access import EXECUTE, READ, WRITE
from .attempt import Attempt
from .contents import open_contents
from .facts import Entry
from .failures import Refused
from .listing import FIXED, PLAIN, fill
from .tree import Place, check_name

__all__ = ["Reading", "need_file"]

OK: Final = x.nfsstat3.NFS3_OK
_LARGEST: Final = (1 << 63) - 1
"""Bytes of a file, as far as the kernel counts."""
_CHUNK: Final = 32 * 1024
_MULTIPLE: Final = 512
_SMALLEST_CHUNK: Final = 2048
_ATTRIBUTES: Final = 84
_NEVER: Final = 1 << 62
"""Bytes of an entry that is not to be had in this reply."""
_MOST_ENTRIES: Final = 256 * 1024
"""Bytes of entries in one reply."""


_make_entry: Final = maker(x.entry3)
_make_entry_plus: Final = maker(x.entryplus3)
_make_handle: Final = maker(x.nfs_fh3)


class Reading(x.NFS_V3Server):
    """GETATTR, LOOKUP, ACCESS, READLINK, READ, READDIR, READDIRPLUS, FSSTAT, FSINFO and PATHCONF."""

    def nfsproc3_getattr(self, call: Call, argument: x.GETATTR3args) -> x.GETATTR3res:
        """Procedure 1: attributes. Whoever can reach an object may have them."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.object)
            return x.GETATTR3res(OK, x.GETATTR3resok(attempt.export.attributes(place.facts, place.key)))
        return x.GETATTR3res(attempt.status)

    def nfsproc3_lookup(self, call: Call, argument: x.LOOKUP3args) -> x.LOOKUP3res:
        """Procedure 3: the handle of an entry. `..` of the exported folder is itself."""
        with Attempt(call) as attempt:
            tree = attempt.export.tree
            folder = attempt.find_directory(argument.what.dir)
            name = argument.what.name
            check_name(name)
            attempt.need(folder, EXECUTE)
            if name == b".":
                handle, facts, key = argument.what.dir.data, folder.facts, folder.key
            elif name == b"..":
                above = tree.parent(folder, attempt.caller)
                if above is None:
                    raise Refused(x.nfsstat3.NFS3ERR_STALE)
                attempt.keep(above)
                handle, facts, key = tree.remember(above.names, above.key), above.facts, above.key
            else:
                facts = tree.look(folder, name)
                key = tree.key_in(folder, facts)
                handle = tree.handle_in(folder, name, key)
            return x.LOOKUP3res(
                OK,
                x.LOOKUP3resok(x.nfs_fh3(handle), attempt.export.attributes(facts, key), attempt.attributes(folder)),
            )
        return x.LOOKUP3res(attempt.status, x.LOOKUP3resfail(attempt.after()))

    def nfsproc3_access(self, call: Call, argument: x.ACCESS3args) -> x.ACCESS3res:
        """Procedure 4: what the caller may do, of what he asks for."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.object)
            granted = 0
            if attempt.may(place, READ):
                granted |= x.ACCESS3_READ
            if attempt.may(place, EXECUTE):
                granted |= x.ACCESS3_LOOKUP if place.is_directory else x.ACCESS3_EXECUTE
            if attempt.export.writable and attempt.may(place, WRITE):
                granted |= x.ACCESS3_MODIFY | x.ACCESS3_EXTEND
                # To delete is to change a folder; of another object the bit says nothing.
                granted |= x.ACCESS3_DELETE if place.is_directory else 0
            return x.ACCESS3res(
                OK,
                x.ACCESS3resok(attempt.export.attributes(place.facts, place.key), granted & argument.access),
            )
        return x.ACCESS3res(attempt.status, x.ACCESS3resfail(attempt.after()))

    def nfsproc3_readlink(self, call: Call, argument: x.READLINK3args) -> x.READLINK3res:
        """Procedure 5: where a symlink leads. The client follows it, on its own machine, and not the server."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.symlink)
            if not stat.S_ISLNK(place.facts.mode):
                raise Refused(x.nfsstat3.NFS3ERR_INVAL)
            text = os.readlink(b"", dir_fd=place.descriptor)
            return x.READLINK3res(OK, x.READLINK3resok(attempt.attributes(place), text))
        return x.READLINK3res(attempt.status, x.READLINK3resfail(attempt.after()))

    def nfsproc3_read(self, call: Call, argument: x.READ3args) -> x.READ3res:
        """Procedure 6: a part of a file."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.file)
            need_file(place)
            attempt.need_contents(place, READ)
            count = min(argument.count, attempt.export.most_read(attempt.packet))
            offset = min(argument.offset, _LARGEST - count)
            descriptor = open_contents(place, os.O_RDONLY)
            try:
                data = os.pread(descriptor, count, offset)
            finally:
                os.close(descriptor)
            facts = place.now()
            ended = offset + len(data) >= facts.size
            attributes = attempt.export.attributes(facts, place.key)
            return x.READ3res(OK, x.READ3resok(attributes, len(data), ended, data))
        return x.READ3res(attempt.status, x.READ3resfail(attempt.after()))

    # -- folders -------------------------------------------------------------------------------------------------------

    def nfsproc3_readdir(self, call: Call, argument: x.READDIR3args) -> x.READDIR3res:
        """Procedure 16: names of a folder."""
        with Attempt(call) as attempt:
            folder, verifier = _opened(attempt, argument.dir, argument.cookie, argument.cookieverf)
            above = _inode_above(attempt, folder)

            def make(entry: Entry) -> tuple[x.entry3, int]:
                ino = above if entry.name == b".." else entry.ino
                return _make_entry(ino, entry.name, entry.cookie & _LARGEST), PLAIN + _padded(entry.name)

            most = min(argument.count, _most(attempt)) - FIXED
            entries, ended = fill(folder, argument.cookie, most, _chunk(most), make)
            return x.READDIR3res(OK, x.READDIR3resok(attempt.attributes(folder), verifier, x.dirlist3(entries, ended)))
        return x.READDIR3res(attempt.status, x.READDIR3resfail(attempt.after()))

    def nfsproc3_readdirplus(self, call: Call, argument: x.READDIRPLUS3args) -> x.READDIRPLUS3res:
        """Procedure 17: names of a folder, with attributes and handles for who may search it."""
        with Attempt(call) as attempt:
            folder, verifier = _opened(attempt, argument.dir, argument.cookie, argument.cookieverf)
            above = _inode_above(attempt, folder)
            tree, export = attempt.export.tree, attempt.export
            searchable = attempt.may(folder, EXECUTE)
            names_left, first = argument.dircount, True

            def make(entry: Entry) -> tuple[x.entryplus3, int]:
                nonlocal names_left, first
                size = PLAIN + _padded(entry.name) + 8
                ino, attributes, handle = entry.ino, None, None
                if entry.name == b"..":
                    ino = above
                elif searchable:
                    try:
                        facts = folder.now() if entry.name == b"." else tree.look(folder, entry.name)
                        key = tree.key_in(folder, facts)
                        if entry.name != b".":
                            handle = _make_handle(tree.handle_in(folder, entry.name, key))
                            size += 4 + _padded(handle.data)
                        ino, attributes = facts.ino, export.attributes(facts, key)
                        size += _ATTRIBUTES
                    except OSError:
                        # It has gone since the folder was read; the name alone is still an answer.
                        pass
                # `dircount` counts what READDIR would have. The first is always given.
                names_left -= PLAIN + _padded(entry.name)
                if names_left < 0 and not first:
                    size = _NEVER
                first = False
                return _make_entry_plus(ino, entry.name, entry.cookie & _LARGEST, attributes, handle), size

            most = min(argument.maxcount, _most(attempt)) - FIXED
            entries, ended = fill(folder, argument.cookie, most, _chunk(most // 5), make)
            return x.READDIRPLUS3res(
                OK, x.READDIRPLUS3resok(attempt.attributes(folder), verifier, x.dirlistplus3(entries, ended))
            )
        return x.READDIRPLUS3res(attempt.status, x.READDIRPLUS3resfail(attempt.after()))

    # -- file systems --------------------------------------------------------------------------------------------------

    def nfsproc3_fsstat(self, call: Call, argument: x.FSSTAT3args) -> x.FSSTAT3res:
        """Procedure 18: room on the file system."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.fsroot)
            room = os.fstatvfs(place.descriptor)
            unit = room.f_frsize
            return x.FSSTAT3res(
                OK,
                x.FSSTAT3resok(
                    attempt.attributes(place),
                    room.f_blocks * unit,
                    room.f_bfree * unit,
                    room.f_bavail * unit,
                    room.f_files,
                    room.f_ffree,
                    room.f_favail,
                    0,
                ),
            )
        return x.FSSTAT3res(attempt.status, x.FSSTAT3resfail(attempt.after()))

    def nfsproc3_fsinfo(self, call: Call, argument: x.FSINFO3args) -> x.FSINFO3res:
        """Procedure 19: how much may be read and written at once."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.fsroot)
            read, written = attempt.export.most_read(attempt.packet), attempt.export.most_written(attempt.packet)
            features = x.FSF3_LINK | x.FSF3_SYMLINK | x.FSF3_HOMOGENEOUS | x.FSF3_CANSETTIME
            return x.FSINFO3res(
                OK,
                x.FSINFO3resok(
                    attempt.attributes(place),
                    *(read, read, _MULTIPLE),
                    *(written, written, _MULTIPLE),
                    _CHUNK,
                    _LARGEST,
                    x.nfstime3(0, 1),
                    features,
                ),
            )
        return x.FSINFO3res(attempt.status, x.FSINFO3resfail(attempt.after()))

    def nfsproc3_pathconf(self, call: Call, argument: x.PATHCONF3args) -> x.PATHCONF3res:
        """Procedure 20: what names may be like."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.object)
            links = min(max(os.fpathconf(place.descriptor, "PC_LINK_MAX"), 1), 0xFFFF_FFFF)
            return x.PATHCONF3res(OK, x.PATHCONF3resok(attempt.attributes(place), links, 255, True, True, False, True))
        return x.PATHCONF3res(attempt.status, x.PATHCONF3resfail(attempt.after()))


def need_file(place: Place) -> None:
    """Raises: `Refused` unless it is a regular file."""
    if place.is_directory:
        raise Refused(x.nfsstat3.NFS3ERR_ISDIR)
    if not place.is_file:
        raise Refused(x.nfsstat3.NFS3ERR_INVAL)


def _opened(attempt: Attempt, handle: x.nfs_fh3, cookie: int, verifier: bytes) -> tuple[Place, bytes]:
    """The folder that is listed, and its verifier: always the same, since cookies stay good."""
    folder = attempt.find_directory(handle)
    attempt.need(folder, READ)
    right = attempt.export.handles.number(b"cookies %d %d %d" % folder.key)
    if cookie and verifier != right:
        raise Refused(x.nfsstat3.NFS3ERR_BAD_COOKIE)
    return folder, right


def _inode_above(attempt: Attempt, folder: Place) -> int:
    """The number of the folder above; nobody learns that of the one above the exported folder."""
    above = attempt.export.tree.parent(folder, attempt.caller)
    return folder.facts.ino if above is None else attempt.keep(above).facts.ino


def _most(attempt: Attempt) -> int:
    return min(_MOST_ENTRIES, attempt.export.most_read(attempt.packet))


def _chunk(size: int) -> int:
    """A little less than what the reply will have, so that little is read twice."""
    return min(max(size, _SMALLEST_CHUNK), _CHUNK)


def _padded(data: bytes) -> int:
    return len(data) + 3 & ~3
