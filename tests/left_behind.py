"""What containers have left on a machine: interfaces, leases, records, namespaces and references to them."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.machine import Machine

LEASES = "/var/lib/cni/networks"
DATABASE = "/var/lib/cni/cni-macvlan-py/leases.db"
# SQLite follows symbolic links on its own, so that only a process inside can open the database.
ROWS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for table in ("attachment", "lease"):
    for row in database.execute(f"SELECT * FROM {table}"):
        print(table, row)
"""


def left_on(machine: Machine, seconds: float = 30) -> list[str]:
    """Everything that stays, in words; nothing if each container's end was complete.

    An agent lets go of its caller's namespace after the answer, and podman cleans up once more on its own.
    """
    deadline = time.monotonic() + seconds
    while (left := _seen_on(machine)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _seen_on(machine: Machine) -> list[str]:
    links = [name for name in machine.network.links() if name not in {"lo", "eth0"}]
    return links + _leases(machine) + _namespaces(machine)


def _leases(machine: Machine) -> list[str]:
    files = [str(lease) for lease in machine.path(LEASES).glob("*/*") if lease.name[0].isdigit()]
    recorded = machine.path(DATABASE).exists()
    return files + (machine.run("python3", "-c", ROWS, DATABASE).splitlines() if recorded else [])


def _namespaces(machine: Machine) -> list[str]:
    names = machine.path("/run/netns")
    named = sorted(path.name for path in names.iterdir()) if names.is_dir() else []
    own = f"net:[{machine.network.path.stat().st_ino}]"
    held = []
    for process in machine.path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):  # ended meanwhile
            command = (process / "cmdline").read_text().replace("\0", " ")
            handles = {str(handle.readlink()) for handle in (process / "ns/net", *(process / "fd").iterdir())}
            held += [f"{command}: {handle}" for handle in handles - {own} if handle.startswith("net:[")]
    return named + held
