"""The members of the workspace, found by listing folders; nothing else in the repository keeps a list of them.

A member is a folder with a pyproject.toml: `core`, or one level below `plugins` and `contrib_handlers`. Uses the
standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Member", "find_members", "name_of", "normalized", "own_requirements", "root_group"]

ROOT = Path(__file__).resolve().parents[2]

# What a member's tests may use without saying so; everything else stands in its dependency group `test`.
TEST_TOOLS = ("pytest", "pytest-timeout", "hypothesis")


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (the packaging guide's "Name normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The normalized name that a requirement begins with: `Pydantic[email]>=2` is `pydantic`."""
    return normalized(re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0])


@dataclass(frozen=True)
class Member:
    """One distribution of the workspace, as its pyproject.toml describes it."""

    folder: Path
    table: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the distribution: `plugserve-access`."""
        return str(self.table["project"]["name"])

    @property
    def import_name(self) -> str:
        """The name of its one package: `plugserve_access`."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> Path:
        """The folder of that package."""
        return self.folder / "src" / self.import_name

    @property
    def kind(self) -> str:
        """The top-level folder it lies in: `core`, `plugins` or `contrib_handlers`."""
        return self.folder.name if self.folder.name == "core" else self.folder.parent.name

    @property
    def dependencies(self) -> list[str]:
        """What it needs at run time."""
        return list(self.table["project"].get("dependencies", ()))

    @property
    def extras(self) -> list[str]:
        """What its extras bring, all together."""
        extras = self.table["project"].get("optional-dependencies", {}).values()
        return [need for extra in extras for need in extra]

    @property
    def test_requirements(self) -> list[str]:
        """What its tests need besides: the common tools and its own dependency group `test`."""
        return [*TEST_TOOLS, *self.table.get("dependency-groups", {}).get("test", ())]

    @property
    def build_requirements(self) -> list[str]:
        """What builds it."""
        return list(self.table["build-system"]["requires"])

    def entry_points(self) -> Iterator[tuple[str, str, str]]:
        """Each `(group, name, "module:attribute")` that it declares; scripts are the group `console_scripts`."""
        project = self.table["project"]
        groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
        for group, points in groups.items():
            for name, target in points.items():
                yield group, name, target


def find_members(root: Path = ROOT) -> list[Member]:
    """All members under `root`: the core first, the others by kind and name."""
    folders = [root / "core", *sorted(root.glob("plugins/*")), *sorted(root.glob("contrib_handlers/*"))]
    return [
        Member(folder, tomllib.loads((folder / "pyproject.toml").read_text("utf-8")))
        for folder in folders
        if (folder / "pyproject.toml").is_file()
    ]


def root_group(name: str, root: Path = ROOT) -> list[str]:
    """A dependency group of the root pyproject.toml, with the groups that it includes."""
    groups: dict[str, list[Any]] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["dependency-groups"]

    def expand(group: str) -> Iterator[str]:
        for entry in groups[group]:
            if isinstance(entry, dict):
                yield from expand(entry["include-group"])
            else:
                yield entry

    return list(dict.fromkeys(expand(name)))


def own_requirements(member: Member, members: list[Member], *, tests: bool = False) -> list[Member]:
    """The members that `member` needs at run time, and with `tests` for its tests, through others too; itself last."""
    by_name = {normalized(other.name): other for other in members}
    found: dict[str, Member] = {}

    def visit(one: Member, requirements: list[str]) -> None:
        for requirement in requirements:
            other = by_name.get(name_of(requirement))
            if other is not None and other is not member and other.name not in found:
                found[other.name] = other
                visit(other, other.dependencies)

    visit(member, member.dependencies + (member.test_requirements if tests else []))
    return [*found.values(), member]
