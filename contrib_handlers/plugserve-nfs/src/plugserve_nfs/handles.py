"""File handles: what is in them, and that nobody else can make one.

A handle says which object it is: its file system, its number there (`ino`), and when it was made, so that another one
that gets the number later is not taken for it. To find the object again after a restart it has a byte of the number of
each folder above, as they were when the handle was first given out: see docs/explanation/nfs-handles.md.

    version 1 byte | file system 4 | ino 8 | birth 8 | folders 0 to 27 | code 16

The code is BLAKE2b with the key of the server (RFC 7693).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Final, NamedTuple

__all__ = ["MOST_HINTS", "Handles", "Key", "hint"]

_HEAD: Final = struct.Struct(">BIQQ")
_VERSION: Final = 1
_CODE: Final = 16
MOST_HINTS: Final = 64 - _HEAD.size - _CODE
"""How many folders above an object its handle knows: NFS3_FHSIZE is 64."""


class Key(NamedTuple):
    """Which object it is.

    Attributes:
        system: the file system: 0 for that of the export itself, whose device may have another number after a start of
            the machine.
        ino: its number there.
        birth: nanoseconds, when it was made; modulo 2**64.
    """

    system: int
    ino: int
    birth: int


def hint(ino: int) -> int:
    """The byte by which a handle knows a folder above."""
    return (ino * 0x9E3779B97F4A7C15 >> 56) & 0xFF


class Handles:
    """Makes handles, and reads them.

    Parameters:
        secret: the server's key.
    """

    def __init__(self, secret: bytes) -> None:
        self._code = hashlib.blake2b(key=hashlib.blake2b(secret, person=b"plugserve-nfs").digest(), digest_size=_CODE)

    def make(self, key: Key, hints: bytes) -> bytes:
        """The handle of an object."""
        body = _HEAD.pack(_VERSION, *key) + hints[:MOST_HINTS]
        return body + self._sign(body)

    def read(self, handle: bytes) -> tuple[Key, bytes] | None:
        """The object and its folders; None for a handle that we have not made."""
        body = handle[:-_CODE]
        if not _HEAD.size <= len(body) <= _HEAD.size + MOST_HINTS:
            return None
        if not hmac.compare_digest(self._sign(body), handle[-_CODE:]):
            return None
        version, *key = _HEAD.unpack_from(body)
        return None if version != _VERSION else (Key(*key), body[_HEAD.size :])

    def number(self, what: bytes, size: int = 8) -> bytes:
        """Bytes that are always the same for the same thing, and tell nothing of it."""
        return self._sign(b"number" + what)[:size]

    def _sign(self, body: bytes) -> bytes:
        code = self._code.copy()
        code.update(body)
        return code.digest()
