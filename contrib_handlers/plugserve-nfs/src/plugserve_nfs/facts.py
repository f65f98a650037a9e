"""What the kernel knows of a file, and of a folder's entries: statx(2) and getdents64(2), which Python does not have.

statx tells when a file was made. By that, one is known from another that has got its number (`ino`) after it.
getdents64 tells a place in a folder that is good also when the folder changes, and after a restart.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

__all__ = ["Entry", "Facts", "facts_at", "facts_of", "missing_here", "read_entries"]

_AT_SYMLINK_NOFOLLOW: Final = 0x100
_AT_NO_AUTOMOUNT: Final = 0x800
_AT_EMPTY_PATH: Final = 0x1000
_OF_ENTRY: Final = _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT
_OF_ITSELF: Final = _OF_ENTRY | _AT_EMPTY_PATH
_BASIC_AND_BIRTH: Final = 0x7FF | 0x800
_BIRTH: Final = 0x800

# struct statx: linux/stat.h. Times are seconds, nanoseconds and padding.
_STATX: Final = struct.Struct("=I4x8xIIIHxxQQQ8xqIxxxxqIxxxxqIxxxxqIxxxxIIII")
_STATX_SIZE: Final = 256
# struct linux_dirent64: getdents(2).
_DIRENT: Final = struct.Struct("=QqHB")


def _libc(name: str, *arguments: Any) -> Callable[..., int] | None:
    try:
        found: Any = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (AttributeError, OSError, TypeError):
        return None
    found.argtypes = arguments
    found.restype = ctypes.c_ssize_t if name == "getdents64" else ctypes.c_int
    return found  # type: ignore[no-any-return]  # ctypes does not say


_statx: Final = _libc("statx", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
_getdents64: Final = _libc("getdents64", ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)


def missing_here() -> str:
    """What this system lacks for a server of files; empty if nothing."""
    if not hasattr(os, "O_PATH"):
        return "O_PATH (Linux)"
    if _statx is None or _getdents64 is None:
        return f"{'statx' if _statx is None else 'getdents64'}(2) in the C library (glibc 2.30, musl 1.2.4)"
    if not os.path.exists("/proc/self/fd/0") and not os.path.isdir("/proc/self/fd"):
        return "/proc"
    return ""


class _Here(threading.local):
    """A buffer for each thread."""

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(_STATX_SIZE)


_here: Final = _Here()


class Facts(NamedTuple):
    """What statx(2) says.

    Attributes:
        mode: with the type.
        blocks: of 512 bytes.
        device: of the file system: major and minor.
        special: of a device file: major and minor.
        atime, mtime, ctime: seconds and nanoseconds.
        birth: nanoseconds, when it was made; 0 where the file system does not know.
    """

    mode: int
    nlink: int
    uid: int
    gid: int
    size: int
    blocks: int
    ino: int
    device: tuple[int, int]
    special: tuple[int, int]
    atime: tuple[int, int]
    mtime: tuple[int, int]
    ctime: tuple[int, int]
    birth: int


def facts_at(folder: int, name: bytes) -> Facts:
    """Of an entry of a folder; a symlink is not followed.

    Parameters:
        folder: a descriptor of the folder.
        name: one name, or nothing for what the descriptor is of.
    Raises: `OSError`.
    """
    buffer = _here.buffer
    if _statx is None or _statx(folder, name, _OF_ENTRY if name else _OF_ITSELF, _BASIC_AND_BIRTH, buffer):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    said = _STATX.unpack_from(buffer)
    mask, nlink, uid, gid, mode, ino, size, blocks = said[:8]
    birth = said[10] * 1_000_000_000 + said[11] if mask & _BIRTH else 0
    device, special = said[18:], said[16:18]
    return Facts(mode, nlink, uid, gid, size, blocks, ino, device, special, said[8:10], said[14:16], said[12:14], birth)


def facts_of(descriptor: int) -> Facts:
    """Of what a descriptor is of. Raises: `OSError`."""
    return facts_at(descriptor, b"")


class Entry(NamedTuple):
    """An entry of a folder.

    Attributes:
        name: `.` and `..` are entries, too.
        ino: as the folder has it; where something is mounted, that is not what is there.
        kind: as `DT_DIR` (4) and others; 0: the file system does not say.
        cookie: where the next entry is.
    """

    name: bytes
    ino: int
    kind: int
    cookie: int


def read_entries(folder: int, size: int) -> list[Entry]:
    """The next entries of a folder; none at its end.

    Parameters:
        folder: a descriptor that was opened to read.
        size: bytes to read, about 32 an entry.
    Raises: `OSError`.
    """
    buffer = ctypes.create_string_buffer(size)
    read = -1 if _getdents64 is None else _getdents64(folder, buffer, size)
    if read < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    raw = buffer.raw
    found = []
    at = 0
    while at < read:
        ino, cookie, length, kind = _DIRENT.unpack_from(raw, at)
        start = at + _DIRENT.size
        found.append(Entry(raw[start : raw.index(b"\0", start)], ino, kind, cookie))
        at += length
    return found
