"""podman 4 with the CNI backend, on a node of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.runtimes.node import ROOTFS

if TYPE_CHECKING:
    import subprocess

    from tests.runtimes.node import Node

# crun wants one version of cgroups and systemd; the limits are those that root may set without CAP_SYS_RESOURCE.
LIMITED = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
"""containers.conf on a machine that is limited as the test run is."""
# The reference plugins' directory would come before ours.
CNI = """
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
"""


class Podman:
    """Runs podman's commands on a node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        node.machine.write("/etc/containers/containers.conf", LIMITED + CNI)

    def __call__(self, *words: str) -> str:
        """What a command that has to succeed writes."""
        return self.node.machine.run("podman", *words)

    def refused(self, *words: str) -> str:
        """What a command that has to fail tells its user."""
        done: subprocess.CompletedProcess[str] = self.node.machine.start("podman", *words)
        assert done.returncode != 0
        return done.stderr

    def run(self, name: str, network: str, *options: str) -> str:
        """Start a container that sleeps; its address as seen from inside."""
        options = ("--detach", "--cap-add", "NET_RAW", "--name", name, "--network", network, *options)
        self("run", *options, "--rootfs", ROOTFS, "sleep", "1000")
        return self.address(name)

    def address(self, name: str, ifname: str = "eth0") -> str:
        """The address as the container sees it."""
        shown = self("exec", name, "ip", "-4", "-o", "address", "show", "dev", ifname)
        (address,) = re.findall(r"inet ([0-9.]+)/", shown)
        return str(address)

    def stop(self, *names: str) -> None:
        """Stop and remove containers."""
        self("rm", "--force", "--time", "0", *names)
