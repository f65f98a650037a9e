"""What the matrix says to people, how it cuts, and what packages declare."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugserve import ConfigurationError, PluginError, ProtocolHandler
from plugserve.testing.dialogues import find_declared
from plugserve.testing.matrix import (
    BYTE_BY_BYTE,
    WHOLE,
    Await,
    Case,
    Dialogue,
    Observation,
    assert_same,
    at_random,
    cases,
    cut_in_two,
    main,
)


class Echo(ProtocolHandler):
    speaks_first = False

    def receive(self, data: bytes) -> bytes:
        return data


def test_input_is_cut_as_the_name_says() -> None:
    """The offset is that in the whole input, whichever part is sent."""
    assert list(WHOLE.pieces(b"abc", 0)) == [b"abc"]
    assert list(BYTE_BY_BYTE.pieces(b"abc", 0)) == [b"a", b"b", b"c"]
    assert list(cut_in_two(5).pieces(b"abc", 4)) == [b"a", b"bc"]
    assert list(cut_in_two(5).pieces(b"abc", 0)) == [b"abc"]
    assert list(BYTE_BY_BYTE.pieces(b"", 0)) == []


def test_random_places_are_the_same_each_time() -> None:
    """Whatever is found can be found again."""
    data = bytes(range(200))
    first, again = (list(at_random(7).pieces(data, 0)) for _ in range(2))
    assert first == again != list(at_random(8).pieces(data, 0))
    assert b"".join(first) == data
    assert 2 <= len(first) <= 9


def test_a_case_has_a_name_that_people_can_read() -> None:
    """As the id of a test."""
    dialogue = Dialogue(Echo, [b"ab"], half_close=True)
    names = [case.id for case in cases(engines=["memory"], dialogues=[dialogue], stacks=[()], seeds=1)]
    assert names == [
        "memory-tcp-Echo-protocol-bare-whole",
        "memory-tcp-Echo-protocol-bare-bytes",
        "memory-tcp-Echo-protocol-bare-cut1",
        "memory-tcp-Echo-protocol-bare-random0",
    ]


def test_a_dialogue_that_contradicts_itself_is_refused() -> None:
    """With what to write instead."""
    with pytest.raises(ConfigurationError, match="as bytes"):
        Dialogue(Echo, expects=[b"x"])
    with pytest.raises(ConfigurationError, match="one reply a datagram"):
        Dialogue(Echo, datagrams=True, expects=b"x")
    with pytest.raises(ConfigurationError, match="no Await"):
        Dialogue(Echo, [Await(1)], datagrams=True)


def test_a_difference_is_shown_side_by_side() -> None:
    """What is equal stands beside it; a number of bytes that one does not know is no difference."""
    facts = {"outcome": "ok", "bytes in": 5}
    reference = Observation("echo on sync", b"one\ntwo\n", "end of stream", ["setup", "finish"], facts)
    assert_same(Observation("echo on x", b"one\ntwo\n", "end of stream", ["setup", "finish"], facts), reference)
    unknown = {"outcome": "ok", "bytes in": None}
    assert_same(Observation("echo on x", b"one\ntwo\n", "end of stream", ["setup", "finish"], unknown), reference)
    wrong = Observation("echo on x", b"one\nto\n", "end of stream", ["setup"], {"outcome": "ok", "bytes in": 4})
    with pytest.raises(AssertionError) as found:
        assert_same(wrong, reference)
    lines = [" ".join(line.split()) for line in str(found.value).splitlines()]
    assert lines == [
        "echo on x",
        "differs from",
        "echo on sync",
        "",
        "transcript:",
        "here reference",
        r"b'one\n' b'one\n'",
        r"| b'to\n' b'two\n'",
        "",
        "hooks:",
        "here reference",
        "setup setup",
        "| finish",
        "",
        "facts:",
        "here reference",
        "| bytes in: 4 bytes in: 5",
    ]


def test_where_one_side_leaves_while_the_other_sends_a_reset_is_no_difference() -> None:
    """Chance decides it."""
    reference = Observation("on sync", b"", "end of stream", [], {"bytes in": 1}, orderly=False)
    assert_same(Observation("on x", b"", "reset", [], {"bytes in": 2}, orderly=False), reference)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a package `acme` with a module of this text as its dialogues."""

    def install(text: str) -> None:
        (tmp_path / "acme_dialogues.py").write_text(text)
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[plugserve.dialogues]\nacme = acme_dialogues\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "acme_dialogues", raising=False)

    return install


_RIGHT = """
from plugserve import ProtocolHandler
from plugserve.testing.dialogues import Dialogue

class Shout(ProtocolHandler):
    speaks_first = False
    def receive(self, data):
        return data.upper()

DIALOGUES = [Dialogue(Shout, [b"a\\n"], expects=b"A\\n", half_close=True, name="shout")]
"""


def test_what_a_package_declares_is_found_and_tried(
    installed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """By its entry point; the name begins with that of the entry point."""
    installed(_RIGHT)
    assert "acme:shout" in [dialogue.name for dialogue in find_declared().dialogues]
    assert main(["--engine", "memory", "--handler", "acme"]) == 0
    head, row, *_ = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["dialogue", "style", "over", "memory"]
    # At least these; with other packages installed their layers are tried, too.
    assert row[:3] == ["acme:shout", "protocol", "tcp"]
    assert int(row[3]) >= 116


def test_the_command_says_by_its_status_that_something_differs(
    installed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the dialogue expects what no engine gives."""
    installed(_RIGHT.replace('b"A\\n"', 'b"B\\n"'))
    assert main(["--engine", "memory", "--handler", "acme:shout"]) == 1
    out = capsys.readouterr().out
    tried, differ = re.search(r"tcp +(\d+) \((\d+) differ\)", out).groups()  # type: ignore[union-attr]
    assert tried == differ
    assert int(tried) >= 116
    assert "what the dialogue expects" in out


def test_a_package_whose_dialogues_are_broken_is_named(
    installed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is tried all the same by the command; `cases` refuses."""
    installed("DIALOGUES = ['no dialogue']")
    with pytest.raises(PluginError, match=r"dialogues 'acme' of acme 1\.0 cannot be used: TypeError: acme_dialogues"):
        find_declared()
    assert main(["--engine", "memory", "--handler", "lines-leaving"]) == 0
    assert "not tried: the dialogues 'acme' of acme 1.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--engine", "quantum"], "there is no engine 'quantum' to try: use one of sync"),
        (["--handler", "quantum"], "there is no handler 'quantum' to try: use one of lines"),
        (["--plugin", "quantum"], "no plugin named 'quantum' is installed"),
    ],
)
def test_a_name_that_is_not_there_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the names that are."""
    assert main(arguments) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_a_case_runs_on_a_server_of_its_own_only() -> None:
    """Its id says which."""
    case = Case("memory", Dialogue(Echo, name="echo"), cutting=cut_in_two(2))
    assert case.group == ("memory", "tcp", "echo", "protocol", "bare")
    assert case.on_reference().id == "sync-tcp-echo-protocol-bare-whole"
