"""One transaction on the lease database: who holds what, and which address comes next.

The order is round robin over the addresses that were never given, from the one given last; when none is left, the
address that was released longest ago. Each step costs a fixed number of index probes, so the price of a lease does not
grow with their number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipam.lease import Owner
from ipam.store.register import SqliteRegister
from ipam.store.tables import ELSEWHERE, address_of, blob_of, next_blob, packed

if TYPE_CHECKING:
    from sqlite3 import Connection

    from netaddr import IPAddress

    from ipam.lease import Attachment
    from ipam.ranges import Interval, RangeSet

REST: Final = 65_536
"""How many released addresses of a pool may rest before they are given again, never-given ones or not.

In an IPv6 /64 the never-given addresses do not run out: without a limit the queue would grow for ever.
"""

POOL: Final = (
    "SELECT id, last, (SELECT min(seq) FROM released WHERE pool = pool.id),"
    " (SELECT max(seq) FROM released WHERE pool = pool.id) FROM pool WHERE network = ? AND ranges = ?"
)
"""A pool, and the ends of its queue."""

NEIGHBOURS: Final = "SELECT first, last FROM used WHERE network = ? AND first <= ? ORDER BY first DESC LIMIT 2"

HELD_BY: Final = (
    "SELECT address FROM lease WHERE attachment ="
    " (SELECT id FROM attachment WHERE network = ? AND container_id = ? AND ifname = ?) ORDER BY address"
)


class SqliteTransaction(SqliteRegister):
    """Leases and attachments of one network; implements ``Transaction`` and ``Register``."""

    def __init__(self, connection: Connection, network: str, boot_id: str) -> None:
        super().__init__(connection, network, boot_id)
        self._pools: dict[str, int] = {}  # what was found of them: the number of each, by its ranges

    # Leases

    def leases(self, owner: Owner) -> list[IPAddress]:
        """Every address that the owner holds, in address order."""
        rows = self._run(HELD_BY, (self._id, owner.container_id, owner.ifname))
        return [address_of(blob) for (blob,) in rows]

    def holder(self, address: IPAddress) -> Owner | None:
        """Who holds the address, None if it is free."""
        row = self._run(
            "SELECT container_id, ifname FROM lease JOIN attachment ON attachment.id = lease.attachment"
            " WHERE lease.network = ? AND address = ?",
            (self._id, blob_of(address)),
        ).fetchone()
        return Owner(self._name, *row) if row else None

    def owners(self) -> list[Owner]:
        """Every owner that holds an address."""
        rows = self._run(
            "SELECT container_id, ifname FROM attachment"
            " WHERE network = ? AND EXISTS (SELECT 1 FROM lease WHERE attachment = attachment.id) ORDER BY id",
            (self._id,),
        )
        return [Owner(self._name, *row) for row in rows]

    def next_free(self, range_set: RangeSet) -> IPAddress | None:
        """The next address of the set, None only if every one is leased."""
        row = self._run(POOL, (self._id, range_set.key)).fetchone()
        pool, last, low, high = row or (None, None, None, None)
        if pool is not None:
            self._pools[range_set.key] = pool
        # IPAddress("0.0.0.0") is false, hence all the "is not None".
        is_long = low is not None and high - low >= REST
        if pool is not None and is_long and (address := self._oldest(pool, range_set)) is not None:
            return address
        for interval in range_set.intervals(address_of(last) if last else None):
            if (address := self._never_given(interval, range_set.version)) is not None:
                return address
        if pool is not None and (address := self._oldest(pool, range_set)) is not None:
            return address
        return self._released_anywhere(range_set)

    def prepare(self) -> None:
        """Give the network its number."""
        self._network()

    def reserve(self, address: IPAddress, attachment: Attachment, range_set: RangeSet) -> None:
        """Give the address to the attachment, which is recorded if it is not known from this boot."""
        blob = blob_of(address)
        network = self._network()
        pool = self._pools.get(range_set.key)
        if pool is None:
            pool = self._number("SELECT id FROM pool WHERE network = ? AND ranges = ?", network, range_set.key)
        if pool is None:
            pool = self._run(
                "INSERT INTO pool (network, ranges, last) VALUES (?, ?, ?)", (network, range_set.key, blob)
            ).lastrowid
        else:
            self._run("UPDATE pool SET last = ? WHERE id = ?", (blob, pool))
        self._give(blob, attachment, pool)

    def adopt(self, address: IPAddress, attachment: Attachment) -> None:
        """Lease the address, which must be free, to who is known to have it, whatever pool it was given from."""
        self._network()
        self._give(blob_of(address), attachment, ELSEWHERE)

    def _give(self, blob: bytes, attachment: Attachment, pool: int | None) -> None:
        network = self._id
        holder = self._holder(attachment)
        self._run("INSERT INTO lease VALUES (?, ?, ?, ?)", (network, blob, holder, pool))
        if not self._run("DELETE FROM released WHERE network = ? AND address = ?", (network, blob)).rowcount:
            self._mark(network, blob)

    def _holder(self, attachment: Attachment) -> int | None:
        """The number of the attachment's row."""
        if self._recorded and self._recorded[0] == attachment:
            return self._recorded[1]
        owner = attachment.owner
        known = self._run(
            "SELECT id, boot_id FROM attachment WHERE network = ? AND container_id = ? AND ifname = ?",
            (self._id, owner.container_id, owner.ifname),
        ).fetchone()
        return int(known[0]) if known and known[1] == attachment.boot_id else self._record(attachment)

    def release(self, owner: Owner) -> list[IPAddress]:
        """Free all that the owner holds; it queues behind what was released before."""
        holder = self._attachment_id(owner)
        held = self._held(holder)
        for blob, pool in held:
            self._run(
                "INSERT INTO released VALUES (?1, ?2, ?3,"
                " (SELECT coalesce(max(seq), 0) + 1 FROM released WHERE pool = ?3))",
                (self._id, blob, pool),
            )
        if held:
            self._run("DELETE FROM lease WHERE attachment = ?", (holder,))
        return [address_of(blob) for blob, _ in held]

    def forget(self, owner: Owner) -> None:
        """Forget the owner, with the addresses that it still holds."""
        self.release(owner)
        super().forget(owner)

    # Behind the scenes

    def _never_given(self, interval: Interval, version: int) -> IPAddress | None:
        first, last = (packed(end, version) for end in interval)
        row = self._run(
            "SELECT last FROM used WHERE network = ? AND first <= ? ORDER BY first DESC LIMIT 1", (self._id, first)
        ).fetchone()
        if row and row[0] >= first:
            # Runs never touch: the address behind one is not in another.
            first = next_blob(row[0])
        return address_of(first) if first <= last else None

    def _oldest(self, pool: int, range_set: RangeSet) -> IPAddress | None:
        """Take the head of the queue; heads that are excluded by now are filed elsewhere, once, and not met again."""
        while row := self._run("SELECT address FROM released WHERE pool = ? ORDER BY seq LIMIT 1", (pool,)).fetchone():
            if range_set.gives(address := address_of(row[0])):
                return address
            self._run("UPDATE released SET pool = ? WHERE network = ? AND address = ?", (ELSEWHERE, self._id, row[0]))
        return None

    def _released_anywhere(self, range_set: RangeSet) -> IPAddress | None:
        """Find what was released under another configuration of the ranges."""
        for interval in range_set.intervals():
            first, last = (packed(end, range_set.version) for end in interval)
            row = self._run(
                "SELECT address FROM released WHERE network = ? AND address BETWEEN ? AND ? LIMIT 1",
                (self._id, first, last),
            ).fetchone()
            if row:
                return address_of(row[0])
        return None

    def _mark(self, network: int | None, blob: bytes) -> None:
        """Add the address to ``used`` and join it with the runs on both sides."""
        first = last = blob
        behind = next_blob(blob)
        for run in self._run(NEIGHBOURS, (network, behind)).fetchall():
            if run[0] == behind:
                last = run[1]
                self._run("DELETE FROM used WHERE network = ? AND first = ?", (network, behind))
            elif next_blob(run[1]) == blob:
                first = run[0]
        self._run("INSERT OR REPLACE INTO used VALUES (?, ?, ?)", (network, first, last))

    def _held(self, attachment: int | None) -> list[tuple[bytes, int]]:
        return self._run(
            "SELECT address, pool FROM lease WHERE attachment = ? ORDER BY address", (attachment,)
        ).fetchall()
