"""The drawing of a request's life: what stands in it, where, and that nothing in it can do harm."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from plugserve.drawing import boxes_of, draw

FRONT, PLACE, ONCE = "the server's own loop", "a thread for each request", "once a server"
SVG = "{http://www.w3.org/2000/svg}"


def _step(step: str, place: str, *plugins: str, hook: bool = True, rule: str = "observe") -> dict[str, Any]:
    when = {ONCE: "start"}.get(place, "request")
    calls = [
        {"plugin": name, "label": f"plugin '{name}' of a 1.0", "origin": f"site.toml:{7 + 4 * number}"}
        for number, name in enumerate(plugins)
    ]
    return {
        "step": step,
        "hook": step if hook else None,
        "rule": rule if hook else None,
        "when": when,
        "place": place,
        "note": "what it is for",
        "calls": calls,
    }


def _listener(*plugins: str, verdict: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "name": "site",
        "address": "tcp://127.0.0.1:7070",
        "handler": "echo",
        "handler_label": "handler 'echo' of plugserve-simple 0.1.0",
        "engine": "threading",
        "engine_label": "engine 'threading' of plugserve 0.1.0",
        "origin": "site.toml:3",
        "options": {"root": "public", "depth": None},
        "limits": {},
        "steps": [
            _step("server_activate", ONCE, *plugins, rule="gate"),
            _step("accept", FRONT, hook=False),
            _step("verify_request", FRONT, *plugins, rule="vote"),
            _step("layers", FRONT, *plugins[2:5], rule="pipeline") | {"hook": "open_connection"},
            _step("authorize", FRONT, rule="vote"),
            _step("setup", PLACE, *plugins[:1], rule="gate"),
            _step("handle", PLACE, rule="wrap"),
            _step("handle_error", PLACE, *plugins[1:2]),
            _step("close", FRONT, hook=False),
            _step("connection_closed", FRONT, *plugins),
            _step("request_rejected", FRONT, *plugins),
        ],
        "verdict": verdict,
    } | changes


def _verdict(answer: str, served: bool | None) -> dict[str, Any]:
    return {
        "client": "203.0.113.7",
        "served": served,
        "reason": "" if served else "denied by access",
        "ended_at": "" if served else "verify_request",
        "votes": [
            {"hook": "verify_request", "plugin": "access", "answer": answer, "why": "203.0.113.0/24 (deny rule 1)"},
            {"hook": "authorize", "plugin": "access", "answer": "not asked", "why": ""},
        ],
        "assumed": ["tls passes"],
    }


def _layer_refuses() -> dict[str, Any]:
    """The second of three layers refuses, and nothing behind it is asked."""
    answers = {"proxy": "agrees", "tls": "denies", "sasl": "not asked"}
    votes = [
        {"hook": "open_connection", "plugin": plugin, "answer": answer, "why": "expired" if answer == "denies" else ""}
        for plugin, answer in answers.items()
    ]
    verdict = {"client": "unix", "served": False, "reason": "expired", "ended_at": "open_connection", "votes": votes}
    return _listener("access", "log", *answers, verdict=verdict)


def _limit_refuses() -> dict[str, Any]:
    """No plugin refuses, but the server's own method."""
    votes = [{"hook": "verify_request", "plugin": "verify_request", "answer": "denies", "why": "too many"}]
    return _listener(verdict=_verdict("denies", False) | {"votes": votes})


DRAWINGS: dict[str, list[dict[str, Any]]] = {
    "nobody": [_listener()],
    "two": [_listener("access", "log")],
    "eight": [_listener(*(f"plugin-number-{number}" for number in range(8)))],
    "listeners": [_listener("access"), _listener("log", name="other")],
    "refused": [_listener("access", "log", verdict=_verdict("denies", False))],
    "served": [_listener("access", "log", verdict=_verdict("agrees", True))],
    "layer": [_layer_refuses()],
    "limit": [_limit_refuses()],
    "blind": [_listener("access", verdict=_verdict("cannot tell", None))],
    "long": [
        _listener(
            "p" * 300,
            "日本語" * 40,
            name="n" * 200,
            address="unix:///" + "a" * 100,
            origin="f" * 400 + ":3",
            options={"words": ["w" * 50] * 20},
        )
    ],
    "nothing": [_listener(steps=[])],
}

each_drawing = pytest.mark.parametrize("listeners", DRAWINGS.values(), ids=DRAWINGS)


@each_drawing
def test_it_is_one_document_without_script_or_reference(listeners: list[dict[str, Any]]) -> None:
    """It parses as XML, has a title and a description for screen readers, and asks for nothing from elsewhere."""
    text = draw(listeners)
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert float(root.get("width", 0)) <= 1200
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "style", "rect", "text", "path", "circle")
    }
    assert not re.search(r"href|url\(|@import|on\w+=", text)


@each_drawing
def test_no_two_texts_overlap_and_all_stand_within(listeners: list[dict[str, Any]]) -> None:
    """By boxes that are wide enough for common fonts, whatever the length of the names."""
    boxes = boxes_of(listeners)
    root = ElementTree.fromstring(draw(listeners))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for one, other in itertools.combinations(boxes, 2):
        apart = one.right <= other.left or other.right <= one.left or one.bottom <= other.top or other.bottom <= one.top
        assert apart, (one, other)
    for box in boxes:
        assert box.left >= 0, box
        assert box.right <= width, box
        assert box.top >= 0, box
        assert box.bottom <= height, box


def test_steps_stand_in_call_order_with_plugins_and_their_lines() -> None:
    """From top to bottom, each plugin beside its step, in wire order."""
    boxes = boxes_of(DRAWINGS["two"])
    tops = {
        text: next(box.top for box in boxes if box.text == text)
        for text in (
            *("server_activate", "accept", "verify_request", "authorize"),
            *("setup", "handle", "handle_error", "close", "connection_closed", "request_rejected"),
        )
    }
    assert list(tops.values()) == sorted(tops.values())
    access, log = (
        next(box.top for box in boxes if box.text == name and box.top > tops["accept"]) for name in ("access", "log")
    )
    assert access < log < tops["authorize"]
    assert {"site.toml:3", "site.toml:7", "site.toml:11"} <= {box.text for box in boxes}


@pytest.mark.parametrize(
    "name,sign",
    [("refused", "✗ client 203.0.113.7: refused"), ("served", "✓ client 203.0.113.7: served"), ("blind", "?")],
)
def test_a_verdict_is_told_by_signs_and_words_not_by_colour_alone(name: str, sign: str) -> None:
    """Who sees no colours reads the same."""
    texts = [box.text for box in boxes_of(DRAWINGS[name])]
    assert any(text.startswith(sign) for text in texts)
    if name == "refused":
        assert "✗ denies" in texts
        assert any("denied by access" in text for text in texts)


def test_what_comes_from_outside_is_text_and_nothing_else() -> None:
    """Markup in names is shown, control characters are replaced, and nothing of either is obeyed."""
    hostile = "</text></svg><script>alert(1)</script>&\x00\x1b[2J\u202e"
    listener = _listener(hostile, name=hostile, options={hostile: hostile})
    verdict = _verdict("denies", False) | {"client": hostile, "reason": hostile}
    root = ElementTree.fromstring(draw([listener | {"verdict": verdict}]))
    assert not list(root.iter(f"{SVG}script"))
    words = "".join(root.itertext())
    assert "<script>alert(1)</script>" in words
    assert not {"\x00", "\x1b", "\u202e"} & set(words)


def test_what_is_too_long_is_shortened_with_the_whole_in_a_tooltip() -> None:
    """Nothing is lost to who looks closer."""
    root = ElementTree.fromstring(draw(DRAWINGS["long"]))
    titles = ["".join(title.itertext()) for title in root.iter(f"{SVG}title")]
    assert any("p" * 300 in title for title in titles[1:])
    assert "n" * 200 in titles
    shown = [box.text for box in boxes_of(DRAWINGS["long"])]
    assert any(text.startswith("ppp") and text.endswith("…") for text in shown)
    # Of a path the end says more: the file's name and the line.
    assert any(text.startswith("…") and text.endswith(":3") for text in shown)


def test_names_stand_within_their_chips() -> None:
    """A chip is as wide as its text may be in a wide font, so that no letter runs over its edge."""
    root = ElementTree.fromstring(draw(DRAWINGS["eight"]))
    chips = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "chip"]
    names = [box for box in boxes_of(DRAWINGS["eight"]) if box.text.startswith("plugin-number")]
    assert len(chips) == len(names) > 8
    # DejaVu Sans Bold, 13 pixels, as a browser measures it: no common font is wider.
    measured = 122.47
    for chip, name in zip(chips, names, strict=True):
        left, width = float(chip.get("x", 0)), float(chip.get("width", 0))
        assert left < name.left
        assert name.right < left + width
        assert name.right - name.left >= measured


def test_who_hears_the_drawing_hears_all_of_it() -> None:
    """Of an image only title and description are read out: every step, label, line and vote stands there."""
    root = ElementTree.fromstring(draw(DRAWINGS["layer"]))
    assert root.get("aria-labelledby") == root[0].get("id")
    assert root.get("aria-describedby") == root[1].get("id")
    words = root[1].text or ""
    for listener in DRAWINGS["layer"]:
        for step in listener["steps"]:
            assert f"{step['step']}, {step['place']}: " in words
            for call in step["calls"]:
                assert f"{call['label']} ({call['origin']})" in words
    assert "client unix: refused at open_connection: expired." in words
    assert "At open_connection, tls: denies (expired)." in words


def test_every_plugin_tells_its_label_to_who_points_at_it() -> None:
    """The distribution and its version, which would crowd the drawing."""
    root = ElementTree.fromstring(draw(DRAWINGS["two"]))
    titles = [title.text for title in root.iter(f"{SVG}title")]
    calls = [call["label"] for step in DRAWINGS["two"][0]["steps"] for call in step["calls"]]
    assert [title for title in titles if title in calls] == calls


@pytest.mark.parametrize(
    "name,ended", [("refused", "verify_request"), ("layer", "layers"), ("limit", "verify_request")]
)
def test_the_way_of_a_refused_client_leads_over_request_rejected_to_close(name: str, ended: str) -> None:
    """Marked from accept to the step that refuses, whether a voter, a layer or the server itself does; the rest of the
    spine is not."""
    root, middle = ElementTree.fromstring(draw(DRAWINGS[name])), _middles(name)
    stops = {float(dot.get("cy", 0)) for dot in root.iter(f"{SVG}circle") if dot.get("class") == "stop"}
    assert stops == {middle[ended], middle["request_rejected"], middle["close"]}
    [way] = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == "way"]
    assert way.endswith(f" {middle['accept']:g} V {middle[ended]:g}")
    thick = [
        path for path in root.iter(f"{SVG}path") if path.get("class") == "rail" and path.get("stroke-width") == "4"
    ]
    assert [path.get("stroke-dasharray") for path in thick] == [None, None]
    out, back = (path.get("d", "") for path in thick)
    assert f"V {middle['request_rejected']:g} " in out
    assert f" {middle['request_rejected']:g} H" in back
    assert f"V {middle['close']:g} " in back


def test_the_way_of_a_served_client_is_the_whole_spine_and_no_more() -> None:
    """Neither the branch for errors nor request_rejected is on it."""
    root, middle = ElementTree.fromstring(draw(DRAWINGS["served"])), _middles("served")
    passed = {float(dot.get("cy", 0)) for dot in root.iter(f"{SVG}circle") if dot.get("class") == "passed"}
    beside = {"server_activate", "handle_error", "request_rejected"}
    assert passed == {height for step, height in middle.items() if step not in beside}


def test_a_refusal_that_is_no_plugins_is_told_with_the_verdict() -> None:
    """It has no row of its own."""
    texts = [box.text for box in boxes_of(DRAWINGS["limit"])]
    assert "verify_request, verify_request: denies" in texts
    assert "too many" in texts


def test_lanes_say_where_steps_run() -> None:
    """The front, the request's place and what comes once a server; close stands where the steps say."""
    texts = [box.text for box in boxes_of(DRAWINGS["two"])]
    lanes = (f"{FRONT} (front)", f"the request's place: {PLACE}", ONCE)
    assert [text for text in texts if text in lanes] == [lanes[2], lanes[0], lanes[1]]
    moved = _listener()
    for step in moved["steps"]:
        if step["step"] in ("close", "connection_closed"):
            step["place"] = PLACE
    boxes = boxes_of([moved])
    panels = [box for box in boxes if FRONT in box.text or PLACE in box.text]
    close = next(box for box in boxes if box.text == "close")
    assert [panel.top < close.top for panel in panels] == [True, True, False]


def _middles(name: str) -> dict[str, float]:
    """The height at which the dot of each step stands: five pixels above the baseline of its name."""
    [listener] = DRAWINGS[name]
    steps = {step["step"] for step in listener["steps"]}
    baselines = {
        element.find(f"{SVG}title").tail: float(element.get("y", 0))  # type: ignore[union-attr]
        for element in ElementTree.fromstring(draw([listener])).iter(f"{SVG}text")
        if element.find(f"{SVG}title") is not None
    }
    return {text: y - 5 for text, y in baselines.items() if text in steps}


def test_the_same_input_gives_the_same_bytes() -> None:
    """A drawing can be committed, and compared."""
    assert draw(DRAWINGS["refused"]) == draw(DRAWINGS["refused"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_enough(scheme: str) -> None:
    """4.5 to 1 on whatever it stands on, in both schemes (WCAG 2.2, 1.4.3)."""
    style = re.search(r"<style>(.*)</style>", draw(DRAWINGS["nobody"]), re.DOTALL)
    assert style
    light, dark = style[1].split("@media")
    fills = dict(re.findall(r"\.(\w+) \{ fill: (#\w{6})", light if scheme == "light" else dark))
    grounds = {
        "ink": ("paper", "panel", "place", "chip", "denier"),
        "quiet": ("paper", "panel", "place"),
        "name": ("chip",),
        "good": ("chip", "panel", "place"),
        "bad": ("denier", "panel", "place"),
        "refuse": ("panel", "place"),
    }
    for text, behind in grounds.items():
        for ground in behind:
            assert _contrast(fills[text], fills[ground]) >= 4.5, (text, ground)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, "relative luminance")."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
