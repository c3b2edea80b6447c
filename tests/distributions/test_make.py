"""On a fresh system of each Debian, the Makefile's targets do what they say."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.distributions.system import PATIENCE
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from tests.distributions.system import System

COMMANDS = """
readlink /proc/self/ns/mnt /proc/self/ns/pid
make demo
make install LINKS=macvlan
CNI_COMMAND=VERSION /opt/cni/bin/macvlan </dev/null
make unit
# What only other targets and readers ask for.
apt-get update -qq
apt-get install --simulate -qq --no-install-recommends "$@" >/dev/null
make .venv/promtool
.venv/promtool --version
"""


def namespaces() -> set[str]:
    """The mount and pid namespaces that any process is in."""
    seen = set()
    for process in Path("/proc").glob("[0-9]*"):
        for kind in ("mnt", "pid"):
            with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):  # ended meanwhile
                seen.add(str((process / "ns" / kind).readlink()))
    return seen


def packages() -> set[str]:
    """What the Makefile, the Dockerfile and the pages install by name from a distribution."""
    pages = [REPOSITORY / name for name in ("Makefile", "Dockerfile", "README.md")] + [*REPOSITORY.glob("docs/**/*.md")]
    installs = r"(?:call apt_install,|apt-get install (?:-\S+ )*)([a-z][a-z0-9 .+-]+)(?:\)|;|\n)"
    return {name for page in pages for names in re.findall(installs, page.read_text()) for name in names.split()}


@pytest.mark.timeout(2 * PATIENCE)
def test_what_make_offers_works_and_leaves_nothing(system: System) -> None:
    named = packages()
    assert named >= {"containernetworking-plugins", "golang-github-appc-cni-dev", "iproute2", "python3-pip", "podman"}
    told = system.run(COMMANDS, *named)
    assert "All of it worked." in told
    assert "promtool, version" in told
    assert re.search(r"^\d+ passed", told, re.MULTILINE), told
    own = set(re.findall(r"^(?:mnt|pid):\[\d+\]$", told, re.MULTILINE))
    assert len(own) == 2, told
    assert own & namespaces() == set()
