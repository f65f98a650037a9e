from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugserve.toml_positions import locate

Path: TypeAlias = "tuple[str | int, ...]"


def paths(value: Any) -> set[Path]:
    """Every path of what tomllib returned, without the empty one."""
    found: set[Path] = set()
    left: list[tuple[Path, Any]] = [((), value)]
    while left:
        above, value = left.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        below = [((*above, part), item) for part, item in items]
        found.update(path for path, _ in below)
        left.extend(below)
    return found


def located(text: str) -> dict[Path, int]:
    """What `locate` says about a document; that its paths are those that tomllib finds is checked on the way."""
    lines = locate(text)
    assert set(lines) == paths(tomllib.loads(text))
    return lines


# -- each rule by hand ---------------------------------------------------------------------------------------------


def test_an_empty_document_has_no_positions() -> None:
    """Nothing, blank lines and comments alone give an empty answer."""
    assert located("") == located("\n\r\n \t\n") == located("# a = 1") == located("#\r\n") == {}


def test_keys_have_their_lines_whatever_the_newlines_are() -> None:
    """Lines are counted from 1, and CRLF is one newline."""
    expected = {("a",): 1, ("b",): 3, ("t",): 4, ("t", "c"): 5}
    text = "a = 1\n\nb = true\n[t]\nc = 1.5"
    assert located(text) == located(text.replace("\n", "\r\n")) == located(text + "\n") == expected


def test_the_configuration_of_a_listener_is_located() -> None:
    """Arrays of tables, their sub-tables and their sub-arrays belong to the element that was begun last."""
    text = """\
drain = 10

[[listen]]
bind = ["tcp://127.0.0.1:1",
        "tcp://127.0.0.1:2"]

  [listen.limits]
  connections = 5

  [[listen.plugin]]
  use = "access"

  [[listen.plugin]]
  use = "log"

[[listen]]
options = { root = "public" }
  [[listen.plugin]]
  use = "log"
"""
    assert located(text) == {
        ("drain",): 1,
        ("listen",): 3,
        ("listen", 0): 3,
        ("listen", 0, "bind"): 4,
        ("listen", 0, "bind", 0): 4,
        ("listen", 0, "bind", 1): 5,
        ("listen", 0, "limits"): 7,
        ("listen", 0, "limits", "connections"): 8,
        ("listen", 0, "plugin"): 10,
        ("listen", 0, "plugin", 0): 10,
        ("listen", 0, "plugin", 0, "use"): 11,
        ("listen", 0, "plugin", 1): 13,
        ("listen", 0, "plugin", 1, "use"): 14,
        ("listen", 1): 16,
        ("listen", 1, "options"): 17,
        ("listen", 1, "options", "root"): 17,
        ("listen", 1, "plugin"): 18,
        ("listen", 1, "plugin", 0): 18,
        ("listen", 1, "plugin", 0, "use"): 19,
    }


def test_a_super_table_has_the_line_of_what_implied_it_until_its_header_comes() -> None:
    """`[a.b.c]` implies `a` and `a.b`; a later `[a]` is the line of `a`, and `a.b` keeps the one that it has."""
    assert located("[a.b.c]\nx = 1\n[a.b.d]\n") == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("a", "b", "c", "x"): 2,
        ("a", "b", "d"): 3,
    }
    assert located("[a.b.c]\n\n[a]\nx = 1\n") == {("a",): 3, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "x"): 4}


def test_tables_between_two_elements_do_not_end_an_array() -> None:
    """Each header says from the top where it belongs."""
    assert located("[[a]]\n[b]\n[[a]]\n[b.c]\n[a.d]\n[[b.e]]\n[a.d.f]") == {
        ("a",): 1,
        ("a", 0): 1,
        ("b",): 2,
        ("a", 1): 3,
        ("b", "c"): 4,
        ("a", 1, "d"): 5,
        ("b", "e"): 6,
        ("b", "e", 0): 6,
        ("a", 1, "d", "f"): 7,
    }


def test_arrays_of_tables_stand_in_arrays_of_tables() -> None:
    """An inner array begins again at 0 in each element of the outer one."""
    assert located("[[a]]\n[[a.b]]\n[[a.b]]\n[a.b.c]\n[[a]]\n[[a.b]]\n[a.b.c]") == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, "b"): 2,
        ("a", 0, "b", 0): 2,
        ("a", 0, "b", 1): 3,
        ("a", 0, "b", 1, "c"): 4,
        ("a", 1): 5,
        ("a", 1, "b"): 6,
        ("a", 1, "b", 0): 6,
        ("a", 1, "b", 0, "c"): 7,
    }


def test_an_array_of_tables_implies_the_tables_above_it() -> None:
    """`[[a.b]]` makes `a` a table, and `[a]` may follow."""
    assert located("[[a.b]]\n[[a.b]]\n[a]\nx = 1") == {
        ("a",): 3,
        ("a", "b"): 1,
        ("a", "b", 0): 1,
        ("a", "b", 1): 2,
        ("a", "x"): 4,
    }


def test_a_table_of_dotted_keys_has_the_line_of_the_first_of_them() -> None:
    """The keys of one table need not stand together."""
    assert located("a.b.c = 1\nx = 2\na.b.d = 3\na.e = 4\n[t]\nu.v = 5") == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("x",): 2,
        ("a", "b", "d"): 3,
        ("a", "e"): 4,
        ("t",): 5,
        ("t", "u"): 6,
        ("t", "u", "v"): 6,
    }
    assert located("[a]\nb.c = 1\n[a.b.d]\n") == {("a",): 1, ("a", "b"): 2, ("a", "b", "c"): 2, ("a", "b", "d"): 3}


def test_elements_have_the_line_on_which_they_begin() -> None:
    """In an array over many lines, with comments, trailing commas and arrays and tables inside."""
    text = """\
a = [ # [1, "
  1, 2,
  [ # ]
    3
    , # 4,
  ],
  { b = [
      5,
    ], c = 6 },
  [], {}, \"\"\"
  \"\"\",
  7
  ,
]
d = 8
"""
    assert located(text) == {
        ("a",): 1,
        ("a", 0): 2,
        ("a", 1): 2,
        ("a", 2): 3,
        ("a", 2, 0): 4,
        ("a", 3): 7,
        ("a", 3, "b"): 7,
        ("a", 3, "b", 0): 8,
        ("a", 3, "c"): 9,
        ("a", 4): 10,
        ("a", 5): 10,
        ("a", 6): 10,
        ("a", 7): 12,
        ("d",): 15,
    }


def test_dotted_keys_in_an_inline_table_imply_tables() -> None:
    """As they do outside of one."""
    assert set(located("a = { b.c = 1, b . 'd' = { e = 2 }, f = {} }\n")) == {
        ("a",),
        ("a", "b"),
        ("a", "b", "c"),
        ("a", "b", "d"),
        ("a", "b", "d", "e"),
        ("a", "f"),
    }


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "''",
        r'"\""',
        r'"\\"',
        r'"\\\""',
        r"'\'",
        "'\"'",
        '"\'"',
        '\'"""\'',
        '"# ] } = ["',
        "'# ] } = ['",
        '"""a"""',
        "'''a'''",
        '""""""',
        "''''''",
        '"""""""',
        '""""""""',
        "'''''''",
        "''''''''",
        '"""a""""',
        '"""a"""""',
        "'''a''''",
        "'''a'''''",
        '""""a"""',
        '"""""a"""',
        '"""a"b""c"""',
        "'''a'b''c'''",
        r'"""a\"""b"""',
        r'"""a\""""',
        r'"""a\\"""',
        r"'''a\'''",
        r'"""""\""""""',
        '"""\'\'\'"""',
        "'''\"\"\"'''",
        r'"\u0022\U00000022"',
        "1979-05-27T07:32:00Z",
        "1979-05-27 07:32:00",
        "1979-05-27 07:32:00.999-07:00",
        "1979-05-27",
        "07:32:00",
        "+1_000",
        "-0.0e-1_0",
        "0xdead_beef",
        "-inf",
        "nan",
        "false",
        "[]",
        "{}",
        "[[[]],[{}]]",
    ],
)
def test_a_value_ends_where_it_ends(value: str) -> None:
    """Quotes, brackets and signs in a value are not taken for the document's, whatever stands behind the value."""
    for behind in ("", " ", "\t# [b]", "#\"'[{"):
        assert located(f"a={value}{behind}\nb = 1")[("b",)] == 2
    assert located(f"a = [{value},{value} ,{value}\n]\nb = 1")[("b",)] == 3
    assert located(f"a = {{c={value},d = {value} ,e = {value}}}\nb = 1")[("b",)] == 2


@pytest.mark.parametrize(
    "value, newlines",
    [
        ('"""\n"""', 1),
        ("'''\n'''", 1),
        ('"""\n\n"a" # ]\n\\"""\n""\n"""""', 5),
        ("'''\n'a' # ]\n\\\n''\n'''''", 4),
        ('"""a \\\n\n   \\  \n b\\\n"""', 4),
        ('"""\\\n"""', 1),
        ('"""\\\\\n"""', 1),
    ],
)
def test_newlines_in_a_string_count(value: str, newlines: int) -> None:
    """In both multi-line forms, behind a backslash, too, and as CRLF."""
    text = f"a = {value}\nb = [{value}, 1]"
    expected = {("a",): 1, ("b",): 2 + newlines, ("b", 0): 2 + newlines, ("b", 1): 2 + 2 * newlines}
    assert located(text) == located(text.replace("\n", "\r\n")) == expected


@pytest.mark.parametrize(
    "written, key",
    [
        ("a", ("a",)),
        ("1", ("1",)),
        ("1.2", ("1", "2")),
        ("-_-", ("-_-",)),
        ("true", ("true",)),
        ("1979-05-27", ("1979-05-27",)),
        ('""', ("",)),
        ("''", ("",)),
        ('"a.b"', ("a.b",)),
        ("a.'b.c'.\"d\"", ("a", "b.c", "d")),
        (' a\t. \t"b" .c\t', ("a", "b", "c")),
        (r'"\u0041\U00000042"', ("AB",)),
        (r'"\U0001F600\u00e9"', ("\U0001f600\xe9",)),
        (r'"\\u0041"', (r"\u0041",)),
        (r'"\b\t\n\f\r\"\\"', ('\b\t\n\f\r"\\',)),
        (r"'\u0041\\'", ("\\u0041\\\\",)),
        ('"\'"', ("'",)),
        ("'\"'", ('"',)),
        ('"="', ("=",)),
        ('"[a]"', ("[a]",)),
        ("'# {'", ("# {",)),
        ('"\xe9"', ("\xe9",)),
    ],
)
def test_a_key_is_read_as_tomllib_reads_it(written: str, key: tuple[str, ...]) -> None:
    """Bare, quoted, with dots and escapes; before a value, in a header and in an inline table."""
    whole: dict[Path, int] = {key[:length]: 1 for length in range(1, len(key) + 1)}
    assert located(f"{written}=1") == located(f"[{written}]# ]") == whole
    elements: dict[Path, int] = {(*key, 0): 1, (*key, 0, "x"): 2}
    assert located(f"[[{written}]]\n[{written}.x]") == whole | elements
    assert located(f"t={{{written}={{}}}}") == {("t",): 1, **{("t", *path): 1 for path in whole}}


def test_comments_are_not_read() -> None:
    """Quotes, brackets and keys in a comment are text, wherever the comment stands."""
    comment = "# \"\"\" ''' \" ' [x] [[x]] { x = [ \\\n"
    text = f"{comment}a = 1 {comment}[b] {comment}{comment}c = [{comment}1 {comment}, {comment}] {comment}"
    assert located(text) == {("a",): 2, ("b",): 3, ("b", "c"): 5, ("b", "c", 0): 6}


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\xa0"])
def test_only_a_newline_is_a_newline(sign: str) -> None:
    """What Unicode calls a line separator does not end a line in TOML."""
    assert located(f"a = '{sign}' # {sign}\nb = \"{sign}\"") == {("a",): 1, ("b",): 2}


# -- documents made at random --------------------------------------------------------------------------------------

KEYS = ["a", "b", "c", "listen", "1", "-", "", "a.b", "\xe9", "'", '"', "# x", "[a]", "=", "\\", "\n", "A\t", "]"]
SCALARS = [
    *("0", "-1_0", "0xf", "1.5e3", "inf", "true", "07:32:00", "1979-05-27", "1979-05-27T07:32:00Z"),
    *("1979-05-27 07:32:00", '""', "''", r'"\"]\\"', "'\\'", '"# }"', "'[\"'", '"""' * 2, "'''" * 2),
]
BASIC_LINES = ['"', '""', r"\"", r'"\""', r"\\", "'''", "# [a]", "] }", "a = 1", "\\N", "\\ \tN N ", "N", "N", "\xe9"]
LITERAL_LINES = ["'", "''", "\\", '"""', "# [a]", "] }", "a = 1", "N", "N", "\xe9"]
COMMENTS = ["#", "# a = 1", '# "', "# '''", '#"""', "# [x]", "# [[", "# }", "# ],", "# \\"]


class Writer:
    """Writes a document of random data in a random layout, and knows the line of all that it writes."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.text = ""
        self.expected: dict[Path, int] = {}
        self.newlines = random.choice([["\n"], ["\r\n"], ["\n", "\r\n"]])

    def maybe(self, of: int = 2) -> bool:
        return self.random.randrange(of) == of - 1  # 0, to which hypothesis shrinks, is the simpler document

    # Layout

    def write(self, text: str) -> None:
        self.text += text

    def newline(self) -> str:
        return self.random.choice(self.newlines)

    def mark(self, path: Path, *, again: bool = False) -> None:
        line = self.text.count("\n") + 1
        self.expected[path] = line if again else self.expected.get(path, line)

    def space(self) -> None:
        self.write(self.random.choice(["", "", " ", "\t", " \t "]))

    def end_of_line(self) -> None:
        self.space()
        if self.maybe(3):
            self.write(self.random.choice(COMMENTS))
        self.write(self.newline())

    def lines(self) -> None:
        """What may stand between two elements of an array or before a line of the document."""
        while self.maybe(3):
            self.end_of_line()
        self.space()

    # Values

    def scalar(self) -> None:
        form = self.random.randrange(4)
        if form > 1:
            self.write(self.random.choice(SCALARS))
            return
        quote, pieces = ('"', BASIC_LINES) if form else ("'", LITERAL_LINES)
        body = ""
        for _ in range(self.random.randrange(6)):
            piece = self.random.choice(pieces)
            # Two quotes may stand in a row, not three. An escaped one is none, but counting it does no harm.
            if quote * 3 not in body + piece:
                body += piece
        self.write(3 * quote + re.sub("N", lambda _: self.newline(), body) + 3 * quote)

    def value(self, path: Path, data: Any) -> None:
        if isinstance(data, dict):
            self.write("{")
            self.space()
            for number, (keys, below, item) in enumerate(self.body(path, data, inline=True)):
                if number:
                    self.write(",")
                    self.space()
                self.pair(keys, below, item)
                self.space()
            self.write("}")
        elif isinstance(data, list):
            self.write("[")
            self.lines()
            for number, item in enumerate(data):
                self.mark((*path, number))
                self.value((*path, number), item)
                self.lines()
                if number < len(data) - 1 or self.maybe():
                    self.write(",")
                    self.lines()
            self.write("]")
        else:
            self.scalar()

    # Keys

    def part(self, key: str) -> str:
        forms = []
        if re.fullmatch("[A-Za-z0-9_-]+", key):
            forms += [key] * 4
        if "'" not in key and "\n" not in key:
            forms.append(f"'{key}'")
        plain = re.sub(r'["\\]', r"\\\g<0>", key).replace("\n", r"\n")
        escaped = "".join(self.random.choice([f"\\u{ord(sign):04x}", f"\\U{ord(sign):08X}"]) for sign in key)
        return self.random.choice([*forms, f'"{plain}"', f'"{escaped}"'])

    def key(self, keys: list[str]) -> None:
        for number, key in enumerate(keys):
            if number:
                self.write(".")
                self.space()
            self.write(self.part(key))
            self.space()

    def pair(self, keys: list[str], path: Path, data: Any) -> None:
        for length in range(len(path) - len(keys) + 1, len(path) + 1):
            self.mark(path[:length])
        self.key(keys)
        self.write("=")
        self.space()
        self.value(path, data)

    # Tables

    def body(self, path: Path, table: dict[str, Any], *, inline: bool = False) -> list[tuple[list[str], Path, Any]]:
        """Lines of a table: keys, path and value; tables in it are written inline or, unless empty, as dotted keys."""
        pairs: list[tuple[list[str], Path, Any]] = []
        for key, data in table.items():
            if isinstance(data, dict) and data and self.maybe():
                pairs += [([key, *keys], below, item) for keys, below, item in self.body((*path, key), data)]
            else:
                pairs.append(([key], (*path, key), data))
        self.random.shuffle(pairs)
        return pairs

    def header(self, keys: list[str], path: Path, *, array: bool) -> None:
        self.lines()
        for length in range(1, len(path)):
            self.mark(path[:length])
        self.mark(path, again=True)
        self.write("[[" if array else "[")
        self.space()
        self.key(keys)
        self.write("]]" if array else "]")
        self.end_of_line()

    def table(self, keys: list[str], path: Path, table: dict[str, Any], *, array: bool = False) -> None:
        """A table under a header of its own, if it needs one, and the tables below it, before it or after it."""
        sections = {
            key: data
            for key, data in table.items()
            if (isinstance(data, dict) or (isinstance(data, list) and data and all(isinstance(i, dict) for i in data)))
            and not self.maybe(3)
        }
        direct = {key: data for key, data in table.items() if key not in sections}
        after = bool(keys) and not array and bool(sections) and self.maybe(3)
        if not after:
            self.own(keys, path, direct, needed=array or not sections, array=array)
        names = list(sections)
        self.random.shuffle(names)
        for key in names:
            data = sections[key]
            if isinstance(data, dict):
                self.table([*keys, key], (*path, key), data)
            else:
                for number, item in enumerate(data):
                    self.table([*keys, key], (*path, key, number), item, array=True)
        if after:
            self.own(keys, path, direct, needed=False, array=False)

    def own(self, keys: list[str], path: Path, direct: dict[str, Any], *, needed: bool, array: bool) -> None:
        """The header and the lines of a table; what has no line of its own may do without the header."""
        if keys and (needed or direct or self.maybe()):
            self.header(keys, path, array=array)
        for below, place, item in self.body(path, direct):
            self.lines()
            self.pair(below, place, item)
            self.end_of_line()

    # Data

    def data(self, depth: int) -> Any:
        kind = self.random.randrange(8)
        if depth == 0 or kind < 3:
            return None
        if kind < 5:
            return self.mapping(depth - 1)
        if kind < 6:
            return [self.mapping(depth - 1) for _ in range(self.random.randrange(1, 4))]
        return [self.data(depth - 1) for _ in range(self.random.randrange(4))]

    def mapping(self, depth: int) -> dict[str, Any]:
        return {key: self.data(depth) for key in self.random.sample(KEYS, self.random.randrange(5))}

    def document(self) -> None:
        self.table([], (), self.mapping(4))
        self.lines()


def written(random: Random) -> Writer:
    """A writer that has written a document."""
    writer = Writer(random)
    writer.document()
    return writer


documents = st.randoms(use_true_random=False).map(written)


@given(documents)
@settings(max_examples=150)
def test_each_thing_is_where_it_was_written(writer: Writer) -> None:
    """In a document of random data and layout: every key, table and element is found, each on its line."""
    assert located(writer.text) == writer.expected


def test_the_documents_made_at_random_have_all_there_is() -> None:
    """What the test above looks at is worth something: each form of TOML is among a few hundred of its documents."""
    texts = [written(Random(seed)).text for seed in range(300)]
    for pattern in (
        *(
            "\r\n",
            "(?m)^[ \t]*$",
            r"\n\[",
            r"\n\[\[",
            r"=[ \t]*\{[^}]",
            r"=[ \t]*\[\r?\n",
            r"=[ \t]*\[[ \t]*#",
            r",\s*\]",
        ),
        *(
            r"\w[ \t]*\.[ \t]*\w+[ \t]*=",
            r"\\u00",
            r"\\U0000",
            "'{4,}",
            '"{4,}',
            r"\\[ \t]*\r?\n",
            r"= ?\[\[",
            "#.*[\"']",
        ),
    ):
        assert any(re.search(pattern, text) for text in texts), pattern


# -- texts that are no documents, and large ones -------------------------------------------------------------------


def check(text: str) -> None:
    """What tomllib reads has the same paths here; anything else ends, with ValueError if with an error."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        try:
            locate(text)
        except ValueError:
            pass
    else:
        assert set(locate(text)) == paths(data)


PIECES = [
    *"[]{}=,.#\"'\\\n\r \tab1-:uU\xe9\x00\ud800",
    "[[",
    "]]",
    "\r\n",
    '"""',
    "'''",
    "a=1",
    "a = ",
    "\\u0041",
    "1979-05-27 ",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
@settings(max_examples=500)
def test_any_text_is_read_to_an_end(text: str) -> None:
    """The reading of whatever text ends, and raises ValueError at most."""
    check(text)


@given(documents, st.integers(0), st.integers(0, 3), st.sampled_from(["", *PIECES]))
@settings(max_examples=150)
def test_a_document_with_a_mistake_is_read_to_an_end(writer: Writer, place: int, length: int, piece: str) -> None:
    """So does that of a document in which a few characters are replaced; if it still is one, its paths are right."""
    place %= len(writer.text) + 1
    check(writer.text[:place] + piece + writer.text[place + length :])


@pytest.mark.parametrize("key", [r"\U00110000", r"\UFFFFFFFF"])
def test_a_character_that_there_is_not_is_a_value_error(key: str) -> None:
    """`chr` alone would raise OverflowError for the largest."""
    with pytest.raises(ValueError, match="no character"):
        locate(f'"{key}" = 1')


def test_brackets_as_deep_as_tomllib_reads_them_are_located() -> None:
    """Depth takes no stack: what tomllib can read at all has its positions."""
    depth = 200
    lines = located("a = " + "[\n" * depth + "1" + "]" * depth)
    assert lines[("a", *[0] * depth)] == depth + 1


LARGE = 300_000  # quadratic work on this many characters would outlast the time limit of a test by far
REPEATED: dict[str, Callable[[int], str]] = {
    "keys": lambda size: "".join(f"key{number} = {number} # comment\n" for number in range(size // 30)),
    "elements": lambda size: "a = [" + "1,\n" * (size // 3) + "]",
    "tables": lambda size: "[[a.b]]\n[a.b.c]\nd.e = {f = 1}\n" * (size // 31),
    "one string": lambda size: 'a = "' + r"\"x" * (size // 3) + '"',
    "one multi-line string": lambda size: 'a = """' + '\n""' * (size // 3) + '"""',
    "one literal string": lambda size: "a = '''" + "\n''x" * (size // 4) + "'''",
    "blank lines": lambda size: "\n \n\n" * (size // 4),
    "comments": lambda size: "# [\n" * (size // 4),
    "an open string": lambda size: 'a = "' + "\\\\" * (size // 2),
    "an open multi-line string": lambda size: 'a = """' + 'x""' * (size // 3),
    "an open literal string": lambda size: "a = '''" + "x''" * (size // 3),
    "quotes": lambda size: '"' * size,
    "strings without a key": lambda size: 'a = ["" ' + '"" ' * (size // 3),
    "open arrays": lambda size: "a = " + "[" * size,
    "open and closed arrays": lambda size: "a = " + "[" * (size // 2) + "]" * (size // 2),
    "open tables": lambda size: "a = " + "{a=" * (size // 3),
    "a dotted key": lambda size: "a" + ".a" * (size // 2) + "=1",
    "a dotted header": lambda size: "[[a" + ".a" * (size // 2) + "]]\nb=1",
}


@pytest.mark.parametrize("form", REPEATED)
def test_a_large_text_is_read_to_an_end(form: str) -> None:
    """A large document, a deep one or a large piece of nonsense: the reading ends, in memory that there is."""
    text = REPEATED[form](LARGE)
    try:
        lines = locate(text)
    except ValueError:
        return
    assert set(lines.values()) <= set(range(1, text.count("\n") + 2))
    assert max(map(len, lines), default=0) <= 1000


@pytest.mark.parametrize("form", REPEATED)
def test_twice_the_text_is_twice_the_work(form: str) -> None:
    """The calls that a reading makes are counted, so no clock is needed."""

    def work(size: int) -> int:
        calls = 0

        def called(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += 1

        text = REPEATED[form](size)
        before = sys.getprofile()
        sys.setprofile(called)
        try:
            locate(text)
        except ValueError:
            pass
        finally:
            sys.setprofile(before)
        return calls

    assert work(20_000) < 2.2 * work(10_000) + 100
