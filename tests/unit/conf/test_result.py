"""Results of every version's form are read as one value, and what is written of it is read as the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from conf.errors import InvalidNetworkConfig
from conf.ipam_config import Dns, Route
from conf.result import Interface, Result, ResultIp, read_result
from conf.versions import FORMS
from plugin.render import render_result
from tests.examples import SAME_EVERYWHERE

NEW: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "net1",
            "mac": "02:00:00:00:00:01",
            "mtu": 1400,
            "sandbox": "/run/netns/c1",
            "socketPath": "/x",
            "pciID": "",
        }
    ],
    "ips": [
        {"interface": 0, "address": "10.1.0.2/24", "gateway": "10.1.0.1"},
        {"address": "fd00::2/64", "version": "6"},
    ],
    "routes": [
        {"dst": "0.0.0.0/0", "gw": "10.1.0.1", "mtu": 1300, "advmss": 1260, "priority": 5, "table": 7, "scope": 0}
    ],
    "dns": {"nameservers": ["10.1.0.1"], "domain": "lan", "search": ["a", "b"], "options": ["ndots:2"]},
}
OLD = {
    "ip4": {"ip": "10.1.0.2/24", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
    "dns": {"domain": "lan"},
}


def test_all_that_a_result_has() -> None:
    result = read_result(NEW, "0.4.0", "prevResult")
    assert result.interfaces == (
        Interface("net1", "02:00:00:00:00:01", "/run/netns/c1", 1400, (("socketPath", "/x"), ("pciID", ""))),
    )
    assert result.ips == (
        ResultIp(IPNetwork("10.1.0.2/24"), IPAddress("10.1.0.1"), 0),
        ResultIp(IPNetwork("fd00::2/64")),
    )
    (route,) = result.routes
    assert route == Route(IPNetwork("0.0.0.0/0"), IPAddress("10.1.0.1"), 1300, 1260, 5, 7, 0)
    assert result.dns == Dns(("10.1.0.1",), "lan", ("a", "b"), ("ndots:2",))


@pytest.mark.parametrize("stated", [{"cniVersion": "0.2.0"}, {"CNIVersion": "0.1.0"}, {}])
def test_the_oldest_form(stated: dict[str, str]) -> None:
    result = read_result(OLD | stated, "0.2.0", "the answer")
    assert [str(ip.address) for ip in result.ips] == ["10.1.0.2/24", "fd00::2/64"]
    assert [str(ip.gateway) for ip in result.ips] == ["10.1.0.1", "None"]
    assert [(str(route.dst), str(route.gw)) for route in result.routes] == [("0.0.0.0/0", "None"), ("::/0", "fd00::1")]
    assert (result.interfaces, result.dns) == ((), Dns(domain="lan"))


def test_keys_in_any_case_and_null_as_absent() -> None:
    values = {"IPs": [{"Address": "10.1.0.2/24", "gateway": None, "interface": None}], "interfaces": None, "DNS": None}
    assert read_result(values, "1.0.0", "prevResult") == Result(ips=(ResultIp(IPNetwork("10.1.0.2/24")),))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ips": {}}, '"ips" is not a list'),
        ({"ips": ["10.1.0.2/24"]}, "which is not an object"),
        ({"ips": [{}]}, "invalid CIDR address"),
        ({"ips": [{"address": "10.1.0.2"}]}, "invalid CIDR address: 10.1.0.2"),
        ({"ips": [{"address": "10.1.0.2/24", "gateway": "fd00::1"}]}, "a gateway of the other family"),
        ({"ips": [{"address": "10.1.0.2/24", "interface": "0"}]}, "not a number of 32 bits"),
        ({"ips": [{"address": "10.1.0.2/24", "interface": True}]}, "not a number of 32 bits"),
        ({"routes": [{"dst": "0.0.0.0/0", "mtu": 1 << 32}]}, "not a number of 32 bits"),
        ({"routes": [{"dst": "0.0.0.0/0", "scope": 256}]}, "not a number of 8 bits"),
        ({"routes": [{"dst": "0.0.0.0/0", "scope": 255}]}, "scope 255, which no route has"),
        ({"routes": [{"gw": "10.1.0.1"}]}, "invalid CIDR address"),
        ({"interfaces": [{"name": 7}]}, "which is not a string"),
        ({"dns": []}, "which is not an object"),
        ({"dns": {"search": "lan"}}, '"dns.search" is not a list of strings'),
        ({"cniVersion": "2.0.0"}, "its \"cniVersion\" is '2.0.0'"),
        ({"cniVersion": 1}, 'its "cniVersion" is 1'),
    ],
)
def test_what_cannot_be_read_is_named(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidNetworkConfig) as caught:
        read_result(values, "1.0.0", "prevResult")
    assert caught.value.code == 7
    assert "could not parse prevResult" in caught.value.msg
    assert said in caught.value.msg


def networks(version: int) -> st.SearchStrategy[IPNetwork]:
    bits = 32 if version == 4 else 128
    return st.builds(
        lambda value, length: IPNetwork((value, length), version=version),
        st.integers(0 if version == 4 else 1 << 64, 2**bits - 1),
        st.integers(0, bits),
    )


def in_family(version: int) -> st.SearchStrategy[Any]:
    gateways = st.none() | networks(version).map(lambda network: network.ip)
    ips = st.builds(ResultIp, networks(version), gateways, st.just(0))
    numbers = st.none() | st.integers(1, 2**31)
    routes = st.builds(Route, networks(version), gateways, numbers, numbers, numbers, numbers, st.none() | st.just(253))
    return ips | routes


WORDS = st.text("abcdef.", min_size=1, max_size=9)


@SAME_EVERYWHERE
@given(
    st.lists(in_family(4) | in_family(6), max_size=6),
    st.builds(Dns, st.tuples(WORDS), WORDS, st.tuples(WORDS, WORDS), st.just(())),
    st.sampled_from([version for version, form in FORMS.items() if form != "ip4-ip6"]),
)
def test_what_is_written_is_read_as_the_same(found: list[Any], dns: Dns, version: str) -> None:
    result = Result(
        interfaces=(Interface("net1", "02:00:00:00:00:01", "/run/netns/c1", others=(("pciID", "x"),)),),
        ips=tuple(each for each in found if isinstance(each, ResultIp)),
        routes=tuple(each for each in found if isinstance(each, Route)),
        dns=dns,
    )
    assert read_result(json.loads(render_result(result, version)), "0.1.0", "prevResult") == result
