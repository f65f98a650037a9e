"""What a line says, and in which order."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve import ChildError, Context, DeadlineExceeded, ProtocolError
from plugserve_log import Log
from plugserve_log import facts as facts_of
from plugserve_log.escaping import to_json
from plugserve_log.facts import Clock, show_address, split_address
from plugserve_log.rendering import Renderer

REQUEST = (
    '{"time":"2023-11-14T22:13:20.750000Z","level":"info","event":"request","id":1,"listener":"127.0.0.1:7070",'
    '"handler":"EchoHandler","client":"192.0.2.7","port":50123,"peer":null,"identity":null,"outcome":"ok",'
    '"reason":"finished","rejected_by":null,"duration":0.500000,"bytes_in":5,"bytes_out":7}'
)


class Written:
    """A log on a stream in memory, and the lines in it once the server is closed."""

    def __init__(self, server: Any, **options: Any) -> None:
        self.server = server
        self.stream = io.StringIO()
        self.log = Log(stream=self.stream, **options)
        self.log.server_activate(server)

    @property
    def text(self) -> list[str]:
        """The lines but for start and stop."""
        self.log.server_close(self.server)
        lines = self.stream.getvalue().splitlines()
        return lines[1:-1]

    @property
    def fields(self) -> list[dict[str, Any]]:
        """The same lines, read as JSON."""
        return [json.loads(line) for line in self.text]


def test_a_request_is_one_line_with_its_fields_in_order(server: Any, make_context: Callable[..., Context]) -> None:
    """The line of a request has exactly these fields, in this order, and the time at which it ended."""
    written = Written(server)
    written.log.connection_closed(server, make_context(), "finished")
    assert written.text == [REQUEST]


def test_people_get_the_same_in_fewer_words(server: Any, make_context: Callable[..., Context]) -> None:
    """The line for people leaves out what is unknown or plain, and begins with who and what."""
    written = Written(server, format="human")
    written.log.connection_closed(server, make_context(), "finished")
    written.log.connection_closed(
        server, make_context(id=2, client_address=("::1", 7, 0, 0), identity="Jörg A", outcome="aborted"), "too slow"
    )
    plain, aborted = written.text
    assert plain == (
        "2023-11-14T22:13:20.750000Z info    request  client=192.0.2.7:50123 outcome=ok duration=500.0ms bytes_in=5 "
        "bytes_out=7 handler=EchoHandler listener=127.0.0.1:7070 id=1"
    )
    assert aborted == (
        '2023-11-14T22:13:20.750000Z info    request  client=[::1]:7 identity="Jörg A" outcome=aborted '
        'reason="too slow" duration=500.0ms bytes_in=5 bytes_out=7 handler=EchoHandler listener=127.0.0.1:7070 id=2'
    )


def test_a_rejection_says_why_and_by_whom(server: Any, make_context: Callable[..., Context]) -> None:
    """The line of a refused request names the plugin that refused it, and its reason."""
    written = Written(server)
    written.log.request_rejected(server, make_context(outcome="rejected", rejected_by="access"), "denied by access")
    (fields,) = written.fields
    assert (fields["event"], fields["level"]) == ("rejected", "info")
    assert (fields["rejected_by"], fields["reason"]) == ("access", "denied by access")


def test_behind_a_proxy_both_addresses_are_told(server: Any, make_context: Callable[..., Context]) -> None:
    """The client is the real one, and the machine at the other end of the socket is told beside it."""
    written = Written(server)
    written.log.connection_closed(server, make_context(peer_address=("10.0.0.1", 443)), "finished")
    assert written.fields[0]["peer"] == "10.0.0.1:443"


def test_unknown_byte_counts_are_null(server: Any, make_context: Callable[..., Context]) -> None:
    """What nobody can know is not 0."""
    written = Written(server)
    written.log.connection_closed(server, make_context(bytes_in=None, bytes_out=None), "finished")
    assert (written.fields[0]["bytes_in"], written.fields[0]["bytes_out"]) == (None, None)


def test_an_error_has_class_text_and_traceback(server: Any, make_context: Callable[..., Context]) -> None:
    """The line of a failed handler says what was raised, with what words, and where."""
    written = Written(server)
    try:
        json.loads("{")
    except ValueError as error:
        written.log.handle_error(server, make_context(outcome="error"), error)
    (fields,) = written.fields
    assert (fields["event"], fields["level"]) == ("error", "error")
    assert fields["exception"] == "json.decoder.JSONDecodeError"
    assert fields["text"].startswith("Expecting property name")
    assert fields["traceback"].startswith("Traceback (most recent call last):\n")
    assert (fields["id"], fields["client"], fields["port"]) == (1, "192.0.2.7", 50123)


def test_an_error_in_a_child_is_told_as_the_child_told_it(server: Any, make_context: Callable[..., Context]) -> None:
    """With the forking engine the line shows the original's class, text and traceback, not the messenger's."""
    written = Written(server)
    written.log.handle_error(server, make_context(outcome="error"), ChildError("KeyError", "'x'", "Traceback: far"))
    (fields,) = written.fields
    assert (fields["exception"], fields["text"], fields["traceback"]) == ("KeyError", "'x'", "Traceback: far")


def test_one_error_line_a_connection_and_class(server: Any, make_context: Callable[..., Context]) -> None:
    """A connection on which the same goes wrong again and again is told once; another class, or connection, anew."""
    written = Written(server)
    first, second = make_context(id=1, outcome="error"), make_context(id=2, outcome="error")
    for context, error in [
        (first, ValueError("a")),
        (first, ValueError("b")),
        (first, KeyError("c")),
        (second, ValueError("d")),
        (first, ChildError("ValueError", "e", "")),
    ]:
        written.log.handle_error(server, context, error)
    assert [(fields["id"], fields["exception"]) for fields in written.fields] == [
        (1, "ValueError"),
        (1, "KeyError"),
        (2, "ValueError"),
    ]


@pytest.mark.parametrize(
    "outcome,error,event",
    [
        ("peer-closed", ConnectionResetError("gone"), "hung-up"),
        ("aborted", DeadlineExceeded("idle"), "peer"),
        ("error", ProtocolError("nonsense"), "peer"),
        ("error", ChildError("ProtocolError", "nonsense", ""), "peer"),
    ],
)
def test_what_the_peer_did_is_no_error(
    server: Any, make_context: Callable[..., Context], outcome: str, error: BaseException, event: str
) -> None:
    """A client that hung up, was too slow or broke the protocol is told at debug level, without a traceback."""
    quiet, talkative = Written(server), Written(server, level="debug")
    for written in (quiet, talkative):
        written.log.handle_error(server, make_context(outcome=outcome), error)
    assert quiet.fields == []
    (fields,) = talkative.fields
    assert (fields["level"], fields["event"]) == ("debug", event)
    assert "traceback" not in fields


def test_level_error_leaves_errors_only(server: Any, make_context: Callable[..., Context]) -> None:
    """Below the level nothing is written, not even start and stop."""
    written = Written(server, level="error")
    written.log.connection_closed(server, make_context(), "finished")
    written.log.request_rejected(server, make_context(outcome="rejected"), "no")
    written.log.handle_error(server, make_context(outcome="error"), ValueError("x"))
    written.log.server_close(server)
    assert [json.loads(line)["event"] for line in written.stream.getvalue().splitlines()] == ["error"]


class Unshowable:
    """An address or identity whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_what_cannot_be_shown_is_named(server: Any, make_context: Callable[..., Context]) -> None:
    """An identity or address whose text raises does not take the line away."""
    written = Written(server)
    written.log.connection_closed(
        server, make_context(client_address=Unshowable(), peer_address=None, identity=Unshowable()), "finished"
    )
    (fields,) = written.fields
    assert fields["client"] == fields["identity"] == "<Unshowable that cannot be shown>"


def test_what_cannot_be_rendered_still_leaves_a_line(server: Any, make_context: Callable[..., Context]) -> None:
    """Facts of a kind that nobody foresaw cost their line, and neither those after it nor the writer."""
    written = Written(server)
    written.log.connection_closed(server, make_context(id="not a number"), "finished")
    written.log.connection_closed(server, make_context(), "finished")
    assert [fields["event"] for fields in written.fields] == ["unshowable", "request"]


def test_an_exception_that_cannot_be_shown_is_still_told(server: Any, make_context: Callable[..., Context]) -> None:
    """An exception whose text raises is told by its class."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RecursionError("again")

        __repr__ = __str__

    written = Written(server)
    written.log.handle_error(server, make_context(outcome="error"), Broken())
    (fields,) = written.fields
    assert fields["exception"].endswith("Broken")
    assert fields["text"] == "<Broken that cannot be shown>"


texts = st.text()
optional_texts = st.none() | texts
counts = st.none() | st.integers(0)
addresses = st.one_of(st.tuples(texts, st.integers(0)), texts, st.none(), st.tuples(st.integers(), st.integers()))
facts = st.tuples(
    st.integers(0),
    addresses,
    addresses,
    optional_texts,
    texts,
    texts,
    optional_texts,
    st.floats(0, 1e10),
    st.floats(0, 1e6),
    counts,
    counts,
)


@given(texts, facts)
def test_the_fast_way_to_json_says_the_same(name: str, known: tuple[Any, ...]) -> None:
    """The line of a request put together by hand is the JSON that the library makes of the same fields."""
    server: Any = SimpleNamespace(listener_name=name, handler_name=name, engine_name="", server_address=None)
    request: Any = (facts_of.REQUEST, facts_of.Listener(server), *known)
    renderer = Renderer("json")
    line = json.loads(renderer.render(request))
    fields = facts_of.request_fields(line["time"], "info", request)
    assert line == json.loads(to_json(fields | {"duration": round(fields["duration"], 6)}))
    assert list(line) == list(fields)


@pytest.mark.parametrize(
    "address,host,port,shown",
    [
        (("192.0.2.1", 80), "192.0.2.1", 80, "192.0.2.1:80"),
        (("2001:db8::1", 80, 0, 0), "2001:db8::1", 80, "[2001:db8::1]:80"),
        (("fe80::1%eth0", 80, 0, 2), "fe80::1%eth0", 80, "[fe80::1%eth0]:80"),
        ("", None, None, None),
        ("/run/echo.sock", "/run/echo.sock", None, "/run/echo.sock"),
        (b"\0abstract", "\0abstract", None, "\0abstract"),
        ((3, 1024), "3", 1024, "3:1024"),
        (None, None, None, None),
        (7, "7", None, "7"),
        (("a", "b"), "('a', 'b')", None, "('a', 'b')"),
    ],
)
def test_every_kind_of_address_is_shown(address: Any, host: str | None, port: int | None, shown: str | None) -> None:
    """Internet addresses come apart into host and port; the others are one word, or none."""
    assert split_address(address) == (host, port)
    assert show_address(address) == shown


def test_times_are_utc_with_microseconds() -> None:
    """A time is ISO 8601 in UTC, with exactly six digits after the point, also at the turn of a second."""
    clock = Clock()
    assert clock.show(0.0) == "1970-01-01T00:00:00.000000Z"
    assert clock.show(1_700_000_000.25) == "2023-11-14T22:13:20.250000Z"
    assert clock.show(1_700_000_000.999999) == "2023-11-14T22:13:20.999999Z"
    assert clock.show(1_700_000_001.5) == "2023-11-14T22:13:21.500000Z"
