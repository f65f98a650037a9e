"""The life of a request, written once.

```
accept -> verify_request -> layers -> authorize -> process_request -> setup -> handle -> finish -> close
```

One coroutine over one `Connection`. It suspends where I/O would wait, where the request moves to its place (`move`) and
between handling and closing (`handled`). Engines differ only in how they wait and where they resume it; none of them
calls a hook. The methods that `socketserver` lets people override are called from here (`verify_request`,
`finish_request`, `shutdown_request`) or around here (`process_request`, `handle_error`), never the other way round, so
the order of hooks is the same whatever a subclass overrides.
"""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from .connection import CLOSING, DONE, HANDLING, Connection
from .errors import (
    Aborted,
    DeadlineExceeded,
    EndOfStream,
    HandlerIgnoredAbort,
    PeerError,
    PlugserveError,
    RequestRejected,
)
from .faults import ends_the_loop, report, text_of
from .hooks import Wrappers, gate, observe, vote, vote_async

if TYPE_CHECKING:
    from .context import Outcome
    from .front import Front
    from .handlers import ProtocolHandler
    from .server import HandlerFacts

__all__ = ["BANNER_PATIENCE", "Report", "admit", "answer", "current", "follow", "hung_up", "live", "open_up"]

BANNER_PATIENCE = 0.1
"""Seconds that a request waits for its client's first byte where the handler does not say who speaks first."""


class Report(NamedTuple):
    """What a child process tells its parent about a request that it handled."""

    outcome: Outcome
    reason: str
    rejected_by: str | None
    exception: BaseException | None
    identity: object
    total_in: int
    total_out: int


class _Current(threading.local):
    connection: Connection | None = None


current = _Current()
"""`current.connection` is the request whose `finish_request` runs in this thread."""


async def live(c: Connection) -> BaseException | None:
    """Run one request from accept to its end.

    Returns: an exception of the server's own `verify_request`, which whoever accepted must deal with; else None.
    """
    hooks, facts = c.hooks, c.server._core_handler
    reason, escaping = admit(c)
    crowded = c.rejected_by == "limits"
    if reason is None and c.server._core_sessions is not None:
        reason = await c.server._core_sessions.seat(c)
    if reason is None and (hooks.open_connection or hooks.authorize):
        reason = await open_up(c)
    if c.server._core_urgent is not None and reason is None:
        c.open_channel()
        if c.urgency is not None:
            c.urgency.admit()
    if reason is None and (not facts.straight or c.limits.total is not None):
        reason = await _first_byte(c)
    if reason is not None:
        _reject(c, reason, crowded=crowded)
        return escaping
    if hooks.process_request:
        observe(hooks.process_request, c)
    # Where its place is the front, on which it is, and nobody has a method of his own in between, there is no step to
    # take; likewise at the end, unless there is an error to be handed to `handle_error`.
    stays = facts.stays and not c.blocks
    told: Report | None = None
    try:
        if stays:
            c.stay()
        else:
            told = await c.move()
    except RequestRejected as refusal:
        # There was no place for it.
        c.rejected_by = "limits"
        _reject(c, refusal.reason, crowded=True)
        return None
    except BaseException as exception:
        # process_request failed before the handler was reached.
        if c.torn_down:
            raise
        _failed(c, exception)
    else:
        if told is None:
            await _handle(c, facts)
    try:
        if told is not None:
            _adopt(c, told)
        else:
            if not stays or c.exception is not None or c.away:
                await c.handled()
            c.state = CLOSING
            if c.outcome in ("ok", "error") and not c.part_now():
                await _part(c)
            _end(c)
    finally:
        _tell_end(c)
    return None


async def follow(c: Connection) -> None:
    """What is left of a life in the parent when a child goes on with the request: its report, and who is told of it."""
    try:
        _adopt(c, await c.move())
    finally:
        _tell_end(c)


def _tell_end(c: Connection) -> None:
    """The last of all: the request is closed."""
    if c.hooks.connection_closed and c.outcome != "rejected" and not c.away and not c.torn_down:
        observe(c.hooks.connection_closed, c)
    c.release()


def admit(c: Connection) -> tuple[str | None, BaseException | None]:
    """The limits, the vote, and the server's own method as the last voter."""
    reason = c.server._core_requests.refusal(c, c.limits)
    if reason is not None:
        c.rejected_by = "limits"
        return reason, None
    if c.hooks.verify_request:
        reason = vote(c.hooks.verify_request, c)
        if reason is not None:
            return reason, None
    try:
        if c.server.verify_request(c.request, c.client_address):
            return None, None
        c.rejected_by = "verify_request"
        return "denied by verify_request", None
    except BaseException as exception:
        c.rejected_by = "verify_request"
        return "denied: verify_request failed", exception


async def open_up(c: Connection) -> str | None:
    """The layers and `authorize`, under one deadline and one budget. Returns the reason of a refusal."""
    hooks, limits = c.hooks, c.limits
    c.deadline = c.server.clock() + limits.layers_timeout
    if hooks.open_connection:
        c.open_channel()
        c.budget = limits.layers_bytes
    subject, name = "layers", "layers"
    try:
        for call in hooks.open_connection:
            subject, name = call.subject, call.plugin
            await call.invoke(c)
        if c.aborted is not None:
            raise c.aborted
        if hooks.authorize:
            reason = await vote_async(hooks.authorize, c)
            if reason is not None:
                return reason
        if c.aborted is not None:
            raise c.aborted
    except RequestRejected as refusal:
        c.rejected_by = name
        return refusal.reason
    except BaseException as exception:
        if c.torn_down or ends_the_loop(exception):
            raise
        c.rejected_by = name
        if isinstance(exception, (PeerError, Aborted, ConnectionError)):
            return text_of(exception) or type(exception).__name__
        report(subject, exception)
        return f"denied: {name} failed"
    finally:
        c.budget = None
        c.deadline = None
    return None


def answer(front: Front, facts: HandlerFacts, request: Any, client_address: Any) -> None:
    """The life of a datagram in which nobody takes part: no plugin, no override, no limit.

    What is left of `live` then takes one call, waits for nothing, and is not worth a coroutine. Nor is a row in the
    table, as long as nobody looks at it: the connection is made when the handler, or its failure, asks for it. Whatever
    the handler leaves to be done later is done by a coroutine after all.
    """
    server = front.server
    made: Any = facts.handler
    handler: ProtocolHandler = made.__new__(made)
    handler.request, handler.client_address, handler.server = request, client_address, server
    handler.options = server._core_options
    try:
        if server.draining is not None:
            server._core_say_goodbye(handler.connection, server.draining)
        later = handler._answer(request, facts)
    except BaseException as exception:
        c = handler.connection
        _failed(c, exception)
        if not isinstance(exception, Exception):
            _finish_answer(c)
            raise
        server.handle_error(request, client_address)
        _finish_answer(c)
        return
    if later:
        c = handler.connection
        c.life = _answer_later(c)
        front.advance(c)
    elif handler._looked_at:
        _finish_answer(handler.connection)


def row_of(handler: ProtocolHandler) -> Connection:
    """The connection of a datagram that is being answered, made since somebody looks at it."""
    server = handler.server
    c = server._core_new_connection(handler.request, handler.client_address)
    c.front = server._core_front_here()
    server._core_requests[id(handler.request)] = c
    c.stay()
    c.state = HANDLING
    c.total_in = len(handler.request[0])
    c.handler = handler
    handler._looked_at = handler._in_call = True
    return c


async def _answer_later(c: Connection) -> None:
    """The rest of an answer that is worked out beside."""
    try:
        await c.handler._finish_later()
    except BaseException as exception:
        if c.torn_down:
            raise
        c.state = DONE
        _failed(c, exception)
        await c.handled()
    _finish_answer(c)


def _finish_answer(c: Connection) -> None:
    c.state = CLOSING
    if c.exception is None:
        c.outcome, c.reason = "ok", "finished"
    if c.outcome in ("ok", "error"):
        c.part_now()
    c.server._core_forget(c)
    c.release()


async def _first_byte(c: Connection) -> str | None:
    """Wait on the front until the client has spoken, where the handler waits for that anyway."""
    total = c.limits.total
    if total is not None:
        c.deadline = c.server.clock() + total
    patience = c.server._core_patience(c)
    if patience is None:
        return None
    c.open_channel()
    try:
        if c.transformed:
            return None
        await c.wait_arrival(patience if patience > 0 else None)
    except (Aborted, OSError) as exception:
        c.rejected_by = c.rejected_by or ("limits" if isinstance(exception, Aborted) else "peer")
        return str(exception)
    return None


def _reject(c: Connection, reason: str, *, crowded: bool) -> None:
    """The end of a request that was not admitted: told, then closed as `socketserver` closes a refused one.

    If there are too many, and the handler's protocol has words for that, the client is told them first.
    """
    c.outcome, c.reason = "rejected", reason
    if c.hooks.request_rejected:
        observe(c.hooks.request_rejected, c)
    c.state = CLOSING
    try:
        if crowded:
            _say_so(c, reason)
        _end(c)
    finally:
        c.release()


def _say_so(c: Connection, reason: str) -> None:
    """Send what the handler's protocol says to a client too many, as far as it can be sent without waiting."""
    words = c.server._core_handler.refusal
    # Before the layers are through the client would take it for what a layer says.
    if words is None or not c.server.is_stream or (c.hooks.open_connection and not c.transformed):
        return
    try:
        data = words(reason)
        if data:
            c.open_channel()
            c.write(data)
            # What the client has sent is taken in: closing with unread input would reset the connection, and the words
            # with it (RFC 2525, section 2.17).
            if c.channel is not None and not c.channel.blocking:
                c.channel.receive(c.limits.read_size)
    except (OSError, PlugserveError):
        pass  # it is gone, or takes nothing
    except Exception as exception:
        report(f"{c.server.handler_name}.refusal", exception)


async def _handle(c: Connection, facts: HandlerFacts) -> None:
    """`setup`, the handler within its wrappers, `finish`, and `handle_error` if it failed."""
    hooks, server = c.hooks, c.server
    c.state = HANDLING
    if hooks.setup:
        refusal = gate(hooks.setup, c)
        if refusal is not None:
            c.outcome, c.reason, c.state = "rejected", refusal, DONE
            if hooks.request_rejected and not c.away:
                observe(hooks.request_rejected, c)
            return
    error: BaseException | None = None
    try:
        wrappers = Wrappers(hooks.handle, c) if hooks.handle else None
        try:
            before, current.connection = current.connection, c
            try:
                if facts.finishes_plainly:
                    server.RequestHandlerClass(c.request, c.client_address, server)
                else:
                    server.finish_request(c.request, c.client_address)
            finally:
                current.connection = before
            if c.handler is not None:
                if server.draining is not None:
                    server._core_say_goodbye(c, server.draining)
                await c.handler._live()
        except BaseException as exception:
            if wrappers is not None and not c.torn_down:
                wrappers.leave(exception)
            raise
        if wrappers is not None:
            wrappers.leave(None)
    except BaseException as exception:
        if c.torn_down:
            raise
        error = exception
    if c.strayed:
        # The parent goes on with the life of this request; this child only has to end.
        c.exception, c.state = error, HANDLING
        return
    if hooks.finish:
        observe(hooks.finish, c)
    c.state = DONE
    if error is None and not c.counted and isinstance(c.aborted, DeadlineExceeded):
        # A classic handler sees a deadline as the end of the stream only.
        c.outcome, c.reason = "aborted", text_of(c.aborted)
    elif error is None:
        c.outcome, c.reason = "ok", c.reason or "finished"
    else:
        _failed(c, error)


def _failed(c: Connection, error: BaseException) -> None:
    """Classify by the owner of the failure, and tell."""
    c.exception = error
    if not c.counted and isinstance(error, OSError) and isinstance(c.aborted, DeadlineExceeded):
        c.outcome, c.reason = "aborted", text_of(c.aborted)
    elif c.ended_by(error) and not isinstance(c.aborted, OSError):
        c.outcome, c.reason = "aborted", text_of(c.aborted or error)
    elif (
        error is c.aborted
        or isinstance(error, EndOfStream)
        or hung_up(error, c.request if c.server.is_stream else None)
    ):
        c.outcome, c.reason = "peer-closed", "the peer hung up"
    else:
        c.outcome, c.reason = "error", f"{type(error).__name__} in the handler"
    if c.hooks.handle_error and not c.away:
        observe(c.hooks.handle_error, c)


async def _part(c: Connection) -> None:
    """Flush, and part from the peer: whatever fails on the way, the socket is closed next."""
    try:
        await c.part()
    except (OSError, PlugserveError, HandlerIgnoredAbort):
        pass  # the peer is gone, or too slow to be waited for
    except Exception as exception:
        report("a transform's close()", exception)


def _end(c: Connection) -> None:
    """Call the server's own closing method, and make the facts final even if it fails."""
    server = c.server
    if (c.interest or c.outgoing) and c.front is not None:
        c.front.part(c)
    try:
        if c.hooks.connection_closed or c.hooks.request_rejected or c.away:
            c.capture_totals()
        server._core_end_request(c)
    finally:
        server._core_forget(c)


def _adopt(c: Connection, told: Report) -> None:
    """Take over what a child reports, and tell the observers, who live in this process."""
    c.outcome, c.reason, c.rejected_by = told.outcome, told.reason, told.rejected_by
    c.exception, c.total_in, c.total_out = told.exception, told.total_in, told.total_out
    if told.identity is not None:
        c.identity = told.identity
    if c.exception is not None and c.hooks.handle_error:
        observe(c.hooks.handle_error, c)
    if c.outcome == "rejected" and c.hooks.request_rejected:
        observe(c.hooks.request_rejected, c)
    c.server._core_forget(c)


_HANG_UPS = {errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ESHUTDOWN, errno.ENOTCONN}


def hung_up(exception: BaseException | None, sock: object) -> bool:
    """Whether an exception only says that the client went away, which is not an error of the server.

    Parameters:
        exception: what the handler raised.
        sock: the client's socket; None if there is none. A handler talks to other peers, too: only if this one is
            really dead does the exception belong to it.
    """
    if not isinstance(exception, OSError) or exception.errno not in _HANG_UPS:
        return False
    import select
    import socket

    if hasattr(sock, "hung_up"):
        return bool(sock.hung_up())
    if not isinstance(sock, socket.socket):
        return False
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sock.fileno(), select.POLLIN | getattr(select, "POLLRDHUP", 0))
            gone = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
            return any(events & gone for _, events in poll.poll(0))
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except (OSError, ValueError):
        return True
