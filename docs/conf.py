"""How Sphinx builds the documentation: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from plugserve import __version__

project = "plugserve"
copyright = "the authors of plugserve"  # noqa: A001  # Sphinx's name for it
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "plugserve_docs"]
source_suffix = {".md": "markdown"}
# demo/ is what `make serve` shows: pages of its own.
# A run of the benchmarks writes the table, and the page about them includes it.
exclude_patterns = ["_build", "demo", "reference/benchmarks-table.md", "reference/silent-clients-table.md"]
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
# In a code block or a name "..." is three dots, and a quotation mark is the one that has to be typed.
smartquotes = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"
add_module_names = False
# Everything that is linked to must be there. Names of the standard library are found by `plugserve_docs.links`.
nitpicky = True
nitpick_ignore_regex = [
    # Type variables and private names that stand in signatures; there is nothing to read about them.
    (r"py:.*", r"(.*\.)?_\w+"),
]
linkcheck_timeout = 20

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "plugserve"
html_static_path = ["_static"]
html_css_files = ["plugserve.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b6e63",
        "color-brand-content": "#0b6e63",
        "color-brand-visited": "#0b6e63",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5fcbb9",
        "color-brand-content": "#5fcbb9",
        "color-brand-visited": "#5fcbb9",
    },
}
