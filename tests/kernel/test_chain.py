"""Our plugin in a chain, as a runtime runs it: the reference ``tuning`` after us, and another plugin before us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import kernel_state
from tests import lan as test_lan
from tests.lan import GATEWAY4, SUBNET4, SUBNET6, Lan
from tests.reference import NEW, reference

if TYPE_CHECKING:
    from tests.namespaces import Namespace
    from tests.runtime import Answer, Json, Runtime

MAC = "02:00:00:00:0c:0d"


def tuned(runtime: Runtime, config: Json, **keys: Any) -> Json:  # noqa: ANN401 - whatever JSON takes
    """The configuration of tuning, after the network of the given one."""
    data_dir = str(runtime.directory / "tuning")
    return {key: config[key] for key in ("cniVersion", "name")} | {"type": "tuning", "dataDir": data_dir, **keys}


def chained(
    runtime: Runtime, verb: str, configs: list[Json], container: Namespace, result: Json | None
) -> list[Answer]:
    """Run a chain as libcni does: ADD hands each result on, CHECK and DEL bring the last one to all, DEL backwards."""
    answers = []
    for config in reversed(configs) if verb == "DEL" else configs:
        full = config | ({"prevResult": result} if result is not None else {})
        answers.append(runtime.attach(verb, full, container, plugin=config["type"]))
        if verb == "ADD":
            result = answers[-1].expect()
    return answers


TUNINGS: dict[str, Json] = {
    "mac": {"mac": MAC},
    "mtu": {"mtu": 1400},
    "sysctl": {"sysctl": {"net.ipv4.conf.net1.rp_filter": "2", "net.ipv4.conf.net1.arp_notify": "0"}},
    "promisc and allmulti": {"promisc": True, "allmulti": True},
}


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
@pytest.mark.parametrize("keys", TUNINGS.values(), ids=TUNINGS.keys())
def test_tuning_after_us(lan: Lan, runtime: Runtime, keys: Json, version: str) -> None:
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6, routes=[{"dst": "0.0.0.0/0"}]), cniVersion=version)
    chain = [config, tuned(runtime, config, **keys)]
    container = lan.container()
    last = chained(runtime, "ADD", chain, container, None)[-1].document
    assert tuning_shows(container, keys)
    for answer in chained(runtime, "CHECK", chain, container, last):
        assert (answer.msg, answer.stdout) == ("", "")
    assert test_lan.reachable({"gateway": (container, GATEWAY4)}) == {"gateway": True}
    for answer in chained(runtime, "DEL", chain, container, last):
        assert (answer.msg, answer.stdout) == ("", "")
    assert (container.links(), runtime.held()) == (["lo"], [])


def tuning_shows(container: Namespace, keys: Json) -> bool:
    link = kernel_state.link(container)
    shown = {
        "mac": link["address"],
        "mtu": link["mtu"],
        "promisc": link["promiscuity"] == 1,
        "allmulti": link["allmulti"] == 1,
        "sysctl": {"net.ipv4.conf.net1.rp_filter": "2", "net.ipv4.conf.net1.arp_notify": "0"}
        if container.sysctl("net/ipv4/conf/net1/rp_filter") == 2
        else {},
    }
    return all(shown[key] == value for key, value in keys.items())


@pytest.mark.parametrize("asked", [{}, {"runtimeConfig": {"ips": ["10.9.0.41/24"]}}], ids=["configured", "requested"])
def test_sbr_after_us_has_a_gateway_for_its_table(lan: Lan, runtime: Runtime, asked: Json) -> None:
    (runtime.cni_path / "sbr").symlink_to(reference(NEW) / "sbr")
    ipam = {"type": "static", "addresses": [{"address": "10.9.0.40/24", "gateway": GATEWAY4}]}
    ipam["routes"] = [{"dst": "10.44.0.0/16"}, {"dst": "224.0.0.0/4", "scope": 253}]
    config = runtime.config(ipam, **asked)
    chain = [config, {key: config[key] for key in ("cniVersion", "name")} | {"type": "sbr"}]
    container = lan.container()
    last = chained(runtime, "ADD", chain, container, None)[-1].document
    (default,) = (route for route in kernel_state.routes(container) if route["dst"] == "default")
    assert (default["gateway"], default["table"]) == (GATEWAY4, "100")
    for answer in chained(runtime, "CHECK", chain, container, last):
        assert (answer.msg, answer.stdout) == ("", "")


def test_del_of_the_chain_after_the_namespace_has_gone(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    chain = [config, tuned(runtime, config, mac=MAC)]
    container = lan.container()
    last = chained(runtime, "ADD", chain, container, None)[-1].document
    container.remove()
    assert chained(runtime, "DEL", chain, container, last)[-1].ok
    assert runtime.held() == []


EARLIER = ("link add eth0 type veth peer name veth9", "addr add 10.5.0.9/24 dev eth0", "link set veth9 up",
           "link set eth0 up", "route add 10.99.0.0/16 via 10.5.0.1")  # fmt: skip


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_the_previous_result_is_passed_on(lan: Lan, runtime: Runtime, version: str) -> None:
    """Another main plugin made eth0 before: its part of the result stays, and stays true."""
    container = lan.container()
    container.batch(*EARLIER)
    family = {"version": "4"} if version < "1" else {}
    before: Json = {
        "cniVersion": version,
        "interfaces": [
            {"name": "veth9", "mac": "02:00:00:00:00:09"},
            {"name": "eth0", "mac": test_lan.mac_of(container, "eth0"), "sandbox": str(container.path)},
        ],
        "ips": [{**family, "interface": 1, "address": "10.5.0.9/24"}],
        "routes": [{"dst": "10.99.0.0/16", "gw": "10.5.0.1"}],
        "dns": {"nameservers": ["10.5.0.53"]},
    }
    config = runtime.config(runtime.pool(SUBNET4, routes=[{"dst": "0.0.0.0/0"}]), cniVersion=version)
    result = runtime.add(config | {"prevResult": before}, container).expect()
    assert result["cniVersion"] == version
    assert result["interfaces"][:2] == before["interfaces"]
    assert result["interfaces"][2]["name"] == "net1"
    mine = {**family, "interface": 2, "address": "10.9.0.2/24", "gateway": GATEWAY4}
    assert result["ips"] == [*before["ips"], mine]
    assert result["routes"] == [*before["routes"], {"dst": "0.0.0.0/0"}]
    assert result["dns"]["nameservers"] == ["10.5.0.53"]
    assert kernel_state.cidrs(container) == ["10.9.0.2/24"]
    assert [entry["dst"] for entry in kernel_state.routes(container)] == ["10.9.0.0/24", "default"]
    if version > "0.4":
        checked = runtime.attach("CHECK", config | {"prevResult": result}, container)
        assert (checked.msg, checked.stdout) == ("", "")
    runtime.attach("DEL", config | {"prevResult": result}, container).expect()
    assert (container.links(), runtime.held()) == (["eth0", "lo", "veth9"], [])


def test_a_previous_result_in_the_old_form_is_passed_on(lan: Lan, runtime: Runtime) -> None:
    before = {"cniVersion": "0.2.0", "ip4": {"ip": "10.5.0.9/24", "gateway": "10.5.0.1"}, "dns": {}}
    config = runtime.config(runtime.pool(SUBNET6), cniVersion="0.2.0")
    result = runtime.add(config | {"prevResult": before}, lan.container()).expect()
    assert result["ip4"] == before["ip4"]
    assert result["ip6"]["ip"] == "fd00:9::2/64"


def test_a_broken_previous_result_is_refused(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4), prevResult={"ips": "nonsense"}), container)
    assert refusal.code in {6, 7}
    assert (container.links(), runtime.held()) == (["lo"], [])
