"""Lanes: kinds of work beside the loop, each with threads of its own, so that none holds up another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .errors import HostError

__all__ = ["USUAL", "Lane", "Worker"]


def _too_busy() -> Exception:
    return HostError("too much of this kind is to be done at once")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Lane:
    """A kind of work for `Connection.offload`. Each server has threads for each lane that it is asked for; calls wait
    for one of them in the order in which they came.

    Parameters:
        name: shown as the names of its threads.
        threads: calls that run at once.
        waiting: calls that may wait for a thread, beyond which they are refused at once; None: any number.
        patience: seconds that a call may wait for a thread, after which it is refused; None: any time.
        refusal: makes the exception that a refused call raises; a `HostError` if left out.
    """

    name: str
    threads: int
    waiting: int | None = None
    patience: float | None = None
    refusal: Callable[[], Exception] = _too_busy


USUAL: Final = Lane(name="offload", threads=8)
"""What is not asked to be elsewhere."""


class Worker:
    """The threads of one lane on one front. Its methods belong to the front's thread.

    Parameters:
        lane: whose threads.
    """

    def __init__(self, lane: Lane) -> None:
        from concurrent.futures import ThreadPoolExecutor  # which loads logging

        self._lane = lane
        self._under_way = 0
        self._pool = ThreadPoolExecutor(lane.threads, f"plugserve-{lane.name}")

    def submit(self, work: Callable[[], Any]) -> None:
        """Have it called. Errors: the lane's refusal, if too many wait."""
        lane = self._lane
        if lane.waiting is not None and self._under_way >= lane.threads + lane.waiting:
            raise lane.refusal()
        self._pool.submit(work)
        self._under_way += 1

    def done(self) -> None:
        """One of them has come back."""
        self._under_way -= 1

    def close(self) -> None:
        """What waits is not called any more; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
