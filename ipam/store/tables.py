"""The tables of the lease database.

Addresses are 16 bytes, IPv4 as ``::ffff:a.b.c.d``, so that the order of bytes is the order of addresses.
At any time ``used`` covers exactly the addresses of ``lease`` and of ``released``: with it the next address that was
never given is one index probe away, however many leases there are.
"""

from __future__ import annotations

from typing import Final

from netaddr import IPAddress

from ipam.ranges import V4_MAPPED, V6
from ipam.store import history, noted_pools

APPLICATION_ID: Final = 0x636E694D
"""``PRAGMA application_id``: "cniM"."""

VERSION: Final = 2
"""``PRAGMA user_version``: 0 is a database that was never completed, 1 one whose attachments lack ``ADDED``."""

ADDED: Final = ("delegation TEXT NOT NULL DEFAULT ''", "serial INTEGER NOT NULL DEFAULT 0")
"""Columns of attachments since version 2; the defaults are what an earlier release has recorded."""

ELSEWHERE: Final = 0
"""The ``released.pool`` of an address that its own pool may not give at present (excluded, or a gateway)."""

MAPPED: Final = range(V4_MAPPED.first, V4_MAPPED.last + 1)
"""The numbers of IPv4 addresses as IPv6 ones."""

STATEMENTS: Final = (
    """CREATE TABLE network (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE)""",
    # A range set as it was configured, and the address that it gave last.
    """CREATE TABLE pool (
        id INTEGER PRIMARY KEY,
        network INTEGER NOT NULL,
        ranges TEXT NOT NULL,
        last BLOB NOT NULL CHECK (length(last) = 16),
        UNIQUE (network, ranges))""",
    f"""CREATE TABLE attachment (
        id INTEGER PRIMARY KEY,
        network INTEGER NOT NULL,
        container_id TEXT NOT NULL,
        ifname TEXT NOT NULL,
        netns TEXT NOT NULL,
        netns_id TEXT NOT NULL,
        device TEXT NOT NULL,
        ipam TEXT NOT NULL,
        ipam_dir TEXT NOT NULL,
        boot_id TEXT NOT NULL,
        created INTEGER NOT NULL,
        pod_namespace TEXT NOT NULL,
        pod_name TEXT NOT NULL,
        {", ".join(ADDED)},
        UNIQUE (network, container_id, ifname))""",
    "CREATE INDEX attachment_boot ON attachment (network, boot_id)",
    """CREATE TABLE lease (
        network INTEGER NOT NULL,
        address BLOB NOT NULL CHECK (length(address) = 16),
        attachment INTEGER NOT NULL,
        pool INTEGER NOT NULL,
        PRIMARY KEY (network, address)) WITHOUT ROWID""",
    "CREATE INDEX lease_attachment ON lease (attachment)",
    # Runs of addresses that were given at least once; runs neither overlap nor touch.
    """CREATE TABLE used (
        network INTEGER NOT NULL,
        first BLOB NOT NULL,
        last BLOB NOT NULL CHECK (length(last) = 16 AND first <= last),
        PRIMARY KEY (network, first)) WITHOUT ROWID""",
    # A queue for each pool: the address that was released longest ago has the lowest seq.
    """CREATE TABLE released (
        network INTEGER NOT NULL,
        address BLOB NOT NULL CHECK (length(address) = 16),
        pool INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (network, address)) WITHOUT ROWID""",
    "CREATE INDEX released_order ON released (pool, seq)",
    noted_pools.TABLE,
    history.TABLE,
    history.BEGINNING,
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def blob_of(address: IPAddress) -> bytes:
    """Return the 16 bytes under which the address is stored."""
    return packed(address.value, address.version)


def packed(value: int, version: int) -> bytes:
    """Return the 16 bytes of the address that has this number in its family."""
    return (value if version == V6 else value + MAPPED.start).to_bytes(16)


def address_of(blob: bytes) -> IPAddress:
    """Return the address that is stored as these 16 bytes."""
    value = int.from_bytes(blob)
    return IPAddress(value - MAPPED.start, 4) if value in MAPPED else IPAddress(value, V6)


def next_blob(blob: bytes) -> bytes:
    """Return what sorts right behind the address: the next one, or for the last of all something beyond."""
    return blob + b"\0" if blob == b"\xff" * 16 else (int.from_bytes(blob) + 1).to_bytes(16)
