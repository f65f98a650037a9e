"""Generated parts of pages. A page says where, and what, and some take a word and a text of the page's own:

    ```{from-code} hooks
    ```

    ```{from-code} error EndOfStream
    Let it end the request.
    ```

The block is replaced by Markdown before the page is parsed, so headings, labels and links in it are like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from . import addresses, commands, errors, hooks, options

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["GENERATORS", "connect", "expand"]

GENERATORS: Final[dict[str, Callable[..., str]]] = {
    "addresses": addresses.addresses,
    "commands": commands.commands,
    "engines": options.engines,
    "error": errors.error,
    "errors": errors.errors,
    "exits": errors.exits,
    "handlers": options.handlers,
    "hooks": hooks.hooks,
    "hook-rules": hooks.rules,
    "plugins": options.plugins,
}
"""What can be generated, by name."""

_BLOCK: Final = re.compile(r"^```\{from-code\} ([\w-]+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def expand(text: str, pages: Callable[[], str]) -> str:
    """A page's Markdown with what is generated in it.

    Parameters:
        text: the page.
        pages: makes the menu of the folder that the page is the index of.
    """

    def generated(block: re.Match[str]) -> str:
        if block[1] == "pages":
            return pages()
        given = [block[2], block[3].strip()] if block[2] else []
        return GENERATORS[block[1]](*given)

    return _BLOCK.sub(generated, text)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    if _BLOCK.search(source[0]):
        _generated(app).add(docname)
        source[0] = expand(source[0], lambda: _pages(app, docname))


def _pages(app: Sphinx, docname: str) -> str:
    """The menu of a folder: all its pages by name. A glob of Sphinx' own warns where there are none yet."""
    folder = docname.rpartition("/")[0] + "/"
    found = [name for name in sorted(app.env.found_docs) if name.startswith(folder) and name != docname]
    if not found:
        return "There is no page yet."
    return "\n".join(["```{toctree}", ":maxdepth: 1", "", *(f"/{name}" for name in found), "```"])


def _outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> Iterable[str]:
    """Whatever comes from the code may have changed with it."""
    return _generated(app) - removed


def _generated(app: Sphinx) -> set[str]:
    if not hasattr(app.env, "plugserve_generated"):
        app.env.plugserve_generated = set()  # type: ignore[attr-defined]  # Sphinx' place for what extensions remember
    generated: set[str] = app.env.plugserve_generated  # type: ignore[attr-defined]
    return generated


def connect(app: Sphinx) -> None:
    """Make it part of the build."""
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
