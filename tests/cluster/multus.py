"""Our stand-in for Multus: what it does with the networks that a pod's annotation names, by its documentation.

It reads each NetworkAttachmentDefinition, executes the plugins of its configuration as libcni does, and writes into
the pod's network-status what they answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.kinds import ATTACHMENT, POD
from tests.deploy.calls import BIN, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.store import Store
    from tests.machine import Machine
    from tests.runtime import Answer, Json

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"


@dataclass(frozen=True)
class Sandbox:
    """Where a pod's containers are."""

    id: str
    netns: str
    address: str


@dataclass(frozen=True)
class Selection:
    """One network of the annotation: NAMESPACE/NAME@INTERFACE, where only the name has to be there."""

    namespace: str
    name: str
    ifname: str


class Multus:
    """Attaches pods to the networks that they ask for, and detaches them."""

    def __init__(self, machine: Machine, store: Store) -> None:
        self._machine = machine
        self._store = store
        self._results: dict[tuple[str, str], Json] = {}

    def attach(self, pod: Json, sandbox: Sandbox) -> None:
        """ADD for each network in turn; raises AssertionError with the plugin's answer."""
        status = [{"name": "cluster", "interface": "eth0", "ips": [sandbox.address], "default": True, "dns": {}}]
        for selection in selections(pod):
            for config in self._configurations(selection):
                answer = self._call("ADD", config, pod, sandbox, selection.ifname)
                self._results[sandbox.id, selection.ifname] = answer.expect()
            status.append(_told(selection, self._results[sandbox.id, selection.ifname]))
        written = json.dumps(status, indent=4)

        def annotated(made: Json) -> Json:
            made["metadata"].setdefault("annotations", {})[STATUS] = written
            return made

        self._store.change(POD, pod["metadata"]["namespace"], pod["metadata"]["name"], annotated)

    def detach(self, pod: Json, sandbox: Sandbox) -> None:
        """DEL for each network, the last one first."""
        for selection in reversed(selections(pod)):
            for config in reversed(list(self._configurations(selection))):
                self._call("DEL", config, pod, sandbox, selection.ifname).expect()
            self._results.pop((sandbox.id, selection.ifname), None)

    def _configurations(self, selection: Selection) -> Iterator[Json]:
        """The configurations of the network's plugins; its own name is that of the definition, if it has none."""
        definition = self._store.get(ATTACHMENT, selection.namespace, selection.name)
        network: Json = {"name": selection.name, **json.loads(definition["spec"]["config"])}
        for plugin in network.get("plugins", [network]):
            yield {"name": network["name"], "cniVersion": network["cniVersion"], **plugin}

    def _call(self, verb: str, config: Json, pod: Json, sandbox: Sandbox, ifname: str) -> Answer:
        metadata = pod["metadata"]
        arguments = {
            "IgnoreUnknown": "true",
            "K8S_POD_NAMESPACE": metadata["namespace"],
            "K8S_POD_NAME": metadata["name"],
            "K8S_POD_INFRA_CONTAINER_ID": sandbox.id,
            "K8S_POD_UID": metadata["uid"],
        }
        previous = self._results.get((sandbox.id, ifname))
        return execute(
            self._machine, config["type"], {**config, "prevResult": previous} if previous else config,
            COMMAND=verb, CONTAINERID=sandbox.id, NETNS=sandbox.netns, IFNAME=ifname, PATH=BIN,
            ARGS=";".join(f"{key}={value}" for key, value in arguments.items()),
        )  # fmt: skip


def selections(pod: Json) -> list[Selection]:
    """The networks that a pod asks for; interfaces without a name are net1, net2 and so on."""
    asked = pod["metadata"].get("annotations", {}).get(NETWORKS, "")
    found = []
    for number, term in enumerate(filter(None, asked.replace(" ", "").split(",")), 1):
        network, _, ifname = term.partition("@")
        namespace, _, name = network.rpartition("/")
        found.append(Selection(namespace or pod["metadata"]["namespace"], name, ifname or f"net{number}"))
    return found


def _told(selection: Selection, result: Json) -> Json:
    """An element of network-status."""
    (interface,) = [each for each in result["interfaces"] if each.get("sandbox")]
    return {
        "name": f"{selection.namespace}/{selection.name}",
        "interface": selection.ifname,
        "ips": [each["address"].partition("/")[0] for each in result.get("ips", [])],
        "mac": interface["mac"],
        "dns": result.get("dns", {}),
    }
