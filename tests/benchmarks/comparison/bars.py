"""What this project wants to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .competitors import COMPETITORS
from .rounds import Rounds, median, ratio
from .workloads import WORKLOADS

__all__ = ["BARS", "Bar", "Verdict", "judge"]


@dataclass(frozen=True)
class Bar:
    """At most so much.

    Parameters:
        workload: its name.
        ours: the competitor that is to reach it.
        most: the value.
        base: whose figure is 1; None: `most` is an absolute figure.
        figure: `cpu` (a request), `memory` (bytes a connection) or `slowdown` (p99 as a multiple of that with none
            idle).
    """

    workload: str
    ours: str
    most: float
    base: str | None
    figure: str = "cpu"


BARS = [
    Bar("pingpong", "protocol+", 1.05, "uvloop-protocol"),
    Bar("pingpong", "protocol+", 1.20, "c"),
    Bar("pingpong", "coroutine", 0.90, "uvloop-streams"),
    Bar("pingpong", "coroutine", 0.75, "asyncio-streams"),
    Bar("pingpong", "threading", 1.05, "socketserver-threading"),
    Bar("connect", "protocol", 1.15, "uvloop-protocol"),
    Bar("connect", "protocol", 1.35, "c"),
    Bar("connect", "protocol+", 0.55, "socketserver-threading"),
    Bar("connect", "thread-pool", 0.55, "socketserver-threading"),
    Bar("udp", "protocol", 1.05, "uvloop-protocol"),
    Bar("udp", "protocol", 0.75, "socketserver"),
    Bar("idle", "protocol", 3 * 1024, None, "memory"),
    Bar("idle", "protocol", 1.00, "uvloop-protocol", "slowdown"),
    Bar("tls-16k", "protocol", 0.90, "asyncio-protocol"),
    Bar("tls-16k", "protocol", 1.05, "uvloop-protocol"),
    Bar("tls-handshake", "protocol", 1.10, "asyncio-protocol"),
    Bar("tls-handshake", "protocol", 1.10, "uvloop-protocol"),
    Bar("tls-idle", "protocol", 24 * 1024, None, "memory"),
]


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured; `reached` and `by` are None where something was not measured.

    Parameters:
        by: how far `measured` is above the bar, as a share of it; negative: below.
    """

    bar: Bar
    measured: float | None

    @property
    def reached(self) -> bool | None:
        return None if self.measured is None else self.measured <= self.bar.most

    @property
    def by(self) -> float | None:
        return None if self.measured is None else self.measured / self.bar.most - 1

    def words(self) -> list[str]:
        """The cells of a table: workload, ours, bar, measured, verdict."""
        bar = self.bar
        what = {"cpu": "", "memory": "", "slowdown": " p99 of the active, as a multiple of that with none idle,"}
        if bar.base is None:
            limit, measured = f"≤ {bar.most / 1024:g} KiB resident a connection", "—"
            if self.measured is not None:
                measured = f"{self.measured / 1024:.2f} KiB"
        else:
            limit = f"{what[bar.figure]} ≤ {bar.most:.2f} \N{MULTIPLICATION SIGN} {COMPETITORS[bar.base].title}".strip()
            measured = "—" if self.measured is None else f"{self.measured:.2f}"
        if self.by is None:
            verdict = "not measured"
        elif self.reached:
            verdict = f"reached ({self.by:+.0%})"
        else:
            verdict = f"missed by {self.by:.1%}"
        return [
            WORKLOADS[bar.workload].title,
            COMPETITORS[bar.ours].title.removeprefix("plugserve "),
            limit,
            measured,
            verdict,
        ]


def judge(results: Mapping[str, Rounds]) -> list[Verdict]:
    """Each bar beside what the rounds of its workload gave.

    Parameters:
        results: by the workload's name.
    """
    verdicts = []
    for bar in BARS:
        rounds = results.get(bar.workload, {})

        def figure(figures: object, name: str = bar.figure) -> float | None:
            value: float | None = getattr(figures, name)
            return value

        if bar.base is None:
            measured = median(rounds.get(bar.ours, ()), figure)
        else:
            measured = ratio(rounds, bar.ours, bar.base, figure)
        verdicts.append(Verdict(bar, measured))
    return verdicts
