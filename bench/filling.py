"""Lease stores that hold many leases already: our database by its own interface, host-local's directory by hand."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from netaddr import IPAddress, IPNetwork

from bench.contenders import IFNAME, NETWORK, POOL, SUBNET, container_id
from conf.ipam_config import RangeConfig
from ipam import pool
from ipam.lease import Attachment, Owner
from ipam.ranges import range_sets
from ipam.store.sqlite import SqliteStore
from plugin.node import BOOT_ID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RANGES: Final = range_sets(((RangeConfig(IPNetwork(SUBNET)),),))
BATCH: Final = 1000
OTHERS: Final = 1 << 40  # container ids from here on are those of the leases that are there already


@cache
def boot_id() -> str:
    """This boot's name: leases of another would be void."""
    return BOOT_ID.read_text().strip()


def attachment(name: str) -> Attachment:
    """One container, described at the length that real ones have."""
    netns = f"/run/netns/cni-{name[:36]}"
    return Attachment(Owner(NETWORK, name, IFNAME), netns, "4:4026531840", "macvlan", POOL, "", boot_id(), 1)


@dataclass(frozen=True)
class Stock:
    """Stores that hold so many leases each: ``ours`` has a database and host-local's files, ``theirs`` the files."""

    ours: Path
    theirs: Path

    @property
    def database(self) -> Path:
        """The state directory of our database."""
        return self.ours / "state"


def fill(scratch: Path, sizes: Sequence[int]) -> dict[int, Stock]:
    """Make the stores for each number of leases."""
    stocks = {held: Stock(scratch / f"{held}-ours", scratch / f"{held}-theirs") for held in sorted(sizes)}
    filled, before = 0, None
    for held, stock in stocks.items():
        if before:  # a larger database is the smaller one with some more
            shutil.copytree(before, stock.database)
        _fill_database(stock.database, filled, held)
        filled, before = held, stock.database
        for place in (stock.ours, stock.theirs):
            _fill_directory(place / "networks" / NETWORK, held)
    return stocks


def _fill_database(place: Path, begin: int, end: int) -> None:
    store = SqliteStore(str(place), boot_id())
    for batch in range(begin, end, BATCH):
        with store.transaction(NETWORK) as tx:
            for number in range(batch, min(batch + BATCH, end)):
                pool.acquire(tx, attachment(container_id(OTHERS + number)), RANGES, replace=False)
    store.close()


def _fill_directory(network: Path, held: int) -> None:
    network.mkdir(parents=True)
    base = RANGES[0].ranges[0].first.value + 1
    for number in range(held):
        lease = f"{container_id(OTHERS + number)}\r\n{IFNAME}"
        (network / str(IPAddress(base + number, 4))).write_text(lease, newline="")
    (network / "last_reserved_ip.0").write_text(str(IPAddress(base + held - 1, 4)))
