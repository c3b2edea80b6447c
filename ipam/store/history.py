"""The number of a database's last change, kept in the database: what the witness is compared with.

The table is beside the schema and not of it, as that of the pools.
"""

from __future__ import annotations

from sqlite3 import SQLITE_ERROR, OperationalError
from typing import TYPE_CHECKING, Final

from ipam.store.witness import Seen

if TYPE_CHECKING:
    from sqlite3 import Connection

TABLE: Final = """CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation TEXT NOT NULL,
    number INTEGER NOT NULL)"""
BEGINNING: Final = "INSERT OR IGNORE INTO history VALUES (1, lower(hex(randomblob(8))), 0)"
# RETURNING would spare the look that follows, but has SQLite keep a journal of the statement: 50 us.
COUNT: Final = "UPDATE history SET number = number + 1 WHERE id = 1"
STATE: Final = "SELECT generation, number, EXISTS (SELECT 1 FROM attachment) FROM history"


def advance(connection: Connection) -> Seen:
    """Count a change, in its own transaction."""
    try:
        counted = connection.execute(COUNT).rowcount
    except OperationalError as error:
        _require_no_table(error)
        connection.execute(TABLE)
        counted = 0
    if not counted:
        connection.execute(BEGINNING)
    return state(connection)


def succeed(connection: Connection, seen: Seen | None) -> Seen:
    """Make the database the successor of what was last seen of it or of another."""
    found = advance(connection)
    if seen and seen.number:
        connection.execute(
            "UPDATE history SET generation = ?, number = ?", (seen.generation, max(seen.number, found.number) + 1)
        )
    return state(connection)


def state(connection: Connection) -> Seen:
    """The database as it is; one that has counted nothing has no generation."""
    try:
        row = connection.execute(STATE).fetchone()
    except OperationalError as error:
        _require_no_table(error)
        row = None
    return Seen(row[0], int(row[1]), bool(row[2])) if row else Seen("", 0, holds=False)


def _require_no_table(error: OperationalError) -> None:
    """Raise the error again that is another than that there is no such table: a full disk, a broken one."""
    if error.sqlite_errorcode != SQLITE_ERROR:
        raise error
