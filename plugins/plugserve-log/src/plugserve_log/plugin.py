"""The plugin: its options, and what it takes down at which moment in the life of a request."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from pathlib import Path
from time import time
from typing import IO, Any, Literal

from plugserve import BaseServer, Context, hookimpl
from plugserve.errors import ConfigurationError

from .facts import (
    REJECTED,
    REQUEST,
    Listener,
    belongs_to_peer,
    client_fields,
    error_fields,
    exception_name,
    text_of,
)
from .journal import Journal
from .records import RecordHandler
from .rendering import LEVELS, Level, Renderer
from .sink import Sink, open_sink

__all__ = ["CLOSE_TIMEOUT", "Log"]

CLOSE_TIMEOUT = 2.0
"""Seconds that closing the last server spends on a sink that does not take the rest of the log."""


class Log:
    """Writes one line for each request, each rejection, each error, and each server's start and stop.

    The lines are made and written by a thread of its own. A sink that is full or blocked never holds up a request:
    lines wait in a bounded queue; what does not fit is dropped, counted, and told in the log where it is missing.

    Parameters:
        path: the file to append to, made with mode 0640 if there is none. It may be renamed or removed at any time;
            what follows goes to a new one of that name. Without it, standard error.
        format: `"human"`, `"json"` (one object a line, all ASCII), or `"auto"`: human on a terminal, JSON elsewhere.
        level: the least level of lines that are written. Requests are `info`, failures of handlers `error`, clients
            that hung up `debug`.
        queue_size: lines that may wait for the sink; some 500 bytes each.
        stream: in code, an open file or any object with `write`, instead of `path`.

    Errors: `ConfigurationError` for options that cannot be; at the server's start, for a path that cannot be written.

    Resource handling: the sink is opened when the first server starts, and closed when the last one that has this
    instance is closed, or when the interpreter ends.
    """

    plugin_name = "log"
    watches_only = True
    reports_errors = True

    def __init__(
        self,
        *,
        path: str | Path | None = None,
        format: Literal["auto", "human", "json"] = "auto",  # noqa: A002  # it is the option's name
        level: Literal["debug", "info", "warning", "error"] = "info",
        queue_size: int = 65536,
        stream: IO[Any] | None = None,
    ) -> None:
        if path is not None and stream is not None:
            raise ConfigurationError("path and stream are both given: remove one", option="stream")
        if format not in ("auto", "human", "json"):
            raise ConfigurationError(f"format is {format!r}: give 'auto', 'human' or 'json'", option="format")
        if level not in LEVELS:
            raise ConfigurationError(f"level is {level!r}: give one of {', '.join(map(repr, LEVELS))}", option="level")
        if queue_size < 1:
            raise ConfigurationError(
                f"queue_size is {queue_size}: give a number of lines, at least 1", option="queue_size"
            )
        self._path = path
        self._stream = stream
        self._format = format
        self._least = LEVELS[level]
        self._infos = self._least <= LEVELS["info"]
        self._journal = Journal(queue_size)
        self._put = self._journal.put
        self._lock = threading.Lock()
        self._listeners: dict[int, Listener] = {}
        self._records: RecordHandler | None = None

    # -- the server ----------------------------------------------------------------------------------------------------

    @hookimpl
    def server_activate(self, server: BaseServer) -> None:
        """Open the sink, unless another server has, and write that this one starts."""
        with self._lock:
            if not self._listeners:
                self._open()
            self._listeners[id(server)] = listener = Listener(server)
        self._tell("info", "start", listener.fields())

    @hookimpl
    def server_close(self, server: BaseServer) -> None:
        """Write that it stops; after the last one, write all that is queued and close the sink."""
        with self._lock:
            listener = self._listeners.pop(id(server), None)
            if listener is None:
                return
            self._tell("info", "stop", listener.fields())
            if not self._listeners:
                self._close()

    @hookimpl
    def service_actions(self) -> None:
        """See that lines do not lie about which were put while the process forked."""
        self._journal.service()

    # -- its requests --------------------------------------------------------------------------------------------------

    @hookimpl
    def connection_closed(self, server: BaseServer, context: Context, reason: str) -> None:
        """One line a request that was admitted."""
        # The one call that every request pays for: references only, no text is made here.
        if self._infos:
            identity = context.identity
            self._put(
                (
                    REQUEST,
                    self._listeners.get(id(server)) or Listener(server),
                    context.id,
                    context.client_address,
                    context.peer_address,
                    identity if identity is None else text_of(identity),
                    context.outcome,
                    reason,
                    None,
                    context.accepted_at,
                    context.duration,
                    context.bytes_in,
                    context.bytes_out,
                )
            )

    @hookimpl
    def request_rejected(self, server: BaseServer, context: Context, reason: str) -> None:
        """One line a request that was refused."""
        if self._infos:
            identity = context.identity
            self._put(
                (
                    REJECTED,
                    self._listeners.get(id(server)) or Listener(server),
                    context.id,
                    context.client_address,
                    context.peer_address,
                    identity if identity is None else text_of(identity),
                    context.outcome,
                    text_of(reason),
                    context.rejected_by,
                    context.accepted_at,
                    context.duration,
                    context.bytes_in,
                    context.bytes_out,
                )
            )

    @hookimpl
    def handle_error(self, server: BaseServer, context: Context, exception: BaseException) -> None:
        """One line for a failure, with its traceback; at most one a connection and class of exception."""
        peers = belongs_to_peer(context.outcome, exception)
        if LEVELS["debug" if peers else "error"] < self._least:
            return
        told: set[str] = context.data.setdefault(self, set())
        name = exception_name(exception)
        if name in told:
            return
        told.add(name)
        listener = self._listeners.get(id(server)) or Listener(server)
        fields = client_fields(listener, context) | error_fields(exception, trace=not peers)
        if peers:
            self._tell("debug", "hung-up" if context.outcome == "peer-closed" else "peer", fields)
        else:
            self._journal.put_now(("error", "error", time(), fields))

    # -- for people and signal handlers --------------------------------------------------------------------------------

    def reopen(self) -> None:
        """Open the file anew before the next line, as `logrotate` asks for by a signal; safe in a signal handler.

        Not needed where the file was renamed or removed: that is seen within a second.
        """
        self._journal.reopen()

    def flush(self, timeout: float = CLOSE_TIMEOUT) -> bool:
        """Wait until all lines so far are written.

        Parameters:
            timeout: seconds at the most.

        Returns: whether they are.
        """
        return self._journal.flush(timeout)

    @property
    def dropped(self) -> int:
        """Lines that never reached the sink, because it did not take them in time."""
        return self._journal.dropped

    @property
    def written(self) -> int:
        """Lines that did."""
        return self._journal.written

    # -- inside --------------------------------------------------------------------------------------------------------

    def _tell(self, level: Level, event: str, fields: dict[str, Any]) -> None:
        if LEVELS[level] >= self._least:
            self._put((event, level, time(), fields))

    def _open(self) -> None:
        sink = open_sink(self._path, self._stream)
        renderer = self._renderer(sink)
        self._journal.open(sink, renderer.render)
        self._records = RecordHandler(self._take_record, renderer.render)
        self._records.setLevel(self._least)
        self._records.attach()
        atexit.register(self._at_exit)

    def _renderer(self, sink: Sink) -> Renderer:
        form = self._format
        if form == "auto":
            form = "human" if sink.terminal else "json"
        colours = sink.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        encoding = str(getattr(self._stream or sys.stderr, "encoding", None) or "utf-8")
        ascii_only = self._path is None and encoding.lower().replace("-", "") != "utf8"
        return Renderer(form, colours=colours, ascii_only=ascii_only)

    def _take_record(self, line: Any) -> None:
        if line[1] == "error":
            self._journal.put_now(line)
        else:
            self._put(line)

    def _close(self) -> None:
        atexit.unregister(self._at_exit)
        if self._records is not None:
            self._records.detach()
            self._records = None
        self._journal.close(CLOSE_TIMEOUT)

    def _at_exit(self) -> None:
        """Servers that nobody closed must not take the last lines with them."""
        # In a child whose parent forked within server_close() nobody would ever release it.
        if self._lock.acquire(timeout=CLOSE_TIMEOUT):
            try:
                self._listeners.clear()
                self._close()
            finally:
                self._lock.release()
