from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plugserve.errors import ConfigurationError
from plugserve_access import rulebook, rulefile
from plugserve_access.rulebook import LOOK_INTERVAL, SLICE, RuleBook

TCP: Any = SimpleNamespace(transport="tcp")


class Clock:
    """Monotonic seconds, turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.cost = 0.0

    def __call__(self) -> float:
        self.now += self.cost
        return self.now


class Book:
    """A rule book and the hand that turns its clock."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        given: dict[str, Any] = {"allow": (), "deny": (), "allow_file": None, "deny_file": None} | options
        self.rules = RuleBook(**given, clock=self.clock)

    def look(self) -> None:
        """What a second of a server's life does."""
        self.clock.now += LOOK_INTERVAL
        self.rules.refresh()

    def allows(self, host: str) -> bool:
        return self.rules.policy.allows((host, 1), TCP)


_writes = itertools.count(1)


def write(path: Path, text: str) -> None:
    """Write a list in place. Each has another size: some file systems tell times apart by seconds only."""
    path.write_text(text + "\n" * next(_writes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the list of the test is."""
    return tmp_path / "list"


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "plugserve.access"):
        yield


def loaded(**options: Any) -> Book:
    """A rule book whose server has started."""
    book = Book(**options)
    book.rules.load()
    return book


def test_a_file_has_one_rule_a_line_and_comments(path: Path) -> None:
    """Blank lines, comments behind rules, spaces, and the ends of lines of other systems mean nothing."""
    path.write_bytes(
        b"\xef\xbb\xbf# office\n10.0.0.0/8\n\n  192.0.2.0/24\t# lab\r\n"
        b"#203.0.113.0/24\r\n \r\n2001:db8::/32\r198.51.100.7"
    )
    book = loaded(allow_file=path)
    assert all(map(book.allows, ["10.1.2.3", "192.0.2.1", "2001:db8::1", "198.51.100.7"]))
    assert not any(map(book.allows, ["203.0.113.1", "127.0.0.1", "198.51.100.8"]))


def test_a_comment_may_be_in_any_encoding(path: Path) -> None:
    """Bytes that are no UTF-8 disturb nobody in a comment."""
    path.write_bytes(b"10.0.0.0/8 # B\xfcro\n")
    assert loaded(allow_file=path).allows("10.1.2.3")


def test_files_and_lists_add_up(tmp_path: Path) -> None:
    """All four options make one set of rules."""
    allowed, denied = tmp_path / "allowed", tmp_path / "denied"
    allowed.write_text("10.0.0.0/8")
    denied.write_text("10.1.0.0/16")
    book = loaded(allow=["192.0.2.0/24"], deny=["192.0.2.9"], allow_file=allowed, deny_file=denied)
    hosts = ["10.0.0.1", "10.1.0.1", "192.0.2.1", "192.0.2.9"]
    assert [book.allows(host) for host in hosts] == [True, False, True, False]
    assert book.rules.sources == f"the configuration and {allowed} and {denied}"


def test_before_the_start_nobody_is_served(path: Path) -> None:
    """A plugin that has not read its files yet denies, also what its list allows."""
    path.write_text("10.0.0.0/8")
    book = Book(allow=["192.0.2.0/24"], allow_file=path)
    assert not any(map(book.allows, ["10.0.0.1", "192.0.2.1", "127.0.0.1"]))


def test_an_empty_file_of_allow_rules_allows_nobody(path: Path) -> None:
    """It counts as an allow rule: others are denied, deny rules beside it or not."""
    path.write_text("# nobody yet\n")
    assert not any(map(loaded(allow_file=path).allows, ["127.0.0.1", "192.0.2.1"]))
    assert not any(map(loaded(allow_file=path, deny=["192.0.2.1"]).allows, ["127.0.0.1", "198.51.100.1"]))


def test_an_empty_file_of_deny_rules_denies_nobody(path: Path) -> None:
    """It counts as a deny rule: the door does not close when the last one is taken off the list."""
    path.write_text("")
    assert all(map(loaded(deny_file=path).allows, ["127.0.0.1", "192.0.2.1"]))


@pytest.mark.parametrize("option", ["allow_file", "deny_file"])
def test_a_bad_line_refuses_to_start(path: Path, option: str) -> None:
    """The error names the option, the file, the line, and what would be right."""
    path.write_text("10.0.0.0/8\n\n10.1.2.3/8\n")
    with pytest.raises(ConfigurationError) as caught:
        loaded(**{option: path})
    assert str(caught.value).startswith(f"{option}: {path}, line 3: '10.1.2.3/8' has host bits set: write 10.0.0.0/8")


def test_a_missing_file_refuses_to_start(path: Path) -> None:
    """The error names it."""
    with pytest.raises(ConfigurationError, match=f"allow_file: cannot read {path}: No such file .*: give the path"):
        loaded(allow_file=path)


def test_a_folder_refuses_to_start(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(ConfigurationError, match=f"deny_file: {tmp_path} is not a regular file"):
        loaded(deny_file=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_fifo_refuses_to_start_without_waiting_for_a_writer(path: Path) -> None:
    """A file that could hold up the server is none."""
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="is not a regular file"):
        loaded(allow_file=path)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
def test_what_cannot_be_opened_refuses_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a socket one."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(ConfigurationError, match="is not a regular file"):
            loaded(allow_file="socket")


def test_a_path_with_a_nul_refuses_to_start() -> None:
    """The error shows it escaped."""
    with pytest.raises(ConfigurationError, match=r"cannot read .*a\\x00b"):
        loaded(allow_file="a\0b")


def test_a_huge_file_refuses_to_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else got in the place of the list: it is not read at all."""
    monkeypatch.setattr(rulefile, "MAX_BYTES", 100)
    path.write_text("10.0.0.0/8\n" * 10)
    with pytest.raises(ConfigurationError, match="has 110 bytes, and more than 100 are no list"):
        loaded(allow_file=path)


@pytest.mark.parametrize("content", [b"\xff\xfe1\x000\x00", b"10.0.0.0/8\0", b"\x7fELF\x02\x01\x01\n", b"10.0.0.\xff"])
def test_a_file_of_another_kind_refuses_to_start(path: Path, content: bytes) -> None:
    """UTF-16, binary and torn files are bad rules, shown escaped."""
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="line 1: ") as caught:
        loaded(allow_file=path)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that changes its working directory still reads the same file."""
    (tmp_path / "list").write_text("10.0.0.0/8")
    monkeypatch.chdir(tmp_path)
    book = Book(allow_file="list")
    monkeypatch.chdir("/")
    book.rules.load()
    assert book.allows("10.0.0.1")


def test_a_change_is_in_force_after_two_looks(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first look finds it, the second finds it at rest; answers that were remembered before are asked again."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    assert book.allows("10.0.0.1")
    write(path, "192.0.2.0/24\n198.51.100.0/24")
    book.look()
    assert book.allows("10.0.0.1")
    book.look()
    assert not book.allows("10.0.0.1")
    assert book.allows("192.0.2.1")
    assert caplog.messages == [f"access: read again: {path}; 2 allow and 0 deny rules, all others are denied"]


def test_a_file_put_in_place_of_the_old_one_is_a_change(path: Path) -> None:
    """A new file of the same size and time is told by its number."""
    path.write_text("10.0.0.0/8")
    book = loaded(allow_file=path)
    new = path.with_name("new")
    new.write_text("11.0.0.0/8")
    status = path.stat()
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.replace(path)
    book.look()
    book.look()
    assert book.allows("11.0.0.1")
    assert not book.allows("10.0.0.1")


def test_a_file_that_is_being_written_is_left_alone_until_it_rests(path: Path) -> None:
    """A list of denials that is emptied and filled again never lets anybody in between."""
    write(path, "192.0.2.0/24\n198.51.100.0/24")
    book = loaded(deny_file=path)
    for content in ("", "198.51.100.0/24\n", "198.51.100.0/24\n203.0.113.0/24\n"):
        write(path, content)
        book.look()
        assert not book.allows("192.0.2.1")
    book.look()
    assert book.allows("192.0.2.1")
    assert not book.allows("203.0.113.1")


def test_a_file_that_is_written_while_it_is_read_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read then is thrown away, at the start and later."""
    write(path, "10.0.0.0/8")
    writes = iter(["11.0.0.0/8\n", "12.0.0.0/8\n#"])
    parse = rulefile.RuleFile._refuse_irregular
    calls = []

    def write_between(self: rulefile.RuleFile, status: os.stat_result) -> None:
        parse(self, status)
        calls.append(status)
        if len(calls) in (2, 6):
            write(path, next(writes))

    monkeypatch.setattr(rulefile.RuleFile, "_refuse_irregular", write_between)
    book = loaded(allow_file=path)
    assert book.allows("11.0.0.1")
    assert not book.allows("10.0.0.1")
    write(path, "13.0.0.0/8")
    book.look()
    book.look()  # reads it, and it is written to meanwhile
    assert book.allows("11.0.0.1")
    book.look()
    book.look()
    assert book.allows("12.0.0.1")


def test_a_file_that_never_rests_refuses_to_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody logs into it, perhaps: after some tries it is an error, not a wait."""
    write(path, "10.0.0.0/8")

    def write_more(self: rulefile.RuleFile, status: os.stat_result) -> None:
        with path.open("a") as file:
            file.write("\n")

    monkeypatch.setattr(rulefile.RuleFile, "_refuse_irregular", write_more)
    with pytest.raises(ConfigurationError, match="is being written to"):
        loaded(allow_file=path)


def test_a_file_broken_by_a_change_keeps_its_old_rules_with_one_warning(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning names the line; the next content that is right is taken over."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    write(path, "11.0.0.0/8\nexample.org")
    for _ in range(5):
        book.look()
    assert book.allows("10.0.0.1")
    assert not book.allows("11.0.0.1")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{path}, line 2: 'example.org'" in caplog.text
    assert "its old rules stay in force" in caplog.text
    write(path, "12.0.0.0/8")
    book.look()
    book.look()
    assert book.allows("12.0.0.1")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_file_that_vanishes_keeps_its_rules_with_one_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also for ever; and when it comes back, it counts again."""
    write(path, "192.0.2.0/24")
    book = loaded(deny_file=path)
    path.unlink()
    for _ in range(5):
        book.look()
    assert not book.allows("192.0.2.1")
    assert caplog.text.count("cannot read") == 1
    write(path, "198.51.100.0/24")
    book.look()
    book.look()
    assert book.allows("192.0.2.1")
    assert not book.allows("198.51.100.1")


def test_a_broken_file_does_not_hold_up_the_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each file has its own old rules."""
    allowed, denied = tmp_path / "allowed", tmp_path / "denied"
    write(allowed, "10.0.0.0/8")
    write(denied, "10.1.0.0/16")
    book = loaded(allow_file=allowed, deny_file=denied)
    write(allowed, "broken")
    write(denied, "10.2.0.0/16")
    book.look()
    book.look()
    assert [book.allows(host) for host in ("10.0.0.1", "10.1.0.1", "10.2.0.1")] == [True, True, False]


def test_files_are_looked_at_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the server's loop turns."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    looks = []
    monkeypatch.setattr(rulefile.RuleFile, "changed", lambda self: bool(looks.append(self)))
    for _ in range(1000):
        book.clock.now += 0.004
        book.rules.refresh()
    assert 3 <= len(looks) <= 4


def test_no_file_means_no_look_at_the_clock() -> None:
    """Rules that cannot change cost nothing."""
    book = Book(allow=["10.0.0.0/8"])
    book.clock.cost = 1.0
    before = book.clock.now
    book.rules.refresh()
    assert book.clock.now == before


def test_a_long_file_is_read_in_slices(path: Path) -> None:
    """No call holds the loop for longer than a slice and a step; the old rules hold until the new ones are whole."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    write(path, "\n".join(f"11.{a}.{b}.0/24" for a in range(20) for b in range(256)))
    book.look()
    book.clock.now += LOOK_INTERVAL
    book.clock.cost = SLICE / 2
    calls = 0
    while not book.allows("11.19.255.1"):
        assert book.allows("10.0.0.1")
        assert not book.allows("11.0.0.1")
        before = book.clock.now
        book.rules.refresh()
        assert book.clock.now - before < 4 * SLICE
        calls += 1
        assert calls < 1000
    assert calls > 10
    assert not book.allows("10.0.0.1")


def test_a_change_during_the_reading_is_found_afterwards(path: Path) -> None:
    """Nothing that is written is overlooked."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    write(path, "\n".join(f"11.{a}.{b}.0/24" for a in range(20) for b in range(256)))
    book.look()
    book.clock.cost = SLICE
    book.look()
    write(path, "12.0.0.0/8")
    for _ in range(200):
        book.look()
    assert book.allows("12.0.0.1")
    assert not book.allows("11.0.0.1")


def test_rules_that_could_not_be_put_to_use_are_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory once is not out of date for ever; the fault is passed on to be reported."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    write(path, "11.0.0.0/8")
    book.look()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(rulebook.Policy, "build", fail)
        with pytest.raises(MemoryError):
            book.look()
    assert book.allows("10.0.0.1")
    book.look()
    assert book.allows("11.0.0.1")


def test_two_loops_never_read_at_once(path: Path) -> None:
    """A plugin given to two servers: who comes second goes on with other things."""
    write(path, "10.0.0.0/8")
    book = loaded(allow_file=path)
    write(path, "11.0.0.0/8")
    with book.rules._lock:
        for _ in range(5):
            book.look()
    assert book.allows("10.0.0.1")
    book.look()
    book.look()
    assert book.allows("11.0.0.1")
