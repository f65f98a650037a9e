"""From the path of a request to an open file below a root, and nowhere else.

Rules of this file:

1. The system is never given a path with more than one component: each is opened relative to the folder before
   (openat(2)) and with O_NOFOLLOW, so that nobody who renames things meanwhile can lead the walk out of the root.
2. A symlink is read, and the walk starts again from the root with what it says. One that leads out is not there.
3. Nothing but files and folders is opened: a FIFO or a device may do something when it is.

Where the system has no openat(2), the resolved path is compared with the root instead; that is safe as long as nobody
changes the tree meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from .conditions import Validators

__all__ = ["Entry", "Found", "Missing", "Opening"]

_DIR_FD: Final = {os.open, os.stat, os.readlink} <= os.supports_dir_fd and os.scandir in os.supports_fd
_LINKS: Final = 40
"""Symlinks followed for one path, as in path_resolution(7)."""

_ENTRIES: Final = 10_000
"""Entries of a folder that are listed: a page of about 2 MB."""

_OPEN: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_SETTLED: Final = 2.0
"""Seconds after which a change counts as over. Until then another one could get the same time from the file system, so
the entity tag is a weak one, as Apache does it (RFC 9110, section 8.8.1)."""

# To pass through a folder the right to search it is enough, and O_PATH does not ask for the right to read it.
_PASS: Final = _OPEN | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0)
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO})


class Missing(Exception):
    """There is nothing to be served at that path. The text is for tests; the client is told only that."""


class Entry(NamedTuple):
    """Something in a folder.

    Attributes:
        name: as the system gives it.
        folder: whether it leads to one.
        size: of a file, in bytes.
        modified: seconds since the epoch.
    """

    name: str
    folder: bool
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Found:
    """What `Opening.open` found: a file, an index, a folder to list, or a folder without its slash.

    Attributes:
        kind: `"file"`, `"folder"` or `"redirect"`.
        name: of the file that is sent.
        size: in bytes.
        modified: seconds since the epoch.
        modified_ns: the same in nanoseconds.
        inode: its number: another file of the same name is another state, whatever its time and size.
    """

    kind: str
    name: str = ""
    size: int = 0
    modified: int = 0
    modified_ns: int = 0
    inode: int = 0

    def validators(self, now: float) -> Validators:
        """Of a file.

        Parameters:
            now: the current time, in seconds since the epoch.
        """
        tag = f'"{self.modified_ns:x}-{self.size:x}-{self.inode:x}"'
        if now - self.modified < _SETTLED:
            tag = f"W/{tag}"
        # "An origin server [...] MUST NOT generate a Last-Modified date that is later than" Date (section 8.8.2.1).
        return Validators(tag, min(self.modified, int(now)))


class Opening:
    """One descriptor that may come to be open; `close()` closes it.

    An object, so that what a worker thread opens is closed even if nobody waits for its result any more.

    Parameters:
        root: the folder.
    """

    def __init__(self, root: str) -> None:
        self.root = os.fsencode(root)
        self._fd = -1

    def open(self, path: list[str], slash: bool, index: Sequence[str]) -> Found:
        """Open what is at a path below the root.

        Parameters:
            path: from `target.path_names`.
            slash: whether the path ends with a slash, as that of a folder does.
            index: names of files that stand for a folder; the first that is there does.

        Errors: `Missing`; `OSError` for what is wrong with the host, permissions included.
        """
        names = [os.fsencode(name) for name in path]
        found = self._open(names)
        if not stat.S_ISDIR(found.st_mode):
            if slash:
                raise Missing("a file has nothing below it")
            return _file(path[-1], found)
        if not slash:
            return Found("redirect")
        for name in index:
            try:
                found = self._open([*names, os.fsencode(name)])
            except Missing:
                continue
            if stat.S_ISREG(found.st_mode):
                return _file(name, found)
        if index:
            found = self._open(names)
        return Found("folder", modified=int(found.st_mtime), modified_ns=found.st_mtime_ns)

    def read(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes of the file from `offset`.

        Errors: `OSError`.
        """
        if hasattr(os, "pread"):
            return os.pread(self._fd, count, offset)
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, count)

    def entries(self, path: list[str], *, hidden: bool) -> tuple[list[Entry], int]:
        """What is in the folder, as far as it would be served.

        Returns: them, folders first, then by name; and how many were left out because there are too many.
        """
        names = [os.fsencode(name) for name in path]
        found = []
        where = self._fd if _DIR_FD else os.path.join(self.root, *names)
        with os.scandir(where) as entries:
            for entry in entries:
                name = os.fsdecode(entry.name)
                if (name.startswith(".") and not hidden) or "\\" in name:
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISLNK(status.st_mode):
                        with Opening(os.fsdecode(self.root)) as target:
                            status = target._open([*names, os.fsencode(name)])
                except (OSError, Missing):
                    continue
                folder = stat.S_ISDIR(status.st_mode)
                if folder or stat.S_ISREG(status.st_mode):
                    found.append(Entry(name, folder, status.st_size, status.st_mtime))
        found.sort(key=lambda entry: (not entry.folder, entry.name.casefold(), entry.name))
        return found[:_ENTRIES], max(0, len(found) - _ENTRIES)

    def close(self) -> None:
        """Close what is open."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    # -- the walk ------------------------------------------------------------------------------------------------------

    def _open(self, names: list[bytes]) -> os.stat_result:
        """Open the file or folder, and keep its descriptor."""
        self.close()
        try:
            return self._walk(names) if _DIR_FD else self._resolve(names)
        except OSError as error:
            if error.errno in _ABSENT:
                raise Missing(str(error)) from None
            raise

    def _walk(self, names: list[bytes]) -> os.stat_result:
        names = list(names)
        for _ in range(_LINKS + 1):
            target = self._attempt(names)
            if not isinstance(target, list):
                return target
            names = target
        raise Missing("too many symlinks")

    def _attempt(self, names: list[bytes]) -> os.stat_result | list[bytes]:
        """Walk from the root. Returns the status of what was opened, or the path to try because of a symlink."""
        # The root itself may be a symlink: that is its owner's word.
        folder = os.open(self.root, (_PASS if names else _OPEN | os.O_DIRECTORY) & ~getattr(os, "O_NOFOLLOW", 0))
        try:
            for index, name in enumerate(names):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    text = os.readlink(name, dir_fd=folder)
                    return self._redirected(names[:index], text, names[index + 1 :])
                last = index == len(names) - 1
                if not stat.S_ISDIR(status.st_mode) and not (last and stat.S_ISREG(status.st_mode)):
                    raise Missing("neither a file nor a folder")
                opened = os.open(name, _OPEN if last else _PASS, dir_fd=folder)
                os.close(folder)
                folder = opened
            # Once more, of what is really open: it may have been exchanged since.
            status = os.fstat(folder)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                raise Missing("neither a file nor a folder")
            self._fd, folder = folder, -1
            return status
        finally:
            if folder >= 0:
                os.close(folder)

    def _redirected(self, before: list[bytes], text: bytes, after: list[bytes]) -> list[bytes]:
        """The path below the root that a symlink leads to. Folders in `before` are none themselves, so `..` may be
        taken off them by name."""
        if text.startswith(b"/"):
            real = os.path.realpath(self.root)
            base = real.rstrip(b"/") + b"/"
            for root in (base, os.path.abspath(self.root).rstrip(b"/") + b"/"):
                if (text + b"/").startswith(root):
                    before, text = [], text[len(root) :]
                    break
            else:
                raise Missing("a symlink that leaves the root")
        names = list(before)
        rest = [piece for piece in text.split(b"/") if piece not in (b"", b".")] + after
        while rest and rest[0] == b"..":
            if not names:
                raise Missing("a symlink that leaves the root")
            names.pop()
            rest.pop(0)
        if b".." in rest:
            # `..` behind a name that may be a symlink itself: let the system say what that is, and begin anew there.
            real = os.path.realpath(self.root)
            resolved = os.path.realpath(os.path.join(real, *names, *rest))
            base = real.rstrip(b"/") + b"/"
            if not (resolved + b"/").startswith(base):
                raise Missing("a symlink that leaves the root")
            return [piece for piece in resolved[len(base) :].split(b"/") if piece]
        return names + rest

    def _resolve(self, names: list[bytes]) -> os.stat_result:
        """The fallback without openat(2)."""
        real = os.path.realpath(self.root)
        path = os.path.realpath(os.path.join(real, *names))
        if path != real and os.path.commonpath([real, path]) != real:
            raise Missing("a path that leaves the root")
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return status
        if not stat.S_ISREG(status.st_mode):
            raise Missing("neither a file nor a folder")
        self._fd = os.open(path, _OPEN)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise Missing("neither a file nor a folder")
        return status


def _file(name: str, status: os.stat_result) -> Found:
    changed = status.st_mtime_ns
    return Found("file", name, status.st_size, changed // 1_000_000_000, changed, status.st_ino)
