from __future__ import annotations

import re
import tomllib
from pathlib import Path

from plugserve import discovery

ROOT = Path(__file__).resolve().parents[2]


def _declared() -> dict[tuple[str, str], str]:
    """What the distributions of this workspace say that they bring: kind and name, and the distribution."""
    found = {}
    for file in (*ROOT.glob("plugins/*/pyproject.toml"), *ROOT.glob("contrib_handlers/*/pyproject.toml")):
        project = tomllib.loads(file.read_text())["project"]
        for kind, group in discovery.GROUPS.items():
            for name in project.get("entry-points", {}).get(group, {}):
                found[kind, name] = project["name"]
    return found


def test_what_to_install_for_a_name_is_what_our_distributions_say() -> None:
    """A name that is not installed leads to the right distribution: the table in the core has all of them."""
    assert dict(discovery.OURS) == _declared()


def test_all_that_is_installed_of_ours_can_be_used() -> None:
    """No entry of our distributions has a problem: no name is claimed twice, each fits this core."""
    ours = {"plugserve", *_declared().values()}
    entries = [entry for entry in discovery.list_entries() if entry.distribution in ours]
    assert {(entry.kind, entry.name) for entry in entries} >= set(_declared())
    assert [entry for entry in entries if entry.problems] == []


def test_the_demo_page_and_the_readme_name_all_of_them() -> None:
    """What is here now, as the page and the README say, is what is here."""
    page = (ROOT / "docs" / "demo" / "index.html").read_text()
    readme = (ROOT / "README.md").read_text()
    for _, name in _declared():
        assert f"<code>{name}</code>" in page
        assert re.search(rf"\b{name}\b", readme)
