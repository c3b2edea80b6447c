"""Addresses, routes and sysctls are really in the kernel; duplicates are found; the LAN is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import kernel_state
from tests import lan as test_lan
from tests.agent.process import until
from tests.frames import Capture, gratuitous_arp, unsolicited_advertisement
from tests.lan import GATEWAY4, GATEWAY6, SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime


def static(*addresses: str, **keys: Any) -> Json:  # noqa: ANN401 - whatever JSON takes
    """A static ``ipam`` object without gateways."""
    return {"type": "static", "addresses": [{"address": address} for address in addresses], **keys}


ROUTES: dict[str, tuple[Json, dict[str, Any]]] = {
    "gateway": ({"dst": "10.44.0.0/16", "gw": "10.9.0.7"}, {"dst": "10.44.0.0/16", "gateway": "10.9.0.7"}),
    "first gateway": ({"dst": "10.44.0.0/16"}, {"dst": "10.44.0.0/16", "gateway": GATEWAY4}),
    "default": ({"dst": "0.0.0.0/0"}, {"dst": "default", "gateway": GATEWAY4}),
    "mtu": ({"dst": "10.44.0.0/16", "mtu": 1400}, {"dst": "10.44.0.0/16", "metrics": [{"mtu": 1400}]}),
    "advmss": ({"dst": "10.44.0.0/16", "advmss": 1360}, {"dst": "10.44.0.0/16", "metrics": [{"advmss": 1360}]}),
    "priority": ({"dst": "10.44.0.0/16", "priority": 77}, {"dst": "10.44.0.0/16", "metric": 77}),
    "largest priority": (
        {"dst": "10.44.0.0/16", "priority": 2**32 - 1}, {"dst": "10.44.0.0/16", "metric": 2**32 - 1},
    ),
    "table": ({"dst": "10.44.0.0/16", "table": 101}, {"dst": "10.44.0.0/16", "table": "101"}),
    "big table": ({"dst": "10.44.0.0/16", "table": 70000}, {"dst": "10.44.0.0/16", "table": "70000"}),
    "default in a table": ({"dst": "0.0.0.0/0", "table": 101}, {"dst": "default", "table": "101"}),
    "scope": ({"dst": "10.44.0.0/16", "scope": 200}, {"dst": "10.44.0.0/16", "scope": "site"}),
    "a host": ({"dst": "10.44.0.9/32"}, {"dst": "10.44.0.9", "gateway": GATEWAY4}),
    "IPv6 gateway": ({"dst": "fd44::/48", "gw": "fd00:9::7"}, {"dst": "fd44::/48", "gateway": "fd00:9::7"}),
    "IPv6 default": ({"dst": "::/0"}, {"dst": "default", "gateway": GATEWAY6}),
    "IPv6 mtu": ({"dst": "fd44::/48", "mtu": 1400}, {"dst": "fd44::/48", "metrics": [{"mtu": 1400}]}),
    "IPv6 advmss": ({"dst": "fd44::/48", "advmss": 1360}, {"dst": "fd44::/48", "metrics": [{"advmss": 1360}]}),
    "IPv6 priority": ({"dst": "fd44::/48", "priority": 77}, {"dst": "fd44::/48", "metric": 77}),
    "IPv6 largest priority": ({"dst": "fd44::/48", "priority": 2**32 - 1}, {"dst": "fd44::/48", "metric": 2**32 - 1}),
    "IPv6 table": ({"dst": "fd44::/48", "table": 101}, {"dst": "fd44::/48", "table": "101"}),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "wanted"), ROUTES.values(), ids=ROUTES.keys())
def test_route(lan: Lan, runtime: Runtime, asked: Json, wanted: dict[str, Any]) -> None:
    container = lan.container()
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6, routes=[asked]))
    result = runtime.add(config, container).expect()
    assert result["routes"] == [dict(sorted(asked.items()))]
    found = kernel_state.route(container, wanted["dst"])
    assert {key: found.get(key) for key in wanted} == wanted
    runtime.check(config, container).expect()


def test_all_extras_at_once(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    asked = {"dst": "0.0.0.0/0", "mtu": 1400, "advmss": 1360, "priority": 50, "table": 101, "scope": 0}
    config = runtime.config(runtime.pool(SUBNET4, routes=[asked]))
    runtime.add(config, container).expect()
    found = kernel_state.route(container, "default")
    assert (found["gateway"], found["table"], found["metric"]) == (GATEWAY4, "101", 50)
    assert found["metrics"] == [{"mtu": 1400, "advmss": 1360}]
    runtime.check(config, container).expect()


def test_a_thousand_routes(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    many = [{"dst": f"10.{100 + number // 250}.{number % 250}.0/24"} for number in range(1000)]
    config = runtime.config(runtime.pool(SUBNET4, routes=many))
    runtime.add(config, container).expect()
    assert {wanted["dst"] for wanted in many} <= {found["dst"] for found in kernel_state.routes(container)}
    runtime.check(config, container).expect()
    runtime.delete(config, container).expect()
    unreachable = {"dst": "10.99.0.0/16", "gw": "172.31.0.1"}
    refused = runtime.add(runtime.config(runtime.pool(SUBNET4, routes=[*many, unreachable])), container)
    assert (refused.code, "10.99.0.0/16 via 172.31.0.1" in refused.msg) == (105, True)
    assert 'its "gw", or the "gateway", has to be in the subnet' in refused.msg
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_route_on_the_link(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    config = runtime.config(static("10.9.0.40/24", routes=[{"dst": "10.44.0.0/16", "scope": 253}]))
    runtime.add(config, container).expect()
    found = kernel_state.route(container, "10.44.0.0/16")
    assert (found["scope"], found.get("gateway")) == ("link", None)
    runtime.check(config, container).expect()


def test_two_routes_to_one_network_by_metric(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    routes = [{"dst": "10.44.0.0/16", "gw": f"10.9.0.{n}", "priority": n} for n in (7, 8)]
    config = runtime.config(runtime.pool(SUBNET4, routes=routes))
    runtime.add(config, container).expect()
    found = [entry for entry in kernel_state.routes(container) if entry["dst"] == "10.44.0.0/16"]
    assert [(entry["gateway"], entry["metric"]) for entry in found] == [("10.9.0.7", 7), ("10.9.0.8", 8)]
    runtime.check(config, container).expect()


def test_dual_stack(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6, routes=[{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]))
    assert runtime.add(config, container).addresses == ["10.9.0.2/24", "fd00:9::2/64"]
    assert kernel_state.addresses(container) == ["10.9.0.2/24 brd 10.9.0.255 global", "fd00:9::2/64 global"]
    seen = test_lan.reachable({"4": (container, GATEWAY4), "6": (container, GATEWAY6)})
    assert seen == {"4": True, "6": True}


def test_several_addresses_keep_their_order(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    given = ["10.9.0.30/24", "172.20.0.5/16", "192.0.2.8/32", "10.9.0.31/24"]
    assert runtime.add(runtime.config(static(*given)), container).addresses == given
    assert sorted(kernel_state.cidrs(container)) == sorted(given)


def test_point_to_point_subnets(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    config = runtime.config(
        {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.1.0/31"}], [{"subnet": "fd01::/127"}]]}
    )
    assert runtime.add(config, container).addresses == ["10.9.1.0/31", "fd01::/127"]
    assert kernel_state.cidrs(container) == ["10.9.1.0/31", "fd01::/127"]
    runtime.check(config, container).expect()


def test_ipv6_is_switched_on_where_the_runtime_left_it_off(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    for scope in ("all", "default"):
        container.sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", 1)
    runtime.add(runtime.config(static("fd00:9::50/64")), container).expect()
    assert kernel_state.cidrs(container) == ["fd00:9::50/64"]
    assert container.sysctl("net/ipv6/conf/net1/disable_ipv6") == 0
    assert test_lan.reachable({"gateway": (container, GATEWAY6)}) == {"gateway": True}


def ipv6_of_loopback(container: Namespace) -> tuple[int, object]:
    """Whether it is off, and what marks that."""
    return container.sysctl("net/ipv6/conf/lo/disable_ipv6"), container.ip("link", "show", "lo")[0].get("ifalias")


def test_ipv6_of_the_loopback_is_off_again_behind_the_last_attachment(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    container.sysctl("net/ipv6/conf/lo/disable_ipv6", 1)
    four, six = runtime.config(static("10.9.0.50/24")), runtime.config(static("fd00:9::50/64"))
    runtime.add(six, container).expect()
    runtime.add(runtime.config(static("fd00:9::51/64")), container, ifname="net2").expect()
    runtime.add(four, container, ifname="net3").expect()
    on = ipv6_of_loopback(container)
    assert on[0] == 0
    runtime.delete(six, container).expect()
    assert ipv6_of_loopback(container) == on
    runtime.delete(six, container, ifname="net2").expect()
    assert ipv6_of_loopback(container) == (1, None)
    runtime.delete(four, container, ifname="net3").expect()
    assert ipv6_of_loopback(container) == (1, None)


def test_ipv6_of_the_loopback_is_off_again_where_the_interface_has_gone_before(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    container.sysctl("net/ipv6/conf/lo/disable_ipv6", 1)
    config = runtime.config(static("fd00:9::50/64"))
    runtime.add(config, container).expect()
    container.batch("link delete net1")
    runtime.delete(config, container).expect()
    assert ipv6_of_loopback(container) == (1, None)


def test_ipv6_of_a_loopback_that_had_it_stays_on(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    before = ipv6_of_loopback(container)
    runtime.add(runtime.config(static("fd00:9::50/64")), container).expect()
    assert ipv6_of_loopback(container) == before
    runtime.delete(runtime.config(static("fd00:9::50/64")), container).expect()
    assert ipv6_of_loopback(container) == before == (0, None)


def test_an_add_that_fails_leaves_the_loopback_as_it_was(lan: Lan, runtime: Runtime) -> None:
    lan.peer.batch("addr add fd00:9::50/64 dev eth0 nodad")
    container = lan.container(dad=True)
    container.sysctl("net/ipv6/conf/lo/disable_ipv6", 1)
    assert runtime.add(runtime.config(static("fd00:9::50/64")), container).code == 106
    assert ipv6_of_loopback(container) == (1, None)


@pytest.mark.parametrize("gateway", [None, GATEWAY6], ids=["no gateway", "gateway"])
def test_duplicate_ipv6_address_is_an_error(lan: Lan, runtime: Runtime, gateway: str | None) -> None:
    lan.peer.batch("addr add fd00:9::50/64 dev eth0 nodad")
    container = lan.container(dad=True)
    address = {"address": "fd00:9::50/64"} | ({"gateway": gateway} if gateway else {})
    refusal = runtime.add(runtime.config({"type": "static", "addresses": [address]}), container)
    assert refusal.code == 106
    assert "fd00:9::50" in refusal.msg
    assert container.links() == ["lo"]


def test_duplicate_of_a_pool_address_gives_the_lease_back(lan: Lan, runtime: Runtime) -> None:
    lan.peer.batch("addr add fd00:9::2/64 dev eth0 nodad")
    container = lan.container(dad=True)
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4, SUBNET6)), container)
    assert refusal.code == 106
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_add_awaits_duplicate_address_detection(lan: Lan, runtime: Runtime) -> None:
    container = lan.container(dad=True)
    runtime.add(runtime.config(static("fd00:9::50/64")), container).expect()
    assert kernel_state.addresses(container) == ["fd00:9::50/64 global"]


def test_the_lan_is_told(lan: Lan, runtime: Runtime) -> None:
    container = lan.container(dad=True)  # without detection the kernel does not advertise
    with Capture(lan.peer) as capture:
        result = runtime.add(runtime.config(runtime.pool(SUBNET4, SUBNET6)), container)
        four, six = (address.split("/")[0] for address in result.addresses)
        assert capture.saw(gratuitous_arp(four))
        assert capture.saw(unsolicited_advertisement(six))
    values = kernel_state.sysctls(container)
    assert (values["ipv4/conf/net1/arp_notify"], values["ipv6/conf/net1/ndisc_notify"]) == ("1", "1")


def test_neighbours_forget_the_old_mac(lan: Lan, runtime: Runtime) -> None:
    """A container that comes back with the same address and another MAC is reached at once."""
    config = runtime.config(static("10.9.0.60/24"))
    first, second = lan.container(), lan.container()
    runtime.add(config, first).expect()
    assert test_lan.reachable({"first": (lan.peer, "10.9.0.60")}) == {"first": True}
    runtime.delete(config, first).expect()
    runtime.add(config, second).expect()
    mac = test_lan.mac_of(second, "net1")
    until(lambda: [each["lladdr"] for each in lan.peer.ip("neigh", "show", "10.9.0.60")] == [mac], "it has the new MAC")
