"""What is installed, found through entry points: handlers, plugins and engines by name.

Rule 1: listing reads metadata and imports nothing. Rule 2: loading imports the one thing that was named. Rule 3: a
package that is broken hurts only those who name it. Entry points belong to groups that a distribution fills in its own
`pyproject.toml`:

    [project.entry-points."plugserve.handlers"]
    echo = "plugserve_simple:EchoHandler"

The core's own engines come the same way, so nothing here has a favourite.

pluggy's `load_setuptools_entrypoints` is not used: it imports everything there is, and one package whose import fails
ends the loading of all others. Sources: the PyPA's "Entry points specification" and "Core metadata specifications".
"""

from __future__ import annotations

import operator
import os
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

from .errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType, TracebackType

__all__ = ["GROUPS", "OURS", "Catalog", "Entry", "Kind", "core_version", "list_entries", "load"]

Kind: TypeAlias = Literal["handler", "plugin", "engine"]

GROUPS: Final[Mapping[Kind, str]] = {
    "handler": "plugserve.handlers",
    "plugin": "plugserve.plugins",
    "engine": "plugserve.engines",
}
"""The entry-point group of each kind of thing."""

_KIND_OF_GROUP: Final[dict[str, Kind]] = {group: kind for kind, group in GROUPS.items()}

OURS: Final[Mapping[tuple[Kind, str], str]] = {
    ("handler", "chargen"): "plugserve-simple",
    ("handler", "daytime"): "plugserve-simple",
    ("handler", "discard"): "plugserve-simple",
    ("handler", "echo"): "plugserve-simple",
    ("handler", "http-files"): "plugserve-http",
    ("handler", "http-wsgi"): "plugserve-http",
    ("handler", "nfs"): "plugserve-nfs",
    ("handler", "qotd"): "plugserve-simple",
    ("handler", "rpcbind"): "plugserve-sunrpc",
    ("handler", "time"): "plugserve-simple",
    ("plugin", "access"): "plugserve-access",
    ("plugin", "auth"): "plugserve-auth",
    ("engine", "asyncio"): "plugserve-asyncio",
    ("engine", "uvloop"): "plugserve-asyncio",
    ("plugin", "limits"): "plugserve-limits",
    ("plugin", "log"): "plugserve-log",
    ("plugin", "proxy-protocol"): "plugserve-proxy-protocol",
    ("plugin", "rpcbind"): "plugserve-sunrpc",
    ("plugin", "tls"): "plugserve-tls",
}
"""Which of this project's distributions brings what, to say what to install.

Never guessed from the name that was typed: an invitation to install `plugserve-<typo>` is one to whoever registers it.
"""

_CORE: Final = "plugserve"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name that an installed distribution offers, as its metadata tells it. Nothing of it has been imported.

    Attributes:
        kind: `"handler"`, `"plugin"` or `"engine"`; None for a distribution so broken that this cannot be told.
        name: the name to use it by; empty if it cannot be told.
        reference: the object reference, `package.module:Object`.
        distribution: the name of the distribution it comes from.
        version: that distribution's version, or `"?"`.
        summary: that distribution's one-line description, or empty.
        needs: the range of core versions that the distribution asks for, such as `">=0.1,<0.2"`, or empty.
        problems: why it cannot be used, one sentence each; empty if nothing speaks against it.
    """

    kind: Kind | None
    name: str
    reference: str
    distribution: str
    version: str
    summary: str = ""
    needs: str = ""
    problems: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The distribution and its version, as in `plugserve-simple 0.1.0`; empty for an object by reference."""
        return f"{self.distribution} {self.version}" if self.distribution else ""

    @property
    def label(self) -> str:
        """How messages name it and what it leads to: `plugin 'access' of plugserve-access 0.1.0`."""
        return f"{self.kind or 'entry'} '{self.name}'" + (f" of {self.origin}" if self.distribution else "")

    def __str__(self) -> str:
        return f"{self.label} ({self.reference})" if self.distribution else self.label


class Catalog:
    """What was installed when the catalog was first asked: one scan of the metadata on `sys.path`, kept.

    For several names in a row; `list_entries` and `load` of this module make a fresh one each time.

    Parameters:
        entries: what there is, instead of what is installed; for tests.
    """

    def __init__(self, entries: Iterable[Entry] | None = None) -> None:
        self._entries = None if entries is None else tuple(entries)

    def list_entries(self, group: str | None = None) -> list[Entry]:
        """All entries, or those of one group, ordered by kind, name and distribution. Imports none of them.

        Parameters:
            group: a kind (`"plugin"`), an entry-point group (`"plugserve.plugins"`), or None for all, broken
                distributions that look like ours included.

        Raises:
            ValueError: there is no such group.
        """
        if self._entries is None:
            self._entries = tuple(_scan())
        if group is None:
            return list(self._entries)
        kind = _KIND_OF_GROUP.get(group, group)
        if kind not in GROUPS:
            raise ValueError(f"{group!r} is no group of entry points: use one of {', '.join(GROUPS.values())}")
        return [entry for entry in self._entries if entry.kind == kind]

    def find(self, kind: Kind, name: str, *, folder: str | None = None) -> Entry:
        """The one usable entry of that name; or an entry of its own for an object by reference.

        Parameters:
            kind: what it shall be.
            name: a name, `package.module:Class` or `path/file.py:Class`.
            folder: where a relative path to a file begins; the working directory if None.

        Raises:
            PluginError: nothing is installed under that name, two distributions claim it, or its own metadata speaks
                against it (the reference is malformed, it needs another version of the core).
        """
        if ":" in name:
            return _referred(kind, name, folder)
        if name.endswith(".py"):
            raise PluginError(_without_class(kind, name, folder))
        found = [entry for entry in self.list_entries(kind) if entry.name == name]
        if not found:
            raise PluginError(self._missing(kind, name))
        if len(found) > 1:
            claims = " and ".join(f"{entry.origin} ({entry.reference})" for entry in found)
            raise PluginError(
                f"the {kind} '{name}' is claimed by {claims}: nobody can say which is meant; uninstall one of them"
            )
        entry = found[0]
        if entry.problems:
            raise PluginError(f"the {entry} cannot be used: {'; '.join(entry.problems)}")
        return entry

    def load(self, kind: Kind, name: str, *, folder: str | None = None) -> Any:
        """Import the one thing that is named, and nothing else. Parameters are those of `find`.

        Returns:
            The class (or other callable) that the entry point or the reference leads to.

        Raises:
            PluginError: as `find`; or its import failed, in whatever way short of KeyboardInterrupt, and the message
                names the distribution, its version, and the file and line; or the object is not there, or no class.
        """
        return _load(self.find(kind, name, folder=folder))

    def _missing(self, kind: Kind, name: str) -> str:
        """The sentence for a name that nobody offers: the nearest, another kind, or the package to install."""
        import difflib

        entries = self.list_entries()
        head = f"no {kind} named '{name}' is installed"
        elsewhere = next((entry for entry in entries if entry.name == name and entry.kind), None)
        if elsewhere is not None:
            article = "an" if elsewhere.kind == "engine" else "a"
            return f"{head}: '{name}' is {article} {elsewhere.kind}, of {elsewhere.origin}"
        if (kind, name) in OURS:
            return f"{head}: install {OURS[kind, name]}"
        names = sorted({entry.name for entry in entries if entry.kind == kind})
        installable = sorted({known for known_kind, known in OURS if known_kind == kind} - set(names))
        for near in difflib.get_close_matches(name, names + installable, n=1):
            if near in names:
                origin = next(entry.origin for entry in entries if entry.kind == kind and entry.name == near)
                return f"{head}: did you mean '{near}' ({origin})?"
            return f"{head}: did you mean '{near}'? Then install {OURS[kind, near]}"
        if names:
            return f"{head}: there are {', '.join(names)}"
        return f"{head}, and no other {kind} either: install a distribution that brings one"


def list_entries(group: str | None = None) -> list[Entry]:
    """What is installed now: `Catalog.list_entries` on a fresh catalog."""
    return Catalog().list_entries(group)


def load(kind: Kind, name: str) -> Any:
    """Import what is named: `Catalog.load` on a fresh catalog."""
    return Catalog().load(kind, name)


def core_version() -> str:
    """The version of the core that runs."""
    from . import __version__

    return __version__


# -- reading metadata ------------------------------------------------------------------------------


class _Distribution(Protocol):
    """What is read of a distribution; `importlib_metadata` and the standard library name the class differently."""

    @property
    def metadata(self) -> Any: ...
    @property
    def requires(self) -> list[str] | None: ...
    def read_text(self, filename: str) -> str | None: ...


class _Metadata(NamedTuple):
    """The fields that matter here of a distribution's core metadata, empty where they are missing."""

    name: str = ""
    version: str = ""
    summary: str = ""
    requires: Sequence[str] = ()


def _scan() -> list[Entry]:
    import importlib_metadata

    # The same distribution may lie on the path more than once (an editable install and an old build directory).
    found: dict[str, list[_Distribution]] = {}
    for distribution in importlib_metadata.distributions():
        found.setdefault(_key_of(distribution), []).append(distribution)
    entries: list[Entry] = []
    for key, candidates in found.items():
        # The first valid one counts, as for everybody else who asks importlib_metadata, even if what it has to offer
        # differs from the one at hand.
        winner = candidates[0] if len(candidates) == 1 else next(filter(_has_metadata, candidates), candidates[0])
        # Other people's metadata: a fault of any kind in one of hundreds of packages must cost that package alone.
        try:
            text = winner.read_text("entry_points.txt") or ""
        except Exception as error:
            if key.startswith(_CORE):
                entries.append(_broken(winner, f"its entry_points.txt cannot be read: {_one_line(error)}"))
            continue
        # Most have nothing of ours, and their metadata is not even opened.
        if "plugserve." not in text:
            continue
        try:
            entries += _entries_of(winner, text)
        except Exception as error:
            entries.append(_broken(winner, f"its entry_points.txt cannot be understood: {_one_line(error)}"))
    return sorted(_mark_rivals(entries), key=_order)


def _broken(distribution: _Distribution, problem: str) -> Entry:
    """The entry for a distribution that cannot even say what it offers."""
    try:
        metadata = _metadata_of(distribution)
    except Exception:
        metadata = _Metadata()
    name = metadata.name or _folder_name(distribution) or "unknown"
    return Entry(None, "", "", name, metadata.version or "?", metadata.summary, problems=(problem,))


def _entries_of(distribution: _Distribution, text: str) -> Iterator[Entry]:
    points = list(_points(text))
    if not points:
        return
    problems: list[str] = []
    metadata, needs = _Metadata(), ""
    try:
        metadata = _metadata_of(distribution)
        if not metadata.name:
            problems.append("its metadata names no distribution: reinstall it")
        needs, complaint = _core_range(metadata.requires)
        problems += complaint
    except Exception as error:
        problems.append(f"its metadata cannot be read ({_one_line(error)}): reinstall it")
    name = metadata.name or _folder_name(distribution) or "unknown"
    for kind, label, reference in points:
        yield Entry(
            kind,
            label,
            reference,
            name,
            metadata.version or "?",
            metadata.summary,
            needs,
            (*problems, *_reference_problems(reference)),
        )


def _points(text: str) -> Iterator[tuple[Kind, str, str]]:
    """Our entry points in the text of an entry_points.txt: kind, name and reference.

    Read here and not through the library, which makes an object of every entry point of every package.

    Raises:
        ValueError: a line in one of our groups is no entry point.
    """
    kind: Kind | None = None
    for line in map(str.strip, text.split("\n")):
        if line.startswith("[") and line.endswith("]"):
            kind = _KIND_OF_GROUP.get(line[1:-1].strip())
        elif kind and line and line[0] not in "#;":
            name, equals, reference = (part.strip() for part in line.partition("="))
            if not equals or not name:
                raise ValueError(f"'{line}' is not of the form NAME = package.module:Object")
            yield kind, name, reference


def _metadata_of(distribution: _Distribution) -> _Metadata:
    """The core metadata: only its header, since what follows is the description, the longest part by far."""
    text = distribution.read_text("METADATA")
    if text is None:
        # Forms of old, and finders with ways of their own: the library knows them.
        fields = distribution.metadata
        name, version, summary = (str(fields.get(field) or "") for field in ("Name", "Version", "Summary"))
        return _Metadata(name, version, summary, distribution.requires or ())
    values: dict[str, list[str]] = {}
    for line in text.partition("\n\n")[0].split("\n"):
        name, colon, value = line.partition(":")
        # What continues a field of several lines begins with a space; no field that matters here has several.
        if colon and not name[:1].isspace():
            values.setdefault(name.lower(), []).append(value.strip())
    name, version, summary = (values.get(field, [""])[0] for field in ("name", "version", "summary"))
    return _Metadata(name, version, summary, values.get("requires-dist", ()))


def _has_metadata(distribution: _Distribution) -> bool:
    try:
        return bool(_metadata_of(distribution).name)
    except Exception:
        return False


def _reference_problems(reference: str) -> Iterator[str]:
    match = re.fullmatch(r"(\w+(?:\.\w+)*)\s*:\s*(\w+(?:\.\w+)*)\s*(\[.*\])?", reference)
    if match is None:
        yield f"its reference '{reference}' is not of the form package.module:Object"


def _core_range(requires: Iterable[str]) -> tuple[str, list[str]]:
    """The range of core versions that a distribution declares by requiring `plugserve`, and what is wrong with it."""
    # What else it requires is not ours to judge.
    lines = [line for line in requires if _canonical(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]) == _CORE]
    have = core_version()
    simple = _simple_range(lines, have)
    if simple is None:
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.specifiers import SpecifierSet

        wanted = SpecifierSet()
        for line in lines:
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                return line, [f"its requirement '{line}' cannot be understood"]
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted &= requirement.specifier
        # A pre-release of the core is there because somebody installed it, so it counts as being in the range.
        parts, fits = set(map(str, wanted)), wanted.contains(have, prereleases=True)
    else:
        parts, fits = simple
    # The lower end first, as people write it.
    text = ",".join(sorted(parts, key=lambda part: (part[0] not in ">~=", part)))
    if fits:
        return text, []
    return text, [f"it needs plugserve {text}, and this is plugserve {have}: install a release made for it"]


_RELEASE: Final = r"[0-9]+(?:\.[0-9]+)*"
_CLAUSE: Final = rf"\s*(>=|<=|==|!=|>|<)\s*({_RELEASE})\s*"
_SIMPLE: Final = rf"\s*[\w.-]+\s*(?:{_CLAUSE}(?:,{_CLAUSE})*)?"
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def _simple_range(lines: Iterable[str], have: str) -> tuple[set[str], bool] | None:
    """The clauses of requirements such as `plugserve>=0.1,<0.2`, and whether a version is in all of them.

    None if a line is not that simple, or the version is no plain release: then `packaging` has to be asked, whose
    import costs more than reading the metadata of everything that is installed.
    """
    if not re.fullmatch(_RELEASE, have):
        return None
    parts, fits = set(), True
    for line in lines:
        if not re.fullmatch(_SIMPLE, line):
            return None
        for symbol, wanted in re.findall(_CLAUSE, line):
            parts.add(symbol + wanted)
            fits = fits and _COMPARE[symbol](*_same_length(have, wanted))
    return parts, fits


def _same_length(*releases: str) -> Iterator[list[int]]:
    """Releases as numbers; PEP 440 pads the shorter one with zeros to compare them, so `0.1` is `0.1.0`."""
    numbers = [[int(number) for number in release.split(".")] for release in releases]
    longest = max(map(len, numbers))
    return (parts + [0] * (longest - len(parts)) for parts in numbers)


def _mark_rivals(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Add to each entry whose name somebody else claims as well who that is."""
    entries = list(entries)
    claims: dict[tuple[Kind | None, str], list[Entry]] = {}
    for entry in entries:
        claims.setdefault((entry.kind, entry.name), []).append(entry)
    for entry in entries:
        rivals = [other.origin for other in claims[entry.kind, entry.name] if other is not entry and other.kind]
        if rivals:
            claim = f"its name is also claimed by {' and '.join(rivals)}: uninstall all but one"
            entry = replace(entry, problems=(*entry.problems, claim))
        yield entry


def _order(entry: Entry) -> tuple[int, str, str]:
    kinds = get_args(Kind)
    return (kinds.index(entry.kind) if entry.kind else len(kinds), entry.name, entry.distribution)


def _key_of(distribution: _Distribution) -> str:
    """What is equal for the same distribution in two places; from its folder's name, so that nothing has to be read."""
    stem = _folder_name(distribution)
    if stem:
        return _canonical(stem)
    try:
        return _canonical(_metadata_of(distribution).name)
    except Exception:
        # Two of which nobody knows the name are not the same.
        return f"unknown {id(distribution)}"


def _folder_name(distribution: _Distribution) -> str:
    """The name that the folder of its metadata shows: `plugserve_simple-0.1.0.dist-info`."""
    path = getattr(distribution, "_path", None)
    stem, info, _ = str(getattr(path, "name", "")).partition(".dist-info")
    if not info:
        stem, info, _ = stem.partition(".egg-info")
    return stem.partition("-")[0].replace("_", "-") if info else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- importing what was named ----------------------------------------------------------------------


def _referred(kind: Kind, word: str, folder: str | None) -> Entry:
    """The entry for an object that is named by where it lies instead of by an entry point."""
    place, _, path = word.rpartition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", path) or not place:
        raise PluginError(f"{kind} '{word}': write NAME, package.module:Class or path/file.py:Class")
    if _is_file(place):
        file = os.path.abspath(os.path.join(folder or "", place))
        if not os.path.isfile(file):
            raise PluginError(f"{kind} '{word}': there is no file {file}: correct the path")
        return Entry(kind, word, f"{file}:{path}", "", "")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", place):
        raise PluginError(f"{kind} '{word}': '{place}' is no module: write package.module:Class or path/file.py:Class")
    return Entry(kind, word, word, "", "")


def _without_class(kind: Kind, word: str, folder: str | None) -> str:
    """The sentence for a file that is named without the class in it: those that it has, told without running it."""
    import ast

    file = os.path.abspath(os.path.join(folder or "", word))
    if not os.path.isfile(file):
        return f"{kind} '{word}': there is no file {file}: correct the path"
    try:
        with open(file, "rb") as source:
            body = ast.parse(source.read()).body
    except (OSError, SyntaxError, ValueError):
        return f"{kind} '{word}': write {word}:CLASS"
    classes = [node for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    # A file may hold both; hooks tell a plugin from everything else.
    fitting = [node for node in classes if ("hookimpl" in ast.unparse(node)) == (kind == "plugin")] or classes
    if not fitting:
        return f"{kind} '{word}': there is no class in {file}: write one, and name it as in {word}:CLASS"
    return f"{kind} '{word}': write " + " or ".join(f"{word}:{node.name}" for node in fitting[:5])


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or os.sep in place


def _import(place: str) -> ModuleType:
    """Import a module by its name or file, with what lies beside it within reach, behind all that is installed."""
    import importlib
    import importlib.util

    if not _is_file(place):
        return importlib.import_module(place)
    name = os.path.basename(place).removesuffix(".py")
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == place:
        return known
    if known is not None or importlib.util.find_spec(name) is not None:
        # A file called `random.py` is the user's own business, and must not become everybody's `random`.
        name = f"plugserve file {place}"
        if name in sys.modules:
            return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} is no Python file: its name ends with .py")
    if (beside := os.path.dirname(place)) not in sys.path:
        sys.path.append(beside)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(entry: Entry) -> Any:
    module_name, _, path = entry.reference.partition("[")[0].strip().rpartition(":")
    module_name, path = module_name.strip(), path.strip()
    if not entry.distribution and not _is_file(module_name) and os.getcwd() not in sys.path:
        # As for `python -m`, but last: nothing in the working directory stands in for what is installed.
        sys.path.append(os.getcwd())
    try:
        module = _import(module_name)
    except KeyboardInterrupt:
        raise
    # BaseException, since a module that calls sys.exit() must not end the program that only wanted to look at it.
    except BaseException as error:
        raise PluginError(_import_failure(entry, module_name, error)) from error
    found: Any = module
    for attribute in path.split("."):
        try:
            found = getattr(found, attribute)
        except KeyboardInterrupt:
            raise
        except AttributeError:
            raise PluginError(_no_attribute(entry, module, found, attribute)) from None
        except BaseException as error:
            raise PluginError(_import_failure(entry, module_name, error)) from error
    if not callable(found):
        raise PluginError(
            f"the {entry} is no class but {_article(type(found).__name__)}, in {_file_of(module)}: refer to the class"
        )
    return found


def _import_failure(entry: Entry, module: str, error: BaseException) -> str:
    head = f"the {entry} cannot be imported"
    top = os.path.basename(module).removesuffix(".py") if _is_file(module) else module.partition(".")[0]
    where = place_of(error, top)
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        if not entry.distribution:
            remedy = "correct the reference" if missing == top else f"install what brings {missing}"
        elif missing == top:
            remedy = f"reinstall {entry.distribution}, or correct its entry point"
        else:
            remedy = f"install what {entry.distribution} needs: pip install {entry.distribution}"
        return f"{head}: there is no module {error.name}{where}: {remedy}"
    return f"{head}: {describe(error)}{where}"


def _no_attribute(entry: Entry, module: ModuleType, holder: Any, attribute: str) -> str:
    import difflib

    near = difflib.get_close_matches(attribute, [name for name in dir(holder) if not name.startswith("_")], n=1)
    hint = f": did you mean '{near[0]}'?" if near else ""
    return f"the {entry} is not there: {_file_of(module)} has no '{attribute}'{hint}"


def _file_of(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or f"module {module.__name__}")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"


def describe(error: BaseException) -> str:
    """An exception as one line, `ValueError: text`; for one whose text cannot be made, its class alone."""
    text = _one_line(error)
    name = type(error).__name__
    return f"{name}: {text}" if text and text != name else name


def place_of(error: BaseException, package: str) -> str:
    """Where in a package an exception came from, as ` (file:line)`: its innermost frame in that package, or empty.

    Frames are told by their module's name and not by their file's, so that it holds for zipped and editable installs.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        # The frames show who imported the file, the exception itself what is wrong in it.
        return f" ({error.filename}:{error.lineno})"
    place = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name == package or name.startswith(package + "."):
            place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _one_line(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        return type(error).__name__
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:300] + "..."
