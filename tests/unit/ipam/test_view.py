"""A look at the stores: it sees what is committed, makes nothing, changes nothing, and waits for nobody."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from conf.errors import StoreFailure, StoreTooNew
from ipam.store import tables
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from ipam.store.view import SqliteView, files_held
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner
from tests.unit.ipam.crashes import add


def view(directory: Path) -> SqliteView:
    return SqliteView(str(directory), "boot-1")


def test_it_sees_every_network_while_another_transaction_is_under_way(database: SqliteStore, tmp_path: Path) -> None:
    add(database, "c1")
    with database.transaction("other") as tx:
        tx.record(attachment("layer2", network="other"))
    with database.transaction(NETWORK) as tx:
        tx.release(owner("c1"))
        held = view(tmp_path / "state").holdings()
    assert [(each.owner, leased) for each, leased in held] == [
        (owner("c1"), tuple(addresses("10.1.0.2", "fd00::2"))),
        (owner("layer2", network="other"), ()),
    ]
    assert held[1][0] == attachment("layer2", network="other")
    assert [leased for _, leased in view(tmp_path / "state").holdings()] == [(), ()]


def test_what_is_not_there_is_empty_and_is_not_made(tmp_path: Path) -> None:
    missing = view(tmp_path / "state")
    assert missing.holdings() == []
    with missing.transaction(NETWORK) as tx:
        assert tx.attachments() == []
    assert files_held(str(tmp_path / "networks")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_was_never_completed_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "leases.db").touch()
    assert view(tmp_path).holdings() == []
    assert (tmp_path / "leases.db").stat().st_size == 0


def test_it_cannot_be_used_to_change_anything(file: Path) -> None:
    with (
        pytest.raises(StoreFailure, match="attempt to write a readonly database"),
        view(file.parent).transaction(NETWORK) as tx,
    ):
        tx.forget(owner("c1"))


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (f"PRAGMA user_version = {tables.VERSION + 1}", StoreTooNew),
        ("PRAGMA application_id = 7", StoreFailure),
        ("DROP TABLE lease", StoreFailure),
    ],
)
def test_damaged_or_newer_it_names_the_cure(statement: str, error: type[Exception], file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute(statement)
    db.close()
    before = file.read_bytes()
    with pytest.raises(error, match=f"lease database {file}: "):
        view(file.parent).holdings()
    assert file.read_bytes() == before


def test_host_locals_directory_is_read_without_its_lock(tmp_path: Path) -> None:
    store = FilesStore(str(tmp_path))
    add(store, "c1")
    directory = tmp_path / NETWORK
    (directory / "notes").write_text("not a lease")
    with store.transaction(NETWORK):
        (directory / "10.1.0.7").touch()
        before = sorted(entry.name for entry in directory.iterdir())
        held = files_held(str(tmp_path))
    since = [(directory / name).stat().st_mtime for name in ("10.1.0.2", "fd00::2")]
    assert held == [
        (address, owner("c1"), when) for address, when in zip(addresses("10.1.0.2", "fd00::2"), since, strict=True)
    ]
    assert sorted(entry.name for entry in directory.iterdir()) == before


def test_a_directory_with_an_addresss_name_is_no_lease(tmp_path: Path) -> None:
    """The store takes it for an address that nobody may have."""
    (tmp_path / NETWORK / "10.1.0.2").mkdir(parents=True)
    (tmp_path / NETWORK / "10.1.0.3").write_text("c1\r\neth0")
    ((address, _, _),) = files_held(str(tmp_path))
    assert str(address) == "10.1.0.3"


def test_a_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "networks").touch()
    with pytest.raises(StoreFailure, match=r"lease directory .*networks"):
        files_held(str(tmp_path / "networks"))
