"""Whether a database says everything that it says twice in the same way: how a flipped bit is found without checksums.

Every value by which a lease is found is in a row and in an index, and every address that was given is in a run of
``used`` as well. It takes as long as it takes to read all of it, so it is done once for each state of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ipam.store.tables import next_blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from sqlite3 import Connection

MOST: Final = 5
"""Complaints that SQLite may make: it could make one for every page."""
RUNS: Final = "SELECT network, first, last FROM used ORDER BY network, first"
GIVEN: Final = (
    "SELECT network, address FROM lease UNION ALL SELECT network, address FROM released ORDER BY network, address"
)
WITHOUT_OWNER: Final = (
    "SELECT count(*) FROM lease WHERE NOT EXISTS"
    " (SELECT 1 FROM attachment WHERE id = lease.attachment AND network = lease.network)"
)
WITHOUT_NETWORK: Final = (
    "SELECT count(*) FROM attachment WHERE NOT EXISTS (SELECT 1 FROM network WHERE id = attachment.network)"
)

Run = tuple[int, bytes, bytes]


def unsound(connection: Connection) -> str:
    """What contradicts itself in a complete database, "" for nothing."""
    found = [text for (text,) in connection.execute(f"PRAGMA integrity_check({MOST})")]
    return ", ".join([] if found == ["ok"] else found) or ", ".join(_contradictions(connection))


def _contradictions(connection: Connection) -> Iterator[str]:
    if count := connection.execute(WITHOUT_OWNER).fetchone()[0]:
        yield f"{count} leases belong to no attachment"
    if count := connection.execute(WITHOUT_NETWORK).fetchone()[0]:
        yield f"{count} attachments belong to no network"
    if list(connection.execute(RUNS)) != list(_joined(connection.execute(GIVEN))):
        yield "the addresses that were given are not those of leases and releases"


def _joined(given: Iterable[tuple[int, bytes]]) -> Iterator[Run]:
    """The runs that sorted addresses make; one that comes twice ends a run, and is thereby found."""
    run: Run | None = None
    for network, address in given:
        if run and run[0] == network and next_blob(run[2]) == address:
            run = (network, run[1], address)
            continue
        if run:
            yield run
        run = (network, address, address)
    if run:
        yield run
