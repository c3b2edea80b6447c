"""Processes killed in the middle: no address is lost, none is given twice, nothing half-made is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from netaddr import IPAddress

from conf.errors import PoolExhausted
from tests.unit.ipam.builders import NETWORK, addresses, owner
from tests.unit.ipam.crashes import RANGES, Store, add, crashes, delete

Opening = Callable[..., Store]
KINDS = pytest.mark.parametrize("kind", ["sqlite", "files"])


@KINDS
@pytest.mark.parametrize("verb", ["add", "first-add", "delete"])
def test_a_kill_before_any_call_loses_no_address(kind: str, verb: str, opening: Opening, tmp_path: Path) -> None:
    kept: dict[str, list[IPAddress]] = {}
    if verb != "first-add":
        template = opening(kind, tmp_path / "template")
        kept = {name: addresses(*add(template, name)) for name in ("c1", "c2", "c3")}
        add(template, "c9")
        delete(template, "c2")
        del kept["c2"]
    count = int(crashes("at_every_call", kind, tmp_path, verb.removeprefix("first-")))
    assert count > 5
    for number in range(count + 1):
        expect_sound(kind, opening, tmp_path / str(number), kept)


@KINDS
def test_a_kill_at_any_time_loses_no_address(kind: str, opening: Opening, tmp_path: Path) -> None:
    crashes("at_any_time", kind, tmp_path / "state", 60)
    expect_sound(kind, opening, tmp_path / "state", {})


def expect_sound(kind: str, opening: Opening, place: Path, kept: dict[str, list[IPAddress]]) -> None:
    """Check that every lease is whole, that the next ADD repairs, and that each address can still be given once."""
    store = opening(kind, place)
    with store.transaction(NETWORK) as tx:
        for name, held in kept.items():
            assert tx.leases(owner(name)) == held
        assert len(tx.leases(owner("c9"))) in ({0, 2} if kind == "sqlite" else {0, 1, 2, 3, 4})
    add(store, "c9")
    for name in [f"c{n}" for n in range(9) if f"c{n}" not in kept]:
        delete(store, name)
    given = [addresses(*add(store, f"new-{n}"))[0] for n in range(RANGES[0].capacity - len(kept) - 1)]
    assert len(set(given)) == len(given)
    with pytest.raises(PoolExhausted):
        add(store, "one-too-many")
    if kind == "sqlite":
        files = {each.name for each in place.iterdir()}
        left = {each for each in files if not each.startswith("leases.db.daily")}
        assert left == {"leases.db", "leases.db-wal", "leases.db-shm"}
        with sqlite3.connect(place / "leases.db") as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
    else:
        assert all(each.stat().st_size for each in (place / NETWORK).iterdir() if each.name != "lock")
