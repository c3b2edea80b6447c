"""Requests to rtnetlink, byte for byte as `ip` sends them, and what a reader makes of them."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from conf.ipam_config import Route
from link import answers, messages, rtnl
from link.answers import Link
from link.messages import MacvlanAttributes, Message
from tests.examples import SAME_EVERYWHERE

IFLA_NET_NS_FD, IFLA_ALT_IFNAME = 28, 53  # linux/if_link.h
IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_MACADDR, IFLA_MACVLAN_MACADDR_MODE, IFLA_MACVLAN_MACADDR_DATA = 2, 4, 3, 5
IFLA_MACVLAN_BC_QUEUE_LEN, IFLA_MACVLAN_BC_CUTOFF = 7, 9
MASTER = Link(3, "eth0", "", "", 1500, True, True, True, 0, None, 0, "", "", "")  # noqa: FBT003 - a link's own fields
HEADER = bytes(rtnl.NLMSGHDR_BYTES)
ACKNOWLEDGED = rtnl.NLM_F_REQUEST | rtnl.NLM_F_ACK


def number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, sys.byteorder, signed=value < 0)


def attributes(message: Message) -> dict[int, bytes]:
    return answers.read_attributes(message.payload, rtnl.IFINFOMSG.size)


def data_of(message: Message) -> dict[int, bytes]:
    """What a request says about the macvlan itself."""
    info = answers.read_attributes(attributes(message)[rtnl.IFLA_LINKINFO])
    assert answers.read_text(info[rtnl.IFLA_INFO_KIND]) == "macvlan"
    return answers.read_attributes(info[rtnl.IFLA_INFO_DATA])


def test_the_least_macvlan_leaves_all_else_to_the_kernel() -> None:
    message = messages.create_macvlan(MacvlanAttributes("net1", MASTER, "bridge"), None)
    assert (message.type, message.flags) == (rtnl.RTM_NEWLINK, ACKNOWLEDGED | rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL)
    assert attributes(message).keys() == {rtnl.IFLA_IFNAME, rtnl.IFLA_LINK, rtnl.IFLA_LINKINFO}
    assert data_of(message) == {rtnl.IFLA_MACVLAN_MODE: number(4)}


def test_everything_that_a_macvlan_can_be_given() -> None:
    macs = ("02:00:00:00:00:0a", "02:00:00:00:00:0b")
    wanted = MacvlanAttributes("net1", MASTER, "source", 1400, "02:00:00:00:00:01", 2000, -1, False, macs)  # noqa: FBT003
    message = messages.create_macvlan(wanted, 9)
    link = answers.read_link(HEADER + message.payload)
    assert (link.name, link.parent, link.mode, link.mtu, link.mac, link.up) == (
        "net1", 3, "source", 1400, "02:00:00:00:00:01", False,
    )  # fmt: skip
    assert attributes(message)[IFLA_NET_NS_FD] == number(9)
    data = data_of(message)
    assert data[IFLA_MACVLAN_FLAGS] == number(rtnl.MACVLAN_FLAG_NOPROMISC, 2)
    assert data[IFLA_MACVLAN_MACADDR_MODE] == number(rtnl.MACADDR_SET)
    assert data[IFLA_MACVLAN_BC_QUEUE_LEN] == number(2000)
    assert data[IFLA_MACVLAN_BC_CUTOFF] == number(-1)
    sources = data[IFLA_MACVLAN_MACADDR_DATA]
    assert [sources[at + 4 : at + 10].hex(":") for at in range(0, len(sources), 12)] == list(macs)
    assert {sources[at + 2] for at in range(0, len(sources), 12)} == {IFLA_MACVLAN_MACADDR}


@pytest.mark.parametrize("mode", rtnl.MACVLAN_MODES)
def test_each_mode(mode: str) -> None:
    message = messages.create_macvlan(MacvlanAttributes("net1", MASTER, mode), None)
    assert answers.read_link(HEADER + message.payload).mode == mode


def test_requests_that_hardly_differ_are_not_taken_for_each_other() -> None:
    macvlans = {
        messages.create_macvlan(MacvlanAttributes("net1", MASTER, "bridge", bccutoff=cutoff), descriptor).payload
        for cutoff in (None, 0, 1)
        for descriptor in (None, 0, 1)
    }
    assert len(macvlans) == 9
    addresses = {messages.add_address(3, IPNetwork(f"10.1.0.{n}/24")).payload for n in (2, 3)}
    assert len(addresses) == 2
    assert messages.rename_link(3, "a") != messages.rename_link(4, "a")


def test_an_ipv4_address_has_the_broadcast_of_its_network() -> None:
    message = messages.add_address(7, IPNetwork("10.1.0.2/24"))
    assert (message.type, message.flags) == (rtnl.RTM_NEWADDR, ACKNOWLEDGED | rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL)
    assert message.payload == b"".join(
        (
            bytes((rtnl.AF_INET, 24, 0, 0)), number(7),
            number(8, 2), number(rtnl.IFA_LOCAL, 2), bytes((10, 1, 0, 2)),
            number(8, 2), number(rtnl.IFA_ADDRESS, 2), bytes((10, 1, 0, 2)),
            number(8, 2), number(rtnl.IFA_BROADCAST, 2), bytes((10, 1, 0, 255)),
        )
    )  # fmt: skip


@pytest.mark.parametrize("address", ["10.1.0.2/31", "10.1.0.2/32", "fd00::2/64", "fd00::2/128"])
def test_networks_without_a_broadcast(address: str) -> None:
    message = messages.add_address(7, IPNetwork(address))
    found = answers.read_attributes(message.payload, rtnl.IFADDRMSG.size)
    assert found.keys() == {rtnl.IFA_LOCAL, rtnl.IFA_ADDRESS}
    assert answers.read_address(HEADER + message.payload).address == IPNetwork(address)


def routes(version: int) -> st.SearchStrategy[Route]:
    bits = 32 if version == 4 else 128
    networks = st.builds(
        lambda value, length: IPNetwork((value, length), version=version),
        st.integers(0, 2**bits - 1),
        st.integers(1, bits),
    )
    everywhere = st.just(IPNetwork((0, 0), version=version))
    gateways = st.none() | st.just(IPAddress("10.1.0.1" if version == 4 else "fd00::1"))
    sizes = st.none() | st.integers(1, 2**32 - 1)
    tables = st.integers(1, 2**32 - 1)
    return st.builds(Route, networks | everywhere, gateways, sizes, sizes, sizes, tables, st.integers(0, 255))


@SAME_EVERYWHERE
@given(routes(4) | routes(6))
def test_a_route_is_read_as_it_was_written(route: Route) -> None:
    message = messages.add_route(7, route)
    assert message.flags == ACKNOWLEDGED | rtnl.NLM_F_CREATE
    read = answers.read_route(HEADER + message.payload)
    assert read.route == route
    assert (read.hops, read.unicast) == (((7, route.gw),), True)


@pytest.mark.parametrize(("table", "short"), [(None, 254), (255, 255), (256, 0), (2**32 - 1, 0)])
def test_a_table_above_255_is_in_its_attribute_alone(table: int | None, short: int) -> None:
    message = messages.add_route(7, Route(IPNetwork("10.2.0.0/16"), table=table))
    assert message.payload[4] == short
    assert answers.read_attributes(message.payload, rtnl.RTMSG.size)[rtnl.RTA_TABLE] == number(table or 254)


@pytest.mark.parametrize(
    ("message", "kind", "flags", "change"),
    [
        (messages.set_up(7), rtnl.RTM_SETLINK, rtnl.IFF_UP, rtnl.IFF_UP),
        (messages.set_down(7), rtnl.RTM_SETLINK, 0, rtnl.IFF_UP),
        (messages.delete_link(7), rtnl.RTM_DELLINK, 0, 0),
        (messages.set_alias(7, "x"), rtnl.RTM_SETLINK, 0, 0),
        (messages.rename_link(7, "x"), rtnl.RTM_SETLINK, 0, 0),
    ],
    ids=["up", "down", "delete", "alias", "rename"],
)
def test_changes_touch_one_device_and_no_other_flag(message: Message, kind: int, flags: int, change: int) -> None:
    assert message.type == kind
    _, _, *rest = rtnl.IFINFOMSG.unpack_from(message.payload)
    assert rest == [7, flags, change]


def test_an_alias_is_cut_to_what_the_kernel_holds() -> None:
    assert answers.read_link(HEADER + messages.set_alias(7, "ä" * 200).payload).alias == "ä" * 127
    assert len(attributes(messages.set_alias(7, "x" * 300))[rtnl.IFLA_IFALIAS]) == rtnl.MAX_IFALIAS + 1


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("fifteen-letters", rtnl.IFLA_IFNAME), ("sixteen-letters-", IFLA_ALT_IFNAME), ("äöüäöüäö", IFLA_ALT_IFNAME)],
)
def test_a_name_too_long_for_one_is_looked_for_among_the_alternative_ones(name: str, attribute: int) -> None:
    found = attributes(messages.get_link(name))
    assert answers.read_text(found[attribute]) == name
    assert len(found) == 2, "and the mask"
