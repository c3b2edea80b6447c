"""A container runtime in small: it executes the plugin as libcni does, and brings ADD's answer back as prevResult."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.cli.testbed import GATEWAYS, MASTER, NODE, PATH, STATE_DIR, SUBNETS, Failed, execute
from plugin.release import PROGRAM

if TYPE_CHECKING:
    from console.cli.testbed import Testbed

NETWORK = "demo"
IFNAME = "eth0"

Json = dict[str, Any]

CONFIG: Json = {
    "cniVersion": "1.1.0",
    "name": NETWORK,
    "type": PROGRAM,
    "master": MASTER,
    "mode": "bridge",
    "ipam": {
        "type": PROGRAM,
        "ranges": [[{"subnet": subnet, "gateway": gateway}] for subnet, gateway in zip(SUBNETS, GATEWAYS, strict=True)],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    },
}


@dataclass(frozen=True)
class Answer:
    """What a call came to; ``document`` is what was on stdout, None if nothing was, ``log`` what was on stderr."""

    status: int
    document: Any
    log: str
    seconds: float


class Runtime:
    """Calls one executable on the node of a testbed, with settings and state of its own."""

    def __init__(self, bed: Testbed, executable: str) -> None:
        self._bed = bed
        self._executable = executable
        self._results: dict[str, Any] = {}
        self.state_dir = os.path.join(bed.directory, STATE_DIR)
        self._settings = os.path.join(bed.directory, "settings.toml")
        with open(self._settings, "w", encoding="utf-8") as file:
            file.write(f"state_dir = {json.dumps(self.state_dir)}\n")

    def call(self, verb: str, container: str, keys: Json) -> Answer:
        """Execute the plugin for a verb, about a container or "" for none; ``keys`` are added to the configuration.

        Raises Failed if there is no answer that could be understood.
        """
        variables = {
            "PATH": PATH,
            "CNI_COMMAND": verb,
            "CNI_PATH": os.path.dirname(self._executable),
            "CNI_MACVLAN_SETTINGS": self._settings,
            "CNI_MACVLAN_AGENT_SOCKET": "",  # the node's own agent, if it has one, has nothing to do with this
        }
        if container:
            variables |= {
                "CNI_CONTAINERID": container,
                "CNI_NETNS": self._bed.path(container),
                "CNI_IFNAME": IFNAME,
            }
        config = CONFIG | keys
        if container in self._results:
            config["prevResult"] = self._results[container]
        begun = time.monotonic()
        with self._bed.inside(NODE):
            done = execute([self._executable], variables, json.dumps(config))
        seconds = time.monotonic() - begun
        try:
            document = json.loads(done.stdout) if done.stdout else None
        except ValueError as error:
            raise Failed(f"{verb} was answered with what is not JSON: {done.stdout!r} {done.stderr}") from error
        answer = Answer(done.returncode, document, done.stderr, seconds)
        if verb == "ADD" and answer.status == 0:
            self._results[container] = document
        return answer

    def addresses(self, container: str) -> list[str]:
        """The addresses that ADD answered, without their prefix lengths."""
        return [ip["address"].partition("/")[0] for ip in self._results[container]["ips"]]
