"""A record is reclaimed with all that it leads to, and only while it is the current one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ipam import pool
from ipam.reclaim import is_current, reclaim
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner
from tests.unit.ipam.crashes import RANGES, add


def test_the_leases_and_the_record_go(database: SqliteStore) -> None:
    add(database, "c1")
    add(database, "c2")
    assert reclaim(database, attachment("c1"))
    with database.transaction(NETWORK) as tx:
        assert (tx.leases(owner("c1")), tx.attachments()) == ([], [attachment("c2")])
    assert not reclaim(database, attachment("c1"))


def test_host_locals_files_go_with_the_record(database: SqliteStore, tmp_path: Path) -> None:
    files = FilesStore(str(tmp_path / "networks"))
    mine = replace(attachment("c1"), ipam="host-local", ipam_dir=str(tmp_path / "networks"))
    with files.transaction(NETWORK) as tx:
        pool.acquire(tx, mine, RANGES, replace=True)
    with database.transaction(NETWORK) as register:
        register.record(mine)
    assert reclaim(database, mine)
    with files.transaction(NETWORK) as tx:
        assert tx.owners() == []


def test_an_attachment_made_anew_keeps_what_it_has(database: SqliteStore) -> None:
    add(database, "c1")
    anew = replace(attachment("c1"), netns="/run/netns/another")
    with database.transaction(NETWORK) as tx:
        tx.record(anew)
    assert not reclaim(database, attachment("c1"))
    assert not is_current(database, attachment("c1"))
    assert is_current(database, anew)
    with database.transaction(NETWORK) as tx:
        assert tx.leases(owner("c1")) == addresses("10.1.0.2", "fd00::2")
