from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugserve.arguments import Mistakes, bindings, option_words, options_for, plugin_words


@pytest.mark.parametrize(
    "handlers,binds,expected",
    [
        (["echo"], [], [("echo", "tcp://127.0.0.1:0")]),
        (["echo"], ["7007"], [("echo", "7007")]),
        (["echo"], ["7007", "udp://:7007"], [("echo", "7007"), ("echo", "udp://:7007")]),
        (["echo", "time"], ["1", "2"], [("echo", "1"), ("time", "2")]),
        (["echo", "time"], [], [("echo", "tcp://127.0.0.1:0"), ("time", "tcp://127.0.0.1:0")]),
        (["echo@1,udp://:1", "time@2"], [], [("echo", "1"), ("echo", "udp://:1"), ("time", "2")]),
        (["echo@1", "time"], ["2", "3"], [("echo", "1"), ("time", "2"), ("time", "3")]),
        (["echo@unix:///run/a@b"], [], [("echo", "unix:///run/a@b")]),
    ],
)
def test_each_handler_gets_its_addresses(
    handlers: list[str], binds: list[str], expected: list[tuple[str, str]]
) -> None:
    """An address stands behind the handler's @, or comes from --bind in order, or is a free port of this machine."""
    assert bindings(handlers, binds) == expected


@pytest.mark.parametrize(
    "handlers,binds,told",
    [
        (["echo@1"], ["2"], "--bind 2 is for no handler"),
        (["echo", "time", "qotd"], ["1", "2"], r"3 handlers \(echo, time, qotd\), but --bind twice: .* echo@1"),
        (["echo", "time"], ["1"], r"2 handlers \(echo, time\), but --bind once: give each its address"),
        (["echo", "time"], ["1", "2", "3"], r"but --bind 3 times: give each"),
        (["@1"], [], "'@1' is not of the form HANDLER@ADDRESS"),
        (["echo@"], [], "'echo@' is not of the form"),
        (["echo@1,"], [], "'echo@1,' is not of the form"),
    ],
)
def test_an_address_that_could_be_anybodys_is_refused(handlers: list[str], binds: list[str], told: str) -> None:
    """Nothing is guessed where handlers and addresses do not pair up."""
    with pytest.raises(Mistakes, match=told):
        bindings(handlers, binds)


@pytest.mark.parametrize(
    "values,expected",
    [
        (["access"], [("access", {})]),
        (["access,log"], [("access", {}), ("log", {})]),
        (["access", "log"], [("access", {}), ("log", {})]),
        (["log:json"], [("log", {"json": True})]),
        (["log:path=/var/log/x y"], [("log", {"path": "/var/log/x y"})]),
        (["log:path="], [("log", {"path": ""})]),
        (["log:json,path=/x,access"], [("log", {"json": True, "path": "/x"}), ("access", {})]),
        (["access:allow=10.0.0.0/8,log"], [("access", {"allow": "10.0.0.0/8"}), ("log", {})]),
        (["access:allow=10.0.0.0/8,::1,fd00::/8"], [("access", {"allow": ["10.0.0.0/8", "::1", "fd00::/8"]})]),
        (
            ["access:allow=10.0.0.0/8,allow=::1,deny=10.9.0.0/16"],
            [("access", {"allow": ["10.0.0.0/8", "::1"], "deny": "10.9.0.0/16"})],
        ),
        (["a:query=x=1:2"], [("a", {"query": "x=1:2"})]),
        (["./quota.py:Quota:limit=3,log"], [("./quota.py:Quota", {"limit": "3"}), ("log", {})]),
        (["log,./quota.py"], [("log", {}), ("./quota.py", {})]),
        (["access:allow-file=a,./b.py"], [("access", {"allow-file": ["a", "./b.py"]})]),
    ],
)
def test_plugins_and_their_options_stand_between_commas(
    values: list[str], expected: list[tuple[str, dict[str, object]]]
) -> None:
    """NAME begins a plugin, KEY=VALUE sets an option, a key given twice or a bare value makes a list."""
    assert plugin_words(values) == expected


@pytest.mark.parametrize(
    "values,told",
    [
        (["allow=10.0.0.0/8"], "'allow=10.0.0.0/8' belongs to no plugin: write NAME:allow=10.0.0.0/8"),
        (["10.0.0.0/8"], "'10.0.0.0/8' is no plugin"),
        (["log:json,10.0.0.0/8"], "'10.0.0.0/8' is no plugin"),
        (["log", "access,log"], "the plugin 'log' is named twice"),
    ],
)
def test_a_word_that_belongs_to_no_plugin_is_refused(values: list[str], told: str) -> None:
    """The message quotes the word and says what to write."""
    with pytest.raises(Mistakes, match=told):
        plugin_words(values)


@pytest.mark.parametrize(
    "value,expected",
    [
        ("root=a.b=c", (None, "root", "a.b=c")),
        ("http-files.root=docs/demo", ("http-files", "root", "docs/demo")),
        ("./file.py:Class.list-folders=no", ("./file.py:Class", "list-folders", "no")),
        ("root=", (None, "root", "")),
    ],
)
def test_an_option_may_name_its_handler(value: str, expected: tuple[str | None, str, str]) -> None:
    """What stands before the last dot left of the = is the handler."""
    assert option_words([value]) == [expected]


@pytest.mark.parametrize("value", ["root", "=x", ".root=x", "a b=x", "files.=x"])
def test_an_option_of_another_form_is_refused(value: str) -> None:
    """The message shows both forms."""
    with pytest.raises(Mistakes, match=r"write KEY=VALUE, or HANDLER\.KEY=VALUE"):
        option_words([value])


FILES_AND_ECHO = {"files": ["root", "max-age"], "echo": []}


@pytest.mark.parametrize(
    "values,handlers,expected",
    [
        (["anything=1"], {"echo": []}, {"echo": {"anything": "1"}}),
        (["root=x"], FILES_AND_ECHO, {"files": {"root": "x"}, "echo": {}}),
        (["max_age=1"], FILES_AND_ECHO, {"files": {"max_age": "1"}, "echo": {}}),
        (["echo.root=x"], FILES_AND_ECHO, {"files": {}, "echo": {"root": "x"}}),
        (["files.root=x", "files.root=y"], FILES_AND_ECHO, {"files": {"root": ["x", "y"]}, "echo": {}}),
    ],
)
def test_an_option_goes_to_the_handler_that_is_named_or_the_only_one_that_takes_it(
    values: list[str], handlers: dict[str, list[str]], expected: dict[str, dict[str, object]]
) -> None:
    """With one handler every option is its own; with several the name decides, or that only one has the option."""
    assert options_for(option_words(values), handlers) == expected


@pytest.mark.parametrize(
    "value,handlers,told",
    [
        (
            "size=1",
            {"a": ["size"], "b": ["size"]},
            "--option size: several handlers take it: say which, a.size or b.size",
        ),
        ("rot=x", FILES_AND_ECHO, r"--option rot: .* did you mean files\.root\?"),
        ("quux=x", FILES_AND_ECHO, r"they have files\.root, files\.max-age"),
        ("quux=x", {"a": [], "b": []}, r"none of the handlers \(a, b\) takes any option"),
        ("fils.root=x", FILES_AND_ECHO, "no handler 'fils' is served here, but files, echo"),
    ],
)
def test_an_option_that_could_be_anybodys_is_refused(value: str, handlers: dict[str, list[str]], told: str) -> None:
    """Nothing is guessed where several handlers or none take an option."""
    with pytest.raises(Mistakes, match=told):
        options_for(option_words([value]), handlers)


_WORDS = st.text(alphabet="ab:=,./@-_ \n1", max_size=12)


@given(st.lists(_WORDS, max_size=4), st.lists(_WORDS, max_size=3))
def test_no_text_gives_anything_but_data_or_mistakes(words: list[str], binds: list[str]) -> None:
    """Whatever is typed is understood or refused in words; nothing crashes."""
    for parse in (lambda: bindings(words, binds), lambda: plugin_words(words), lambda: option_words(words)):
        with contextlib.suppress(Mistakes):
            parse()
