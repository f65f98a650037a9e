"""Who may do what: by the mode of an object, or its access control list (POSIX 1003.1e, acl(5)).

The server decides, and not the kernel: it may run as root, or as a user who is not the caller. Where it is no root the
kernel has its say as well.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from typing import Any, Final

from .facts import Facts

__all__ = ["EXECUTE", "READ", "WRITE", "Caller", "may"]

READ: Final = 4
WRITE: Final = 2
EXECUTE: Final = 1

_ACL: Final = "system.posix_acl_access"
_ACL_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ: Final = 0x01
_USER: Final = 0x02
_GROUP_OBJ: Final = 0x04
_GROUP: Final = 0x08
_MASK: Final = 0x10
_OTHER: Final = 0x20


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, after squashing.

    Attributes:
        uid, gid: as whom he makes files.
        groups: all that he is in.
        anonymous: whether he has no number of his own.
    """

    uid: int
    gid: int
    groups: frozenset[int]
    anonymous: bool

    @property
    def is_root(self) -> bool:
        """Whether he may do everything: with `squash = "none"` only. Nobody becomes root by being anonymous, even
        where the anonymous user is 0."""
        return self.uid == 0 and not self.anonymous

    @classmethod
    def of(cls, identity: Any, anonymous_uid: int, anonymous_gid: int) -> Caller:
        """From the identity that the flavour of authentication has found; nobody's is anonymous."""
        claims = {} if identity is None else identity.claims
        if not isinstance(claims.get("uid"), int) or not isinstance(claims.get("gid"), int):
            return cls(anonymous_uid, anonymous_gid, frozenset((anonymous_gid,)), True)
        uid, gid = claims["uid"], claims["gid"]
        return cls(uid, gid, frozenset((gid, *claims.get("gids", ()))), uid == anonymous_uid)


def may(caller: Caller, wanted: int, facts: Facts, descriptor: int) -> bool:
    """Whether somebody may.

    Parameters:
        caller: who.
        wanted: `READ`, `WRITE`, `EXECUTE`, or several of them. Of a folder `EXECUTE` is to search it.
        facts: of the object.
        descriptor: of the object, to look for an access control list.
    """
    mode = facts.mode
    if caller.is_root:
        return not wanted & EXECUTE or stat.S_ISDIR(mode) or bool(mode & 0o111)
    if caller.uid == facts.uid:
        return mode >> 6 & wanted == wanted
    acl = None if stat.S_ISLNK(mode) else _read_acl(descriptor)
    if acl is not None:
        return _acl_allows(acl, caller, wanted, facts.gid)
    return (mode >> 3 if facts.gid in caller.groups else mode) & wanted == wanted


def _read_acl(descriptor: int) -> list[tuple[int, int, int]] | None:
    try:
        raw = os.getxattr(f"/proc/self/fd/{descriptor}", _ACL)
    except OSError:
        # There is none, or the file system has none at all.
        return None
    return list(_ACL_ENTRY.iter_unpack(raw[4 : len(raw) - (len(raw) - 4) % _ACL_ENTRY.size]))


def _acl_allows(acl: list[tuple[int, int, int]], caller: Caller, wanted: int, owning_group: int) -> bool:
    """The check of acl(5), "ACCESS CHECK ALGORITHM", for who is not the owner."""
    mask, other = 7, 0
    groups: list[int] = []
    named = None
    for tag, allowed, number in acl:
        if tag == _USER and number == caller.uid:
            named = allowed
        elif (tag == _GROUP_OBJ and owning_group in caller.groups) or (tag == _GROUP and number in caller.groups):
            groups.append(allowed)
        elif tag == _MASK:
            mask = allowed
        elif tag == _OTHER:
            other = allowed
    if named is not None:
        return named & mask & wanted == wanted
    if groups:
        return any(allowed & mask & wanted == wanted for allowed in groups)
    return other & wanted == wanted
