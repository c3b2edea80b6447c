"""The newest sound state of a database that its files and copies still have, found without touching any of them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ipam.regular import read_regular
from ipam.store import history, migration, tables
from ipam.store.copies import DAILY
from ipam.store.log_frames import committed, image, read_frames
from ipam.store.soundness import unsound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipam.store.witness import Seen

MAGIC: Final = b"SQLite format 3\0"
VERSIONS: Final = 18
"""Where a database says whether it has a write-ahead log (https://sqlite.org/fileformat.html)."""
ROLLBACK: Final = b"\1\1"
WRITE_AHEAD: Final = b"\2\2"
NEW: Final = "leases.db-new"
"""A complete database that is about to be put in the place of another, beside it."""
LARGEST: Final = 1 << 30
"""Bytes of a file of the database; ten thousand attachments take four million."""


@dataclass(frozen=True)
class Salvaged:
    """A whole database as bytes, what it was made from in words, and its state; no bytes for none."""

    content: bytes
    origin: str
    state: Seen


def best_of(path: str, scratch: str, nothing: Seen, generation: str = "") -> Salvaged:
    """The newest of all sound states of the database at ``path``; ``scratch`` is a file that is made and removed.

    A copy of another database is none of its states, unless that ``generation`` was seen last. Raises OSError where a
    file is there and cannot be read: what it has is not to be forgotten for that.
    """
    best = Salvaged(b"", "nothing: no sound copy is left", nothing)
    for origin, content in _candidates(path):
        state = state_of(content, scratch)
        if state and (not best.content or _is_newer(state, best.state, generation)):
            best = Salvaged(content, origin, state)
    return best


def _is_newer(found: Seen, best: Seen, generation: str) -> bool:
    """Whether a state is the better one; numbers of different generations say nothing of each other.

    What an earlier release left has none, and gets one with its next change.
    """
    if best.generation and found.generation != best.generation:
        return found.generation == generation
    return found.number > best.number


def state_of(content: bytes, scratch: str) -> Seen | None:
    """The state of a file's content, None if it is no sound database of ours, brought up to date or not."""
    if not content.startswith(MAGIC):
        return None
    write_plain(content, scratch)
    try:
        with closing(sqlite3.connect(scratch, isolation_level=None)) as connection:
            if not is_ours(connection):
                return None
            migration.bring_up_to_date(connection)
            return None if unsound(connection) else history.state(connection)
    except sqlite3.Error:
        return None
    finally:
        os.unlink(scratch)


def write_plain(content: bytes, path: str) -> None:
    """Write a database's content as a file that is complete without a log, none as an empty one."""
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content and content[:VERSIONS] + ROLLBACK + content[VERSIONS + len(ROLLBACK) :])


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the database is a complete one of ours, of a version that is known here."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(application == tables.APPLICATION_ID and 0 < version <= tables.VERSION)


def _candidates(path: str) -> Iterator[tuple[str, bytes]]:
    """Contents that may be sound, each with its origin; of equally new ones the first is to be taken."""
    database = _content(path)
    frames = read_frames(_content(f"{path}-wal"))
    intact = next((number for number, each in enumerate(frames) if not each.is_valid), len(frames))
    yield "the database and its log up to the damage", image(database, committed(frames[:intact]))
    if intact < len(frames):
        valid = committed([each for each in frames if each.is_valid])
        yield "the database and what of its log is undamaged", image(database, valid)
        yield "the database and all of its log", image(database, frames)
    yield "what an interrupted rescue had made", _content(os.path.join(os.path.dirname(path), NEW))
    yield "the copy of the day", _content(f"{path}{DAILY}")


def _content(path: str) -> bytes:
    with suppress(FileNotFoundError):
        return read_regular(path, LARGEST)
    return b""
