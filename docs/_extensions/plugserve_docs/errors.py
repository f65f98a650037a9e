"""The page of errors: every exception class as a tree, each with its docstring, and the exit statuses."""

from __future__ import annotations

import plugserve
from plugserve import errors as module
from plugserve import exits as exits_module

from .docstrings import read

__all__ = ["error", "errors", "exits"]


def errors() -> str:
    """The words of the module, and the classes as a tree by who derives from whom."""
    words = "\n\n".join(part for part in read(module.__doc__) if isinstance(part, str))
    ours = [getattr(module, name) for name in module.__all__]
    roots = [one for one in ours if one.__bases__[0] not in ours]

    def branch(one: type, depth: int) -> list[str]:
        lines = [f"{'  ' * depth}- `{one.__name__}`"]
        for other in ours:
            if other.__bases__[0] is one:
                lines += branch(other, depth + 1)
        return lines

    tree = "\n".join(line for root in roots for line in branch(root, 0))
    return f"{words.partition(chr(10) * 2)[2]}\n\n{tree}"


def exits() -> str:
    """A table of the exit statuses that the code names."""
    from sphinx.pycode import ModuleAnalyzer

    documented = ModuleAnalyzer.for_module(exits_module.__name__).find_attr_docs()
    rows = {
        getattr(exits_module, name): " ".join(" ".join(lines).split())
        for (owner, name), lines in documented.items()
        if not owner and isinstance(getattr(exits_module, name), int)
    }
    rows |= {
        0: "All went well; a server was stopped by a signal.",
        2: "A command line that cannot be understood.",
        130: "A second Ctrl-C (SIGINT) ended a server at once: 128 and the number of the signal.",
        143: "A second SIGTERM did, or a second signal of any kind where listeners run in processes of their own.",
    }
    lines = ["| status | means |", "|---|---|"]
    lines += [f"| {status} | {rows[status]} |" for status in sorted(rows)]
    return "\n".join(lines)


def error(name: str, remedy: str) -> str:
    """One exception class, and what to do about it.

    Parameters:
        name: of the class.
        remedy: Markdown, one paragraph.
    """
    exported = "plugserve" if hasattr(plugserve, name) else module.__name__
    return "\n".join(
        [
            "```{eval-rst}",
            f".. currentmodule:: {exported}",
            "",
            f".. autoexception:: {name}",
            "   :show-inheritance:",
            "",
            "   .. markdown::",
            "",
            f"      :What to do: {' '.join(remedy.split())}",
            "```",
        ]
    )
