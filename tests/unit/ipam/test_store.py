"""What both stores promise their users: transactions, locks, crashes, and errors that say what to do."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import StoreFailure, TryAgain
from ipam import pool
from ipam.lease import Owner
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner, sets, span
from tests.unit.ipam.crashes import RANGES, Store, add, crashes, delete

ROOT = Path(__file__).parents[3]
Opening = Callable[..., Store]
(SET,) = sets(span("10.1.0.0/29"))
TWO, THREE, FOUR = addresses("10.1.0.2", "10.1.0.3", "10.1.0.4")
KINDS = pytest.mark.parametrize("kind", ["sqlite", "files"])


class Boom(Exception):
    """An error of the caller's."""


def test_a_new_store_is_empty(store: Store) -> None:
    with store.transaction(NETWORK) as tx:
        assert tx.leases(owner("c1")) == tx.release(owner("c1")) == tx.owners() == []
        assert tx.holder(TWO) is None
        assert tx.next_free(SET) == TWO


def test_what_is_reserved_is_held_in_address_order(store: Store) -> None:
    with store.transaction(NETWORK) as tx:
        tx.prepare()
        for address in (FOUR, TWO):
            tx.reserve(address, attachment("c1"), SET)
        tx.reserve(THREE, attachment("c1", "eth1"), SET)
    with store.transaction(NETWORK) as tx:
        assert tx.leases(owner("c1")) == [TWO, FOUR]
        assert tx.leases(owner("c1", "eth1")) == [THREE]
        assert tx.holder(FOUR) == owner("c1")
        assert set(tx.owners()) == {owner("c1"), owner("c1", "eth1")}
        assert tx.release(owner("c1")) == [TWO, FOUR]
        assert tx.leases(owner("c1")) == []
        assert tx.holder(FOUR) is None
        assert tx.owners() == [owner("c1", "eth1")]


def test_an_exception_undoes_the_transaction(store: Store, tmp_path: Path) -> None:
    with store.transaction(NETWORK) as tx:
        tx.prepare()
        tx.reserve(TWO, attachment("c1"), SET)
    directory = tmp_path / "state" / NETWORK
    before = {each.name: each.read_bytes() for each in directory.iterdir()} if directory.exists() else {}

    def interrupted() -> None:
        with store.transaction(NETWORK) as tx:
            tx.release(owner("c1"))
            tx.reserve(FOUR, attachment("c2"), SET)
            raise Boom

    with pytest.raises(Boom):
        interrupted()
    with store.transaction(NETWORK) as tx:
        assert tx.owners() == [owner("c1")]
        assert tx.leases(owner("c1")) == [TWO]
        assert tx.next_free(SET) == THREE
    assert before == ({each.name: each.read_bytes() for each in directory.iterdir()} if directory.exists() else {})


def test_an_address_is_released_and_given_in_one_transaction(store: Store) -> None:
    with store.transaction(NETWORK) as tx:
        tx.prepare()
        tx.reserve(TWO, attachment("c1"), SET)
    with store.transaction(NETWORK) as tx:
        tx.release(owner("c1"))
        tx.reserve(TWO, attachment("c2"), SET)
        tx.release(owner("c2"))
        tx.reserve(TWO, attachment("c3"), SET)
    with store.transaction(NETWORK) as tx:
        assert tx.holder(TWO) == owner("c3")
        assert tx.owners() == [owner("c3")]


@KINDS
def test_a_busy_store_is_waited_for_and_then_asks_to_try_again(kind: str, opening: Opening, tmp_path: Path) -> None:
    patient = opening(kind, tmp_path / "state")
    add(patient, "c1")
    hasty = opening(kind, tmp_path / "state", wait=0.05)
    with patient.transaction(NETWORK):
        with pytest.raises(TryAgain, match=r"0\.05 s; call again") as caught, hasty.transaction(NETWORK):
            pass
        with pytest.raises(TryAgain):
            hasty.probe(NETWORK)
    assert caught.value.code == 11
    add(hasty, "c2")

    begun = threading.Event()

    def late() -> None:
        begun.set()
        add(patient, "c3")

    other = threading.Thread(target=late)
    with patient.transaction(NETWORK):
        other.start()
        begun.wait()
    other.join()
    with patient.transaction(NETWORK) as tx:
        assert owner("c3") in tx.owners()


def test_threads_share_a_store(store: Store) -> None:
    given: list[str] = []
    threads = [threading.Thread(target=lambda n=n: given.extend(add(store, f"c{n}"))) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == len(given) == 24


@KINDS
def test_processes_that_begin_at_once_share_a_new_store(kind: str, opening: Opening, tmp_path: Path) -> None:
    lines = [line.split() for line in crashes("crowd", kind, tmp_path / "state", 6, 2).splitlines()]
    given = [address for _, *both in lines for address in both]
    assert len(lines) == 12
    assert len(set(given)) == len(given) == 24
    with opening(kind, tmp_path / "state").transaction(NETWORK) as tx:
        assert all(tx.leases(owner(name)) == addresses(*both) for name, *both in lines)


@KINDS
def test_probe_says_what_the_next_transaction_would(kind: str, opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(StoreFailure) as caught:
            opening(kind, place).probe(NETWORK)
        assert str(tmp_path / "file") in caught.value.msg
        assert caught.value.code == 109
    opening(kind, tmp_path / "state").probe(NETWORK)
    assert kind == "sqlite" or not (tmp_path / "state").exists()


def test_networks_are_kept_apart(store: Store) -> None:
    with store.transaction("wan") as tx:
        tx.prepare()
        tx.reserve(TWO, attachment("c1", network="wan"), SET)
    with store.transaction(NETWORK) as tx:
        assert tx.holder(TWO) is None
        assert tx.owners() == tx.leases(owner("c1")) == tx.release(owner("c1")) == []
    with store.transaction("wan") as tx:
        assert tx.owners() == [Owner("wan", "c1", "eth0")]


def test_nothing_is_left_open(store: Store) -> None:
    def interrupted() -> None:
        with store.transaction(NETWORK) as tx:
            pool.acquire(tx, attachment("c2"), RANGES, replace=False)
            raise Boom

    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    add(store, "c1")
    gc.collect()  # what earlier tests left open
    before = open_files()
    for _ in range(5):
        delete(store, "c1")
        add(store, "c1")
        with pytest.raises(Boom):
            interrupted()
    assert open_files() == before
