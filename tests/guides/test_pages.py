"""What the pages tell their readers to type works as written, in the order of the page, on a fresh machine."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from tests.guides import stages
from tests.guides.page import steps
from tests.guides.scenes import SCENES, on
from tests.guides.shell import Shell
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.machine import Machine

WITHOUT_NETWORK = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels", "DEBIAN_FRONTEND": "noninteractive"}
RUNNING = ("agent", "modes", "security", "metrics", "deployment", "troubleshooting", "errors")
# What one reader goes through on one machine; the stage is what such a reader has before, or gets from the Internet.
READERS: dict[str, tuple[Callable[[Machine], None], list[str]]] = {
    "who has podman": (stages.podman, ["docs/guides/podman.md"]),
    "who has containerd": (stages.containerd, ["docs/guides/containerd.md"]),
    "who comes from the reference plugins": (stages.podman, ["docs/migration.md"]),
    "who runs and changes it": (
        stages.prometheus,
        ["README.md", *(f"docs/{page}.md" for page in RUNNING), "CONTRIBUTING.md"],
    ),
}
KUBERNETES = "docs/guides/kubernetes-multus.md"
ELSEWHERE = {"docs/commands.md": "tests/cli/test_commands_page.py", KUBERNETES: "tests/guides/test_pages.py"}


@pytest.mark.timeout(600)  # one of them reads nine pages
@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(name, marks=() if stage is stages.containerd else pytest.mark.podman_cni)
        for name, (stage, _) in READERS.items()
    ],
)
def test_page_comes_true(machine: Machine, reader: str) -> None:
    stage, pages = READERS[reader]
    stage(machine)
    with Shell(machine, REPOSITORY, **WITHOUT_NETWORK) as shell:
        for page in pages:
            for section, typed in groupby(steps(REPOSITORY / page), lambda step: step.section):
                scene = SCENES.get((page, section))
                with on(machine, scene) if scene else nullcontext():
                    for step in typed:
                        shell.follow(step)


@pytest.mark.timeout(900)  # it may have the images built
def test_kubernetes(workstation: Machine) -> None:
    """With our stand-ins for control plane, kubelet and Multus: what they do, the page tells."""
    stages.kubernetes(workstation)
    with Shell(workstation, REPOSITORY) as shell:
        for step in steps(REPOSITORY / KUBERNETES):
            shell.follow(step)
