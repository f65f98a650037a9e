"""Write constraints.txt anew: the newest version of everything that resolves on every supported Python.

The file holds names and versions, and no address: where packages come from is the business of each machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from members import ROOT, find_members, name_of, normalized, root_group

HEADER = """\
# The versions that the workspace is installed and tested with, on every supported Python and platform. Names and
# versions only: `make constraints` writes this file from what the distributions and the root pyproject.toml ask for.
"""


def main() -> None:
    """Resolve with uv for all platforms at once and write the result."""
    members = find_members()
    own = {normalized(member.name) for member in members}
    wanted = {"editables", *root_group("dev")}
    for member in members:
        wanted.update(member.build_requirements, member.dependencies, member.extras, member.test_requirements)
    outside = sorted(need for need in wanted if name_of(need) not in own)
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--upgrade"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "-"]
    pins = subprocess.run(command, input="\n".join(outside), text=True, check=True, capture_output=True, cwd=ROOT)
    (ROOT / "constraints.txt").write_text(HEADER + pins.stdout, "utf-8")


if __name__ == "__main__":
    main()
