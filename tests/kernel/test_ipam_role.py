"""Called by other main plugins, our host-local and static answer and write what the reference's do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import kernel_state
from tests.kernel.outcome import Reply, same
from tests.lan import SUBNET4
from tests.reference import RELEASES, reference
from tests.runtime import ROLES, Runtime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Answer, Json

ATTACHMENT = {"CONTAINERID": "c1", "IFNAME": "eth0", "NETNS": "/some/where"}
POOL = {"type": "host-local", "subnet": "10.1.2.0/29"}
WIDE = {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "2001:db8:1::/64"}]]}
STATIC = {"type": "static", "addresses": [{"address": "10.1.2.5/24", "gateway": "10.1.2.1"}]}
RESOLV_CONF = """
nameserver 192.0.2.1
;nameserver 192.0.2.2
domain example.com
search example.net example.org
search example.gov
options one two
options three
"""


def asking(*ips: str) -> Json:
    return {"args": {"cni": {"ips": list(ips)}}}


# name → ipam, other keys, CNI_ARGS
CASES: dict[str, tuple[Json, Json, str]] = {
    "pool": (POOL, {}, ""),
    "two families": (WIDE, {}, ""),
    "two families of 0.2.0": (WIDE, {"cniVersion": "0.2.0"}, ""),
    "resolvConf": (POOL | {"resolvConf": "RESOLV_CONF"}, {}, ""),
    "IP of CNI_ARGS": (POOL, {}, "IP=10.1.2.5"),
    "IP of CNI_ARGS with its length": (POOL, {}, "IP=10.1.2.5/24"),
    "no IP in CNI_ARGS": (POOL, {}, "IP=zz"),
    "MAC in CNI_ARGS": (POOL, {}, "MAC=02:00:00:00:00:01"),
    "ips of all kinds": (WIDE, asking("10.1.2.9/24") | {"runtimeConfig": {"ips": ["2001:db8:1::9"]}}, ""),
    "ips that are none": (POOL, asking("nonsense"), ""),
    "range upside down": (POOL | {"rangeStart": "10.1.2.5", "rangeEnd": "10.1.2.3"}, {}, ""),
    "static": (STATIC, {}, ""),
    "static and CNI_ARGS": (STATIC, {}, "IP=10.1.3.6/24, 10.1.4.7/24;GATEWAY=10.1.4.1"),
    "static and runtimeConfig": (STATIC, asking("10.1.3.7/24") | {"RuntimeConfig": {"ips": ["10.1.3.8/24"]}}, ""),
    "static without length": (STATIC, asking("10.1.2.7"), ""),
}


class Side:
    """The reference's plugins or ours, with leases of their own."""

    def __init__(self, lan: Lan, plugins: dict[str, Path], directory: Path) -> None:
        self.runtime = Runtime(lan, plugins, directory)
        self.resolv_conf = directory / "resolv.conf"
        self.resolv_conf.write_text(RESOLV_CONF)

    def call(self, verb: str, ipam: Json, keys: Json, args: str) -> Answer:
        """Call the plugin of ``ipam.type`` as a bridge would."""
        own = {"dataDir": str(self.runtime.data_dir)} if ipam["type"] == "host-local" else {}
        config = {"cniVersion": "1.0.0", "name": "net", "type": "bridge", "ipam": ipam | own, **keys}
        text = json.dumps(config).replace("RESOLV_CONF", str(self.resolv_conf))
        return self.runtime.call(verb, text, plugin=ipam["type"], ARGS=args, **ATTACHMENT)

    def files(self) -> dict[str, str]:
        """What the directory of the leases holds."""
        return {path.name: path.read_text() for path in (self.runtime.data_dir / "net").glob("*")}


def result(answer: Answer) -> Any:  # noqa: ANN401 - any JSON
    """The result without an empty dns, which later releases leave out; or code and words."""
    if not answer.ok:
        return Reply(answer.code, answer.document["msg"])
    return {key: value for key, value in (answer.document or {}).items() if value != {}}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", CASES)
def test_same_as_the_reference(lan: Lan, tmp_path: Path, door: Path, name: str, release: str) -> None:
    ipam, keys, args = CASES[name]
    ours = Side(lan, dict.fromkeys(ROLES, door), tmp_path / "ours")
    theirs = Side(lan, {role: reference(release) / role for role in ROLES}, tmp_path / "theirs")
    for _ in ("first", "again"):
        mine, wanted = (side.call("ADD", ipam, keys, args) for side in (ours, theirs))
        assert same(result(mine), result(wanted)), (mine.stdout, wanted.stdout)
        if mine.ok:
            assert ours.files() == theirs.files()
    assert ours.call("DEL", ipam, keys, args).expect() is None


REQUESTS: dict[str, tuple[Json, Json, str, list[tuple[str, str]]]] = {
    "runtimeConfig": (STATIC, {"runtimeConfig": {"ips": ["10.1.2.8/24"]}}, "", [("10.1.2.8/24", "10.1.2.1")]),
    "args": (STATIC, asking("10.1.2.8/24"), "", [("10.1.2.8/24", "10.1.2.1")]),
    "CNI_ARGS": (STATIC, {}, "IP=10.1.2.8/24", [("10.1.2.5/24", "10.1.2.1"), ("10.1.2.8/24", "10.1.2.1")]),
    "a list": (
        STATIC, {}, "IP=10.1.2.8/24,10.1.3.8/24",
        [("10.1.2.5/24", "10.1.2.1"), ("10.1.2.8/24", "10.1.2.1"), ("10.1.3.8/24", "")],
    ),
    "gateway of CNI_ARGS": (
        STATIC, {"runtimeConfig": {"ips": ["10.1.4.8/24"]}}, "IP=10.1.4.7/24;GATEWAY=10.1.4.1",
        [("10.1.4.8/24", "10.1.4.1")],
    ),
    "gateway of elsewhere": (
        {"type": "static", "addresses": [{"address": "2001:db8:1::5/64", "gateway": "fe80::1"}]},
        asking("2001:db8:1::8/64"), "", [("2001:db8:1::8/64", "fe80::1")],
    ),
    "a list for ranges": (
        WIDE, {}, "IP=10.1.2.9/24,2001:db8:1::9/64",
        [("10.1.2.9/24", "10.1.2.1"), ("2001:db8:1::9/64", "2001:db8:1::1")],
    ),
    "IPv4 in IPv6 clothes": (
        STATIC, {}, "IP=::ffff:10.1.2.8/120", [("10.1.2.5/24", "10.1.2.1"), ("10.1.2.8/24", "10.1.2.1")],
    ),
    "IPv4 in IPv6 clothes for ranges": (POOL, asking("::ffff:10.1.2.4/24"), "", [("10.1.2.4/29", "10.1.2.1")]),
}  # fmt: skip


@pytest.mark.parametrize(("ipam", "keys", "args", "wanted"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_requested_address_has_its_networks_gateway(  # noqa: PLR0913, PLR0917 - the ways to ask
    lan: Lan, tmp_path: Path, door: Path, ipam: Json, keys: Json, args: str, wanted: list[tuple[str, str]]
) -> None:
    ours = Side(lan, dict.fromkeys(ROLES, door), tmp_path / "ours")
    found = ours.call("ADD", ipam, keys, args).expect()
    assert [(ip["address"], ip.get("gateway", "")) for ip in found["ips"]] == wanted


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("ipam_type", ["host-local", "static"])
def test_bridge_finds_its_addresses_and_misses_them(
    lan: Lan, tmp_path: Path, door: Path, ipam_type: str, release: str
) -> None:
    plugins = {"bridge": reference(release) / "bridge", "host-local": door, "static": door}
    runtime = Runtime(lan, plugins, tmp_path / "ours")
    own = {"dataDir": str(runtime.data_dir)} if ipam_type == "host-local" else {}
    ipam = (POOL if ipam_type == "host-local" else STATIC) | own
    config = runtime.config(ipam, type="bridge", bridge="br1", master=None)
    container = lan.container()
    result = runtime.add(config, container, plugin="bridge").expect()
    assert [ip["address"] for ip in result["ips"]] == kernel_state.cidrs(container)
    assert runtime.check(config, container, plugin="bridge").expect() is None
    without = result | {"ips": []}
    missed = runtime.call("CHECK", json.dumps(config | {"prevResult": without}), plugin=ipam_type, **ATTACHMENT)
    assert (missed.code, "Failed to find address" in missed.msg) == (112, True)
    assert runtime.delete(config, container, plugin="bridge").expect() is None
    assert container.links() == ["lo"]


@pytest.mark.parametrize("kind", ["host-local", "cni-macvlan-py"])
def test_another_plugin_of_a_chain_frees_nothing_of_a_living_interface(lan: Lan, runtime: Runtime, kind: str) -> None:
    """It is deleted first, and has its IPAM plugin free what the same container and interface name hold."""
    ipam = runtime.pool(SUBNET4) if kind == "host-local" else {"type": kind, "subnet": SUBNET4}
    container, other = lan.container(), lan.container()
    (address,) = runtime.add(runtime.config(ipam), container).addresses
    chained = runtime.config(runtime.pool(SUBNET4), type="bridge")
    runtime.delete(chained, container, plugin="host-local").expect()
    assert kernel_state.cidrs(container) == [address]
    for _ in range(2):
        assert address not in runtime.add(runtime.config(ipam), other).addresses
        runtime.delete(runtime.config(ipam), other).expect()
    wish = {"args": {"cni": {"ips": [address.split("/")[0]]}}}
    assert runtime.add(runtime.config(ipam) | wish, other).code == 108
    runtime.delete(runtime.config(ipam), container).expect()
    assert runtime.add(runtime.config(ipam) | wish, other).addresses == [address]
