"""The plugin as a whole: its options, its life with one server or several, and what it leaves alone."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugserve import ConfigurationError, Context
from plugserve.options import options_of
from plugserve_log import Log, plugin

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def events(text: str) -> list[str]:
    """The events of lines of JSON."""
    return [json.loads(line)["event"] for line in text.splitlines()]


@pytest.mark.parametrize(
    "options,words",
    [
        ({"format": "xml"}, "format is 'xml': give 'auto', 'human' or 'json'"),
        ({"level": "loud"}, "level is 'loud': give one of 'debug'"),
        ({"queue_size": 0}, "queue_size is 0"),
        ({"path": "log", "stream": io.StringIO()}, "path and stream are both given"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    """A wrong option is refused when the plugin is made, with what to do."""
    with pytest.raises(ConfigurationError, match=words):
        Log(**options)


def test_the_options_are_those_of_the_readme() -> None:
    """Every option can be given by name, and each stands in the README."""
    names = [option.name for option in options_of(Log)]
    assert names == ["path", "format", "level", "queue_size", "stream"]
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in readme for name in names)


def test_making_a_log_opens_nothing(tmp_path: Path) -> None:
    """The file is opened when a server starts, not when the configuration is read."""
    Log(path=tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_a_path_that_cannot_be_opened_refuses_the_start(tmp_path: Path, server: Any) -> None:
    """A server whose log cannot be written does not start, and may be tried again."""
    log = Log(path=tmp_path / "logs" / "log")
    with pytest.raises(ConfigurationError, match="make its directory first"):
        log.server_activate(server)
    log.server_close(server)
    (tmp_path / "logs").mkdir()
    log.server_activate(server)
    log.server_close(server)
    assert events((tmp_path / "logs" / "log").read_text()) == ["start", "stop"]


def test_several_servers_share_one_log(server: Any, make_context: Callable[..., Context]) -> None:
    """The log stays open until the last server that has it is closed; closing twice counts once."""
    stream = io.StringIO()
    log = Log(stream=stream)
    other: Any = type(server)(**{**vars(server), "listener_name": "other"})
    log.server_activate(server)
    log.server_activate(other)
    log.server_close(server)
    log.server_close(server)
    log.connection_closed(other, make_context(), "finished")
    log.server_close(other)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["listener"]) for line in lines] == [
        ("start", "127.0.0.1:7070"),
        ("start", "other"),
        ("stop", "127.0.0.1:7070"),
        ("request", "other"),
        ("stop", "other"),
    ]


def test_a_request_that_outlives_its_server_is_counted(server: Any, make_context: Callable[..., Context]) -> None:
    """What comes after the log was closed is counted as dropped, and breaks nothing."""
    log = Log(stream=io.StringIO())
    log.server_activate(server)
    log.server_close(server)
    log.connection_closed(server, make_context(), "finished")
    assert (log.written, log.dropped) == (2, 1)


def test_json_goes_everywhere_but_to_a_terminal(tmp_path: Path, server: Any) -> None:
    """With format auto a file and an object get JSON."""
    log = Log(path=tmp_path / "log")
    log.server_activate(server)
    log.server_close(server)
    assert events((tmp_path / "log").read_text()) == ["start", "stop"]


@posix
@pytest.mark.parametrize("settings,coloured", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_people_read_on_a_terminal(
    server: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], coloured: bool
) -> None:
    """On a terminal lines are for people; the level is coloured unless the user does not want that."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    leader, terminal = os.openpty()
    with open(terminal, "w", encoding="utf-8") as stream:
        log = Log(stream=stream)
        log.server_activate(server)
        log.server_close(server)
        shown = os.read(leader, 10_000).decode()
    os.close(leader)
    assert ("\x1b[32minfo   \x1b[0m start    listener=127.0.0.1:7070 " in shown) == coloured
    assert (" info    start    listener=127.0.0.1:7070 " in shown) != coloured


def test_a_terminal_that_is_not_utf8_gets_ascii(server: Any, tmp_path: Path) -> None:
    """Letters beyond ASCII are escaped where the second byte of one could be a control character."""
    server.listener_name = "ś"
    with (tmp_path / "log").open("w", encoding="latin-1") as stream:
        log = Log(stream=stream, format="human")
        log.server_activate(server)
        log.server_close(server)
    assert "listener=\\u015b" in (tmp_path / "log").read_text("ascii")


@posix
def test_rotation_loses_no_line(tmp_path: Path, server: Any, make_context: Callable[..., Context]) -> None:
    """Renamed and reopened, as logrotate does it, every line is in one of the two files."""
    path = tmp_path / "log"
    log = Log(path=path)
    log.server_activate(server)
    log.connection_closed(server, make_context(id=1), "finished")
    assert log.flush()
    path.rename(tmp_path / "log.1")
    log.reopen()
    log.connection_closed(server, make_context(id=2), "finished")
    log.server_close(server)
    assert events((tmp_path / "log.1").read_text()) == ["start", "request"]
    assert events(path.read_text()) == ["request", "stop"]


def test_reports_of_the_core_are_lines_of_the_log(server: Any, no_drift: list[str]) -> None:
    """What is reported to the logger `plugserve` while a server runs is in the log, escaped; before and after not."""
    stream = io.StringIO()
    log = Log(stream=stream)
    logger = logging.getLogger("plugserve.x")
    log.server_activate(server)
    try:
        raise ValueError("bad \x1b[2J")
    except ValueError:
        logger.exception("plugin %r failed", "night")
    logger.warning("slow")
    log.server_close(server)
    logger.warning("not ours")
    no_drift.clear()
    start, failed, slow, stop = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (start["event"], stop["event"]) == ("start", "stop")
    assert (failed["event"], failed["level"], failed["logger"]) == ("record", "error", "plugserve.x")
    assert (failed["text"], failed["exception"]) == ("plugin 'night' failed", "ValueError")
    assert failed["exception_text"] == "bad \x1b[2J"
    assert failed["traceback"].startswith("Traceback")
    assert (slow["level"], slow["text"]) == ("warning", "slow")
    assert "\x1b" not in stream.getvalue()


def test_a_broken_record_breaks_nothing(
    server: Any, no_drift: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record whose text cannot be made is dealt with as `logging` always does."""
    log = Log(stream=io.StringIO())
    log.server_activate(server)
    record = logging.LogRecord("plugserve", logging.ERROR, "file", 1, "%d", ("x",), None)
    assert log._records is not None
    log._records.handle(record)
    log.server_close(server)
    assert "--- Logging error ---" in capsys.readouterr().err


def test_the_level_holds_for_records_too(server: Any, no_drift: list[str]) -> None:
    """A record below the level is not written."""
    stream = io.StringIO()
    log = Log(stream=stream, level="error")
    log.server_activate(server)
    logging.getLogger("plugserve").warning("slow")
    log.server_close(server)
    no_drift.clear()
    assert stream.getvalue() == ""


@posix
def test_a_childs_report_is_shown_and_not_queued_for_nobody(
    server: Any, no_drift: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """In a child that handles a request a report goes to standard error, escaped, since the log is its parent's."""
    stream = io.StringIO()
    log = Log(stream=stream)
    log.server_activate(server)
    assert log.flush()
    pid = os.fork()
    if pid == 0:
        logging.getLogger("plugserve").error("in the child \x1b")
        os._exit(0)
    os.waitpid(pid, 0)
    log.server_close(server)
    assert events(stream.getvalue()) == ["start", "stop"]
    (shown,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert json.loads(shown)["text"] == "in the child \x1b"


def test_a_blocked_sink_does_not_keep_a_server_from_closing(
    server: Any, make_context: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing gives up on the rest of the log after `CLOSE_TIMEOUT`, and counts it."""
    monkeypatch.setattr(plugin, "CLOSE_TIMEOUT", 0.01)

    class Full:
        def write(self, _: str) -> int:
            raise BlockingIOError

    log = Log(stream=Full())  # type: ignore[arg-type]  # has what it needs
    log.server_activate(server)
    log.connection_closed(server, make_context(), "finished")
    log.server_close(server)
    assert (log.written, log.dropped) == (0, 3)


def run(program: str, *arguments: str) -> str:
    """What a program prints that runs in an interpreter of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=50).stdout


def test_structlog_is_imported_by_the_start_and_not_before() -> None:
    """Importing and making a log costs no quarter of a second."""
    assert run("import plugserve_log, sys; plugserve_log.Log(); print('structlog' in sys.modules)") == "False\n"


def test_structlog_is_left_as_it_was(server: Any) -> None:
    """The program's own use of structlog is not configured by us, and its configuration does not change ours."""
    import structlog

    stream = io.StringIO()
    structlog.configure(processors=[lambda *_: pytest.fail("our lines go through the program's processors")])
    try:
        log = Log(stream=stream)
        log.server_activate(server)
        log.server_close(server)
    finally:
        structlog.reset_defaults()
    log = Log(stream=stream)
    log.server_activate(server)
    log.server_close(server)
    assert not structlog.is_configured()
    assert events(stream.getvalue()) == ["start", "stop"] * 2


NOT_CLOSED = """
import sys, plugserve, plugserve_log
class Hello(plugserve.BaseRequestHandler):
    pass
server = plugserve.ThreadingTCPServer(("127.0.0.1", 0), Hello, plugins=[plugserve_log.Log(path=sys.argv[1])])
"""


def test_a_program_that_ends_without_closing_keeps_its_lines(tmp_path: Path) -> None:
    """At the end of the interpreter what is queued is written, although nobody closed the server."""
    run(NOT_CLOSED, str(tmp_path / "log"))
    assert events((tmp_path / "log").read_text()) == ["start"]
