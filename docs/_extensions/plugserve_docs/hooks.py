"""The page of hooks, from `plugserve.hookspecs`: in call order, each with its exact signature and its docstring."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Final

from plugserve import hookspecs
from plugserve.hookspecs import SPECS

from .docstrings import as_definitions, read, summary

__all__ = ["hooks", "rules", "signature"]

_WIDTH: Final = 80
"""Characters of a signature that fit beside the menu; a longer one gets a line for each parameter."""


def signature(name: str) -> str:
    """The first line of a hook's definition, as it stands in the code."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(getattr(hookspecs, name)))).body
    assert isinstance(function, ast.FunctionDef)
    assert function.returns is not None
    parameters = [ast.unparse(parameter) for parameter in function.args.args]
    start, end = f"def {name}(", f") -> {ast.unparse(function.returns)}"
    line = start + ", ".join(parameters) + end
    if len(line) <= _WIDTH:
        return line
    return start + "".join(f"\n    {parameter}," for parameter in parameters) + "\n" + end


def rules() -> str:
    """How results combine, and what the parameters are: the module's own words."""
    parts = read(hookspecs.__doc__)
    text = "\n\n".join(part for part in parts if isinstance(part, str))
    # Its first paragraphs say what the docstrings look like, which the page shows.
    return text[text.index("How the results") :]


def hooks() -> str:
    """All hooks: a table of them, and a section each."""
    rows = [
        f"| [`{spec.name}`](#hook-{spec.name}) | {spec.rule} | {summary(getattr(hookspecs, spec.name).__doc__)} |"
        for spec in SPECS.values()
    ]
    table = "\n".join(["| hook | rule | for |", "|---|---|---|", *rows])
    return "\n\n".join([table, *(_hook(name) for name in SPECS)])


def _hook(name: str) -> str:
    spec = SPECS[name]
    waits = "may be `async def`" if spec.may_be_async else "plain function, never `async`"
    if spec.rule == "pipeline":
        waits = "`async def`"
    elif spec.rule == "wrap":
        waits = "generator, `@hookimpl(wrapper=True)`"
    return "\n\n".join(
        [
            f"(hook-{name})=\n### {name}",
            f"```python\n{signature(name)}\n```",
            f"Rule: [{spec.rule}](#combine-rules) · {waits}",
            as_definitions(read(getattr(hookspecs, name).__doc__)),
        ]
    )
