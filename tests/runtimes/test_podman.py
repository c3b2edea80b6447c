"""podman runs containers on networks of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lan import GATEWAY4
from tests.runtimes.podman import Podman

if TYPE_CHECKING:
    from tests.runtimes.node import Node

PING = ("ping", "-c", "1", "-w", "5")


@pytest.fixture
def podman(node: Node) -> Podman:
    return Podman(node)


def test_containers_reach_each_other_and_the_lan(podman: Podman) -> None:
    podman.node.network("lan")
    assert podman.run("first", "lan") == "10.9.0.20"
    assert podman.run("second", "lan") == "10.9.0.21"
    for target in ("10.9.0.21", GATEWAY4):
        podman("exec", "first", *PING, target)
    podman.node.lan.peer.run(*PING, "10.9.0.20")
    podman.stop("first", "second")
