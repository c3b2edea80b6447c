"""The image on a node of a cluster: installed, asked from the host, replaced under load, taken away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.agent.process import until
from tests.deploy.calls import BIN, NAME, Container
from tests.deploy.images import FIRST, SECOND
from tests.deploy.load import Load
from tests.deploy.pod import KUBERNETES, Pod, one, rendered
from tests.left_behind import left_on
from tests.machine import SECONDS

if TYPE_CHECKING:
    from tests.deploy.kubelet import Kubelet
    from tests.runtime import Json

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(900)]  # the first has the images built

RANGE4, RANGE6 = {"subnet": "10.9.0.0/24"}, {"subnet": "fd00:9::/64"}
LAN: Json = {"cniVersion": "1.1.0", "name": "lan", "type": NAME, "master": "eth0"}
POOL: Json = {**LAN, "ipam": {"type": NAME, "ranges": [[RANGE4], [RANGE6]], "routes": [{"dst": "0.0.0.0/0"}]}}
SINGLE: Json = {**LAN, "ipam": {"type": NAME, "ranges": [[RANGE4]]}}
EXECUTED: Json = {**LAN, "cniVersion": "1.0.0", "name": "theirs", "ipam": {"type": "host-local", "ranges": [[RANGE4]]}}
CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN", "SYS_CHROOT")


@pytest.fixture
def pod(kubelet: Kubelet) -> Pod:
    """The agent's pod, whose init container has installed the launcher."""
    made = Pod(one(rendered(KUBERNETES), "DaemonSet")["spec"]["template"]["spec"])
    kubelet.complete(made, "install", FIRST)
    return made


def refused(kubelet: Kubelet, name: str) -> int:
    """The code of the error that ADD ends with, for a container of its own."""
    with Container(kubelet.machine, name) as container:
        return container.call("ADD", SINGLE).code


def version(kubelet: Kubelet, pod: Pod, image: str) -> str:
    """Which version an image is."""
    return str(json.loads(kubelet.complete(pod, "agent", image, instead=("version", "--json")))["version"])


def test_the_agent_works_where_its_caller_stands(kubelet: Kubelet, pod: Pod) -> None:
    """It has no mount but that of its socket, and no network; all of this is in namespaces made after it began."""
    assert refused(kubelet, "early") == 11, "no agent is there, and no Python"
    kubelet.start(pod, FIRST, "agent")
    for kind in ("startup", "readiness", "liveness"):
        assert kubelet.passes(pod, kind, "agent")
    for config, addresses in ((POOL, ["10.9.0.2/24", "fd00:9::2/64"]), (EXECUTED, ["10.9.0.2/24"])):
        with Container(kubelet.machine, "c1") as container:
            if config is POOL:
                container.call("STATUS", config).expect()
            container.call("ADD", config).expect()
            assert container.addresses() == addresses
            container.call("CHECK", config).expect()
            container.call("DEL", config).expect()
    kubelet.end("agent")
    assert not kubelet.machine.path("/run/cni-macvlan-py/agent.sock").exists()


def test_every_capability_is_needed(kubelet: Kubelet, pod: Pod) -> None:
    assert tuple(pod.container("agent")["securityContext"]["capabilities"]["add"]) == CAPABILITIES
    for without in CAPABILITIES:
        kubelet.start(pod, FIRST, without.lower(), without)
        assert refused(kubelet, without.lower()) in {11, 104}, without
        kubelet.end(without.lower())


def test_it_is_replaced_under_load_and_taken_away(kubelet: Kubelet, pod: Pod) -> None:
    """As a rolling update with a surge does it; then as one that is rolled back."""
    first, second = (version(kubelet, pod, image) for image in (FIRST, SECOND))
    assert second == f"99.{first}"
    kubelet.start(pod, FIRST, "old")
    load = Load(kubelet.machine, SINGLE)
    with load.by(4):
        load.go_on()
        launcher = kubelet.machine.path(f"{BIN}/{NAME}").stat().st_ino
        kubelet.complete(pod, "install", SECOND)
        assert kubelet.machine.path(f"{BIN}/{NAME}").stat().st_ino != launcher
        kubelet.start(pod, SECOND, "new")
        until(lambda: not kubelet.passes(pod, "readiness", "old"), "the old one has made way", SECONDS)
        load.go_on()
        assert kubelet.is_running("old"), "it would be started again, and take the place back"
        assert kubelet.passes(pod, "liveness", "old")
        assert kubelet.passes(pod, "readiness", "new")
        kubelet.end("old")
        load.go_on()
        kubelet.start(pod, FIRST, "back")
        kubelet.end("new")
        load.go_on()
    assert load.failures == []
    kubelet.end("back")
    assert left_on(kubelet.machine) == []
    uninstall = Pod(one(rendered(KUBERNETES / "uninstall"), "DaemonSet")["spec"]["template"]["spec"])
    kubelet.complete(uninstall, "uninstall", SECOND)
    assert not kubelet.machine.path(f"{BIN}/{NAME}").exists()
    for place in ("/etc/cni-macvlan-py", "/run/cni-macvlan-py"):
        assert list(kubelet.machine.path(place).iterdir()) == []
