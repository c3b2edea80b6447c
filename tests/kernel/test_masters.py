"""Which master a child hangs on, and which namespace the call is about: lookups, refusals, a master without carrier."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests import lan as test_lan
from tests.lan import GATEWAY4, SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from tests.namespaces import Namespace
    from tests.runtime import Runtime

OTHER_MASTER = ("link add spare type veth peer name spare-end", "link set spare-end up", "link set spare up")


def parent_index(lan: Lan, ifname: str) -> int:
    (shown,) = lan.node.ip("link", "show", "dev", ifname)
    return int(shown["ifindex"])


@pytest.mark.parametrize("master", [None, ""])
def test_default_route_names_the_master(lan: Lan, runtime: Runtime, master: str | None) -> None:
    lan.node.batch(*OTHER_MASTER, "addr add 10.88.0.1/24 dev spare", "route add default via 10.88.0.2 metric 500")
    config = runtime.config(runtime.pool(SUBNET4), master=master)
    container = lan.container()
    runtime.add(config, container).expect()
    (shown,) = container.ip("link", "show", "dev", "net1")
    assert shown["link_index"] == parent_index(lan, "eth0")
    runtime.check(config, container).expect()
    lan.node.batch("route del default via 10.9.0.1", "route del default via fd00:9::1")
    second = lan.container()
    runtime.add(config, second).expect()
    (shown,) = second.ip("link", "show", "dev", "net1")
    assert shown["link_index"] == parent_index(lan, "spare")


def test_a_default_route_of_ipv6_alone_names_the_master(lan: Lan, runtime: Runtime) -> None:
    lan.node.batch("route del default via 10.9.0.1")
    runtime.add(runtime.config(master=""), lan.container()).expect()


@pytest.mark.parametrize("rest", [[], ["route add unreachable default"]], ids=["none", "unreachable"])
def test_no_default_route(lan: Lan, runtime: Runtime, rest: list[str]) -> None:
    lan.node.batch("route del default via 10.9.0.1", "route del default via fd00:9::1", *rest)
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), master=""), container)
    assert refusal.code == 101
    assert refusal.msg.startswith("no default route interface found")
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_master_by_an_alternative_name(lan: Lan, runtime: Runtime) -> None:
    """For one configuration on nodes whose interfaces have different names."""
    lan.node.batch("link property add dev eth0 altname lan0")
    config = runtime.config(runtime.pool(SUBNET4), master="lan0")
    container = lan.container()
    runtime.add(config, container).expect()
    runtime.check(config, container).expect()
    (shown,) = container.ip("link", "show", "dev", "net1")
    assert shown["link_index"] == parent_index(lan, "eth0")


def test_unknown_master_is_named(lan: Lan, runtime: Runtime) -> None:
    refusal = runtime.add(runtime.config(master="none0"), lan.container())
    assert refusal.code == 101
    assert "Link not found" in refusal.msg
    assert "none0" in refusal.msg


def test_link_in_container(lan: Lan, runtime: Runtime) -> None:
    pod = lan.neighbour("10.9.0.99")
    config = runtime.config(runtime.pool(SUBNET4), linkInContainer=True)
    runtime.add(config, pod).expect()
    (shown,) = pod.ip("link", "show", "dev", "net1")
    assert shown["link"] == "eth0"
    assert test_lan.reachable({"gateway": (pod, GATEWAY4)}) == {"gateway": True}
    runtime.check(config, pod).expect()
    runtime.delete(config, pod).expect()
    assert pod.links() == ["eth0", "lo"]


def test_link_in_container_by_its_default_route(lan: Lan, runtime: Runtime) -> None:
    pod = lan.neighbour("10.9.0.99")
    config = runtime.config(linkInContainer=True, master="")
    assert runtime.add(config, pod).code == 101
    pod.batch(f"route add default via {GATEWAY4}")
    runtime.add(config, pod).expect()
    (shown,) = pod.ip("link", "show", "dev", "net1")
    assert shown["link"] == "eth0"


def test_link_in_container_does_not_use_the_nodes_master(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), linkInContainer=True), container)
    assert refusal.code == 101
    assert (container.links(), runtime.held()) == (["lo"], [])


@pytest.mark.parametrize("netns", ["named", "/proc/self/ns/net", "/proc/thread-self/ns/net"])
@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK"])
def test_the_nodes_own_namespace_is_refused_before_any_effect(
    lan: Lan, runtime: Runtime, verb: str, netns: str
) -> None:
    """A DEL there would take away one of the node's own interfaces."""
    lan.node.batch("link add net1 type veth peer name net2")
    path = str(lan.node.path) if netns == "named" else netns
    config = runtime.config(runtime.pool(SUBNET4), prevResult={"cniVersion": "1.0.0"})
    refusal = runtime.attach(verb, config, lan.node, netns=path)
    assert refusal.code == 8
    assert refusal.document["msg"].startswith("plugin's netns and netns from CNI_NETNS should not be the same")
    assert (lan.node.links(), runtime.held()) == (["eth0", "lo", "net1", "net2"], [])


def test_the_nodes_own_namespace_can_be_insisted_on(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    owner = {"CONTAINERID": "c1", "NETNS": str(lan.node.path), "IFNAME": "net1", "NETNS_OVERRIDE": "1"}
    runtime.call("ADD", json.dumps(config), **owner).expect()
    assert lan.node.links() == ["eth0", "lo", "net1"]
    runtime.call("DEL", json.dumps(config), **owner).expect()
    assert (lan.node.links(), runtime.held()) == (["eth0", "lo"], [])


NO_NAMESPACES = {
    "/run/netns/cmv-never-made": 3,
    "/run": 8,
    "/dev/null": 8,
    "/proc/thread-self/ns/mnt": 8,
    f"/{'x' * 4096}": 4,
}


@pytest.mark.parametrize(("netns", "code"), NO_NAMESPACES.items(), ids=[path[:40] for path in NO_NAMESPACES])
def test_what_is_no_network_namespace_is_refused(lan: Lan, runtime: Runtime, netns: str, code: int) -> None:
    """A missing one is code 3: the container has gone, and the runtime need not clean up."""
    refusal = runtime.attach("ADD", runtime.config(runtime.pool(SUBNET4)), lan.container(), netns=netns)
    assert refusal.code == code
    assert netns[:80] in refusal.msg
    assert runtime.held() == []


def test_a_namespace_that_only_a_process_holds(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    holder = subprocess.Popen(["nsenter", f"--net={container.path}", "cat"], stdin=subprocess.PIPE)
    try:
        path = f"/proc/{holder.pid}/ns/net"
        until_inside(container, holder.pid)
        config = runtime.config(runtime.pool(SUBNET4))
        result = runtime.add(config, container, netns=path).expect()
        assert result["interfaces"][0]["sandbox"] == path
        runtime.check(config, container, netns=path).expect()
        runtime.delete(config, container, netns=path).expect()
        assert (container.links(), runtime.held()) == (["lo"], [])
    finally:
        holder.communicate(timeout=60)


def until_inside(container: Namespace, pid: int) -> None:
    deadline = time.monotonic() + 60
    while pid not in container.processes():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("lost", ["carrier", "up"])
def test_a_master_without_carrier_costs_no_waiting(lan: Lan, runtime: Runtime, lost: str) -> None:
    if lost == "carrier":
        lan.unplug()
    else:
        lan.node.batch("link set eth0 down")
    container = lan.container(dad=True)
    runtime.add(runtime.config(runtime.pool(SUBNET4, SUBNET6)), container).expect()
    four, six = kernel_state.addresses(container)
    assert "tentative" in six, "its duplicate address detection has not begun, and nobody waited for it"
    assert "tentative" not in four
