"""What is installed: the names that we answer to, and which release of us a directory holds."""

from __future__ import annotations

import os
import tomllib
from typing import Final

PROGRAM: Final = "cni-macvlan-py"
ROLES: Final = ("macvlan", "host-local", "static")
"""The reference plugins' names, under which we serve their configurations."""
BIN_DIRS: Final = "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni"
"""Where runtimes look for plugins: each looks in one or two of these, and none says in which."""
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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


def is_ours(executable: str) -> bool:
    """Whether an executable is this program: of a release, or the launcher, which ``install`` puts there alone."""
    is_launcher = os.path.basename(os.path.realpath(executable)) == PROGRAM and os.path.exists(executable)
    return is_launcher or home_of(executable) != ""
