"""The database alone: how it is made, who may read it, what it costs and how long its log grows."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import StoreFailure
from ipam import pool
from ipam.store import guard, sqlite, tables
from ipam.store.soundness import unsound
from ipam.store.sqlite import SqliteStore
from tests.unit.ipam.builders import NETWORK, attachment, owner, sets, span
from tests.unit.ipam.crashes import add, delete

WIDE = sets(span("10.2.0.0/16"), span("fd01::/64"))
SMALL = sets(span("10.1.0.0/29"))


def empty(path: Path) -> None:
    path.touch()


def header_only(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
    db.close()


def interrupted_schema(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    db.execute(tables.STATEMENTS[0])
    db.execute("ROLLBACK")
    db.close()


@pytest.mark.parametrize("begin", [empty, header_only, interrupted_schema])
def test_what_a_killed_maker_left_is_completed(
    begin: Callable[[Path], None], opening: Callable[..., SqliteStore], tmp_path: Path
) -> None:
    begin(tmp_path / "leases.db")
    store = opening("sqlite", tmp_path)
    assert add(store, "c1") == ["10.1.0.2", "fd00::2"]
    assert add(store, "c2") == ["10.1.0.3", "fd00::3"]


def test_only_root_can_read_it(database: SqliteStore, tmp_path: Path) -> None:
    add(database, "c1")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "state").iterdir()}
    names = ("leases.db", "leases.db-wal", "leases.db-shm", "leases.db.daily")
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_odd_directories(opening: Callable[..., SqliteStore], tmp_path: Path) -> None:
    place = tmp_path / "a b?mode=ro#c%41&ü"
    assert add(opening("sqlite", place), "c1") == ["10.1.0.2", "fd00::2"]
    assert (place / "leases.db").exists()


def test_another_file_under_the_path_is_noticed(database: SqliteStore, tmp_path: Path) -> None:
    add(database, "c1")
    with database.transaction(NETWORK) as tx:
        tx.forget(owner("c1"))
    (tmp_path / "state").rename(tmp_path / "away")
    assert add(database, "c2") == ["10.1.0.2", "fd00::2"], "one that held nothing may go"
    (tmp_path / "state").rename(tmp_path / "later")
    with pytest.raises(StoreFailure, match="it had leases before, and is missing or empty"):
        add(database, "c3")


def test_the_log_stays_short_without_any_close(file: Path, opening: Callable[..., SqliteStore]) -> None:
    store = opening("sqlite", file.parent)
    longest = 0
    for n in range(100):
        add(store, f"c{n % 7}")
        delete(store, f"c{n % 7}")
        longest = max(longest, file.with_name("leases.db-wal").stat().st_size)
    assert sqlite.LONG_LOG / 2 < longest < sqlite.LONG_LOG


def test_a_lease_costs_the_same_number_of_steps_whatever_is_leased(database: SqliteStore) -> None:
    """SQLite's own count of machine instructions, in tens, for one address given and released."""

    def steps(name: str) -> int:
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        with database._exclusive() as connection:
            connection.set_progress_handler(tick, 10)
        add(database, name)
        delete(database, name)
        connection.set_progress_handler(None, 0)
        return count

    with database.transaction(NETWORK) as tx:
        for n in range(10):
            pool.acquire(tx, attachment(f"few-{n}"), WIDE, replace=False)
    few = steps("c1")
    with database.transaction(NETWORK) as tx:
        for n in range(2000):
            pool.acquire(tx, attachment(f"many-{n}"), WIDE, replace=False)
        for n in range(0, 2000, 2):
            pool.release(tx, owner(f"many-{n}"))
    assert steps("c2") <= few * 1.2 + 1


def test_the_file_is_not_read_anew_after_each_checkpoint(
    opening: Callable[..., SqliteStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stays and others that come and go: who moves the log into the file says that it is sound."""

    def read(_: object) -> str:
        raise AssertionError

    monkeypatch.setattr(guard, "unsound", read)
    monkeypatch.setattr(sqlite, "LONG_LOG", 1 << 17)
    stays = opening("sqlite", tmp_path / "state")
    file, states = tmp_path / "state" / "leases.db", set()
    for _ in range(40):
        for store in (stays, opening("sqlite", tmp_path / "state")):
            add(store, "c1")
            delete(store, "c1")
        states.add(file.stat().st_mtime_ns)
    assert len(states) > 3


def test_a_copy_put_in_its_place_has_a_log_again(
    opening: Callable[..., SqliteStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one each change would be written twice, and the file read anew for each."""
    add(opening("sqlite", tmp_path / "state"), "c1")
    place = tmp_path / "other"
    place.mkdir()
    shutil.copyfile(tmp_path / "state" / "leases.db.daily", place / "leases.db")
    looks: list[object] = []

    def look(connection: sqlite3.Connection) -> str:
        looks.append(connection)
        return unsound(connection)

    monkeypatch.setattr(guard, "unsound", look)
    stores = [opening("sqlite", place) for _ in range(2)]
    for number in range(3):
        for name, store in enumerate(stores):
            add(store, f"{name}-{number}")
    assert (place / "leases.db-wal").stat().st_size > 0
    assert len(looks) <= 2, "one for each process"
