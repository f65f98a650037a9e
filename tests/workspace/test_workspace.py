"""The repository has the shape that CONTRIBUTING.md promises; read off the files, with nothing imported from them."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from members import ROOT, Member, find_members, name_of, normalized, root_group

MEMBERS = find_members()

FOLDERS = {"core", "plugins", "contrib_handlers", "tests", "docs"}
# What a repository needs beside them.
BESIDE = {
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "newsfragments",
    "pyproject.toml",
}
GROUPS = {
    "console_scripts",
    "plugserve.credential_stores",
    "plugserve.dialogues",
    "plugserve.engines",
    "plugserve.handlers",
    "plugserve.plugins",
    "plugserve.rpc_flavours",
    "plugserve.sasl_mechanisms",
    "pytest11",
}
LOCK_FILES = re.compile(r".*\.lock|.*-lock\.(json|yaml)|pylock.*\.toml|npm-shrinkwrap\.json", re.IGNORECASE)
# Hosts of registries, written so that this line is none of them.
REGISTRIES = re.compile(r"\b(pypi|pythonhosted|npmjs|deb\.debian|archive\.ubuntu)\.(org|com)\b")


def tracked() -> list[Path]:
    """The files that a commit of everything would hold."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no repository: nobody can say which files belong to it")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]


def names(folder: Path) -> set[str]:
    """What lies in a folder, but for what tools leave there."""
    return {path.name for path in folder.iterdir()} - {"__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache"}


each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def test_top_level_is_exactly_as_laid_down() -> None:
    """The top level holds the five folders, and beside them only what a repository needs."""
    top = {path.parts[0] for path in tracked()}
    assert top - FOLDERS <= BESIDE
    assert FOLDERS - {"docs"} <= top
    assert {path for path in top if (ROOT / path).is_dir()} <= FOLDERS | {".ci", "newsfragments"}


def test_every_folder_of_members_holds_members_only() -> None:
    """Each folder in plugins/ and contrib_handlers/ is a distribution, and nothing lies beside them."""
    folders = {path.parent for kind in ("plugins", "contrib_handlers") for path in (ROOT / kind).glob("*/*")}
    assert {member.folder for member in MEMBERS} - {ROOT / "core"} == folders
    assert {len(path.parts) for path in tracked() if path.parts[0] in {"plugins", "contrib_handlers"}} & {1, 2} == set()


def test_root_is_no_distribution() -> None:
    """The root pyproject.toml configures tools and builds nothing."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "\n[project]" not in text
    assert "\n[build-system]" not in text


def test_no_lock_file_is_tracked() -> None:
    """No file that records download addresses is part of the repository."""
    assert [path for path in tracked() if LOCK_FILES.fullmatch(path.name)] == []


def test_constraints_are_names_and_versions_only() -> None:
    """constraints.txt pins exact versions, and has no address and no hash."""
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [^:@#]+)?", line)] == []


def test_constraints_pin_all_that_is_asked_for() -> None:
    """Whatever a distribution or a tool group asks for has a pinned version."""
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    asked = [*root_group("dev"), *root_group("test")]
    for member in MEMBERS:
        asked += member.dependencies + member.extras + member.test_requirements + member.build_requirements
    wanted = {name_of(need) for need in asked}
    assert wanted - {normalized(member.name) for member in MEMBERS} - pinned == set(), "run `make constraints`"


def test_no_file_names_a_registry_host() -> None:
    """Where packages come from is the business of each machine."""
    found = []
    for path in tracked():
        text = (ROOT / path).read_bytes().decode("utf-8", "replace")
        found += [f"{path}: {match[0]}" for match in REGISTRIES.finditer(text)]
    assert found == []


def test_set_up_names_no_place() -> None:
    """What sets the workspace up names no address and no folder of one machine."""
    files = [ROOT / "Makefile", ROOT / ".ci/run", ROOT / "pyproject.toml", ROOT / "tests/apt-packages.txt"]
    files += [path for path in (ROOT / "tests/workspace").glob("*.py") if not path.name.startswith("test_")]
    pattern = re.compile(r"(https?|ftp|file|git)://|/home/|/root/|/Users/|/opt/")
    assert [f"{path}: {match[0]}" for path in files for match in pattern.finditer(path.read_text("utf-8"))] == []


def test_test_files_have_names_of_their_own() -> None:
    """No two test files of the repository have the same name: a report names a file, and a person must find it."""
    count = Counter(path.name for path in tracked() if path.name.startswith("test_") and path.suffix == ".py")
    assert [name for name, times in count.items() if times > 1] == []


def test_every_change_is_told_in_a_known_way() -> None:
    """Each news fragment has a kind that the changelog knows."""
    kinds = set(re.findall(r'directory = "(\w+)", name', (ROOT / "pyproject.toml").read_text("utf-8")))
    fragments = names(ROOT / "newsfragments") - {"README.md"}
    assert [
        name for name in fragments if not re.fullmatch(rf"(\+[\w-]+|\d+)\.({'|'.join(kinds)})(\.\d+)?\.md", name)
    ] == []


@each_member
def test_member_has_the_one_shape(member: Member) -> None:
    """A member holds pyproject.toml, README.md, src/<import name>/ with py.typed, and tests/; nothing else, but for the
    manual pages of the core, which has the command."""
    own = {"man"} if member.kind == "core" else set()
    assert names(member.folder) == {"pyproject.toml", "README.md", "src", "tests"} | own
    assert names(member.folder / "src") == {member.import_name}
    assert (member.package / "__init__.py").is_file()
    assert (member.package / "py.typed").is_file()
    assert list((member.folder / "tests").rglob("test_*.py")), "it has no tests"
    assert not list(member.package.rglob("test_*.py")), "tests belong in tests/"


@each_member
def test_member_says_nothing_about_tools(member: Member) -> None:
    """The only tool table of a member tells its builder which package to take."""
    wheel: dict[str, object] = {"packages": [f"src/{member.import_name}"]}
    if member.kind == "core":
        wheel["shared-data"] = {"man": "share/man/man1"}
    assert member.table["tool"] == {"hatch": {"build": {"targets": {"wheel": wheel}}}}
    assert set(member.table) <= {"build-system", "project", "dependency-groups", "tool"}


@each_member
def test_member_describes_itself_like_the_others(member: Member) -> None:
    """Name, licence, Python versions, keywords and the range of core versions are set alike everywhere."""
    project = member.table["project"]
    assert member.name == ("plugserve" if member.kind == "core" else member.folder.name)
    assert project["license"] == "MIT"
    assert project["readme"] == "README.md"
    assert project["requires-python"] == ">=3.11"
    assert project["description"]
    assert "plugserve" in project["keywords"]
    assert member.build_requirements == ["hatchling"]
    assert project["version"] == MEMBERS[0].table["project"]["version"], "the distributions are released together"
    if member.kind != "core":
        assert "plugserve-plugin" in project["keywords"]
        assert any(need.startswith("plugserve>=") and "<" in need for need in member.dependencies)


@each_member
def test_member_has_a_readme_for_its_user(member: Member) -> None:
    """The README begins with the distribution's name; a plugin's says where in the order it belongs, and why."""
    text = (member.folder / "README.md").read_text("utf-8")
    assert text.startswith(f"# {member.name}\n")
    if member.kind == "plugins":
        order = re.search(r"^\W*Order:\W.*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
        assert order, "a line `Order: ... because ...` is missing"
        assert "because" in order[0]


@each_member
def test_member_says_what_it_exports(member: Member) -> None:
    """The package's `__all__` is written out (ruff sees that it is sorted)."""
    tree = ast.parse((member.package / "__init__.py").read_text("utf-8"))
    assert "__all__" in top_level_names(tree)


@each_member
def test_entry_points_lead_somewhere(member: Member) -> None:
    """Each entry point belongs to a known group and names a file that exists and something that it defines."""
    points = list(member.entry_points())
    assert points, "a distribution that declares no entry point cannot be found"
    for group, name, target in points:
        assert group in GROUPS
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
        module, _, attribute = target.partition(":")
        assert module.partition(".")[0] == member.import_name
        path = member.folder / "src" / module.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        assert file.is_file(), f"{name} = {target}: there is no {file.relative_to(ROOT)}"
        # Those of dialogues and of pytest name the module itself.
        wanted = {"plugserve.dialogues": {"DIALOGUES", "LAYERS"}, "pytest11": {"no_drift"}}.get(group, {attribute})
        assert wanted & top_level_names(ast.parse(file.read_text("utf-8"))), f"{target} is not defined"


def test_no_name_is_claimed_twice() -> None:
    """No two members claim the same name in the same group."""
    claims = Counter((group, name) for member in MEMBERS for group, name, _ in member.entry_points())
    assert [claim for claim, times in claims.items() if times > 1] == []


def top_level_names(tree: ast.Module) -> set[str]:
    """The names that a module binds, below `if` and `try` too."""
    bound: set[str] = set()
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        match todo.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Assign(targets=targets):
                bound.update(node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                bound.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound.update(alias.asname or alias.name for alias in aliases)
            case ast.If(body=body, orelse=orelse):
                todo += body + orelse
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
                todo += body + orelse + finalbody + [line for handler in handlers for line in handler.body]
    return bound
