"""Databases of earlier releases are read as they are, and brought up to date by the first call, whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ipam.store import tables
from ipam.store.sqlite import SqliteStore
from ipam.store.view import SqliteView
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner
from tests.unit.ipam.crashes import crashes

if TYPE_CHECKING:
    from pathlib import Path

# The tables of version 1 as they were released; those that have stayed are made by today's statements.
ATTACHMENT1 = """CREATE TABLE attachment (
    id INTEGER PRIMARY KEY, network INTEGER NOT NULL, container_id TEXT NOT NULL, ifname TEXT NOT NULL,
    netns TEXT NOT NULL, netns_id TEXT NOT NULL, device TEXT NOT NULL, ipam TEXT NOT NULL, ipam_dir TEXT NOT NULL,
    boot_id TEXT NOT NULL, created INTEGER NOT NULL, pod_namespace TEXT NOT NULL, pod_name TEXT NOT NULL,
    UNIQUE (network, container_id, ifname))"""
INSERT1 = (
    "INSERT INTO attachment (network, container_id, ifname, netns, netns_id, device, ipam, ipam_dir, boot_id, created,"
    " pod_namespace, pod_name) VALUES (1, ?, 'eth0', ?, ?, ?, ?, '', ?, ?, '', '')"
)
EARLIER = [attachment("c1"), attachment("c2")]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with a database of version 1 in which two attachments hold an address each."""
    path = tmp_path / "leases.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in tables.STATEMENTS:
            db.execute(ATTACHMENT1 if "TABLE attachment" in statement else statement)
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO network (name) VALUES (?)", (NETWORK,))
        for number, each in enumerate(EARLIER, 1):
            name = each.owner.container_id
            db.execute(INSERT1, (name, each.netns, each.netns_id, each.device, each.ipam, each.boot_id, each.created))
            blob = tables.blob_of(addresses(f"10.9.0.{number}")[0])
            db.execute("INSERT INTO lease VALUES (1, ?, ?, 1)", (blob, number))
        ends = [tables.blob_of(each) for each in addresses("10.9.0.1", "10.9.0.2")]
        db.execute("INSERT INTO used VALUES (1, ?, ?)", ends)
    return tmp_path


def version_of(state: Path) -> int:
    with closing(sqlite3.connect(state / "leases.db")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def held(state: Path) -> list[tuple[str, str]]:
    found = SqliteView(str(state), "boot-1").holdings()
    assert [known for known, _ in found] == EARLIER
    return [(known.owner.container_id, str(*given)) for known, given in found]


HELD = [("c1", "10.9.0.1"), ("c2", "10.9.0.2")]


def test_a_look_reads_it_and_leaves_it_as_it_is(state: Path) -> None:
    assert held(state) == HELD
    assert version_of(state) == 1


def test_the_first_call_brings_it_up_to_date(state: Path) -> None:
    store, another = (SqliteStore(str(state), "boot-1") for _ in range(2))
    for each in (store, another):
        with closing(each), each.transaction(NETWORK) as tx:
            assert tx.attachment(owner("c1")) == EARLIER[0]
    assert (version_of(state), held(state)) == (tables.VERSION, HELD)


def test_it_is_the_database_that_a_new_node_gets(state: Path, tmp_path: Path) -> None:
    def columns(place: Path) -> list[tuple[object, ...]]:
        with closing(SqliteStore(str(place), "boot-1")) as store, store.transaction(NETWORK):
            pass
        with closing(sqlite3.connect(place / "leases.db")) as db:
            return db.execute("PRAGMA table_info(attachment)").fetchall()

    assert columns(state) == columns(tmp_path / "new")


def test_an_earlier_release_goes_on_by_what_it_has_opened(state: Path) -> None:
    """An agent that is replaced still serves the calls that it has: its statements name their columns."""
    with closing(sqlite3.connect(state / "leases.db", isolation_level=None)) as earlier:
        earlier.execute("SELECT * FROM attachment").fetchall()
        with closing(SqliteStore(str(state), "boot-1")) as store, store.transaction(NETWORK):
            pass
        earlier.execute(INSERT1, ("c3", "", "", "macvlan", "", "boot-1", 1))
    with closing(SqliteStore(str(state), "boot-1")) as store, store.transaction(NETWORK) as tx:
        assert [each.owner.container_id for each in tx.attachments()] == ["c1", "c2", "c3"]


def test_whoever_is_killed_in_it_has_done_nothing(state: Path, tmp_path: Path) -> None:
    """The first ADD of a new release is killed at every call of its; the next look finds everything."""
    place = tmp_path / "killed"
    shutil.copytree(state, place / "template", ignore=shutil.ignore_patterns("killed"))
    last = int(crashes("at_every_call", "sqlite", place, "add"))
    versions = [version_of(place / str(number)) for number in range(last + 1)]
    assert versions == sorted(versions)
    assert set(versions) == {1, tables.VERSION}
    for number in range(last):
        found = SqliteView(str(place / str(number)), "boot-1").holdings()
        assert [known for known, _ in found][:2] == EARLIER
        assert [[str(each) for each in given] for _, given in found][:2] == [["10.9.0.1"], ["10.9.0.2"]]
