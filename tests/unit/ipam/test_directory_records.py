"""The records of attachments whose leases are in host-local's directory: each leads to what is held there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conf.errors import AddressUnavailable
from conf.ipam_config import HOST_LOCAL, IpamConfig
from ipam.in_process import DirectoryPool
from ipam.store.files import FilesStore
from tests.unit.ipam.builders import NETWORK, attachment, owner, sets, span

if TYPE_CHECKING:
    from pathlib import Path

    from ipam.lease import Attachment
    from ipam.store.sqlite import SqliteStore


def pool_in(directory: Path, database: SqliteStore) -> DirectoryPool:
    config = IpamConfig(HOST_LOCAL, data_dir=str(directory))
    return DirectoryPool(database, FilesStore(str(directory)), sets(span("10.1.0.0/29")), config)


def recorded(database: SqliteStore) -> Attachment | None:
    with database.transaction(NETWORK) as tx:
        return tx.attachment(owner("c1"))


def test_a_container_that_comes_again_after_a_boot_is_recorded(database: SqliteStore, tmp_path: Path) -> None:
    mine = replace(attachment("c1"), ipam=HOST_LOCAL, ipam_dir=str(tmp_path))
    pool_in(tmp_path, database).acquire(replace(mine, boot_id="boot-0"), replace=True)
    pool_in(tmp_path, database).acquire(mine, replace=True)
    assert recorded(database) == mine


def test_an_add_that_is_refused_leaves_the_record_of_what_is_held(database: SqliteStore, tmp_path: Path) -> None:
    mine = replace(attachment("c1"), ipam=HOST_LOCAL, ipam_dir=str(tmp_path), device="", serial=1)
    pool_in(tmp_path, database).acquire(mine, replace=False)
    with pytest.raises(AddressUnavailable):
        pool_in(tmp_path, database).acquire(replace(mine, serial=2), replace=False)
    assert recorded(database) == mine
