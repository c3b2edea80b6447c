"""What the other pages tell their readers to type works as written, each on a machine as the page supposes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.guides import stages
from tests.guides.page import steps
from tests.guides.shell import Shell
from tests.guides.test_guides import WITHOUT_NETWORK
from tests.runtime import REPOSITORY

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.machine import Machine

DOCS = REPOSITORY / "docs"


def test_modes(machine: Machine, lan: Lan) -> None:
    container = lan.container()
    lan.node.batch(f"link add link eth0 name eth0 netns {container.name} type macvlan mode bridge")
    container.batch("addr add 192.168.1.200/24 dev eth0", "link set eth0 up")
    with Shell(machine, REPOSITORY) as shell:
        for step in steps(DOCS / "modes.md"):
            shell.follow(step)
    lan.node.batch("link del lan0")


def test_readme_and_then_the_agent(machine: Machine) -> None:
    stages.podman(machine)
    with Shell(machine, REPOSITORY, **WITHOUT_NETWORK) as shell:
        for step in steps(REPOSITORY / "README.md") + steps(DOCS / "agent.md"):
            shell.follow(step)
    assert machine.run("systemctl", "is-active", "cni-macvlan-py-agent.socket") == "active\n"


def test_migration(machine: Machine) -> None:
    """There and back, twice, with the reference plugins and with containers that live on."""
    stages.podman(machine)
    with Shell(machine, REPOSITORY, **WITHOUT_NETWORK) as shell:
        for step in steps(DOCS / "migration.md"):
            shell.follow(step)


def test_every_page_that_tells_what_to_type_is_followed() -> None:
    typed = {page.name for page in (REPOSITORY / "README.md", *DOCS.glob("*.md")) if steps(page)}
    elsewhere = {"commands.md"}  # tests/cli/test_commands_page.py
    assert typed == {"README.md", "agent.md", "migration.md", "modes.md"} | elsewhere
