"""What the guide for containerd says of its configuration holds for the containerd of each Debian: 1.6, 1.7 and 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.distributions.system import PATIENCE
from tests.guides.page import Step, steps
from tests.guides.shell import Shell
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from tests.distributions.system import System

GUIDE = REPOSITORY / "docs/guides/containerd.md"
# What the reader has by then; no init system is there to restart anything.
BEFORE = """
apt-get update -qq
apt-get install -qq --yes --no-install-recommends containerd
mkdir -p /opt/cni/bin
ln -s /bin/true /usr/local/bin/systemctl
"""


@pytest.mark.timeout(3 * PATIENCE)
def test_where_it_looks_for_plugins(system: System) -> None:
    section = [step for step in steps(GUIDE) if step.section == "For Kubernetes"]
    assert len(section) == 2
    with Shell(system, REPOSITORY, DEBIAN_FRONTEND="noninteractive") as shell:
        for step in (Step(0, BEFORE), *section):
            shell.follow(step)
