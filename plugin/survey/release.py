"""What is installed: the names that we answer to, and which release of us a directory holds."""

from __future__ import annotations

import os
import tomllib
from typing import Final

PROGRAM: Final = "cni-macvlan-py"
ROLES: Final = ("macvlan", "host-local", "static")
"""The reference plugins' names, under which we serve their configurations."""
HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The release or checkout that this very process runs."""


def version_of(home: str) -> str:
    """Its version. Raises OSError where the tree is incomplete."""
    with open(os.path.join(home, "pyproject.toml"), "rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def home_of(executable: str) -> str:
    """The directory of the release or checkout that an executable belongs to; "" if it is none of ours."""
    home = os.path.dirname(os.path.realpath(executable))
    is_ours = os.path.exists(executable) and os.path.exists(os.path.join(home, "plugin", "door.py"))
    return home if is_ours else ""
