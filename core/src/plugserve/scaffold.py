"""A new distribution, made from templates: complete, working, and in the shape of our own.

The templates are folders of `templates/`, copied one over the other by copier (its manual, "Creating a template").
copier is imported when something is made and at no other time: it is an extra, `plugserve[new]`.
"""

from __future__ import annotations

import builtins
import importlib.util
import keyword
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .discovery import OURS, Catalog, core_version
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["STYLES", "TAKEN", "Kind", "Scaffold", "core_range", "default_author", "default_description"]

Kind: TypeAlias = Literal["handler", "plugin"]

STYLES: Final[Mapping[Kind, Mapping[str, str]]] = {
    "handler": {
        "protocol": "Answers lines in capital letters, as a protocol without I/O",
        "coroutine": "Answers lines in capital letters, as a coroutine",
        "classic": "Answers lines in capital letters, on the real socket",
    },
    "plugin": {
        "vote": "Serves at most so many requests of each client",
        "observe": "Counts requests and reports the totals",
        "layer": "Wants a line from the client before anything else",
        "wrap": "Measures how long the handler takes",
    },
}
"""The styles of each kind, the first of them the default; and what the working example of each does."""

TAKEN: Final = frozenset(
    {
        *("Allowance", "Any", "Catalog", "ClassicEcho", "Doorkeeper", "Echo", "Final", "Generator", "Hello", "Lock"),
        *("MemoryTCPServer", "Path", "Recorder", "Report", "Sleeper", "Times", "Totals"),
        # What single letters come to: l-o-g-g-e-r.
        *("CLIENTS", "LOGGER", "LONGEST", "NOTHING"),
    }
)
"""Classes that the templates of plugins define or import, besides those of plugserve: no plugin's class can be called
like one of them."""

_TEMPLATES: Final = Path(__file__).parent / "templates"

_LONGEST_NAME: Final = 40
"""Characters of a name: with more, lines of the templates would be longer than the 120 that its own lint allows."""

_LONGEST_TEXT: Final = 200
"""Characters of a description or an author: it is one line in lists of packages."""


@dataclass(frozen=True, kw_only=True)
class Scaffold:
    """A distribution that is to be made.

    Parameters:
        kind: what it brings.
        name: what it is served or attached by; the distribution is called `plugserve-NAME`.
        style: one of the `STYLES` of that kind.
        folder: where it is made; `plugserve-NAME` in the working directory if None.
        author: who holds the copyright.
        description: one line; a full stop at its end is left away, as the metadata of packages has it.
    """

    kind: Kind
    name: str
    style: str
    folder: Path | None = None
    author: str | None = None
    description: str | None = None

    @property
    def distribution(self) -> str:
        """The name of the distribution: `plugserve-NAME`."""
        return f"plugserve-{self.name}"

    @property
    def package(self) -> str:
        """The name of its package: `plugserve_NAME`."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The class that the entry point leads to: `HttpFilesHandler` for http-files; of a plugin without a suffix,
        unless that means something else already: `Quota`, but `CounterPlugin`."""
        words = "".join(word.capitalize() for word in self.name.split("-"))
        if self.kind == "handler":
            return f"{words}Handler"
        taken = keyword.iskeyword(words) or hasattr(builtins, words) or words in TAKEN or words in _core_names()
        return f"{words}Plugin" if taken else words

    @property
    def place(self) -> Path:
        """The folder where it is made."""
        return Path(self.distribution) if self.folder is None else self.folder

    def mistakes(self, catalog: Catalog | None = None) -> list[str]:
        """What is wrong with it, one sentence each; it can be made if there is nothing.

        Parameters:
            catalog: what is installed, by default what is installed now.
        """
        wrong_names = list(self._name_mistakes())
        found = wrong_names or list(self._claims(catalog or Catalog()))
        if self.folder is not None or not wrong_names:
            found += self._place_mistakes()
        for option, text in (("--author", self.author), ("--description", self.description)):
            if text is not None:
                found += _text_mistakes(option, text)
        return found + _copier_mistakes()

    def make(self) -> None:
        """Make it. Nothing is left behind unless all of it could be made.

        Errors: `ConfigurationError` with the `mistakes`, one a line, or for a folder that cannot be written.
        """
        if found := self.mistakes():
            raise ConfigurationError("\n".join(found))
        existed = self.place.exists()
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            try:
                # Within, so that each rename stays on one file system.
                with tempfile.TemporaryDirectory(prefix=".plugserve-", dir=self.place) as workshop:
                    made = Path(workshop) / self.distribution
                    self._copy_to(made)
                    for child in sorted(made.iterdir()):
                        child.rename(self.place / child.name)
            except BaseException:
                if not existed:
                    self.place.rmdir()
                raise
        except OSError as error:
            raise ConfigurationError(
                f"{self.place} cannot be made: {error.strerror or error}: choose another folder with --into"
            ) from error

    # -- checks --------------------------------------------------------------------------------------------------------

    def _name_mistakes(self) -> Iterator[str]:
        """Nothing, or the sentence for a name that no distribution can have."""
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name):
            near = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-").removeprefix("plugserve-")
            near = near.lstrip("0123456789-")[:_LONGEST_NAME].rstrip("-")
            hint = f": how about '{near}'?" if near else ""
            yield (
                f"'{self.name}' cannot be a name: write lower-case letters of ASCII, digits and single '-' between "
                f"them, with a letter first{hint}"
            )
        elif len(self.name) > _LONGEST_NAME:
            yield f"'{self.name}' is too long for a name: write {_LONGEST_NAME} characters at the most"
        elif self.name.startswith("plugserve-"):
            short = self.name.removeprefix("plugserve-")
            yield f"'{self.name}' begins with 'plugserve-', which the distribution gets anyway: write '{short}'"
        elif self.kind == "handler" and self.class_name in _core_names():
            yield (
                f"'{self.name}' cannot be a handler: its class would be called {self.class_name}, as one of "
                f"plugserve's own: choose another name"
            )

    def _claims(self, catalog: Catalog) -> Iterator[str]:
        """Nothing, or the sentence for a name that somebody has already."""
        import importlib_metadata

        claimed = [entry for entry in catalog.list_entries(self.kind) if entry.name == self.name]
        if claimed:
            origins = " and ".join(entry.origin for entry in claimed)
            yield f"the {self.kind} '{self.name}' is {origins}: choose another name, or uninstall that"
            return
        if (self.kind, self.name) in OURS:
            owner = OURS[self.kind, self.name]
            yield f"the {self.kind} '{self.name}' is that of {owner}: choose another name, or install that"
            return
        if self.distribution in OURS.values():
            yield f"{self.distribution} is one of plugserve's own distributions: choose another name"
            return
        try:
            version = importlib_metadata.version(self.distribution)
        except importlib_metadata.PackageNotFoundError:
            pass
        else:
            yield f"{self.distribution} {version} is installed already: choose another name, or uninstall that"
            return
        spec = importlib.util.find_spec(self.package)
        if spec is not None:
            where = spec.origin or ", ".join(spec.submodule_search_locations or ())
            yield f"there is a module {self.package} already ({where}): choose another name, or remove that"

    def _place_mistakes(self) -> list[str]:
        try:
            if self.place.is_dir():
                if any(self.place.iterdir()):
                    return [f"{self.place} exists and is not empty: choose another folder with --into"]
            elif self.place.exists() or self.place.is_symlink():
                return [f"{self.place} exists and is no folder: choose another one with --into"]
        except OSError as error:
            return [f"{self.place} cannot be looked at: {error.strerror}: choose another folder with --into"]
        return []

    # -- making --------------------------------------------------------------------------------------------------------

    def _copy_to(self, target: Path) -> None:
        """Have copier fill a folder that is not there yet."""
        from copier import run_copy
        from copier.errors import CopierError

        for part in ("distribution", self.kind, f"{self.kind}-{self.style}"):
            try:
                run_copy(
                    str(_TEMPLATES),
                    target,
                    {**self._answers(), "part": part},
                    defaults=True,
                    quiet=True,
                    unsafe=False,
                )
            except CopierError as error:
                raise ConfigurationError(f"copier cannot make {self.distribution}: {error}") from error

    def _answers(self) -> dict[str, Any]:
        from datetime import date

        description = self.description or default_description(self.kind, self.style)
        return {
            "kind": self.kind,
            "name": self.name,
            "style": self.style,
            "distribution": self.distribution,
            "package": self.package,
            "module": self.name.replace("-", "_"),
            "class_name": self.class_name,
            "requirement": f"plugserve{core_range(core_version())}",
            "author": self.author or default_author(self.name),
            "year": str(date.today().year),
            "description": description.removesuffix("."),
        }


def default_author(name: str) -> str:
    """Who holds the copyright, if nobody says."""
    return f"plugserve-{name} contributors"


def default_description(kind: Kind, style: str) -> str:
    """What the working example of a style does."""
    return STYLES[kind][style]


def core_range(version: str) -> str:
    """The versions of the core that a distribution made now is for: from this one to the next that may break it.

    Before 1.0 that is the next minor version, after it the next major one (Semantic Versioning 2.0.0, 4 and 8).

    Parameters:
        version: that of the core.
    """
    from packaging.version import Version

    here = Version(version)
    # `>=0.2` would not let in the pre-release of 0.2 that it is made with (PEP 440, "Handling of pre-releases").
    least = here.public if here.is_prerelease else f"{here.major}.{here.minor}"
    return f">={least},<{here.major + 1}" if here.major else f">={least},<0.{here.minor + 1}"


def _core_names() -> list[str]:
    import plugserve

    return plugserve.__all__


def _text_mistakes(option: str, text: str) -> list[str]:
    if not text.strip() or not text.isprintable():
        return [f"{option} {text!r}: write one line of printing characters"]
    if len(text) > _LONGEST_TEXT:
        return [f"{option} is {len(text)} characters long: write {_LONGEST_TEXT} at the most"]
    return []


def _copier_mistakes() -> list[str]:
    remedy = "pip install 'plugserve[new]', or in a checkout pip install './core[new]'"
    if importlib.util.find_spec("copier") is None:
        return [f"templates are filled by copier, which is not installed: {remedy}"]
    try:
        import copier  # noqa: F401  # whether it can be
    except ImportError as error:
        return [f"templates are filled by copier, which cannot be imported ({error}): {remedy}"]
    return []
