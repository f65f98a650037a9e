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

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, get_args

from .errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import ModuleType, TracebackType

    from importlib_metadata import EntryPoint

__all__ = ["GROUPS", "Catalog", "Entry", "Kind", "core_version", "list_entries", "load"]

Kind: TypeAlias = Literal["handler", "plugin", "engine"]

GROUPS: Final[Mapping[Kind, str]] = {
    "handler": "plugserve.handlers",
    "plugin": "plugserve.plugins",
    "engine": "plugserve.engines",
}
"""The entry-point group of each kind of thing."""

_KIND_OF_GROUP: Final[dict[str, Kind]] = {group: kind for kind, group in GROUPS.items()}

_OURS: Final[Mapping[tuple[Kind, str], str]] = {
    ("handler", "chargen"): "plugserve-simple",
    ("handler", "daytime"): "plugserve-simple",
    ("handler", "discard"): "plugserve-simple",
    ("handler", "echo"): "plugserve-simple",
    ("handler", "http-files"): "plugserve-http",
    ("handler", "http-wsgi"): "plugserve-http",
    ("handler", "qotd"): "plugserve-simple",
    ("handler", "time"): "plugserve-simple",
    ("plugin", "access"): "plugserve-access",
    ("plugin", "log"): "plugserve-log",
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
        """The distribution and its version, as in `plugserve-simple 0.1.0`."""
        return f"{self.distribution} {self.version}"

    def __str__(self) -> str:
        return f"{self.kind or 'entry'} '{self.name}' of {self.origin} ({self.reference})"


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

    def find(self, kind: Kind, name: str) -> Entry:
        """The one usable entry of that name.

        Raises:
            PluginError: nothing is installed under that name, two distributions claim it, or its own metadata speaks
                against it (the reference is malformed, it needs another version of the core).
        """
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

    def load(self, kind: Kind, name: str) -> Any:
        """Import the one thing that is named, and nothing else.

        Returns:
            The class (or other callable) that the entry point refers to.

        Raises:
            PluginError: as `find`; or its import failed, in whatever way short of KeyboardInterrupt, and the message
                names the distribution, its version, and the file and line; or the object is not there, or no class.
        """
        return _load(self.find(kind, name))

    def _missing(self, kind: Kind, name: str) -> str:
        """The sentence for a name that nobody offers: the nearest, another kind, or the package to install."""
        import difflib

        entries = self.list_entries()
        head = f"no {kind} named '{name}' is installed"
        elsewhere = next((entry for entry in entries if entry.name == name and entry.kind), None)
        if elsewhere is not None:
            article = "an" if elsewhere.kind == "engine" else "a"
            return f"{head}: '{name}' is {article} {elsewhere.kind}, of {elsewhere.origin}"
        if (kind, name) in _OURS:
            return f"{head}: install {_OURS[kind, name]}"
        names = sorted({entry.name for entry in entries if entry.kind == kind})
        installable = sorted({known for known_kind, known in _OURS if known_kind == kind} - set(names))
        for near in difflib.get_close_matches(name, names + installable, n=1):
            if near in names:
                origin = next(entry.origin for entry in entries if entry.kind == kind and entry.name == near)
                return f"{head}: did you mean '{near}' ({origin})?"
            return f"{head}: did you mean '{near}'? Then install {_OURS[kind, near]}"
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
    def version(self) -> str: ...
    @property
    def entry_points(self) -> Iterable[EntryPoint]: ...
    @property
    def requires(self) -> list[str] | None: ...


def _scan() -> list[Entry]:
    import importlib_metadata

    entries: list[Entry] = []
    seen: set[str] = set()
    for distribution in importlib_metadata.distributions():
        # Other people's metadata: a fault of any kind in one of hundreds of packages must cost that package alone.
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception as error:
            text = None
            problem = f"its entry_points.txt cannot be read: {_one_line(error)}"
        if text is not None and "plugserve." not in text:
            continue
        name = _name_of(distribution)
        key = _canonical(name)
        if key in seen or (text is None and not key.startswith(_CORE)):
            continue
        seen.add(key)
        # The same distribution may lie on the path more than once (an editable install and an old build directory).
        # The first valid one counts, as for everybody else who asks importlib_metadata, even if what it has to offer
        # differs from the one at hand.
        winner: _Distribution
        try:
            winner = importlib_metadata.distribution(name)
        except Exception:
            winner = distribution
        try:
            entries += _entries_of(winner, name)
        except Exception as error:
            if text is not None:
                problem = f"its entry_points.txt cannot be understood: {_one_line(error)}"
            entries.append(Entry(None, "", "", name, _version_of(winner), problems=(problem,)))
    return sorted(_mark_rivals(entries), key=_order)


def _entries_of(distribution: _Distribution, name: str) -> Iterator[Entry]:
    points = [point for point in distribution.entry_points if point.group in _KIND_OF_GROUP]
    if not points:
        return
    problems: list[str] = []
    summary = needs = ""
    try:
        if not distribution.metadata.get("Name"):
            problems.append("its metadata names no distribution: reinstall it")
        summary = str(distribution.metadata.get("Summary") or "")
        needs, complaint = _core_range(distribution)
        problems += complaint
    except Exception as error:
        problems.append(f"its metadata cannot be read ({_one_line(error)}): reinstall it")
    for point in points:
        yield Entry(
            _KIND_OF_GROUP[point.group],
            point.name,
            point.value,
            name,
            _version_of(distribution),
            summary,
            needs,
            (*problems, *_reference_problems(point)),
        )


def _reference_problems(point: EntryPoint) -> Iterator[str]:
    match = re.fullmatch(r"(\w+(?:\.\w+)*)\s*:\s*(\w+(?:\.\w+)*)\s*(\[.*\])?", point.value)
    if match is None:
        yield f"its reference '{point.value}' is not of the form package.module:Object"


def _core_range(distribution: _Distribution) -> tuple[str, list[str]]:
    """The range of core versions that a distribution declares by requiring `plugserve`, and what is wrong with it."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet()
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            # Not ours to judge, unless it is the line that is meant for us.
            if _canonical(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]) == _CORE:
                return line, [f"its requirement '{line}' cannot be understood"]
            continue
        if _canonical(requirement.name) == _CORE and (
            requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        ):
            wanted &= requirement.specifier
    have = core_version()
    # The lower end first, as people write it.
    text = ",".join(sorted(map(str, wanted), key=lambda part: part[0] not in ">~="))
    # A pre-release of the core is there because somebody installed it, so it counts as being in the range.
    if wanted.contains(have, prereleases=True):
        return text, []
    return text, [f"it needs plugserve {text}, and this is plugserve {have}: install a release made for it"]


def _mark_rivals(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Add to each entry whose name somebody else claims as well who that is."""
    from dataclasses import replace

    entries = list(entries)
    for entry in entries:
        rivals = [
            other.origin
            for other in entries
            if other is not entry and other.kind is not None and (other.kind, other.name) == (entry.kind, entry.name)
        ]
        if rivals:
            claim = f"its name is also claimed by {' and '.join(rivals)}: uninstall all but one"
            entry = replace(entry, problems=(*entry.problems, claim))
        yield entry


def _order(entry: Entry) -> tuple[int, str, str]:
    kinds = get_args(Kind)
    return (kinds.index(entry.kind) if entry.kind else len(kinds), entry.name, entry.distribution)


def _name_of(distribution: _Distribution) -> str:
    try:
        name = distribution.metadata.get("Name")
    except Exception:
        name = None
    if name:
        return str(name)
    # Without readable metadata the folder's own name is what is left: plugserve_simple-0.1.0.dist-info.
    path = getattr(distribution, "_path", None)
    stem = str(getattr(path, "name", "") or "unknown")
    return re.sub(r"(-[^-]*)?\.(dist|egg)-info$", "", stem).replace("_", "-")


def _version_of(distribution: _Distribution) -> str:
    try:
        return str(distribution.version or "?")
    except Exception:
        return "?"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- importing what was named ----------------------------------------------------------------------


def _load(entry: Entry) -> Any:
    import importlib

    module_name, _, path = entry.reference.partition("[")[0].strip().partition(":")
    module_name, path = module_name.strip(), path.strip()
    try:
        module = importlib.import_module(module_name)
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
            f"the {entry} is no class but {_article(type(found).__name__)}, in {_file_of(module)}: "
            f"let its entry point refer to the class"
        )
    return found


def _import_failure(entry: Entry, module: str, error: BaseException) -> str:
    head = f"the {entry} cannot be imported"
    top = module.partition(".")[0]
    where = place_of(error, top)
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        if missing == top:
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
