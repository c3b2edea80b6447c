"""A look at what the stores hold, by which nothing is made, changed or kept waiting."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from itertools import groupby
from sqlite3 import Connection
from typing import TYPE_CHECKING, Final

from netaddr import IPAddress

from conf.errors import StoreFailure
from ipam.lease import Attachment, Owner
from ipam.regular import read_regular
from ipam.store import migration, tables
from ipam.store.copies import copy
from ipam.store.files import LARGEST
from ipam.store.lease_file import is_address, owner_of
from ipam.store.privilege import cure_of_refusal
from ipam.store.register import COLUMNS
from ipam.store.soundness import unsound
from ipam.store.sqlite import SqliteStore
from ipam.store.sqlite_errors import RESCUE

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDINGS: Final = (
    f"SELECT name, {COLUMNS}, address FROM attachment JOIN network ON network.id = attachment.network"  # noqa: S608 - constants only
    " LEFT JOIN lease ON lease.attachment = attachment.id ORDER BY name, attachment.id, address"
)


class SqliteView(SqliteStore):
    """The database as it is at the moment of each transaction; one that is not there yet is an empty one.

    Transactions wait for nobody and nobody for them; what would change something raises StoreFailure.
    """

    _consequence = "nothing was changed"

    def holdings(self) -> list[tuple[Attachment, tuple[IPAddress, ...]]]:
        """Every attachment of every network, with the addresses that the database leases to it in their order."""
        with self._exclusive() as connection:
            return [
                (_attachment(*known), tuple(tables.address_of(blob) for *_, blob in rows if blob is not None))
                for known, rows in groupby(connection.execute(HOLDINGS), lambda row: row[:-1])
            ]

    def copy_to(self, path: str) -> None:
        """Write all of it into a file that is not there yet. Raises StoreFailure, StoreTooNew or OSError."""
        with self._exclusive() as connection:
            copy(connection, path)

    def damage(self) -> str:
        """What contradicts itself in it, "" for nothing. Raises StoreFailure or StoreTooNew."""
        with self._exclusive() as connection:
            return unsound(connection)

    @contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        try:
            with closing(self._connection()) as connection:
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _connection(self) -> Connection:
        status = self._look()
        if status and status.st_size:
            # Without a log SQLite would make one to read, and remove it: to it that is no change.
            connection = self._connect("ro" if os.path.exists(f"{self._path}-wal") else "ro&immutable=1")
            if self._is_complete(connection):
                if loss := self._guard.loss(connection):
                    connection.close()
                    raise self._failure(loss, RESCUE)
                migration.read_as_up_to_date(connection)
                return connection
            connection.close()
        self._refuse_loss()
        empty = sqlite3.connect(":memory:", isolation_level=None)
        for statement in tables.STATEMENTS:
            empty.execute(statement)
        return empty


def _attachment(network: str, container_id: str, ifname: str, *circumstances: str) -> Attachment:
    return Attachment(Owner(network, container_id, ifname), *circumstances)  # type: ignore[arg-type] # one is a number


def files_held(data_dir: str) -> list[tuple[IPAddress, Owner, float]]:
    """Every lease of every network in host-local's directory: the address, who holds it, and since when.

    Times are seconds since the epoch, those of the files. A directory that is missing holds nothing. Raises
    StoreFailure.
    """
    try:
        return [lease for network in _entries(data_dir) if network.is_dir() for lease in _leases(network)]
    except OSError as error:
        raise StoreFailure(
            f"lease directory {data_dir}: {error}; {cure_of_refusal(error, 'check the directory')}",
            "nothing was changed",
        ) from error


def _leases(network: os.DirEntry[str]) -> Iterator[tuple[IPAddress, Owner, float]]:
    for entry in _entries(network.path):
        if is_address(entry.name):
            try:
                content = read_regular(entry.path, LARGEST, os.O_NOFOLLOW).strip(b"\0 \t\r\n")
                since = entry.stat(follow_symlinks=False).st_mtime
            except (FileNotFoundError, IsADirectoryError):  # released between two looks; no lease at all
                continue
            if content:  # else its writer has not got to that, or never will
                yield IPAddress(entry.name), owner_of(network.name, content), since


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
