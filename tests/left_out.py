"""What a distribution's packages cannot do: tests that are about it are left out there, and the run's end says so.

A test asks for it by a marker. This is no way around a failure: each reason is one that no change of ours can remove,
and the machine that `make test` runs on first, Debian 12, has everything.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from functools import cache

FIRST_WITHOUT_CNI = 5


@cache
def reasons() -> dict[str, str]:
    """Marker to why tests that have it are left out on this machine; nothing where it has what they need."""
    found = {}
    if podman := _podman():
        major = int(podman.partition(".")[0])
        if major >= FIRST_WITHOUT_CNI:
            found["podman_cni"] = f"podman {podman} calls no CNI plugins, as podman 4 does"
    return found


def _podman() -> str:
    """The version of podman, empty if there is none."""
    # Even for this, podman 5 wants to write into a home of the user's.
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home}
        try:
            told = subprocess.run(
                ["podman", "--version"], env=environment, capture_output=True, text=True, check=True, timeout=120
            ).stdout
        except FileNotFoundError:
            return ""
    (version,) = re.findall(r"\d+\.\d+\S*", told)
    return str(version)
