"""Configuration files: their frame, and the files that they include.

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
import os
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from .datagrams import SESSION_IDLE
from .serving import DRAIN
from .toml_document import Document, Faults, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .options import Complaint, OptionsError

__all__ = ["Asked", "AskedPlugin", "Configuration", "read_configuration", "told"]

_NAME: Final = re.compile(r"[^\W_][\w.:-]{0,62}")
"""What a listener or a plugin can be called: it stands in logs and in lines that programs read."""


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
        options, engine_options, limits, urgent, sessions, session_idle: as they were given.
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
    urgent: str = "drop"
    sessions: int | None = None
    session_idle: float = SESSION_IDLE
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
        urgent: what to do with urgent data of TCP: `drop` it, keep it `inline`, tell of each `event`, or `abort`.
        sessions: of datagrams: how many sessions there may be, each with one handler for all datagrams of a peer; if
            left out, each datagram is a request of its own.
        session_idle: seconds after which a session ends whose peer is silent.
        plugin: the plugins, in wire order, outermost first.
    """

    bind: list[str]
    handler: str
    name: str | None = None
    engine: str = "threading"
    options: dict[str, Any] = field(default_factory=dict)
    engine_options: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    urgent: Literal["drop", "inline", "event", "abort"] = "drop"
    sessions: int | None = None
    session_idle: float = SESSION_IDLE
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
        if "session_idle" in table and "sessions" not in table:
            text = "is about sessions, of which there are none: write sessions = 1000 beside it, or remove it"
            self._result.faults.append(spot.at("session-idle").says(text))
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
                    urgent=table.get("urgent", "drop"),
                    sessions=table.get("sessions"),
                    session_idle=table.get("session_idle", SESSION_IDLE),
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
    "urgent": 'urgent = "drop", "inline", "event" or "abort"',
    "sessions": "sessions = 1000",
    "session-idle": "session-idle = 60",
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
