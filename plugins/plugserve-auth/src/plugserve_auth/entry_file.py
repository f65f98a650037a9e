"""A text file of entries: read with care, read again when it changes, and replaced as a whole.

The format: one entry a line, its words parted by spaces: a name first, then `key=value` and plain words. What begins
with `#` is a comment; blank lines mean nothing.
"""

from __future__ import annotations

import logging
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from plugserve.errors import ConfigurationError

__all__ = ["BadEntry", "Entry", "EntryFile", "check_name", "edited", "parse_entries"]

LOGGER: Final = logging.getLogger("plugserve.auth")

MAX_BYTES: Final = 64 * 1024 * 1024
"""A larger file is refused: it holds more than a hundred thousand people, so something else got in its place."""

NAME_LIMIT: Final = 255
"""Characters of a name: what RFC 4616 has room for."""

T = TypeVar("T")


class BadEntry(ValueError):
    """A line cannot be understood; the text says why and never quotes what may be secret."""


class Entry(NamedTuple):
    """One line.

    Parameters:
        line: its number, counted from 1.
        name: its first word.
        values: `key=value`.
        words: those without `=`.
    """

    line: int
    name: str
    values: dict[str, str]
    words: frozenset[str]

    def listed(self, key: str) -> frozenset[str]:
        """The parts of a value between commas."""
        return frozenset(part for part in self.values.get(key, "").split(",") if part)


def check_name(name: str) -> str:
    """A name that can stand in a file. Errors: `BadEntry`."""
    if not name or len(name) > NAME_LIMIT:
        raise BadEntry(f"a name has 1 to {NAME_LIMIT} characters")
    if any(char.isspace() or not char.isprintable() for char in name) or name[0] in "#@*":
        raise BadEntry("a name has no spaces and no control characters, and begins with none of # @ *")
    return name


def parse_entries(text: str, *, keys: Sequence[str], words: Sequence[str]) -> Iterator[Entry]:
    """The entries of a file. Errors: `BadEntry`, with the number of the line.

    Parameters:
        text: the file's content.
        keys: what may stand before a `=`.
        words: what may stand alone.
    """
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            yield _parse(number, parts, keys, words)
        except BadEntry as error:
            raise BadEntry(f"line {number}: {error}") from None


def _parse(number: int, parts: list[str], keys: Sequence[str], words: Sequence[str]) -> Entry:
    values: dict[str, str] = {}
    plain: set[str] = set()
    for part in parts[1:]:
        key, sign, value = part.partition("=")
        if sign and key in keys:
            if key in values:
                raise BadEntry(f"{key}= stands there twice")
            values[key] = value
        elif part in words:
            plain.add(part)
        else:
            # Not quoted: it may be a password that somebody wrote there.
            raise BadEntry(
                f"a word that is neither one of {', '.join(f'{each}=' for each in keys)} nor {' or '.join(words)}"
            )
    return Entry(number, check_name(parts[0]), values, frozenset(plain))


class EntryFile(Generic[T]):
    """A file, and what was last read from it.

    Parameters:
        path: where it is; a relative one counts from the working directory of now.
        parse: makes of its text what is kept; raises `BadEntry`.
        private: whether others than its owner and group must not read it; change it may nobody but its owner.
        remedy: what to do if it is not there.
    """

    def __init__(self, path: str | Path, parse: Callable[[str], T], *, private: bool = True, remedy: str) -> None:
        self.path = Path(path).absolute()
        self._parse = parse
        self._private = private
        self._remedy = remedy
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._content: T | None = None

    def load(self) -> T:
        """Read it now. Errors: `ConfigurationError` that names the file, and the line if it is one's fault."""
        with self._lock:
            self._seen = self._look()
            self._content = self._read()
            return self._content

    def current(self) -> T:
        """What it says, read again if it has changed. A file that cannot be read or understood any more keeps what was
        read before, with one warning in the log for each change."""
        content = self._content
        if content is None:
            return self.load()
        if self._look() == self._seen:
            return content
        with self._lock:
            seen = self._look()
            if seen != self._seen or self._content is None:
                self._seen = seen
                try:
                    self._content = self._read()
                except ConfigurationError as error:
                    LOGGER.warning("%s; what was read before still holds", error)
            assert self._content is not None
            return self._content

    def _look(self) -> tuple[int, ...]:
        try:
            return _signature(os.stat(self.path))
        except (OSError, ValueError) as error:
            return (-1, getattr(error, "errno", None) or 0)

    def _read(self) -> T:
        name = ascii(str(self.path))[1:-1]
        try:
            # O_NONBLOCK: a FIFO in its place must not hold up anybody until somebody writes to it.
            with open(self.path, "rb", opener=_open_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ConfigurationError(f"{name} is not a regular file: give the path of one")
                mode = stat.S_IMODE(status.st_mode)
                if self._private and mode & 0o027:
                    raise ConfigurationError(
                        f"{name} has the mode {mode:04o}, so that others can read or change it: chmod 0600 it"
                    )
                if mode & 0o022:
                    raise ConfigurationError(
                        f"{name} has the mode {mode:04o}, so that others can change it: chmod go-w it"
                    )
                if status.st_size > MAX_BYTES:
                    raise ConfigurationError(f"{name} has more than {MAX_BYTES} bytes: check the path")
                content = file.read(MAX_BYTES)
            return self._parse(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ConfigurationError(f"{name} is not UTF-8 text: check the path") from None
        except (OSError, BadEntry) as error:
            if isinstance(error, BadEntry):
                raise ConfigurationError(f"{name}, {error}") from None
            remedy = self._remedy if isinstance(error, FileNotFoundError) else "let the server's user read it"
            raise ConfigurationError(f"cannot read {name}: {error.strerror or error}: {remedy}") from error


@contextmanager
def edited(path: Path) -> Iterator[list[str]]:
    """The lines of a file, to be changed in place; at the end it is replaced by them as a whole, with mode 0600
    (0640 if its group could read it before).

    Two programs that change the same file do so one after the other. If the block fails, nothing changes.
    """
    import fcntl

    # Through a link, so that the link itself stays.
    target = Path(os.path.realpath(path))
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            status: os.stat_result | None = target.stat()
            lines = target.read_text("utf-8-sig").splitlines()
        except FileNotFoundError:
            status, lines = None, []
        yield lines
        _replace(target, "".join(f"{line}\n" for line in lines), status)
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(path: Path, text: str, before: os.stat_result | None) -> None:
    # mkstemp makes it with mode 0600, under a name that nobody can have put there before.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode())
            if before is not None and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                # Whoever changes it for a server of another user must not take it away from that.
                os.fchown(descriptor, before.st_uid, before.st_gid)
            if before is not None:
                # A group that was let read it on purpose still may.
                os.fchmod(descriptor, 0o600 | (before.st_mode & 0o040))
            file.flush()
            os.fsync(descriptor)
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _signature(status: os.stat_result) -> tuple[int, ...]:
    # The change time cannot be set back, unlike the time of modification (stat(2)).
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
