"""containerd on a node of a cluster: images as if they had been pulled, and the network that pods have anyway."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.runtimes.containerd import IMAGE, SOCKET, serve, take, until_ready
from tests.runtimes.cri import Cri
from tests.runtimes.image import write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine import Machine

BUSYBOX = "docker.io/library/busybox:latest"
# The cluster's own network; a link to each pod, and none that stays.
NETWORK = {
    "cniVersion": "1.0.0", "name": "cluster",
    "plugins": [{"type": "ptp", "ipam": {"type": "host-local", "subnet": "10.244.0.0/24"}}],
}  # fmt: skip


@contextmanager
def runtime(machine: Machine, *archives: str) -> Iterator[Cri]:
    """A connection to the runtime, which has a busybox and the images of the archives."""
    machine.run("mkdir", "-p", "/opt/cni/bin")
    machine.write("/etc/cni/net.d/10-cluster.conflist", json.dumps(NETWORK))
    serve(machine, "ptp", "host-local")
    own = {"/root/pause.tar": IMAGE, "/root/busybox.tar": BUSYBOX}
    for archive, name in own.items():
        write_image(machine.path(archive), name)
    for archive in (*own, *archives):
        take(machine, archive)
    with Cri(machine.path(SOCKET)) as cri:
        until_ready(machine, cri)
        yield cri
