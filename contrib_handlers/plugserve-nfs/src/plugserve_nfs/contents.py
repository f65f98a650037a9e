"""What is in a file: opened by its owner whatever its mode, and brought to the disk."""

from __future__ import annotations

import os
import stat

from .tree import Place

__all__ = ["drop_privileges", "open_contents"]


def open_contents(place: Place, flags: int) -> int:
    """Open a regular file whose contents the caller may have.

    The kernel refuses a server that is no root where the mode has nothing for its owner, as it does after CREATE with
    mode 0444; then the mode is other for a moment, for the owner alone, who could do that himself.

    Returns: a descriptor. Raises: `OSError`.
    """
    flags |= os.O_CLOEXEC | os.O_NOCTTY
    try:
        return os.open(place.path, flags)
    except PermissionError:
        facts = place.now()
        if facts.uid != os.geteuid() or facts.mode & 0o600 == 0o600:
            raise
        os.chmod(place.path, stat.S_IMODE(facts.mode) | 0o600)
        try:
            return os.open(place.path, flags)
        finally:
            os.chmod(place.path, stat.S_IMODE(facts.mode))


def drop_privileges(place: Place) -> None:
    """Before somebody changes a program: it is no longer one that runs as its owner. The kernel does so, unless it is
    root who writes, as for it the server is. Raises: `OSError`."""
    mode = place.facts.mode
    if mode & stat.S_ISUID or mode & (stat.S_ISGID | stat.S_IXGRP) == stat.S_ISGID | stat.S_IXGRP:
        os.chmod(place.path, stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))
