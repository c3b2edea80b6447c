"""What goes to stdout, byte for byte in the form and the order of CNI's Go library, in every version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from netaddr import IPAddress, IPNetwork

from conf.errors import PoolExhausted
from conf.ipam_config import Dns, Route
from conf.result import Interface, Result, ResultIp
from conf.versions import FORMS, LATEST, SUPPORTED
from plugin.render import render_error, render_result, render_versions

WHOLE = Result(
    (Interface("net1", "02:00:00:00:00:01", "/run/netns/c1", 1400),),
    (
        ResultIp(IPNetwork("10.1.0.2/24"), IPAddress("10.1.0.1"), 0),
        ResultIp(IPNetwork("10.2.0.2/24"), None, 0),
        ResultIp(IPNetwork("fd00::2/64"), IPAddress("fd00::1"), 0),
    ),
    (
        Route(IPNetwork("0.0.0.0/0")),
        Route(IPNetwork("::/0"), IPAddress("fd00::1"), mtu=1300, table=0, scope=0),
    ),
    Dns(domain="lan"),
)


def rendered(result: Result, version: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(render_result(result, version))
    assert document.pop("cniVersion") == version
    return document


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_the_oldest_form_has_one_address_of_each_family(version: str) -> None:
    assert rendered(WHOLE, version) == {
        "ip4": {"ip": "10.1.0.2/24", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
        "ip6": {"ip": "fd00::2/64", "gateway": "fd00::1", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
        "dns": {"domain": "lan"},
    }
    assert rendered(Result(), version) == {"dns": {}}


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0"])
def test_until_1_0_an_address_says_its_family(version: str) -> None:
    assert [ip["version"] for ip in rendered(WHOLE, version)["ips"]] == ["4", "4", "6"]
    assert rendered(Result(), version) == {"dns": {}}


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_since_1_0_it_does_not_and_empty_objects_are_left_out(version: str) -> None:
    document = rendered(WHOLE, version)
    assert document["ips"] == [
        {"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"},
        {"interface": 0, "address": "10.2.0.2/24"},
        {"interface": 0, "address": "fd00::2/64", "gateway": "fd00::1"},
    ]
    assert document["routes"][1] == {"dst": "::/0", "gw": "fd00::1", "mtu": 1300, "table": 0, "scope": 0}
    assert rendered(Result(), version) == {}


@pytest.mark.parametrize("version", [version for version, form in FORMS.items() if form != "ip4-ip6"])
def test_the_mtu_of_an_interface_is_of_1_1(version: str) -> None:
    (interface,) = rendered(WHOLE, version)["interfaces"]
    assert interface.pop("mtu", None) == (1400 if version == "1.1.0" else None)
    assert interface == {"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"}


def test_bytes() -> None:
    result = Result((Interface("net1", sandbox="/run/netns/c1"),), (ResultIp(IPNetwork("10.1.0.2/24"), None, 0),))
    assert (
        render_result(result, "0.4.0").decode()
        == """{
    "cniVersion": "0.4.0",
    "interfaces": [
        {
            "name": "net1",
            "sandbox": "/run/netns/c1"
        }
    ],
    "ips": [
        {
            "version": "4",
            "interface": 0,
            "address": "10.1.0.2/24"
        }
    ],
    "dns": {}
}"""
    )


def test_what_others_wrote_about_an_interface_is_passed_on() -> None:
    interface = Interface("net1", others=(("socketPath", ""), ("pciID", "0000:00:1f.6")))
    (passed,) = rendered(Result((interface,)), "1.1.0")["interfaces"]
    assert passed == {"name": "net1", "socketPath": "", "pciID": "0000:00:1f.6"}


@pytest.mark.parametrize("version", [*SUPPORTED, "9.9.9", ""])
def test_errors_speak_the_callers_version_or_else_the_latest(version: str) -> None:
    document = json.loads(render_error(PoolExhausted("no address is left", "254 of 254 are leased"), version))
    assert document == {
        "cniVersion": version if version in SUPPORTED else LATEST,
        "code": 107,
        "msg": "no address is left",
        "details": "254 of 254 are leased",
    }
    assert "details" not in json.loads(render_error(PoolExhausted("no address is left", ""), version))


def test_versions() -> None:
    assert render_versions("0.4.0") == (
        b'{"cniVersion":"0.4.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n'
    )
