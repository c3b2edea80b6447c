"""Which gateways are doubtful, and which are used."""

from __future__ import annotations

import json

import pytest

from console.configs.networks import read_json
from console.doctor.gateways import hops
from console.lint.gateways import outside
from console.lint.judge import Verdict, judge

V4, V6 = "10.9.0.0/24", "fd00:9::/64"
NO_HOP = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def verdict(ipam: dict[str, object]) -> Verdict:
    """What is made of such an ``ipam`` object."""
    network = {"cniVersion": "1.0.0", "name": "lan", "type": "cni-macvlan-py", "master": "eth0"}
    (plugin,) = read_json("lan.conf", json.dumps(network | {"ipam": {"type": "cni-macvlan-py"} | ipam})).plugins()
    judged = judge(plugin, is_main=True)
    assert judged.meaning is not None
    assert judged.findings == ()
    return judged


@pytest.mark.parametrize(("subnet", "gateway"), [(V6, "fe80::1"), (V4, "10.8.0.1")])
def test_a_ranges_gateway_outside_of_its_subnet(subnet: str, gateway: str) -> None:
    (found,) = outside(verdict({"subnet": subnet, "gateway": gateway}))
    assert (found.severity, found.key) == ("warning", "ipam.gateway")
    assert f"gateway {gateway} is outside of {subnet}" in found.message


@pytest.mark.parametrize(
    ("ipam", "key"),
    [
        ({"subnet": V4, "routes": [{"dst": "0.0.0.0/0", "gw": "10.8.0.1"}]}, "ipam.routes[0].gw"),
        (
            {"type": "static", "addresses": [{"address": "10.9.0.5/24", "gateway": "10.8.0.1"}]},
            "ipam.addresses[0].gateway",
        ),
    ],
)
def test_a_next_hop_that_the_kernel_does_not_find(ipam: dict[str, object], key: str) -> None:
    (found,) = outside(verdict(ipam))
    assert (found.severity, found.key) == ("warning", key)
    assert "10.8.0.1 is in none of the network's subnets" in found.message


def test_a_next_hop_that_is_sought_in_too_narrow_a_scope() -> None:
    (found,) = outside(verdict({"subnet": V4, "routes": [{"dst": "10.8.0.0/24", "gw": "10.9.0.7", "scope": 253}]}))
    assert (found.severity, found.key) == ("warning", "ipam.routes[0].scope")
    assert "the kernel does not find 10.9.0.7" in found.message


@pytest.mark.parametrize(
    "ipam",
    [
        {"subnet": V4, "gateway": "10.9.0.9"},
        {"subnet": V4, "routes": [{"dst": "10.8.0.0/24", "gw": NO_HOP, "scope": 253}]},
        {"subnet": V4, "routes": [{"dst": "10.8.0.0/24", "gw": "10.9.0.7", "scope": 252}]},
        {"subnet": V6, "routes": [{"dst": "fd44::/48", "gw": "fd00:9::7", "scope": 253}]},
        {"subnet": V6, "routes": [{"dst": "::/0", "gw": "fe80::1"}]},
        {"subnet": V4, "gateway": "none", "routes": [{"dst": "10.8.0.0/24"}, {"dst": "0.0.0.0/0", "gw": "10.8.0.1"}]},
        {"subnet": V4, "routes": [{"dst": "224.0.0.0/4", "gw": NO_HOP}]},
    ],
)
def test_what_the_kernel_finds(ipam: dict[str, object]) -> None:
    assert list(outside(verdict(ipam))) == []


@pytest.mark.parametrize(
    ("ipam", "expected"),
    [
        ({"subnet": V4}, []),
        ({"subnet": V4, "gateway": "10.9.0.9"}, ["10.9.0.9"]),
        ({"subnet": V4, "routes": [{"dst": "0.0.0.0/0"}]}, ["10.9.0.1"]),
        ({"subnet": V4, "routes": [{"dst": "::/0"}]}, []),
        ({"subnet": V4, "routes": [{"dst": "0.0.0.0/0", "gw": "10.9.0.7"}]}, ["10.9.0.7"]),
        ({"subnet": V4, "gateway": "none", "routes": [{"dst": "0.0.0.0/0"}]}, []),
        ({"type": "static", "addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.6"}]}, ["10.9.0.6"]),
        ({"subnet": V4, "routes": [{"dst": "224.0.0.0/4", "scope": 253}]}, []),
        ({"subnet": V4, "routes": [{"dst": "224.0.0.0/4", "gw": NO_HOP}]}, []),
        ({"type": "dhcp"}, []),
    ],
)
def test_the_gateways_that_containers_use(ipam: dict[str, object], expected: list[str]) -> None:
    meaning = verdict(ipam).meaning
    assert meaning is not None
    assert [str(each) for each in hops(meaning)] == expected
