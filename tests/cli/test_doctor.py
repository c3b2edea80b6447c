"""``doctor``: a healthy node has nothing, each planted fault is found with its cure, and looking changes nothing."""

from __future__ import annotations

import json
import shutil
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from console.doctor.examination import CHECKS
from console.doctor.kernel import judged, not_a_macvlan
from link.netlink import Netlink
from link.netns import open_namespace
from tests.agent.process import Agent
from tests.cli import faults
from tests.cli.command import answered, call
from tests.cli.faults import FAULTS, Fault
from tests.cli.sickroom import Sickroom
from tests.namespaces import execute
from tests.runtime import DOOR, REFERENCE, REPOSITORY

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.runtime import Runtime

pytestmark = pytest.mark.kernel
MACHINES_OWN = "kernel-inherited-sysctls"
"""A check whose result is that of the machine which the tests run on."""


@pytest.fixture
def room(lan: Lan, runtime: Runtime, tmp_path: Path) -> Sickroom:
    return Sickroom(lan, runtime, tmp_path)


def test_a_healthy_node_has_nothing(room: Sickroom) -> None:
    """Containers, an agent and another plugin's network on another range included."""
    for _ in range(3):
        faults.attached(room)
    room.write("90-bridge.conf", name="docker", type="bridge", ipam={"type": "host-local", "subnet": "10.8.0.0/24"})
    with Agent(room.places["socket"]):
        assert room.examined(f"--skip={MACHINES_OWN}") == []


def test_gateways_that_answer(room: Sickroom) -> None:
    """Of both families, and while containers are on the master; what cannot be asked for is not."""
    ranges = [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    faults.conf(ipam={"type": DOOR.name, "ranges": ranges, "routes": routes})(room)
    faults.attached(room)
    checks = ("gateway-answers", "conf-gateways", "master-accepts")
    assert room.examined(*(f"--only={check}" for check in checks)) == []
    faults.conf(mode="passthru", ipam={"type": DOOR.name, "ranges": ranges, "routes": routes})(room)
    assert room.examined("--only=gateway-answers") == []


def test_a_master_that_its_own_container_has_taken(room: Sickroom) -> None:
    """In passthru, as it was meant."""
    faults.conf(mode="passthru")(room)
    faults.passthru_use(room)
    assert room.examined("--only=master-accepts", "--only=gateway-answers") == []


def test_networks_that_are_ours_at_second_sight(room: Sickroom) -> None:
    """By its addresses, and by what Multus passes on."""
    room.write("50-lan.conflist", plugins=[{"type": "bridge", "ipam": faults.ranges()}])
    assert room.examined("--only=conf-nothing") == []
    (room.places["conf-dir"] / "50-lan.conflist").unlink()
    room.write("00-multus.conf", type="multus", delegates=[{"type": "macvlan", "master": "eth0"}])
    assert room.examined("--only=conf-nothing") == []


def test_nothing_is_sent_to_the_lan_that_was_not_wanted(room: Sickroom) -> None:
    """What the node itself has found out is told all the same."""
    faults.routed("10.9.0.77")(room)
    assert room.examined("--only=gateway-answers", "--no-probe") == []
    room.lan.node.run("ping", "-q", "-c", "1", "-W", "10", "10.9.0.77", check=False)
    (found,) = room.examined("--only=gateway-answers", "--no-probe")
    assert "nobody on the LAN of eth0 answers" in found["found"]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault(room: Sickroom, fault: Fault) -> None:
    fault.plant(room)
    (found,) = room.examined(f"--only={fault.check}")
    assert (found["check"], found["severity"]) == (fault.check, fault.severity)
    assert fault.found in found["found"]
    assert fault.cure in found["cure"]


def test_lint_speaks_through_it(room: Sickroom) -> None:
    """All that lint finds in a configuration, in the same words."""
    path = room.write("50-lan.conflist", plugins=[room.plugin(mode="router", mastre="x", capabilities={"x": True})])
    linted = answered("lint", "--no-node", path, status=1)["findings"]
    found = room.examined("--only=conf-valid")
    assert len(found) == 3
    assert [(each["severity"], f"{each['found']}; {each['cure']}") for each in found] == [
        (each["severity"], f"{each['key']}: {each['message']}") for each in linted
    ]


def test_lint_and_doctor_judge_one_thing_in_one_way(room: Sickroom) -> None:
    """Whatever both look at, on one node: the same words, as bad."""
    overlapping = room.plugin(type="macvlan", ipam={"type": "dhcp"})
    room.write("60-x.conf", name="x", **overlapping)
    room.write("61-y.conf", name="y", **room.plugin(ipam={"type": "host-local", "subnet": "10.9.0.0/28"}))
    room.write("62-z.conf", name="y", **room.plugin(master="eth9", ipam={"type": "static"}))
    room.write("63-a.conf", name="a", **room.plugin(ipam={"type": "host-local", "subnet": "10.7.0.0/24"}))
    prefix = ("nsenter", f"--net={room.lan.node.path}")
    words = ("--cni-path", room.places["bin-dir"], room.places["conf-dir"])
    linted = answered("lint", *words, prefix=prefix, status=1)["findings"]
    said = {
        (each["severity"], f"{each['key']}: {each['message']}" if each["key"] else each["message"]) for each in linted
    }
    checks = ("conf-names", "ranges-shared", "install-plugins", "master-usable", "master-subnets", "conf-valid")
    found = room.examined(*(f"--only={check}" for check in checks))
    assert {each["check"] for each in found} == set(checks) - {"conf-valid"}
    assert {(each["severity"], f"{each['found']}; {each['cure']}") for each in found} == said


def test_plugins_where_debian_has_them(room: Sickroom) -> None:
    """In one of the directories that lint knows: for us, and for an IPAM plugin of another."""
    faults.conf(ipam={"type": "dhcp"})(room)
    directory = room.places.pop("bin-dir")
    room.before = (
        f"[ ! -d /opt/cni ] || mount -t tmpfs tmpfs /opt/cni; "
        f"cp {REFERENCE}/dhcp {directory}; mount --bind {directory} {REFERENCE}"
    )
    assert room.examined("--only=install-plugins", "--only=install-works") == []


def test_an_agent_that_says_nothing(room: Sickroom) -> None:
    """It holds up every call."""
    with socket.socket(socket.AF_UNIX) as wedged:
        wedged.bind(str(room.places["socket"]))
        wedged.listen()
        (found,) = room.examined("--only=agent-answers")
    assert "says nothing within" in found["found"]
    assert "systemctl restart" in found["cure"]


def test_an_agent_of_another_release(room: Sickroom) -> None:
    home = faults.release(room, "2.0")
    with Agent(room.places["socket"]) as agent:
        assert room.examined("--only=agent-release", hidden=()) == []
        faults.replaced(room, lambda path: path.symlink_to(home / DOOR.name))
        (found,) = room.examined("--only=agent-release", hidden=())
    assert found["subject"] == f"process {agent.pid}"
    assert f"in {REPOSITORY}; installed is version 2.0+" in found["found"]


def test_sysctls_that_containers_inherit() -> None:
    """A namespace has them from the machine's own, which is nothing to plant faults in."""
    assert list(judged({"arp_filter": 0, "arp_ignore": 2, "rp_filter": 2})) == []
    subjects = [finding.subject for finding in judged({"arp_filter": 1, "arp_ignore": 8, "rp_filter": 1})]
    assert subjects == [f"net.ipv4.conf.*.{key}" for key in ("arp_filter", "arp_ignore", "rp_filter")]


@pytest.mark.parametrize("made", [None, "bridge"])
def test_a_kernel_that_neither_refuses_nor_obeys(lan: Lan, made: str | None) -> None:
    """As sandboxes may, which imitate one."""
    lan.node.batch("link add try0 type bridge")
    with open_namespace(str(lan.node.path)).entered(), Netlink() as netlink:
        found = not_a_macvlan(netlink.link("try0") if made else netlink.link("try1"))
    assert f'kind "{made}"' in found.found if made else "no interface is there" in found.found
    assert "Success" not in found.found
    assert "use a kernel" in found.cure


def state_of(*places: Path) -> dict[str, tuple[object, ...]]:
    """Everything that can be seen of files below some places, but when they were read."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (entry for place in places for entry in (place, *place.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, content)
    return found


def test_looking_changes_nothing(room: Sickroom, tmp_path: Path) -> None:
    """Neither files nor interfaces, whatever is found; all checks at once."""
    for plant in (
        faults.killed_container,
        faults.killed_before_rename,
        faults.removed_link,
        faults.foreign_leases,
        faults.auto_and_unit,
    ):
        plant(room)
    with Agent(room.places["socket"]):

        def everything() -> tuple[object, ...]:
            keys = ("ifindex", "ifname", "address", "mtu", "ifalias", "master")
            return state_of(tmp_path), [
                {key: link.get(key) for key in keys}
                for namespace in room.lan.namespaces
                if namespace.path.exists()
                for link in namespace.ip("link", "show")
            ]

        before = everything()
        checks = {finding["check"] for finding in room.examined()}
        assert before == everything()
    assert checks - {MACHINES_OWN} == {
        "agent-unit-and-auto", "leases-leaked", "links-missing", "links-unfinished", "ranges-foreign-leases"
    }  # fmt: skip


def test_packages_that_are_not_the_pinned_ones(room: Sickroom) -> None:
    """A release tells of itself."""
    home = faults.release(room, "1.0")
    pinned = (REPOSITORY / "requirements.txt").read_text()
    pinned = pinned.replace("netaddr==", "netaddr[nicer-shell]==9.").replace("rich==", "poor==")
    (home / "requirements.txt").write_text(pinned)
    (home / "plugin").unlink()
    shutil.copytree(REPOSITORY / "plugin", home / "plugin")  # it knows its home by where its files are
    done = execute(home / DOOR.name, "doctor", "--json", "--only=install-packages")
    netaddr, poor = json.loads(done.stdout)["findings"]
    assert (netaddr["subject"], poor["subject"]) == ("Python package netaddr", "Python package poor")
    assert poor["found"].startswith("not installed, and this version needs ")
    assert netaddr["cure"] == "run make install again"


def test_every_check_has_been_tried_and_is_explained() -> None:
    tried = {fault.check for fault in FAULTS.values()}
    assert set(CHECKS) - tried == {"agent-answers", "agent-release", "install-packages", MACHINES_OWN}
    page = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
    assert [name for name in CHECKS if f"`{name}`" not in page] == []


def test_words_for_people(room: Sickroom) -> None:
    faults.conf(master="eth9")(room)
    done = call("doctor", f"--conf-dir={room.places['conf-dir']}", "--only=master-usable", "--only=conf-valid")
    assert done.returncode == 1
    assert "ERROR" in done.stdout
    assert "cure: candidates are" in done.stdout
    assert done.stdout.endswith("2 checks: 1 error.\n")
