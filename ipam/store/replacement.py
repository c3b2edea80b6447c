"""Another database in the place of one that is damaged or no longer wanted, while calls go on or are refused."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.errors import StoreFailure
from ipam.store import history, migration, tables
from ipam.store.flock import locked_directory
from ipam.store.salvage import NEW, VERSIONS, WRITE_AHEAD, write_plain
from ipam.store.sqlite import SqliteStore
from ipam.store.transaction import SqliteTransaction
from ipam.store.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netaddr import IPAddress

    from ipam.lease import Attachment, Owner
    from ipam.store.witness import Seen

UNFINISHED: Final = "leases.db-unfinished"
FILES: Final = ("leases.db", "leases.db-wal", "leases.db-shm")
"""The database first: where it was moved away, its log alone is refused."""
WAIT: Final = 30.0


@dataclass(frozen=True)
class Adoption:
    """What a database lacks: an attachment with its addresses, and the owners that no longer have them."""

    attachment: Attachment
    addresses: tuple[IPAddress, ...]
    displaced: tuple[Owner, ...] = ()


class Held(SqliteStore):
    """A sound database that nobody else changes meanwhile."""

    @contextmanager
    def held(self) -> Iterator[Callable[[Adoption], None]]:
        """Have what the database lacks taken into it, or have it replaced: calls wait, and go on with what is there."""
        with self._exclusive() as connection:
            yield lambda each: adopt(SqliteTransaction(connection, each.attachment.owner.network, self._boot_id), each)

    def settle(self) -> None:
        """Move the log into the file.

        What was damaged in it beneath those who have the database open is right until the last of them ends: they go
        by their index of it, and whoever comes next reads it up to the damage.
        """
        with self._exclusive() as connection:
            pass
        self._move_into_file(connection)


def adopt(transaction: SqliteTransaction, adoption: Adoption) -> None:
    """Take what a database lacks into it; leases that their owner has already stay."""
    for owner in adoption.displaced:
        transaction.forget(owner)
    held = transaction.leases(adoption.attachment.owner)
    transaction.record(adoption.attachment)
    for address in adoption.addresses:
        if address not in held:
            transaction.adopt(address, adoption.attachment)


def replace(state_dir: str, boot_id: str, content: bytes, adoptions: Sequence[Adoption]) -> str:
    """Put a database with this content, b"" for an empty one, and what it lacks into the state directory.

    Killed at any moment it leaves the database that was there, or one that is refused until the next rescue, which
    finds the new one. Returns the directory that what was there is kept in, "" if there was nothing. Raises
    StoreFailure or TryAgain.
    """
    new = os.path.join(state_dir, NEW)
    try:
        with locked_directory(state_dir, WAIT) as directory:
            kept = _aside(state_dir)
            with closing(Witness(state_dir, boot_id)) as witness:
                unfinished = os.path.join(state_dir, UNFINISHED)
                state = _build(unfinished, boot_id, content, adoptions, witness.seen())
                os.rename(unfinished, new)
                witness.note(state)  # from here on nothing takes room that a full disk would not have
            for name in FILES if kept else ():
                with suppress(FileNotFoundError):
                    os.rename(os.path.join(state_dir, name), os.path.join(kept, name))
            os.rename(new, os.path.join(state_dir, FILES[0]))
            os.fsync(directory)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailure(f"lease database {new}: {error}; check the state_dir of the settings", "") from error
    return kept


def _build(path: str, boot_id: str, content: bytes, adoptions: Sequence[Adoption], seen: Seen | None) -> Seen:
    """Make the successor of what was seen, complete on the disk, and return its state."""
    write_plain(content, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # One sync at the end; and no journal, which one who is killed here would leave for the next to be undone by.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN IMMEDIATE")
        for statement in () if content else tables.STATEMENTS:
            connection.execute(statement)
        connection.execute("COMMIT")
        migration.bring_up_to_date(connection)
        connection.execute("BEGIN IMMEDIATE")
        for each in adoptions:
            adopt(SqliteTransaction(connection, each.attachment.owner.network, boot_id), each)
        state = history.succeed(connection, seen)
        connection.execute("COMMIT")
    with open(path, "r+b") as file:
        os.pwrite(file.fileno(), WRITE_AHEAD, VERSIONS)
        os.fsync(file.fileno())
    return state


def _aside(state_dir: str) -> str:
    """Make a directory of its own for what is there, "" if nothing is."""
    if not any(os.path.lexists(os.path.join(state_dir, name)) for name in FILES):
        return ""
    return tempfile.mkdtemp(prefix=time.strftime("before-%Y%m%dT%H%M%SZ-", time.gmtime()), dir=state_dir)
