"""The life of a request as a drawing: an SVG document of its own, from what `explain.explain` tells.

From top to bottom in call order: a panel for each place where steps run, in it a row a step, in the row every plugin
with the line that asks for it. Whoever may refuse is tied to a rail at the right, which leads to `request_rejected`.
With a verdict, the way that the client takes is marked along the spine at the left, and whoever refuses it with the
reason.

Rules:

1. Content apart from geometry: `_rows` says what stands where, `_Canvas` writes marks and knows every text's box.
2. Every text from outside is escaped, and what is too long is shortened, with the whole of it in a tooltip.
3. What a colour says, a sign or a word says as well. Colours follow the reader's choice of light or dark, and have a
   contrast of 4.5 to 1 at least (WCAG 2.2, 1.4.3).
4. No script, no reference to anything outside, the same bytes for the same input.

Source: SVG 2 (W3C), and WAI-ARIA Graphics for `role="img"` with `<title>` and `<desc>`.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Box", "boxes_of", "draw"]

_WIDTH: Final = 1080
_MARGIN: Final = 24
_SPINE: Final = 62
_NAME: Final = 84
_RULE: Final = 268
_PLUGIN: Final = 356
_RAIL: Final = 1016
_ROW: Final = 30
_PANEL_HEAD: Final = 34
_GAP: Final = 14

_STYLE: Final = """\
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; } .panel { fill: #f5f7f8; stroke: #d5dbdf; }
.ink { fill: #14202b; } .quiet { fill: #566573; } .chip { fill: #e2f1ee; stroke: #0b6e63; } .name { fill: #064b43; }
.line { stroke: #9aa7b2; fill: none; } .rail { stroke: #a3412a; fill: none; } .refuse { fill: #a3412a; }
.way { stroke: #0b6e63; fill: none; } .good { fill: #0b6e63; } .bad { fill: #a3412a; }
.dot { fill: #ffffff; stroke: #9aa7b2; } .passed { fill: #0b6e63; stroke: #0b6e63; }
.stop { fill: #a3412a; stroke: #a3412a; }
.denier { fill: #fbe9e4; stroke: #a3412a; }
@media (prefers-color-scheme: dark) {
.paper { fill: #12181d; } .panel { fill: #1a2228; stroke: #34414b; }
.ink { fill: #e8eef2; } .quiet { fill: #9fb0bd; } .chip { fill: #12352f; stroke: #5fcbb9; } .name { fill: #c9f3ea; }
.line { stroke: #5c6c78; } .rail { stroke: #f0937a; } .refuse { fill: #f0937a; }
.way { stroke: #5fcbb9; } .good { fill: #5fcbb9; } .bad { fill: #f0937a; }
.dot { fill: #12181d; stroke: #5c6c78; } .passed { fill: #5fcbb9; stroke: #5fcbb9; }
.stop { fill: #f0937a; stroke: #f0937a; }
.denier { fill: #43211a; stroke: #f0937a; }
}"""


@dataclass(frozen=True)
class Box:
    """Where a text stands: its corners in pixels, from the left and the top, and the text as it is shown."""

    left: float
    top: float
    right: float
    bottom: float
    text: str


@dataclass
class _Canvas:
    """Marks in the order in which they are drawn, and where the texts among them stand."""

    marks: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def add(self, mark: str) -> None:
        """Put something on top of the rest."""
        self.marks.append(mark)

    def text(
        self, x: float, y: float, words: str, style: str, *, size: int = 13, bold: bool = False, room: float = 1e9
    ) -> float:
        """Write on one line, its baseline at `y`; what has no room is shortened. Returns where the text ends."""
        words = _printable(words)
        shown = _shortened(words, size, bold, room)
        width = _width(shown, size, bold)
        weight = ' font-weight="600"' if bold else ""
        tooltip = f"<title>{escape(words)}</title>" if shown != words else ""
        self.add(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}"{weight} class="{style}">{tooltip}{escape(shown)}</text>'
        )
        self.boxes.append(Box(x, y - size, x + width, y + size * 0.25, shown))
        return x + width

    def rectangle(self, x: float, y: float, width: float, height: float, style: str, radius: int = 8) -> None:
        """A box with round corners."""
        self.add(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" class="{style}"/>')

    def path(self, points: str, style: str, *, dashed: bool = False, thick: float = 1.5) -> None:
        """A line."""
        dashes = ' stroke-dasharray="4 4"' if dashed else ""
        self.add(f'<path d="{points}" class="{style}" stroke-width="{thick:g}"{dashes}/>')

    def dot(self, x: float, y: float, style: str, radius: float) -> None:
        """A circle on the spine."""
        self.add(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" class="{style}" stroke-width="1.5"/>')


def draw(listeners: Sequence[Mapping[str, Any]]) -> str:
    """A drawing of one or several listeners, one below the other.

    Parameters:
        listeners: each as `explain.explain` returns it, with or without a verdict.
    """
    canvas, height = _drawn(listeners)
    title = ", ".join(_printable(f"{one['name']} on {one['address']}") for one in listeners)
    description = "From top to bottom the steps in the life of a request, each with the plugins that take part in it."
    accessible = f'viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-labelledby="title description"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:g}" {accessible}>',
            f'<title id="title">{escape(f"The life of a request: {title}")}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{height:g}" class="paper"/>',
            *canvas.marks,
            "</svg>",
        ]
    )


def boxes_of(listeners: Sequence[Mapping[str, Any]]) -> list[Box]:
    """Where each text of the drawing stands."""
    return _drawn(listeners)[0].boxes


def _drawn(listeners: Sequence[Mapping[str, Any]]) -> tuple[_Canvas, float]:
    canvas = _Canvas()
    y: float = _MARGIN
    for number, listener in enumerate(listeners):
        y = _Listener(canvas, listener, number).draw(y) + (_MARGIN if number < len(listeners) - 1 else 0)
    return canvas, y + _MARGIN


# -- one listener ------------------------------------------------------------------------------------------------------

_REFUSERS: Final = ("vote", "gate", "pipeline")


class _Listener:
    """Draws one listener."""

    def __init__(self, canvas: _Canvas, listener: Mapping[str, Any], number: int) -> None:
        self.canvas = canvas
        self.listener = listener
        self.steps: list[Mapping[str, Any]] = list(listener["steps"])
        self.verdict: Mapping[str, Any] | None = listener["verdict"]
        self.spine: list[tuple[float, str]] = []
        """The height of each step that a request comes through, and its name."""
        self.ties: list[float] = []
        """The heights of those who may refuse."""
        self.landing = 0.0

    def draw(self, y: float) -> float:
        """Draw from a height on; returns the height where it ends."""
        y = self._head(y)
        if self.verdict is not None:
            y = self._verdict(self.verdict, y)
        here = len(self.canvas.marks)
        for place, steps in _by_place(self.steps):
            y = self._panel(place, steps, y)
        above = self.canvas.marks[here:]
        del self.canvas.marks[here:]
        panels = [mark for mark in above if 'class="panel"' in mark]
        self.canvas.marks += panels
        self._lines()
        self.canvas.marks += [mark for mark in above if 'class="panel"' not in mark]
        return y - _GAP

    def _head(self, y: float) -> float:
        write, one = self.canvas.text, self.listener
        x = write(_MARGIN, y + 18, one["name"], "ink", size=20, bold=True, room=420)
        write(x + 14, y + 18, one["address"], "ink", size=15, room=_WIDTH - _MARGIN - x - 14)
        labels = f"{one['handler_label']}, {one['engine_label']}"
        x = write(_MARGIN, y + 40, labels, "quiet", room=700)
        write(x + 14, y + 40, one["origin"], "quiet", room=_WIDTH - _MARGIN - x - 14)
        y += 52
        for key, value in one["options"].items():
            write(_MARGIN, y + 8, f"{key} = {_toml(value)}", "quiet", size=12, room=_WIDTH - 2 * _MARGIN)
            y += 18
        return y + 8

    def _verdict(self, verdict: Mapping[str, Any], y: float) -> float:
        votes = verdict["votes"]
        height = 40 + 20 * (len(votes) + len(verdict["assumed"])) + (8 if votes or verdict["assumed"] else 0)
        served = verdict["served"]
        self.canvas.rectangle(_MARGIN, y, _WIDTH - 2 * _MARGIN, height, "chip" if served else "denier")
        sign, word = ("✓", "served") if served else ("✗", "refused") if served is False else ("?", "cannot be told")
        text = f"{sign} client {verdict['client']}: {word}"
        if not served:
            text += f" at {verdict['ended_at']}: {verdict['reason']}"
        write = self.canvas.text
        write(_MARGIN + 16, y + 26, text, "good" if served else "bad", size=15, bold=True, room=_WIDTH - 90)
        line = y + 48
        for vote in votes:
            style = {"agrees": "good", "denies": "bad", "fails": "bad"}.get(vote["answer"], "quiet")
            write(_MARGIN + 32, line, vote["hook"], "quiet", room=150)
            write(_MARGIN + 200, line, vote["plugin"], "ink", bold=True, room=150)
            write(_MARGIN + 366, line, vote["answer"], style, room=90)
            write(_MARGIN + 466, line, vote["why"], "ink", room=_WIDTH - 2 * _MARGIN - 480)
            line += 20
        for assumed in verdict["assumed"]:
            write(_MARGIN + 32, line, f"assumed: {assumed}", "quiet", room=_WIDTH - 100)
            line += 20
        return y + height + _GAP

    def _panel(self, place: str, steps: Sequence[Mapping[str, Any]], y: float) -> float:
        height = _PANEL_HEAD + sum(_height(step) for step in steps) + 8
        self.canvas.rectangle(_MARGIN, y, _WIDTH - 2 * _MARGIN, height, "panel")
        self.canvas.text(_NAME, y + 22, place, "quiet", size=12, bold=True, room=_WIDTH - 200)
        row = y + _PANEL_HEAD
        for step in steps:
            self._step(step, row)
            row += _height(step)
        return y + height + _GAP

    def _step(self, step: Mapping[str, Any], y: float) -> None:
        middle = y + _ROW / 2
        calls = step["calls"]
        write = self.canvas.text
        write(_NAME, middle + 5, step["step"], "ink" if calls else "quiet", bold=bool(calls), room=_RULE - _NAME - 8)
        if step["rule"]:
            write(_RULE, middle + 4, step["rule"], "quiet", size=12)
        if not calls and step["note"]:
            write(_PLUGIN, middle + 4, step["note"], "quiet", size=12, room=_RAIL - _PLUGIN - 30)
        for index, call in enumerate(calls):
            self._call(step, call, y + index * _ROW)
        if step["when"] == "request" and step["step"] != "request_rejected":
            self.spine.append((middle, step["step"]))
        if step["step"] == "request_rejected":
            self.landing = middle

    def _call(self, step: Mapping[str, Any], call: Mapping[str, Any], y: float) -> None:
        vote = self._vote(step, call)
        denies = vote is not None and vote["answer"] in ("denies", "fails")
        name = _shortened(_printable(call["plugin"]), 13, True, 220)
        width = _width(name, 13, True) + 24
        self.canvas.rectangle(_PLUGIN, y + 3, width, _ROW - 6, "denier" if denies else "chip", radius=12)
        self.canvas.text(_PLUGIN + 12, y + 20, call["plugin"], "bad" if denies else "name", bold=True, room=220)
        x = _PLUGIN + width + 12
        if vote is not None and vote["answer"] != "not asked":
            sign = "✗" if denies else "✓" if vote["answer"] == "agrees" else "·"
            style = "bad" if denies else "good" if sign == "✓" else "quiet"
            x = self.canvas.text(x, y + 19, f"{sign} {vote['answer']}", style, size=12, bold=denies) + 12
        self.canvas.text(x, y + 19, call["origin"], "quiet", size=12, room=_RAIL - x - 40)
        if step["rule"] in _REFUSERS and step["when"] == "request":
            self.ties.append(y + _ROW / 2)

    def _vote(self, step: Mapping[str, Any], call: Mapping[str, Any]) -> Mapping[str, Any] | None:
        votes = self.verdict["votes"] if self.verdict is not None else ()
        return next((one for one in votes if (one["hook"], one["plugin"]) == (step["hook"], call["plugin"])), None)

    # -- lines -------------------------------------------------------------------------------------------------------

    def _lines(self) -> None:
        if not self.spine:
            return
        ended = self.verdict["ended_at"] if self.verdict is not None else ""
        names = [name for _, name in self.spine]
        refused_at = names.index(ended) if ended in names else None
        first, last = self.spine[0][0], self.spine[-1][0]
        self.canvas.path(f"M {_SPINE} {first:g} V {last:g}", "line")
        if self.verdict is not None:
            end = last if refused_at is None else self.spine[refused_at][0]
            if self.verdict["served"] or refused_at is not None:
                self.canvas.path(f"M {_SPINE} {first:g} V {end:g}", "way", thick=4)
        for index, (y, name) in enumerate(self.spine):
            self.canvas.dot(_SPINE, y, self._dot(index, refused_at, name), 5)
        self._rail()

    def _dot(self, index: int, refused_at: int | None, name: str) -> str:
        if self.verdict is None:
            return "dot"
        if refused_at is not None:
            return "passed" if index < refused_at else "stop" if index == refused_at else "dot"
        return "passed" if self.verdict["served"] and name not in ("handle_error", "out_of_band") else "dot"

    def _rail(self) -> None:
        """From everybody who may refuse down to request_rejected."""
        if not self.ties or not self.landing:
            return
        for y in self.ties:
            self.canvas.path(f"M {_RAIL - 24} {y:g} H {_RAIL}", "rail", dashed=True)
        self.canvas.path(f"M {_RAIL} {self.ties[0]:g} V {self.landing:g} H {_RAIL - 24}", "rail", dashed=True)
        tip, y = _RAIL - 30, self.landing
        self.canvas.add(f'<path d="M {tip} {y:g} l 9 -5 v 10 z" class="refuse"/>')
        self.canvas.text(_RAIL - 68, self.ties[0] + 4, "refuse", "refuse", size=12)


def _by_place(steps: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Steps that follow each other at the same place, together."""
    place, here = "", list[Any]()
    for step in steps:
        if here and step["place"] != place:
            yield place, here
            here = []
        place = step["place"]
        here.append(step)
    if here:
        yield place, here


def _toml(value: object) -> str:
    """An option as it could stand in a file."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _height(step: Mapping[str, Any]) -> int:
    return _ROW * max(1, len(step["calls"]))


# -- text --------------------------------------------------------------------------------------------------------------


def _printable(text: str) -> str:
    """Without what XML cannot hold, or would turn the direction of the text around."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(text))


def _width(text: str, size: int, bold: bool) -> float:
    """How wide a text is at the most, in pixels: its font is not known, so that of wide letters is taken."""
    em = sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else _LETTER.get(letter, 0.58) for letter in text)
    return em * size * (1.06 if bold else 1.0)


_LETTER: Final[Mapping[str, float]] = {
    **dict.fromkeys("ijl.,:;'|!", 0.3),
    **dict.fromkeys("ftr()[]/ -", 0.4),
    **dict.fromkeys("mwMW@%", 0.95),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ_&#=+", 0.72),
}
"""The widths of letters in ems, rounded up from common sans-serif fonts."""


def _shortened(text: str, size: int, bold: bool, room: float) -> str:
    if _width(text, size, bold) <= room:
        return text
    while text and _width(text + "…", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"
