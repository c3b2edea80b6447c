"""The register of attachments, and what becomes of it when the node reboots."""

from __future__ import annotations

from dataclasses import replace

from ipam import pool
from ipam.lease import Attachment
from ipam.store.sqlite import SqliteStore
from tests.unit.ipam.builders import NETWORK, addresses, attachment, owner, sets, span
from tests.unit.ipam.crashes import RANGES

SMALL = sets(span("10.1.0.0/29"))


def test_the_register_remembers_replaces_and_forgets(database: SqliteStore) -> None:
    first = attachment("c1")
    second = replace(attachment("c2", "net1"), pod_namespace="default", pod_name="web-0", netns="", created=5)
    with database.transaction(NETWORK) as tx:
        assert tx.attachment(first.owner) is None
        assert tx.attachments() == []
        tx.forget(first.owner)
        tx.record(first)
        tx.record(second)
    with database.transaction(NETWORK) as tx:
        assert tx.attachments() == [first, second]
        assert tx.attachment(second.owner) == second
        pool.acquire(tx, first, SMALL, replace=False)
        moved = replace(first, netns="/run/netns/elsewhere", netns_id="4:1", device="macvtap")
        tx.record(moved)
        assert tx.attachments() == [moved, second]
        assert tx.leases(first.owner) == addresses("10.1.0.2")
        tx.forget(first.owner)
        assert tx.attachments() == [second]
        assert tx.owners() == []
        assert tx.holder(addresses("10.1.0.2")[0]) is None
    with database.transaction("wan") as tx:
        assert tx.attachments() == []
        tx.record(attachment("c1", network="wan"))
    assert database.networks() == [NETWORK, "wan"]
    with database.transaction("wan") as tx:
        tx.forget(owner("c1", network="wan"))
    assert database.networks() == [NETWORK]


def test_a_lease_is_recorded_by_itself(database: SqliteStore) -> None:
    with database.transaction(NETWORK) as tx:
        pool.acquire(tx, attachment("c1"), SMALL, replace=False)
        assert tx.attachments() == [attachment("c1")]
        pool.release(tx, owner("c1"))
        assert tx.attachments() == [attachment("c1")], "release is about addresses; forget about attachments"


def test_leases_of_an_earlier_boot_are_void(database: SqliteStore) -> None:
    old = [attachment(f"c{n}", boot_id=f"boot-{boot}") for n, boot in enumerate((0, 2, 0))]
    elsewhere = replace(attachment("c9", boot_id="boot-0"), ipam="host-local", ipam_dir="/var/lib/cni/networks")
    with database.transaction(NETWORK) as tx:
        for each in old:
            pool.acquire(tx, each, SMALL, replace=False)
        tx.record(elsewhere)
        pool.acquire(tx, attachment("now"), SMALL, replace=False)
    with database.transaction("wan") as tx:
        tx.record(attachment("c1", network="wan", boot_id="boot-0"))
    with database.transaction(NETWORK) as tx:
        assert sorted(tx.earlier_boot(), key=name_of) == [*old, elsewhere]
        gone = pool.void_earlier_boot(tx, tx)
        assert sorted(gone, key=name_of) == old
        assert tx.attachments() == [elsewhere, attachment("now")]
        assert tx.owners() == [owner("now")]
        assert pool.void_earlier_boot(tx, tx) == []
        given = [pool.acquire(tx, attachment(f"d{n}"), SMALL, replace=False)[0] for n in range(4)]
    assert {str(each.address.ip) for each in given} == {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.6"}
    with database.transaction("wan") as tx:
        assert len(tx.earlier_boot()) == 1


def test_an_attachment_of_an_earlier_boot_is_recorded_anew(database: SqliteStore) -> None:
    with database.transaction(NETWORK) as tx:
        tx.record(attachment("c1", boot_id="boot-0"))
        pool.acquire(tx, attachment("c1"), RANGES, replace=True)
        assert tx.earlier_boot() == []


def name_of(each: Attachment) -> str:
    return each.owner.container_id


def test_what_executed_plugins_gave_outlives_a_boot(database: SqliteStore) -> None:
    """They may keep it through a reboot: only their DEL ends it."""
    theirs = replace(attachment("c1", boot_id="boot-0"), ipam="theirs", delegation="{}")
    with database.transaction(NETWORK) as tx:
        tx.record(theirs)
        assert pool.void_earlier_boot(tx, tx) == []
        assert tx.attachments() == [theirs]
