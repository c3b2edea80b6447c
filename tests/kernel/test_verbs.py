"""ADD and DEL, VERSION, and what all verbs owe the runtime: the cycle of an attachment, repeated, broken, retried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import kernel_state
from tests import lan as test_lan
from tests.lan import GATEWAY4, GATEWAY6, SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from tests.runtime import Answer, Runtime

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
ONE_ADDRESS = {"subnet": SUBNET4, "rangeStart": "10.9.0.20", "rangeEnd": "10.9.0.20"}


@pytest.mark.parametrize("version", VERSIONS)
def test_cycle(lan: Lan, runtime: Runtime, version: str) -> None:
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6), cniVersion=version)
    container = lan.container()
    runtime.add(config, container).expect()
    assert len(runtime.held()) == 2
    assert test_lan.reachable({"4": (container, GATEWAY4), "6": (container, GATEWAY6)}) == {"4": True, "6": True}
    verbs = {"CHECK": "0.4.0", "STATUS": "1.1.0", "GC": "1.1.0"}
    answers = {
        "CHECK": runtime.check(config, container),
        "STATUS": runtime.status(config),
        "GC": runtime.gc(config, (container, "net1")),
    }
    for verb, answer in answers.items():
        if VERSIONS.index(version) >= VERSIONS.index(verbs[verb]):
            assert (answer.status, answer.stdout) == (0, ""), verb
        else:
            assert (answer.code, answer.document["msg"]) == (1, f"config version does not allow {verb}")
    for _ in range(2):
        deleted = runtime.delete(config, container)
        assert (deleted.status, deleted.stdout) == (0, "")
        assert (container.links(), runtime.held()) == (["lo"], [])


@pytest.mark.parametrize("kind", ["host-local", "cni-macvlan-py"])
def test_the_only_address_comes_back(lan: Lan, runtime: Runtime, kind: str) -> None:
    ipam = {"type": kind, "ranges": [[ONE_ADDRESS]]}
    if kind == "host-local":
        ipam["dataDir"] = str(runtime.data_dir)
    config = runtime.config(ipam)
    first, second = lan.container(), lan.container()
    assert runtime.add(config, first).addresses == ["10.9.0.20/24"]
    refusal = runtime.add(config, second)
    assert refusal.code == 107
    assert refusal.msg.startswith("failed to allocate for range 0: no IP addresses available in range set")
    assert second.links() == ["lo"]
    runtime.delete(config, first).expect()
    assert runtime.add(config, second).addresses == ["10.9.0.20/24"]
    runtime.check(config, second).expect()


def test_layer2_is_up_and_bare(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    runtime.add(runtime.config(), container).expect()
    assert {"UP", "LOWER_UP"} <= set(kernel_state.link(container)["flags"])
    assert (kernel_state.addresses(container), kernel_state.routes(container)) == ([], [])


def test_second_add_fails_and_the_first_stays(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    before, held = kernel_state.snapshot(container, random_mac=False), runtime.held()
    refusal = runtime.add(config, container)
    assert refusal.code == 103
    assert "net1" in refusal.msg
    assert (kernel_state.snapshot(container, random_mac=False), runtime.held()) == (before, held)
    runtime.check(config, container).expect()
    other = runtime.add(config, container, container_id="somebody-else")
    assert other.code == 103
    assert (kernel_state.snapshot(container, random_mac=False), runtime.held()) == (before, held)


def test_a_foreign_interface_of_the_name_stays(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    container.batch("link add net1 type veth peer name other")
    refusal = runtime.add(runtime.config(runtime.pool(SUBNET4)), container)
    assert refusal.code == 103
    assert (container.links(), runtime.held()) == (["lo", "net1", "other"], [])


def test_two_interfaces_in_one_container(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    names = ("net1", "net2")
    addresses = [runtime.add(config, container, ifname=name).addresses for name in names]
    assert addresses[0] != addresses[1]
    runtime.delete(config, container, ifname="net1").expect()
    assert (container.links(), len(runtime.held())) == (["lo", "net2"], 1)
    runtime.check(config, container, ifname="net2").expect()


def removed(lan: Lan, runtime: Runtime, config: dict[str, Any], netns: str | None = None, args: str = "") -> Answer:
    container = lan.container()
    runtime.add(runtime.config(runtime.pool(SUBNET4)), container, container_id="gone").expect()
    answer = runtime.attach("DEL", config, container, container_id="gone", netns=netns, args=args)
    if netns is None:
        assert container.links() == ["lo"]
    return answer


@pytest.mark.parametrize("netns", ["", "/run/netns/cmv-never-made", "/proc/1/ns/never-made"])
def test_del_without_a_namespace(lan: Lan, runtime: Runtime, netns: str) -> None:
    assert removed(lan, runtime, runtime.config(runtime.pool(SUBNET4)), netns=netns).ok
    assert runtime.held() == []


def test_del_after_the_namespace_has_gone(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    container.remove()
    runtime.delete(config, container).expect()
    assert runtime.held() == []


def test_del_without_prev_result(lan: Lan, runtime: Runtime) -> None:
    assert removed(lan, runtime, runtime.config(runtime.pool(SUBNET4))).ok
    assert runtime.held() == []


BROKEN_IPAM: dict[str, dict[str, Any]] = {
    "no such plugin": {"type": "no-such-plugin"},
    "host bits": {"type": "host-local", "subnet": "10.9.0.7/24"},
    "no ranges": {"type": "host-local"},
    "wrong type": {"type": "host-local", "ranges": "nonsense"},
    "not an address": {"type": "host-local", "subnet": "nonsense"},
}


@pytest.mark.parametrize("ipam", BROKEN_IPAM.values(), ids=BROKEN_IPAM.keys())
def test_del_with_broken_ipam(lan: Lan, runtime: Runtime, ipam: dict[str, Any]) -> None:
    assert removed(lan, runtime, runtime.config(ipam | {"dataDir": str(runtime.data_dir)})).ok
    if ipam["type"] == "host-local":
        assert runtime.held() == []


@pytest.mark.parametrize(
    "keys",
    [{"master": "none0"}, {"mode": "nonsense"}, {"mtu": 100000}, {"mac": "zz"}, {"prevResult": {}}],
    ids=lambda keys: next(iter(keys)),
)
def test_del_needs_none_of_the_link_keys(lan: Lan, runtime: Runtime, keys: dict[str, Any]) -> None:
    assert removed(lan, runtime, runtime.config(runtime.pool(SUBNET4), **keys)).ok
    assert runtime.held() == []


def test_del_with_bad_arguments(lan: Lan, runtime: Runtime) -> None:
    assert removed(lan, runtime, runtime.config(runtime.pool(SUBNET4)), args="FOO").ok
    assert runtime.held() == []


def test_del_of_what_never_was(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    assert runtime.delete(runtime.config(runtime.pool(SUBNET4)), container).ok
    assert not (runtime.data_dir / lan.network).exists()


FAILURES: dict[str, tuple[dict[str, Any], int]] = {
    "no such IPAM plugin": ({"ipam": {"type": "no-such-plugin"}}, 111),
    "no IPAM addresses": ({"ipam": {"type": "static"}}, 111),
    "route through nowhere": ({"routes": [{"dst": "10.44.0.0/16", "gw": "172.31.0.1"}]}, 105),
    "unknown master": ({"master": "none0"}, 101),
    "unknown mode": ({"mode": "nonsense"}, 7),
    "master cannot have children": ({"master": "lo"}, 102),
    "address outside the ranges": ({"args": {"cni": {"ips": ["10.77.0.1"]}}}, 108),
    "gateway asked for": ({"args": {"cni": {"ips": [GATEWAY4]}}}, 108),
}


@pytest.mark.parametrize(("keys", "code"), FAILURES.values(), ids=FAILURES.keys())
def test_failed_add_leaves_nothing(lan: Lan, runtime: Runtime, keys: dict[str, Any], code: int) -> None:
    container = lan.container()
    ipam = runtime.pool(SUBNET4, **{key: value for key, value in keys.items() if key == "routes"})
    config = runtime.config(**{"ipam": ipam} | {key: value for key, value in keys.items() if key != "routes"})
    refusal = runtime.add(config, container)
    assert refusal.code == code, refusal.msg
    assert (container.links(), runtime.held()) == (["lo"], [])
    runtime.add(runtime.config(runtime.pool(SUBNET4)), container).expect()


def test_a_name_in_use_on_the_node_is_free_in_the_container(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    runtime.add(runtime.config(runtime.pool(SUBNET4)), container, ifname="eth0").expect()
    assert test_lan.reachable({"gateway": (container, GATEWAY4)}) == {"gateway": True}
    assert lan.node.links() == ["eth0", "lo"]


def test_version_answers(runtime: Runtime) -> None:
    for stdin, echoed in (("", "1.1.0"), ('{"cniVersion": "0.4.0"}', "0.4.0"), ('{"cniVersion": "1.1.0"}', "1.1.0")):
        answer = runtime.version(stdin)
        assert answer.expect() == {"cniVersion": echoed, "supportedVersions": list(VERSIONS)}
        assert answer.stdout == json.dumps(answer.document, separators=(",", ":")) + "\n"


def test_no_command_tells_about_the_plugin(runtime: Runtime) -> None:
    answer = runtime.call("", "")
    assert (answer.status, answer.stdout) == (0, "")
    assert "1.1.0" in answer.stderr


REQUESTS: dict[str, tuple[str, str, dict[str, str], int, str]] = {
    "command": ("FOO", "{}", {}, 4, "unknown CNI_COMMAND: FOO"),
    "environment": ("ADD", "{}", {}, 4, "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing"),
    "JSON": ("STATUS", "{", {}, 6, ""),
    "version": ("STATUS", '{"cniVersion": "2.0.0", "name": "n"}', {}, 1, "incompatible CNI versions"),
    "no name": ("STATUS", '{"cniVersion": "1.1.0"}', {}, 7, "missing network name"),
    "name": ("STATUS", '{"cniVersion": "1.1.0", "name": "a/b"}', {}, 7, "invalid characters found in network name"),
}
ATTACHMENT = {"CONTAINERID": "c1", "NETNS": "/run/netns/none", "IFNAME": "net1"}
REQUESTS |= {
    f"{name} {value}": ("ADD", "{}", ATTACHMENT | {name: value}, 4, msg)
    for name, value, msg in (
        ("CONTAINERID", "a/b", "invalid characters in containerID"),
        ("IFNAME", "x" * 16, "interface name is too long"),
        ("IFNAME", "..", "interface name is . or .."),
        ("IFNAME", "a:b", "interface name contains / or : or whitespace characters"),
        ("IFNAME", "net%d", 'interface name "net%d" cannot be given'),
        ("IFNAME", "all", 'interface name "all" cannot be given'),
    )
}


@pytest.mark.parametrize(("command", "stdin", "variables", "code", "msg"), REQUESTS.values(), ids=REQUESTS.keys())
def test_malformed_requests(  # noqa: PLR0913, PLR0917 - one column of the table each
    runtime: Runtime, command: str, stdin: str, variables: dict[str, str], code: int, msg: str
) -> None:
    answer = runtime.call(command, stdin, **variables)
    assert answer.code == code
    assert answer.document["msg"].startswith(msg)
