"""A person at the node of a runtime, and what such a person meets there."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.command import answered, call
from tests.lan import SUBNET4, SUBNET6
from tests.namespaces import Namespace
from tests.runtime import Json, Runtime


class Operator:
    """A person at the node of a runtime: its settings, and its configuration directory with the networks.

    With ``namespace`` it stands in that network namespace, and not in the machine's.
    """

    def __init__(self, runtime: Runtime, namespace: Namespace | None = None) -> None:
        self._prefix = ("nsenter", f"--net={namespace.path}") if namespace else ()
        self.conf_dir = runtime.directory / "net.d"
        self.conf_dir.mkdir()
        self.variables = {"CNI_MACVLAN_SETTINGS": str(runtime.settings)}

    def configure(self, config: Json) -> None:
        """Have a network in the directory."""
        (self.conf_dir / f"{config['name']}.conf").write_text(json.dumps(config))

    def run(self, *words: str | Path, **how: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - as call
        """Run a command."""
        how = {"prefix": self._prefix, "variables": self.variables} | how
        return call(*words, "--conf-dir", self.conf_dir, **how)

    def ask(self, *words: str | Path, **how: Any) -> Any:  # noqa: ANN401 - any JSON
        """The JSON document of a command."""
        how = {"prefix": self._prefix, "variables": self.variables} | how
        return answered(*words, "--conf-dir", self.conf_dir, **how)

    def leased(self, *words: str) -> list[str]:
        """The addresses that ``leases`` shows."""
        return [lease["address"] for lease in self.ask("leases", *words)["leases"]]


def dual_stack(runtime: Runtime, kind: str) -> Json:
    ipam: Json = {"type": kind, "ranges": [[{"subnet": SUBNET4, "rangeEnd": "10.9.0.9"}], [{"subnet": SUBNET6}]]}
    return runtime.config(ipam | ({"dataDir": str(runtime.data_dir)} if kind == "host-local" else {}))


def set_boot(runtime: Runtime, container_id: str) -> None:
    """Have a record be of another boot."""
    with sqlite3.connect(runtime.state_dir / "leases.db") as db:
        db.execute("UPDATE attachment SET boot_id = 'another' WHERE container_id = ?", (container_id,))
    db.close()
