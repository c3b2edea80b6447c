"""Whole copies of a lease database: one that the first change of each day leaves beside it, and others on demand."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite3 import Connection

DAILY: Final = ".daily"
"""What the copy of a day is called behind the database's name."""
DAY: Final = 86_400
ABANDONED: Final = 60
"""Seconds after which nobody is still at work on a copy that has not got its name."""


class DailyCopy:
    """The copy of one database; a process that lives for long looks at the file once a day."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}{DAILY}"
        self._looked = -1

    def make_if_due(self, connection: Connection) -> None:
        """Copy the database if that was not done today (UTC); a copy that fails is made with a later change."""
        today = int(time.time()) // DAY
        if self._looked == today:
            return
        self._looked = today
        unfinished = f"{self._path}-new"
        with suppress(OSError, sqlite3.Error):
            if _modified(self._path) // DAY == today:
                return
            if abs(time.time() - _modified(unfinished)) > ABANDONED:  # clocks go back
                with suppress(FileNotFoundError):
                    os.unlink(unfinished)
                copy(connection, unfinished)
                os.replace(unfinished, self._path)


def copy(connection: Connection, path: str) -> None:
    """Write the database into a file that is not there yet, complete without a log. Raises OSError or sqlite3.Error."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")  # one sync at the end
            target.execute("PRAGMA journal_mode = OFF")
            connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(path)
        raise


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return 0
