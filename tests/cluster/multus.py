"""Our stand-in for Multus: what it does with the networks that a pod's annotation names, by its documentation.

It reads each NetworkAttachmentDefinition, executes the plugins of its configuration as libcni does, and writes into
the pod's network-status what they answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.kinds import ATTACHMENT
from tests.deploy.calls import BIN, execute

if TYPE_CHECKING:
    from tests.cluster.instance import Sandbox
    from tests.cluster.store import Store
    from tests.machine import Machine
    from tests.runtime import Answer, Json

NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"


@dataclass(frozen=True)
class Selection:
    """One network of the annotation: NAMESPACE/NAME@INTERFACE, where only the name has to be there."""

    namespace: str
    name: str
    ifname: str


@dataclass
class Attachment:
    """An interface, the configurations of the plugins that make it, and what the last of them answered."""

    ifname: str
    plugins: list[Json]
    result: Json | None = None


class Multus:
    """Attaches pods to the networks that they ask for, and detaches them from those that they got."""

    def __init__(self, machine: Machine, store: Store) -> None:
        self._machine = machine
        self._store = store
        self._attachments: dict[str, list[Attachment]] = {}

    def attach(self, pod: Json, sandbox: Sandbox) -> dict[str, str]:
        """ADD for each network in turn: the annotations that tell of it; raises Refusal or AssertionError."""
        status = [{"name": "cluster", "interface": "eth0", "ips": [sandbox.address], "default": True, "dns": {}}]
        for selection in selections(pod):
            # Remembered before it is tried, for DEL has to come after an ADD that failed.
            attachment = Attachment(selection.ifname, self._configurations(selection))
            self._attachments.setdefault(sandbox.id, []).append(attachment)
            for config in attachment.plugins:
                attachment.result = self._call("ADD", config, pod, sandbox, attachment).expect()
            status.append(_told(selection, attachment.result))
        return {STATUS: json.dumps(status, indent=4)} if len(status) > 1 else {}

    def detach(self, pod: Json, sandbox: Sandbox) -> None:
        """DEL for each network, the last one first; what its definition has become meanwhile does not matter."""
        for attachment in reversed(self._attachments.pop(sandbox.id, [])):
            for config in reversed(attachment.plugins):
                self._call("DEL", config, pod, sandbox, attachment).expect()

    def _configurations(self, selection: Selection) -> list[Json]:
        """The configurations of the network's plugins; its own name is that of the definition, if it has none."""
        definition = self._store.get(ATTACHMENT, selection.namespace, selection.name)
        network: Json = {"name": selection.name, **json.loads(definition["spec"]["config"])}
        head = {"name": network["name"], "cniVersion": network["cniVersion"]}
        return [{**plugin, **head} for plugin in network.get("plugins", [network])]

    def _call(self, verb: str, config: Json, pod: Json, sandbox: Sandbox, attachment: Attachment) -> Answer:
        metadata = pod["metadata"]
        arguments = {
            "IgnoreUnknown": "true",
            "K8S_POD_NAMESPACE": metadata["namespace"],
            "K8S_POD_NAME": metadata["name"],
            "K8S_POD_INFRA_CONTAINER_ID": sandbox.id,
            "K8S_POD_UID": metadata["uid"],
        }
        return execute(
            self._machine, config["type"], {**config, "prevResult": attachment.result} if attachment.result else config,
            COMMAND=verb, CONTAINERID=sandbox.id, NETNS=sandbox.netns, IFNAME=attachment.ifname, PATH=BIN,
            ARGS=";".join(f"{key}={value}" for key, value in arguments.items()),
        )  # fmt: skip


def selections(pod: Json) -> list[Selection]:
    """The networks that a pod asks for; interfaces without a name are net1, net2 and so on."""
    asked = pod["metadata"].get("annotations", {}).get(NETWORKS, "")
    assert "[" not in asked, "only the short form is known here"
    found = []
    for number, term in enumerate(filter(None, asked.replace(" ", "").split(",")), 1):
        network, _, ifname = term.partition("@")
        namespace, _, name = network.rpartition("/")
        found.append(Selection(namespace or pod["metadata"]["namespace"], name, ifname or f"net{number}"))
    return found


def _told(selection: Selection, result: Json | None) -> Json:
    """An element of network-status."""
    assert result, f"no plugin made {selection.ifname}"
    (interface,) = [each for each in result["interfaces"] if each.get("sandbox")]
    return {
        "name": f"{selection.namespace}/{selection.name}",
        "interface": selection.ifname,
        "ips": [each["address"].partition("/")[0] for each in result.get("ips", [])],
        "mac": interface["mac"],
        "dns": result.get("dns", {}),
    }
