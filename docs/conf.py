# ruff: noqa: INP001 - Sphinx reads it by its path
"""How Sphinx makes a site out of these pages (``make docs``); they are written to be read on a code forge as well."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]

project = _PROJECT["name"]
release = _PROJECT["version"]
html_title = project
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False

extensions = ["myst_parser"]
# Anchors as forges make them, so that a link serves both.
myst_heading_anchors = 4


def setup(app: Sphinx) -> None:
    """Have the pages that list others lead to them in the site's side bar, and searches to their section."""
    app.connect("source-read", _add_contents)
    app.connect("source-read", _add_searches)


def _add_contents(_: Sphinx, page: str, source: list[str]) -> None:
    """Turn the links of an index into tables of contents, one for each heading; a page in none of them is an error."""
    if page.rpartition("/")[2] not in {"index", "README"}:
        return
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE):
        listed = "\n".join(re.findall(r"^(?:-|\d+\.) \[.+?\]\(([\w/-]+)\.md\)", section, re.MULTILINE))
        if listed:
            caption = section.partition("\n")[0]
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption.lstrip('# ')}\n\n{listed}\n```\n"


def _add_searches(_: Sphinx, __: str, source: list[str]) -> None:
    """Turn ``<!-- search: WORDS, … -->`` into main entries of the index, which the site's search shows first."""
    source[0] = re.sub(
        r"^<!-- search: (.+) -->$",
        lambda comment: f"```{{index}} ! {comment[1].replace(', ', ', ! ')}\n```",
        source[0],
        flags=re.MULTILINE,
    )
