"""STATUS foretells whether an ADD would work; GC takes what no attachment owns and nothing else."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from link.netns import open_namespace
from tests.agent.process import until
from tests.lan import SUBNET4, Lan
from tests.ways import Executed

if TYPE_CHECKING:
    from tests.namespaces import Namespace
    from tests.runtime import Answer, Json, Runtime

NOTHING = ("", 0)
KEY = "cni.dev/valid-attachments"
KINDS = ("host-local", "cni-macvlan-py")


def network(runtime: Runtime, kind: str = "host-local", **ranges: str) -> Json:
    """A configuration of 1.1.0 with one range on either store."""
    ipam: Json = {"type": kind, "ranges": [[{"subnet": SUBNET4, **ranges}]]}
    if kind == "host-local":
        ipam["dataDir"] = str(runtime.data_dir)
    return runtime.config(ipam, cniVersion="1.1.0")


@pytest.mark.parametrize("kind", KINDS)
def test_status_of_a_working_network(runtime: Runtime, kind: str) -> None:
    answer = runtime.status(network(runtime, kind))
    assert (answer.stdout, answer.status) == NOTHING
    assert not runtime.data_dir.exists()


UNAVAILABLE: dict[str, dict[str, Any]] = {
    "master missing": {"master": "none0"},
    "master cannot have children": {"master": "lo"},
    "IPAM plugin missing": {"ipam": {"type": "no-such-plugin"}},
}


@pytest.mark.parametrize("keys", UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_status_unavailable(runtime: Runtime, keys: dict[str, Any]) -> None:
    answer = runtime.status(network(runtime) | keys)
    assert answer.code == 50


def test_status_of_a_network_that_lost_its_master(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    runtime.add(network(runtime), container).expect()
    lan.node.batch("link del eth0")
    assert container.links() == ["lo"]
    assert runtime.status(network(runtime)).code == 50
    runtime.delete(network(runtime), container).expect()


def test_status_of_a_wrong_configuration(runtime: Runtime) -> None:
    answer = runtime.status(network(runtime) | {"mtu": 9000})
    assert answer.code == 7
    assert answer.msg.startswith("invalid MTU 9000, must be [0, master MTU(1500)]")


def test_status_without_a_default_route(lan: Lan, runtime: Runtime) -> None:
    runtime.status(network(runtime) | {"master": ""}).expect()
    lan.node.batch("route del default via 10.9.0.1", "route del default via fd00:9::1")
    assert runtime.status(network(runtime) | {"master": ""}).code == 50


@pytest.mark.parametrize("role", ["main", "ipam"])
@pytest.mark.parametrize("kind", KINDS)
def test_status_of_an_exhausted_pool(lan: Lan, runtime: Runtime, kind: str, role: str) -> None:
    """Nothing is wrong with those who hold the addresses: the node fails for it only where its settings say so."""
    config = network(runtime, kind, rangeStart="10.9.0.20", rangeEnd="10.9.0.20")
    (runtime.cni_path / "cni-macvlan-py").unlink(missing_ok=True)
    (runtime.cni_path / "cni-macvlan-py").symlink_to(runtime.entry)

    def status() -> Answer:
        if role == "main":
            return runtime.status(config)
        return runtime.call("STATUS", json.dumps(config | {"type": "bridge"}), plugin=kind)

    container, settings = lan.container(), runtime.settings.read_text()
    runtime.add(config, container).expect()
    answer = status()
    assert (answer.stdout, answer.status) == NOTHING
    runtime.settings.write_text(settings + 'status_exhausted = "error"\n')
    refused = status()
    assert refused.code == 50
    assert "10.9.0.20" in refused.msg
    runtime.delete(config, container).expect()
    status().expect()


def test_status_passes_the_ipam_plugins_answer_on(runtime: Runtime) -> None:
    foreign = runtime.cni_path / "foreign"
    foreign.write_text("""#!/bin/sh\necho '{"cniVersion": "1.1.0", "code": 51, "msg": "server lost"}'\nexit 1\n""")
    foreign.chmod(0o755)
    answer = runtime.status(network(runtime) | {"ipam": {"type": "foreign"}})
    assert answer.code == 51
    assert "server lost" in answer.msg


@pytest.fixture
def attached(lan: Lan, runtime: Runtime) -> list[Namespace]:
    """Three containers of one network, of which the last two are gone without DEL."""
    made = [lan.container() for _ in range(3)]
    for container in made:
        runtime.add(network(runtime), container).expect()
    for container in made[1:]:
        container.remove()
    return made


def collected(runtime: Runtime, listed: object) -> list[str]:
    """The addresses that are still held after a GC with the given value of the key; ``...`` leaves it out."""
    config = network(runtime) | ({} if listed is ... else {KEY: listed})
    answer = runtime.call("GC", json.dumps(config))
    assert (answer.stdout, answer.status) == NOTHING
    return runtime.held()


ALL = ["10.9.0.2", "10.9.0.3", "10.9.0.4"]


def test_gc_without_the_list_takes_nothing(runtime: Runtime, attached: list[Namespace]) -> None:
    assert len(attached) == len(collected(runtime, ...))


@pytest.mark.parametrize("nothing", [[], None], ids=["empty", "null"])
def test_gc_with_nothing_valid_takes_all(runtime: Runtime, attached: list[Namespace], nothing: object) -> None:
    assert runtime.held() == ALL
    assert collected(runtime, nothing) == []
    assert attached[0].links() == ["lo"]


def test_gc_lets_the_valid_ones_live(runtime: Runtime, attached: list[Namespace]) -> None:
    mine = {"containerID": attached[0].name, "ifname": "net1"}
    assert collected(runtime, [mine]) == ["10.9.0.2"]
    runtime.check(network(runtime), attached[0]).expect()


def test_gc_counts_the_interface_too(runtime: Runtime, attached: list[Namespace]) -> None:
    other = {"containerID": attached[0].name, "ifname": "net2"}
    assert collected(runtime, [other]) == []


def test_gc_is_of_one_network(runtime: Runtime, attached: list[Namespace]) -> None:
    other = network(runtime) | {"name": "another-network"}
    answer = runtime.call("GC", json.dumps(other | {KEY: []}))
    assert (answer.stdout, answer.status) == NOTHING
    assert runtime.held() == ALL
    assert attached[0].links() == ["lo", "net1"]


@pytest.mark.parametrize("listed", ["nonsense", [{"containerID": 7}], [["c1", "net1"]]])
def test_gc_with_a_broken_list_takes_nothing(runtime: Runtime, attached: list[Namespace], listed: object) -> None:
    answer = runtime.call("GC", json.dumps(network(runtime) | {KEY: listed}))
    assert answer.code == 7
    assert len(runtime.held()) == len(attached)


def test_gc_of_the_built_in_pool(lan: Lan, runtime: Runtime) -> None:
    config = network(runtime, "cni-macvlan-py", rangeStart="10.9.0.20", rangeEnd="10.9.0.21")
    stays, lost, late = (lan.container() for _ in range(3))
    for container in (stays, lost):
        runtime.add(config, container).expect()
    lost.remove()
    assert runtime.add(config, late).code == 107
    runtime.gc(config, (stays, "net1")).expect()
    assert runtime.add(config, late).addresses == ["10.9.0.21/24"]
    runtime.check(config, stays).expect()


def test_gc_reaches_a_foreign_ipam_plugin(runtime: Runtime, tmp_path: Path) -> None:
    foreign = runtime.cni_path / "foreign"
    foreign.write_text(f'#!/bin/sh\necho "$CNI_COMMAND" >> {tmp_path}/called\ncat >> {tmp_path}/called\n')
    foreign.chmod(0o755)
    config = network(runtime) | {"ipam": {"type": "foreign"}}
    runtime.gc(config).expect()
    verb, stdin = (tmp_path / "called").read_text().split("\n", 1)
    assert verb == "GC"
    assert json.loads(stdin) == config | {KEY: []}


def openers(namespace: Namespace) -> int:
    """How many descriptors of all processes are open on a namespace."""
    wanted, found = namespace.path.stat(), 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):  # closed by now
                    status = descriptor.stat()
                    found += (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_gc_takes_nothing_that_came_while_it_was_at_work(lan: Lan, runtime: Runtime, kind: str) -> None:
    """It waits for the first container; meanwhile another is attached, and one that it has seen is attached anew."""
    config = network(runtime, kind, rangeStart="10.9.0.20", rangeEnd="10.9.0.23")
    first, again, new = (lan.container() for _ in range(3))
    for container in (first, again):
        runtime.add(config, container).expect()
    with ThreadPoolExecutor() as beside:
        with closing(open_namespace(str(first.path))) as held:
            held.lock(str(runtime.state_dir))
            collecting = beside.submit(runtime.gc, config)
            until(lambda: openers(first) > 1, "GC waits for the first container")
            runtime.delete(config, again).expect()
            given = [runtime.add(config, container).addresses for container in (again, new)]
        collecting.result().expect()
    assert [container.links() for container in (first, again, new)] == [["lo"], ["lo", "net1"], ["lo", "net1"]]
    for container in (again, new):
        runtime.check(config, container).expect()
    late = [runtime.add(config, lan.container()).addresses for _ in range(2)]
    assert len({address for each in (*given, *late) for address in each}) == len(given) + len(late)


@pytest.mark.parametrize("kind", KINDS)
def test_gc_frees_nothing_that_lives_where_it_stands(lan: Lan, runtime: Runtime, kind: str) -> None:
    """In the caller's own namespace nothing is removed, and what stays there keeps its address."""
    config = network(runtime, kind)
    container, other = lan.container(), lan.container()
    runtime.add(config, container).expect()
    held = runtime.held()
    runtime.add(config, other).expect()
    usual = runtime.way
    runtime.way = Executed.elsewhere(usual, "nsenter", f"--net={container.path}")
    refused = runtime.gc(config)
    assert refused.code == 8
    assert "should not be the same" in refused.msg
    assert ("net1" in container.links(), other.links(), runtime.held()) == (True, ["lo"], held)
    runtime.way = usual
    runtime.gc(config).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])
