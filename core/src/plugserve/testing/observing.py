"""What a test can see of one dialogue, and what differs between two."""

from __future__ import annotations

import difflib
import json
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from plugserve.context import Context
from plugserve.hookspecs import hookimpl

__all__ = ["Observation", "Observer", "assert_same", "differences"]

Event = tuple[int, str, dict[str, Any]]
"""The number of the request, the name of the hook, facts."""


@dataclass(frozen=True)
class Observation:
    """What was seen of one dialogue.

    Attributes:
        label: engine, handler, layers and pieces, for people.
        transcript: the plain bytes that the client received; over datagrams the reply to each, None for none.
        ended: how the stream ended for the client, and what was wrong with it.
        hooks: each hook in the order of the calls, with its facts in words. A dialogue is one request, or one for each
            datagram, which are numbered then.
        facts: the facts of the context when it was over, by name.
        orderly: as in `Dialogue`: whether a reset is another end than an orderly one, and "bytes in" counts.
        exact: as in `LayerPair`, for all layers: whether "bytes out" counts.
        steady: whether "bytes in" counts: not with two layers that make records. A client answers what it has got of a
            handshake, so its records in the outer layer depend on the pieces in which that came.
    """

    label: str
    transcript: bytes | tuple[bytes | None, ...]
    ended: str
    hooks: Sequence[str]
    facts: dict[str, Any]
    orderly: bool = True
    exact: bool = True
    steady: bool = True

    @property
    def hook_names(self) -> list[str]:
        """The hooks without their facts."""
        return [line.split(" ")[0] for line in self.hooks]


def differences(observation: Observation, reference: Observation) -> str:
    """What differs, for people; empty if nothing does. A number of bytes that one side does not know is no difference.

    Parameters:
        observation: what was seen.
        reference: what should have been.
    """
    parts: list[str] = []
    if observation.transcript != reference.transcript:
        parts.append(_beside("transcript", _lines(observation.transcript), _lines(reference.transcript)))
    if observation.ended != reference.ended and not (
        not observation.orderly and {observation.ended, reference.ended} <= {"end of stream", "reset"}
    ):
        parts.append(_beside("how the stream ended", [observation.ended], [reference.ended]))
    if list(observation.hooks) != list(reference.hooks):
        parts.append(_beside("hooks", observation.hooks, reference.hooks))
    facts = [
        name
        for name in sorted(observation.facts.keys() | reference.facts.keys())
        if observation.facts.get(name) != reference.facts.get(name) and _counts(name, observation, reference)
    ]
    if facts:
        mine, theirs = ([f"{name}: {seen.facts.get(name)}" for name in facts] for seen in (observation, reference))
        parts.append(_beside("facts", mine, theirs))
    if not parts:
        return ""
    return f"{observation.label}\ndiffers from\n{reference.label}\n\n" + "\n\n".join(parts)


def _counts(name: str, observation: Observation, reference: Observation) -> bool:
    """Whether a fact that differs counts as a difference."""
    if not name.startswith(("bytes in", "bytes out")):
        return True
    both_known = None not in (observation.facts.get(name), reference.facts.get(name))
    return (
        both_known
        and observation.orderly
        and (observation.steady if name.startswith("bytes in") else observation.exact)
    )


def assert_same(observation: Observation, reference: Observation) -> None:
    """Compare two dialogues that must be equal.

    Raises:
        AssertionError: they differ; the message shows in what, side by side.
    """
    difference = differences(observation, reference)
    if difference:
        raise AssertionError(difference)


def _lines(transcript: bytes | tuple[bytes | None, ...]) -> list[str]:
    if isinstance(transcript, tuple):
        return [f"{number}: {'no reply' if reply is None else repr(reply)}" for number, reply in enumerate(transcript)]
    return [repr(line) for line in transcript.splitlines(keepends=True)] or ["nothing"]


_WIDTH = 56
_SHOWN = 30
_LONGEST = 600


def _beside(title: str, mine: Sequence[str], theirs: Sequence[str]) -> str:
    """Two lists of lines side by side, marked where they differ; far from any difference lines are left out."""
    rows: list[tuple[str, str, str]] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(a=mine, b=theirs, autojunk=False).get_opcodes():
        left, right = list(mine[a:b]), list(theirs[c:d])
        if tag == "equal" and len(left) > 6:
            left = right = [*left[:3], "...", *left[-3:]]
        size = max(len(left), len(right))
        left += [""] * (size - len(left))
        right += [""] * (size - len(right))
        rows += [(" " if tag == "equal" else "|", x, y) for x, y in zip(left, right, strict=True)]
    if len(rows) > _SHOWN:
        rows = [*rows[:_SHOWN], ("|", f"... and {len(rows) - _SHOWN} lines more", "")]
    head = f"{title}:\n  {'here':{_WIDTH}} {'reference'}"
    return head + "".join(_row(*row) for row in rows)


def _row(mark: str, left: str, right: str) -> str:
    if mark == " " or max(len(left), len(right)) <= _WIDTH:
        return f"\n{mark} {_cut(left, _WIDTH):{_WIDTH}} {_cut(right, _WIDTH)}".rstrip()
    # The difference may lie where it would be cut off: one below the other.
    return f"\n{mark} here:      {_cut(left, _LONGEST)}\n{mark} reference: {_cut(right, _LONGEST)}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 12]}...{text[-9:]}"


class Observer:
    """A plugin that writes every hook of every request down, across a fork, too, and tells when requests are over."""

    plugin_name = "observer"
    reports_errors = True
    """So that the tracebacks of handlers that fail by intention are not printed."""

    def __init__(self) -> None:
        # Opened for appending: a child's lines come in whole, behind those that its parent wrote before the fork.
        self._file = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115  # closed by close()
        self._read = 0
        self._over = 0
        self._changed = threading.Condition()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    @property
    def over(self) -> int:
        """How many requests have come to their end."""
        with self._changed:
            return self._over

    def wait_over(self, count: int, patience: float) -> bool:
        """Wait until so many requests have come to their end.

        Parameters:
            count: counted from the beginning.
            patience: seconds at most.
        """
        until = monotonic() + patience
        with self._changed:
            return self._changed.wait_for(lambda: self._over >= count, until - monotonic())

    def take(self) -> list[Event]:
        """The events since the last call."""
        self._file.seek(self._read)
        lines = self._file.read().splitlines(keepends=True)
        self._read += sum(map(len, lines))
        return [(event[0], event[1], event[2]) for event in map(json.loads, lines)]

    def _record(self, hook: str, context: Context, **facts: Any) -> None:
        self._file.write(json.dumps([context.id, hook, facts], default=repr).encode() + b"\n")

    def _end(self, hook: str, context: Context, reason: str) -> None:
        self._record(
            hook,
            context,
            **{
                "outcome": context.outcome,
                "reason": reason,
                "rejected by": context.rejected_by,
                "identity": None if context.identity is None else repr(context.identity),
                "bytes in": context.bytes_in,
                "bytes out": context.bytes_out,
                "client's address": _plain(context.client_address),
                "peer's address": _plain(context.peer_address),
            },
        )
        with self._changed:
            self._over += 1
            self._changed.notify_all()

    @hookimpl
    def verify_request(self, context: Context) -> None:
        self._record("verify_request", context, outcome=context.outcome, local=_plain(context.local_address))

    @hookimpl
    def authorize(self, client_address: Any, context: Context) -> None:
        self._record("authorize", context, client=_plain(client_address), identity=repr(context.identity))

    @hookimpl
    def request_rejected(self, context: Context, reason: str) -> None:
        self._end("request_rejected", context, reason)

    @hookimpl
    def process_request(self, context: Context) -> None:
        self._record("process_request", context, outcome=context.outcome)

    @hookimpl
    def setup(self, context: Context) -> None:
        self._record("setup", context, identity=repr(context.identity))

    @hookimpl(wrapper=True)
    def handle(self, context: Context) -> Any:
        self._record("handle", context)
        try:
            yield
        except BaseException as exception:
            self._record("handled", context, raised=type(exception).__name__)
            raise
        self._record("handled", context)

    @hookimpl
    def finish(self, context: Context) -> None:
        self._record("finish", context, outcome=context.outcome)

    @hookimpl
    def handle_error(self, context: Context, exception: BaseException) -> None:
        kind = getattr(exception, "kind", type(exception).__name__)  # a ChildError carries the original's name
        self._record("handle_error", context, exception=kind)

    @hookimpl
    def connection_closed(self, context: Context, reason: str) -> None:
        self._end("connection_closed", context, reason)


def _plain(address: Any) -> Any:
    if isinstance(address, bytes):
        return address.decode("utf-8", "surrogateescape")
    return list(address) if isinstance(address, tuple) else address
