"""What range sets a network has at present: noted for those who ask how full they are, no address depends on it.

The table is beside the schema and not of it: a database that lacks it gets it with the next address that is given,
and a version of this program that does not know it is not disturbed.
"""

from __future__ import annotations

from itertools import chain
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Final

from ipam.ranges import V4_MAPPED, V6

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from sqlite3 import Cursor

    from ipam.ranges import RangeSet

# directory: host-local's, "" for leases in the database; intervals: pairs of addresses in the form of the leases'.
TABLE: Final = """CREATE TABLE IF NOT EXISTS range_set (
    network INTEGER NOT NULL,
    directory TEXT NOT NULL,
    position INTEGER NOT NULL,
    ranges TEXT NOT NULL,
    intervals BLOB NOT NULL,
    boot_id TEXT NOT NULL,
    PRIMARY KEY (network, directory, position)) WITHOUT ROWID"""
KNOWN: Final = "SELECT * FROM range_set WHERE network = ? AND directory = ? ORDER BY position"
ADDRESS: Final = 16

Row = tuple[int | None, str, int, str, bytes, str]


def note(
    run: Callable[..., Cursor], network: int | None, directory: str, boot_id: str, range_sets: Sequence[RangeSet]
) -> None:
    """Remember the network's range sets; as long as they stay what they are, this is one look."""
    rows: list[Row] = [
        (network, directory, each.index, each.key, _packed(each), boot_id) for each in range_sets
    ]  # fmt: skip
    try:
        known = run(KNOWN, (network, directory)).fetchall()
    except OperationalError:  # no such table
        run(TABLE)
        known = []
    if known != rows:
        run("DELETE FROM range_set WHERE network = ? AND directory = ?", (network, directory))
        for row in rows:
            run("INSERT INTO range_set VALUES (?, ?, ?, ?, ?, ?)", row)


def unpacked(intervals: bytes) -> Iterator[tuple[bytes, bytes]]:
    """First and last address of each interval."""
    for start in range(0, len(intervals), 2 * ADDRESS):
        yield intervals[start : start + ADDRESS], intervals[start + ADDRESS : start + 2 * ADDRESS]


def _packed(range_set: RangeSet) -> bytes:
    offset = 0 if range_set.version == V6 else V4_MAPPED.first
    return b"".join((value + offset).to_bytes(ADDRESS) for value in chain.from_iterable(range_set.intervals()))
