"""What is left in a namespace, in the lease database and on the disk: plain values that can be compared."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tests.namespaces import inside

if TYPE_CHECKING:
    from tests.crash.preload import Preload

Kernel = dict[str, list[str]]


def kernel(namespace: Path) -> Kernel:
    """Links, addresses, routes and the sysctl that an ADD may have to change, of a namespace."""
    return inside(namespace, _look)


def _look() -> Kernel:
    net = Path("/proc/thread-self/net")
    return {
        "links": sorted(name for _, name in socket.if_nameindex()),
        "addresses": sorted((net / "if_inet6").read_text().splitlines()),
        # the columns but for reference counts
        "routes6": sorted(
            " ".join([*words[:6], words[9]]) for words in map(str.split, (net / "ipv6_route").read_text().splitlines())
        ),
        "routes4": sorted((net / "route").read_text().splitlines()),
        "local4": (net / "fib_trie").read_text().splitlines(),
        "disable_ipv6": [Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6").read_text()],
    }


def is_settled(namespace: Path, ifname: str) -> bool:
    """Whether a link has an IPv6 address and none whose duplicate address detection goes on (IFA_F_TENTATIVE)."""
    rows = map(str.split, inside(namespace, Path("/proc/thread-self/net/if_inet6").read_text).splitlines())
    flags = [int(row[4], 16) for row in rows if row[5] == ifname]
    return bool(flags) and not any(each & 0x40 for each in flags)


def alias(namespace: Path, ifname: str) -> str:
    """The alias of a link; "" if it has none, or is not there."""
    command = ["nsenter", f"--net={namespace}", "ip", "link", "show", "dev", ifname]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return shown.partition("alias ")[2].strip()


def rows(state_dir: Path) -> dict[str, int]:
    """How many attachments and leases the database has; a database that was never completed has none."""
    path = state_dir / "leases.db"
    if not path.exists() or path.stat().st_size == 0:
        return {"attachment": 0, "lease": 0}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            return {"attachment": 0, "lease": 0}
        counted = {}
        for table in ("attachment", "lease"):
            (counted[table],) = database.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - two words
        (check,) = database.execute("PRAGMA integrity_check").fetchone()
        assert check == "ok"
        return counted


def strange_files(preload: Preload) -> list[str]:
    """Files in the state directory and in the lease directory that no idle node has."""
    usual = {"leases.db", "leases.db-wal", "leases.db-shm", "leases.db.daily", "leases.db.daily-new", "netns.lock"}
    found = [str(path) for path in _listed(preload.state_dir) if path.name not in usual]
    for network in _listed(preload.data_dir):
        leases = _listed(network)
        found += [str(path) for path in leases if path.name != "lock" and not path.name.startswith("last_reserved_ip.")]
    return found


def _listed(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def everything(preload: Preload, *namespaces: Path) -> dict[str, object]:
    """All of it, for a comparison with what was there before."""
    return {
        **{str(namespace): kernel(namespace) for namespace in namespaces},
        "rows": rows(preload.state_dir),
        "files": strange_files(preload),
    }
