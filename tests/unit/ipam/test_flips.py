"""A flipped bit or a cut anywhere in database, log and shared memory: every lease is still there, or an error is.

Where an error is, a rescue brings back every lease that an interface proves.

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
from console.survey import proofs, rebuilding
from console.survey.children import Child
from console.survey.namespaces import Inhabited
from ipam.lease import Owner
from ipam.store.replacement import replace
from ipam.store.sqlite import SqliteStore
from ipam.store.view import SqliteView
from link import macvlan
from link.answers import Link
from plugin.verbs.container import alias_of
from tests.unit.ipam.builders import NETWORK, owner
from tests.unit.ipam.crashes import add, delete

FLIPS = int(os.environ.get("CNI_MACVLAN_FLIPS", "60"))
BOOT = "boot-1"
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
    return {known.owner: leased for known, leased in SqliteView(str(place), BOOT).holdings() if leased}


def living(before: Held) -> list[Child]:
    """The interfaces of who holds something, as a node has them."""
    home = Inhabited("4:1", ("/run/netns/c",), ())
    return [
        Child(
            home,
            Link(
                index=macvlan.index_of(each.container_id, each.ifname), name=each.ifname, alias=alias_of(each),
                kind="macvlan", mode="bridge", mac="", mtu=1500, up=True, carrier=True, ethernet=True,
                parent=2, parent_namespace=0, port_of=0, port_kind="",
            ),
            tuple(f"{address}/24" for address in leased),
            2,
        )
        for each, leased in before.items()
    ]  # fmt: skip


def rescue(place: Path) -> None:
    rebuilt = rebuilding.from_what_is_left(str(place), [], "")
    assert rebuilt.trouble
    replace(str(place), BOOT, rebuilt.content, rebuilt.adoptions)


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
    store = SqliteStore(str(place), BOOT, wait=5)
    try:
        with store.transaction(NETWORK) as tx:
            found = {each: tuple(tx.leases(each)) for each in before}
        assert found == before, what
        assert not {str(each) for leased in before.values() for each in leased} & use_up(store), what
        assert held(place).items() >= before.items(), what
    except StoreFailure:
        rescue(place)
        assert held(place).items() >= before.items(), what
        assert not {str(each) for leased in before.values() for each in leased} & use_up(store), what
        return True
    finally:
        store.close()
    return False


def test_nothing_is_lost_in_silence(place: Path, whole: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    before = held(place)
    for module in (rebuilding, proofs):
        monkeypatch.setattr(module, "boot_id", lambda: BOOT)
    monkeypatch.setattr(rebuilding, "marked", lambda _: living(before))
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
