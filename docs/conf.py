# ruff: noqa: INP001 - Sphinx reads it by its path
"""How Sphinx makes a site out of these pages: ``make docs``."""

from __future__ import annotations

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]

project = _PROJECT["name"]
release = _PROJECT["version"]
html_title = f"{project} {release}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False

extensions = ["myst_parser"]
exclude_patterns = ["build"]
# As GitHub names headings, so that one link serves both.
myst_heading_anchors = 4
