"""One plugin's configuration is judged to its end: each mistake once, at its place, with the code of an ADD."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conf.errors import InvalidNetworkConfig, PoolExhausted
from console.configs.networks import Network, read_json
from console.lint.finding import ERROR, WARNING, Finding, words
from console.lint.judge import Verdict, judge
from console.lint.overlaps import doubled, overlaps

RANGES = [[{"subnet": "10.9.0.0/24"}]]
IPAM = {"type": "cni-macvlan-py", "ranges": RANGES}
GOOD: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "name": "lan",
    "type": "cni-macvlan-py",
    "master": "eth0",
    "ipam": IPAM,
}


def network(values: dict[str, Any], file: str = "/etc/cni/net.d/lan.conf") -> Network:
    """As it is read from a file with a line for each value."""
    return read_json(file, json.dumps(values, indent=1))


def judged(values: dict[str, Any], *, file: str = "/etc/cni/net.d/lan.conf", is_main: bool = True) -> Verdict:
    (plugin,) = network(values, file).plugins()
    return judge(plugin, is_main=is_main)


def test_what_is_right_has_a_meaning_and_no_findings() -> None:
    verdict = judged(GOOD)
    assert verdict.findings == ()
    assert verdict.valid is not None
    assert verdict.valid.request.link.master == "eth0"


def test_one_mistake_hides_no_other() -> None:
    verdict = judged(
        GOOD | {"mode": "ipvlan", "mtu": "big", "mastr": "eth1", "ipam": {**IPAM, "routes": [{"dst": "10"}]}}
    )
    found = {each.key: each for each in verdict.findings}
    assert {key: (each.severity, each.cni_code) for key, each in found.items()} == {
        "mode": (ERROR, 7),
        "mtu": (ERROR, 7),
        "ipam.routes[0].dst": (ERROR, 7),
        "mastr": (WARNING, None),
    }
    assert len(verdict.findings) == 4
    assert verdict.valid is None
    assert verdict.meaning is not None, "what is left of it is understood"


def test_lines_are_those_of_the_values() -> None:
    (found,) = judged(GOOD | {"mode": "ipvlan"}).findings
    lines = json.dumps(GOOD | {"mode": "ipvlan"}, indent=1).splitlines()
    assert '"mode"' in lines[found.line - 1]
    assert str(found).startswith(f"/etc/cni/net.d/lan.conf:{found.line}: error: mode: ")
    assert str(found).endswith(" [code 7]")


@pytest.mark.parametrize(
    ("values", "key", "said"),
    [
        ({"prevResult": {}}, "prevResult", "filled in by the runtime"),
        ({"capabilities": {"portMappings": True}}, "capabilities", 'capability "portMappings" is not served'),
        ({"cniVersion": "1.0.0", "disableGC": True}, "disableGC", 'from "cniVersion" 1.1.0 on, this is 1.0.0'),
        ({"ipam": {**IPAM, "subnets": "10.9.0.0/24"}}, "ipam.subnets", 'did you mean "subnet"?'),
    ],
)
def test_what_an_add_only_ignores(values: dict[str, Any], key: str, said: str) -> None:
    (found,) = judged(GOOD | values).findings
    assert (found.key, found.severity, found.cni_code) == (key, WARNING, None)
    assert said in found.message


def test_of_others_nothing_is_said_unless_they_have_our_addresses() -> None:
    assert (
        judged(GOOD | {"type": "bridge", "mode": "ipvlan", "ipam": {"type": "host-local"}}, is_main=False).findings
        == ()
    )
    (found,) = judged(GOOD | {"type": "bridge", "ipam": {**IPAM, "routes": "none"}}, is_main=False).findings
    assert found.key == "ipam.routes"


@pytest.mark.parametrize("type_", ["macvlan", "bridge"])
@pytest.mark.parametrize(
    ("ipam", "keys"),
    [
        ({"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.7/24"}]]}, ["ipam.ranges[0][0].subnet"]),
        ({"type": "cni-macvlan-py"}, ["ipam.ranges"]),
        (
            {"type": "cni-macvlan-py", "subnet": "10.9.0.7/24", "routes": [{"dst": "10"}]},
            ["ipam.routes[0].dst", "ipam.subnet"],
        ),
        (
            {"type": "cni-macvlan-py", "ranges": [[{"subnet": "10.9.0.7/24", "gateway": 7}]]},
            ["ipam.ranges[0][0].gateway"],
        ),
    ],
    ids=["host bits", "no ranges", "routes and host bits", "gateway of no family"],
)
def test_a_mistake_in_its_addresses_leaves_no_plugin_without_ipam(
    type_: str, ipam: dict[str, Any], keys: list[str]
) -> None:
    found = judged(GOOD | {"type": type_, "ipam": ipam}, is_main=type_ == "macvlan").findings
    assert sorted(each.key for each in found) == keys


def clashes(*configs: dict[str, Any]) -> list[Finding]:
    verdicts = [judged(values, file=f"{number}.conf") for number, values in enumerate(configs)]
    meanings = [verdict.valid for verdict in verdicts if verdict.valid]
    assert len(meanings) == len(configs)
    return list(overlaps(meanings, lambda link: link.master))


def ranged(**changed: str) -> dict[str, Any]:
    return {**IPAM, "ranges": [[{"subnet": "10.9.0.0/24"} | changed]]}


@pytest.mark.parametrize(
    ("other", "number"),
    [
        ({"name": "other"}, 1),
        ({"name": "lan"}, 0),
        ({"name": "other", "master": "eth1"}, 0),
        ({"name": "other", "ipam": ranged(rangeStart="10.9.0.200")}, 1),
        ({"name": "other", "ipam": {"type": "static", "addresses": [{"address": "10.9.0.7/24"}]}}, 1),
        ({"name": "other", "ipam": {"type": "static", "addresses": [{"address": "10.9.0.1/24"}]}}, 0),
        ({"name": "other", "ipam": {**IPAM, "ranges": [[{"subnet": "fd00::/64"}]]}}, 0),
    ],
    ids=["same", "one network", "another wire", "a part", "a fixed one", "the gateway's", "another family"],
)
def test_addresses_that_two_networks_would_give(other: dict[str, Any], number: int) -> None:
    found = clashes(GOOD, GOOD | other)
    assert len(found) == number
    assert all(each.file == "1.conf" and '"lan" in 0.conf' in each.message for each in found)


def test_halves_of_a_subnet_do_not_meet() -> None:
    lower, upper = ranged(rangeEnd="10.9.0.99"), ranged(rangeStart="10.9.0.100")
    assert clashes(GOOD | {"ipam": lower}, GOOD | {"name": "other", "ipam": upper}) == []
    touching = ranged(rangeStart="10.9.0.99")
    assert len(clashes(GOOD | {"ipam": lower}, GOOD | {"name": "other", "ipam": touching})) == 1


def test_a_name_is_of_one_file() -> None:
    networks = [network(GOOD, "0.conf"), network(GOOD | {"name": "other"}, "1.conf"), network(GOOD, "2.conf")]
    (found,) = doubled(networks)
    assert (found.file, found.key) == ("2.conf", "name")
    assert "is also in 0.conf" in found.message


def test_a_findings_words_have_their_cure_behind_a_semicolon() -> None:
    assert words(PoolExhausted("no address is left", "widen the range")) == "no address is left; widen the range"
    assert words(InvalidNetworkConfig("wrong; write another", "details")) == "wrong; write another"
    assert words(InvalidNetworkConfig("wrong", "")) == "wrong"
    found = Finding("lan.conf", 0, "", ERROR, None, "no file; write one")
    assert str(found) == "lan.conf: error: no file; write one"
    assert found.as_json()["code"] is None
