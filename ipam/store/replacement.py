"""Another database in the place of one that is damaged or no longer wanted, while calls go on or are refused."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from conf.errors import StoreFailure
from ipam.store import history, migration, schema
from ipam.store.flock import lock
from ipam.store.leases import SqliteTransaction
from ipam.store.salvage import write_plain
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netaddr import IPAddress

    from ipam.lease import Attachment, Owner
    from ipam.store.sqlite import Connection

NEW: Final = "leases.db-new"
FILES: Final = ("leases.db", "leases.db-wal", "leases.db-shm")
WAIT: Final = 30.0


@dataclass(frozen=True)
class Adoption:
    """What a database lacks: an attachment with its addresses, and the owners that no longer have them."""

    attachment: Attachment
    addresses: tuple[IPAddress, ...]
    displaced: tuple[Owner, ...] = ()


class Retiring(SqliteStore):
    """A sound database that is to be replaced."""

    @contextmanager
    def retired(self) -> Iterator[None]:
        """Let nobody change it any more: who waits for it is told to try again, once the block has ended well."""
        with self._turn:
            try:
                connection = self._connection()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    history.retire(connection)
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise self._explained(error) from error


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

    Returns the directory that what was there is kept in, "" if there was nothing. Raises StoreFailure or TryAgain.
    """
    new = os.path.join(state_dir, NEW)
    try:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        directory = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            lock(directory, WAIT, state_dir)
            _build(new, boot_id, content, adoptions, Witness(state_dir, boot_id))
            kept = _set_aside(state_dir)
            os.rename(new, os.path.join(state_dir, FILES[0]))
            os.fsync(directory)
        finally:
            os.close(directory)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailure(f"lease database {new}: {error}; check the state_dir of the settings", "") from error
    return kept


def _build(path: str, boot_id: str, content: bytes, adoptions: Sequence[Adoption], witness: Witness) -> None:
    write_plain(content, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")  # one sync at the end
        connection.execute("BEGIN IMMEDIATE")
        for statement in () if content else schema.STATEMENTS:
            connection.execute(statement)
        connection.execute("COMMIT")
        migration.bring_up_to_date(connection)
        _complete(connection, boot_id, adoptions, witness)
        connection.execute("PRAGMA journal_mode = WAL")
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _complete(connection: Connection, boot_id: str, adoptions: Sequence[Adoption], witness: Witness) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for each in adoptions:
        adopt(SqliteTransaction(connection, each.attachment.owner.network, boot_id), each)
    history.succeed(connection, witness.seen())
    connection.execute("COMMIT")
    witness.close()


def _set_aside(state_dir: str) -> str:
    """Move what is there into a directory of its own; the database last, without which no call begins anything."""
    there = [name for name in reversed(FILES) if os.path.lexists(os.path.join(state_dir, name))]
    if not there:
        return ""
    aside = os.path.join(state_dir, time.strftime("before-%Y%m%dT%H%M%SZ", time.gmtime()))
    os.makedirs(aside, mode=0o700, exist_ok=True)
    for name in there:
        os.rename(os.path.join(state_dir, name), os.path.join(aside, name))
    return aside
