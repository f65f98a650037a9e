"""The queue and its thread: nobody waits for the sink, nothing is lost without being counted, all is in order."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugserve_log import journal as journals
from plugserve_log.journal import Journal
from plugserve_log.sink import FileSink, StreamSink

PATIENCE = 20.0
"""Seconds until a test that hangs fails."""

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and pipes as POSIX has them")


class FakeSink:
    """Keeps what it takes; a test decides what that is."""

    terminal = False
    piece: int | None = None
    descriptor: int | None = None

    def __init__(self) -> None:
        self.taken = b""
        self.closed = False
        self.failure: Exception | None = None
        self.most: int | None = None
        self.tried = threading.Event()
        self.new_file = False
        self.writes: list[int] = []

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        new, self.new_file = self.new_file, False
        if new:
            self.taken += b"<new file>"
        return new

    def write(self, data: memoryview) -> int:
        self.tried.set()
        if self.failure is not None:
            raise self.failure
        part = bytes(data if self.most is None else data[: self.most])
        self.taken += part
        self.writes.append(len(part))
        return len(part)

    def close(self) -> None:
        self.closed = True

    @property
    def lines(self) -> list[str]:
        return self.taken.decode().splitlines()


def render(item: Any) -> bytes:
    """The line of an item: its first word, and how many are missing."""
    return (f"{item[0]} {item[3]['lines']}" if item[0] == "dropped" else str(item[0])).encode() + b"\n"


def line(number: int) -> Any:
    """An item to put."""
    return (f"line{number}", "info", 0.0, {})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that failed is tried again at once: what is tested is that it is, not when."""
    monkeypatch.setattr(journals, "RETRY", 0.001)


@pytest.fixture
def sink() -> FakeSink:
    """A sink that takes everything, until the test says otherwise."""
    return FakeSink()


@pytest.fixture
def opened(sink: FakeSink) -> Iterator[Callable[..., Journal]]:
    """Makes a journal that is open, and closes it."""
    made: list[Journal] = []

    def make(queue_size: int = 1000, sink: Any = sink) -> Journal:
        journal = Journal(queue_size)
        journal.open(sink, render)
        made.append(journal)
        return journal

    yield make
    for journal in made:
        journal.close(0)


def test_lines_come_in_the_order_in_which_they_were_put(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Order is kept over many batches, and every line is written once."""
    journal = opened(queue_size=10_000)
    for number in range(5000):
        journal.put(line(number))
    assert journal.flush(PATIENCE)
    assert sink.lines == [f"line{number}" for number in range(5000)]
    assert (journal.written, journal.dropped) == (5000, 0)


def test_lines_of_many_threads_are_each_written_once(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Threads that log at once lose nothing, and each finds its own lines in its own order."""
    journal = opened(queue_size=100_000)

    def log(thread: int) -> None:
        for number in range(2000):
            journal.put(line(thread * 10_000 + number))

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.flush(PATIENCE)
    numbers = [int(text.removeprefix("line")) for text in sink.lines]
    for thread in range(8):
        own = [number for number in numbers if number // 10_000 == thread]
        assert own == [thread * 10_000 + number for number in range(2000)]
    assert len(numbers) == 16_000


def test_a_batch_is_one_write(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Lines that have gathered go to a file in one system call for a batch."""
    journal = opened()
    sink.failure = OSError(errno.ENOSPC, "full")
    for number in range(600):
        journal.put(line(number))
    sink.failure = None
    assert journal.flush(PATIENCE)
    assert len(sink.writes) <= 5


def test_a_piece_holds_whole_lines(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Where a sink takes only so much at once, as a pipe does, no line is cut but one that is longer by itself."""
    sink.piece = 20
    journal = opened()
    sink.failure = OSError(errno.ENOSPC, "full")
    for number in range(100, 200):
        journal.put(line(number))
    journal.put(("x" * 50, "info", 0.0, {}))
    journal.put(line(200))
    sink.failure = None
    assert journal.flush(PATIENCE)
    assert set(sink.writes) <= {8, 16, 51}
    assert len(sink.lines) == 102


def test_what_does_not_fit_is_counted_and_told_where_it_is_missing(
    opened: Callable[..., Journal], sink: FakeSink
) -> None:
    """A sink that takes nothing costs exactly the lines that find no room, and the log says so at that place."""
    journal = opened(queue_size=10)
    sink.failure = OSError(errno.ENOSPC, "no space left")
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)  # the writer has taken line 0 out of the queue, and cannot get rid of it
    for number in range(1, 31):
        journal.put(line(number))
    assert journal.dropped == 20
    sink.failure = None
    assert journal.flush(PATIENCE)
    journal.put(line(31))
    assert journal.flush(PATIENCE)
    assert sink.lines == [*(f"line{number}" for number in range(11)), "dropped 20", "line31"]


def test_each_place_where_lines_are_missing_is_told(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Two times of trouble make two lines that tell, each with its own number."""
    journal = opened(queue_size=2)
    for beginning in (0, 10):
        sink.failure = OSError(errno.ENOSPC, "no space left")
        sink.tried.clear()
        journal.put(line(beginning))
        assert sink.tried.wait(PATIENCE)
        for number in range(1, 6):
            journal.put(line(beginning + number))
        sink.failure = None
        assert journal.flush(PATIENCE)
    first = ["line0", "line1", "line2", "dropped 3"]
    assert sink.lines == [*first, "line10", "line11", "line12", "dropped 3"]
    assert (journal.dropped, journal.written) == (6, 6)


FAILURES = [OSError(number, "x") for number in (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EBADF, errno.EAGAIN)]


@pytest.mark.parametrize("failure", [*FAILURES, ValueError("closed"), RecursionError()])
def test_a_sink_that_fails_is_tried_again(failure: Exception, opened: Callable[..., Journal], sink: FakeSink) -> None:
    """Whatever goes wrong with the sink, the lines wait and are written when it works again."""
    journal = opened()
    sink.failure = failure
    for number in range(3):
        journal.put(line(number))
    assert not journal.flush(0.01)
    sink.failure = None
    assert journal.flush(PATIENCE)
    assert sink.lines == ["line0", "line1", "line2"]


def test_a_line_that_is_written_in_parts_is_whole_at_the_end(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """A sink that takes three bytes at a time gets every byte once."""
    sink.most = 3
    journal = opened()
    for number in range(50):
        journal.put(line(number))
    assert journal.flush(PATIENCE)
    assert sink.lines == [f"line{number}" for number in range(50)]
    assert journal.written == 50


class OneAndAHalf(FakeSink):
    """Takes one line and a half, and then fails until it is told that there is a new file."""

    def refresh(self, now: float, *, reopen: bool = False) -> bool:
        if reopen:
            self.failure, self.most = None, None
            self.taken += b"<new file>"
        return reopen

    def write(self, data: memoryview) -> int:
        taken = super().write(data)
        self.failure = OSError(errno.ENOSPC, "no space left") if self.most else None
        return taken


def test_a_new_file_does_not_begin_in_the_midst_of_a_line(opened: Callable[..., Journal]) -> None:
    """If the file is changed while a line is half written, the rest of that line is dropped and counted."""
    sink = OneAndAHalf()
    sink.failure = OSError(errno.ENOSPC, "no space left")
    journal = opened(sink=sink)
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)
    assert journal.stop(PATIENCE)  # until the test says so, nothing is tried
    journal._pieces.clear()
    for number in range(3):
        journal.put(line(number))
    journal._take(sink)  # the lines are one piece now
    sink.failure, sink.most = None, 9
    assert not journal.flush(0.05)
    journal.reopen()
    assert journal.flush(PATIENCE)
    assert sink.taken == b"line0\nlin<new file>line2\ndropped 1\n"
    assert (journal.written, journal.dropped) == (2, 1)


def test_the_writer_sleeps_and_is_woken(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """After a quiet time the next line is written without anybody asking."""
    journal = opened()
    for number in range(3):
        sink.tried.clear()
        journal.put(line(number))
        assert sink.tried.wait(PATIENCE)
        assert journal.flush(PATIENCE)
        assert _until(lambda: journal._asleep)
    assert sink.lines == ["line0", "line1", "line2"]


def test_lines_of_a_busy_time_need_one_wake_up(
    opened: Callable[..., Journal], sink: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While lines gather, putting one costs no system call."""
    monkeypatch.setattr(journals, "GATHER", PATIENCE)
    journal = opened()
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)
    assert _until(lambda: not journal._asleep and not journal._queue)
    wakes: list[None] = []
    monkeypatch.setattr(journal, "wake", lambda: wakes.append(None))
    for number in range(1, 100):
        journal.put(line(number))
    assert wakes == []
    monkeypatch.undo()
    assert journal.flush(PATIENCE)
    assert len(sink.lines) == 100


def test_an_urgent_line_does_not_wait_for_others(
    opened: Callable[..., Journal], sink: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line put with `put_now` is written at once, with those before it, however long lines would gather."""
    monkeypatch.setattr(journals, "GATHER", 1000.0)
    journal = opened()
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)
    journal.put(line(1))
    journal.put_now(line(2))
    assert _until(lambda: journal.written == 3)


def test_nothing_is_taken_before_opening_and_after_closing(sink: FakeSink) -> None:
    """A line that nobody will write is counted as dropped, and told if the log is opened again."""
    journal = Journal(10)
    journal.put(line(0))
    journal.open(sink, render)
    journal.put(line(1))
    journal.close(PATIENCE)
    assert sink.closed
    journal.put(line(2))
    assert (journal.dropped, journal.written) == (2, 1)
    journal.open(sink, render)
    journal.put(line(3))
    journal.close(PATIENCE)
    assert sink.lines == ["dropped 1", "line1", "dropped 1", "line3"]


def test_closing_gives_up_on_a_sink_that_takes_nothing(sink: FakeSink) -> None:
    """Closing takes no longer than it was given, and what could not be written is counted, half lines too."""
    journal = Journal(5)
    journal.open(sink, render)
    sink.failure = OSError(errno.ENOSPC, "no space left")
    for number in range(8):
        journal.put(line(number))
    journal.close(0.01)
    assert sink.closed
    assert journal.dropped == 8
    sink.failure = None
    journal.open(sink, render)
    journal.close(PATIENCE)
    assert sink.lines == ["dropped 8"]


def test_closing_twice_is_once(sink: FakeSink) -> None:
    """The second close finds nothing to do."""
    journal = Journal(5)
    journal.open(sink, render)
    journal.close(PATIENCE)
    journal.close(PATIENCE)
    assert sink.closed


class StuckSink(FakeSink):
    """Hangs in write until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def write(self, data: memoryview) -> int:
        self.tried.set()
        self.let_go.wait(PATIENCE)
        return super().write(data)


def test_a_write_that_hangs_holds_up_neither_putting_nor_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object whose write never returns keeps the writer, and nobody else."""
    monkeypatch.setattr(journals, "_STOP_TIMEOUT", 0.01)
    sink = StuckSink()
    journal = Journal(5)
    journal.open(sink, render)
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)
    for number in range(1, 10):
        journal.put(line(number))
    journal.close(0.01)
    assert journal.dropped == 10
    assert not sink.closed  # its descriptor's number must not become somebody else's while the write hangs
    sink.let_go.set()
    assert _until(lambda: sink.closed)


def test_without_a_thread_to_be_had_closing_writes_by_itself(sink: FakeSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, as at the end of the interpreter, the lines are written by who closes."""
    journal = Journal(1000)
    journal.open(sink, render)

    def start(self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Journal, "start", start)
    for number in range(600):
        journal.put(line(number))
    journal.close(PATIENCE)
    assert len(sink.lines) == 600


def test_threads_that_cannot_be_started_are_asked_for_again(
    opened: Callable[..., Journal], sink: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host out of threads keeps the lines waiting; when it has one again they are written."""
    journal = opened()

    def start(self: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "start", start)
        journal.put(line(0))
    journal._earliest = 0.0
    journal.put(line(1))
    assert _until(lambda: journal.written == 2)


@posix
def test_a_blocked_pipe_blocks_nobody_and_the_count_is_exact() -> None:
    """With a pipe that nobody reads, putting returns; once it is read, written and dropped lines are all there are."""
    reader, writer = os.pipe()
    sink = StreamSink(writer)
    journal = Journal(100)
    journal.open(sink, render)
    put = 20_000
    for number in range(put):
        journal.put(line(number))
    assert journal.dropped > 0
    os.close(writer)
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.extend(iter(lambda: os.read(reader, 65536), b"")))
    thread.start()
    journal.close(PATIENCE)
    thread.join()
    os.close(reader)
    words = [text.split() for text in b"".join(received).decode().splitlines()]
    lines = [int(word[0].removeprefix("line")) for word in words if word[0] != "dropped"]
    missing = sum(int(word[1]) for word in words if word[0] == "dropped")
    assert lines == sorted(set(lines))
    assert len(lines) + missing == put
    assert missing == journal.dropped


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_blocks_nobody_and_is_counted() -> None:
    """/dev/full takes nothing ever: putting and closing return, and every line is counted as dropped."""
    journal = Journal(100)
    journal.open(FileSink("/dev/full"), render)
    for number in range(1000):
        journal.put(line(number))
    journal.close(0.01)
    assert (journal.dropped, journal.written) == (1000, 0)


@posix
def test_a_fork_neither_loses_nor_doubles_a_line(tmp_path: Path) -> None:
    """Forked again and again while it writes, the log has every line of the parent once, and none of a child."""
    path = tmp_path / "log"
    journal = Journal(100_000)
    journal.open(FileSink(path), render)
    number = 0
    for _ in range(30):
        for _ in range(300):
            journal.put(line(number))
            number += 1
        pid = os.fork()
        if pid == 0:
            # What a child inherits it must not write, not even when it is asked to.
            journal.close(1)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    journal.close(PATIENCE)
    assert path.read_text().splitlines() == [f"line{count}" for count in range(number)]
    assert (journal.written, journal.dropped) == (number, 0)


@posix
def test_no_thread_of_ours_lives_while_the_process_forks(opened: Callable[..., Journal], sink: FakeSink) -> None:
    """A child has no writer, and the parent's goes on with the next line."""
    journal = opened()
    journal.put(line(0))
    assert journal.flush(PATIENCE)
    alive: list[bool] = []
    os.register_at_fork(after_in_parent=lambda: alive.append(journal._running))
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert alive == [False]
    journal.put(line(1))
    assert journal.flush(PATIENCE)
    assert sink.lines == ["line0", "line1"]


@posix
def test_after_a_fork_the_writer_starts_when_lines_have_gathered(
    opened: Callable[..., Journal], sink: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that forks for each request does not start a thread for each line; `service` sees to the last ones."""
    monkeypatch.setattr(journals, "GATHER", 1000.0)
    journal = opened()
    journal.put_now(line(0))
    assert _until(lambda: journal.written == 1 and not journal._urgent)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    journal.put(line(1))
    journal.service()
    assert not journal._running
    journal._earliest = 0.0  # the time has passed
    journal.service()
    assert _until(lambda: journal.written == 2)


@posix
def test_a_child_that_serves_on_writes_its_own_lines(tmp_path: Path) -> None:
    """A process that becomes a daemon by forking logs what it puts itself, and not what its parent had queued."""
    path = tmp_path / "log"
    journal = Journal(100)
    journal.open(FileSink(path), render)
    journal.put(line(0))
    pid = os.fork()
    if pid == 0:
        journal.put(line(1))
        journal.close(PATIENCE)
        os._exit(0)
    os.waitpid(pid, 0)
    journal.close(PATIENCE)
    assert sorted(path.read_text().splitlines()) == ["line0", "line1"]


@posix
def test_a_writer_that_hung_during_a_fork_is_followed_by_another(
    opened: Callable[..., Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork does not wait for ever for a write that hangs, and once that has ended the next line is written."""
    monkeypatch.setattr("plugserve.background._FORK_PATIENCE", 0.01)
    sink = StuckSink()
    journal = opened(sink=sink)
    journal.put(line(0))
    assert sink.tried.wait(PATIENCE)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    sink.let_go.set()
    assert _until(lambda: not journal._running)
    journal.put_now(line(1))
    assert _until(lambda: journal.written == 2)


def _until(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true; waits without a clock, by letting other threads in."""
    pause = threading.Event()
    for _ in range(20_000):
        if condition():
            return True
        pause.wait(0.001)
    return False
