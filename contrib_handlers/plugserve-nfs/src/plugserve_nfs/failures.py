"""From what the system says went wrong to what NFS says (RFC 1813, section 2.6)."""

from __future__ import annotations

import errno
from typing import Final

from plugserve import PlugserveError
from plugserve_sunrpc.protocols.nfs3 import nfsstat3

__all__ = ["Refused", "status_of"]

_STATUSES: Final = {
    errno.EPERM: nfsstat3.NFS3ERR_PERM,
    errno.ENOENT: nfsstat3.NFS3ERR_NOENT,
    errno.EIO: nfsstat3.NFS3ERR_IO,
    errno.ENXIO: nfsstat3.NFS3ERR_NXIO,
    errno.EACCES: nfsstat3.NFS3ERR_ACCES,
    errno.EBUSY: nfsstat3.NFS3ERR_ACCES,
    errno.EEXIST: nfsstat3.NFS3ERR_EXIST,
    errno.EXDEV: nfsstat3.NFS3ERR_XDEV,
    errno.ENODEV: nfsstat3.NFS3ERR_NODEV,
    errno.ENOTDIR: nfsstat3.NFS3ERR_NOTDIR,
    errno.EISDIR: nfsstat3.NFS3ERR_ISDIR,
    errno.EINVAL: nfsstat3.NFS3ERR_INVAL,
    # A symlink where none was a moment ago.
    errno.ELOOP: nfsstat3.NFS3ERR_INVAL,
    errno.EFBIG: nfsstat3.NFS3ERR_FBIG,
    errno.EOVERFLOW: nfsstat3.NFS3ERR_FBIG,
    errno.ENOSPC: nfsstat3.NFS3ERR_NOSPC,
    errno.EROFS: nfsstat3.NFS3ERR_ROFS,
    errno.EMLINK: nfsstat3.NFS3ERR_MLINK,
    errno.ENAMETOOLONG: nfsstat3.NFS3ERR_NAMETOOLONG,
    errno.ENOTEMPTY: nfsstat3.NFS3ERR_NOTEMPTY,
    errno.EDQUOT: nfsstat3.NFS3ERR_DQUOT,
    errno.ESTALE: nfsstat3.NFS3ERR_STALE,
    errno.EOPNOTSUPP: nfsstat3.NFS3ERR_NOTSUPP,
    # The host is out of something for now: the client waits, and comes again.
    errno.EAGAIN: nfsstat3.NFS3ERR_JUKEBOX,
    errno.EMFILE: nfsstat3.NFS3ERR_JUKEBOX,
    errno.ENFILE: nfsstat3.NFS3ERR_JUKEBOX,
    errno.ENOMEM: nfsstat3.NFS3ERR_JUKEBOX,
    errno.ETIMEDOUT: nfsstat3.NFS3ERR_JUKEBOX,
}


class Refused(PlugserveError):
    """A call fails, as RFC 1813 has it.

    Parameters:
        status: what the caller is told.
    """

    def __init__(self, status: nfsstat3) -> None:
        super().__init__(status.name)
        self.status = status


def status_of(error: Exception) -> nfsstat3:
    """The status for a `Refused` or an `OSError`."""
    if isinstance(error, Refused):
        return error.status
    number = error.errno if isinstance(error, OSError) else None
    return nfsstat3.NFS3ERR_IO if number is None else _STATUSES.get(number, nfsstat3.NFS3ERR_IO)
