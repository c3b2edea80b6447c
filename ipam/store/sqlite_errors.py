"""What SQLite's errors mean to an operator, and what to do about each."""

from __future__ import annotations

import sqlite3
from typing import Final

from ipam.store.privilege import root_or

STATE_DIR: Final = "check the state_dir of the settings"
READ_ONLY: Final = "it cannot be written: check its mode and its file system"
RESCUE: Final = 'run "cni-macvlan-py leases rescue": it rebuilds {files}'
CURES: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check its mode and its directory",
    sqlite3.SQLITE_IOERR: "the disk is full or broken: make room, or see the kernel's log",
}
REFUSALS: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether somebody else's transaction is in the way."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether what the files hold makes no sense, or is less than it was a moment ago."""
    is_cut = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ
    return is_cut or _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def cure_of(error: sqlite3.Error) -> str:
    """Return what to do; ``{files}`` in it stands for the database's files."""
    code = _code(error)
    cure = RESCUE if is_damage(error) else CURES.get(code, "see the log")
    return root_or(cure) if code in REFUSALS else cure


def _code(error: sqlite3.Error) -> int:
    """Return the primary code, without what extended codes add to it."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF
