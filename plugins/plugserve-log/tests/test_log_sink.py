"""Where the lines go: files that are rotated, pipes and terminals that others share, objects."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError
from plugserve_log import sink as sinks
from plugserve_log.sink import FileSink, ObjectSink, StreamSink, open_sink

posix = pytest.mark.skipif(os.name != "posix", reason="needs descriptors as POSIX has them")


def write(sink: Any, text: bytes) -> int:
    """Write once."""
    return int(sink.write(memoryview(text)))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass  # the test has closed it


@posix
def test_a_new_file_is_for_owner_and_group_and_not_inherited(tmp_path: Path) -> None:
    """The file is made with mode 0640 less the umask, and programs that are started do not get its descriptor."""
    before = os.umask(0)
    try:
        sink = FileSink(tmp_path / "log")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o640
    assert not os.get_inheritable(sink._descriptor)
    sink.close()


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    """What was in the file stays, and what others write to it meanwhile is not overwritten."""
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    sink = FileSink(path)
    write(sink, b"one\n")
    with path.open("ab") as other:
        other.write(b"theirs\n")
    write(sink, b"two\n")
    sink.close()
    assert path.read_bytes() == b"old\none\ntheirs\ntwo\n"


@pytest.mark.parametrize(
    "path,words",
    [("missing/log", "make its directory first"), (".", "it is a directory"), ("file/log", "choose another path")],
)
def test_a_path_that_cannot_be_written_refuses_to_start(tmp_path: Path, path: str, words: str) -> None:
    """The refusal names the path and says what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=words) as refusal:
        FileSink(tmp_path / path)
    assert str(tmp_path) in str(refusal.value)


@posix
def test_a_fifo_that_nobody_reads_refuses_to_start_instead_of_waiting(tmp_path: Path) -> None:
    """Opening a FIFO waits for its reader; the server does not."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ConfigurationError, match="start the reader first"):
        FileSink(tmp_path / "fifo")


@posix
def test_a_fifo_that_has_lost_its_reader_is_opened_for_the_next(tmp_path: Path) -> None:
    """A reader of a FIFO may end and be started again."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = FileSink(path)
    assert sink.piece == sinks._PIPE_BUF
    write(sink, b"one\n")
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write(sink, b"lost\n")
    assert not sink.refresh(10.0)  # nobody reads it yet
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert sink.refresh(20.0)
    write(sink, b"two\n")
    assert os.read(reader, 100) == b"two\n"
    os.close(reader)
    sink.close()


@posix
def test_a_file_that_was_renamed_is_followed_by_a_new_one(tmp_path: Path) -> None:
    """After a rotation lines go to a new file under the old name; looked at once a second."""
    path = tmp_path / "log"
    sink = FileSink(path)
    assert not sink.refresh(100.0)
    write(sink, b"one\n")
    path.rename(tmp_path / "log.1")
    assert not sink.refresh(100.5)
    write(sink, b"two\n")
    assert sink.refresh(101.0)
    write(sink, b"three\n")
    sink.close()
    assert (tmp_path / "log.1").read_bytes() == b"one\ntwo\n"
    assert path.read_bytes() == b"three\n"


@posix
def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    """A file that was removed does not swallow the rest of the log."""
    path = tmp_path / "log"
    sink = FileSink(path)
    path.unlink()
    assert sink.refresh(100.0)
    write(sink, b"one\n")
    sink.close()
    assert path.read_bytes() == b"one\n"


@posix
def test_without_its_directory_the_old_file_is_kept(tmp_path: Path) -> None:
    """Where no new file can be made the open one goes on taking lines, and is asked for again later."""
    path = tmp_path / "logs" / "log"
    path.parent.mkdir()
    sink = FileSink(path)
    path.rename(tmp_path / "kept")
    path.parent.rmdir()
    assert not sink.refresh(100.0)
    write(sink, b"one\n")
    path.parent.mkdir()
    assert sink.refresh(101.0)
    write(sink, b"two\n")
    sink.close()
    assert (tmp_path / "kept").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"


def test_reopening_takes_effect_at_once(tmp_path: Path) -> None:
    """A reopening that was asked for does not wait for the next look, and an unchanged file is no new one."""
    sink = FileSink(tmp_path / "log")
    assert not sink.refresh(0.0, reopen=True)
    sink.close()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that changes its directory does not move its log."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    sink = FileSink("log")
    monkeypatch.chdir(tmp_path / "elsewhere")
    sink.refresh(100.0, reopen=True)
    sink.close()
    assert not (tmp_path / "elsewhere" / "log").exists()


@posix
@pytest.mark.parametrize("opened_anew", [True, False])
def test_a_full_pipe_blocks_nobody_and_keeps_its_mode(
    pipe: tuple[int, int], opened_anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing to a full pipe is refused, not waited for, and whoever shares it finds it as blocking as before."""
    if not opened_anew:
        monkeypatch.setattr(sinks, "_own_description", lambda descriptor: None)
    reader, writer = pipe
    sink = StreamSink(writer)
    line = b"x" * 99 + b"\n"
    written = 0
    with pytest.raises(BlockingIOError):
        while True:
            written += write(sink, line)
    assert written >= 4096
    assert os.get_blocking(writer)
    os.read(reader, written)
    assert write(sink, line) == 100
    sink.close()
    os.write(writer, b"still open")


@posix
def test_a_pipe_without_reader_fails(pipe: tuple[int, int]) -> None:
    """A pipe whose reader has gone is a failure to try again after, and no signal that ends the process."""
    reader, writer = pipe
    sink = StreamSink(writer)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write(sink, b"x\n")
    sink.close()


@posix
def test_a_pipe_that_has_lost_its_reader_before_can_be_opened(pipe: tuple[int, int]) -> None:
    """Standard error may be a pipe that nobody reads any more; that is found out when something is written."""
    reader, writer = pipe
    os.close(reader)
    sink = StreamSink(writer)
    with pytest.raises(BrokenPipeError):
        write(sink, b"x\n")
    sink.close()


@posix
def test_a_terminal_is_one_and_not_made_non_blocking() -> None:
    """On a terminal people read, and the shell that shares it finds it as it was."""
    leader, terminal = os.openpty()
    sink = StreamSink(terminal)
    assert sink.terminal
    assert os.get_blocking(terminal)
    write(sink, b"hello\n")
    assert os.read(leader, 100) == b"hello\r\n"
    sink.close()
    os.close(terminal)
    os.close(leader)


@posix
def test_the_descriptor_is_our_own(tmp_path: Path) -> None:
    """Whoever closes standard error, and gets its number for something else, does not get the log in it."""
    stream = (tmp_path / "log").open("wb", buffering=0)
    sink = open_sink(None, stream)
    number = stream.fileno()
    stream.close()
    victim = os.open(tmp_path / "victim", os.O_WRONLY | os.O_CREAT)
    assert victim == number
    write(sink, b"line\n")
    sink.close()
    os.close(victim)
    assert (tmp_path / "victim").read_bytes() == b""
    assert (tmp_path / "log").read_bytes() == b"line\n"


def test_what_was_written_to_the_stream_before_comes_before(tmp_path: Path) -> None:
    """The buffer of an open file is emptied before the log goes past it."""
    with (tmp_path / "log").open("w") as stream:
        stream.write("before\n")
        sink = open_sink(None, stream)
        write(sink, b"line\n")
        sink.close()
    assert (tmp_path / "log").read_text() == "before\nline\n"


def test_a_compressed_file_is_written_through_its_own_method(tmp_path: Path) -> None:
    """A stream that changes what is written is not bypassed although it has a descriptor."""
    with gzip.open(tmp_path / "log.gz", "wb") as stream:
        sink = open_sink(None, stream)  # type: ignore[arg-type]  # is an IO[bytes] but does not say so
        assert isinstance(sink, ObjectSink)
        assert write(sink, b"line\n") == 5
    assert gzip.decompress((tmp_path / "log.gz").read_bytes()) == b"line\n"


class Raw(io.RawIOBase):
    """A raw stream that takes three bytes, and then none until asked again."""

    def __init__(self) -> None:
        self.results: list[int | None] = [3, None, 2]

    def write(self, data: Any) -> int | None:  # type: ignore[override]  # as io.RawIOBase documents it
        return self.results.pop(0)


def test_a_raw_stream_may_take_a_part_or_nothing() -> None:
    """A short write is told as such, and None, as `io.RawIOBase` has it, as having to wait."""
    sink = ObjectSink(Raw())
    assert write(sink, b"line\n") == 3
    with pytest.raises(BlockingIOError):
        write(sink, b"e\n")
    assert write(sink, b"e\n") == 2


class Picky:
    """An object whose `write` raises what it was given."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def write(self, _: str) -> None:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("I/O operation on closed file"), TypeError("x"), OSError(errno.EIO, "x")])
def test_an_object_that_raises_has_failed(error: Exception) -> None:
    """What `write` raises is what the writer gets, and nothing counts as written."""
    with pytest.raises(type(error)) as caught:
        write(ObjectSink(Picky(error)), b"x\n")
    assert caught.value is error


def test_a_buffered_stream_that_blocks_tells_what_it_took() -> None:
    """`BlockingIOError` of a buffered stream says how much it has taken; that is not written twice."""
    assert write(ObjectSink(Picky(BlockingIOError(errno.EAGAIN, "x", 4))), b"line\n") == 4
    for nothing in (BlockingIOError(errno.EAGAIN, "x", 0), BlockingIOError()):
        with pytest.raises(BlockingIOError):
            write(ObjectSink(Picky(nothing)), b"line\n")


def test_standard_error_that_pytest_replaced_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a descriptor behind it, standard error is written to by its method."""
    sink = open_sink(None, None)
    write(sink, b"line\n")
    assert capsys.readouterr().err == "line\n"


def test_a_closed_standard_error_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that nobody could see is refused: descriptor 2 may be a listening socket by then."""
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(ConfigurationError, match="standard error is closed"):
        open_sink(None, None)


def test_a_closed_stream_refuses_to_start() -> None:
    """A stream that is closed already is refused at start."""
    stream = io.StringIO()
    stream.close()
    with pytest.raises(ConfigurationError, match="is closed"):
        open_sink(None, stream)


@posix
def test_a_program_started_without_standard_error_refuses() -> None:
    """Started with `2>&-` the log is refused, and nothing is written into what got the number 2."""
    program = "import plugserve_log.sink as s\ntry: s.open_sink(None, None)\nexcept Exception as e: print(e)"
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert done.stdout.startswith("standard error is closed")
