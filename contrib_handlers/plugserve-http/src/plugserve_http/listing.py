"""The page that shows what is in a folder: text for people, with nothing in it that a name could turn into markup."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote_from_bytes

from .files import Entry

__all__ = ["LISTING_POLICY", "href", "listing_page"]

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.25rem;overflow-wrap:anywhere}table{width:100%;border-collapse:collapse}"
    "td,th{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #8884}"
    "td:first-child{overflow-wrap:anywhere}td+td,th+th{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}a{text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}"
    "@media(max-width:34rem){td:last-child,th:last-child{display:none}}"
)

LISTING_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the page: its own style and nothing else, should a name ever get through."""


def href(names: Sequence[str]) -> str:
    """The path of a folder, percent-encoded; never begins with two slashes, which would be another host."""
    return "/" + "".join(quote_from_bytes(os.fsencode(name), safe="") + "/" for name in names)


def listing_page(path: Sequence[str], entries: Sequence[Entry], more: int) -> bytes:
    """The page of a folder, UTF-8.

    Parameters:
        path: the names in its path.
        entries: what is in it.
        more: how many were left out.
    """
    shown = "/".join(["", *(_shown(name) for name in path), ""])
    rows = []
    if path:
        rows.append('<tr><td><a href="../">../</a></td><td></td><td></td></tr>')
    for name, folder, size, modified in entries:
        slash = "/" if folder else ""
        # "./", since a name may begin like a scheme ("a:b").
        link = "./" + quote_from_bytes(os.fsencode(name), safe="") + slash
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(max(0.0, modified)))
        # <bdi>: a name that runs from right to left does not turn the size and the time round.
        rows.append(
            f'<tr><td><a href="{link}"><bdi>{_shown(name)}</bdi>{slash}</a></td>'
            f"<td>{'' if folder else format(size, ',')}</td><td>{when}</td></tr>"
        )
    if more:
        rows.append(f"<tr><td>and {more} more</td><td></td><td></td></tr>")
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{shown}</title>\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n<h1>{shown}</h1>\n<table>\n"
        f"<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>\n" + "\n".join(rows) + "\n</table>\n"
        "</body>\n</html>\n"
    )
    return page.encode()


def _shown(name: str) -> str:
    """A file's name for people: whatever is no Unicode in it is replaced, and whatever is invisible, too, since that
    could make it look like another (a mark that turns the direction of text, a control character)."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return html.escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
