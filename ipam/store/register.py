"""The attachments of one network as rows of the database: recorded, found again, forgotten."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from ipam.lease import Attachment, Owner
from ipam.store import noted_pools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from ipam.ranges import RangeSet

CIRCUMSTANCES: Final = (
    "netns", "netns_id", "device", "ipam", "ipam_dir", "boot_id", "created", "pod_namespace", "pod_name",
    "delegation", "serial",
)  # fmt: skip
"""What is remembered about an owner: columns and fields of the same names."""

COLUMNS: Final = ", ".join(("container_id", "ifname", *CIRCUMSTANCES))
MARKS: Final = ", ".join("?" * (2 + len(CIRCUMSTANCES)))
circumstances_of: Final = attrgetter(*CIRCUMSTANCES)

FIND: Final = f"SELECT {COLUMNS} FROM attachment WHERE network = ? AND "  # noqa: S608 - constants only
OF_OTHER_BOOTS: Final = f"{FIND}boot_id < ? UNION ALL {FIND}boot_id > ?"
"""Two probes of an index, which a condition on both sides of a boot would not use."""
ELSEWHERE: Final = (
    f"SELECT name, {COLUMNS} FROM attachment JOIN network ON network.id = attachment.network"  # noqa: S608 - as above
    " WHERE name <> ? AND container_id = ? AND ifname = ?"
)
INSERT: Final = (
    f"INSERT INTO attachment (network, {COLUMNS}) VALUES (?, {MARKS})"  # noqa: S608 - constants only
    " ON CONFLICT (network, container_id, ifname) DO NOTHING"
)
UPDATE: Final = f"UPDATE attachment SET ({COLUMNS}) = ({MARKS}) WHERE id = ?"  # noqa: S608 - constants only


class SqliteRegister:
    """Attachments of one network; implements ``Register``."""

    def __init__(self, connection: Connection, network: str, boot_id: str) -> None:
        self._run = connection.execute
        self._name = network
        self._boot_id = boot_id
        self._id = self._number("SELECT id FROM network WHERE name = ?", network)
        self._recorded: tuple[Attachment, int | None] | None = None  # the last one, and the number of its row

    def record(self, attachment: Attachment) -> None:
        """Remember the attachment in place of what was known about its owner."""
        self._record(attachment)

    def attachment(self, owner: Owner) -> Attachment | None:
        """What is remembered about the owner, None if nothing is."""
        found = self._attachments("container_id = ? AND ifname = ?", owner.container_id, owner.ifname)
        return found[0] if found else None

    def of_other_networks(self, owner: Owner) -> list[Attachment]:
        """The attachments of the owner's container and interface name that were made for other networks."""
        rows = self._run(ELSEWHERE, (self._name, owner.container_id, owner.ifname))
        return [Attachment(Owner(*row[:3]), *row[3:]) for row in rows]

    def attachments(self) -> list[Attachment]:
        """Every attachment of this network, oldest record first."""
        return self._attachments("1 ORDER BY id")

    def forget(self, owner: Owner) -> None:
        """Forget the owner."""
        self._recorded = None
        self._run(
            "DELETE FROM attachment WHERE network = ? AND container_id = ? AND ifname = ?",
            (self._id, owner.container_id, owner.ifname),
        )

    def earlier_boot(self) -> list[Attachment]:
        """The attachments of any boot but this one: two index probes when there are none."""
        rows = self._run(OF_OTHER_BOOTS, (self._id, self._boot_id) * 2)
        return [Attachment(Owner(self._name, *row[:2]), *row[2:]) for row in rows]

    def note_pools(self, directory: str, range_sets: Sequence[RangeSet]) -> None:
        """Remember the network's range sets, whose leases are in the directory or, for "", here."""
        noted_pools.note(self._run, self._network(), directory, self._boot_id, range_sets)

    def _record(self, attachment: Attachment) -> int | None:
        owner, network = attachment.owner, self._network()
        values = (owner.container_id, owner.ifname, *circumstances_of(attachment))
        made = self._run(INSERT, (network, *values))
        row = made.lastrowid if made.rowcount else self._attachment_id(owner)
        if not made.rowcount:
            self._run(UPDATE, (*values, row))
        self._recorded = attachment, row
        return row

    def _network(self) -> int | None:
        """Return the network's number, which a network gets with its first lease or attachment."""
        if self._id is None:
            self._id = self._run("INSERT INTO network (name) VALUES (?)", (self._name,)).lastrowid
        return self._id

    def _attachment_id(self, owner: Owner) -> int | None:
        return self._number(
            "SELECT id FROM attachment WHERE network = ? AND container_id = ? AND ifname = ?",
            self._id,
            owner.container_id,
            owner.ifname,
        )

    def _attachments(self, condition: str, *values: str) -> list[Attachment]:
        rows = self._run(FIND + condition, (self._id, *values))
        return [Attachment(Owner(self._name, *row[:2]), *row[2:]) for row in rows]

    def _number(self, statement: str, *values: str | int | None) -> int | None:
        row = self._run(statement, values).fetchone()
        return int(row[0]) if row else None
