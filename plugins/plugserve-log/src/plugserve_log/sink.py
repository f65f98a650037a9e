"""Where lines go: a file that may be rotated, standard error, or an object with `write`. None of them may hold up more
than the writer's thread, and a file or pipe not even that.

Rules:

1. A descriptor that others share is never made non-blocking: the flag belongs to the open file description, so it would
   hit the shell that started us, too (open(2), "Open file descriptions"). A pipe or terminal is opened anew through
   /proc where there is one, which makes a description of our own; elsewhere `poll` is asked first and at most PIPE_BUF
   bytes are written, which a pipe that is ready takes without waiting (pipe(7), "PIPE_BUF").
2. Lines are whole: what shares a pipe with us may write between two of ours, never into one that fits PIPE_BUF.
3. A descriptor is held as a duplicate of our own: number 2 may be closed and become somebody's socket.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from pathlib import Path
from typing import IO, Any, Final, Protocol

from plugserve.errors import ConfigurationError

__all__ = ["CHECK_INTERVAL", "FileSink", "ObjectSink", "Sink", "StreamSink", "open_sink"]

CHECK_INTERVAL: Final = 1.0
"""Seconds between two looks at whether the file still has its name."""

FILE_MODE: Final = 0o640
"""Logs tell who talks to whom: for the owner and a group that reads logs, not for everybody. The umask applies."""

_PIPE_BUF: Final = getattr(select, "PIPE_BUF", 512)
"""POSIX promises at least 512."""

_OPEN_FLAGS: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    # Ours alone, so this is no breach of rule 1. A FIFO without a reader then fails instead of waiting for one.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class Sink(Protocol):
    """What the writer needs of a place for lines; used by one thread at a time."""

    @property
    def terminal(self) -> bool:
        """Whether people read it as it is written."""

    @property
    def piece(self) -> int | None:
        """Bytes to write at once at the most; None for any number."""

    @property
    def descriptor(self) -> int | None:
        """What `poll` may tell about; None if `write` may just be called."""

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        """See whether the place has moved, and follow. Returns whether what is written next starts a new file.

        Parameters:
            now: `time.monotonic()`.
            reopen: whether to open it anew in any case.
        """

    def write(self, data: memoryview) -> int:
        """Write some of the data. Returns how many bytes.

        Errors: `BlockingIOError` if it would have to wait; any other `Exception` if it fails.
        """

    def close(self) -> None:
        """Give back what is ours."""


class FileSink:
    """A file by its name; one that is renamed or removed is opened anew under its name.

    Parameters:
        path: the file; made with mode 0640 if there is none, its directory is not made.

    Errors: `ConfigurationError` if it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Against a change of the working directory, which daemons like to make.
        self.path = os.path.abspath(path)
        self._checked = 0.0
        try:
            self._descriptor = self._open()
        except OSError as error:
            raise ConfigurationError(f"cannot write to {self.path}: {_remedy(error)}", option="path") from error
        self._look()

    def _open(self) -> int:
        return os.open(self.path, _OPEN_FLAGS | os.O_CREAT, FILE_MODE)

    def _look(self) -> None:
        status = os.fstat(self._descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self._regular = stat.S_ISREG(status.st_mode)
        self.terminal = os.isatty(self._descriptor)
        self.piece = None if self._regular else _PIPE_BUF
        self.descriptor: int | None = None if self._regular else self._descriptor

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        """Open the file anew if somebody else has its name now; looked at once a second. See `Sink.refresh`."""
        if not reopen:
            if now - self._checked < CHECK_INTERVAL:
                return False
            self._checked = now
            try:
                status = os.stat(self.path)
                if (status.st_dev, status.st_ino) == self._identity:
                    return False
            except OSError:
                pass  # Renamed or removed; or its directory cannot be reached, and then opening it tells.
        try:
            descriptor = self._open()
        except OSError:
            # Better the old file than none; asked again in a second.
            return False
        old, self._descriptor = self._descriptor, descriptor
        os.close(old)
        before = self._identity
        self._look()
        return self._identity != before

    def write(self, data: memoryview) -> int:
        """See `Sink.write`."""
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            if error.errno == errno.EPIPE:
                self._identity = (-1, -1)  # The reader of a FIFO has gone: the next look opens it for another.
            raise

    def close(self) -> None:
        """See `Sink.close`."""
        os.close(self._descriptor)


class StreamSink:
    """A descriptor that others may share, such as standard error.

    Parameters:
        descriptor: an open one; it stays its owner's.
    """

    def __init__(self, descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        self.terminal = os.isatty(descriptor)
        self._ready_first = False
        own = _own_description(descriptor) if stat.S_ISFIFO(mode) or self.terminal else None
        if own is None:
            own = os.dup(descriptor)
            self._ready_first = not stat.S_ISREG(mode) and hasattr(select, "poll")
        self._descriptor = own
        self.piece = None if stat.S_ISREG(mode) else _PIPE_BUF
        self.descriptor = None if stat.S_ISREG(mode) else own

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        """Nothing to follow: what has no name has no other."""
        return False

    def write(self, data: memoryview) -> int:
        """See `Sink.write`."""
        if self._ready_first:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            if not poll.poll(0):
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            data = data[:_PIPE_BUF]
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """See `Sink.close`."""
        os.close(self._descriptor)


class ObjectSink:
    """An object with `write`, given in code. If it waits, it holds up the log, and stopping, but no request.

    Parameters:
        stream: takes `str`, or `bytes` if it is a binary stream of `io`; `flush` is called if there is one.
    """

    piece: int | None = None
    descriptor: int | None = None

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._binary = isinstance(stream, (io.RawIOBase, io.BufferedIOBase)) or "b" in str(getattr(stream, "mode", ""))
        isatty = getattr(stream, "isatty", None)
        self.terminal = bool(isatty()) if callable(isatty) else False

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        """Nothing to follow."""
        return False

    def write(self, data: memoryview) -> int:
        """See `Sink.write`."""
        whole = bytes(data)
        try:
            taken = self._stream.write(whole if self._binary else whole.decode())
            flush = getattr(self._stream, "flush", None)
            if callable(flush):
                flush()
        except BlockingIOError as error:
            # As io.BufferedWriter raises it; the attribute is there only if somebody has set it.
            some = getattr(error, "characters_written", 0)
            if some:
                return int(some)
            raise
        if isinstance(self._stream, io.RawIOBase) and taken is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        # A raw stream may take less (io.RawIOBase.write); a text stream counts in characters and takes all.
        return taken if self._binary and isinstance(taken, int) else len(whole)

    def close(self) -> None:
        """The object stays its owner's."""


def open_sink(path: str | Path | None, stream: IO[Any] | None) -> Sink:
    """Open the place that the options name: a path, an object, or standard error.

    Errors: `ConfigurationError` if there is no such place.
    """
    if path is not None:
        return FileSink(path)
    given = sys.stderr if stream is None else stream
    if given is None:
        # Started with 2>&-: number 2 may be a listening socket by now.
        raise ConfigurationError("standard error is closed, so nobody would see the log: give the option path")
    if getattr(given, "closed", False):
        raise ConfigurationError(f"{_name(given)} is closed: give the option path, or an open stream", option="stream")
    descriptor = _descriptor_of(given)
    if descriptor is None:
        return ObjectSink(given)
    try:
        given.flush()  # What was written before us comes before us.
        return StreamSink(descriptor)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {_name(given)}: {_remedy(error)}", option="stream") from error


def _descriptor_of(stream: Any) -> int | None:
    """The descriptor that bytes written to a stream end up in as they are, if there is one.

    `fileno()` does not tell: that of a compressed file is where the compressed bytes go.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream = stream.buffer
    if isinstance(stream, (io.BufferedWriter, io.BufferedRandom)):
        stream = stream.raw
    if not isinstance(stream, io.FileIO):
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


def _own_description(descriptor: int) -> int | None:
    """Open the same pipe or terminal once more, non-blocking; None where that cannot be done."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", _OPEN_FLAGS)
    except OSError:
        return None


def _name(stream: Any) -> str:
    return "standard error" if stream is sys.stderr else f"the stream {getattr(stream, 'name', None) or stream!r}"


def _remedy(error: OSError) -> str:
    said = os.strerror(error.errno) if error.errno is not None else str(error)
    remedies = {
        errno.ENOENT: "make its directory first",
        errno.EACCES: "let the server's user write there, or choose another path",
        errno.EISDIR: "it is a directory; name a file in it",
        errno.ENXIO: "it is a FIFO that nobody reads, or a socket; start the reader first",
    }
    return f"{said}: {remedies.get(error.errno or 0, 'choose another path')}"
