"""What there is: the interfaces of every living container, and what both stores and the executed plugin hold."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from tests.namespaces import execute

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from tests.soak.history import Key


@dataclass(frozen=True)
class Interface:
    """A macvlan interface, with its addresses as ``address/length``; link-local ones are left out."""

    container: str
    name: str
    mac: str
    up: bool
    addresses: frozenset[str]


@dataclass(frozen=True)
class Lease:
    """An address that is held in a network."""

    network: str
    address: str
    key: Key


@dataclass(frozen=True)
class Survey:
    """Everything at one moment; ``records`` are attachments in the database, of this boot or another.

    ``partial``: the database was not looked at.
    """

    interfaces: tuple[Interface, ...]
    leases: tuple[Lease, ...]
    records: tuple[tuple[str, Key], ...]
    void: frozenset[Key] = field(default=frozenset())
    """Whose records are of another boot."""
    partial: bool = False

    def text(self) -> str:
        """All of it, for people."""
        return json.dumps(asdict(self), indent=1, default=sorted)


def look(namespaces: Mapping[str, str], database: Path | None, directories: Mapping[str, Path], boot_id: str) -> Survey:
    """Look at namespaces (container id to path), at the database and at host-local directories (by network)."""
    with ThreadPoolExecutor(2) as threads:
        seen = list(threads.map(_interfaces, namespaces, namespaces.values()))
    leases, records, void = _database(database, boot_id) if database else ([], [], [])
    for network, directory in directories.items():
        leases += _directory(network, directory)
    interfaces = tuple(each for part in seen for each in part)
    return Survey(interfaces, tuple(leases), tuple(records), frozenset(void), partial=database is None)


def _interfaces(container: str, path: str) -> list[Interface]:
    told = execute("nsenter", f"--net={path}", "ip", "-j", "-d", "addr", "show").stdout
    shown: list[dict[str, Any]] = json.loads(told)
    return [
        Interface(
            container, link["ifname"], link["address"], "UP" in link["flags"],
            frozenset(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a.get("scope") != "link"),
        )
        for link in shown
        if link.get("linkinfo", {}).get("info_kind") == "macvlan"
    ]  # fmt: skip


def _database(path: Path, boot_id: str) -> tuple[list[Lease], list[tuple[str, Key]], list[Key]]:
    if not path.exists() or path.stat().st_size == 0:
        return [], [], []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'lease'").fetchone():
            return [], [], []
        attached = database.execute(
            "SELECT attachment.id, network.name, container_id, ifname, boot_id FROM attachment"
            " JOIN network ON network.id = attachment.network"
        ).fetchall()
        held = database.execute("SELECT attachment, address FROM lease").fetchall()
    keys = {number: (network, (container, ifname), boot) for number, network, container, ifname, boot in attached}
    leases = [Lease(keys[number][0], _address(blob), keys[number][1]) for number, blob in held]
    void = [key for _, key, boot in keys.values() if boot != boot_id]
    return leases, [(network, key) for network, key, _ in keys.values()], void


def _address(blob: bytes) -> str:
    address = IPv6Address(blob)
    return str(address.ipv4_mapped or address)


def remove_but(directory: Path, kept: Collection[Key]) -> None:
    """Remove what a host-local directory leases to others."""
    for lease in _directory("", directory):
        if lease.key not in kept:
            (directory / lease.address).unlink()


def _directory(network: str, directory: Path) -> list[Lease]:
    """A file that was never filled is no lease: whoever made it was killed, or found the disk full."""
    found = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.name == "lock" or path.name.startswith("last_reserved_ip."):
            continue
        container, _, ifname = path.read_bytes().decode().strip().partition("\r\n")
        if container:
            found.append(Lease(network, str(ip_address(path.name)), (container, ifname)))
    return found
