"""Our Sphinx extension: reference pages that are made from the code, and docstrings that are Markdown.

| module | what it does |
|---|---|
| `docstrings` | reads the one form that all docstrings have |
| `pages` | puts generated Markdown where a page says `{from-code}` |
| `hooks`, `options`, `commands`, `errors`, `addresses` | generate it, each one kind |
| `autodoc` | lets autodoc take Markdown docstrings |
| `links` | turns names in backticks, and those of the standard library, into links |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import autodoc, links, pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    pages.connect(app)
    autodoc.connect(app)
    links.connect(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
