"""What the guides tell their readers to type works as written, in the order of the page, on a fresh machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guides import stages
from tests.guides.page import steps
from tests.guides.shell import Shell
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machine import Machine

GUIDES = REPOSITORY / "docs/guides"
STAGES: dict[str, Callable[[Machine], None]] = {"containerd.md": stages.containerd, "podman.md": stages.podman}
WITHOUT_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "DEBIAN_FRONTEND": "noninteractive"}
KUBERNETES = "kubernetes-multus.md"
NOT_RUN = "not run here"


@pytest.mark.parametrize("page", STAGES)
def test_guide(machine: Machine, page: str) -> None:
    """The stage has set up what a reader has before, or gets from the Internet."""
    STAGES[page](machine)
    with Shell(machine, REPOSITORY, **WITHOUT_NETWORK) as shell:
        for step in steps(GUIDES / page):
            shell.follow(step)


@pytest.mark.timeout(400)  # it may have the images built
def test_kubernetes(workstation: Machine) -> None:
    """With our stand-ins for control plane, kubelet and Multus: what they do, the page tells."""
    stages.kubernetes(workstation)
    with Shell(workstation, REPOSITORY) as shell:
        for step in steps(GUIDES / KUBERNETES):
            shell.follow(step)


def test_every_guide_is_followed_or_says_that_it_is_not() -> None:
    not_run = {page.name for page in GUIDES.glob("*.md") if NOT_RUN in page.read_text()}
    assert {page.name for page in GUIDES.glob("*.md")} - not_run == {*STAGES, KUBERNETES}
