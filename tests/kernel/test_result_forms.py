"""The answer to ADD in each version of the specification: keys, their order, and the text's layout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import lan as test_lan
from tests.lan import GATEWAY4, GATEWAY6, Lan

if TYPE_CHECKING:
    from tests.runtime import Runtime

ADDRESS4, ADDRESS6 = "10.9.0.10/24", "fd00:9::10/64"
EXTRAS = {"mtu": 1400, "advmss": 1360, "priority": 50, "table": 101, "scope": 0}
IPAM = {
    "type": "static",
    "addresses": [{"address": ADDRESS4, "gateway": GATEWAY4}, {"address": ADDRESS6, "gateway": GATEWAY6}],
    "routes": [{"dst": "0.0.0.0/0", **EXTRAS}, {"dst": "::/0"}, {"dst": "10.44.0.0/16", "gw": "10.9.0.7"}],
}
DNS = {"nameservers": ["10.9.0.53"], "domain": "a.b", "search": ["a.b"], "options": ["ndots:1"]}
OLD, MIDDLE, NEW = ("0.1.0", "0.2.0"), ("0.3.0", "0.3.1", "0.4.0"), ("1.0.0", "1.1.0")


def interface(version: str, mac: str, sandbox: str) -> dict[str, Any]:
    mtu = {"mtu": 1500} if version == "1.1.0" else {}
    return {"name": "net1", "mac": mac, **mtu, "sandbox": sandbox}


def layer3_form(version: str, mac: str, sandbox: str, dns: dict[str, Any]) -> dict[str, Any]:
    plain = {"dst": "10.44.0.0/16", "gw": "10.9.0.7"}
    if version in OLD:
        return {
            "cniVersion": version,
            "ip4": {"ip": ADDRESS4, "gateway": GATEWAY4, "routes": [{"dst": "0.0.0.0/0"}, plain]},
            "ip6": {"ip": ADDRESS6, "gateway": GATEWAY6, "routes": [{"dst": "::/0"}]},
            "dns": dns,
        }
    ips = [{"address": ADDRESS4, "gateway": GATEWAY4}, {"address": ADDRESS6, "gateway": GATEWAY6}]
    if version in MIDDLE:
        return {
            "cniVersion": version,
            "interfaces": [interface(version, mac, sandbox)],
            "ips": [{"version": family, "interface": 0, **ip} for family, ip in zip("46", ips, strict=True)],
            "routes": [{"dst": "0.0.0.0/0", **EXTRAS}, {"dst": "::/0"}, plain],
            "dns": dns,
        }
    return {
        "cniVersion": version,
        **({"dns": ordered(dns)} if dns else {}),
        "interfaces": [ordered(interface(version, mac, sandbox))],
        "ips": [ordered({"interface": 0, **ip}) for ip in ips],
        "routes": [ordered({"dst": "0.0.0.0/0", **EXTRAS}), {"dst": "::/0"}, plain],
    }


def layer2_form(version: str, mac: str, sandbox: str) -> dict[str, Any]:
    if version in MIDDLE:
        return {"cniVersion": version, "interfaces": [interface(version, mac, sandbox)], "dns": {}}
    return {"cniVersion": version, "interfaces": [ordered(interface(version, mac, sandbox))]}


def ordered(values: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(values.items()))


@pytest.mark.parametrize("dns", [{}, DNS], ids=["no dns", "dns"])
@pytest.mark.parametrize("version", [*OLD, *MIDDLE, *NEW])
def test_layer3(lan: Lan, runtime: Runtime, version: str, dns: dict[str, Any]) -> None:
    container = lan.container()
    answer = runtime.add(runtime.config(IPAM, cniVersion=version, dns=dns or None), container)
    answer.expect()
    mac = test_lan.mac_of(container, "net1")
    assert answer.stdout == json.dumps(layer3_form(version, mac, str(container.path), dns), indent=4)


@pytest.mark.parametrize("version", [*MIDDLE, *NEW])
def test_layer2(lan: Lan, runtime: Runtime, version: str) -> None:
    container = lan.container()
    answer = runtime.add(runtime.config(cniVersion=version), container)
    answer.expect()
    mac = test_lan.mac_of(container, "net1")
    assert answer.stdout == json.dumps(layer2_form(version, mac, str(container.path)), indent=4)


@pytest.mark.parametrize("version", OLD)
def test_layer2_in_old_versions_is_a_result_without_addresses(lan: Lan, runtime: Runtime, version: str) -> None:
    container = lan.container()
    result = runtime.add(runtime.config(cniVersion=version), container).expect()
    assert result == {"cniVersion": version, "dns": {}}
    assert container.links() == ["lo", "net1"]


def test_no_version_is_the_oldest(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    result = runtime.add(runtime.config(IPAM, cniVersion=None), container).expect()
    assert result == layer3_form("0.1.0", "", "", {})


@pytest.mark.parametrize("version", OLD)
def test_two_addresses_of_a_family_have_no_form_in_old_versions(lan: Lan, runtime: Runtime, version: str) -> None:
    container = lan.container()
    refusal = runtime.add(runtime.config(runtime.pool("10.9.0.0/25", "10.9.0.128/25"), cniVersion=version), container)
    assert "does not support more than 1 address per family" in refusal.msg
    assert (container.links(), runtime.held()) == (["lo"], [])


@pytest.mark.parametrize("version", [*OLD, *MIDDLE, *NEW])
def test_error(lan: Lan, runtime: Runtime, version: str) -> None:
    answer = runtime.add(runtime.config(cniVersion=version, master="none0"), lan.container())
    assert answer.status == 1
    assert answer.document["cniVersion"] == version
    assert set(answer.document) <= {"cniVersion", "code", "msg", "details"}
    assert answer.stdout == json.dumps(answer.document, indent=4)
