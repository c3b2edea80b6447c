"""The node of a runtime: a machine with the plugin, its networks, and a root file system for containers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lan import SUBNET4

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.machine import Machine
    from tests.runtime import Json

ROOTFS = "/root/rootfs"
ROOT_FILE_SYSTEM = f"""
    rm -f /etc/cni/net.d/*
    mkdir -p {ROOTFS} && cd {ROOTFS} && mkdir bin etc proc sys dev && cp /bin/busybox bin/
    chroot . /bin/busybox --install -s /bin
"""
UNITS = "/opt/cni-macvlan-py/current/deploy/systemd"
AGENT = "cni-macvlan-py-agent.socket"
LOG = "/var/log/cni-macvlan-py.log"
SETTINGS = f'log_file = "{LOG}"\nlog_level = "debug"\n'


class Node:
    """``lan.node`` with the plugin installed; containers get a busybox for a root file system."""

    def __init__(self, lan: Lan, machine: Machine) -> None:
        self.lan = lan
        self.machine = machine
        machine.write("/etc/cni-macvlan-py/settings.toml", SETTINGS)
        machine.run("sh", "-euc", ROOT_FILE_SYSTEM)

    def serve(self, way: str) -> None:
        """Have systemd start the agent at the first call, or have every call start its own Python."""
        if way == "agent":
            self.machine.run("sh", "-c", f"cp {UNITS}/* /etc/systemd/system && systemctl daemon-reload")
            self.machine.run("systemctl", "start", AGENT)

    def network(self, name: str, *, version: str = "1.0.0", **ipam: object) -> None:
        """Write a network list of one macvlan on the master, with addresses of the LAN."""
        ipam = {"type": "cni-macvlan-py", "subnet": SUBNET4, "rangeStart": "10.9.0.20", "rangeEnd": "10.9.0.29", **ipam}
        plugin = {"type": "cni-macvlan-py", "master": "eth0", "ipam": ipam}
        network: Json = {"cniVersion": version, "name": name, "plugins": [plugin]}
        self.machine.write(f"/etc/cni/net.d/50-{name}.conflist", json.dumps(network))

    def log(self) -> str:
        """What the plugin has logged."""
        log = self.machine.path(LOG)
        return log.read_text() if log.exists() else ""
