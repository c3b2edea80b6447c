"""`ctr run --cni` attaches containers to a network of ours, and gives up on them in its own ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.lan import GATEWAY4
from tests.machine import SECONDS
from tests.runtimes.containerd import Ctr

if TYPE_CHECKING:
    from tests.runtimes.node import Node

PING = ("/bin/ping", "-c", "1", "-w", "60")

pytestmark = pytest.mark.parametrize("node", ["door", "agent"], indirect=True)


@pytest.fixture
def ctr(node: Node) -> Ctr:
    node.network("lan")
    node.record()
    return Ctr(node)


def test_containers_reach_each_other_and_the_lan(ctr: Ctr) -> None:
    running = [ctr.run("first"), ctr.run("second")]
    assert [ctr.address("first"), ctr.address("second")] == ["10.9.0.20", "10.9.0.21"]
    for target in ("10.9.0.21", GATEWAY4):
        ctr.inside("first", *PING, target)
    ctr.node.lan.peer.run("ping", "-c", "1", "-w", "60", "10.9.0.20")
    for name, waiting in zip(("first", "second"), running, strict=True):
        ctr.kill(name)
        waiting.communicate(timeout=SECONDS)
    added, deleted = ctr.node.recorded()[:2], ctr.node.recorded()[2:]
    assert all(call.startswith("ADD /proc/") for call in added)
    assert set(deleted) == {"DEL "}, "the namespace has gone with the process"
    assert len(deleted) in {2, 4}, "version 1.7 asks twice for each"


def test_message_of_a_failed_add_reaches_the_user(ctr: Ctr) -> None:
    ctr.node.network("lan", rangeEnd="10.9.0.20")
    running = ctr.run("first")
    told, _ = ctr.run("second").communicate(timeout=SECONDS)
    assert "no IP addresses available in range set: 10.9.0.20-10.9.0.20" in told
    ctr.node.machine.run("ctr", "task", "delete", "--force", "second")
    ctr.kill("first")
    running.communicate(timeout=SECONDS)


def test_container_loses_its_network_when_ctr_gives_it_up(ctr: Ctr) -> None:
    """A restart of the daemon ends ctr, which calls DEL without a namespace although the container lives."""
    running = ctr.run("first")
    ctr.restart()
    told, _ = running.communicate(timeout=SECONDS)
    assert re.search("unavailable", told, re.IGNORECASE), told
    assert set(ctr.node.recorded()[1:]) == {"DEL "}
    assert ctr.runs("first")
    assert "eth0" not in ctr.inside("first", "/bin/ip", "link")
    ctr.kill("first")


def test_what_ctr_forgot_is_replaced_or_collected(ctr: Ctr) -> None:
    """It calls no DEL for a container that was started with --detach."""
    ctr.node.network("lan", rangeEnd="10.9.0.20")
    ctr.run_and_forget("first")
    ctr.run_and_forget("first")
    assert [call[:3] for call in ctr.node.recorded()] == ["ADD", "ADD"]
    collected = ctr.node.machine.run("/opt/cni-macvlan-py/current/cni-macvlan-py", "gc", "--yes")
    assert "10.9.0.20" in collected
    running = ctr.run("second")
    assert ctr.address("second") == "10.9.0.20"
    ctr.kill("second")
    running.communicate(timeout=SECONDS)
