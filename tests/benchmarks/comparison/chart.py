"""The figures as a drawing: server CPU a request, one panel a workload, the same bytes for the same figures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from html import escape

from .competitors import COMPETITORS
from .rounds import Rounds, median
from .workloads import WORKLOADS

__all__ = ["draw"]

WIDTH, COLUMNS, MARGIN = 960, 2, 16
LABEL, BAR = 238, 150  # pixels for names, and for the longest bar
ROW, HEAD, GAP = 21, 42, 18

_STYLE = """svg { color-scheme: light dark; }
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; } .ink { fill: #14202b; } .quiet { fill: #52616e; } .head { font-weight: 600; font-size: 13px; }
.ours { fill: #0b6e63; } .limit { fill: #3d4b57; } .other { fill: #9aa7b2; } .name { fill: #064b43; }
@media (prefers-color-scheme: dark) {
.paper { fill: #12181d; } .ink { fill: #e8eef2; } .quiet { fill: #a9b6c0; }
.ours { fill: #5fcbb9; } .limit { fill: #c3ced6; } .other { fill: #62717d; } .name { fill: #8fe0d2; }
}"""


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _cost(rounds: Rounds) -> list[tuple[float, str]]:
    """Median CPU a request and name, the cheapest first."""
    costs = [(median(figures, lambda one: one.cpu), name) for name, figures in rounds.items()]
    return sorted((cost, name) for cost, name in costs if cost is not None)


def _panel(x: float, y: float, title: str, costs: list[tuple[float, str]]) -> list[str]:
    # One server may take a hundred times as long as another. What takes more than three times the median is cut off, so
    # that the others can be told apart; its figure stands beside it.
    most = min(max(cost for cost, _ in costs), 3 * statistics.median(cost for cost, _ in costs))
    parts = [_text(x, y + 16, title, "ink head")]
    for row, (cost, name) in enumerate(costs):
        top = y + HEAD - 16 + row * ROW
        competitor = COMPETITORS[name]
        kind = "ours" if competitor.ours else "limit" if competitor.script is None else "other"
        length = BAR * min(1.0, cost / most)
        parts.append(_text(x + LABEL - 8, top + 13, competitor.title, "name" if competitor.ours else "ink", "end"))
        parts.append(f'<rect x="{x + LABEL:.1f}" y="{top + 2:.1f}" width="{length:.1f}" height="14" class="{kind}"/>')
        if cost > most:
            cut = x + LABEL + BAR - 14
            parts.append(f'<path d="M{cut:.1f} {top + 17:.1f}l5 -16h4l-5 16z" class="paper"/>')
        parts.append(_text(x + LABEL + length + 6, top + 13, f"{cost:,.1f}", "quiet"))
    return parts


def draw(results: Mapping[str, Rounds], caption: str) -> str:
    """An SVG drawing, light or dark as the reader has it.

    Parameters:
        results: by the workload's name.
        caption: machine and date, below the title.
    """
    panels = [(WORKLOADS[name].title, _cost(rounds)) for name, rounds in results.items()]
    panels = [(title, costs) for title, costs in panels if costs]
    heights = [HEAD + ROW * len(costs) + GAP for _, costs in panels]
    columns = [float(68)] * COLUMNS
    body: list[str] = []
    for (title, costs), height in zip(panels, heights, strict=True):
        column = columns.index(min(columns))
        x = MARGIN + column * (WIDTH - MARGIN) / COLUMNS
        body += _panel(x, columns[column], title, costs)
        columns[column] += height
    bottom = max(columns)
    summary = "; ".join(
        f"{title}: " + ", ".join(f"{COMPETITORS[name].title} {cost:.1f}" for cost, name in costs)
        for title, costs in panels
    )
    size = f'width="{WIDTH}" height="{bottom:.0f}" viewBox="0 0 {WIDTH} {bottom:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        '<title id="title">Server CPU a request</title>',
        f'<desc id="description">Microseconds. {escape(summary)}.</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{bottom:.0f}" class="paper"/>',
        _text(MARGIN, 26, "Server CPU a request, in microseconds: less is better", "ink head"),
        _text(MARGIN, 46, caption, "quiet"),
        *body,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
