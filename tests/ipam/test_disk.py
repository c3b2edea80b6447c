"""Broken disks: an error that says where, and no lease is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conf.errors import StoreFailure
from tests.unit.ipam.builders import NETWORK, addresses, owner
from tests.unit.ipam.crashes import Store, add, crashes

Opening = Callable[..., Store]
KINDS = pytest.mark.parametrize("kind", ["sqlite", "files"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB, mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "cmv-disk", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


@KINDS
def test_a_full_disk_loses_nothing_and_is_named(kind: str, opening: Opening, small_disk: Path) -> None:
    store = opening(kind, small_disk / "state")
    add(store, "c1")
    with pytest.raises(OSError, match="No space"):
        fill(small_disk / "ballast")

    def add_until_full() -> None:
        for number in range(2, 12):
            add(store, f"c{number}")

    with pytest.raises(StoreFailure, match=str(small_disk)):
        add_until_full()
    (small_disk / "ballast").unlink()
    with opening(kind, small_disk / "state").transaction(NETWORK) as tx:
        assert tx.leases(owner("c1")) == addresses("10.1.0.2", "fd00::2")
        assert all(len(tx.leases(each)) == 2 for each in tx.owners())
    add(store, "c20")


@KINDS
def test_a_disk_that_became_read_only_is_named(kind: str, opening: Opening, small_disk: Path) -> None:
    crashes("crowd", kind, small_disk / "state", 1, 1)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreFailure, match=str(small_disk)):
        add(opening(kind, small_disk / "state"), "c2")
    for place in ("state", "elsewhere"):
        with pytest.raises(StoreFailure, match=str(small_disk)):
            opening(kind, small_disk / place).probe(NETWORK)
