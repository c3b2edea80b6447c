"""Which release of the plugin a directory holds."""

from __future__ import annotations

import os
import tomllib

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The release or checkout that this very process runs."""


def version_of(home: str) -> str:
    """Its version. Raises OSError where the tree is incomplete."""
    with open(os.path.join(home, "pyproject.toml"), "rb") as file:
        return str(tomllib.load(file)["project"]["version"])
