"""A flipped bit or a cut anywhere in database, log and shared memory: every lease is still there, or an error is.

CNI_MACVLAN_FLIPS is how many bits are flipped, and two fifths as many cuts made: 500 take some minutes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from netaddr import IPAddress

from conf.errors import PoolExhausted, StoreFailure
from ipam.lease import Owner
from ipam.store.sqlite import SqliteStore
from ipam.store.view import SqliteView
from tests.unit.ipam.builders import NETWORK, owner
from tests.unit.ipam.crashes import add, delete

FLIPS = int(os.environ.get("CNI_MACVLAN_FLIPS", "60"))
SUFFIXES = ("", "-wal", "-shm")

Files = dict[str, bytes]
Held = dict[Owner, tuple[IPAddress, ...]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def whole(place: Path, opening: Callable[..., SqliteStore]) -> Files:
    """The files of a database with leases in both file and log, as a killed process leaves them."""
    store = opening("sqlite", place)
    for name in ("c1", "c2", "c3", "c4", "c5", "c6"):
        add(store, name)
    with store._exclusive() as connection:
        pass
    store._move_into_file(connection)
    for name in ("c7", "c8"):
        add(store, name)
    for name in ("c2", "c7"):
        delete(store, name)
    return {each: (place / f"leases.db{each}").read_bytes() for each in SUFFIXES}


def held(place: Path) -> Held:
    return {known.owner: leased for known, leased in SqliteView(str(place), "boot-1").holdings() if leased}


def use_up(store: SqliteStore) -> set[str]:
    """Every address that the store still gives; raises what it refuses."""
    given: set[str] = set()
    for number in range(20):
        try:
            given.update(add(store, f"new-{number}"))
        except PoolExhausted:
            break
    return given


def expect_no_silent_loss(place: Path, files: Files, before: Held, what: str) -> bool:
    """Put damaged files in place and use them; whether the damage was told."""
    for suffix, content in files.items():
        path = place / f"leases.db{suffix}"
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    store = SqliteStore(str(place), "boot-1", wait=5)
    try:
        with store.transaction(NETWORK) as tx:
            found = {each: tuple(tx.leases(each)) for each in before}
        assert found == before, what
        assert not {str(each) for leased in before.values() for each in leased} & use_up(store), what
        assert held(place).items() >= before.items(), what
    except StoreFailure:
        return True
    finally:
        store.close()
    return False


def test_nothing_is_lost_in_silence(place: Path, whole: Files) -> None:
    before = held(place)
    assert set(before) == {owner(name) for name in ("c1", "c3", "c4", "c5", "c6", "c8")}
    assert not expect_no_silent_loss(place, whole, before, "nothing damaged")
    dice = random.Random(11)  # noqa: S311 - places, not secrets
    told = 0
    for number in range(FLIPS):
        suffix = SUFFIXES[number % 3] if number % 5 else ""
        content = bytearray(whole[suffix])
        bit = dice.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        damaged = whole | {suffix: bytes(content)}
        told += expect_no_silent_loss(place, damaged, before, f"bit {bit} of leases.db{suffix}")
    for number in range(FLIPS * 2 // 5):
        suffix = SUFFIXES[number % 3]
        size = dice.randrange(len(whole[suffix]))
        cut = whole | {suffix: whole[suffix][:size]}
        told += expect_no_silent_loss(place, cut, before, f"leases.db{suffix} cut to {size}")
    assert told > FLIPS // 5
