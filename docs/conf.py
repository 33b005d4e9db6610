"""Makes a site of the README and all documents: `nox -s site` writes it to site/."""

from sphinx.application import Sphinx

project = "mine-video"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "pipeline/models/weights/*.md", "videos/*.md"]
exclude_patterns = [".*", "build", "site"]
html_theme = "furo"
html_title = project
html_show_sourcelink = False
myst_heading_anchors = 4

CONTENTS = """
```{toctree}
:hidden:
:glob:
docs/README
docs/*
SECURITY
CONTRIBUTING
CHANGELOG
pipeline/models/weights/*
videos/*
```
"""
"""The bar at the left. README.md does not have it: where Markdown is shown as it is, it is code."""


def setup(app: Sphinx) -> None:
    """Puts the bar into the first page."""
    app.connect("source-read", _add_contents)


def _add_contents(_: Sphinx, page: str, source: list[str]) -> None:
    if page == root_doc:
        source[0] += CONTENTS
