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
PLUGIN, CALLS = "/opt/cni/bin/cni-macvlan-py", "/var/log/calls"
RECORDER = f"""#!/bin/bash
echo "$CNI_COMMAND $CNI_NETNS" >>{CALLS}
exec -a "$0" /opt/cni-macvlan-py/current/entry
"""


class Node:
    """``lan.node`` with the plugin installed; containers get a busybox for a root file system."""

    def __init__(self, lan: Lan, machine: Machine) -> None:
        self.lan = lan
        self.machine = machine
        machine.run("sh", "-euc", ROOT_FILE_SYSTEM)

    def serve(self, way: str) -> None:
        """Have every call start its own Python, from the door or the launcher, or have systemd keep an agent."""
        if way == "door":
            self.machine.run("ln", "-sf", "cni-macvlan-py", "/opt/cni-macvlan-py/current/entry")
        if way == "agent":
            self.machine.run("sh", "-c", f"cp {UNITS}/* /etc/systemd/system && systemctl daemon-reload")
            self.machine.run("systemctl", "start", AGENT)

    def restart_agent(self) -> None:
        """Restart the agent if it serves."""
        if self.machine.path("/run/cni-macvlan-py/agent.sock").exists():
            self.machine.run("systemctl", "restart", AGENT.replace(".socket", ".service"))

    def record(self) -> None:
        """Have each call noted on its way to the plugin."""
        plugin = self.machine.path(PLUGIN)
        plugin.unlink()
        plugin.write_text(RECORDER)
        plugin.chmod(0o755)

    def recorded(self) -> list[str]:
        """The calls so far: verb and namespace."""
        return self.machine.path(CALLS).read_text().splitlines()

    def network(self, name: str, *, version: str = "1.0.0", **ipam: object) -> None:
        """Write a network list of one macvlan on the master, with addresses of the LAN."""
        ipam = {"type": "cni-macvlan-py", "subnet": SUBNET4, "rangeStart": "10.9.0.20", "rangeEnd": "10.9.0.29", **ipam}
        plugin = {"type": "cni-macvlan-py", "master": "eth0", "ipam": ipam}
        network: Json = {"cniVersion": version, "name": name, "plugins": [plugin]}
        self.machine.write(f"/etc/cni/net.d/50-{name}.conflist", json.dumps(network))
