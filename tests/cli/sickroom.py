"""A node of the test's own with all that ``doctor`` looks at; faults are planted in it.

Mount and process namespaces of its own keep other tests' namespaces out of sight: doctor looks into all that it finds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cli.alone import PROCESSES, alone
from tests.cli.command import call
from tests.runtime import DOOR, Json

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lan import Lan
    from tests.runtime import Runtime


class Sickroom:
    """A node with one network on its ``eth0``; ``examined`` has doctor look at it and returns what it found."""

    def __init__(self, lan: Lan, runtime: Runtime, directory: Path) -> None:
        self.lan = lan
        self.runtime = runtime
        self.places = {name: directory / name for name in ("cni/conf-dir", "app-dir", "data-dir", "units", "sysfs")}
        for place in self.places.values():
            place.mkdir(parents=True)
        self.places["conf-dir"] = self.places.pop("cni/conf-dir")
        for name in ("podman", "containers-conf", "containers-storage"):
            self.places[name] = directory / name
        self.places["bin-dir"] = runtime.cni_path
        self.places["settings"] = runtime.settings
        self.places["socket"] = directory / "agent.sock"
        self.before = ""
        self.capabilities = "+all"
        self.write("50-lan.conflist", plugins=[self.plugin()])

    def plugin(self, **keys: object) -> Json:
        """What our plugin is told, with keys changed."""
        ranges = [[{"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.10", "rangeEnd": "10.9.0.19"}]]
        return {"type": DOOR.name, "master": "eth0", "ipam": {"type": DOOR.name, "ranges": ranges}} | keys

    def write(self, file: str, **keys: object) -> Path:
        """Put a network configuration into its directory."""
        path = self.places["conf-dir"] / file
        path.write_text(json.dumps({"cniVersion": "1.0.0", "name": self.lan.network} | keys))
        return path

    def config(self, **keys: object) -> Json:
        """What a runtime calls our plugin with for this network."""
        return {"cniVersion": "1.0.0", "name": self.lan.network} | self.plugin(**keys)

    def examined(
        self, *options: str, status: int | None = None, hidden: tuple[str, ...] = PROCESSES
    ) -> list[dict[str, Any]]:
        """What doctor finds, most of it by ``check``; it exits with 1 if an error is among it."""
        words = [f"--{name}={path}" for name, path in self.places.items()]
        enter = f'exec nsenter --net={self.lan.node.path} setpriv --bounding-set {self.capabilities} "$@"'
        prefix = alone(self.lan, f"{self.before}\n{enter}", hidden)
        done = call("doctor", "--json", *words, *options, prefix=prefix)
        assert done.stderr == "", done.stderr
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        expected = int(any(each["severity"] == "error" for each in findings)) if status is None else status
        assert done.returncode == expected, done
        return findings
