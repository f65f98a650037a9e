"""The life of a request as a drawing: an SVG document of its own, from what `explain.explain` tells.

From top to bottom in call order: a panel for each place where steps run, in it a row a step, in the row every plugin
with the line that asks for it. The spine at the left is the way of a request that is served; what comes only now and
then stands beside it. Whoever may refuse is tied to a rail at the right, which leads to `request_rejected`, and from
there to `close`. With a verdict, the way that the client takes is marked, and whoever refuses it with the reason.

Rules:

1. Content apart from geometry: `_Listener` says what stands where, `_Canvas` writes marks and knows every text's box.
2. Every text from outside is escaped, and what is too long is shortened, with the whole of it in a tooltip.
3. What a colour says, a sign, a word or the form of a line says as well. Colours follow the reader's choice of light or
   dark, and have a contrast of 4.5 to 1 at least (WCAG 2.2, 1.4.3).
4. No script, no reference to anything outside, the same bytes for the same input.

Source: SVG 2 (W3C), and SVG-AAM 1.0 for `role="img"` with `<title>` and `<desc>`.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Box", "boxes_of", "draw"]

_WIDTH: Final = 880
"""Pixels. A page on GitHub shows about as much without making it smaller."""
_MARGIN: Final = 20
_RIGHT: Final = _WIDTH - _MARGIN
_RETURN: Final = 36
_SPINE: Final = 54
_NAME: Final = 78
_ASIDE: Final = 16
_RULE: Final = 252
_PLUGIN: Final = 326
_RAIL: Final = 834
_ROW: Final = 30
_WHY: Final = 20
_PANEL_HEAD: Final = 34
_GAP: Final = 14

_STYLE: Final = """\
svg { color-scheme: light dark; }
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; } .panel { fill: #f5f7f8; stroke: #d5dbdf; } .place { fill: #ebf3f1; stroke: #c3d8d3; }
.ink { fill: #14202b; } .quiet { fill: #52616e; } .chip { fill: #e2f1ee; stroke: #0b6e63; } .name { fill: #064b43; }
.line { stroke: #9aa7b2; fill: none; } .rail { stroke: #a3412a; fill: none; } .refuse { fill: #a3412a; }
.way { stroke: #0b6e63; fill: none; } .good { fill: #0b6e63; } .bad { fill: #a3412a; }
.dot { fill: #ffffff; stroke: #9aa7b2; } .passed { fill: #0b6e63; stroke: #0b6e63; }
.stop { fill: #a3412a; stroke: #a3412a; }
.denier { fill: #fbe9e4; stroke: #a3412a; }
@media (prefers-color-scheme: dark) {
.paper { fill: #12181d; } .panel { fill: #1a2228; stroke: #34414b; } .place { fill: #172a2b; stroke: #2c4a49; }
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
    """Panels, upon them lines, upon those texts and dots; and where the texts stand."""

    panels: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        style: str,
        *,
        size: int = 13,
        bold: bool = False,
        room: float = 1e9,
        tooltip: str = "",
        anchor: Literal["start", "middle", "end"] = "start",
        keep_end: bool = False,
    ) -> float:
        """Write on one line, its baseline at `y`; what has no room is shortened. Returns where the text ends."""
        words = _printable(words)
        shown = _shortened(words, size, bold, room, keep_end)
        width = _width(shown, size, bold)
        tooltip = _printable(tooltip)
        if shown != words and words not in tooltip:
            tooltip = f"{words}, {tooltip}" if tooltip else words
        weight = ' font-weight="600"' if bold else ""
        anchored = f' text-anchor="{anchor}"' if anchor != "start" else ""
        title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
        place = f'x="{x:g}" y="{y:g}" font-size="{size}"{weight}{anchored}'
        self.marks.append(f'<text {place} class="{style}">{title}{escape(shown)}</text>')
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        self.boxes.append(Box(left, y - size, left + width, y + size * 0.25, shown))
        return left + width

    def rectangle(self, layer: list[str], x: float, y: float, width: float, height: float, style: str) -> None:
        """A box with round corners."""
        radius = min(8, height / 2) if layer is self.panels else height / 2
        layer.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" class="{style}"/>'
        )

    def path(self, points: str, style: str, *, dashed: bool = False, thick: float = 1.5) -> None:
        """A line."""
        dashes = ' stroke-dasharray="4 4"' if dashed else ""
        self.lines.append(f'<path d="{points}" class="{style}" stroke-width="{thick:g}"{dashes}/>')

    def tip(self, x: float, y: float, style: str, *, leftwards: bool) -> None:
        """The head of an arrow, its point at `x`."""
        self.marks.append(f'<path d="M {x:g} {y:g} l {9 if leftwards else -9} -5 v 10 z" class="{style}"/>')

    def dot(self, x: float, y: float, style: str) -> None:
        """A circle for a step."""
        self.marks.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" class="{style}" stroke-width="1.5"/>')


def draw(listeners: Sequence[Mapping[str, Any]]) -> str:
    """A drawing of one or several listeners, one below the other.

    Parameters:
        listeners: each as `explain.explain` returns it, with or without a verdict.
    """
    canvas, height = _drawn(listeners)
    title = ", ".join(f"{one['name']} on {one['address']}" for one in listeners)
    described = " ".join(sentence for one in listeners for sentence in _sentences(one))
    named = 'role="img" aria-labelledby="title" aria-describedby="description"'
    size = f'width="{_WIDTH}" height="{height:g}" viewBox="0 0 {_WIDTH} {height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named}>',
            f'<title id="title">{escape(_printable(f"The life of a request: {title}"))}</title>',
            f'<desc id="description">{escape(_printable(described))}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{height:g}" class="paper"/>',
            *canvas.panels,
            *canvas.lines,
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
        y = _Listener(canvas, listener).draw(y + (_MARGIN if number else 0)) + _MARGIN
    return canvas, _legend(canvas, y)


def _legend(canvas: _Canvas, y: float) -> float:
    """What the forms of lines mean. Returns where the drawing ends."""
    x: float = _MARGIN
    for words, style, dashed in (
        ("served", "line", False),
        ("refused, or failed", "rail", True),
        ("only now and then", "line", True),
    ):
        canvas.path(f"M {x:g} {y:g} H {x + 32:g}", style, dashed=dashed)
        x = canvas.text(x + 40, y + 4, words, "quiet", size=12) + 28
    return y + _MARGIN


def _sentences(listener: Mapping[str, Any]) -> Iterator[str]:
    """The whole drawing in words, for who hears it: of an image nothing else is read out (SVG-AAM 1.0)."""
    yield f"{listener['name']}, {listener['address']}: {listener['handler_label']}, {listener['engine_label']}."
    verdict = listener["verdict"]
    if verdict is not None:
        yield f"{_outcome(verdict)}."
        for vote in verdict["votes"]:
            why = f" ({vote['why']})" if vote["why"] else ""
            yield f"At {vote['hook']}, {vote['plugin']}: {vote['answer']}{why}."
    for step in listener["steps"]:
        calls = ", ".join(f"{call['label']} ({call['origin']})" for call in step["calls"])
        yield f"{step['step']}, {step['place']}: {calls or 'no plugin'}."


def _outcome(verdict: Mapping[str, Any]) -> str:
    word = {True: "served", False: "refused", None: "cannot be told"}[verdict["served"]]
    where = "" if verdict["served"] else f" at {verdict['ended_at']}: {verdict['reason']}"
    return f"client {verdict['client']}: {word}{where}"


# -- one listener ------------------------------------------------------------------------------------------------------

_REFUSERS: Final = ("vote", "gate", "pipeline")
_DENIALS: Final = ("denies", "fails")
_BESIDE: Final[Mapping[str, str]] = {"handle_error": "rail", "out_of_band": "line", "start_tls": "line"}
"""The steps that a request comes through only now and then, and how they hang on the spine."""
_SIGNS: Final = {"agrees": ("✓", "good"), "denies": ("✗", "bad"), "fails": ("✗", "bad"), "cannot tell": ("?", "ink")}


class _Listener:
    """Draws one listener."""

    def __init__(self, canvas: _Canvas, listener: Mapping[str, Any]) -> None:
        self.canvas = canvas
        self.listener = listener
        self.steps: list[Mapping[str, Any]] = list(listener["steps"])
        self.verdict: Mapping[str, Any] | None = listener["verdict"]
        self.votes: dict[tuple[str, int], Mapping[str, Any]] = {}
        """The vote of a call, by the name of its step and its position there."""
        self.other_votes: list[Mapping[str, Any]] = []
        self._match_votes()
        ended = self.verdict["ended_at"] if self.verdict is not None else ""
        self.ended_at = next(
            (step["step"] for step in self.steps if ended and ended in (step["hook"], step["step"])), ""
        )
        """The step where the client's way ends before its time."""
        self.spine: list[tuple[float, str]] = []
        """The height of each step that every served request comes through, and its name."""
        self.beside: list[tuple[float, str]] = []
        self.ties: list[tuple[float, float]] = []
        """Where the rows of those end who may refuse: from the left, and from the top."""
        self.refusal: tuple[float, float] | None = None
        """Where the row ends of who refuses this client."""
        self.landing: tuple[float, float] | None = None

    def _match_votes(self) -> None:
        """One plugin may stand at one step more than once: then its votes come in the same order."""
        left = list(self.verdict["votes"]) if self.verdict is not None else []
        for step in self.steps:
            for index, call in enumerate(step["calls"]):
                wanted = (step["hook"], call["plugin"])
                found = next((vote for vote in left if (vote["hook"], vote["plugin"]) == wanted), None)
                if found is not None:
                    left.remove(found)
                    self.votes[step["step"], index] = found
        self.other_votes = left

    def draw(self, y: float) -> float:
        """Draw from a height on; returns the height where it ends."""
        y = self._head(y)
        if self.verdict is not None:
            y = self._verdict(self.verdict, y)
        for place, steps in _by_place(self.steps):
            y = self._panel(place, steps, y)
        if self.spine:
            self._way()
            self._rail()
        return y - _GAP

    def _head(self, y: float) -> float:
        write, one, half = self.canvas.text, self.listener, (_RIGHT - _MARGIN) / 2
        write(_MARGIN, y + 18, one["name"], "ink", size=20, bold=True, room=half - 10)
        write(_RIGHT, y + 18, one["address"], "ink", size=15, room=half - 10, anchor="end")
        labels = f"{one['handler_label']}, {one['engine_label']}"
        write(_MARGIN, y + 42, labels, "quiet", room=half * 1.4)
        write(_RIGHT, y + 42, one["origin"], "quiet", room=half * 0.55, anchor="end", keep_end=True)
        y += 62
        x: float = _MARGIN
        for key, value in one["options"].items():
            words = _printable(f"{key} = {_toml(value)}")
            if x > _MARGIN and x + _width(words, 12, False) > _RIGHT:
                x, y = _MARGIN, y + 18
            x = write(x, y, words, "quiet", size=12, room=_RIGHT - x) + 20
        return y + (18 if one["options"] else 0)

    def _verdict(self, verdict: Mapping[str, Any], y: float) -> float:
        """The verdict itself, and what is known of it that stands at no plugin's place."""
        served, assumed = verdict["served"], verdict.get("assumed", ())
        panel, style, sign = {
            True: ("chip", "good", "✓"),
            False: ("denier", "bad", "✗"),
            None: ("panel", "ink", "?"),
        }[served]
        lines = [(f"{vote['hook']}, {vote['plugin']}: {vote['answer']}", vote["why"]) for vote in self.other_votes]
        lines += [(f"assumed: {one}", "") for one in assumed]
        height = 40 + 20 * len(lines) + (4 if lines else 0)
        self.canvas.rectangle(self.canvas.panels, _MARGIN, y, _RIGHT - _MARGIN, height, panel)
        write, room = self.canvas.text, _RIGHT - _MARGIN - 32
        write(_MARGIN + 16, y + 26, f"{sign} {_outcome(verdict)}", style, size=15, bold=True, room=room)
        for index, (words, why) in enumerate(lines):
            line = y + 48 + 20 * index
            x = write(_MARGIN + 34, line, words, "ink", room=room / 2) + 12
            if why:
                write(x, line, why, "ink", room=_RIGHT - 16 - x)
        return y + height + _GAP

    def _panel(self, place: str, steps: Sequence[Mapping[str, Any]], y: float) -> float:
        height = _PANEL_HEAD + sum(self._height(step) for step in steps) + 8
        is_place = any(step["step"] == "handle" for step in steps)
        style = "place" if is_place else "panel"
        self.canvas.rectangle(self.canvas.panels, _MARGIN, y, _RIGHT - _MARGIN, height, style)
        words = place
        if is_place:
            words = f"the request's place: {place}"
        elif any(step["step"] == "accept" for step in steps):
            words = f"{place} (front)"
        self.canvas.text(_NAME, y + 22, words, "quiet", size=12, bold=True, room=_RAIL - _NAME - 12)
        row = y + _PANEL_HEAD
        for step in steps:
            self._step(step, row)
            row += self._height(step)
        return y + height + _GAP

    def _height(self, step: Mapping[str, Any]) -> int:
        return max(_ROW, sum(self._call_height(step, index) for index in range(len(step["calls"]))))

    def _call_height(self, step: Mapping[str, Any], index: int) -> int:
        return _ROW + (_WHY if self.votes.get((step["step"], index), {}).get("why") else 0)

    def _step(self, step: Mapping[str, Any], y: float) -> None:
        middle, calls, name, write = y + _ROW / 2, step["calls"], step["step"], self.canvas.text
        x = _NAME + (_ASIDE if name in _BESIDE else 0)
        style = "ink" if calls or name == self.ended_at else "quiet"
        write(x, middle + 5, name, style, bold=bool(calls), room=_RULE - x - 8, tooltip=step["note"])
        if step["rule"]:
            write(_RULE, middle + 5, step["rule"], "quiet", size=12, room=_PLUGIN - _RULE - 8)
        end: float = _PLUGIN
        if not calls and step["note"]:
            end = write(_PLUGIN, middle + 5, step["note"], "quiet", size=12, room=_RAIL - _PLUGIN - 40)
        for index, call in enumerate(calls):
            reached = self._call(step, call, index, y)
            end = end if index else reached
            y += self._call_height(step, index)
        if name == "request_rejected":
            self.landing = (end, middle)
        elif name in _BESIDE:
            self.beside.append((middle, name))
        elif step["when"] == "request":
            self.spine.append((middle, name))
        if name == self.ended_at and self.refusal is None:
            # The server's own method or a limit refused.
            self.refusal = (end, middle)

    def _call(self, step: Mapping[str, Any], call: Mapping[str, Any], index: int, y: float) -> float:
        """One plugin at its step. Returns where its row ends."""
        vote = self.votes.get((step["step"], index))
        denies = vote is not None and vote["answer"] in _DENIALS
        name = _shortened(_printable(call["plugin"]), 13, True, 200)
        width = _width(name, 13, True) + 22
        write, middle = self.canvas.text, y + _ROW / 2
        self.canvas.rectangle(self.canvas.marks, _PLUGIN, y + 3, width, _ROW - 6, "denier" if denies else "chip")
        style, tooltip = "bad" if denies else "name", call["label"]
        # In the middle: the reader's font is narrower than the widest one, for which the room is.
        centre = _PLUGIN + width / 2
        write(centre, middle + 5, call["plugin"], style, bold=True, room=200, tooltip=tooltip, anchor="middle")
        x = _PLUGIN + width + 12
        if vote is not None:
            sign, style = _SIGNS.get(vote["answer"], ("·", "quiet"))
            x = write(x, middle + 5, f"{sign} {vote['answer']}", style, size=12, bold=denies) + 12
            if vote["why"]:
                write(_PLUGIN + 12, middle + 27, vote["why"], "ink", size=12, room=_RAIL - _PLUGIN - 32)
        x = write(x, middle + 5, call["origin"], "quiet", size=12, room=_RAIL - x - 40, keep_end=True)
        if step["rule"] in _REFUSERS and step["when"] == "request":
            self.ties.append((x, middle))
        if denies and step["step"] == self.ended_at and self.refusal is None:
            self.refusal = (x, middle)
        return x

    # -- lines -------------------------------------------------------------------------------------------------------

    def _way(self) -> None:
        """The spine, what hangs on it, and how far the client comes."""
        names = [name for _, name in self.spine]
        served = self.verdict is not None and self.verdict["served"]
        reached = names.index(self.ended_at) if self.ended_at in names else len(names) - 1 if served else -1
        top = self.spine[0][0]
        self.canvas.path(f"M {_SPINE} {top:g} V {self.spine[-1][0]:g}", "line")
        if reached > 0:
            self.canvas.path(f"M {_SPINE} {top:g} V {self.spine[reached][0]:g}", "way", thick=4)
        for index, (y, name) in enumerate(self.spine):
            style = "passed" if index <= reached else "dot"
            if self._is_refused and (name == self.ended_at or name == "close"):
                style = "stop"
            elif index == reached and not served:
                style = "dot"
            self.canvas.dot(_SPINE, y, style)
        for y, name in self.beside:
            self.canvas.path(f"M {_SPINE} {y - 14:g} L {_SPINE + 14} {y:g} H {_NAME}", _BESIDE[name], dashed=True)
            self.canvas.dot(_NAME + 2, y, "dot")

    @property
    def _is_refused(self) -> bool:
        return self.verdict is not None and self.verdict["served"] is False

    def _rail(self) -> None:
        """From everybody who may refuse down to request_rejected, and from there to close."""
        if self.landing is None:
            return
        end, y = self.landing
        refusal = self.refusal if self._is_refused else None
        ties = sorted({*self.ties, *([refusal] if refusal else [])}, key=lambda tie: tie[1])
        if ties:
            for x, height in ties:
                self.canvas.path(f"M {x + 12:g} {height:g} H {_RAIL}", "rail", dashed=True, thick=1)
            self.canvas.path(f"M {_RAIL} {ties[0][1]:g} V {y:g} H {end + 20:g}", "rail", dashed=True)
            self.canvas.tip(end + 12, y, "refuse", leftwards=True)
        close = next((height for height, name in self.spine if name == "close"), None)
        back = "" if close is None else f"M {_SPINE} {y:g} H {_RETURN} V {close:g} H {_SPINE - 12}"
        if refusal:
            x, height = refusal
            self.canvas.path(f"M {x + 12:g} {height:g} H {_RAIL} V {y:g} H {end + 20:g}", "rail", thick=4)
        if close is not None:
            self.canvas.path(back, "rail", dashed=not refusal, thick=4 if refusal else 1.5)
            self.canvas.tip(_SPINE - 6, close, "refuse", leftwards=False)
        self.canvas.dot(_SPINE, y, "stop" if refusal else "dot")


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


# -- text --------------------------------------------------------------------------------------------------------------


def _printable(text: str) -> str:
    """Without what XML cannot hold, or would turn the direction of the text around."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(text))


def _width(text: str, size: int, bold: bool) -> float:
    """How wide a text is at the most, in pixels: its font is not known, so that of wide letters is taken."""
    return sum(map(_ems, text)) * size * (1.16 if bold else 1.0)


def _ems(letter: str) -> float:
    if letter.isascii():
        return _LETTER.get(letter, 0.64)
    # Emoji and the like are drawn wider than a square.
    return 1.4 if ord(letter) >= 0x1F000 and unicodedata.east_asian_width(letter) == "W" else 1.0


_LETTER: Final[Mapping[str, float]] = {
    **dict.fromkeys("ijlI", 0.3),
    **dict.fromkeys("ftr()[]/\\ -.,:;'|!", 0.42),
    **dict.fromkeys("sc", 0.56),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ&", 0.79),
    **dict.fromkeys("w#=+<>~^", 0.84),
    **dict.fromkeys("mMW@%", 1.0),
}
"""The widths of letters in ems, rounded up from DejaVu Sans, which is wider than the other common sans-serif fonts."""


def _shortened(text: str, size: int, bold: bool, room: float, keep_end: bool = False) -> str:
    """What has room of a text, from its beginning, or from its end if that says more: a path's file and line."""
    if _width(text, size, bold) <= room:
        return text
    room -= _width("…", size, bold)
    count = 0
    for letter in reversed(text) if keep_end else text:
        room -= _width(letter, size, bold)
        if room < 0:
            break
        count += 1
    return "…" + text[len(text) - count :].lstrip() if keep_end else text[:count].rstrip() + "…"
