"""What SQLite's errors mean to an operator, and what to do about each."""

from __future__ import annotations

import sqlite3
from typing import Final

STATE_DIR: Final = "check the state_dir of the settings"
READ_ONLY: Final = "it cannot be written: check its mode and its file system"
RESET: Final = "stop what runs on its networks, move {files} away, start again; the next ADD makes a new one"
CURES: Final = {
    sqlite3.SQLITE_CORRUPT: RESET,
    sqlite3.SQLITE_NOTADB: RESET,
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check its mode and its directory",
    sqlite3.SQLITE_IOERR: "the disk is full or broken: make room, or see the kernel's log",
}


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else's transaction is in the way."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def cure_of(error: sqlite3.Error) -> str:
    """Return what to do; ``{files}`` in it stands for the database's files."""
    return CURES.get(_code(error), "see the log")


def _code(error: sqlite3.Error) -> int:
    """Return the primary code, without what extended codes add to it."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
