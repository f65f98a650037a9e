"""No field, whatever is in it, brings anything into the log that is not text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugserve import ChildError, Context
from plugserve_log import Log
from plugserve_log.escaping import clip, clip_middle, to_json, visible
from plugserve_log.human import TRACEBACK_MARGIN
from plugserve_log.rendering import Renderer

# Every code point, surrogates too, and more of those that do harm.
NASTY = '\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\u200e\u202e\u2028\u2029\u2066\ud800\udc80\udfff\ufeff\U000e0001"\\= |{}%'
text = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from(NASTY)))
same_function = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def shown(value: str) -> str:
    """What a reader of the JSON gets: half surrogate pairs as text, everything else as it was."""
    return value.encode("utf-8", "backslashreplace").decode()


class Nasty:
    """An identity that shows itself as it likes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def written(log: Log, server: Any, context: Context, reason: str) -> None:
    """Have every kind of line written that holds words of others."""
    log.server_activate(server)
    log.connection_closed(server, context, reason)
    log.request_rejected(server, context, reason)
    log.handle_error(server, context, ValueError(reason))
    log.handle_error(server, context, ChildError("Kind" + reason, reason, reason))
    log.server_close(server)


@same_function
@given(host=text, path=text, identity=text, reason=text, who=text, name=text)
def test_json_is_ascii_without_controls_and_reads_back(
    server: Any,
    make_context: Callable[..., Context],
    host: str,
    path: str,
    identity: str,
    reason: str,
    who: str,
    name: str,
) -> None:
    """Whatever stands in the fields, each line of JSON is printable ASCII, and a reader gets the fields back."""
    stream = io.StringIO()
    server.listener_name = name
    context = make_context(
        client_address=(host, 1), peer_address=path, identity=Nasty(identity), outcome="rejected", rejected_by=who
    )
    written(Log(stream=stream), server, context, reason)
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert all(line.isascii() and line.isprintable() for line in lines)
    start, request, rejected, error, child, stop = map(json.loads, lines)
    assert (start["event"], stop["event"]) == ("start", "stop")
    for fields in (request, rejected, error, child):
        assert (fields["client"], fields["identity"]) == (shown(host), shown(identity))
        assert fields["listener"] == shown(name)
        assert fields["peer"] == (shown(path) or None)
    assert request["reason"] == rejected["reason"] == error["text"] == child["text"] == shown(reason)
    assert rejected["rejected_by"] == shown(who)
    assert child["exception"] == shown("Kind" + reason)
    assert child["traceback"] == shown(reason)


@same_function
@given(host=text, identity=text, reason=text, who=text, name=text)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_human_lines_hold_nothing_that_is_not_printed(
    ascii_only: bool,
    server: Any,
    make_context: Callable[..., Context],
    host: str,
    identity: str,
    reason: str,
    who: str,
    name: str,
) -> None:
    """Whatever stands in the fields, each record is one line of printable text, and tracebacks are marked at each."""
    stream = io.StringIO()
    server.listener_name = name
    context = make_context(client_address=(host, 1), identity=Nasty(identity), outcome="rejected", rejected_by=who)
    log = Log(stream=stream, format="human")
    log._renderer = lambda sink: Renderer("human", ascii_only=ascii_only)  # type: ignore[method-assign]
    written(log, server, context, reason)
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() and (line.isascii() or not ascii_only) for line in lines)
    records = [line for line in lines if not line.startswith(TRACEBACK_MARGIN)]
    assert [line.split()[2] for line in records] == ["start", "request", "rejected", "error", "error", "stop"]


@given(text)
def test_visible_text_can_be_read_back(value: str) -> None:
    """Escapes are those of Python, and no text looks like the escape of another."""
    printable = visible(value, ascii_only=True)
    assert printable.isprintable()
    assert printable.encode().decode("unicode_escape") == value


@given(text, text)
def test_a_value_cannot_look_like_two(one: str, other: str) -> None:
    """A value with a space, a quote or an equals sign stands in quotes, so that it forges no other field."""
    value = f"{one} outcome={other}"
    fields: Any = {"time": "T", "level": "info", "event": "x", "reason": value, "last": "end"}
    line = Renderer("human")._log._processors[-1](None, "info", fields)
    assert line.startswith('T info    x        reason="')
    assert line.endswith('" last=end')


simple = st.none() | st.booleans() | st.integers() | text
nested = st.recursive(simple, lambda inner: st.lists(inner) | st.dictionaries(text, inner))


@given(nested)
def test_nested_values_are_escaped_too(value: Any) -> None:
    """Lists and tables within a field are no way round the escaping."""
    line = to_json({"value": value})
    assert line.isascii()
    assert line.isprintable()
    json.loads(line)


def test_json_shows_any_object_as_its_text() -> None:
    """An object that is no JSON is shown as text, and that is escaped as any."""
    assert json.loads(to_json({"value": Nasty("\x7f\udc80")})) == {"value": "\x7f\\udc80"}


def test_long_text_is_cut_and_says_so() -> None:
    """A client that makes an exception quote a megabyte does not fill the disk with it."""
    assert clip("x" * 5, 3) == "xxx... (2 more)"
    assert clip("xxx", 3) == "xxx"
    assert clip_middle("abcdefgh", 4) == "ab\n... (4 characters left out)\ngh"


def test_an_error_line_is_bounded(server: Any, make_context: Callable[..., Context]) -> None:
    """The text and the traceback of a huge exception together take less than 256 KiB."""
    stream = io.StringIO()
    log = Log(stream=stream)
    log.server_activate(server)
    log.handle_error(server, make_context(outcome="error"), ValueError("\n" * 10_000_000))
    log.server_close(server)
    assert len(stream.getvalue()) < 256 * 1024
