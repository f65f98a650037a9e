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

import base64
import errno
import hashlib
import html
import os
import stat
import time
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote_from_bytes

from .conditions import Validators

__all__ = ["LISTING_POLICY", "Found", "Missing", "Opening", "href", "listing_page"]

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
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO})


class Missing(Exception):
    """There is nothing to be served at that path. The text is for tests; the client is told only that."""


@dataclass(frozen=True, slots=True)
class Found:
    """What `Opening.open` found: a file, an index, a folder to list, or a folder without its slash.

    Attributes:
        kind: `"file"`, `"folder"` or `"redirect"`.
        name: of the file that is sent.
        size: in bytes.
        modified: seconds since the epoch.
        modified_ns: the same in nanoseconds.
    """

    kind: str
    name: str = ""
    size: int = 0
    modified: int = 0
    modified_ns: int = 0

    @property
    def validators(self) -> Validators:
        """Of a file: they change with its time or its size."""
        return Validators(f'"{self.modified_ns:x}-{self.size:x}"', self.modified)


def href(names: list[str]) -> str:
    """The path of a folder, percent-encoded; never begins with two slashes, which would be another host."""
    return "/" + "".join(quote_from_bytes(os.fsencode(name), safe="") + "/" for name in names)


class Opening:
    """One descriptor that may come to be open; `close()` closes it.

    An object, so that what a worker thread opens is closed even if nobody waits for its result any more.

    Parameters:
        root: the folder.
    """

    def __init__(self, root: str) -> None:
        self.root = os.fsencode(root)
        self._fd = -1

    def open(self, path: list[str], slash: bool, index: str) -> Found:
        """Open what is at a path below the root.

        Parameters:
            path: from `target.path_names`.
            slash: whether the path ends with a slash, as that of a folder does.
            index: name of the file that stands for a folder; `""`: none.

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
        if index:
            try:
                entry = self._open([*names, os.fsencode(index)])
            except Missing:
                found = self._open(names)
            else:
                if stat.S_ISREG(entry.st_mode):
                    return _file(index, entry)
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

    def entries(self, path: list[str], *, hidden: bool) -> tuple[list[tuple[str, bool, int, float]], int]:
        """What is in the folder, as far as it would be served.

        Returns: name, whether it is a folder, size in bytes and time of change of each, folders first; and how many
        were left out because there are too many.
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
                    found.append((name, folder, status.st_size, status.st_mtime))
        found.sort(key=lambda entry: (not entry[1], entry[0].casefold(), entry[0]))
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
        folder = os.open(self.root, _OPEN & ~getattr(os, "O_NOFOLLOW", 0) | os.O_DIRECTORY)
        try:
            for index, name in enumerate(names):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    text = os.readlink(name, dir_fd=folder)
                    return self._redirected(names[:index], text, names[index + 1 :])
                last = index == len(names) - 1
                if not stat.S_ISDIR(status.st_mode) and not (last and stat.S_ISREG(status.st_mode)):
                    raise Missing("neither a file nor a folder")
                opened = os.open(name, _OPEN | (0 if last else os.O_DIRECTORY), dir_fd=folder)
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
    return Found("file", name, status.st_size, int(status.st_mtime_ns // 1_000_000_000), status.st_mtime_ns)


_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.25rem;overflow-wrap:anywhere}table{width:100%;border-collapse:collapse}"
    "td,th{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #8884}"
    "td:first-child{overflow-wrap:anywhere}td+td,th+th{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}a{text-decoration:none}a:hover{text-decoration:underline}"
)


LISTING_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the page: its own style and nothing else, should a name ever get through."""


def listing_page(path: list[str], entries: list[tuple[str, bool, int, float]], more: int) -> bytes:
    """The page of a folder, UTF-8.

    Parameters:
        path: the names in its path.
        entries: name, whether it is a folder, size and time of change of each.
        more: how many were left out.
    """
    shown = "/".join(["", *(_shown(name) for name in path), ""])
    rows = []
    if path:
        rows.append('<tr><td><a href="../">../</a></td><td></td><td></td></tr>')
    for name, folder, size, changed in entries:
        slash = "/" if folder else ""
        # "./", since a name may begin like a scheme ("a:b").
        link = "./" + quote_from_bytes(os.fsencode(name), safe="") + slash
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(changed))
        rows.append(
            f'<tr><td><a href="{link}">{_shown(name)}{slash}</a></td>'
            f"<td>{'' if folder else format(size, ',')}</td><td>{when}</td></tr>"
        )
    if more:
        rows.append(f"<tr><td>and {more} more</td><td></td><td></td></tr>")
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{shown}</title>\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n<h1>{shown}</h1>\n<table>\n"
        f"<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>\n" + "\n".join(rows) + "\n</table>\n"
        "</body>\n</html>\n"
    )
    return page.encode()


def _shown(name: str) -> str:
    """A file's name for people: whatever is no Unicode in it is replaced."""
    return html.escape(name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
