"""Attributes: who may set which, and how they are set."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from plugserve_sunrpc.protocols import nfs3 as x

from .access import WRITE, Caller
from .attempt import Attempt
from .contents import drop_privileges, open_contents
from .failures import Refused
from .tree import Place

__all__ = ["check", "give", "owner_of_new", "set_attributes", "set_times"]

_LARGEST = (1 << 63) - 1


def check(attempt: Attempt, place: Place, wanted: x.sattr3) -> None:
    """Whether the caller may set these: chmod(2), chown(2), truncate(2) and utimensat(2) say who may.

    Raises: `Refused`.
    """
    caller, facts = attempt.caller, place.facts
    owns = caller.is_root or caller.uid == facts.uid
    if wanted.size is not None:
        if place.is_directory:
            raise Refused(x.nfsstat3.NFS3ERR_ISDIR)
        if not place.is_file:
            raise Refused(x.nfsstat3.NFS3ERR_INVAL)
        if wanted.size > _LARGEST:
            raise Refused(x.nfsstat3.NFS3ERR_FBIG)
        attempt.need_contents(place, WRITE)
    if wanted.mode is not None and not owns:
        raise Refused(x.nfsstat3.NFS3ERR_PERM)
    if wanted.uid not in (None, facts.uid) and not caller.is_root:
        raise Refused(x.nfsstat3.NFS3ERR_PERM)
    if wanted.gid not in (None, facts.gid) and not (caller.is_root or (owns and wanted.gid in caller.groups)):
        raise Refused(x.nfsstat3.NFS3ERR_PERM)
    for one in (wanted.atime, wanted.mtime):
        if one.set_it == x.time_how.SET_TO_CLIENT_TIME and not owns:
            raise Refused(x.nfsstat3.NFS3ERR_PERM)
        if one.set_it == x.time_how.SET_TO_SERVER_TIME and not owns:
            attempt.need(place, WRITE)


def set_attributes(attempt: Attempt, place: Place, wanted: x.sattr3) -> None:
    """Set what `check` has allowed. Raises: `OSError`."""
    caller, facts = attempt.caller, place.facts
    if wanted.size is not None:
        if not caller.is_root and caller.uid != facts.uid:
            drop_privileges(place)
        descriptor = open_contents(place, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, wanted.size)
        finally:
            os.close(descriptor)
    uid = -1 if wanted.uid in (None, facts.uid) else wanted.uid
    gid = -1 if wanted.gid in (None, facts.gid) else wanted.gid
    if (uid, gid) != (-1, -1):
        os.chown(place.path, uid or 0, gid or 0)
    if wanted.mode is not None and not stat.S_ISLNK(facts.mode):
        group = facts.gid if wanted.gid is None else wanted.gid
        os.chmod(place.path, allowed_mode(caller, wanted.mode, group))
    set_times(place, wanted)


def set_times(place: Place, wanted: x.sattr3) -> None:
    """Set the times, as far as that is asked for. Raises: `OSError`."""
    how = {wanted.atime.set_it, wanted.mtime.set_it}
    if how == {x.time_how.DONT_CHANGE}:
        return
    if how == {x.time_how.SET_TO_SERVER_TIME}:
        # Who may write may do this, without being the owner.
        os.utime(place.path)
        return
    facts = place.now()
    pairs: list[tuple[Any, tuple[int, int]]] = [(wanted.atime, facts.atime), (wanted.mtime, facts.mtime)]
    times = []
    for one, present in pairs:
        if one.set_it == x.time_how.SET_TO_CLIENT_TIME:
            times.append(one.value.seconds * 1_000_000_000 + min(one.value.nseconds, 999_999_999))
        elif one.set_it == x.time_how.SET_TO_SERVER_TIME:
            times.append(time.time_ns())
        else:
            times.append(present[0] * 1_000_000_000 + present[1])
    os.utime(place.path, ns=(times[0], times[1]))


def allowed_mode(caller: Caller, mode: int, group: int) -> int:
    """A mode as it is set: nobody makes a program that runs as a user whom he only stands for, or as a group that he is
    not in (chmod(2))."""
    mode &= 0o7777
    if caller.anonymous:
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
    elif not caller.is_root and group not in caller.groups:
        mode &= ~stat.S_ISGID
    return mode


def owner_of_new(attempt: Attempt, folder: Place, wanted: x.sattr3 | None) -> tuple[int, int]:
    """Whose a new object is: user and group.

    A server that is no root can make things for its own user only: what would be somebody else's is refused, and not
    made as if the caller were the server.

    Raises: `Refused`.
    """
    caller = attempt.caller
    uid = caller.uid
    gid = folder.facts.gid if folder.facts.mode & stat.S_ISGID else caller.gid
    if wanted is not None:
        if wanted.uid not in (None, uid):
            if not caller.is_root:
                raise Refused(x.nfsstat3.NFS3ERR_PERM)
            uid = wanted.uid or 0
        if wanted.gid not in (None, gid):
            if not caller.is_root and wanted.gid not in caller.groups:
                raise Refused(x.nfsstat3.NFS3ERR_PERM)
            gid = wanted.gid or 0
    server = os.geteuid()
    if server not in (0, uid):
        raise Refused(x.nfsstat3.NFS3ERR_ACCES)
    return uid, gid


def give(attempt: Attempt, place: Place, owner: tuple[int, int], mode: int | None, *, inherit: int = 0) -> None:
    """Make a new object its owner's, and only then anybody else's to use.

    Parameters:
        mode: None for a symlink, which has none.
        inherit: bits that come from the folder.
    Raises: `OSError`.
    """
    try:
        os.chown(place.path, *owner)
    except PermissionError:
        # A server that is no root, for a group that it is not in: then the group is the server's.
        owner = (owner[0], place.facts.gid)
    if mode is not None:
        os.chmod(place.path, allowed_mode(attempt.caller, mode, owner[1]) | inherit)
