"""A cluster of one node: our stand-ins for its control plane, kubelet and Multus, and a machine with containerd."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from tests.cluster.api import Api
from tests.cluster.controllers import Controllers
from tests.cluster.kinds import NAMESPACE
from tests.cluster.kubelet import Kubelet
from tests.cluster.server import Server
from tests.cluster.store import Store
from tests.runtimes.containerd import IMAGE, SOCKET, serve, take, until_ready
from tests.runtimes.cri import Cri
from tests.runtimes.image import write_image

if TYPE_CHECKING:
    from tests.machine import Machine

BUSYBOX = "docker.io/library/busybox:latest"
# The cluster's own network; a link to each pod, and none that stays.
NETWORK = {
    "cniVersion": "1.0.0", "name": "cluster",
    "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.244.0.0/24"}}],
}  # fmt: skip


class Cluster:
    """Serves while entered; its API is on every address of the machine."""

    def __init__(self, node: Machine, *archives: str) -> None:
        self._node = node
        self._archives = archives
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        cri = self._containerd()
        store = Store()
        api = Api(store)
        api.create(NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
        kubelet = Kubelet(self._node, cri, store)
        self._ends.enter_context(Server(self._node.network, api, kubelet))
        for part in (kubelet.serve, Controllers(api).serve):
            thread = threading.Thread(target=part)
            thread.start()
            self._ends.callback(thread.join)
        self._ends.callback(store.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _containerd(self) -> Cri:
        """The runtime, with images as if they had been pulled, and a network of the cluster."""
        machine = self._node
        machine.run("mkdir", "-p", "/opt/cni/bin")
        machine.write("/etc/cni/net.d/10-cluster.conflist", json.dumps(NETWORK))
        serve(machine, "ptp", "host-local")
        for archive, name in (("/root/pause.tar", IMAGE), ("/root/busybox.tar", BUSYBOX)):
            write_image(machine.path(archive), name)
        for archive in ("/root/pause.tar", "/root/busybox.tar", *self._archives):
            take(machine, archive)
        cri = self._ends.enter_context(Cri(machine.path(SOCKET)))
        until_ready(machine, cri)
        return cri
