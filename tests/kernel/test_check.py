"""CHECK passes after every ADD, and finds what was changed since; what others may change it lets pass."""

from __future__ import annotations

import copy
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.lan import SUBNET4, SUBNET6, Lan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.namespaces import Namespace
    from tests.runtime import Json, Runtime

MAC = "02:00:00:00:0a:0b"
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "10.44.0.0/16", "table": 101}, {"dst": "fd44::/48", "gw": "fd00:9::7"}]


@pytest.fixture
def config(runtime: Runtime) -> Json:
    return runtime.config(runtime.pool(SUBNET4, SUBNET6, routes=ROUTES), mtu=1400, mac=MAC, bcqueuelen=2000)


@pytest.fixture
def container(lan: Lan, runtime: Runtime, config: Json) -> Namespace:
    made = lan.container()
    runtime.add(config, made).expect()
    return made


def changed(*commands: str) -> Callable[[Namespace], None]:
    return lambda container: container.batch(*commands)


TAMPERED: dict[str, tuple[Callable[[Namespace], None], str]] = {
    "mode": (changed("link set net1 type macvlan mode private"), "private"),
    "mac": (changed("link set net1 address 02:00:00:00:00:99"), "02:00:00:00:00:99"),
    "mtu": (changed("link set net1 mtu 1300"), "1300"),
    "down": (changed("link set net1 down"), "net1"),
    "no link": (changed("link del net1"), "net1"),
    "another kind": (changed("link del net1", "link add net1 type veth peer name other"), "net1"),
    "another name": (changed("link set net1 down", "link set net1 name net9"), "net1"),
    "no IPv4 address": (changed("addr del 10.9.0.2/24 dev net1"), "10.9.0.2"),
    "no IPv6 address": (changed("addr del fd00:9::2/64 dev net1"), "fd00:9::2"),
    "another prefix": (changed("addr del 10.9.0.2/24 dev net1", "addr add 10.9.0.2/16 dev net1"), "10.9.0.2/24"),
    "no default route": (changed("route del default dev net1"), "0.0.0.0/0"),
    "no route in the table": (changed("route flush table 101"), "10.44.0.0/16"),
    "no IPv6 route": (changed("route del fd44::/48 dev net1"), "fd44::/48"),
}


@pytest.mark.parametrize(("tamper", "named"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_found(
    runtime: Runtime, config: Json, container: Namespace, tamper: Callable[[Namespace], None], named: str
) -> None:
    tamper(container)
    found = runtime.check(config, container)
    assert found.code == 112
    assert named in found.msg


def test_check_passes_after_add(runtime: Runtime, config: Json, container: Namespace) -> None:
    answer = runtime.check(config, container)
    assert (answer.msg, answer.stdout) == ("", "")


def lose_leases(runtime: Runtime) -> None:
    """As a rescue does that finds a database older than they are."""
    with closing(sqlite3.connect(runtime.state_dir / "leases.db")) as database, database:
        for statement in ("DELETE FROM lease", "DELETE FROM used"):
            database.execute(statement)


@pytest.mark.parametrize("kind", ["host-local", "cni-macvlan-py"])
def test_a_lost_lease_is_found(lan: Lan, runtime: Runtime, kind: str) -> None:
    ipam = runtime.pool(SUBNET4) | {"type": kind}
    if kind != "host-local":
        del ipam["dataDir"]
    config = runtime.config(ipam, cniVersion="1.1.0")
    container = lan.container()
    runtime.add(config, container).expect()
    runtime.check(config, container).expect()
    if kind == "host-local":
        (runtime.data_dir / lan.network / "10.9.0.2").unlink()
    else:
        lose_leases(runtime)
    found = runtime.check(config, container)
    assert found.code == 112
    assert container.name in found.msg


def test_a_lost_database_is_no_lost_lease(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config({"type": "cni-macvlan-py", "ranges": [[{"subnet": SUBNET4}]]}, cniVersion="1.1.0")
    container = lan.container()
    runtime.add(config, container).expect()
    for file in runtime.state_dir.iterdir():
        file.unlink()
    found = runtime.check(config, container)
    assert (found.code, "leases rescue" in found.msg) == (109, True)


def test_a_mode_other_than_configured_is_found(runtime: Runtime, config: Json, container: Namespace) -> None:
    found = runtime.check(config | {"mode": "vepa"}, container)
    assert found.code == 112
    assert "container macvlan mode bridge does not match expected value: vepa" in found.msg


def without(result: Json, key: str) -> Json:
    return {name: value for name, value in result.items() if name != key}


def claim(key: str, number: int, **values: Any) -> Callable[[Json], Json]:  # noqa: ANN401 - whatever JSON takes
    def claimed(result: Json) -> Json:
        mine = copy.deepcopy(result)
        mine[key][number].update(values)
        return mine

    return claimed


CLAIMS: dict[str, tuple[Callable[[Json], Json], int]] = {
    "MAC in upper case": (claim("interfaces", 0, mac=MAC.upper()), 0),
    "no MAC": (claim("interfaces", 0, mac=""), 0),
    "another MAC": (claim("interfaces", 0, mac="02:00:00:00:00:01"), 112),
    "another name": (claim("interfaces", 0, name="net9"), 112),
    "another sandbox": (claim("interfaces", 0, sandbox="/run/netns/none"), 112),
    "another address": (claim("ips", 0, address="10.9.0.200/24"), 112),
    "another prefix": (claim("ips", 0, address="10.9.0.2/16"), 112),
    "no interfaces": (lambda result: without(result, "interfaces"), 112),
    "later version": (lambda result: {**result, "cniVersion": "1.1.0"}, 0),
    "no version": (lambda result: without(result, "cniVersion"), 0),
}


@pytest.mark.parametrize(("claimed", "code"), CLAIMS.values(), ids=CLAIMS.keys())
def test_claims_of_the_result(
    runtime: Runtime, config: Json, container: Namespace, claimed: Callable[[Json], Json], code: int
) -> None:
    result = claimed(runtime.results[container.name, "net1"])
    answer = runtime.check(config | {"prevResult": result}, container)
    assert answer.code == code, answer.msg


def test_run_and_var_run_are_one_directory(runtime: Runtime, config: Json, container: Namespace) -> None:
    runtime.check(config, container, netns=f"/var{container.path}").expect()


def test_another_namespace_is_found(lan: Lan, runtime: Runtime, config: Json, container: Namespace) -> None:
    found = runtime.check(config, container, netns=str(lan.container().path))
    assert found.code == 112


def test_check_needs_the_result(runtime: Runtime, config: Json, container: Namespace) -> None:
    missing = runtime.attach("CHECK", config, container)
    assert missing.code == 7
    assert missing.msg.startswith("required prevResult missing")


HARMLESS = {
    "another address": "addr add 10.9.0.200/24 dev net1",
    "another route": "route add 10.55.0.0/16 via 10.9.0.9",
    "another metric of a route": "route add default via 10.9.0.9 metric 900",
    "queue length": "link set net1 txqueuelen 77",
    "promiscuity": "link set net1 promisc on",
    "alias": "link set net1 alias someone-elses",
    "another link": "link add other type veth peer name another",
}


@pytest.mark.parametrize("command", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_a_chained_plugin_may_add_passes(
    runtime: Runtime, config: Json, container: Namespace, command: str
) -> None:
    container.batch(command)
    runtime.check(config, container).expect()


def test_a_smaller_mtu_of_the_master_is_followed(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    lan.node.batch("link set eth0 mtu 1300")
    runtime.check(config, container).expect()


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0", "1.1.0"])
def test_result_of_each_version(lan: Lan, runtime: Runtime, version: str) -> None:
    config = runtime.config(runtime.pool(SUBNET4, SUBNET6), cniVersion=version)
    container = lan.container()
    runtime.add(config, container).expect()
    runtime.check(config, container).expect()
