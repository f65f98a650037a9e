"""Install the workspace into the environment that runs this file, editable, and keep it so.

    python tests/workspace/install.py members    # every distribution, with what it needs at run time
    python tests/workspace/install.py tools      # what the tests, the checks and the builds need besides

pip does it, since pip is in every new environment and knows how the user's machine reaches an index. Versions come
from constraints.txt. Nothing is built in isolation, so the builder is pinned like everything else.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from members import ROOT, find_members, normalized, root_group


def pip(*arguments: str) -> None:
    """Run this environment's pip; ends the program with its exit code when it fails."""
    code = subprocess.call([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], cwd=ROOT)
    if code:
        raise SystemExit(code)


def install(*arguments: str) -> None:
    """Install with the versions of constraints.txt."""
    pip("install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), *arguments)


def gone() -> list[str]:
    """Editable distributions of this workspace whose folder is no longer there."""
    names = {normalized(member.name) for member in find_members()}
    found = []
    for distribution in metadata.distributions():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        path = Path(unquote(urlsplit(origin.get("url", "")).path))
        editable = origin.get("dir_info", {}).get("editable", False)
        if editable and path.is_relative_to(ROOT) and normalized(distribution.name) not in names:
            found.append(distribution.name)
    return found


def main(what: str) -> None:
    """Install `members` or `tools`."""
    members = find_members()
    if what == "members":
        if removed := gone():
            pip("uninstall", "--quiet", "--yes", *removed)
        # `editables` is what hatchling asks for when it makes an editable wheel (PEP 660).
        install(*{need for member in members for need in member.build_requirements}, "editables")
        install("--no-build-isolation", *(f"--editable={member.folder}" for member in members))
    elif what == "tools":
        install(*root_group("dev"), *(need for member in members for need in member.test_requirements + member.extras))
    else:
        raise SystemExit(f"install.py: `members` or `tools`, not {what!r}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["members"])
