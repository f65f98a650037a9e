"""A plugin that writes down every hook that is called, across a fork, too."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from plugserve.context import Context
from plugserve.hookspecs import hookimpl

__all__ = ["Recorder"]


class Recorder:
    """Records hooks in the order of their calls.

    An event is `[hook, facts]`, where the facts are those that are the same on every engine.
    """

    plugin_name = "recorder"

    def __init__(self) -> None:
        # A file opened for appending: a child's lines come in whole, behind what the parent wrote before.
        self._file = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115  # closed by close()

    @property
    def events(self) -> list[list[Any]]:
        """What was called so far."""
        # At a place of its own (pread(2)): whoever writes meanwhile, in a thread or a child, moves the file's place.
        file = self._file.fileno()
        return [json.loads(line) for line in os.pread(file, os.fstat(file).st_size, 0).splitlines()]

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called so far."""
        return [event[0] for event in self.events]

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _record(self, hook: str, **facts: Any) -> None:
        self._file.write(json.dumps([hook, facts]).encode() + b"\n")

    @hookimpl
    def verify_request(self, context: Context) -> None:
        self._record("verify_request", outcome=context.outcome)

    @hookimpl
    def authorize(self, client_address: Any, context: Context) -> None:
        self._record("authorize", host=client_address[0], identity=_named(context.identity))

    @hookimpl
    def request_rejected(self, client_address: Any, context: Context, reason: str) -> None:
        self._record("request_rejected", host=client_address[0], by=context.rejected_by, reason=reason)

    @hookimpl
    def process_request(self, client_address: Any) -> None:
        self._record("process_request", host=client_address[0])

    @hookimpl
    def setup(self, context: Context) -> None:
        self._record("setup", identity=_named(context.identity))

    @hookimpl(wrapper=True)
    def handle(self) -> Any:
        self._record("handle")
        try:
            yield
        finally:
            self._record("handled")

    @hookimpl
    def finish(self, client_address: Any) -> None:
        self._record("finish", host=client_address[0])

    @hookimpl
    def handle_error(self, exception: BaseException) -> None:
        kind = getattr(exception, "kind", type(exception).__name__)  # a ChildError carries the original's name
        self._record("handle_error", exception=kind)

    @hookimpl
    def connection_closed(self, client_address: Any, context: Context, reason: str) -> None:
        self._record("connection_closed", host=client_address[0], outcome=context.outcome, reason=reason)


def _named(identity: object) -> str | None:
    return None if identity is None else str(identity)
