"""Scenarios on `socketserver` and on plugserve: the same bytes, calls and exceptions, but for what is listed."""

from __future__ import annotations

import ast
import difflib
import socketserver
from pathlib import Path
from typing import NamedTuple

import pytest

import plugserve

from .scenarios import SCENARIOS, Scenario
from .stage import CLASSES, Transcript, play


class Improvement(NamedTuple):
    """Where plugserve differs on purpose.

    Parameters:
        parts: the actors whose part of the transcript differs.
        reason: why.
        test: the function in test_weak_spots.py that says what happens instead.
        engines: on which engines.
        transports: over which transports.
    """

    parts: set[str]
    reason: str
    test: str
    engines: tuple[str, ...] = ("sync", "threading", "forking")
    transports: tuple[str, ...] = ("tcp", "udp", "unix", "unix-dgram")


HANG_UP = Improvement(
    {"stderr"},
    "that a client hung up is no error of the server: the method handle_error is called, and prints nothing",
    "test_a_client_that_hangs_up_is_no_traceback",
)
DYING_CHILD = Improvement(
    {"stderr"},
    "a child that dies of something else than its handler says so, instead of vanishing without a word",
    "test_a_child_that_dies_of_its_own_methods_says_so",
    engines=("forking",),
)
IMPROVEMENTS = {
    "truncated": Improvement(
        {"loop", "place 1"},
        "a datagram that is too long is reported and dropped; the handler never sees a half",
        "test_a_truncated_datagram_is_told_to_the_hook_and_never_delivered",
    ),
    "reset_before_reading": HANG_UP,
    "gone_while_writing": HANG_UP,
    "gone_before_flushing": HANG_UP,
    "gone_at_once": HANG_UP._replace(transports=("unix",)),
    "setup_raises_generator": DYING_CHILD,
    "handle_raises_generator": DYING_CHILD,
    "finish_raises_generator": DYING_CHILD,
    "handle_error_raises": DYING_CHILD,
    "shutdown_request_raises": DYING_CHILD,
    "close_request_raises": DYING_CHILD,
    "exit_while_served_inline": Improvement(
        {"loop", "client 2"},
        "sys.exit() in a handler ends its request, not the server",
        "test_only_shutdown_ends_serve_forever",
        engines=("sync",),
    ),
    "verify_raises": Improvement(
        {"loop"},
        "a request that could not be verified is closed as a refused one is, not left to the garbage collector",
        "test_a_request_that_cannot_be_verified_is_closed",
    ),
    "handle_error_raises_inline": Improvement(
        {"loop"},
        "the request is closed even if handle_error fails, as in a thread",
        "test_a_request_is_closed_even_if_handle_error_fails",
        engines=("sync",),
    ),
}
"""By scenario: all that may differ."""


# A handler that fails in `finish` leaves its files open, on both modules.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_both_modules_do_the_same(scenario: Scenario, no_drift: list[str]) -> None:
    """Bytes on the wire, calls of methods in each thread and process, exceptions that leave, and what is printed: all
    equal, but for what is listed, and what is listed does differ."""
    wrong = []
    listed = IMPROVEMENTS.get(scenario.name)
    for name in scenario.classes:
        engine, transport = CLASSES[name]
        parts = listed.parts if listed and engine in listed.engines and transport in listed.transports else set()
        theirs = play(socketserver, name, scenario.play)
        try:
            ours = play(plugserve, name, scenario.play)
        except Exception as error:
            # Not the server's: the scenario could not be played to its end.
            wrong.append(f"{name}: {type(error).__name__}: {error}")
            continue
        differing = {part for part in theirs | ours if theirs.get(part) != ours.get(part)}
        if differing - parts or (parts and not differing):
            wrong.append(_difference(name, theirs, ours) or f"{name}: no difference; take it out of the list")
    # What the core logs beside it: no part of the comparison, and no surprise where something went wrong on purpose.
    if listed is not None:
        no_drift.clear()
    no_drift[:] = [record for record in no_drift if "forking while other threads run" not in record]
    assert not wrong, "\n\n".join(wrong)


def _difference(name: str, *transcripts: Transcript) -> str:
    lines = [[f"{actor}: {line}" for actor in sorted(one) for line in one[actor]] for one in transcripts]
    return "\n".join(difflib.unified_diff(*lines, f"socketserver.{name}", f"plugserve.{name}", n=99, lineterm=""))


def test_every_class_and_every_improvement_is_covered() -> None:
    """Each server class is in the comparison, each listed improvement is a scenario, and its own test exists."""
    assert {name for scenario in SCENARIOS for name in scenario.classes} == set(CLASSES)
    assert set(IMPROVEMENTS) <= {scenario.name for scenario in SCENARIOS}
    tree = ast.parse(Path(__file__).with_name("test_weak_spots.py").read_text("utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {improvement.test for improvement in IMPROVEMENTS.values()} <= tests
