"""``show``: every macvlan interface is found, wherever it lives, with what is remembered of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.cli.alone import alone
from tests.cli.command import answered, call
from tests.runtime import DOOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Runtime

pytestmark = pytest.mark.kernel


def where(runtime: Runtime, before: str = "") -> dict[str, Any]:
    """How to call a command on the test's node, after a script."""
    return {
        "prefix": alone(runtime.lan, f'{before}exec nsenter --net={runtime.lan.node.path} "$@"'),
        "variables": {"CNI_MACVLAN_SETTINGS": str(runtime.settings)},
    }


def attached(runtime: Runtime) -> Namespace:
    container = runtime.lan.container()
    pool = {"type": DOOR.name, "ranges": [[{"subnet": "10.9.0.0/24"}]]}
    runtime.add(runtime.config(pool, type=DOOR.name), container, plugin=DOOR.name).expect()
    return container


def shown(runtime: Runtime, *mine: Namespace) -> dict[str, dict[str, Any]]:
    """The interfaces in some namespaces, by the names of these."""
    (master,) = answered("show", **where(runtime))["masters"]
    paths = {str(each.path): each.name for each in mine}
    return {paths[child["namespace"]["files"][0]]: child for child in master["children"]}


def test_states_of_interfaces(runtime: Runtime, lan: Lan) -> None:
    recorded, unfinished = attached(runtime), attached(runtime)
    unfinished.run("ip", "link", "set", "net1", "alias", "")
    unrecorded, foreign = lan.container(), lan.container()
    for container in (unrecorded, foreign):
        lan.node.batch(f"link add link eth0 name net1 netns {container.name} type macvlan mode private")
    unrecorded.run("ip", "link", "set", "net1", "alias", f"cni-macvlan-py {lan.network} c9")
    found = shown(runtime, recorded, unfinished, unrecorded, foreign)
    assert {name: child["state"] for name, child in found.items()} == {
        recorded.name: "recorded",
        unfinished.name: "unfinished",
        unrecorded.name: "unrecorded",
        foreign.name: "not ours",
    }
    told = found[recorded.name]
    assert (told["name"], told["mode"], told["network"], told["container"]) == (
        "net1", "bridge", lan.network, recorded.name,
    )  # fmt: skip
    assert "10.9.0.2/24" in told["addresses"]
    assert found[unrecorded.name]["container"] == "c9"
    assert found[foreign.name]["mode"] == "private"


def test_a_namespace_without_a_name_is_known_by_its_process(runtime: Runtime, lan: Lan, tmp_path: Path) -> None:
    """The process ends with the command."""
    start = f"""
unshare --net sleep 1000 &
echo $! >{tmp_path}/process
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
ip -n {lan.node.name} link add link eth0 name net7 netns $! type macvlan mode bridge
"""
    (master,) = answered("show", **where(runtime, start))["masters"]
    (child,) = master["children"]
    process = int((tmp_path / "process").read_text())
    assert (child["name"], child["namespace"]) == ("net7", {"files": [], "processes": [process]})


def test_a_child_of_another_namespace_hangs_on_no_master_of_ours(runtime: Runtime, lan: Lan) -> None:
    """Interfaces are counted in each namespace anew: another's can have the index of our master."""
    other, foreign, ours = lan.container(), lan.container(), attached(runtime)
    (index,) = [link["ifindex"] for link in lan.node.ip("link", "show", "dev", "eth0")]
    other.batch(
        f"link add eth0 index {index} type veth peer name peer index 99",
        f"link add link eth0 name net1 netns {foreign.name} type macvlan mode bridge",
    )
    masters = answered("show", **where(runtime))["masters"]
    found = {master["name"]: [child["namespace"]["files"] for child in master["children"]] for master in masters}
    assert found == {"eth0": [[str(ours.path)]], None: [[str(foreign.path)]]}


def test_an_interface_of_the_node_itself(runtime: Runtime, lan: Lan) -> None:
    """By which the node reaches its own containers."""
    lan.node.batch("link add link eth0 name lan-shim type macvlan mode bridge")
    (master,) = answered("show", **where(runtime))["masters"]
    (child,) = master["children"]
    assert (master["name"], child["name"], child["state"]) == ("eth0", "lan-shim", "not ours")
    assert str(lan.node.path) in child["namespace"]["files"]
    assert "lan-shim on the node itself  " in call("show", **where(runtime)).stdout


def test_tree_and_picture(runtime: Runtime, tmp_path: Path) -> None:
    container = attached(runtime)
    done = call("show", "--svg", tmp_path / "node.svg", **where(runtime))
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = [line for line in done.stdout.splitlines() if container.name in line]
    assert f"net1 in {container.name}" in line
    assert "10.9.0.2/24" in line
    assert line.endswith("recorded")
    drawn = ET.parse(tmp_path / "node.svg")  # noqa: S314 - our own
    assert any(container.name in (each.text or "") for each in drawn.iter("{http://www.w3.org/2000/svg}text"))
