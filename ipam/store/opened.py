"""A connection to the database, and whether its three files are still those at the path.

SQLite itself goes on with a log that was removed or replaced: such a process then works on another database than all
that come later.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipam.store.flock import FLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGS: Final = ("-wal", "-shm")
HEADER: Final = 32
"""Bytes of a log without any transaction."""
SHARED: Final = (0x40000002, 510)
"""Where in its file SQLite has the locks of those who use a database: the first byte, and how many."""


@dataclass
class Opened:
    """A connection with device and inode of the files that it works on; ``is_judged`` once nothing was found wrong."""

    connection: sqlite3.Connection
    path: str
    database: tuple[int, int]
    logs: list[tuple[int, int] | None]
    is_judged: bool = False

    @classmethod
    def at(cls, path: str, connection: sqlite3.Connection, status: os.stat_result) -> Opened:
        """A connection that has read from the database: SQLite has made its other files by then.

        ``status`` is that of the file before it was opened: if another has its place by now, which of them the
        connection is to is not known, and ``current`` says so.
        """
        return cls(connection, path, (status.st_dev, status.st_ino), _logs(path))

    def current(self) -> os.stat_result | None:
        """The file's status, None if who opens the path now comes to other files. Raises OSError."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return None
        is_same = (status.st_dev, status.st_ino) == self.database and _logs(self.path) == self.logs
        return status if is_same else None

    def close(self, trusts: Callable[[os.stat_result], bool]) -> None:
        """Close the connection; what it alone has, because its log was taken away and no other begun, is saved before.

        Only into a file that is trusted: onto what somebody else wrote there the log's pages make no database, and
        the newest number hides that. It has to be closed before the path is opened anew: SQLite shares the shared
        memory of one database among all connections of a process.
        """
        with ExitStack() as stack:
            with suppress(sqlite3.Error, OSError):
                if self._has_lost_its_log():
                    if self.is_judged and trusts(os.stat(self.path)):
                        self.connection.execute("PRAGMA busy_timeout = 0")
                        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    else:
                        stack.enter_context(_in_use(self.path))
            with suppress(sqlite3.Error):
                self.connection.close()

    def _has_lost_its_log(self) -> bool:
        status = os.stat(self.path)
        if (status.st_dev, status.st_ino) != self.database:
            return False
        try:
            log = os.stat(f"{self.path}-wal")
        except FileNotFoundError:
            return True
        return (log.st_dev, log.st_ino) != self.logs[0] and log.st_size <= HEADER


@contextmanager
def _in_use(path: str) -> Iterator[None]:
    """Have a close leave the file alone: SQLite moves the log into a database that nobody else has a lock of.

    Only since Python 3.12 can a connection be told so (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE). The lock is the open file
    description's, which excludes those of this process as well.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, *SHARED, 0))
        yield
    finally:
        os.close(fd)


@contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close the connection where it does not come to be used."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _logs(path: str) -> list[tuple[int, int] | None]:
    return [_identity(path + each) for each in LOGS]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
