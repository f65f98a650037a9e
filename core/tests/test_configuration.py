from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugserve.configuration import Configuration, read_configuration
from plugserve.discovery import Catalog
from plugserve.plan import Plan, plan_files
from plugserve.serving import DRAIN
from plugserve.toml_document import Document, Faults, Spot

LISTEN = '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "echo"\n'


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write files into a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)

    def written(name: str, text: str) -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(dedent(text), encoding="utf-8")

    return written


def bind_texts(configuration: Configuration) -> list[str]:
    """The addresses, as they are written."""
    return [listener.bind for listener in configuration.listeners]


# -- what a file says -------------------------------------------------------------------------------------------------


def test_all_keys_of_the_frame_arrive(write: Callable[[str, str], None], tmp_path: Path) -> None:
    """What a file says of a listener is what is asked for, options untouched, in the spelling of the file."""
    write(
        "site.toml",
        """
        drain = 5
        [[listen]]
        bind    = "tcp://127.0.0.1:7070"
        handler = "http-files"
        name    = "site"
        engine  = "sync"
        options = { root = "public", list-folders = true }
          [listen.engine-options]
          max-children = 3
          [listen.limits]
          first-byte = "none"
          [[listen.plugin]]
          use   = "access"
          as    = "door"
          allow = ["127.0.0.0/8"]
          [[listen.plugin]]
          use = "./log.py:Log"
        """,
    )
    configuration = read_configuration(["site.toml"])
    assert configuration.faults == []
    assert configuration.drain == 5
    [asked] = configuration.listeners
    assert (asked.bind, asked.handler, asked.name, asked.engine) == (
        "tcp://127.0.0.1:7070",
        "http-files",
        "site",
        "sync",
    )
    assert asked.options == {"root": "public", "list-folders": True}
    assert asked.engine_options == {"max-children": 3}
    assert asked.limits == {"first-byte": "none"}
    assert [(plugin.use, plugin.name, plugin.options) for plugin in asked.plugins] == [
        ("access", "door", {"allow": ["127.0.0.0/8"]}),
        ("./log.py:Log", "Log", {}),
    ]
    assert asked.folder == str(tmp_path)
    assert asked.spot.where == "site.toml:3"
    assert asked.plugins[1].spot.where == "site.toml:17"


def test_what_is_left_out_has_its_default(write: Callable[[str, str], None]) -> None:
    """A handler and an address are enough."""
    write("site.toml", LISTEN)
    configuration = read_configuration(["site.toml"])
    [asked] = configuration.listeners
    assert (asked.engine, asked.name, asked.options, asked.plugins) == ("threading", None, {}, ())
    assert configuration.drain == DRAIN


def test_a_list_of_addresses_is_a_listener_each(write: Callable[[str, str], None]) -> None:
    """Each has its own line, and a name of its own if there is one."""
    write(
        "site.toml",
        """\
        [[listen]]
        bind = [
          "127.0.0.1:0",
          "udp://127.0.0.1:0",
        ]
        handler = "echo"
        name = "echoes"
        """,
    )
    configuration = read_configuration(["site.toml"])
    assert [(asked.bind, asked.name, asked.bind_spot.line) for asked in configuration.listeners] == [
        ("127.0.0.1:0", "echoes.1", 3),
        ("udp://127.0.0.1:0", "echoes.2", 4),
    ]


@pytest.mark.parametrize("name", ["echo", "Écho", "echo-1", "echo_1", "eu.echo", "a:b", "9"])
def test_names_for_logs(write: Callable[[str, str], None], name: str) -> None:
    """A name is a word of letters in any script, digits, and a few marks."""
    write("site.toml", f'{LISTEN}name = "{name}"')
    configuration = read_configuration(["site.toml"])
    assert configuration.faults == []
    assert configuration.listeners[0].name == name


@pytest.mark.parametrize("name", ["", " ", "two words", "-x", "a\\u001b[31m", "a\\nb", "a=b", "x" * 64])
def test_names_that_lines_of_a_log_cannot_hold(write: Callable[[str, str], None], name: str) -> None:
    """Anything else is refused, as it would break lines that people and programs read."""
    write("site.toml", f'{LISTEN}name = "{name}"')
    [fault] = read_configuration(["site.toml"]).faults
    assert fault.startswith("site.toml:4: listen[0].name: ")


def test_keys_may_be_spelled_with_either_dash(write: Callable[[str, str], None]) -> None:
    """`engine_options` is `engine-options`, and both at once are refused."""
    write("one.toml", LISTEN + "engine_options = { block_on_close = false }")
    write("two.toml", LISTEN + "engine_options = {}\nengine-options = {}")
    [asked] = read_configuration(["one.toml"]).listeners
    assert asked.engine_options == {"block_on_close": False}
    [fault] = read_configuration(["two.toml"]).faults
    assert fault == "two.toml:5: listen[0].engine-options: is given twice, as '-' and '_' are the same: keep one"


def test_a_byte_order_mark_and_dos_line_ends_are_fine(tmp_path: Path) -> None:
    """What editors on Windows write is read, and lines are counted as there."""
    file = tmp_path / "site.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (LISTEN + 'engnie = "sync"\n').replace("\n", "\r\n").encode())
    configuration = read_configuration([str(file)])
    assert bind_texts(configuration) == ["127.0.0.1:0"]
    assert configuration.faults[0].startswith(f"{file}:4: listen[0].engnie: ")


# -- several files ----------------------------------------------------------------------------------------------------


def test_includes_come_in_order_and_once(write: Callable[[str, str], None]) -> None:
    """What a file includes comes before its own; a pattern is sorted, and begins at the file that has it."""
    write("site.toml", 'include = ["conf.d/*.toml", "conf.d/a.toml", "conf.d"]\n[[listen]]\nbind = "1"\nhandler = "x"')
    write("conf.d/b.toml", '[[listen]]\nbind = "3"\nhandler = "x"')
    write("conf.d/a.toml", 'include = ["../more/*"]\n[[listen]]\nbind = "2"\nhandler = "x"')
    write("more/c.toml", '[[listen]]\nbind = "4"\nhandler = "x"')
    configuration = read_configuration(["site.toml"])
    assert configuration.faults == []
    assert bind_texts(configuration) == ["4", "2", "3", "1"]
    assert len(configuration.documents) == 4


def test_includes_may_go_round_in_a_circle(write: Callable[[str, str], None]) -> None:
    """A file that includes itself, or one that includes it, is read once."""
    write("a.toml", f'include = ["a.toml", "b.toml"]\n{LISTEN}')
    write("b.toml", f'include = ["./a.toml", "*.toml"]\n{LISTEN}')
    os.symlink("a.toml", "c.toml")
    configuration = read_configuration(["a.toml"])
    assert configuration.faults == []
    assert len(configuration.listeners) == 2


def test_a_pattern_may_find_nothing_and_a_name_may_not(write: Callable[[str, str], None]) -> None:
    """An empty `conf.d` is no mistake; a file that is named and not there is one."""
    write("site.toml", f'include = ["conf.d/*.toml", "extra.toml"]\n{LISTEN}')
    [fault] = read_configuration(["site.toml"]).faults
    assert fault == "site.toml:1: include[1]: there is no file 'extra.toml' beside this one: correct the name"


def test_a_fault_names_the_included_file(write: Callable[[str, str], None]) -> None:
    """From where the user stands, with that file's own line."""
    write("etc/site.toml", 'include = ["conf.d/*.toml"]')
    write("etc/conf.d/echo.toml", LISTEN + "\n\nengnie = 1\n")
    [fault] = read_configuration(["etc/site.toml"]).faults
    assert fault.startswith("etc/conf.d/echo.toml:6: listen[0].engnie: ")


def test_relative_paths_of_an_included_file_begin_there(write: Callable[[str, str], None], tmp_path: Path) -> None:
    """Each listener knows the folder of the file that it stands in."""
    write("site.toml", f'include = ["conf.d/*.toml"]\n{LISTEN}')
    write("conf.d/echo.toml", LISTEN)
    configuration = read_configuration(["site.toml"])
    assert {asked.folder for asked in configuration.listeners} == {str(tmp_path), str(tmp_path / "conf.d")}


def test_a_folder_is_all_of_its_files(write: Callable[[str, str], None]) -> None:
    """In the order of their names, and nothing but `*.toml`."""
    write("conf.d/2.toml", '[[listen]]\nbind = "2"\nhandler = "x"')
    write("conf.d/10.toml", 'drain = 3\n[[listen]]\nbind = "10"\nhandler = "x"')
    write("conf.d/1.toml.bak", "not toml")
    write("conf.d/sub/3.toml", "not toml")
    configuration = read_configuration(["conf.d"])
    assert configuration.faults == []
    assert bind_texts(configuration) == ["10", "2"]
    assert configuration.drain == 3


def test_a_folder_without_a_file(write: Callable[[str, str], None]) -> None:
    """Nothing to read is a mistake, and not a server of nothing."""
    write("conf.d/readme", "")
    assert read_configuration(["conf.d"]).faults == [
        "conf.d: this folder has no file *.toml: put one there, or name a file"
    ]


def test_the_drain_is_said_once(write: Callable[[str, str], None]) -> None:
    """It holds for all listeners: not in an included file, nor in two files of a folder."""
    write("conf.d/a.toml", f"drain = 3\n{LISTEN}")
    write("conf.d/b.toml", f"drain = 4\n{LISTEN}")
    write("site.toml", 'include = ["conf.d/a.toml"]\n')
    [fault] = read_configuration(["conf.d"]).faults
    assert fault == ("conf.d/b.toml:1: drain: is in conf.d/a.toml:1 as well, and holds for all listeners: keep one")
    [fault] = read_configuration(["site.toml"]).faults
    assert fault == "conf.d/a.toml:1: drain: holds for all listeners: write it in the main file"


def test_a_file_named_twice(write: Callable[[str, str], None]) -> None:
    """Its addresses would be bound twice."""
    write("site.toml", LISTEN)
    [fault] = read_configuration(["site.toml", "./site.toml"]).faults
    assert fault == "./site.toml: is read already, as site.toml: name it once"


# -- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["nowhere.toml", "", "a\0b.toml", "x" * 5000, "\udcff.toml"])
def test_a_file_that_is_not_there(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name, the message says which and what to do."""
    monkeypatch.chdir(tmp_path)
    [fault] = read_configuration([path]).faults
    assert fault.startswith(f"{path}: cannot be read: ")
    assert fault.endswith("correct the path, or its rights")


def test_a_file_that_is_too_large_for_a_configuration(tmp_path: Path) -> None:
    """A log or a disk image named by mistake is not read whole."""
    file = tmp_path / "site.toml"
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    [fault] = read_configuration([str(file)]).faults
    assert fault == f"{file}: has more than 1048576 bytes, so it is no configuration: correct the path"
    [fault] = read_configuration(["/dev/zero"]).faults
    assert "so it is no configuration" in fault


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:
    """TOML is UTF-8; a file in another encoding is told as such, or as no TOML, and nothing of it is used."""
    file = tmp_path / "site.toml"
    file.write_bytes((LISTEN + "# straße").encode(encoding))
    [fault] = read_configuration([str(file)]).faults
    assert re.match(rf"{re.escape(str(file))}:\d: is not (UTF-8|TOML)", fault)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As a shell's process substitution gives it."""
    reader, writer = os.pipe()
    os.write(writer, LISTEN.encode())
    os.close(writer)
    try:
        assert bind_texts(read_configuration([f"/dev/fd/{reader}"])) == ["127.0.0.1:0"]
    finally:
        os.close(reader)


# -- places -----------------------------------------------------------------------------------------------------------


def test_a_place_has_the_line_of_what_is_nearest_to_it(tmp_path: Path) -> None:
    """Of something that does not stand there, the line of the table that it is missing in."""
    file = tmp_path / "site.toml"
    file.write_text("\n[[listen]]\nbind = [\n  'a',\n  'b',\n]\n[listen.engine-options]\n")
    spot = Spot(Document(str(file)))
    assert spot.line == 1
    assert spot.at("listen", 0).line == 2
    assert spot.at("listen", 0, "bind", 1).line == 5
    assert spot.at("listen", 0, "bind", 7).line == 3
    assert spot.at("listen", 0, "handler").line == 2
    assert spot.at("listen", 0, "engine_options", "x").line == 7
    assert spot.at("listen", 0, "a b", 2).name == 'listen[0]."a b"[2]'


def test_a_complaint_is_one_line(tmp_path: Path) -> None:
    """Whatever is quoted in it: a key with a line break, a value of a megabyte."""
    file = tmp_path / "site.toml"
    file.write_text(f'{LISTEN}"a\\nb" = 1\n{"x" * 1000} = 1\nname = "{"y" * 100_000}"\n')
    faults = read_configuration([str(file)]).faults
    assert len(faults) == 3
    for number, fault in zip((4, 5, 6), sorted(faults), strict=True):
        assert fault.startswith(f"{file}:{number}: listen[0].")
        assert len(fault.splitlines()) == 1
        assert len(fault) < 4000


def test_faults_are_said_once() -> None:
    """The same line twice helps nobody."""
    assert Faults(["a", "b", "a"]).lines == ("a", "b")
    assert str(Faults(["a", "b", "a"])) == "a\nb"


# -- anything at all --------------------------------------------------------------------------------------------------

APP = """
    from dataclasses import dataclass
    from pathlib import Path
    from typing import Any, Literal
    from plugserve import CoroutineHandler, hookimpl
    from plugserve.secret import Secret

    class Echo(CoroutineHandler):
        @dataclass(frozen=True)
        class Options:
            root: Path | None = None
            rate: float = 1.0
            count: int | None = 3
            words: tuple[str, ...] = ()
            table: dict[str, Any] | None = None
            anything: Any = None

        async def handle(self):
            pass

    @dataclass
    class Credentials:
        user: str
        password: Secret

    class Gate:
        def __init__(
            self,
            *,
            level: Literal["a", "b"] = "a",
            password: Secret | None = None,
            credentials: Credentials | None = None,
            numbers: list[int] = (),
        ):
            if len(numbers) > 3:
                raise ValueError("too many numbers")

        @hookimpl
        def verify_request(self):
            return True
    """

VALID = b"""\
drain = 5
include = ["*.inc"]

[[listen]]
bind    = ["tcp://127.0.0.1:0", "udp://[::1]:0", "unix:///tmp/x.sock?mode=0660"]
handler = "./fuzzed_app.py:Echo"
name    = "site"
engine  = "forking"
options = { root = "public", rate = 1.5, count = "none", words = ["a", "b"], table = { a.b = 1979-05-27 } }

  [listen.engine-options]
  max-children = 3

  [listen.limits]
  idle = 30
  first-byte = "none"

  [[listen.plugin]]
  use      = "./fuzzed_app.py:Gate"
  level    = 'b'
  numbers  = [1, 2,
              3]
  password = { env = "HOME" }

  [[listen.plugin]]  # another one
  use = "./fuzzed_app.py:Gate"
  as  = "second"
"""

TOKENS = re.findall(rb"\s+|[\w.-]+|\"[^\"]*\"|.", VALID, re.DOTALL)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bytes], Plan]]:
    """The plan of a configuration of these bytes: nothing but faults may come of it."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "fuzzed_app.py").write_text(dedent(APP))
    (folder / "good.inc").write_text("")
    catalog, number = Catalog(), count()
    catalog.list_entries()

    def plan(content: bytes) -> Plan:
        file = folder / f"{next(number)}.toml"
        file.write_bytes(content)
        try:
            made = plan_files([str(file)], catalog)
        finally:
            file.unlink()
        assert made.faults or made.listeners
        for fault in made.faults:
            assert re.match(rf"{re.escape(str(folder))}/[^:]*: ?(\d+: |has more than|cannot be read)", fault), fault
            assert len(fault.splitlines()) == 1
            assert len(fault) < 4000
            assert "Traceback" not in fault
            assert "defect" not in fault
        for listener in made.listeners:
            assert listener.socket is None
        return made

    path = [*sys.path]
    yield plan
    sys.path[:] = path
    sys.modules.pop("fuzzed_app", None)


def test_what_is_to_be_fuzzed_is_right(planned: Callable[[bytes], Plan]) -> None:
    """Else mutations of it would show nothing."""
    plan = planned(VALID)
    assert plan.faults == []
    assert [listener.title for listener in plan.listeners] == ["site.1", "site.2", "site.3"]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255), st.integers(0, 3)), min_size=1, max_size=4)
)
def test_bytes_gone_wrong(planned: Callable[[bytes], Plan], changes: list[tuple[int, int, int]]) -> None:
    """Bytes overwritten, put in, taken out, or all that follows cut off."""
    content = bytearray(VALID)
    for position, byte, kind in changes:
        if kind == 0:
            content[position : position + 1] = bytes([byte])
        elif kind == 1:
            content[position:position] = bytes([byte])
        elif kind == 2:
            del content[position : position + 1 + byte % 8]
        elif byte < 64:
            del content[position:]
    planned(bytes(content))


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TOKENS) - 1), st.integers(0, len(TOKENS) - 1), st.integers(0, 2)),
        min_size=1,
        max_size=5,
    )
)
def test_words_gone_wrong(planned: Callable[[bytes], Plan], changes: list[tuple[int, int, int]]) -> None:
    """Words of the file exchanged, doubled, or left out: most of it is still TOML."""
    tokens = list(TOKENS)
    for one, other, kind in changes:
        if kind == 0:
            tokens[one] = TOKENS[other]
        elif kind == 1:
            tokens[one] = tokens[one] + TOKENS[other]
        else:
            tokens[one] = b""
    planned(b"".join(tokens))


WORDS = st.sampled_from(
    [
        "include",
        "drain",
        "listen",
        "bind",
        "handler",
        "name",
        "engine",
        "options",
        "engine-options",
        "engine_options",
        "limits",
        "plugin",
        "use",
        "as",
        "level",
        "password",
        "credentials",
        "numbers",
        "root",
        "rate",
        "count",
        "words",
        "table",
        "anything",
        "idle",
        "first-byte",
        "max-children",
        "connections",
    ]
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "./fuzzed_app.py:Echo",
            "./fuzzed_app.py:Gate",
            "./fuzzed_app.py",
            "sync",
            "forking",
            "threading",
            "none",
            "127.0.0.1:0",
            "a",
            "*.inc",
            "*.toml",
            ".",
            "..",
            "/",
            ":",
            "udp://x:1",
            "unix://",
            "env:HOME",
            "file:good.inc",
            "1",
            "true",
        ]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(
    TEXTS.map(lambda text: '"' + "".join(f"\\U{ord(letter):08X}" for letter in text) + '"'),
    st.sampled_from(
        ["true", "false", "nan", "-inf", "0x" + "f" * 5000, "9" * 400, "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:.3f}"),
)


def _table(entries: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key} = {value}" for key, value in dict(entries).items()) + "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ",\n".join(items) + "]"),
        st.lists(st.tuples(WORDS, inner), max_size=4).map(_table),
    ),
    max_leaves=8,
)
LINES = st.one_of(
    st.tuples(WORDS, VALUES).map(" = ".join),
    st.sampled_from(
        [
            "[[listen]]",
            "[listen.limits]",
            "[listen.options]",
            "[listen.engine-options]",
            "[[listen.plugin]]",
            "[listen]",
        ]
    ),
    st.sampled_from(
        [
            'bind = "127.0.0.1:0"',
            'handler = "./fuzzed_app.py:Echo"',
            'use = "./fuzzed_app.py:Gate"',
            '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./fuzzed_app.py:Echo"',
        ]
    ),
)


@settings(max_examples=200)
@given(st.lists(LINES, max_size=12))
def test_documents_of_the_right_words(planned: Callable[[bytes], Plan], lines: list[str]) -> None:
    """Any value for any key, in any order."""
    planned("\n".join(lines).encode())


@settings(max_examples=200)
@given(st.dictionaries(WORDS, VALUES, max_size=3), st.dictionaries(WORDS, VALUES, max_size=3))
def test_values_of_all_types_for_options(
    planned: Callable[[bytes], Plan], options: dict[str, str], plugin: dict[str, str]
) -> None:
    """Every one of them is taken or told, and no check fails in a way of its own."""
    for key in ("use", "as"):
        plugin.pop(key, None)
    planned(
        (
            '[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./fuzzed_app.py:Echo"\noptions = '
            + _table(list(options.items()))
            + '\n[[listen.plugin]]\nuse = "./fuzzed_app.py:Gate"\n'
            + "\n".join(f"{key} = {value}" for key, value in plugin.items())
        ).encode()
    )


@settings(max_examples=100)
@given(st.one_of(st.binary(max_size=64), st.text(max_size=64).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_arbitrary_bytes(planned: Callable[[bytes], Plan], content: bytes) -> None:
    """Whatever it is, it is no configuration, and that is all that happens."""
    assert planned(content).faults


HEAD = b'[[listen]]\nbind = "127.0.0.1:0"\nhandler = "./fuzzed_app.py:Echo"\n'

MONSTERS = {
    "brackets": b"a = " + b"[" * 400 + b"]" * 400,
    "more brackets": b"a = " + b"[" * 100_000,
    "braces": b"a = " + b"{a = " * 100_000,
    "brackets in an option": HEAD + b"options = {words = " + b"[" * 450 + b"]" * 450 + b"}",
    "braces in a table": HEAD + b"options = {table = " + b"{a = " * 300 + b"1" + b"}" * 300 + b", rate = []}",
    "dots": b".".join([b"a"] * 100_000) + b" = 1",
    "dots in quotes": b".".join([b'"a"'] * 100_000) + b" = 1",
    "dots in a header": b"[" + b" . ".join([b"a"] * 50_000) + b"]",
    "an integer": HEAD + b"options = {count = " + b"9" * 5000 + b"}",
    "an integer in base 16": HEAD + b"options = {rate = 0x" + b"f" * 9000 + b"}",
    "a drain": b"drain = 0x" + b"f" * 9000 + b"\n" + HEAD,
    "a line": HEAD + b'engine = "' + b"x" * 1_000_000 + b'"',
    "a key": HEAD + b"x" * 1_000_000 + b" = 1",
    "an address": b'[[listen]]\nhandler = "./fuzzed_app.py:Echo"\nbind = "' + b":" * 1_000_000 + b'"',
    "quotes": HEAD + b"''," * 300_000,
    "nothing but line ends": b"\n" * 1_000_000,
    "dates": HEAD + b"name = 1979-05-27\noptions = {root = 07:32:00, rate = 1979-05-27, words = [07:32:00]}",
    "NUL": HEAD + b"name = 'a\0b'",
    "NUL in a pattern": b'include = ["\\u0000", "\\u0000/*.toml"]\n' + HEAD,
    "NUL in names": b'[[listen]]\nbind = "unix:///\\u0000"\nhandler = "./a\\u0000.py:A"\nengine = "\\u0000"',
    "half a character": b"name = '\xed\xa0\x80'",
}


@pytest.mark.parametrize("name", MONSTERS)
def test_monsters(planned: Callable[[bytes], Plan], name: str) -> None:
    """Deep, long, huge: told like any other mistake, with no traceback, and without filling the memory."""
    assert planned(MONSTERS[name]).faults


@pytest.mark.parametrize("name", ["more brackets", "dots", "a key", "NUL in names"])
def test_monsters_on_the_command_line(name: str, tmp_path: Path) -> None:
    """The command ends with 78 and lines."""
    (tmp_path / "site.toml").write_bytes(MONSTERS[name])
    result = subprocess.run(
        [sys.executable, "-m", "plugserve", "check", "-c", "site.toml"], cwd=tmp_path, capture_output=True, timeout=30
    )
    assert result.returncode == 78
    assert result.stdout == b""
    assert all(re.match(rb"plugserve: site\.toml:\d+: ", line) for line in result.stderr.splitlines())
