"""The two stores, each to be held to the same word."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ipam.store.sqlite import SqliteStore
from tests.unit.ipam.builders import NETWORK, attachment
from tests.unit.ipam.crashes import Store, add, open_store


@pytest.fixture
def opening() -> Iterator[Callable[..., Store]]:
    """Open stores as ``open_store`` does, and close them at the end of the test."""
    with ExitStack() as stack:

        def opened(kind: str, place: Path, wait: float = 30.0) -> Store:
            store = open_store(kind, str(place), wait)
            if isinstance(store, SqliteStore):
                stack.callback(store.close)
            return store

        yield opened


@pytest.fixture(params=["sqlite", "files"])
def store(request: pytest.FixtureRequest, opening: Callable[..., Store], tmp_path: Path) -> Store:
    """An empty store of either kind under ``tmp_path / "state"``."""
    return opening(request.param, tmp_path / "state")


@pytest.fixture
def database(opening: Callable[..., Store], tmp_path: Path) -> SqliteStore:
    """An empty database under ``tmp_path / "state"``."""
    store = opening("sqlite", tmp_path / "state")
    assert isinstance(store, SqliteStore)
    return store


@pytest.fixture
def file(database: SqliteStore, tmp_path: Path) -> Path:
    """The database's file, with leases in several pages and an empty log."""
    with database.transaction(NETWORK) as tx:
        for n in range(200):
            tx.record(attachment(f"{n:064}"))
    add(database, "c1")
    database.close()
    path = tmp_path / "state" / "leases.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    return path
