"""What befalls a lease database: bits, files, its directory, or a copy that was made without care."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def keep(state: Path, older: Path) -> None:
    """Copy the database's file alone, as a backup program does that knows of no log."""
    if (state / "leases.db").exists():
        shutil.copyfile(state / "leases.db", older)


def harm(state: Path, older: Path, what: str, place: float) -> None:
    """Do it, ``place`` says where in a file; what is not there is not harmed."""
    if what == "lose directory":
        shutil.rmtree(state, ignore_errors=True)
        return
    how, _, name = what.partition(" ")
    database, log = state / "leases.db", state / "leases.db-wal"
    if what == "older file" and older.exists() and state.is_dir():
        shutil.copyfile(older, database)
    if what in {"lose files", "older file"}:
        for path in (log, state / "leases.db-shm", *([database] if how == "lose" else [])):
            path.unlink(missing_ok=True)
        return
    path = database if name == "database" else log
    size = path.stat().st_size if path.exists() else 0
    if size and how == "lose":
        path.unlink()
    elif size and how == "cut":
        with path.open("r+b") as file:
            file.truncate(int(size * place))
    elif size:
        with path.open("r+b") as file:
            file.seek(int(size * place))
            byte = file.read(1)[0]
            file.seek(int(size * place))
            file.write(bytes([byte ^ 1 << int(size * place * 8) % 8]))
