"""Routes with and without a next hop: made in the order that the kernel needs, answered as asked, found by CHECK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import kernel_state
from tests.examples import SAME_EVERYWHERE
from tests.lan import GATEWAY4, SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from tests.runtime import Json, Runtime

HOST = "198.51.100.10/32"
ROUTER = "203.0.113.1"
NO_HOP4 = "0.0.0.0"  # noqa: S104 - a next hop


def static(address: str, *routes: Json) -> Json:
    return {"type": "static", "addresses": [{"address": address}], "routes": list(routes)}


def ranged(subnet: str, gateway: str, *routes: Json) -> Json:
    return {"type": "cni-macvlan-py", "ranges": [[{"subnet": subnet, "gateway": gateway}]], "routes": list(routes)}


OTHER6 = "2001:db8:5:333::/64"
# An ipam object, a destination as `ip route` shows it, and the next hop of the route to it
MADE: dict[str, tuple[Json, str, str | None]] = {
    "link-scoped": (ranged(SUBNET4, GATEWAY4, {"dst": "224.0.0.0/4", "scope": 253}), "224.0.0.0/4", None),
    "link-scoped IPv6": (ranged(SUBNET6, "fd00:9::1", {"dst": "fd44::/48", "scope": 253}), "fd44::/48", None),
    "gw 0.0.0.0": (ranged(SUBNET4, GATEWAY4, {"dst": "224.0.0.0/4", "gw": NO_HOP4}), "224.0.0.0/4", None),
    "gw ::": (ranged(SUBNET6, "fd00:9::1", {"dst": "fd44::/48", "gw": "::"}), "fd44::/48", None),
    "by a route": (
        static(HOST, {"dst": f"{ROUTER}/32"}, {"dst": "0.0.0.0/0", "gw": ROUTER}), "default", ROUTER,
    ),
    "by a route behind it": (
        static(HOST, {"dst": "0.0.0.0/0", "gw": ROUTER}, {"dst": f"{ROUTER}/32"}), "default", ROUTER,
    ),
    "by an IPv6 route behind it": (
        static("2001:db8::10/128", {"dst": "::/0", "gw": "2001:db8:1::1"}, {"dst": "2001:db8:1::1/128"}),
        "default", "2001:db8:1::1",
    ),
    "gateway of the link": (ranged(OTHER6, "fe80::1", {"dst": "::/0"}), "default", "fe80::1"),
    "gateway outside of the subnet": (
        ranged(SUBNET4, ROUTER, {"dst": "0.0.0.0/0"}, {"dst": f"{ROUTER}/32"}), "default", ROUTER,
    ),
    "IPv6 gateway outside of the subnet": (
        ranged(OTHER6, "2001:db8:1::1", {"dst": "::/0"}, {"dst": "2001:db8:1::1/128"}), "default", "2001:db8:1::1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ipam", "dst", "hop"), MADE.values(), ids=MADE.keys())
def test_routes_are_made_and_found(lan: Lan, runtime: Runtime, ipam: Json, dst: str, hop: str | None) -> None:
    container, config = lan.container(), runtime.config(ipam)
    result = runtime.add(config, container).expect()
    assert result["routes"] == [dict(sorted(route.items())) for route in ipam["routes"]]
    assert kernel_state.route(container, dst).get("gateway") == hop
    runtime.check(config, container).expect()


@pytest.mark.parametrize("kind", ["cni-macvlan-py", "host-local"])
def test_a_gateway_outside_of_the_subnet_does_without_routes(lan: Lan, runtime: Runtime, kind: str) -> None:
    ipam = ranged(SUBNET4, ROUTER) | {"type": kind, "dataDir": str(runtime.data_dir)}
    container, config = lan.container(), runtime.config(ipam)
    result = runtime.add(config, container).expect()
    assert result["ips"][0]["gateway"] == ROUTER
    runtime.check(config, container).expect()


def test_a_gateway_that_nothing_leads_to_is_named(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(ranged(SUBNET4, ROUTER, {"dst": "0.0.0.0/0"})), container)
    assert (refusal.code, container.links()) == (105, ["lo"])
    assert f"0.0.0.0/0 via {ROUTER}" in refusal.msg
    assert "in the subnet of an address or of a route without a next hop" in refusal.msg


TWICE: dict[str, tuple[Json, str]] = {
    "route": (ranged(SUBNET4, GATEWAY4, {"dst": "10.44.0.0/16"}, {"dst": "10.44.0.0/16"}), "this route"),
    "address": ({"type": "static", "addresses": [{"address": "10.9.0.7/24"}] * 2}, "this address"),
}


@pytest.mark.parametrize(("ipam", "named"), TWICE.values(), ids=TWICE.keys())
def test_what_is_there_twice_is_named(lan: Lan, runtime: Runtime, ipam: Json, named: str) -> None:
    refusal = runtime.add(runtime.config(ipam), lan.container())
    assert refusal.code == 105
    assert "File exists" in refusal.msg
    assert f"; {named} is in " in refusal.msg
    assert "gateway" not in refusal.msg


@pytest.mark.parametrize("drop", ["scope", "table"])
def test_a_runtime_that_drops_keys_of_a_route(lan: Lan, runtime: Runtime, drop: str) -> None:
    """Before cniVersion 1.1.0 a route is dst and gw alone, and prevResult may come back without the others."""
    route = {"dst": "224.0.0.0/4", "scope": 253} if drop == "scope" else {"dst": "10.44.0.0/16", "table": 101}
    container, config = lan.container(), runtime.config(ranged(SUBNET4, GATEWAY4, route))
    result = runtime.add(config, container).expect()
    del result["routes"][0][drop]
    runtime.check(config | {"prevResult": result}, container).expect()


OTHERS = {
    "on the link": ("route add 192.0.2.0/24 dev net1", {"dst": "192.0.2.0/24"}),
    "by another gateway": ("route add 192.0.2.0/24 via 10.9.0.9", {"dst": "192.0.2.0/24"}),
    "by 0.0.0.0": ("route add 192.0.2.0/24 dev net1", {"dst": "192.0.2.0/24", "gw": NO_HOP4}),
    "in another table": ("route add 192.0.2.0/24 dev net1 table 77", {"dst": "192.0.2.0/24"}),
}


@pytest.mark.parametrize(("made", "stated"), OTHERS.values(), ids=OTHERS.keys())
def test_another_plugins_route_is_not_sought_by_our_gateway(
    lan: Lan, runtime: Runtime, made: str, stated: Json
) -> None:
    container, config = lan.container(), runtime.config(ranged(SUBNET4, GATEWAY4, {"dst": "0.0.0.0/0"}))
    result = runtime.add(config, container).expect()
    container.batch(made)
    with_theirs = config | {"prevResult": {**result, "routes": [*result["routes"], stated]}}
    runtime.check(with_theirs, container).expect()
    container.batch("route flush 192.0.2.0/24 table all")
    assert runtime.check(with_theirs, container).code == 112


def test_our_route_by_another_gateway_is_found(lan: Lan, runtime: Runtime) -> None:
    container, config = lan.container(), runtime.config(ranged(SUBNET4, GATEWAY4, {"dst": "0.0.0.0/0"}))
    runtime.add(config, container).expect()
    container.batch("route replace default via 10.9.0.9")
    found = runtime.check(config, container)
    assert (found.code, f"0.0.0.0/0 via {GATEWAY4}" in found.msg) == (112, True)


DESTINATIONS = {
    4: ["0.0.0.0/0", "10.44.0.0/16", "10.44.7.0/24", "224.0.0.0/4", f"{ROUTER}/32", "203.0.113.0/24", SUBNET4],
    6: ["::/0", "fd44::/48", "fd44:0:0:7::/64", "ff05::/16", "2001:db8:1::1/128", "2001:db8:1::/64", SUBNET6],
}
NEXT_HOPS = {
    4: ["", NO_HOP4, "10.9.0.7", ROUTER, "10.44.7.7"],
    6: ["", "::", "fd00:9::7", "2001:db8:1::1", "fe80::1", "fd44::7"],
}
GATEWAYS = {4: ["", GATEWAY4, ROUTER, NO_HOP4], 6: ["", "fd00:9::1", "fe80::1", "2001:db8:1::1"]}


@st.composite
def route_sets(draw: st.DrawFn) -> Json:
    """A static ipam object of one or both families with a few routes that may need each other."""
    families = draw(st.sampled_from([(4,), (6,), (4, 6)]))
    addresses, routes = [], []
    for family in families:
        address = {4: ["10.9.0.40/24", "10.9.0.40/32"], 6: ["fd00:9::40/64", "fd00:9::40/128"]}[family]
        given_gateway = draw(st.sampled_from(GATEWAYS[family]))
        addresses.append(_present(address=draw(st.sampled_from(address)), gateway=given_gateway))
        routes += draw(st.lists(_route(family), max_size=4))
    return {"type": "static", "addresses": addresses, "routes": draw(st.permutations(routes))}


def _route(family: int) -> st.SearchStrategy[Json]:
    return st.builds(
        _present,
        dst=st.sampled_from(DESTINATIONS[family]),
        gw=st.sampled_from(NEXT_HOPS[family]),
        scope=st.sampled_from([None, None, None, 0, 200, 253]),
        priority=st.sampled_from([None, None, 7, 77]),
        table=st.sampled_from([None, None, None, 101]),
        mtu=st.sampled_from([None, None, 1400]),
    )


def _present(**values: Any) -> Json:  # noqa: ANN401 - whatever JSON takes
    return {key: value for key, value in values.items() if value not in (None, "")}


def test_check_passes_after_every_add(lan: Lan, runtime: Runtime) -> None:
    added = 0

    @settings(
        SAME_EVERYWHERE, max_examples=25, phases=[Phase.generate]
    )  # to shrink takes minutes; an example is short as it is
    @given(route_sets())
    def attach(ipam: Json) -> None:
        nonlocal added
        config, container = runtime.config(ipam), lan.container()
        answer = runtime.add(config, container)
        if answer.ok:
            added += 1
            assert answer.document.get("routes", []) == [dict(sorted(route.items())) for route in ipam["routes"]]
            checked = runtime.check(config, container)
            assert checked.ok, (checked.msg, kernel_state.routes(container))
            runtime.delete(config, container).expect()
        else:
            assert answer.code == 105, answer.msg
        assert container.links() == ["lo"]

    attach()
    assert added, "no ADD has passed"
