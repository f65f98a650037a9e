from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {
    ".git",
    ".venv",
    ".audit",
    ".bench",
    "_build",
    "node_modules",
    "templates",
    ".pytest_cache",
    ".hypothesis",
    "dist",
}
PAGES = [page for page in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(page.relative_to(ROOT).parts)]

CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$|`+[^`\n]+`+", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?: [^)]*)?\)|^\[[^\]]+\]: (\S+)", re.MULTILINE)


def links_of(page: Path) -> list[str]:
    """The targets of all links, those in code left out."""
    text = CODE.sub("", page.read_text("utf-8"))
    return [inline or defined for inline, defined in LINK.findall(text)]


@cache
def anchors_of(page: Path) -> set[str]:
    """What can stand behind `#`: the headings as GitHub and MyST make identifiers of them, and labels `(name)=`."""
    text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE)) | set(re.findall(r'(?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+?)(?: #+)?$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        kept = "".join(c for c in plain.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
        name, number = kept.replace(" ", "-"), 1
        while name in found:
            name, number = f"{kept.replace(' ', '-')}-{number}", number + 1
        found.add(name)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_of_the_repository_leads_there(page: Path) -> None:
    """The file is there, and so is the heading behind `#`. Labels of generated pages are for Sphinx to find."""
    wrong = []
    for link in links_of(page):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT):
            wrong.append(f"{link}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors_of(target) and not is_generated(page, target):
            wrong.append(f"{link}: there is no such heading")
    assert wrong == []


def is_generated(page: Path, target: Path) -> bool:
    """Whether Sphinx alone knows the labels: links within the documentation to a label that some page is given."""
    inside = page.is_relative_to(ROOT / "docs")
    return inside and (page == target or "{from-code}" in target.read_text("utf-8"))


def test_links_in_code_are_no_links(tmp_path: Path) -> None:
    """What a page shows in backticks is for reading."""
    page = tmp_path / "page.md"
    page.write_text("`[a](b)` and\n\n```text\n[c](d)\n```\n\n[e](f.md#g) [h]\n\n[h]: i.md\n")
    assert links_of(page) == ["f.md#g", "i.md"]


def test_anchors_are_made_as_github_makes_them(tmp_path: Path) -> None:
    """Lower case, hyphens for spaces, no punctuation, a number behind a second one of that name."""
    page = tmp_path / "page.md"
    page.write_text("# What `it` is, and why\n\n## Twice\n\n## Twice\n\n(label)=\n## Coming from [x](y)\n")
    assert anchors_of(page) == {"what-it-is-and-why", "twice", "twice-1", "label", "coming-from-x"}
