"""What docstrings say of parameters, taken out of them: one description serves the reader of the code, the reference
page and the editor.

The form is that of this project:

    Parameters:
        allow: rules for peers that are served.
        deny, deny_file: rules for peers
            that are refused.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["parameters_of", "summary_of"]


def parameters_of(documented: Any) -> dict[str, str]:
    """The description of each parameter that a class or function documents, on one line each."""
    text = _own_docstring(documented)
    found: dict[str, str] = {}
    section = re.search(r"^Parameters:\n((?:[ \t]+.*\n?|\n)+)", text + "\n", re.MULTILINE)
    if not section:
        return found
    names: list[str] = []
    for line in inspect.cleandoc("\n" + section[1]).splitlines():
        if head := re.match(r"(\w+(?:, \w+)*): (.*)", line):
            names = head[1].split(", ")
            found |= dict.fromkeys(names, head[2].strip())
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def summary_of(documented: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(_own_docstring(documented).partition("\n\n")[0].split())


def _own_docstring(documented: Any) -> str:
    """Its own, not that of a base class, nor the signature that `dataclass` writes where there is none."""
    text = vars(documented).get("__doc__") if isinstance(documented, type) else inspect.getdoc(documented)
    if not text or text.startswith(f"{getattr(documented, '__name__', '')}("):
        return ""
    return inspect.cleandoc(text)
