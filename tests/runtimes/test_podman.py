"""podman runs containers on networks of ours, and on those that it makes for the reference plugins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lan import GATEWAY4, SUBNET4
from tests.runtimes.podman import Podman

if TYPE_CHECKING:
    from tests.runtimes.node import Node

pytestmark = pytest.mark.podman_cni
PING = ("ping", "-c", "1", "-w", "60")


@pytest.fixture
def podman(node: Node) -> Podman:
    node.network("lan")
    return Podman(node)


def test_containers_reach_each_other_and_the_lan(podman: Podman) -> None:
    assert podman.run("first", "lan") == "10.9.0.20"
    assert podman.run("second", "lan") == "10.9.0.21"
    for target in ("10.9.0.21", GATEWAY4):
        podman("exec", "first", *PING, target)
    podman.node.lan.peer.run(*PING, "10.9.0.20")
    podman.stop("first", "second")


def test_network_that_podman_makes_for_the_reference(podman: Podman) -> None:
    chosen = ("--subnet", SUBNET4, "--gateway", GATEWAY4, "--ip-range", "10.9.0.64/26")
    podman("network", "create", "--driver", "macvlan", "--opt", "parent=eth0", *chosen, "made")
    (plugin,) = json.loads(podman.node.machine.path("/etc/cni/net.d/made.conflist").read_text())["plugins"]
    assert (plugin["type"], plugin["ipam"]["type"]) == ("macvlan", "host-local")
    assert podman.run("first", "made") == "10.9.0.65"
    podman("exec", "first", *PING, GATEWAY4)
    lease = podman.node.machine.path("/var/lib/cni/networks/made/10.9.0.65")
    assert lease.exists(), "the lease is where the reference would keep it"
    podman.stop("first")
    podman("network", "rm", "made")


def test_address_and_mac_of_the_users_choice(podman: Podman) -> None:
    assert podman.run("first", "lan", "--ip", "10.9.0.25", "--mac-address", "02:00:00:00:09:25") == "10.9.0.25"
    assert "02:00:00:00:09:25" in podman("exec", "first", "ip", "link", "show", "dev", "eth0")
    podman.stop("first")


def test_message_of_a_failed_add_reaches_the_user(podman: Podman) -> None:
    podman.run("first", "lan", "--ip", "10.9.0.25")
    told = podman.refused("run", "--rm", "--network", "lan", "--ip", "10.9.0.25", "--rootfs", "/root/rootfs", "true")
    assert "10.9.0.25" in told
    assert "lan" in told
    podman.stop("first")


def test_networks_come_and_go_while_the_container_runs(podman: Podman) -> None:
    podman.node.network("other", rangeStart="10.9.0.30", rangeEnd="10.9.0.30")
    podman.run("first", "lan")
    podman("network", "connect", "other", "first")
    assert podman.address("first", "eth1") == "10.9.0.30"
    podman("network", "disconnect", "other", "first")
    podman.run("second", "other")
    podman.stop("first", "second")


def test_container_starts_again(podman: Podman) -> None:
    podman.run("first", "lan", "--ip", "10.9.0.25")
    podman("restart", "--time", "0", "first")
    assert podman.address("first") == "10.9.0.25"
    podman("exec", "first", *PING, GATEWAY4)
    podman.stop("first")


def test_container_outlives_its_monitor_and_the_agent(podman: Podman) -> None:
    """There is no daemon: what can die is conmon, and with it who would clean up after the container's end."""
    podman.run("first", "lan")
    monitor = podman("inspect", "--format", "{{.State.ConmonPid}}", "first").strip()
    podman.node.machine.run("kill", "-KILL", monitor)
    podman.node.restart_agent()
    podman.node.lan.peer.run(*PING, "10.9.0.20")
    podman.stop("first")


def test_killed_container_is_cleaned_up_after(podman: Podman) -> None:
    podman.run("first", "lan")
    first = podman("inspect", "--format", "{{.State.Pid}}", "first").strip()
    podman.node.machine.run("kill", "-KILL", first)
    podman("wait", "first")
    podman.stop("first")


def test_each_look_at_the_networks_asks_for_versions(podman: Podman) -> None:
    podman.node.record()
    assert "cni-macvlan-py" in podman("network", "ls")
    assert set(podman.node.recorded()) == {"VERSION dummy"}
