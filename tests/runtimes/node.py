"""The node of a runtime: a machine with the plugin, networks and root file systems for containers, and what remains."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
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
LEASES = Path("/var/lib/cni/networks")
DATABASE = "/var/lib/cni/cni-macvlan-py/leases.db"
# SQLite follows symbolic links on its own, so that only a process inside can open the database.
ROWS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for table in ("attachment", "lease"):
    for row in database.execute(f"SELECT * FROM {table}"):
        print(table, row)
"""
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

    def remains(self) -> list[str]:
        """What is left of containers: interfaces, leases, records, namespaces and references to them."""
        links = [name for name in self.lan.node.links() if name not in {"lo", "eth0"}]
        return links + self._leases() + self._namespaces()

    def _leases(self) -> list[str]:
        networks = self.machine.path(LEASES)
        files = [str(lease) for lease in networks.glob("*/*") if lease.name[0].isdigit()]
        database = self.machine.path(DATABASE)
        rows = self.machine.run("python3", "-c", ROWS, DATABASE).splitlines() if database.exists() else []
        return files + rows

    def _namespaces(self) -> list[str]:
        names = self.machine.path("/run/netns")
        named = sorted(path.name for path in names.iterdir()) if names.is_dir() else []
        own = f"net:[{self.lan.node.path.stat().st_ino}]"
        held = []
        for process in self.machine.path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
                command = (process / "cmdline").read_text().replace("\0", " ")
                handles = {str(handle.readlink()) for handle in (process / "ns/net", *(process / "fd").iterdir())}
                held += [f"{command}: {handle}" for handle in handles - {own} if handle.startswith("net:[")]
        return named + held
