"""Broken databases: an error that says where and what to do, and never a silent new beginning."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import StoreFailure, StoreTooNew
from ipam.store import tables
from ipam.store.sqlite import SqliteStore
from ipam.store.witness import forget
from tests.unit.ipam.crashes import add


def overwrite(at: int, data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    return damage


def truncate(size: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:size])

    return damage


def lose_all_but_the_log(path: Path) -> None:
    path.unlink()
    Path(f"{path}-wal").write_bytes(b"")


def become_empty_beside_a_log(path: Path) -> None:
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(bytes(4152))


def execute(statement: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b"garbage " * 4096), id="garbage"),
        pytest.param(lambda path: path.write_bytes(b"x"), id="one byte"),
        pytest.param(lambda path: path.write_bytes(bytes(path.stat().st_size)), id="zeros"),
        pytest.param(truncate(100), id="cut in the header"),
        pytest.param(truncate(4096), id="cut after one page"),
        pytest.param(truncate(3 * 4096), id="cut after three pages"),
        pytest.param(overwrite(0, b"SQLite format 4"), id="wrong magic"),
        pytest.param(overwrite(100, bytes(3996)), id="no schema page"),
        pytest.param(overwrite(4096, bytes(1 << 20)), id="zero pages"),
        pytest.param(overwrite(4096, b"\xa5" * (1 << 16)), id="garbage pages"),
        pytest.param(execute("PRAGMA application_id = 7"), id="another program's"),
        pytest.param(execute("PRAGMA user_version = 0"), id="version lost"),
        pytest.param(lose_all_but_the_log, id="only the log is left"),
        pytest.param(become_empty_beside_a_log, id="empty beside a log"),
        pytest.param(lambda path: path.unlink() or path.mkdir(), id="a directory"),
    ],
)
def test_damage_is_named_and_never_mended_by_forgetting(
    damage: Callable[[Path], object], file: Path, opening: Callable[..., SqliteStore]
) -> None:
    damage(file)
    before = file.read_bytes() if file.is_file() else None
    store = opening("sqlite", file.parent)
    for _ in range(2):
        with pytest.raises(StoreFailure) as caught:
            add(store, "c2")
        assert caught.value.code == 109
        assert str(file) in caught.value.msg
        assert ";" in caught.value.msg, "the cure is missing"
    assert (file.read_bytes() if file.is_file() else None) == before
    shutil.rmtree(file.parent)
    with pytest.raises(StoreFailure, match="it had leases before, and is missing or empty"):
        add(store, "c2")
    forget(str(file.parent))
    assert add(store, "c2") == ["10.1.0.2", "fd00::2"]


def test_a_newer_schema_is_left_alone(file: Path, opening: Callable[..., SqliteStore]) -> None:
    execute(f"PRAGMA user_version = {tables.VERSION + 1}")(file)
    for _ in range(2):
        with pytest.raises(StoreTooNew) as caught:
            add(opening("sqlite", file.parent), "c2")
        assert caught.value.code == 110
        assert str(file) in caught.value.msg
