"""A place where a request is handled: what every blocking one (inline, thread, child) has in common.

The life is resumed here, in the calling thread, and where it would wait the thread waits.
"""

from __future__ import annotations

import functools
import os
import select
import sys
from collections.abc import Coroutine
from time import sleep
from typing import Any, NoReturn, TypeVar

from .channel import DatagramChannel
from .connection import CLOSING, FORK, HANDLED, HANDLING, MOVE, MOVED, READ, WRITE, Connection
from .errors import PlugserveError
from .life import current
from .watchdog import watchdog

__all__ = ["end_here", "handle_here", "reach_place", "run_here", "watch_forks"]

_LOOK_AGAIN = 50
"""Milliseconds after which a thread looks for an abort where no socket of the client's would wake it."""

_T = TypeVar("_T")


def reach_place(c: Connection) -> bool:
    """Run a life from its start to the point where it would move, in this thread. Returns False if it was refused."""
    try:
        operation = c.resume()
        while operation != MOVE:
            _wait_here(c, operation)
            operation = c.resume()
    except StopIteration as end:
        if end.value is not None:
            raise end.value from None
        return False
    c.server._core_before_move(c)
    c.state = MOVED
    return True


def handle_here(c: Connection) -> None:
    """Resume a moved request and stay with it until it has been handled.

    Raises: what its handler raised, as `finish_request` does in `socketserver`.
    """
    c.blocks = True
    if c.channel is not None:
        c.channel.block()
    watched = c.limits.has_deadlines and c.server.real_time
    if watched:
        watchdog().watch(c)
    if c.urgency is not None:
        c.urgency.enter_place()
    try:
        operation = c.resume()
        while operation != HANDLED:
            if operation == FORK:
                failure = c.server._core_children.fork_in_handler(c)
                if failure is None:
                    return  # a child goes on with it
                operation = c.resume(failure)
                continue
            _wait_here(c, operation)
            operation = c.resume()
    finally:
        if watched or c.draining:
            watchdog().unwatch(c)
        if c.urgency is not None:
            c.urgency.leave_place()
    if c.strayed:
        _end_stray(c)
    if c.exception is not None:
        raise c.exception


def _end_stray(c: Connection) -> NoReturn:
    """End a child that the handler forked with a plain `os.fork()` and that came back from `handle()`: it answers its
    client, but it is no second server."""
    status, exception = 0, c.exception
    try:
        if exception is not None:
            status = 1
            try:
                raise exception
            except SystemExit as leaving:
                status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
            except Exception:
                c.server.handle_error(c.request, c.client_address)
        c.server.shutdown_request(c.request)
    finally:
        os._exit(status)


def _forked_in_handler() -> Connection | None:
    """The request whose handler is forking: not for the children that multiprocessing makes, which never come back
    into the handler and have no business with its client."""
    module = str(sys._getframe(2).f_globals.get("__name__", ""))
    return None if module.partition(".")[0] in ("multiprocessing", "concurrent", "subprocess") else current.connection


def _after_fork_in_parent() -> None:
    c = _forked_in_handler()
    if c is not None:
        c.fork_shares = True


def _after_fork_in_child() -> None:
    c = _forked_in_handler()
    if c is not None:
        c.strayed = True
        c.state = HANDLING


@functools.cache
def watch_forks() -> None:
    """Have forks in handlers noticed, from the first server on."""
    watchdog()  # made now: a fork must not find the lock taken under which it is made
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def end_here(c: Connection) -> None:
    """Resume a handled request in its closing. What would still have to wait for the peer goes back to the front, if
    there is one that runs."""
    if c.life is None:
        return
    try:
        operation = c.resume()
        while True:
            if c.state == CLOSING and not c.away and _take_back(c, operation):
                return
            _wait_here(c, operation)
            operation = c.resume()
    except StopIteration:
        return


def run_here(c: Connection, steps: Coroutine[Any, Any, _T]) -> _T:
    """Run what a connection awaits to its end, in this thread, from within the handler of a request at its place."""
    try:
        while True:
            operation = steps.send(None)
            if type(operation) is not int:
                raise PlugserveError(f"awaited something that the connection did not give ({operation!r})")
            _wait_here(c, operation)
    except StopIteration as end:
        result: _T = end.value
        return result
    finally:
        steps.close()


def _take_back(c: Connection, operation: int) -> bool:
    return c.front is not None and c.front.adopt(c, operation)


def _wait_here(c: Connection, operation: int) -> None:
    """Wait in this thread for what the life waits for, at most until its nearest deadline."""
    now = c.server.clock()
    ends = [c.wake_at] if c.wake_at is not None else []
    limit = c.time_limit()
    if limit is not None:
        ends.append(limit[0])
    timeout = max(0.0, min(ends) - now) if ends else None
    if c.channel is None:
        if timeout is not None:
            sleep(timeout)
    elif isinstance(c.channel, DatagramChannel) and c.awaits is None:
        c.channel.wait(timeout, reading=operation == READ)
    elif c.urgency is not None and c.urgency.watches and operation == READ:
        c.urgency.wait_here(timeout)
    else:
        awaits = c.awaits or ((c, operation),)
        reading = [one.channel.fileno() for one, what in awaits if what == READ and one.channel is not None]
        writing = [one.channel.fileno() for one, what in awaits if what == WRITE and one.channel is not None]
        _wait_for_any(c, reading, writing, timeout)
    if limit is not None and (what := c.overdue(c.server.clock())) is not None:
        c.expire(what)


def _wait_for_any(c: Connection, reading: list[int], writing: list[int], timeout: float | None) -> None:
    """Wait until one of these descriptors is ready, or the connection was aborted."""
    if not hasattr(select, "poll"):
        if reading or writing:
            select.select(reading, writing, [], timeout)
        else:
            sleep(timeout or 0.0)
        return
    assert c.channel is not None, "what waits has a channel"
    own = c.channel.fileno()
    # Of the client's own socket no event need be asked for: POLLHUP and POLLERR come unasked, so an abort, which shuts
    # it down, wakes this in any case (poll(2)). A session has no socket of its own.
    masks = {own: 0} if own >= 0 else {}
    control = c.server._core_control if c.away else None
    if control is not None and control.fileno() >= 0:
        reading = [*reading, control.fileno()]
    for fd in reading:
        masks[fd] = masks.get(fd, 0) | select.POLLIN
    for fd in writing:
        masks[fd] = masks.get(fd, 0) | select.POLLOUT
    poll = select.poll()
    for fd, mask in masks.items():
        poll.register(fd, mask)
    # Rounded up: waking early would only mean waiting again.
    patience = None if timeout is None else int(timeout * 1000) + 1
    if own < 0:
        patience = _LOOK_AGAIN if patience is None else min(patience, _LOOK_AGAIN)
    ready = poll.poll(patience)
    if control is not None and control.fileno() in (fd for fd, _ in ready):
        control.heed(c)
    if [fd for fd, _ in ready] == [own] and not masks[own] and len(masks) > 1 and c.aborted is None:
        # The client has gone while something else is awaited: that can be told when it is read from or written to.
        poll.unregister(own)
        poll.poll(patience)
