"""A runtime on a machine: it executes what is in /opt/cni/bin, and keeps what ADD answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from tests.machine import SECONDS
from tests.runtime import Answer, one_document

if TYPE_CHECKING:
    from tests.machine import Machine
    from tests.runtime import Json

BIN = "/opt/cni/bin"
NAME = "cni-macvlan-py"
IFNAME = "net1"


def execute(machine: Machine, plugin: str, config: Json, **variables: str) -> Answer:
    """Execute what is in /opt/cni/bin, with ``CNI_…`` variables."""
    with machine.spawn(f"{BIN}/{plugin}", **{f"CNI_{key}": value for key, value in variables.items()}) as process:
        said, _ = process.communicate(json.dumps(config), timeout=SECONDS)
    return Answer(process.returncode, one_document(said), said, "")


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
        given = {"CONTAINERID": self._name, "NETNS": self.netns, "IFNAME": IFNAME, "PATH": f"{BIN}:/usr/lib/cni"}
        config = {"prevResult": self._result, **config} if self._result else config
        answer = execute(self._machine, plugin, config, COMMAND=verb, **given)
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
