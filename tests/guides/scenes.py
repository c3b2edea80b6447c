"""What has happened to the reader whom a section of a page helps, and what is put away when they leave it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.machine import Machine

NETWORK = "/etc/cni/net.d/50-lan.conflist"
DATABASE = "/var/lib/cni/cni-macvlan-py/leases.db"
SOCKET = "/run/cni-macvlan-py/agent.sock"
# A container of a runtime that was killed.
LOST = f"""
    ip netns add till-0
    python3 -c '
import json
network = json.load(open("{NETWORK}"))
print(json.dumps({{"cniVersion": "1.0.0", "name": "lan", **network["plugins"][0]}}))' |
        CNI_COMMAND=ADD CNI_CONTAINERID=8f5c1a2b3d4e CNI_NETNS=/run/netns/till-0 CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
        /opt/cni/bin/cni-macvlan-py
    ip netns del till-0
"""
WITHOUT_AGENT = "systemctl stop cni-macvlan-py-agent.socket cni-macvlan-py-agent.service"
DEAF = f"""
    python3 -c 'import os, socket; os.umask(0o177); socket.socket(socket.AF_UNIX).bind("{SOCKET}")'
"""


@dataclass(frozen=True)
class Scene:
    """Two scripts, before the first step and after the last."""

    before: str
    after: str = ""


@contextmanager
def on(machine: Machine, scene: Scene) -> Iterator[None]:
    """The scene around what the reader does, who is well in the end."""
    machine.run("sh", "-euc", scene.before)
    yield
    machine.run("sh", "-euc", scene.after)
    examined = json.loads(machine.run("/opt/cni/bin/cni-macvlan-py", "doctor", "--json"))
    assert examined["findings"] == [], examined["findings"]


SCENES = {
    ("docs/modes.md", "The node and its own containers"): Scene(
        "podman run --detach --name neighbour --network lan --ip 192.168.1.200 docker.io/library/busybox sleep 1000",
        "podman rm --force --time 0 neighbour",
    ),
    ("docs/troubleshooting.md", "A container does not start"): Scene("ip link set eth0 down"),
    ("docs/troubleshooting.md", "A container has its address and reaches nobody"): Scene(
        "echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp"
    ),
    ("docs/troubleshooting.md", "Address conflict: two hosts have a duplicate address"): Scene(
        "mkdir -p /var/lib/cni/networks/old; printf '27d1c0ffee42\\r\\neth0' >/var/lib/cni/networks/old/192.168.1.201"
    ),
    ("docs/troubleshooting.md", "Addresses run out"): Scene(LOST + f"chmod 644 {DATABASE}"),
    ("docs/troubleshooting.md", "Calls are slow"): Scene(WITHOUT_AGENT + DEAF),
    ("docs/troubleshooting.md", "After an upgrade nothing has changed"): Scene(
        "cd /opt/cni-macvlan-py; cp -a $(readlink -f current) releases/next; ln -sfn releases/next current"
    ),
    ("docs/errors.md", "100 InvalidSettings"): Scene(
        "echo 'log_levle = \"info\"' >/etc/cni-macvlan-py/settings.toml", "rm /etc/cni-macvlan-py/settings.toml"
    ),
    ("docs/errors.md", "101 MasterNotFound"): Scene(f"sed -i s/eth0/eth7/ {NETWORK}"),
    ("docs/errors.md", "107 PoolExhausted"): Scene(
        f"cp {NETWORK} /root; sed -i s/1.249/1.200/ {NETWORK}" + LOST, f"cp /root/50-lan.conflist {NETWORK}"
    ),
    ("docs/errors.md", "109 StoreFailure"): Scene(
        f"systemctl stop cni-macvlan-py-agent.service\nrm -f {DATABASE}-*; head -c 16384 /dev/urandom >{DATABASE}"
    ),
}
