"""How full the pools are: on both stores, in both families, after a reboot, and beside what others do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conf.errors import PoolExhausted
from conf.ipam_config import IpamConfig
from ipam.in_process import DatabasePool, DirectoryPool
from ipam.source import Source
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from ipam.store.usage import Pool, UsageView
from tests.unit.ipam.builders import NETWORK, attachment, sets, span

if TYPE_CHECKING:
    from pathlib import Path

    from ipam.ranges import RangeSet

WIDE = sets(
    span("10.1.0.0/28", exclude=("10.1.0.8/31",)),
    (span("fd00::/126", gateway="none"), span("fd01::/64", "fd01::10", "fd01::13")),
)
RANGES = ("10.1.0.1-10.1.0.14", "fd00::1-fd00::3,fd01::10-fd01::13")
SIZES = (11, 7)
TINY = sets(span("10.1.0.0/29", "10.1.0.2", "10.1.0.3"))


@pytest.fixture(params=["database", "directory"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where leases are; "" for the database."""
    return str(tmp_path / "networks") if request.param == "directory" else ""


def source(tmp_path: Path, directory: str, range_sets: tuple[RangeSet, ...], boot_id: str = "boot-1") -> Source:
    store = SqliteStore(str(tmp_path / "state"), boot_id)
    if directory:
        config = IpamConfig("host-local", data_dir=directory)
        return DirectoryPool(store, FilesStore(directory), range_sets, config)
    return DatabasePool(store, range_sets, IpamConfig("cni-macvlan-py"))


def pools(tmp_path: Path, boot_id: str = "boot-1") -> list[Pool]:
    return list(UsageView(str(tmp_path / "state"), boot_id).usage().pools)


def give(to: Source, directory: str, *names: str, boot_id: str = "boot-1", replace_it: bool = False) -> None:
    for name in names:
        to.acquire(replace(attachment(name, boot_id=boot_id), ipam_dir=directory), replace=replace_it)


def test_nothing_is_there_and_nothing_is_made(tmp_path: Path) -> None:
    assert pools(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_sizes_and_uses(tmp_path: Path, directory: str) -> None:
    """Neither gateways nor excluded addresses are in the size."""
    ours = source(tmp_path, directory, WIDE)
    give(ours, directory, "c1", "c2", "c3")
    expected = [
        Pool(NETWORK, directory, ranges, size, 3, 0) for ranges, size in zip(RANGES, SIZES, strict=True)
    ]  # fmt: skip
    assert pools(tmp_path) == expected
    ours.release(attachment("c2").owner)
    assert pools(tmp_path) == [replace(each, used=2) for each in expected]
    assert UsageView(str(tmp_path / "state"), "boot-1").usage().attachments == [(NETWORK, 2)]


def test_it_agrees_with_status(tmp_path: Path, directory: str) -> None:
    ours = source(tmp_path, directory, TINY)
    for used, name in enumerate(("c1", "c2")):
        ours.status(NETWORK)
        assert [pool.free for pool in pools(tmp_path)] == [2 - used]
        give(ours, directory, name)
    with pytest.raises(PoolExhausted):
        ours.status(NETWORK)
    with pytest.raises(PoolExhausted):
        give(ours, directory, "c3")
    assert [pool.free for pool in pools(tmp_path)] == [0]


def test_status_alone_makes_a_pool_known(tmp_path: Path, directory: str) -> None:
    source(tmp_path, directory, TINY).status(NETWORK)
    (pool,) = pools(tmp_path)
    assert (pool.size, pool.used) == (2, 0)


def test_other_ranges_take_the_place_of_the_first(tmp_path: Path, directory: str) -> None:
    """Also when they are so narrow that none of them is free, and STATUS fails."""
    give(source(tmp_path, directory, WIDE), directory, "c1")
    with pytest.raises(PoolExhausted):
        source(tmp_path, directory, sets(span("10.1.0.0/28", "10.1.0.2", "10.1.0.2"))).status(NETWORK)
    assert pools(tmp_path) == [Pool(NETWORK, directory, "10.1.0.2-10.1.0.2", 1, 1, 0)]


def test_a_reboot(tmp_path: Path, directory: str) -> None:
    """What an earlier boot left is counted apart, and gone with the first ADD; an unused network is not told of."""
    give(source(tmp_path, directory, TINY), directory, "c1", "c2")
    other = replace(attachment("c9", network="wan"), ipam_dir=directory)
    wan = source(tmp_path, directory, sets(span("10.2.0.0/24")))
    wan.acquire(other, replace=False)
    wan.release(other.owner)
    (pool, unused) = pools(tmp_path)
    assert (pool.used, unused.used) == (2, 0)
    assert pools(tmp_path, "boot-2") == [replace(pool, used=0, earlier=2)]
    give(source(tmp_path, directory, TINY, "boot-2"), directory, "c3", boot_id="boot-2")
    assert pools(tmp_path, "boot-2") == [replace(pool, used=1)]


def test_leases_of_the_reference_plugin_are_counted(tmp_path: Path) -> None:
    directory = str(tmp_path / "networks")
    give(source(tmp_path, directory, WIDE), directory, "c1")
    place = tmp_path / "networks" / NETWORK
    for name in ("10.1.0.4", "fd01::12", "10.1.0.8", "10.9.9.9", "note.txt"):
        (place / name).write_text("c7\r\neth0")
    assert [pool.used for pool in pools(tmp_path)] == [2, 2]


def test_a_database_of_before(tmp_path: Path) -> None:
    """One that lacks the table is as good as any: it gets it with the next address."""
    ours = source(tmp_path, "", TINY)
    give(ours, "", "c1")
    store = SqliteStore(str(tmp_path / "state"), "boot-1")
    with store._exclusive() as connection:
        connection.execute("DROP TABLE range_set")
    assert pools(tmp_path) == []
    give(ours, "", "c2")
    assert [pool.used for pool in pools(tmp_path)] == [2]


def test_it_waits_for_nobody(tmp_path: Path) -> None:
    """A transaction that does not end keeps its changes to itself and nobody from looking."""
    ours = source(tmp_path, "", TINY)
    give(ours, "", "c1")
    store = SqliteStore(str(tmp_path / "state"), "boot-1")
    with store.transaction(NETWORK) as tx:
        tx.forget(attachment("c1").owner)
        assert [pool.used for pool in pools(tmp_path)] == [1]
    assert [pool.used for pool in pools(tmp_path)] == [0]
