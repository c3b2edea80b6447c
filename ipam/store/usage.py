"""How full the pools of a node are: a look beside its calls, by which nothing is changed or kept waiting."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from conf.errors import StoreFailure
from ipam.ranges import V4_MAPPED
from ipam.regular import read_regular
from ipam.store.files import LARGEST
from ipam.store.lease_file import owner_of
from ipam.store.noted_pools import unpacked
from ipam.store.privilege import cure_of_refusal
from ipam.store.view import SqliteView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

EARLIER: Final = "(boot_id < :boot OR boot_id > :boot)"
RANGE_SETS: Final = (
    "SELECT network.id, name, directory, ranges, intervals, boot_id = :boot FROM range_set"
    " JOIN network ON network.id = range_set.network ORDER BY name, directory, position"
)
ATTACHMENTS: Final = (
    "SELECT name, count(*) FROM attachment JOIN network ON network.id = attachment.network"
    " WHERE boot_id = :boot GROUP BY network ORDER BY name"
)
LEASED: Final = "SELECT count(*) FROM lease WHERE network = :network AND address BETWEEN :first AND :last"
LEASED_EARLIER: Final = (
    "SELECT count(*) FROM attachment JOIN lease ON lease.attachment = attachment.id"  # noqa: S608 - constants only
    f" WHERE attachment.network = :network AND {EARLIER} AND address BETWEEN :first AND :last"
)
OWNERS_EARLIER: Final = (
    "SELECT container_id, ifname FROM attachment"  # noqa: S608 - constants only
    f" WHERE network = :network AND ipam_dir = :directory AND {EARLIER}"
)

Interval = tuple[bytes, bytes]


@dataclass(frozen=True)
class Pool:
    """One range set: how many addresses it can give, how many are held, and how many more an earlier boot left.

    ``directory`` is host-local's, "" for leases in the database. What an earlier boot left is free: the next ADD or
    STATUS makes it so.
    """

    network: str
    directory: str
    ranges: str
    size: int
    used: int
    earlier: int

    @property
    def free(self) -> int:
        """How many addresses can be given before the pool is exhausted."""
        return self.size - self.used


@dataclass(frozen=True)
class Usage:
    """The node's pools, and how many attachments each of its networks has."""

    pools: Sequence[Pool] = ()
    attachments: Sequence[tuple[str, int]] = ()


class UsageView(SqliteView):
    """The database, for who asks how full it is."""

    def usage(self) -> Usage:
        """What there is at this moment. Raises StoreFailure, StoreTooNew or TryAgain."""
        with self._exclusive() as connection:
            attachments = connection.execute(ATTACHMENTS, {"boot": self._boot_id}).fetchall()
            return Usage(self._pools(connection), attachments)

    def _pools(self, connection: Connection) -> list[Pool]:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'range_set'").fetchone():
            return []
        found = []
        for network, name, directory, ranges, packed, is_present in connection.execute(
            RANGE_SETS, {"boot": self._boot_id}
        ):
            intervals = list(unpacked(packed))
            place = {"network": network, "boot": self._boot_id, "directory": directory}
            if directory:
                earlier_owners = connection.execute(OWNERS_EARLIER, place).fetchall()
                held, earlier = _in_directory(os.path.join(directory, name), intervals, earlier_owners)
            else:
                held, earlier = (_counted(connection, each, place, intervals) for each in (LEASED, LEASED_EARLIER))
            size = sum(int.from_bytes(last) - int.from_bytes(first) + 1 for first, last in intervals)
            if is_present or held:  # else the network has not been used since the node started
                found.append(Pool(name, directory, ranges, size, held - earlier, earlier))
        return found


def _counted(connection: Connection, count: str, place: dict[str, str | int], intervals: list[Interval]) -> int:
    asked = (place | {"first": first, "last": last} for first, last in intervals)
    return sum(number for each in asked for (number,) in connection.execute(count, each))


def _in_directory(directory: str, intervals: list[Interval], earlier: list[tuple[str, str]]) -> tuple[int, int]:
    """How many addresses in these intervals host-local's directory holds, and how many of them for these owners."""
    try:
        held = [name for name in os.listdir(directory) if _is_within(name, intervals)]
        void = [name for name in held if _holder(os.path.join(directory, name)) in earlier] if earlier else []
    except FileNotFoundError:
        return 0, 0
    except OSError as error:
        raise StoreFailure(
            f"lease directory {directory}: {error}; {cure_of_refusal(error, 'check the directory')}",
            "nothing was changed",
        ) from error
    return len(held), len(void)


def _holder(path: str) -> tuple[str, str]:
    try:
        owner = owner_of("", read_regular(path, LARGEST, os.O_NOFOLLOW).strip())
    except FileNotFoundError:  # released between two looks
        return "", ""
    return owner.container_id, owner.ifname


def _is_within(name: str, intervals: Iterable[Interval]) -> bool:
    """Whether a file's name is an address in one of the intervals."""
    try:
        address = ip_address(name)
    except ValueError:
        return False
    blob = (int(address) + (0 if isinstance(address, IPv6Address) else V4_MAPPED.first)).to_bytes(16)
    return any(first <= blob <= last for first, last in intervals)
