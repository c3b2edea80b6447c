"""Databases of earlier releases: brought up to date where they are, or read as if they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipam.store import tables

if TYPE_CHECKING:
    from sqlite3 import Connection


def bring_up_to_date(connection: Connection) -> None:
    """Give a complete database what it lacks, in one transaction: whoever is killed in it has done nothing.

    Columns with a default cost the same however many rows there are. A release that knows only the schema before
    goes on by connections that it has opened, since it names its columns; to later ones it says StoreTooNew.
    """
    if _version(connection) == tables.VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    if _version(connection) < tables.VERSION:  # else another process was faster
        for column in tables.ADDED:
            connection.execute(f"ALTER TABLE attachment ADD COLUMN {column}")
        connection.execute(f"PRAGMA user_version = {tables.VERSION}")
    connection.execute("COMMIT")


def read_as_up_to_date(connection: Connection) -> None:
    """Let a connection that may change nothing see what the database would have; it alone sees that."""
    if _version(connection) < tables.VERSION:
        # "serial INTEGER NOT NULL DEFAULT 0": the default under the column's name.
        added = ", ".join(f"{words[-1]} AS {words[0]}" for words in map(str.split, tables.ADDED))
        # A temporary view hides the table of its name.
        connection.execute(f"CREATE TEMP VIEW attachment AS SELECT *, {added} FROM main.attachment")  # noqa: S608 - constants only


def _version(connection: Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
