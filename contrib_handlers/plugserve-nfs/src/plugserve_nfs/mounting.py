"""MOUNT version 3: from a path to a handle (RFC 1813, appendix I)."""

from __future__ import annotations

from typing import Final

from plugserve_sunrpc.message import FlavourNumber
from plugserve_sunrpc.program import Call
from plugserve_sunrpc.protocols import mount3 as x
from plugserve_sunrpc.protocols.nfs3 import nfsstat3

from .attempt import Attempt
from .failures import Refused

__all__ = ["Mounting"]

_OFFERED: Final = (FlavourNumber.AUTH_SYS, FlavourNumber.AUTH_NONE)


class Mounting(x.MOUNT_V3Server):
    """The exported folder is `/`, and any folder below it may be mounted by who can reach it.

    Who has mounted what is not kept: it would be a table that clients fill, and it proves nothing (RFC 1813, appendix
    I, calls it advisory).
    """

    blocks = True
    idempotent = frozenset(range(6))

    def mountproc3_mnt(self, call: Call, argument: bytes) -> x.mountres3:
        """Procedure 1: the handle of a folder. Symlinks on the way are not followed."""
        with Attempt(call) as attempt:
            names = tuple(name for name in argument.split(b"/") if name not in (b"", b"."))
            if b"\0" in argument or b".." in names:
                raise Refused(nfsstat3.NFS3ERR_ACCES)
            if any(len(name) > 255 for name in names):
                raise Refused(nfsstat3.NFS3ERR_NAMETOOLONG)
            place = attempt.export.tree.walk(names, attempt.caller)
            if place is None:
                raise Refused(nfsstat3.NFS3ERR_NOENT)
            attempt.keep(place)
            if not place.reachable:
                raise Refused(nfsstat3.NFS3ERR_ACCES)
            if not place.is_directory:
                raise Refused(nfsstat3.NFS3ERR_NOTDIR)
            handle = attempt.export.tree.remember(names, place.key)
            flavours = call.handler.options.by_number
            return x.mountres3(
                x.mountstat3.MNT3_OK,
                x.mountres3_ok(handle, tuple(int(one) for one in _OFFERED if one in flavours)),
            )
        known = attempt.status in x.mountstat3._value2member_map_
        return x.mountres3(x.mountstat3(attempt.status) if known else x.mountstat3.MNT3ERR_SERVERFAULT)

    def mountproc3_dump(self, call: Call) -> x.mountlist:
        """Procedure 2: nobody is listed."""
        return ()

    def mountproc3_umnt(self, call: Call, argument: bytes) -> None:
        """Procedure 3: nothing is to be done."""

    def mountproc3_umntall(self, call: Call) -> None:
        """Procedure 4: nothing is to be done."""

    def mountproc3_export(self, call: Call) -> x.exports:
        """Procedure 5: one folder, for everybody."""
        return (x.exportnode(b"/", ()),)
