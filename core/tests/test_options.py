from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr
from pydantic.types import PositiveInt

from plugserve.errors import ConfigurationError, PluginError
from plugserve.options import OptionsError, build, build_options, engine_options, option_names, options_of
from plugserve.threaded import ThreadingMixIn

if TYPE_CHECKING:
    from decimal import Decimal


class Recorder:
    """Keeps what its constructor was given."""

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        networks: list[IPv4Network] | None = None,
        ports: Annotated[tuple[PositiveInt, ...], Field(max_length=3)] = (),
        path: Path | str | None = None,
        folder: Path | None = None,
        level: Literal["info", "debug"] = "info",
        max_rate: float = 1.0,
        keep_alive: bool = False,
        key: SecretStr | None = None,
        words: str | list[str] = "",
        table: dict[str, int] | None = None,
        untyped: Any = None,
    ) -> None:
        self.given = {name: value for name, value in locals().items() if name != "self"}


class HandlerWithOptions:
    @dataclass(frozen=True)
    class Options:
        root: Path
        list_folders: bool = True
        index_names: tuple[str, ...] = ("index.html",)


class HandlerWithout:
    pass


def _problems(options: dict[str, object], target: Any = Recorder) -> tuple[str, ...]:
    with pytest.raises(OptionsError) as caught:
        build(target, options, what="plugin 'rec'")
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize(
    "name,text,value",
    [
        ("allow", "10.0.0.0/8", ["10.0.0.0/8"]),
        ("allow", "10.0.0.0/8, ::1,", ["10.0.0.0/8", "::1"]),
        ("allow", "", []),
        ("networks", "10.0.0.0/8,192.168.0.0/16", [IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16")]),
        ("ports", "80,443", (80, 443)),
        ("path", "/x,y", "/x,y"),
        ("folder", "a/b", Path("a/b")),
        ("level", "debug", "debug"),
        ("max_rate", "2.5", 2.5),
        ("max-rate", "3", 3.0),
        ("keep-alive", "yes", True),
        ("keep_alive", "off", False),
        ("keep_alive", True, True),
        ("words", "a,b", "a,b"),
        ("untyped", "7", "7"),
    ],
)
def test_text_becomes_what_the_type_hint_asks_for(name: str, text: object, value: object) -> None:
    """What a command line can only give as text arrives at the constructor typed, lists split at commas."""
    assert build(Recorder, {name: text}).given[name.replace("-", "_")] == value


@pytest.mark.parametrize(
    "name,value",
    [("allow", ("a", "b")), ("ports", (1, 2)), ("table", {"a": 1}), ("folder", Path("x")), ("max_rate", 2)],
)
def test_typed_values_pass_as_they_are(name: str, value: object) -> None:
    """Options from code or a TOML file need no text form."""
    assert build(Recorder, {name: value}).given[name] == value


def test_defaults_are_the_constructors_own() -> None:
    """What is not given is not passed."""
    assert build(Recorder).given["level"] == "info"


def test_an_unknown_option_gets_the_nearest_right_name() -> None:
    """`alow` is answered with 'allow'; a word that resembles none with all of them."""
    assert _problems({"alow": "x"}) == ("plugin 'rec' has no option 'alow': did you mean 'allow'?",)
    assert _problems({"maxrate": "1"}) == ("plugin 'rec' has no option 'maxrate': did you mean 'max-rate'?",)
    [message] = _problems({"quux": "x"})
    assert message.startswith("plugin 'rec' has no option 'quux': it has allow, networks, ports")


def test_all_mistakes_are_reported_at_once() -> None:
    """Three wrong options give three sentences, each with the value that was given."""
    assert _problems({"max_rate": "fast", "level": "loud", "nope-nope": 1, "ports": "80,-1"}) == (
        (
            "plugin 'rec' has no option 'nope-nope': it has allow, networks, ports, path, folder, level, max-rate, "
            "keep-alive, key, words, table, untyped"
        ),
        "plugin 'rec': option 'max-rate' ('fast'): input should be a valid number, unable to parse string as a number",
        "plugin 'rec': option 'level' ('loud'): input should be 'info' or 'debug'",
        "plugin 'rec': option 'ports'[1] ('80,-1'): input should be greater than 0",
    )


def test_the_value_of_a_secret_is_in_no_message() -> None:
    """A wrong value for a secret is complained about without being shown."""
    [message] = _problems({"key": 12345})
    assert "12345" not in message
    assert "'key'" in message


def test_an_option_given_with_dash_and_underscore_is_given_twice() -> None:
    """Both spellings mean one option, and silently dropping one would be worse than a complaint."""
    [message] = _problems({"max-rate": "1", "max_rate": "2"})
    assert "'max-rate' is given twice" in message


def test_a_class_without_options_says_so() -> None:
    """Options for a class that takes none are refused, not ignored."""
    assert _problems({"x": "1"}, HandlerWithout) == ("plugin 'rec' takes no options: leave 'x' out",)


def test_a_hint_that_only_type_checkers_see_is_reported_with_the_class() -> None:
    """A name imported under TYPE_CHECKING cannot be used for checking: the message says where and what to do."""

    class Hidden:
        def __init__(self, *, price: Decimal | None = None) -> None: ...

    with pytest.raises(PluginError, match=r"type hint 'Decimal' means nothing at run time \(.*test_options\.py:\d+\)"):
        build(Hidden, {"price": "1"})
    assert build(Hidden)


def test_a_class_of_the_authors_own_is_accepted_as_an_option_in_code() -> None:
    """A hint that pydantic has no schema for is checked to be an instance of it."""

    class Store: ...

    class Uses:
        def __init__(self, *, store: Annotated[object, "any"] | None = None, other: Path | None = None) -> None:
            self.store = store

    store = Store()
    assert build(Uses, {"store": store}).store is store


@pytest.mark.parametrize(
    "error,told",
    [
        (
            ValueError("'10.0.0.300' is no network"),
            r"plugin 'p': '10\.0\.0\.300' is no network \(.*test_options\.py:\d+\)",
        ),
        (ConfigurationError("give allow or deny"), r"plugin 'p': give allow or deny$"),
        (SystemExit(4), r"plugin 'p' cannot be made: SystemExit: 4 \(.*test_options\.py:\d+\)"),
        (RuntimeError(), r"plugin 'p' cannot be made: RuntimeError \(.*test_options\.py:\d+\)"),
    ],
)
def test_a_constructor_that_fails_is_reported_with_its_line(error: BaseException, told: str) -> None:
    """Whatever a constructor raises becomes one sentence that names the plugin; SystemExit ends nothing."""

    class Failing:
        def __init__(self) -> None:
            raise error

    with pytest.raises(PluginError, match=told):
        build(Failing, what="plugin 'p'")


def test_handler_options_are_the_nested_dataclass() -> None:
    """Text for a handler's options becomes an instance of its `Options`."""
    options = build_options(HandlerWithOptions, {"root": "public", "list-folders": "no", "index-names": "a,b"})
    assert options == HandlerWithOptions.Options(Path("public"), False, ("a", "b"))
    assert option_names(HandlerWithOptions) == ["root", "list-folders", "index-names"]


def test_a_required_option_that_is_missing_says_what_to_give() -> None:
    """A dataclass field without a default is asked for by name and type, even if no option was given at all."""
    with pytest.raises(OptionsError, match=r"handler 'files': option 'root' is missing: give it Path"):
        build_options(HandlerWithOptions, what="handler 'files'")


def test_a_handler_without_options_gets_none_and_refuses_any() -> None:
    """None is what such a handler sees as `self.options`."""
    assert build_options(HandlerWithout) is None
    assert option_names(HandlerWithout) == []
    with pytest.raises(OptionsError, match="takes no options: leave 'root' out"):
        build_options(HandlerWithout, {"root": "x"})


def test_something_without_a_signature_is_refused() -> None:
    """A class written in C tells nothing about its parameters."""
    with pytest.raises(PluginError, match="no signature"):
        options_of(dict)


def test_no_options_cost_no_pydantic() -> None:
    """pydantic is not imported to make a plugin from its defaults: a server starts faster without it."""
    code = (
        f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        "from plugserve.options import build\n"
        "class P:\n    def __init__(self, *, x: int = 1): pass\n"
        "build(P); print('pydantic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_an_engine_option_may_be_a_number_or_none() -> None:
    """What an engine's class attribute is annotated with is the type of the option, not that of its default alone."""
    options = {option.name: option for option in options_of(engine_options(ThreadingMixIn))}
    assert options["max_threads"].hint == int | None
    assert options["max_threads"].default is None


@dataclass
class Pair:
    first: Path
    word: str = ""


def test_relative_paths_in_tables_begin_at_the_folder_too() -> None:
    """In a table by name, in a dataclass, and in a dataclass in such a table; other text is left alone."""

    class Plugin:
        def __init__(self, *, files: Mapping[str, Path], pair: Pair, pairs: Mapping[str, Pair]) -> None:
            self.all = files, pair, pairs

    pair = {"first": "a", "word": "a"}
    made = build(Plugin, {"files": {"x": "a", "y": "/b"}, "pair": pair, "pairs": {"z": pair}}, folder="/etc/site")
    expected = Pair(Path("/etc/site/a"), "a")
    assert made.all == ({"x": Path("/etc/site/a"), "y": Path("/b")}, expected, {"z": expected})
