"""Links that nobody has to write: names of ours in backticks, and names of the standard library in signatures."""

from __future__ import annotations

import builtins
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

import plugserve
from plugserve.hookspecs import SPECS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["connect"]

_LIBRARY: Final = "https://docs.python.org/3/library/"

_HOOKS: Final = {
    name
    for name in SPECS
    if not hasattr(plugserve.BaseServer, name) and not hasattr(plugserve.BaseRequestHandler, name)
}
"""Hooks whose name means nothing else: `setup` may be the hook or a handler's method, and only its author knows."""


_LIMITS: Final = {one.name for one in fields(plugserve.Limits)}


class LinkNames(SphinxPostTransform):
    """`Limits.idle` in backticks leads to where it is described."""

    default_priority = 9  # before references are resolved

    def run(self, **kwargs: Any) -> None:
        """Wrap each such literal in a link."""
        objects = self.env.domains.python_domain.objects
        labels = self.env.domains.standard_domain.anonlabels
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, (nodes.reference, nodes.title)) or "xref" in literal["classes"]:
                continue
            name = literal.astext().removesuffix("()")
            short = name.removeprefix("plugserve.")
            if entry := objects.get(f"plugserve.{short}") or objects.get(f"plugserve.errors.{short}"):
                target = (entry.docname, entry.node_id)
            elif name in _HOOKS and f"hook-{name}" in labels:
                target = labels[f"hook-{name}"]
            elif name.removeprefix("Limits.") in _LIMITS and name.startswith("Limits.") and "limits" in labels:
                target = labels["limits"]
            else:
                continue
            if self._is_inside(literal, target[1]):
                continue
            link = make_refnode(self.app.builder, self.env.docname, *target, literal.deepcopy())
            literal.replace_self(link)

    @staticmethod
    def _is_inside(node: nodes.Node, target: str) -> bool:
        """Whether the link would lead to where it stands."""
        above: nodes.Node | None = node.parent
        while above is not None:
            if isinstance(above, nodes.Element) and target in above.get("ids", ()):
                return True
            if above.parent is not None and isinstance(above, nodes.Element) and above.tagname == "desc_content":
                signature = above.parent[0]
                return isinstance(signature, nodes.Element) and target in signature.get("ids", ())
            above = above.parent
        return False


def _library(app: Sphinx, env: Any, node: Any, content: nodes.TextElement) -> nodes.reference | None:
    """A name of the standard library, found without asking the network for its index."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    if isinstance(getattr(builtins, target, None), type):
        page = "exceptions" if issubclass(getattr(builtins, target), BaseException) else "functions"
        address = f"{_LIBRARY}{page}.html#{target}"
    elif target.partition(".")[0] in sys.stdlib_module_names and not target.startswith("_"):
        module = target.rpartition(".")[0] or target
        address = f"{_LIBRARY}{module}.html" + (f"#{target}" if "." in target else "")
    else:
        return None
    link = nodes.reference("", "", internal=False, refuri=address)
    link += content
    return link


def connect(app: Sphinx) -> None:
    """Make it part of the build."""
    app.add_post_transform(LinkNames)
    app.connect("missing-reference", _library)
