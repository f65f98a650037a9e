"""Lets autodoc take docstrings that are Markdown: each is handed to the parser that reads the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from docutils.utils import new_document
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from myst_parser.parsers.mdit import create_md_parser
from sphinx.util.docutils import SphinxDirective

from .docstrings import as_fields, read

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["connect"]

_MARKED: Final = ".. markdown::"


class Markdown(SphinxDirective):
    """Markdown within reStructuredText."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Parse it with the settings of the pages."""
        source, _ = self.get_source_info()
        parser = create_md_parser(self.env.myst_config, SphinxRenderer)  # type: ignore[attr-defined]  # MyST put it there
        document = new_document(source or "", self.state.document.settings)
        parser.options["document"] = document
        parser.render("\n".join(self.content))
        return list(document.children)


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Wrap a docstring in the directive."""
    text = as_fields(read("\n".join(lines)))
    lines[:] = [_MARKED, "", *(f"   {line}" for line in text.splitlines()), ""] if text else []


def _dashes(app: Sphinx, document: nodes.document) -> None:
    """Sphinx types two hyphens between a parameter and its description, for a conversion that we do without."""
    for text in list(document.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" – "))  # noqa: RUF001  # a dash is meant


def connect(app: Sphinx) -> None:
    """Make it part of the build."""
    app.connect("doctree-read", _dashes)
    app.add_directive("markdown", Markdown)
    app.connect("autodoc-process-docstring", _docstring)
