"""A runtime on a machine: it executes what is in /opt/cni/bin, and keeps what ADD answers."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tests.runtime import Answer, one_document

if TYPE_CHECKING:
    from tests.machine import Machine
    from tests.runtime import Json

BIN = "/opt/cni/bin"
NAME = "cni-macvlan-py"
IFNAME = "net1"


class Container:
    """A network namespace on a machine, and the calls that are made for it; a context manager."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._name = name
        self._result: Json | None = None
        self.netns = f"/run/netns/{name}"

    def __enter__(self) -> Self:
        self._machine.run("ip", "netns", "add", self._name)
        return self

    def __exit__(self, *_: object) -> None:
        self._machine.run("ip", "netns", "delete", self._name)

    def call(self, verb: str, config: Json, plugin: str = NAME) -> Answer:
        """One call; between ADD and DEL the answer of ADD goes along."""
        variables = {
            "CNI_COMMAND": verb, "CNI_CONTAINERID": self._name, "CNI_NETNS": self.netns, "CNI_IFNAME": IFNAME,
            "CNI_PATH": f"{BIN}:/usr/lib/cni", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }  # fmt: skip
        done = subprocess.run(
            [*self._machine.enter(), f"{BIN}/{plugin}"], env=variables, capture_output=True, text=True, timeout=60,
            input=json.dumps({"prevResult": self._result, **config} if self._result else config), check=False,
        )  # fmt: skip
        answer = Answer(done.returncode, one_document(done.stdout), done.stdout, done.stderr)
        if verb in {"ADD", "DEL"} and answer.ok:
            self._result = answer.document
        return answer

    def addresses(self) -> list[str]:
        """The global addresses on its interface, as the kernel has them."""
        shown: list[dict[str, Any]] = json.loads(
            self._machine.run("ip", "-n", self._name, "-j", "address", "show", "scope", "global")
        )
        infos = [info for link in shown for info in link.get("addr_info", [])]
        return [f"{info['local']}/{info['prefixlen']}" for info in infos if info]
