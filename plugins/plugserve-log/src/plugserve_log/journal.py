"""The bounded queue between the server and the sink, and the thread that empties it.

Rules:

1. `put` never waits: it appends, or counts what it must drop. It wakes the writer only if that sleeps, so a busy server
   pays one system call for all lines of `GATHER` seconds.
2. The number of lines dropped stands in the log at the place where they are missing.
3. Only the writer touches the sink. A sink that fails is tried again; what was rendered for it is kept.
4. The writer is no thread while the process forks, and what is queued belongs to the process that queued it.
"""

from __future__ import annotations

import os
import select
import threading
import weakref
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from time import monotonic, time
from typing import Final

from plugserve.background import Background

from .facts import Facts
from .rendering import Line
from .sink import Sink

__all__ = ["GATHER", "RETRY", "Journal"]

GATHER: Final = 0.05
"""Seconds that the writer lets lines gather; also how late a line may be. Below what a person at a terminal notices."""

RETRY: Final = 1.0
"""Seconds until a sink that failed (disk full, reader gone) is tried again."""

_STOP_TIMEOUT: Final = 0.5
"""Seconds that closing waits for a writer that hangs in a system call, beyond what it was given."""

_BATCH: Final = 256
"""Lines rendered before they are written: with some 300 bytes a line, what fits a processor's cache."""

_BREATH: Final = 32
"""Lines rendered before other threads are let in: a server's thread that is woken by its client otherwise waits for
`sys.getswitchinterval()`, 5 ms, each time."""

# What one turn of the writer came to.
_WROTE: Final = "wrote"
_IDLE: Final = "idle"
_BLOCKED: Final = "blocked"
_FAILED: Final = "failed"


class _Gap:
    """A place in the queue where lines are missing."""

    __slots__ = ("lines", "taken")

    def __init__(self) -> None:
        self.lines = 0
        self.taken = False


class _Piece:
    """Rendered lines that go to the sink in one write."""

    __slots__ = ("broken", "data", "ends", "gap", "written")

    def __init__(self, lines: list[bytes], gap: _Gap | None = None) -> None:
        self.gap = gap
        """What it tells, if it is the line of a gap and therefore no line that anybody put."""
        self.data = memoryview(b"".join(lines))
        self.ends = list(accumulate(map(len, lines)))
        self.written = 0
        """Bytes that the sink has taken."""
        self.broken = 0
        """Lines of which it has taken a part and will not get the rest."""

    def count(self) -> tuple[int, int]:
        """How many of the lines that were put the sink has taken to their end, and how many not."""
        if self.gap is not None:
            return 0, 0
        whole = bisect_right(self.ends, self.written) - self.broken
        return whole, len(self.ends) - self.broken - whole

    def untold(self) -> int:
        """How many lines are missing that nobody would be told of without this piece."""
        return self.gap.lines if self.gap is not None and self.written < len(self.data) else 0

    def skip_broken_line(self) -> bool:
        """Go to the beginning of the next line, for a new file must not begin in the midst of one. Returns whether that
        has cost a line; the line of a gap is written again."""
        ended = bisect_right(self.ends, self.written)
        start = self.ends[ended - 1] if ended else 0
        if self.written == start:
            return False
        if self.gap is not None:
            self.written = start
            return False
        self.written = self.ends[ended]
        self.broken += 1
        return True


class Journal(Background):
    """Takes lines from any thread, and writes them in its own.

    Parameters:
        queue_size: lines that may wait.

    Resource handling: `open` takes a sink and makes it ours; `close` gives it back. The thread starts with the first
    line, and anew after a fork.
    """

    def __init__(self, queue_size: int) -> None:
        super().__init__("plugserve-log")
        self._queue_size = queue_size
        self._limit = 0  # nothing is taken before open() and after close()
        self._sink: Sink | None = None
        self._abandoned: Sink | None = None
        self._render: Callable[[Facts | Line], bytes] | None = None
        self.dropped = 0
        """Lines that did not reach the sink, since the first `open`."""
        self.written = 0
        """Lines that did."""
        self._begin()
        _journals.add(self)
        _watch_forks()

    def _begin(self) -> None:
        self._queue: deque[Facts | Line | _Gap] = deque()
        self._pieces: deque[_Piece] = deque()
        self._gap = _Gap()
        self._drops = threading.Lock()
        self._turns = threading.Lock()
        self._asleep = True
        self._running = False
        self._urgent = False
        self._reopen = False
        self._no_thread = False
        self._earliest = 0.0
        self._flushed: threading.Event | None = None

    # -- for any thread ------------------------------------------------------------------------------------------------

    def put(self, item: Facts | Line) -> None:
        """Queue a line, or drop and count it. Never waits for the sink."""
        if len(self._queue) < self._limit:
            self._queue.append(item)
            if self._asleep:
                self.rouse()
        else:
            self._drop()

    def put_now(self, item: Facts | Line) -> None:
        """Queue a line that should be written without delay, with all before it."""
        self.put(item)
        self._urgent = True
        self.rouse()

    def rouse(self) -> None:
        """Start or wake the writer."""
        if self._running:
            self.wake()
        elif self._sink is not None and (self._urgent or monotonic() >= self._earliest):
            try:
                self.start()
                self._no_thread = False
            except RuntimeError:
                # No thread to be had: too many, or the interpreter ends. The lines wait, within bounds.
                self._no_thread = True
                self._earliest = monotonic() + RETRY

    def service(self) -> None:
        """See to lines that nobody has roused the writer for, since it was just stopped for a fork; called from time to
        time."""
        if self._asleep and self._queue:
            self.rouse()

    def reopen(self) -> None:
        """Have the sink opened anew before the next line. Safe in a signal handler."""
        self._reopen = True
        self._urgent = True
        if self._running:
            self.wake()

    def _drop(self) -> None:
        with self._drops:
            self.dropped += 1
            gap = self._gap
            if gap.taken or not self._queue or self._queue[-1] is not gap:
                gap = self._gap = _Gap()
                self._queue.append(gap)
            gap.lines += 1

    # -- opening and closing -------------------------------------------------------------------------------------------

    def open(self, sink: Sink, render: Callable[[Facts | Line], bytes]) -> None:
        """Begin to write.

        Parameters:
            sink: where to; closed by `close`.
            render: makes the bytes of a line; called by the writer.
        """
        self._sink, self._render = sink, render
        self._earliest = 0.0
        self._limit = self._queue_size

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put so far has been written.

        Parameters:
            timeout: seconds at the most.

        Returns: whether it has.
        """
        deadline = monotonic() + timeout
        flushed = threading.Event()
        while self._sink is not None:
            self._flushed = flushed
            self._urgent = True
            self.rouse()
            if self._no_thread:
                return self._turn_here(deadline)
            # In slices, since a fork may stop the writer and nothing else would start it.
            if flushed.wait(max(0.0, min(0.05, deadline - monotonic()))):
                return True
            if monotonic() >= deadline:
                return False
        return True

    def _turn_here(self, deadline: float) -> bool:
        """Do the writer's work in the calling thread. Returns whether all is done."""
        while (outcome := self._turn()) == _WROTE and monotonic() < deadline:
            pass
        return outcome == _IDLE

    def close(self, timeout: float) -> None:
        """Write what is queued, end the thread, and give back the sink. What could not be written is counted.

        Parameters:
            timeout: seconds to spend on a sink that does not take it.
        """
        sink = self._sink
        if sink is None:
            return
        self.flush(timeout)
        ended = self.stop(_STOP_TIMEOUT)
        self._limit = 0
        self._sink = None
        left = list(self._queue)
        self._queue.clear()
        lost = sum(not isinstance(item, _Gap) for item in left)
        untold = sum(item.lines for item in left if isinstance(item, _Gap))
        for piece in self._pieces:
            taken, not_taken = piece.count()
            self.written += taken
            lost += not_taken
            untold += piece.untold()
        self._pieces.clear()
        with self._drops:
            self.dropped += lost
            untold += lost
            if untold:
                # Told when the log is opened again, if ever.
                self._gap = _Gap()
                self._gap.lines = untold
                self._queue.append(self._gap)
        # A writer that still hangs in a system call would go on with a number that belongs to somebody else by then.
        if ended:
            sink.close()
        else:
            self._abandoned = sink
            if not self._running and self.stop(0):
                sink.close()  # it has come back just now, and saw nothing to close

    # -- the writer's thread -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the writer, also after one that hung in a system call when it was to stop, and has ended since."""
        if self._thread is not None and not self._thread.is_alive():
            self.stop(0)
        super().start()

    def run(self) -> None:
        """Write until told to stop."""
        self._running, self._asleep = True, False
        try:
            gathering = False
            while not self.stopping():
                # What is asked for from here on comes with a wake-up of its own; what was, is done in this turn.
                self.clear_wake()
                self._urgent = False
                flushed = self._flushed
                outcome = self._turn()
                if outcome == _WROTE:
                    gathering = True
                elif outcome == _BLOCKED:
                    self._wait(None, for_sink=True)
                elif outcome == _FAILED:
                    self._wait(RETRY)
                else:
                    if flushed is not None:
                        self._flushed = None
                        flushed.set()
                    elif gathering:
                        # More is likely to come: nobody needs to wake us for it.
                        gathering = False
                        self._wait(GATHER)
                    else:
                        self._sleep()
        finally:
            self._running, self._asleep = False, True
            # A server that forks for each request would otherwise start a thread for each line.
            self._earliest = monotonic() + GATHER
            abandoned, self._abandoned = self._abandoned, None
            if abandoned is not None:
                abandoned.close()
                self.stop(0)  # closes what wakes us; close() could not

    def clear_wake(self) -> None:
        """Take back the wake-ups so far; one that comes in the midst of it does not keep later ones from being sent."""
        super().clear_wake()
        self._waking = False

    def _sleep(self) -> None:
        self._asleep = True
        # Whoever put a line before the flag was up has not roused us; whoever puts one from here on does.
        if not (self._queue or self._urgent or self._flushed is not None or self._reopen):
            self._wait(None)
        self._asleep = False
        self.clear_wake()
        if not self._urgent and not self.stopping():
            self._wait(GATHER)

    def _turn(self) -> str:
        """Render some lines if none are waiting to be written, and write until the sink takes no more."""
        with self._turns:
            try:
                return self._turn_alone()
            except Exception:
                # A full disk, a lost reader, an object that raises what it likes: the log must outlive them all.
                return _FAILED

    def _turn_alone(self) -> str:
        sink = self._sink
        if sink is None:
            return _IDLE
        reopen, self._reopen = self._reopen, False
        if reopen:
            self._follow(sink, reopen=True)
        if not self._pieces:
            if not self._queue:
                return _IDLE
            self._take(sink)
        self._follow(sink)
        while self._pieces:
            piece = self._pieces[0]
            try:
                piece.written += sink.write(piece.data[piece.written :])
            except BlockingIOError:
                return _BLOCKED
            if self._sink is not sink:
                return _IDLE  # close() gave up waiting for this write.
            if piece.written >= len(piece.data):
                self._pieces.popleft()
                self.written += piece.count()[0]
            if self.stopping():
                break
        return _WROTE

    def _follow(self, sink: Sink, *, reopen: bool = False) -> None:
        if sink.refresh(monotonic(), reopen=reopen) and self._pieces and self._pieces[0].skip_broken_line():
            self._drop()

    def _take(self, sink: Sink) -> None:
        """Render a batch, and divide it into pieces that the sink takes at once."""
        assert self._render is not None, "open gives both"
        limit = sink.piece
        lines: list[bytes] = []
        size = 0

        def cut() -> None:
            nonlocal lines, size
            if lines:
                self._pieces.append(_Piece(lines))
                lines, size = [], 0

        for count in range(1, _BATCH + 1):
            try:
                item = self._queue.popleft()
            except IndexError:
                break
            if isinstance(item, _Gap):
                cut()
                self._pieces.append(_Piece([self._render(self._tell(item))], item))
                continue
            line = self._render(item)
            if limit is not None and size + len(line) > limit:
                cut()
            lines.append(line)
            size += len(line)
            if count % _BREATH == 0:
                self._wait(0)
                if self.stopping():
                    break
        cut()

    def _tell(self, gap: _Gap) -> Line:
        with self._drops:
            gap.taken = True
            return ("dropped", "warning", time(), {"lines": gap.lines})

    def _wait(self, timeout: float | None, *, for_sink: bool = False) -> None:
        """Wait for a wake-up, or until the sink takes more. Lets other threads in even for 0 seconds."""
        if self.stopping():
            return  # What would have woken us may be cleared already.
        sink = self._sink.descriptor if for_sink and self._sink is not None else None
        if for_sink and (sink is None or not hasattr(select, "poll")):
            timeout = GATHER  # Nothing tells when it takes more: it is asked again now and then.
        wake = self.wake_fd if self._running else -1
        if hasattr(select, "poll"):
            poll = select.poll()
            if wake >= 0:
                poll.register(wake, select.POLLIN)
            if sink is not None:
                poll.register(sink, select.POLLOUT)
            poll.poll(None if timeout is None else timeout * 1000)
        elif wake >= 0:
            # Windows, where only sockets can be waited for.
            select.select([wake], [], [], timeout)

    def after_fork_in_child(self) -> None:
        """Begin empty: what was queued is written by the parent."""
        self._begin()


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_watching = False


def _watch_forks() -> None:
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    for journal in list(_journals):
        journal.after_fork_in_child()
