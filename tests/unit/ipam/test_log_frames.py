"""The log as we read it is what SQLite reads of it, and beyond a damaged frame the rest is told from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ipam.store.log_frames import FRAME, HEADER, PAGE, image, read_frames
from ipam.store.salvage import best_of, write_plain
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import Seen
from tests.unit.ipam.crashes import add

NOTHING = Seen("", 0, holds=False)
STEP = FRAME.size + PAGE


@pytest.fixture
def files(tmp_path: Path, opening: Callable[..., SqliteStore]) -> tuple[bytes, bytes]:
    """A database's file and its log, of several transactions."""
    store = opening("sqlite", tmp_path / "state")
    for number in range(4):
        add(store, f"c{number}")
    path = tmp_path / "state" / "leases.db"
    return path.read_bytes(), Path(f"{path}-wal").read_bytes()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_the_image_is_what_sqlite_sees(files: tuple[bytes, bytes], tmp_path: Path) -> None:
    database, log = files
    frames = read_frames(log)
    assert len(frames) == (len(log) - HEADER.size) // STEP
    assert all(each.is_valid for each in frames)
    write_plain(image(database, frames), str(tmp_path / "ours"))
    assert dump(tmp_path / "ours") == dump(tmp_path / "state" / "leases.db")


@pytest.mark.parametrize("log", [b"", bytes(HEADER.size), bytes(100), bytes(2 * STEP)])
def test_a_log_without_a_transaction_has_no_frames(log: bytes) -> None:
    assert read_frames(log) == []


@pytest.mark.parametrize("number", [0, 1, -2])
@pytest.mark.parametrize("offset", [1, 9, 17, 2000], ids=["page", "salt", "checksum", "content"])
def test_one_damaged_frame_is_the_only_one(files: tuple[bytes, bytes], number: int, offset: int) -> None:
    _, log = files
    count = (len(log) - HEADER.size) // STEP
    damaged = bytearray(log)
    damaged[HEADER.size + number % count * STEP + offset] ^= 4
    wrong = [at for at, each in enumerate(read_frames(bytes(damaged))) if not each.is_valid]
    # A checksum that is wrong is where the next frame's begins.
    assert wrong == [number % count, *([number % count + 1] if offset == 17 else [])]


@pytest.mark.parametrize("offset", [3, 10, 18, 27], ids=["magic", "page size", "salt", "checksum"])
def test_a_damaged_header_costs_no_transaction(files: tuple[bytes, bytes], tmp_path: Path, offset: int) -> None:
    database, log = files
    damaged = bytearray(log)
    damaged[offset] ^= 2
    path = tmp_path / "kept"
    path.write_bytes(database)
    Path(f"{path}-wal").write_bytes(damaged)
    best = best_of(str(path), str(tmp_path / "scratch"), NOTHING)
    assert (best.state.number, best.state.holds) == (4, True)
    assert path.read_bytes() == database


def test_a_cut_log_gives_what_is_before_the_cut(files: tuple[bytes, bytes], tmp_path: Path) -> None:
    database, log = files
    path = tmp_path / "kept"
    path.write_bytes(database)
    Path(f"{path}-wal").write_bytes(log[:-10])
    assert best_of(str(path), str(tmp_path / "scratch"), NOTHING).state.number == 3
