"""The macvlan modes do on the wire what their names promise: real pings on a LAN of namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import kernel_state
from tests import lan as test_lan
from tests.agent.process import until
from tests.lan import GATEWAY4, GATEWAY6, NODE4, SECOND4, SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from tests.runtime import Json, Runtime

NOT_CODED = (0, 999)

# (mode, hairpin of the switch port): who answers besides a host elsewhere on the LAN
TOPOLOGY = {
    ("bridge", "off"): {"sibling"},
    ("bridge", "on"): {"sibling", "parent"},
    ("vepa", "off"): set(),
    ("vepa", "on"): {"sibling", "parent"},
    ("private", "off"): set(),
    ("private", "on"): set(),
}


@pytest.mark.parametrize(("mode", "hairpin"), TOPOLOGY)
def test_who_reaches_whom(lan: Lan, runtime: Runtime, mode: str, hairpin: str) -> None:
    """A sibling is another child of the same master; the parent is the master's own address."""
    lan.hairpin(on=hairpin == "on")
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6), mode=mode)
    first, second = lan.container(), lan.container()
    runtime.add(config, first).expect()
    four, six = (address.split("/")[0] for address in runtime.add(config, second).addresses)
    targets = {"other": GATEWAY4, "other, IPv6": GATEWAY6, "sibling": four, "sibling, IPv6": six, "parent": NODE4}
    answering = TOPOLOGY[mode, hairpin] | {"other"}
    expected = {label: label.removesuffix(", IPv6") in answering for label in targets}
    silent = [label for label in targets if not expected[label]]
    assert test_lan.reachable({label: (first, address) for label, address in targets.items()}, silent) == expected
    assert kernel_state.mode_of(first) == mode


def test_no_mode_is_bridge(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    runtime.add(runtime.config(mode=""), container).expect()
    assert kernel_state.mode_of(container) == "bridge"


def test_passthru_takes_the_whole_master(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4), mode="passthru")
    first, second = lan.container(), lan.container()
    result = runtime.add(config, first).expect()
    mac = test_lan.mac_of(lan.node, "eth0")
    assert test_lan.mac_of(first, "net1") == mac
    assert result["interfaces"][0]["mac"] == mac
    assert test_lan.reachable({"other": (first, GATEWAY4)}) == {"other": True}
    refusals = {mode: runtime.add(config | {"mode": mode}, second) for mode in ("passthru", "bridge")}
    for mode, refusal in refusals.items():
        assert refusal.code not in NOT_CODED, mode
        assert "eth0" in refusal.msg, mode
    assert second.links() == ["lo"]
    assert len(runtime.held()) == 1
    assert test_lan.reachable({"other": (first, GATEWAY4)}) == {"other": True}
    runtime.check(config, first).expect()


def test_passthru_after_another_child_is_refused(lan: Lan, runtime: Runtime) -> None:
    first, second = lan.container(), lan.container()
    runtime.add(runtime.config(runtime.pool(SUBNET4)), first).expect()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), mode="passthru"), second)
    assert refusal.code not in NOT_CODED
    assert "passthru" in refusal.msg
    assert second.links() == ["lo"]


@pytest.mark.parametrize(("keys", "count"), [({}, 1), ({"promisc": True}, 1), ({"promisc": False}, 0)])
def test_passthru_promiscuity_of_the_master(lan: Lan, runtime: Runtime, keys: Json, count: int) -> None:
    before = promiscuity(lan)
    container = lan.container()
    config = runtime.config(runtime.pool(SUBNET4), mode="passthru", **keys)
    runtime.add(config, container).expect()
    assert promiscuity(lan) - before == count
    runtime.check(config, container).expect()
    runtime.delete(config, container).expect()
    assert promiscuity(lan) == before


PORT_MAC = "02:00:00:00:0b:0e"
WISHES = {
    "mac": ({"mac": PORT_MAC}, ""),
    "runtimeConfig": ({"runtimeConfig": {"mac": PORT_MAC}}, ""),
    "CNI_ARGS": ({}, f"IgnoreUnknown=1;MAC={PORT_MAC}"),
}


@pytest.mark.parametrize("end", ["DEL", "the namespace goes"])
@pytest.mark.parametrize(("keys", "args"), WISHES.values(), ids=WISHES.keys())
def test_a_mac_in_passthru_is_the_masters_for_a_while(
    lan: Lan, runtime: Runtime, keys: Json, args: str, end: str
) -> None:
    own, container = test_lan.mac_of(lan.node, "eth0"), lan.container()
    config = runtime.config(runtime.pool(SUBNET4), mode="passthru", **keys)
    result = runtime.add(config, container, args=args).expect()
    told = result["interfaces"][0]["mac"]
    assert (told, test_lan.mac_of(container, "net1"), test_lan.mac_of(lan.node, "eth0")) == (
        PORT_MAC,
        PORT_MAC,
        PORT_MAC,
    )
    assert test_lan.reachable({"gateway": (container, GATEWAY4)}) == {"gateway": True}
    runtime.check(config, container, args=args).expect()
    if end == "DEL":
        runtime.delete(config, container, args=args).expect()
    else:
        container.remove()
    until(lambda: test_lan.mac_of(lan.node, "eth0") == own, "the master has its own MAC again")


def test_an_add_that_fails_leaves_the_master_its_mac(lan: Lan, runtime: Runtime) -> None:
    own, container = test_lan.mac_of(lan.node, "eth0"), lan.container()
    ipam = runtime.pool(SUBNET4, routes=[{"dst": "0.0.0.0/0", "gw": "172.31.0.1"}])
    assert runtime.add(runtime.config(ipam, mode="passthru", mac=PORT_MAC), container).code == 105
    assert (test_lan.mac_of(lan.node, "eth0"), container.links()) == (own, ["lo"])


def test_promisc_without_passthru_is_refused(lan: Lan, runtime: Runtime) -> None:
    refusal = runtime.add(runtime.config(promisc=False), lan.container())
    assert refusal.code == 7
    assert "promisc" in refusal.msg


def test_source_mode_hears_listed_senders_only(lan: Lan, runtime: Runtime) -> None:
    stranger = lan.neighbour(SECOND4)
    listed = test_lan.mac_of(lan.peer, "eth0")
    config = runtime.config(runtime.pool(SUBNET4), mode="source", sourceMacs=[listed.upper()])
    container = lan.container()
    (address,) = runtime.add(config, container).addresses
    address = address.split("/")[0]
    targets = {
        "listed": (container, GATEWAY4),
        "from listed": (lan.peer, address),
        "stranger": (container, SECOND4),
        "from stranger": (stranger, address),
    }
    seen = test_lan.reachable(targets, silent=("stranger", "from stranger"))
    assert seen == {"listed": True, "from listed": True, "stranger": False, "from stranger": False}
    runtime.check(config, container).expect()
    data = kernel_state.link(container)["linkinfo"]["info_data"]
    assert data["mode"] == "source"
    assert data["macaddr_data"] == [listed]


def test_source_macs_without_source_mode_are_refused(lan: Lan, runtime: Runtime) -> None:
    refusal = runtime.add(runtime.config(sourceMacs=["02:00:00:00:00:01"]), lan.container())
    assert refusal.code == 7
    assert "sourceMacs" in refusal.msg


@pytest.mark.parametrize("length", [1, 3000])
def test_bcqueuelen(lan: Lan, runtime: Runtime, length: int) -> None:
    container = lan.container()
    config = runtime.config(bcqueuelen=length)
    runtime.add(config, container).expect()
    assert kernel_state.link(container)["linkinfo"]["info_data"]["bcqueuelen"] == length
    runtime.check(config, container).expect()


@pytest.mark.parametrize("cutoff", [-1, 0, 5])
def test_bccutoff(lan: Lan, runtime: Runtime, cutoff: int) -> None:
    container = lan.container()
    runtime.add(runtime.config(bccutoff=cutoff), container).expect()
    assert kernel_state.broadcast_cutoff(container) == cutoff


def test_mtu(lan: Lan, runtime: Runtime) -> None:
    own, inherited = lan.container(), lan.container()
    runtime.add(runtime.config(mtu=1400), own).expect()
    runtime.add(runtime.config(mtu=0), inherited).expect()
    assert kernel_state.link(own)["mtu"] == 1400
    assert kernel_state.link(inherited)["mtu"] == 1500
    lan.node.batch("link set eth0 mtu 1300")
    assert kernel_state.link(own)["mtu"] == 1300


@pytest.mark.parametrize(
    ("mtu", "said"), [(1501, "1500"), (65536, "1500"), *((mtu, "68 or more") for mtu in (-1, 1, 67, 2**31))]
)
def test_mtu_that_the_child_cannot_have_is_refused(lan: Lan, runtime: Runtime, mtu: int, said: str) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), mtu=mtu), container)
    assert refusal.code not in NOT_CODED
    assert str(mtu) in refusal.msg
    assert said in refusal.msg
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_an_mtu_without_ipv6_is_refused_where_ipv6_is_wanted(lan: Lan, runtime: Runtime) -> None:
    """The kernel has none below 1280 bytes (RFC 8200); what only the master tells is the kernel's to refuse."""
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4, SUBNET6), mtu=1279), container)
    assert (refusal.code, '"mtu" is 1279, and IPv6 needs 1280' in refusal.msg) == (7, True)
    lan.node.batch("link set eth0 mtu 1279")
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4, SUBNET6)), container)
    assert (refusal.code, "its MTU is 1279, and IPv6 needs 1280: raise that of the master" in refusal.msg) == (
        105,
        True,
    )
    assert (container.links(), runtime.held()) == (["lo"], [])
    runtime.add(runtime.config(runtime.pool(SUBNET4)), container).expect()


MAC = "02:00:00:00:0a:0b"
MAC_FORMS = {"colons": MAC, "upper case": MAC.upper(), "dashes": MAC.replace(":", "-"), "dots": "0200.0000.0a0b"}


@pytest.mark.parametrize("form", MAC_FORMS.values(), ids=MAC_FORMS.keys())
def test_mac(lan: Lan, runtime: Runtime, form: str) -> None:
    container = lan.container()
    config = runtime.config(mac=form)
    result = runtime.add(config, container).expect()
    assert test_lan.mac_of(container, "net1") == MAC
    assert result["interfaces"] == [{"mac": MAC, "name": "net1", "sandbox": str(container.path)}]
    runtime.check(config, container).expect()


LOW, MIDDLE, HIGH = (f"02:00:00:00:00:0{digit}" for digit in "123")


@pytest.mark.parametrize(
    ("keys", "args", "chosen"),
    [
        ({"mac": LOW}, "", LOW),
        ({"mac": LOW}, f"MAC={MIDDLE}", MIDDLE),
        ({"mac": LOW, "runtimeConfig": {"mac": HIGH}}, f"MAC={MIDDLE}", HIGH),
        ({"mac": LOW, "args": {"cni": {"mac": HIGH}}}, "", LOW),
    ],
    ids=["config", "CNI_ARGS", "runtimeConfig", "args.cni is not read"],
)
def test_mac_precedence(lan: Lan, runtime: Runtime, keys: Json, args: str, chosen: str) -> None:
    container = lan.container()
    runtime.add(runtime.config(**keys), container, args=args).expect()
    assert test_lan.mac_of(container, "net1") == chosen


@pytest.mark.parametrize("mac", ["zz:zz", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00:00:00:01"])
def test_unusable_mac_is_refused(lan: Lan, runtime: Runtime, mac: str) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), mac=mac), container)
    assert refusal.code not in NOT_CODED
    assert mac in refusal.msg
    assert (container.links(), runtime.held()) == (["lo"], [])


def promiscuity(lan: Lan) -> int:
    (shown,) = lan.node.ip("link", "show", "dev", "eth0")
    return int(shown["promiscuity"])
