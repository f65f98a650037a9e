"""The front: a server's own event loop, where a request waits until it is ready to be handled.

It accepts, holds every request whose layers are unfinished or whose client has not spoken, and takes back those that
part from a slow peer. On engines whose place is the front itself, handlers run here, too.

Rules of this file:

1. A life is resumed only by whoever holds it: by the front while `parked` or just accepted, by its place once moved.
2. Other threads reach the front through `call_soon` only.
3. Nothing here calls a hook.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from .connection import CLOSED, FORK, HANDLED, MOVE, MOVED, OFFLOAD, QUEUED, READ, WRITE, Connection
from .errors import PlugserveError, RequestRejected
from .outgoing import Outgoing
from .poller import LISTENER, READABLE, WRITABLE
from .waiting import refuse

if TYPE_CHECKING:
    from .lane import Lane, Worker
    from .server import BaseServer

__all__ = ["ACCEPT_PAUSE", "Front", "Phase"]

Phase: TypeAlias = tuple["Front", Callable[[], bool], float | None]
"""How to run a loop: on which front, as long as what says yes, with the seconds that one turn waits at the most."""

ACCEPT_PAUSE = 0.1
"""Seconds that a listener rests after the host ran out of descriptors or memory, as in ranch and trio: long enough to
cost nothing, short enough to recover at once."""

_DEEP = 16
_MOST_ACCEPTS = 64
"""Requests accepted in one turn at the most, so that the parked ones are not starved."""
_MOST_TIMERS = 256
"""Entries looked at in one turn at the most, for the same reason."""
_FEW = 256
"""Entries that are not worth clearing up."""


class Front:
    """One server's event loop and the requests parked on it.

    Parameters:
        server: whose.
        poller: readiness, `KernelPoller` or the memory engine's.
    """

    reusable = False
    """Whether to keep it while nobody runs it, even with nothing parked on it."""

    def __init__(self, server: BaseServer, poller: Any) -> None:
        self.server = server
        self.poller = poller
        self.running = False
        self.closed = False
        self.thread = 0
        self.now = 0.0
        """On the server's clock, when this turn of the loop began."""
        self._calls: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Connection]] = []
        self._stale = 0
        """How many of them nobody needs any more."""
        self._soonest = server._core_limits.soonest
        self._calm = server._core_limits.calm
        self._alarms: list[tuple[float, int, Callable[[], object]]] = []
        self._alarm_numbers = itertools.count()
        self._listening: int | None = None
        self._paused_until: float | None = None
        self._full = False
        """Whether it is paused because there are as many requests as may be."""
        self._streak = 0
        self.last: Connection | None = None
        """The request that was accepted last."""
        self._held = 0
        self._offloads = 0
        self._workers: dict[Lane, Worker] = {}

    def enter(self) -> None:
        """The calling thread runs this loop from now on."""
        self.thread = threading.get_ident()
        self.running = True

    def leave_loop(self) -> None:
        """It does not any more."""
        self.running = False
        self.last = None

    def parked_now(self) -> int:
        """How many requests wait here, those included that are on their way back."""
        return self._held + len(self._calls)

    # -- the loop ------------------------------------------------------------------------------------------------------

    def run(self, going_on: Callable[[], bool], timeout: float | None) -> None:
        """Turn, under the server's last guard, as long as `going_on` says so.

        Parameters:
            going_on: asked before each turn.
            timeout: the seconds that one turn waits at the most.
        """
        turn = self.server._core_turn
        while going_on():
            turn(self, timeout)

    def ending(self) -> Iterator[Phase]:
        """What is still to be run before the calling thread leaves this loop."""
        return iter(())

    def turn(self, timeout: float | None) -> bool:
        """Wait at most `timeout` seconds, then do everything that is due. Returns whether the listener was ready."""
        if self._calls:
            self._run_calls()
        if self._timers or self._alarms or self._paused_until is not None:
            timeout = self._until_due(timeout)
        if self._calls:
            timeout = 0
        accepting = False
        ready = self.poller.select(timeout)
        self.now = self.server.clock()
        for data, events in ready:
            if type(data) is Connection:
                # What comes most often first, and without a call of its own.
                if data.feeder is not None and events == READABLE and data.parked and not data.outgoing:
                    if data.take_in():
                        data.waiting = self.now
                    else:
                        self.advance(data)
                else:
                    self._ready(data, events)
            elif data is LISTENER:
                accepting = True
            elif isinstance(data, Outgoing):
                self._ready_outside(data, events)
            else:
                data()
        if self._calls:
            self._run_calls()
        if self._timers or self._alarms or self._paused_until is not None:
            self._run_timers()
        if accepting and not self.server._core_stopping:
            self._accept()
        else:
            self._streak = 0
        return accepting

    def _until_due(self, timeout: float | None) -> float:
        """How long to wait at the most so that nothing that is due is late."""
        now = self.server.clock()
        times = [] if timeout is None else [timeout]
        if self._paused_until is not None:
            times.append(self._paused_until - now)
        if self._timers:
            times.append(self._timers[0][0] - now)
        if self._alarms:
            times.append(self._alarms[0][0] - now)
        return max(0.0, min(times))

    def _accept(self) -> None:
        """Accept once; while the queue proves deep, a few times before anything else is looked at."""
        server = self.server
        server._handle_request_noblock()
        if server._core_waits_when_full and self._pause_if_full():
            return
        if not server._core_batches:
            return
        # A listener that is ready turn after turn has a queue; one attempt in vain is what finding out costs, so it
        # is made seldom.
        self._streak += 1
        if self._streak < _DEEP:
            return
        for count in range(_MOST_ACCEPTS):
            before = server._core_accepted
            if self._listening is None or server._core_stopping:
                return
            server._handle_request_noblock()
            if server._core_accepted == before:
                if not count:
                    self._streak = 0
                return
            if server._core_waits_when_full and self._pause_if_full():
                return

    def _run_calls(self) -> None:
        for _ in range(len(self._calls)):
            self._calls.popleft()()

    def _run_timers(self) -> None:
        now = self.now
        if self._paused_until is not None and now >= self._paused_until:
            self._end_pause()
            if self._full:
                self._refuse_queue()
        while self._alarms and self._alarms[0][0] <= now:
            heapq.heappop(self._alarms)[2]()
        for _ in range(_MOST_TIMERS):
            if not self._timers or self._timers[0][0] > now:
                break
            when, _, c = heapq.heappop(self._timers)
            if c.timer_at != when:
                self._stale -= 1
                continue
            c.timer_at = None
            if c.parked:
                self._on_timer(c, now)

    def _on_timer(self, c: Connection, now: float) -> None:
        what = c.overdue(now)
        if what is not None:
            c.expire(what)
        elif c.wake_at is not None and c.wake_at <= now:
            self.advance(c)
        else:
            self._set_timer(c)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have something done by the loop's thread. From any thread."""
        self._calls.append(function)
        if threading.get_ident() != self.thread or not self.running:
            self.poller.wake()

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        """Have something done by the loop's thread after a time. From that thread alone."""
        heapq.heappush(self._alarms, (self.server.clock() + seconds, next(self._alarm_numbers), function))

    # -- the listener --------------------------------------------------------------------------------------------------

    def listen(self, fd: int) -> None:
        """Accept from this descriptor from now on."""
        self._listening = fd
        if self._paused_until is None:
            self.poller.register(fd, READABLE, LISTENER)

    def stop_listening(self) -> None:
        """Accept no more; what is in the kernel's queue stays there."""
        if self._listening is not None and self._paused_until is None:
            self.poller.unregister(self._listening)
        self._listening = None

    @property
    def listening(self) -> bool:
        """Whether it accepts, if only after a pause."""
        return self._listening is not None

    def pause_listening(self, seconds: float = ACCEPT_PAUSE) -> bool:
        """Rest. Returns whether it was not resting already."""
        if self._listening is None or self._paused_until is not None:
            return False
        self.poller.unregister(self._listening)
        self._paused_until = self.server.clock() + seconds
        return True

    def _end_pause(self) -> None:
        self._paused_until = None
        if self._listening is not None:
            self.poller.register(self._listening, READABLE, LISTENER)

    def _pause_if_full(self) -> bool:
        """With as many requests as may be, let further clients wait in the kernel's queue. Returns whether it is so."""
        server = self.server
        if server.real_time and not server._core_batches:
            return False  # to try in vain would wait in accept(2)
        if not server._core_is_full() or not self.pause_listening(server._core_limits.wait_timeout):
            return False
        self._full = True
        server._core_requests.on_room.append(self._room)
        if not server._core_is_full():
            self._room()  # it became free in between, and nobody was told
        return True

    def _room(self) -> None:
        """A request has ended. From any thread."""
        self.call_soon(self._look_for_room)

    def _look_for_room(self) -> None:
        if self._full and not self.server._core_is_full():
            self._not_full()
            if self._paused_until is not None:
                self._end_pause()

    def _not_full(self) -> None:
        self._full = False
        self.server._core_requests.on_room.remove(self._room)

    def _refuse_queue(self) -> None:
        """Nobody waits longer than `Limits.wait_timeout`: those in the kernel's queue are accepted and refused, and
        the dead among them closed, which would fill it otherwise. Then the next ones may wait."""
        server = self.server
        for _ in range(_MOST_ACCEPTS):
            if self._listening is None or server._core_stopping or not server._core_is_full():
                self._not_full()
                return
            before = server._core_accepted
            server._handle_request_noblock()
            if server._core_accepted == before:
                self.pause_listening(server._core_limits.wait_timeout)
                return
        self.pause_listening(0.0)

    # -- requests ------------------------------------------------------------------------------------------------------

    answers = True
    """Whether a datagram may be answered without a life of its own to be resumed; see `life.answer`."""

    def begin(self, c: Connection) -> None:
        """Start the life of a request that was just accepted."""
        self.advance(c)

    def advance(self, c: Connection, value: object = None) -> None:
        """Resume a life that the front holds, and do what it asks for next.

        Raises: what `socketserver` lets through: an exception of the server's own methods, or a `BaseException` of a
            handler that ran here.
        """
        if c.life is None:
            return
        if c.parked:
            self._release(c)
        try:
            operation = c.life.send(value)
            if type(operation) is not int:
                operation = c.refuse(operation)
        except StopIteration as end:
            self.leave(c)
            if end.value is not None:
                raise end.value from None
            return
        except BaseException:
            self.leave(c)
            self.server._core_drop(c)
            raise
        if operation == MOVE:
            self.leave(c)
            self.hand_over(c)
        elif operation == HANDLED:
            self._handled(c)
        elif operation == FORK:
            # Before the fork: closing a descriptor that a child holds, too, takes it out of no epoll set.
            self.leave(c)
            failure = self.server._core_children.fork_in_handler(c)
            if failure is not None:
                self.advance(c, failure)
        else:
            self.park(c, operation)

    def hand_over(self, c: Connection) -> None:
        """Call `process_request`, as `socketserver` does, and deal with its failure as it does."""
        server = self.server
        waited, c.state = c.state == QUEUED, MOVED
        try:
            if not waited:
                server._core_before_move(c)
            server.process_request(c.request, c.client_address)
        except BaseException as exception:
            if isinstance(exception, RequestRejected) and c.state in (MOVED, QUEUED):
                # An override that has no place for it.
                refuse(c, exception.reason)
                return
            if c.state in (MOVED, QUEUED) and c.life is not None:
                c.exception = exception
                c.life.throw(exception)
            try:
                if isinstance(exception, Exception):
                    server.handle_error(c.request, c.client_address)
                else:
                    raise
            finally:
                server.shutdown_request(c.request)

    def _handled(self, c: Connection) -> None:
        """What the body of `process_request_thread` does, for a request that was handled on the front."""
        server = self.server
        try:
            if c.exception is not None:
                try:
                    raise c.exception
                except Exception:
                    server.handle_error(c.request, c.client_address)
        finally:
            server.shutdown_request(c.request)

    def park(self, c: Connection, operation: int) -> None:
        """Hold a suspended request until what it waits for comes about."""
        if not c.parked:
            c.parked = True
            self._held += 1
        self._watch(c, operation)
        self._set_timer(c)

    def _watch(self, c: Connection, operation: int, *, disturbed: bool = False) -> None:
        if c.outgoing:
            self._watch_all(c, operation)
            return
        mask = READABLE if operation == READ else 0
        if operation == WRITE or (c.buffered and operation != OFFLOAD):
            mask |= WRITABLE
        if not mask and c.interest == READABLE and not disturbed:
            return  # most will read again before anything has arrived: two system calls less
        if mask != c.interest:
            self._set_interest(c, mask)

    def _watch_all(self, c: Connection, operation: int) -> None:
        """Watch for what the life awaits of several connections. What it does not await just now stays registered until
        it happens, since a handler that speaks to its client and to another by turns would change that all the time."""
        for one in (c, *(c.outgoing or ())):
            mask = self._awaited(c, one, operation)
            if one.buffered and operation != OFFLOAD:
                mask |= WRITABLE
            if mask & ~one.interest:
                self._set_interest(one, mask | one.interest)

    def _awaited(self, c: Connection, one: Connection, operation: int) -> int:
        """What the life of `c` awaits of one of its connections."""
        mask = 0
        for which, what in c.awaits or ((c, operation),):
            if which is one:
                mask |= READABLE if what == READ else WRITABLE if what == WRITE else 0
        return mask

    def _set_interest(self, c: Connection, mask: int) -> None:
        if mask == c.interest:
            return
        assert c.channel is not None, "a parked request has a channel"
        if not c.interest:
            c.watched_fd = c.channel.fileno()
            if c.watched_fd < 0:
                return  # whoever has something for it resumes it
            self.poller.register(c.watched_fd, mask, c)
        elif mask:
            self.poller.modify(c.watched_fd, mask, c)
        else:
            self.poller.unregister(c.watched_fd)
        c.interest = mask

    def _set_timer(self, c: Connection) -> None:
        """See to it that the loop looks at this request at its nearest deadline. An entry stays as it is when the
        deadline moves away, and is looked at again when its time comes, so that an active connection costs none."""
        at = c.timer_at
        if at is not None and c.wake_at is None and c.deadline is None and not c._output and c.operation == READ:
            # The usual case: bytes came, and the entry made long ago comes before any new deadline.
            if c.waiting is None or at <= c.waiting + (self._calm if c.total_in else self._soonest):
                return
        limit = c.time_limit()
        when = c.wake_at
        if limit is not None and (when is None or limit[0] < when):
            when = limit[0]
        if when is not None and (at is None or when < at):
            if at is not None:
                self._stale += 1
            c.timer_at = when
            heapq.heappush(self._timers, (when, c.id, c))

    def leave(self, c: Connection) -> None:
        """Stop watching a request's descriptor, before it is handed over or closed."""
        self._release(c)
        for other in c.outgoing or ():
            if other.interest:
                self.poller.unregister(other.watched_fd)
                other.interest = 0
        if c.timer_at is not None:
            c.timer_at = None
            self._stale += 1
            if self._stale > _FEW and self._stale * 2 > len(self._timers):
                self._clear_up()
        if c.interest:
            # By the number it was registered with: the socket may be closed already, and the number reused.
            self.poller.unregister(c.watched_fd)
            c.interest = 0

    def part(self, c: Connection) -> None:
        """Stop watching a request's descriptor, which will be closed at once."""
        if c.outgoing:
            self.leave(c)
            return
        self._release(c)
        self.poller.forget(c.watched_fd)
        c.interest = 0

    def _clear_up(self) -> None:
        """Let go of the entries of requests that have ended: with many short ones they would be most of the memory."""
        self._timers[:] = [entry for entry in self._timers if entry[2].timer_at == entry[0]]
        heapq.heapify(self._timers)
        self._stale = 0

    def _release(self, c: Connection) -> None:
        if c.parked:
            c.parked = False
            self._held -= 1

    def _ready(self, c: Connection, events: int) -> None:
        if not c.parked:
            return
        operation = c.operation
        if c.outgoing:
            self._ready_outside(c, events)
            return
        if events & WRITABLE and c.buffered:
            try:
                c._flush()
            except OSError as exception:
                c.abort(exception)
                return
        if (events & READABLE and operation == READ) or (events & WRITABLE and operation == WRITE):
            if c.feeder is not None:
                if c.take_in():
                    c.waiting = self.now
                    return
            self.advance(c)
        else:
            self._watch(c, operation, disturbed=True)

    def _ready_outside(self, one: Connection, events: int) -> None:
        """Something has happened on one of several connections of a request."""
        c = one.owner if isinstance(one, Outgoing) else one
        if events & WRITABLE and one.buffered:
            try:
                one._flush()
            except OSError as exception:
                one.abort(exception)
        awaited = self._awaited(c, one, c.operation)
        if not c.parked or not awaited & events:
            self._set_interest(one, (awaited if c.parked else 0) | (WRITABLE if one.buffered else 0))
        else:
            self.advance(c)

    def post(self, c: Connection, data: bytes) -> None:
        """Send what somebody else has for a client; see `Connection.post`."""
        if c.state == CLOSED or c.output_closed or c.channel is None:
            return
        if c.blocks:
            c.post(data)  # it has moved meanwhile
            return
        try:
            c.write(data)
        except (OSError, PlugserveError) as exception:
            c.abort(exception)
        if c.parked:
            self._watch(c, c.operation)
            if c.buffered:
                self._set_timer(c)  # a client that takes nothing has a deadline now

    def resume_soon(self, c: Connection) -> None:
        """Resume a parked request, from any thread."""
        self.call_soon(partial(self._resume, c))

    def _resume(self, c: Connection) -> None:
        if c.parked and (c.operation != OFFLOAD or c.offloaded is not None):
            self.advance(c)

    def adopt(self, c: Connection, operation: int) -> bool:
        """Take back a suspended request from its place, from any thread. Returns False if the loop does not run."""
        with self.server._core_lock:
            if self.closed or not (self.running or self.server.keeps_front):
                return False
            c.blocks = False
            self.call_soon(partial(self._adopted, c, operation))
        return True

    def _adopted(self, c: Connection, operation: int) -> None:
        if c.state != CLOSED:
            self.park(c, operation)

    def offload(
        self, c: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], lane: Lane | None = None
    ) -> None:
        """Call something in a thread of a lane and resume the request with the outcome. Errors: the lane's refusal."""
        from .lane import USUAL, Worker

        lane = lane or USUAL
        worker = self._workers.get(lane)
        if worker is None:
            worker = self._workers[lane] = Worker(lane)
        clock = self.server.clock
        until = None if lane.patience is None else clock() + lane.patience

        def work() -> None:
            try:
                if c.aborted is not None:
                    outcome: tuple[bool, Any] = (True, None)  # nobody waits for it any more
                elif until is not None and clock() > until:
                    outcome = (False, lane.refusal())
                else:
                    outcome = (True, function(*arguments))
            except BaseException as exception:
                outcome = (False, exception)
            c.offloaded = outcome
            self.call_soon(done)

        def done() -> None:
            self._offloads -= 1
            worker.done()
            self._resume(c)

        worker.submit(work)
        self._offloads += 1

    def close(self) -> None:
        """Give back the poller; what is registered is not touched, since after a fork the epoll set is shared."""
        self.closed = True
        if self._full:
            self._not_full()
        self._calls.clear()
        self._timers.clear()
        self._alarms.clear()
        for worker in self._workers.values():
            worker.close()
        self.poller.close()
