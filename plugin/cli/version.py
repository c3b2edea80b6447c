"""``version``: what is installed here, as a bug report needs it."""

from __future__ import annotations

import os
import platform
import tomllib

from conf.versions import SUPPORTED

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def describe() -> str:
    """The plugin's version and what it runs on, one fact a line. Raises OSError where the tree is incomplete."""
    with open(os.path.join(HOME, "pyproject.toml"), "rb") as file:
        version = tomllib.load(file)["project"]["version"]
    return (
        f"cni-macvlan-py {version}\n"
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}\n"
        f"installed in {HOME}\n"
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}\n"
    )
