"""The entries of a folder, as many as fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from plugserve_sunrpc.protocols.nfs3 import nfsstat3

from .facts import Entry, read_entries
from .failures import Refused
from .tree import Place

__all__ = ["FIXED", "PLAIN", "fill"]

T = TypeVar("T")

FIXED: Final = 4 + 84 + 8 + 4 + 4
"""Bytes of a successful reply beside its entries: the folder's attributes, the verifier, the end."""
PLAIN: Final = 4 + 8 + 4 + 8
"""Bytes of an entry beside its name and what READDIRPLUS adds."""


def fill(
    folder: Place,
    cookie: int,
    most: int,
    chunk: int,
    make: Callable[[Entry], tuple[T, int]],
) -> tuple[tuple[T, ...], bool]:
    """Entries behind a cookie.

    Parameters:
        most: bytes that they may take.
        chunk: bytes to read from the folder at once.
        make: makes one, and tells its bytes.
    Returns: them, and whether they are the last.
    Raises: `Refused` for a cookie that leads nowhere, and if not even one fits; `OSError`.
    """
    made: list[T] = []
    left = most
    for entry in _entries(folder, cookie, chunk):
        one, size = make(entry)
        if size > left:
            if not made:
                raise Refused(nfsstat3.NFS3ERR_TOOSMALL)
            return tuple(made), False
        left -= size
        made.append(one)
    return tuple(made), True


def _entries(folder: Place, cookie: int, chunk: int) -> Iterator[Entry]:
    # Cookies are the kernel's own places in the folder: good for any process, after a restart, and, with the file
    # systems that people have, also after entries have come and gone.
    if cookie >= 1 << 63:
        raise Refused(nfsstat3.NFS3ERR_BAD_COOKIE)
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if cookie:
            try:
                os.lseek(descriptor, cookie, os.SEEK_SET)
            except OSError:
                raise Refused(nfsstat3.NFS3ERR_BAD_COOKIE) from None
        while entries := read_entries(descriptor, chunk):
            yield from entries
    finally:
        os.close(descriptor)
