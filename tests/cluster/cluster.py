"""A cluster of one node: our stand-ins for its control plane, kubelet and Multus, and a machine with containerd."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.cluster.api import Api
from tests.cluster.controllers import Controllers
from tests.cluster.kinds import NAMESPACE
from tests.cluster.kubelet import Kubelet
from tests.cluster.runtime import runtime
from tests.cluster.server import Server
from tests.cluster.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine import Machine


@contextmanager
def cluster(node: Machine, *archives: str) -> Iterator[None]:
    """Serve the API on every address of the node, whose runtime has the images of the archives."""
    with ExitStack() as ends:
        cri = ends.enter_context(runtime(node, *archives))
        store = Store()
        api = Api(store)
        api.create(NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
        kubelet = Kubelet(node, cri, store)
        ends.enter_context(Server(node.network, api, kubelet))
        for part in (kubelet.serve, Controllers(api).serve):
            thread = threading.Thread(target=part)
            thread.start()
            ends.callback(thread.join)
        ends.callback(store.close)
        yield
