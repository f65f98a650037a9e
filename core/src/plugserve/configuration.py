"""Configuration files: TOML, the files that they include, and where in them each thing stands.

    include = ["conf.d/*.toml"]             # more of the same, relative to this file
    drain = 10                              # seconds that requests get to finish after SIGTERM

    [[listen]]                              # any number of them
    bind    = "tcp://127.0.0.1:7070"        # an address, or a list of them
    handler = "http-files"                  # a name, "package.module:Class" or "./file.py:Class"
    name    = "site"                        # in logs; the address if left out
    engine  = "threading"
    options = { root = "public" }           # the handler's; relative paths begin at this file's folder

      [listen.engine-options]
      [listen.limits]

      [[listen.plugin]]                     # order on the wire = order here, outermost first
      use   = "access"                      # its name among those of this listener is `as`, or the same
      allow = ["127.0.0.0/8"]

This module reads the frame and keeps the rest as it stands there; `plan.py` looks up the names in it. A mistake
never ends the reading: what is wrong is collected, each with file, line and path, and the rest is looked at, too.
"""

from __future__ import annotations

import glob
import json
import os
import re
import threading
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .errors import ConfigurationError
from .serving import DRAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .options import Complaint, OptionsError

__all__ = ["Asked", "AskedPlugin", "Configuration", "Document", "Faults", "Spot", "read_configuration"]

_MOST: Final = 1024 * 1024
"""Bytes of a file: a larger one is something else that was named by mistake."""

_MOST_SAID: Final = 2000
"""Letters of a complaint: more come from a value that is none, such as a file that got between two quotes."""

_DEEP: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""",
)
"""A key of so many parts that tomllib would fill the memory with it: it keeps each of its beginnings."""

_NAME: Final = re.compile(r"[^\W_][\w.:-]{0,62}")
"""What a listener or a plugin can be called: it stands in logs and in lines that programs read."""


class Faults(ConfigurationError):
    """What is wrong with a configuration; the message is one line for each fault, in the order of the files."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(dict.fromkeys(lines))
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True)
class Spot:
    """A place in a configuration file.

    Parameters:
        document: the file.
        path: keys and indexes from the top of the file down.
    """

    document: Document
    path: tuple[str | int, ...] = ()

    def at(self, *path: str | int) -> Spot:
        """A place below this one."""
        return Spot(self.document, (*self.path, *path))

    @property
    def line(self) -> int:
        """Its line, from 1: that of the nearest thing above it, if nothing stands there."""
        lines = self.document.lines
        path = _normalized(self.path)
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)

    @property
    def where(self) -> str:
        """File and line, in the form that editors and terminals can jump to: `site.toml:12`."""
        return f"{self.document.shown}:{self.line}"

    @property
    def name(self) -> str:
        """Its path: `listen[0].plugin[1].allow`."""
        text = ""
        for part in self.path:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                key = part if re.fullmatch(r"[\w-]{1,80}", part, re.ASCII) else _cut(json.dumps(part), 80)
                text += f".{key}" if text else key
        return text

    @property
    def folder(self) -> str:
        """The folder of the file: where relative paths in it begin."""
        return os.path.dirname(os.path.abspath(self.document.path))

    def says(self, text: str, sentence: str = "") -> str:
        """A line that complains about this place: one line, whatever is quoted in it."""
        text = _cut(" ".join(text.splitlines()), _MOST_SAID)
        return f"{self.where}: {self.name}: {text}" if self.path else f"{self.where}: {text}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _normalized(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path in which `-` and `_` are the same, as they are in names of options."""
    return tuple(part.replace("_", "-") if isinstance(part, str) else part for part in path)


class Document:
    """One TOML file, read.

    Parameters:
        path: the file.

    Errors: `Faults` with the one line that says why it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.shown = path
        self.text = self._read()
        self.data: dict[str, Any] = self._parse()

    @cached_property
    def lines(self) -> Mapping[tuple[str | int, ...], int]:
        """The line of each key, table and element; worked out when the first is asked for."""
        from .toml_positions import locate

        return {_normalized(path): line for path, line in locate(self.text).items()}

    def _read(self) -> str:
        try:
            # A folder is refused by open(), a FIFO (a shell's process substitution) is read to its end.
            with open(self.path, "rb") as file:
                content = file.read(_MOST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise Faults([f"{self.shown}: cannot be read: {reason}: correct the path, or its rights"]) from None
        if len(content) > _MOST:
            raise Faults([f"{self.shown}: has more than {_MOST} bytes, so it is no configuration: correct the path"])
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Faults([f"{self.shown}:{line}: is not UTF-8, as TOML is: save the file in that encoding"]) from None

    def _parse(self) -> dict[str, Any]:
        if deep := _DEEP.search(self.text):
            line = self.text.count("\n", 0, deep.start()) + 1
            raise Faults([f"{self.shown}:{line}: is nested too deeply: no configuration needs that"])
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise Faults([self._explained(str(error))]) from None
        except RecursionError:
            raise Faults([f"{self.shown}:1: is nested too deeply: no configuration needs that"]) from None
        except ValueError as error:
            # An integer of thousands of digits (sys.set_int_max_str_digits).
            digits = re.search(r"[0-9][0-9_]{999,}", self.text)
            line = self.text.count("\n", 0, digits.start()) + 1 if digits else 1
            raise Faults([f"{self.shown}:{line}: is a number that nobody means ({error}): correct it"]) from None

    def _explained(self, message: str) -> str:
        """What tomllib says, with the line in front and a remedy behind."""
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
        if not found:
            return f"{self.shown}:1: is not TOML: {message}"
        text, line, column = found.groups()
        if line is None:
            last = self.text.rstrip().count("\n") + 1
            return f"{self.shown}:{last}: is not TOML: {text}: the file ends too early, {_END}"
        # Lines as tomllib counts them, which str.splitlines does not.
        written = self.text.replace("\r\n", "\n").split("\n")[int(line) - 1]
        remedy = _remedy(text, written, written[int(column) - 1 :])
        return f"{self.shown}:{line}: is not TOML: {text} (column {column}): {remedy}"


_END: Final = "close the quotes or brackets that are open"


def _remedy(message: str, line: str, rest: str) -> str:
    """What to do about what tomllib says of a line, of which it has not understood the rest."""
    letter = rest[:1]
    if letter in _QUOTES:
        return f"{letter} is no quotation mark of TOML: write a straight one, \" or '"
    if letter and not letter.isascii():
        return f"there is the character U+{ord(letter):04X}, which may not be seen: write it anew, or put it in quotes"
    if rest.startswith((";", "//")):
        return "comments begin with #"
    if not letter and "key part" in message:
        return "what stands in { } stands on one line"
    if "Cannot overwrite" in message and line.lstrip().startswith("[["):
        return "it is there already, with other brackets: write [[listen]] above all that belongs to it"
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, message)), "correct the line")


_QUOTES: Final = tuple("\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u0060")
"""What stands for quotes in print, and what stands for them in a shell."""

_REMEDIES: Final = (
    (
        r"Invalid value",
        'text stands in quotes, as in engine = "threading", lists in [ ]; for yes and no write true and false',
    ),
    (
        r"Expected newline or end of document",
        "one key = value a line; all text stands in quotes; a number has no unit and does not begin with 0",
    ),
    (r"Expected '=' after a key", "write key = value"),
    (r"Invalid initial character for a key part", "a key is made of letters, digits, - and _"),
    (r"Cannot overwrite a value|Cannot mutate", "the key is there twice: keep one"),
    (r"Duplicate inline table key", "the key is there twice: keep one"),
    (
        r"Cannot declare .* twice",
        "write its keys in one place, in [ ] or in { }; what may be there twice has double brackets, as in [[listen]]",
    ),
    (r"Invalid date", "there is no such day or time"),
    (
        r"Cannot (declare|redefine|mutate).*(namespace|immutable)",
        "that table was written as { ... }: add the keys there",
    ),
    (r"Expected '\]", "close the brackets: [[listen]], [listen.limits]"),
    (r"Unclosed (array|inline table)", "close it, and put commas between its elements"),
    (r"Unescaped '\\'|[Ee]scape", r"in double quotes a backslash is written \\; in single quotes it stands for itself"),
    (r"Illegal character '\\n'|Unterminated string|Expected '['\"]", "close the quotes on the same line"),
    (r"Illegal character", "remove it; in double quotes it can be written as \\u and four digits"),
)
"""What to do about what tomllib finds, by its words."""


@dataclass(frozen=True)
class AskedPlugin:
    """One plugin, as it is asked for: nothing is looked up yet."""

    use: str
    name: str
    options: Mapping[str, Any]
    spot: Any


@dataclass(frozen=True)
class Asked:
    """One listener, as it is asked for: nothing is looked up yet.

    Parameters:
        spot: where: a `Spot`, or what stands for one on a command line.
        handler, engine: names or references.
        bind: the address as text.
        name: in logs; None if it has none.
        options, engine_options, limits: as they were given.
        plugins: in wire order.
        folder: where relative paths begin; None means the working directory.
    """

    spot: Any
    handler: str
    bind: str
    bind_spot: Any
    engine: str = "threading"
    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[AskedPlugin, ...] = ()
    folder: str | None = None


@dataclass
class Configuration:
    """All that was read.

    Parameters:
        listeners: in the order of the files.
        drain: seconds.
        documents: the files, each once, the one that was named first.
        faults: what is wrong so far, one line each.
    """

    listeners: list[Asked] = field(default_factory=list)
    drain: float = DRAIN
    documents: list[Document] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Top:
    """The keys of a file.

    Parameters:
        include: more files, or patterns of such; relative to this one.
        drain: seconds that requests get to finish after the first SIGTERM or SIGINT.
        listen: the listeners.
    """

    include: list[str] = field(default_factory=list)
    drain: float = DRAIN
    listen: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Listen:
    """The keys of a `[[listen]]`.

    Parameters:
        bind: where to listen: an address, or a list of them.
        handler: what to serve there: a name, `package.module:Class` or `path/file.py:Class`.
        name: what to call this listener in logs; its address if left out.
        engine: how requests run side by side.
        options: the handler's options.
        engine_options: the engine's options.
        limits: what peers may cost.
        plugin: the plugins, in wire order, outermost first.
    """

    bind: list[str]
    handler: str
    name: str | None = None
    engine: str = "threading"
    options: dict[str, Any] = field(default_factory=dict)
    engine_options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    plugin: list[dict[str, Any]] = field(default_factory=list)


def read_configuration(paths: Iterable[str]) -> Configuration:
    """Read files and what they include.

    Parameters:
        paths: files, or folders: of a folder all `*.toml` in the order of their names.

    What is wrong stands in `faults` of the result.
    """
    configuration = Configuration()
    reader = _Reader(configuration)
    for path in paths:
        reader.named(path)
    if not configuration.listeners and not configuration.faults:
        shown = " and ".join(document.shown for document in configuration.documents)
        configuration.faults.append(f"{shown}:1: there is no [[listen]]: write one for each address to serve")
    return configuration


class _Reader:
    """Follows includes, each file once."""

    def __init__(self, configuration: Configuration) -> None:
        self._result = configuration
        self._seen: dict[tuple[int, int], str] = {}
        self._drain: Spot | None = None

    def named(self, path: str) -> None:
        """Read a file or folder that a user named."""
        if os.path.isdir(path):
            files = sorted(glob.glob(os.path.join(glob.escape(path), "*.toml")))
            if not files:
                self._result.faults.append(f"{path}: this folder has no file *.toml: put one there, or name a file")
            for file in files:
                self._file(file, main=True)
        else:
            self._file(path, main=True)

    def _file(self, path: str, *, main: bool) -> None:
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            pass  # Document says what is wrong
        else:
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen and not main:
                return  # includes may meet, and even go round in a circle
            if identity in self._seen:
                self._result.faults.append(f"{path}: is read already, as {self._seen[identity]}: name it once")
                return
            self._seen[identity] = path
        try:
            document = Document(path)
        except Faults as fault:
            self._result.faults += fault.lines
            return
        self._result.documents.append(document)
        spot = Spot(document)
        data = self._in_brackets(document.data, "listen", spot, "[[listen]]")
        top = self._table(Top, data, spot, "a configuration file")
        if main and "drain" in top:
            # Not a number is no time, and no thread can wait for ever.
            if not 0 <= top["drain"] < threading.TIMEOUT_MAX:
                self._result.faults.append(spot.at("drain").says(f"{top['drain']:g}: give seconds, 0 or more"))
            elif self._drain is not None:
                text = f"is in {self._drain.where} as well, and holds for all listeners: keep one"
                self._result.faults.append(spot.at("drain").says(text))
            self._result.drain, self._drain = top["drain"], spot.at("drain")
        elif "drain" in top:
            self._result.faults.append(spot.at("drain").says("holds for all listeners: write it in the main file"))
        for index, pattern in enumerate(top.get("include", ())):
            self._include(pattern, spot.at("include", index))
        single = data is not document.data
        for index, table in enumerate(top.get("listen", ())):
            self._listen(table, spot.at("listen") if single else spot.at("listen", index))

    def _include(self, pattern: str, spot: Spot) -> None:
        path = os.path.join(glob.escape(spot.folder), pattern) if not os.path.isabs(pattern) else pattern
        if os.path.isdir(os.path.join(spot.folder, pattern)):
            path = os.path.join(path, "*.toml")
        try:
            files = sorted(glob.glob(path))
        except ValueError as error:  # a NUL byte
            self._result.faults.append(spot.says(f"{pattern!r} is no path ({error}): correct it"))
            return
        if not files and not glob.has_magic(pattern):
            self._result.faults.append(spot.says(f"there is no file {pattern!r} beside this one: correct the name"))
        for file in files:
            # Shown as the user would write it from where they are.
            near = os.path.relpath(file)
            self._file(file if near.startswith("..") else near, main=False)

    def _listen(self, given: Mapping[str, Any], spot: Spot) -> None:
        data = self._in_brackets(given, "plugin", spot, "[[listen.plugin]]")
        table = self._table(Listen, data, spot, "a [[listen]]")
        single = data is not given
        plugins = [
            plugin
            for index, one in enumerate(table.get("plugin", ()))
            if (plugin := self._plugin(one, spot.at("plugin") if single else spot.at("plugin", index)))
        ]
        name = table.get("name")
        if name == "":
            name = None
            self._result.faults.append(spot.at("name").says("is empty: write a name, or leave it out"))
        if name is not None and not _NAME.fullmatch(name):
            self._result.faults.append(spot.at("name").says(f"{name!r}: write letters, digits, - and _ without spaces"))
            name = None
        if "bind" not in table or "handler" not in table:
            return  # that is told; the keys beside have been looked at
        binds = table["bind"]
        if not binds:
            self._result.faults.append(spot.at("bind").says('is empty: write an address, as in "tcp://127.0.0.1:7007"'))
        for index, bind in enumerate(binds):
            self._result.listeners.append(
                Asked(
                    spot=spot,
                    handler=table["handler"],
                    bind=bind,
                    bind_spot=spot.at("bind", index) if len(binds) > 1 else spot.at("bind"),
                    engine=table.get("engine", "threading"),
                    name=name if len(binds) == 1 or name is None else f"{name}.{index + 1}",
                    options=table.get("options", {}),
                    engine_options=table.get("engine_options", {}),
                    limits=table.get("limits", {}),
                    plugins=tuple(plugins),
                    folder=spot.folder,
                )
            )

    def _plugin(self, given: Mapping[str, Any], spot: Spot) -> AskedPlugin | None:
        options = dict(given)
        use, name = options.pop("use", None), options.pop("as", None)
        if not isinstance(use, str) or not use:
            missing = "use" not in given
            text = 'says not which: write use = "NAME"' if missing else f'{use!r} is no name: write use = "NAME"'
            self._result.faults.append((spot if missing else spot.at("use")).says(text))
            return None
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._result.faults.append(spot.at("as").says(f"{name!r} is no name: write letters, digits, - and _"))
            name = None
        return AskedPlugin(use, name or use.rpartition(":")[2], options, spot)

    def _in_brackets(self, given: Mapping[str, Any], key: str, spot: Spot, header: str) -> Mapping[str, Any]:
        """The same with an array of tables in it, where somebody wrote one table."""
        if not isinstance(given.get(key), dict):
            return given
        self._result.faults.append(spot.at(key).says(f"there may be several of these: write {header}"))
        return {**given, key: [given[key]]}

    def _table(self, shape: Callable[..., Any], given: Mapping[str, Any], spot: Spot, what: str) -> dict[str, Any]:
        """The keys of a table that are right; the wrong ones are told of."""
        from .options import Complaint, OptionsError, validated

        try:
            return validated(shape, given, what=what)
        except OptionsError as error:
            plain = []
            for one in error.complaints:
                if one.unknown or "is given twice" in one.text:
                    plain.append(one)
                    continue
                key = (
                    one.path[0] if one.path else next((key for key in _FORMS if f"'{key}' is missing" in one.text), "")
                )
                form = _FORMS.get(str(key))
                plain.append(one if form is None else Complaint(one.path, _in_its_form(one, key, form), one.sentence))
            self._result.faults += told(OptionsError(plain), spot)
            # What is right is taken all the same, so that what is wrong within it is told in the same run.
            return dict(error.values)


_FORMS: Final = {
    "bind": 'bind = "tcp://127.0.0.1:7007", or a list of such',
    "handler": 'handler = "NAME", as in "echo"',
    "name": 'name = "NAME"',
    "engine": 'engine = "NAME", as in "threading"',
    "options": "options = { NAME = VALUE }",
    "engine-options": "engine-options = { NAME = VALUE }",
    "limits": "limits = { NAME = VALUE }",
    "include": 'include = ["conf.d/*.toml"]',
    "drain": "drain = 10",
    "plugin": '[[listen.plugin]] and below it use = "NAME"',
    "listen": '[[listen]] and below it bind = "ADDRESS" and handler = "NAME"',
}
"""How the keys of the frame are written."""


def _in_its_form(complaint: Complaint, key: object, form: str) -> str:
    if not complaint.path:
        return f"'{key}' is missing: write {form}"
    return f"{complaint.text.rpartition(': ')[0]}: write {form}"


def told(error: OptionsError, spot: Any) -> list[str]:
    """The lines of an error about the options in a table."""
    return [spot.at(*one.path).says(one.text + _where_it_belongs(one, spot), one.sentence) for one in error.complaints]


def _where_it_belongs(complaint: Complaint, spot: Any) -> str:
    """In TOML a key belongs to the header above it, so one that is added at the end easily comes into a wrong table."""
    if not isinstance(spot, Spot) or not complaint.unknown:
        return ""
    key, depth = str(complaint.path[0]).replace("_", "-"), len(spot.path)
    if key in Top.__dataclass_fields__ and key != "listen" and depth:
        return f"; {key} stands at the top of a file, above all [[listen]]"
    if key.replace("-", "_") in Listen.__dataclass_fields__:
        header = {"plugin": "[[listen.plugin]]", "limits": "[listen.limits]"}.get(key)
        if depth == 0:
            return f"; write {header}, below its [[listen]]" if header else f"; {key} stands below a [[listen]]"
        if depth > 2:
            return f"; {key} stands right below the [[listen]], above such tables as this one"
    return ""
