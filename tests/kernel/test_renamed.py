"""An attachment's interface is known by its index: neither a rename, a swap nor another alias hides it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from link.macvlan import OWN_INDEXES, index_of
from tests import kernel_state
from tests.cli.operator import Operator
from tests.lan import SUBNET4

if TYPE_CHECKING:
    from tests.lan import Lan
    from tests.namespaces import Namespace
    from tests.runtime import Runtime


def rename(container: Namespace, *names: tuple[str, str]) -> None:
    """Rename links one after the other; before Linux 6.2 only one that is down can be."""
    container.batch(*(f"link set {old} down name {new}" for old, new in names))


def test_an_attachment_has_an_index_of_its_own(lan: Lan, runtime: Runtime) -> None:
    container = lan.container()
    for ifname in ("net1", "net2"):
        runtime.add(runtime.config(runtime.pool(SUBNET4)), container, ifname=ifname).expect()
    found = {link["ifname"]: link["ifindex"] for link in container.ip("link", "show", "type", "macvlan")}
    assert found == {ifname: index_of(container.name, ifname) for ifname in ("net1", "net2")}
    assert all(OWN_INDEXES <= index < 2 * OWN_INDEXES for index in found.values())


def test_a_renamed_interface_is_deleted(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    rename(container, ("net1", "lan0"))
    container.batch("link set lan0 alias mine")
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_of_swapped_interfaces_the_right_one_is_deleted(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    addresses = {name: runtime.add(config, container, ifname=name).addresses[0] for name in ("net1", "net2")}
    rename(container, ("net1", "other"), ("net2", "net1"), ("other", "net2"))
    runtime.delete(config, container, ifname="net1").expect()
    assert container.links() == ["lo", "net1"]
    assert kernel_state.cidrs(container) == [addresses["net2"]]
    # Repeated, it does not take the one that has come to bear the name.
    runtime.delete(config, container, ifname="net1").expect()
    assert container.links() == ["lo", "net1"]
    runtime.delete(config, container, ifname="net2").expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_a_second_add_does_not_overlook_a_renamed_interface(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    rename(container, ("net1", "lan0"))
    held = runtime.held()
    refusal = runtime.add(config, container)
    assert (refusal.code, container.links(), runtime.held()) == (103, ["lan0", "lo"], held)
    assert '"net1" exists in the container already, as "lan0"' in refusal.msg


def test_check_tells_of_a_rename(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    rename(container, ("net1", "lan0"))
    assert "net1 not found, it was renamed to lan0" in runtime.check(config, container).msg


def test_gc_removes_a_renamed_interface(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4), cniVersion="1.1.0")
    container = lan.container()
    runtime.add(config, container).expect()
    rename(container, ("net1", "lan0"))
    runtime.gc(config).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_people_release_a_renamed_interface(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    (address,) = runtime.add(config, container).addresses
    rename(container, ("net1", "lan0"))
    (done,) = Operator(runtime).ask("leases", "release", address.partition("/")[0], "--yes")["attachments"]
    assert done["outcome"] == "removed"
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_an_interface_whose_index_was_taken_is_known_by_its_name(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    container.batch(f"link add name taken index {index_of(container.name, 'net1')} type bridge")
    runtime.add(config, container).expect()
    runtime.check(config, container).expect()
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo", "taken"], [])


def test_an_interface_of_a_release_that_chose_no_index_is_deleted(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config(runtime.pool(SUBNET4))
    container = lan.container()
    runtime.add(config, container).expect()
    (made,) = container.ip("link", "show", "dev", "net1")
    container.batch("link del net1")
    lan.node.batch(f"link add link eth0 name net1 netns {container.name} type macvlan mode bridge")
    container.batch(f"link set net1 alias '{made['ifalias']}'")
    assert container.ip("link", "show", "dev", "net1")[0]["ifindex"] < OWN_INDEXES
    runtime.delete(config, container).expect()
    assert (container.links(), runtime.held()) == (["lo"], [])


def test_a_network_that_has_another_name_at_del_is_found(lan: Lan, runtime: Runtime) -> None:
    config = runtime.config({"type": "cni-macvlan-py", "subnet": SUBNET4})
    container, other = lan.container(), lan.container()
    runtime.add(config, container).expect()
    runtime.add(config, other).expect()
    runtime.delete(config | {"name": f"{lan.network}-renamed"}, container).expect()
    assert (container.links(), other.links()) == (["lo"], ["lo", "net1"])
    with sqlite3.connect(runtime.state_dir / "leases.db") as database:
        owners = database.execute("SELECT container_id FROM attachment JOIN lease ON attachment = attachment.id")
        assert owners.fetchall() == [(other.name,)]
    database.close()
    runtime.delete(config, other).expect()


def test_a_container_of_the_same_id_elsewhere_is_not_touched(lan: Lan, runtime: Runtime) -> None:
    """Two networks, one container id, two namespaces: a DEL of a third network removes neither."""
    first, second, third = lan.container(), lan.container(), lan.container()
    configs = [runtime.config(runtime.pool(SUBNET4), name=f"{lan.network}-{number}") for number in range(3)]
    for config, container in zip(configs, (first, second), strict=False):
        runtime.add(config, container, container_id="same").expect()
    runtime.delete(configs[2], third, container_id="same").expect()
    assert first.links() == second.links() == ["lo", "net1"]
    for config, container in zip(configs, (first, second), strict=False):
        runtime.delete(config, container, container_id="same").expect()
