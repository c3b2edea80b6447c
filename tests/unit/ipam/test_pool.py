"""The policy on both stores: what is given, what is refused with which words, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from netaddr import IPAddress

from conf.errors import AddressUnavailable, CheckFailure, CniError, PoolExhausted
from ipam import pool
from ipam.lease import Owner
from ipam.ranges import RangeSet
from ipam.store import transaction
from ipam.store.files import FilesStore
from ipam.store.sqlite import SqliteStore
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner, sets, span
from tests.unit.ipam.crashes import Store

SMALL = sets(span("10.1.0.0/29"))
DUAL = sets(span("10.1.0.0/29"), span("fd00::/64"))


def add(
    store: Store, name: str, range_sets: tuple[RangeSet, ...], *wishes: str, replace: bool = False, ifname: str = "eth0"
) -> list[str]:
    with store.transaction(NETWORK) as tx:
        given = pool.acquire(tx, attachment(name, ifname), range_sets, addresses(*wishes), replace=replace)
    return [str(each.address) for each in given]


def release(store: Store, name: str) -> list[str]:
    with store.transaction(NETWORK) as tx:
        return list(map(str, pool.release(tx, owner(name))))


def held(store: Store, name: str, ifname: str = "eth0") -> list[IPAddress]:
    with store.transaction(NETWORK) as tx:
        return tx.leases(owner(name, ifname))


def test_one_address_of_each_set_with_its_prefix_and_gateway(store: Store) -> None:
    with store.transaction(NETWORK) as tx:
        v4, v6 = pool.acquire(tx, attachment("c1"), DUAL, replace=False)
    assert (str(v4.address), str(v4.gateway)) == ("10.1.0.2/29", "10.1.0.1")
    assert (str(v6.address), str(v6.gateway)) == ("fd00::2/64", "fd00::1")
    assert held(store, "c1") == addresses("10.1.0.2", "fd00::2")


@pytest.mark.parametrize(
    ("name", "wishes", "error", "message"),
    [
        (
            "c2",
            ["10.1.0.4"],
            AddressUnavailable,
            (
                "failed to allocate for range 0: requested IP address 10.1.0.4 is not available in range set "
                "10.1.0.1-10.1.0.6; c1 eth0 holds it"
            ),
        ),
        (
            "c2",
            ["10.1.0.5"],
            AddressUnavailable,
            (
                "failed to allocate for range 0: requested IP address 10.1.0.5 is not available in range set "
                "10.1.0.1-10.1.0.6; it is excluded"
            ),
        ),
        (
            "c2",
            ["10.1.0.1"],
            AddressUnavailable,
            "failed to allocate for range 0: requested ip 10.1.0.1 is subnet's gateway; ",
        ),
        ("c2", ["10.9.9.9"], AddressUnavailable, "failed to allocate all requested IPs: 10.9.9.9; "),
        ("c2", ["10.9.9.9", "fd00::8"], AddressUnavailable, "failed to allocate all requested IPs: 10.9.9.9 fd00::8; "),
        ("c2", ["10.1.0.2", "10.1.0.3"], AddressUnavailable, "failed to allocate all requested IPs: 10.1.0.3; "),
        (
            "c1",
            [],
            AddressUnavailable,
            "failed to allocate for range 0: 10.1.0.4 has been allocated to c1, duplicate allocation is not allowed; ",
        ),
        (
            "c1",
            ["10.1.0.2"],
            AddressUnavailable,
            "failed to allocate for range 0: 10.1.0.4 has been allocated to c1, duplicate allocation is not allowed; ",
        ),
    ],
)
def test_refusals_begin_with_the_words_of_host_local(
    store: Store, name: str, wishes: list[str], error: type[CniError], message: str
) -> None:
    range_sets = sets(span("10.1.0.0/29", exclude=("10.1.0.5",)))
    assert add(store, "c1", range_sets, "10.1.0.4") == ["10.1.0.4/29"]
    with pytest.raises(error) as caught:
        add(store, name, range_sets, *wishes)
    assert caught.value.msg.startswith(message)
    assert len(caught.value.msg) > len(message), "the cure is missing"
    assert held(store, "c1") == addresses("10.1.0.4")
    assert held(store, "c2") == []


def test_exhaustion_is_exact_and_a_second_interface_counts(store: Store) -> None:
    given = {add(store, "c1", SMALL, ifname=f"net{n}")[0] for n in range(5)}
    assert given == {f"10.1.0.{n}/29" for n in range(2, 7)}
    with pytest.raises(PoolExhausted) as caught:
        add(store, "c2", SMALL)
    literal = "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6; "
    assert caught.value.msg.startswith(literal)
    assert caught.value.code == 107


def test_a_failure_in_the_second_set_leaves_nothing_of_the_first(store: Store) -> None:
    range_sets = sets(span("10.1.0.0/29"), span("10.2.0.4/32"))
    add(store, "c1", range_sets)
    with pytest.raises(PoolExhausted, match="failed to allocate for range 1"):
        add(store, "c2", range_sets)
    assert held(store, "c2") == []
    assert add(store, "c3", SMALL) == ["10.1.0.3/29"]


def test_everything_excluded_is_exhaustion(store: Store) -> None:
    with pytest.raises(PoolExhausted, match="no IP addresses available"):
        add(store, "c1", sets(span("10.1.0.0/29", exclude=("10.1.0.0/29",))))


def test_replace_frees_what_the_owner_held_and_undoes_that_too(store: Store) -> None:
    add(store, "c1", DUAL)
    assert add(store, "c1", DUAL, replace=True) == ["10.1.0.3/29", "fd00::3/64"]
    assert held(store, "c1") == addresses("10.1.0.3", "fd00::3")
    assert add(store, "c1", DUAL, "10.1.0.3", "fd00::3", replace=True) == ["10.1.0.3/29", "fd00::3/64"]
    with pytest.raises(AddressUnavailable):
        add(store, "c1", DUAL, "10.1.0.1", replace=True)
    assert held(store, "c1") == addresses("10.1.0.3", "fd00::3")


def test_a_requested_address_moves_the_round(store: Store) -> None:
    assert add(store, "c1", SMALL, "10.1.0.4") == ["10.1.0.4/29"]
    assert add(store, "c2", SMALL) == ["10.1.0.5/29"]


def test_released_addresses_rest_while_others_were_never_given(store: Store) -> None:
    given = []
    for n in range(5):
        given += add(store, f"c{n}", SMALL)
        release(store, f"c{n}")
    assert given == [f"10.1.0.{n}/29" for n in range(2, 7)]


def test_the_database_gives_again_what_was_released_longest_ago(database: SqliteStore) -> None:
    for n in range(5):
        add(database, f"c{n}", SMALL)
    for n in (3, 0, 4):
        release(database, f"c{n}")
    given = [add(database, name, SMALL)[0] for name in ("d1", "d2", "d3")]
    assert given == ["10.1.0.5/29", "10.1.0.2/29", "10.1.0.6/29"]


def test_the_directory_walks_on_from_the_last_address_as_the_reference_does(tmp_path: Path) -> None:
    store = FilesStore(str(tmp_path))
    for n in range(5):
        add(store, f"c{n}", SMALL)
    for n in (3, 0, 4):
        release(store, f"c{n}")
    assert [add(store, name, SMALL)[0] for name in ("d1", "d2", "d3")] == ["10.1.0.2/29", "10.1.0.5/29", "10.1.0.6/29"]


def test_addresses_of_an_endless_subnet_are_given_again_in_time(
    database: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "REST", 3)
    range_sets = sets(span("fd00::/64"))
    given = []
    for n in range(8):
        given += add(database, f"c{n}", range_sets)
        release(database, f"c{n}")
    assert given == [f"fd00::{n}/64" for n in (2, 3, 4, 5, 2, 3, 4, 5)]


def test_a_changed_configuration_finds_what_was_released_under_another(store: Store) -> None:
    for n in range(5):
        add(store, f"c{n}", SMALL)
    for n in range(5):
        release(store, f"c{n}")
    narrow = sets(span("10.1.0.0/29", end="10.1.0.4", exclude=("10.1.0.3",)))
    assert {add(store, f"d{n}", narrow)[0] for n in range(2)} == {"10.1.0.2/29", "10.1.0.4/29"}
    with pytest.raises(PoolExhausted):
        add(store, "d2", narrow)
    assert {add(store, f"e{n}", SMALL)[0] for n in range(3)} == {"10.1.0.3/29", "10.1.0.5/29", "10.1.0.6/29"}


def test_an_exclusion_that_comes_and_goes(store: Store) -> None:
    for n in range(5):
        add(store, f"c{n}", SMALL)
        release(store, f"c{n}")
    excluding = sets(span("10.1.0.0/29", gateway="10.1.0.3", exclude=("10.1.0.2", "10.1.0.5")))
    assert {add(store, f"d{n}", excluding)[0] for n in range(3)} == {"10.1.0.1/29", "10.1.0.4/29", "10.1.0.6/29"}
    with pytest.raises(PoolExhausted):
        add(store, "d3", excluding)
    assert {add(store, f"e{n}", SMALL)[0] for n in range(3)} == {"10.1.0.2/29", "10.1.0.3/29", "10.1.0.5/29"}


def test_the_highest_and_the_lowest_addresses(store: Store) -> None:
    ends = sets(span("255.255.255.254/31"), span("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"), span("0.0.0.0/31"))
    for name in ("c1", "c2"):
        add(store, name, ends)
    with pytest.raises(PoolExhausted):
        add(store, "c3", ends)


def test_check_wants_an_address_and_those_of_the_result(store: Store) -> None:
    add(store, "c1", DUAL)
    with store.transaction(NETWORK) as tx:
        pool.check(tx, owner("c1"), addresses("10.1.0.2", "fd00::2"))
        pool.check(tx, owner("c1"), [])
        for name, wanted in (("c2", []), ("c1", addresses("10.1.0.3")), ("c2", addresses("10.1.0.2"))):
            with pytest.raises(CheckFailure) as caught:
                pool.check(tx, owner(name), wanted)
            literal = f"host-local: Failed to find address added by container {name}"
            assert caught.value.msg.startswith(literal)


def test_sweep_frees_what_is_not_valid_and_nothing_else(store: Store) -> None:
    for name in ("c1", "c2", "c3"):
        add(store, name, DUAL)
    add(store, "c1", DUAL, ifname="eth1")
    with store.transaction(NETWORK) as tx:
        gone = pool.sweep(tx, {("c1", "eth0"), ("c3", "eth0"), ("c9", "eth0")})
        assert sorted(gone, key=str) == [owner("c1", "eth1"), owner("c2")]
    with store.transaction(NETWORK) as tx:
        assert set(tx.owners()) == {owner("c1"), owner("c3")}
        assert set(pool.sweep(tx, set())) == {owner("c1"), owner("c3")}
    assert held(store, "c1") == held(store, "c3") == []


def test_networks_do_not_share_addresses(store: Store) -> None:
    for network in ("lan", "wan"):
        with store.transaction(network) as tx:
            (given,) = pool.acquire(tx, attachment("c1", network=network), SMALL, replace=False)
            assert str(given.address) == "10.1.0.2/29"
            assert tx.owners() == [Owner(network, "c1", "eth0")]
    with store.transaction("wan") as tx:
        tx.release(owner("c1", network="wan"))
    assert held(store, "c1") == addresses("10.1.0.2")
