"""The kinds of attachment whose calls are disturbed: a configuration, and where its IPAM plugins are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.lan import SUBNET4, SUBNET6
from tests.reference import NEW, OLD, reference

if TYPE_CHECKING:
    from tests.crash.preload import Preload

Json = dict[str, Any]

DUAL = [[{"subnet": SUBNET4}], [{"subnet": SUBNET6}]]
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.77.0.0/16", "gw": "10.9.0.9"}]

# The reference's host-local at 1.1.0: the old release speaks 1.0.0, and GC does nothing in any. One attachment that is
# valid is all that there is here.
FOREIGN = """#!/bin/sh
[ "$CNI_COMMAND" = GC ] && { grep -q containerID || exec rm -f DATA/*/[0-9]* DATA/*/*:*; exit 0; }
READ | REFERENCE/host-local
"""
READ = {OLD: "sed s/1.1.0/1.0.0/", NEW: "cat"}


@dataclass(frozen=True)
class Scenario:
    """``keys`` go into the network configuration, ``ipam`` with the lease directory added where it is host-local's.

    ``foreign`` is the release of the reference whose host-local is executed.
    """

    keys: Json
    ipam: Json | None = None
    foreign: str = ""

    def config(self, preload: Preload) -> Json:
        """The network configuration on a node."""
        made: Json = {"cniVersion": "1.1.0", "name": preload.lan.network, "type": "macvlan", "master": "eth0"}
        if self.ipam is not None:
            made["ipam"] = self.ipam | ({"dataDir": str(preload.data_dir)} if self.ipam["type"] == "host-local" else {})
        return made | self.keys

    def path(self, preload: Preload) -> str:
        """CNI_PATH: with somebody else's host-local in it, or with none."""
        if not self.foreign:
            return str(preload.bin)
        directory = preload.bin / "foreign"
        if not directory.exists():
            directory.mkdir()
            executable = directory / "host-local"
            text = FOREIGN.replace("DATA", str(preload.data_dir)).replace("READ", READ[self.foreign])
            executable.write_text(text.replace("REFERENCE", str(reference(self.foreign))))
            executable.chmod(0o755)
        return str(directory)


SCENARIOS = {
    "IPv4 pool": Scenario({}, {"type": "cni-macvlan-py", "ranges": DUAL[:1]}),
    "dual stack pool": Scenario({}, {"type": "cni-macvlan-py", "ranges": DUAL, "routes": ROUTES}),
    "host-local role": Scenario({}, {"type": "host-local", "ranges": DUAL, "routes": ROUTES}),
    "layer 2": Scenario({}),
    "passthru": Scenario(
        {"mode": "passthru", "linkInContainer": False}, {"type": "cni-macvlan-py", "ranges": DUAL[:1]}
    ),
    "foreign IPAM plugin": Scenario({}, {"type": "host-local", "ranges": DUAL}, foreign=NEW),
    "old foreign IPAM plugin": Scenario({}, {"type": "host-local", "ranges": DUAL}, foreign=OLD),
}
