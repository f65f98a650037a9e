"""The procedures that change something."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

from plugserve_sunrpc.program import Call
from plugserve_sunrpc.protocols import nfs3 as x

from .access import EXECUTE, READ, WRITE
from .attempt import Attempt
from .contents import drop_privileges, open_contents
from .facts import Facts
from .failures import Refused
from .reading import Reading, need_file
from .setting import check, give, owner_of_new, set_attributes, set_times
from .tree import Place, check_name

__all__ = ["Writing"]

OK: Final = x.nfsstat3.NFS3_OK
_LARGEST: Final = (1 << 63) - 1
_LONGEST_LINK: Final = 4095
_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o755


class Writing(Reading):
    """SETATTR, WRITE, CREATE, MKDIR, SYMLINK, MKNOD, REMOVE, RMDIR, RENAME, LINK and COMMIT."""

    blocks = True
    # GETATTR, LOOKUP, ACCESS, READLINK, READ, READDIR and READDIRPLUS, FSSTAT, FSINFO, PATHCONF, COMMIT.
    idempotent = frozenset((1, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21))

    def nfsproc3_setattr(self, call: Call, argument: x.SETATTR3args) -> x.SETATTR3res:
        """Procedure 2: set attributes, unless the object has changed meanwhile."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.object, to_change=True)
            guard = argument.guard
            if guard is not None and (guard.seconds, guard.nseconds) != place.facts.ctime:
                raise Refused(x.nfsstat3.NFS3ERR_NOT_SYNC)
            check(attempt, place, argument.new_attributes)
            set_attributes(attempt, place, argument.new_attributes)
            attempt.settle(place)
            return x.SETATTR3res(OK, x.SETATTR3resok(attempt.wcc(place)))
        return x.SETATTR3res(attempt.status, x.SETATTR3resfail(attempt.changed()))

    # -- contents ------------------------------------------------------------------------------------------------------

    def nfsproc3_write(self, call: Call, argument: x.WRITE3args) -> x.WRITE3res:
        """Procedure 7: write, and bring it to the disk as far as the client says."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.file, to_change=True)
            need_file(place)
            attempt.need_contents(place, WRITE)
            if argument.count > len(argument.data):
                raise Refused(x.nfsstat3.NFS3ERR_INVAL)
            count = min(argument.count, attempt.export.most_written(attempt.packet))
            if argument.offset + count > _LARGEST:
                raise Refused(x.nfsstat3.NFS3ERR_FBIG)
            if not attempt.caller.is_root:
                drop_privileges(place)
            verifier = attempt.export.verifier
            descriptor = open_contents(place, os.O_WRONLY)
            try:
                written = _write(descriptor, memoryview(argument.data)[:count], argument.offset)
                if argument.stable != x.stable_how.UNSTABLE:
                    _to_disk(attempt, descriptor, data_only=argument.stable == x.stable_how.DATA_SYNC)
            finally:
                os.close(descriptor)
            return x.WRITE3res(OK, x.WRITE3resok(attempt.wcc(place), written, argument.stable, verifier))
        return x.WRITE3res(attempt.status, x.WRITE3resfail(attempt.changed()))

    def nfsproc3_commit(self, call: Call, argument: x.COMMIT3args) -> x.COMMIT3res:
        """Procedure 21: bring to the disk what has been written; all of the file, whatever part is asked for."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.file, to_change=True)
            need_file(place)
            attempt.need_contents(place, WRITE)
            verifier = attempt.export.verifier
            descriptor = open_contents(place, os.O_WRONLY)
            try:
                _to_disk(attempt, descriptor, data_only=False)
            finally:
                os.close(descriptor)
            return x.COMMIT3res(OK, x.COMMIT3resok(attempt.wcc(place), verifier))
        return x.COMMIT3res(attempt.status, x.COMMIT3resfail(attempt.changed()))

    # -- new objects ---------------------------------------------------------------------------------------------------

    def nfsproc3_create(self, call: Call, argument: x.CREATE3args) -> x.CREATE3res:
        """Procedure 8: a file."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.where.dir)
            name = _new_name(argument.where.name)
            attempt.need_writable()
            attempt.need(folder, EXECUTE)
            how = argument.how
            try:
                place = _existing(attempt, folder, name)
            except FileNotFoundError:
                place = None
            if place is None:
                try:
                    place = _create(attempt, folder, name, how)
                except FileExistsError:
                    # Somebody else was faster.
                    place = _existing(attempt, folder, name)
                    _take_over(attempt, place, how)
            else:
                _take_over(attempt, place, how)
            return x.CREATE3res(OK, x.CREATE3resok(*_made(attempt, folder, name, place)))
        return x.CREATE3res(attempt.status, x.CREATE3resfail(attempt.changed()))

    def nfsproc3_mkdir(self, call: Call, argument: x.MKDIR3args) -> x.MKDIR3res:
        """Procedure 9: a folder."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.where.dir, to_change=True)
            name = _new_name(argument.where.name)
            wanted = argument.attributes
            mode = _DIRECTORY_MODE if wanted.mode is None else wanted.mode
            place = _make(
                attempt,
                folder,
                name,
                wanted,
                mode,
                make=lambda: os.mkdir(name, 0o700, dir_fd=folder.descriptor),
                undo=lambda: os.rmdir(name, dir_fd=folder.descriptor),
                inherit=folder.facts.mode & stat.S_ISGID,
            )
            return x.MKDIR3res(OK, x.MKDIR3resok(*_made(attempt, folder, name, place)))
        return x.MKDIR3res(attempt.status, x.MKDIR3resfail(attempt.changed()))

    def nfsproc3_symlink(self, call: Call, argument: x.SYMLINK3args) -> x.SYMLINK3res:
        """Procedure 10: a symlink, to anywhere: only clients follow it."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.where.dir, to_change=True)
            name = _new_name(argument.where.name)
            text = argument.symlink.symlink_data
            if not text or b"\0" in text:
                raise Refused(x.nfsstat3.NFS3ERR_INVAL)
            if len(text) > _LONGEST_LINK:
                raise Refused(x.nfsstat3.NFS3ERR_NAMETOOLONG)
            place = _make(
                attempt,
                folder,
                name,
                argument.symlink.symlink_attributes,
                None,
                make=lambda: os.symlink(text, name, dir_fd=folder.descriptor),
                undo=lambda: os.unlink(name, dir_fd=folder.descriptor),
            )
            return x.SYMLINK3res(OK, x.SYMLINK3resok(*_made(attempt, folder, name, place)))
        return x.SYMLINK3res(attempt.status, x.SYMLINK3resfail(attempt.changed()))

    def nfsproc3_mknod(self, call: Call, argument: x.MKNOD3args) -> x.MKNOD3res:
        """Procedure 11: a FIFO, a socket or, for root, a device."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.where.dir, to_change=True)
            name = _new_name(argument.where.name)
            value, kind, device = argument.what.value, argument.what.type, 0
            kinds = {
                x.ftype3.NF3CHR: stat.S_IFCHR,
                x.ftype3.NF3BLK: stat.S_IFBLK,
                x.ftype3.NF3SOCK: stat.S_IFSOCK,
                x.ftype3.NF3FIFO: stat.S_IFIFO,
            }
            if value is None or kind not in kinds:
                raise Refused(x.nfsstat3.NFS3ERR_BADTYPE)
            if isinstance(value, x.devicedata3):
                if not attempt.caller.is_root:
                    raise Refused(x.nfsstat3.NFS3ERR_PERM)
                device = os.makedev(value.spec.specdata1, value.spec.specdata2)
                wanted = value.dev_attributes
            else:
                wanted = value
            place = _make(
                attempt,
                folder,
                name,
                wanted,
                _FILE_MODE if wanted.mode is None else wanted.mode,
                make=lambda: os.mknod(name, kinds[kind], device, dir_fd=folder.descriptor),
                undo=lambda: os.unlink(name, dir_fd=folder.descriptor),
            )
            return x.MKNOD3res(OK, x.MKNOD3resok(*_made(attempt, folder, name, place)))
        return x.MKNOD3res(attempt.status, x.MKNOD3resfail(attempt.changed()))

    # -- names ---------------------------------------------------------------------------------------------------------

    def nfsproc3_remove(self, call: Call, argument: x.REMOVE3args) -> x.REMOVE3res:
        """Procedure 12: remove a name of anything but a folder."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.object.dir, to_change=True)
            name = _old_name(argument.object.name)
            place = _existing(attempt, folder, name)
            if place.is_directory:
                raise Refused(x.nfsstat3.NFS3ERR_ISDIR)
            _need_sticky(attempt, folder, place.facts)
            os.unlink(name, dir_fd=folder.descriptor)
            _forget(attempt, place)
            attempt.settle(folder)
            return x.REMOVE3res(OK, x.REMOVE3resok(attempt.wcc(folder)))
        return x.REMOVE3res(attempt.status, x.REMOVE3resfail(attempt.changed()))

    def nfsproc3_rmdir(self, call: Call, argument: x.RMDIR3args) -> x.RMDIR3res:
        """Procedure 13: remove an empty folder."""
        with Attempt(call) as attempt:
            folder = attempt.find_directory(argument.object.dir, to_change=True)
            name = _old_name(argument.object.name)
            place = _existing(attempt, folder, name)
            if not place.is_directory:
                raise Refused(x.nfsstat3.NFS3ERR_NOTDIR)
            _need_sticky(attempt, folder, place.facts)
            os.rmdir(name, dir_fd=folder.descriptor)
            attempt.export.tree.known.lose(place.key)
            attempt.settle(folder)
            return x.RMDIR3res(OK, x.RMDIR3resok(attempt.wcc(folder)))
        return x.RMDIR3res(attempt.status, x.RMDIR3resfail(attempt.changed()))

    def nfsproc3_rename(self, call: Call, argument: x.RENAME3args) -> x.RENAME3res:
        """Procedure 14: another name, or another folder."""
        with Attempt(call) as attempt:
            source = attempt.find_directory(argument.from_.dir, to_change=True)
            target = attempt.find_directory(argument.to.dir, to_change=True)
            old, new = _old_name(argument.from_.name), _old_name(argument.to.name)
            place = _existing(attempt, source, old)
            _need_sticky(attempt, source, place.facts)
            if place.is_directory and source.key != target.key:
                # Its `..` changes with it.
                attempt.need(place, WRITE)
            replaced = None
            try:
                replaced = _existing(attempt, target, new)
                _need_sticky(attempt, target, replaced.facts)
            except FileNotFoundError:
                pass
            os.rename(old, new, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor)
            if replaced is not None:
                _forget(attempt, replaced)
            attempt.export.tree.handle_in(target, new, place.key)
            attempt.settle(target)
            if source.key != target.key:
                attempt.settle(source)
            return x.RENAME3res(OK, x.RENAME3resok(attempt.wcc(source), attempt.wcc(target)))
        return x.RENAME3res(attempt.status, x.RENAME3resfail(attempt.changed(0), attempt.changed(1)))

    def nfsproc3_link(self, call: Call, argument: x.LINK3args) -> x.LINK3res:
        """Procedure 15: one more name."""
        with Attempt(call) as attempt:
            place = attempt.find(argument.file, to_change=True)
            folder = attempt.find_directory(argument.link.dir, to_change=True)
            name = _new_name(argument.link.name)
            if place.is_directory:
                raise Refused(x.nfsstat3.NFS3ERR_ISDIR)
            facts, caller = place.facts, attempt.caller
            if not caller.is_root and caller.uid != facts.uid:
                # As with fs.protected_hardlinks (proc(5)): nobody keeps alive what is not his, least of all a program
                # that runs as somebody else.
                special = facts.mode & (stat.S_ISUID | stat.S_ISGID)
                if not place.is_file or special or not attempt.may(place, READ | WRITE):
                    raise Refused(x.nfsstat3.NFS3ERR_PERM)
            os.link(place.path, name, dst_dir_fd=folder.descriptor, follow_symlinks=True)
            attempt.settle(folder)
            return x.LINK3res(OK, x.LINK3resok(attempt.attributes(place), attempt.wcc(folder)))
        return x.LINK3res(attempt.status, x.LINK3resfail(attempt.after(), attempt.changed(1)))


def _new_name(name: bytes) -> bytes:
    check_name(name)
    if name in (b".", b".."):
        raise Refused(x.nfsstat3.NFS3ERR_EXIST)
    return name


def _old_name(name: bytes) -> bytes:
    check_name(name)
    if name in (b".", b".."):
        raise Refused(x.nfsstat3.NFS3ERR_INVAL)
    return name


def _existing(attempt: Attempt, folder: Place, name: bytes) -> Place:
    return attempt.keep(attempt.export.tree.child(folder, name))


def _need_sticky(attempt: Attempt, folder: Place, facts: Facts) -> None:
    """In a folder with the sticky bit an entry is for its owner to remove, and the folder's (unlink(2))."""
    caller = attempt.caller
    if folder.facts.mode & stat.S_ISVTX and not caller.is_root and caller.uid not in (facts.uid, folder.facts.uid):
        raise Refused(x.nfsstat3.NFS3ERR_PERM)


def _forget(attempt: Attempt, place: Place) -> None:
    """A name is gone; with the last one the object is."""
    if place.is_directory or not place.now().nlink:
        attempt.export.tree.known.lose(place.key)


def _write(descriptor: int, data: memoryview, offset: int) -> int:
    written = 0
    while written < len(data):
        try:
            more = os.pwrite(descriptor, data[written:], offset + written)
        except OSError:
            # What has been written counts; the client comes again with the rest, and then learns why.
            if written:
                break
            raise
        if not more:
            break
        written += more
    return written


def _to_disk(attempt: Attempt, descriptor: int, *, data_only: bool) -> None:
    try:
        (os.fdatasync if data_only else os.fsync)(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # there are files that cannot be synchronized
            attempt.export.lost()
            raise


# -- making ------------------------------------------------------------------------------------------------------------


def _make(
    attempt: Attempt,
    folder: Place,
    name: bytes,
    wanted: x.sattr3 | None,
    mode: int | None,
    *,
    make: Callable[[], object],
    undo: Callable[[], object],
    inherit: int = 0,
) -> Place:
    """Make something, and make it the caller's; nothing is left where that fails.

    Parameters:
        mode: None for a symlink.
        make: makes it, for nobody but the server to use.
        undo: removes it.
        inherit: bits of the mode that come from the folder.
    """
    attempt.need(folder, WRITE | EXECUTE)
    owner = owner_of_new(attempt, folder, wanted)
    make()
    try:
        place = _existing(attempt, folder, name)
        give(attempt, place, owner, mode, inherit=inherit)
        if wanted is not None:
            set_times(place, wanted)
        return place
    except BaseException:
        undo()
        raise


def _create(attempt: Attempt, folder: Place, name: bytes, how: x.createhow3) -> Place:
    value = how.value
    wanted = value if isinstance(value, x.sattr3) else None

    def make() -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0, dir_fd=folder.descriptor)
        try:
            if wanted is not None and wanted.size:
                if wanted.size > _LARGEST:
                    raise Refused(x.nfsstat3.NFS3ERR_FBIG)
                os.ftruncate(descriptor, wanted.size)
        except BaseException:
            undo()
            raise
        finally:
            os.close(descriptor)

    def undo() -> None:
        os.unlink(name, dir_fd=folder.descriptor)

    mode = _FILE_MODE if wanted is None or wanted.mode is None else wanted.mode
    place = _make(attempt, folder, name, wanted, mode, make=make, undo=undo)
    if not isinstance(value, x.sattr3):
        # The verifier lives in the times (RFC 1813, section 3.3.8): it is there when the client asks again, also after
        # a restart. The client sets the times afterwards.
        first, second = _verifier_times(value)
        os.utime(place.path, (first, second))
    return place


def _take_over(attempt: Attempt, place: Place, how: x.createhow3) -> None:
    """CREATE of what is there already."""
    value = how.value
    if how.mode == x.createmode3.UNCHECKED and place.is_file and isinstance(value, x.sattr3):
        if value.size is not None:
            only = x.sattr3(
                None,
                None,
                None,
                value.size,
                x.set_atime(x.time_how.DONT_CHANGE),
                x.set_mtime(x.time_how.DONT_CHANGE),
            )
            check(attempt, place, only)
            set_attributes(attempt, place, only)
        return
    if how.mode == x.createmode3.EXCLUSIVE and place.is_file and isinstance(value, bytes):
        facts = place.facts
        if (facts.atime[0], facts.mtime[0]) == _verifier_times(value) and not facts.size:
            return
    raise Refused(x.nfsstat3.NFS3ERR_EXIST)


def _verifier_times(verifier: bytes) -> tuple[int, int]:
    # 31 bits: file systems with 32 bits for seconds have a sign.
    return int.from_bytes(verifier[:4]) & 0x7FFF_FFFF, int.from_bytes(verifier[4:]) & 0x7FFF_FFFF


def _made(attempt: Attempt, folder: Place, name: bytes, place: Place) -> tuple[x.nfs_fh3, x.fattr3, x.wcc_data]:
    """What is said of a new object, when it is on the disk."""
    handle = attempt.export.tree.handle_in(folder, name, place.key)
    attempt.settle(place)
    attempt.settle(folder)
    return x.nfs_fh3(handle), attempt.attributes(place), attempt.wcc(folder)
