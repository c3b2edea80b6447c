"""What the kernel may send, whole or cut short, and what is read in it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from link import answers, rtnl
from tests.examples import SAME_EVERYWHERE

HEADER = bytes(rtnl.NLMSGHDR_BYTES)
NLA_F_NESTED = 0x8000


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def number(value: int) -> bytes:
    return struct.pack("=I" if value >= 0 else "=i", value)


def link(*parts: bytes, flags: int = 0, hardware: int = rtnl.ARPHRD_ETHER) -> answers.Link:
    return answers.read_link(HEADER + rtnl.IFINFOMSG.pack(0, hardware, 7, flags, 0) + b"".join(parts))


def test_attributes_are_padded_and_flags_are_no_part_of_their_number() -> None:
    data = attribute(1, b"a") + attribute(2 | NLA_F_NESTED, b"bcde") + attribute(3, b"") + attribute(1, b"last")
    assert answers.read_attributes(data) == {1: b"last", 2: b"bcde", 3: b""}
    assert answers.read_attributes(b"head" + data, 4) == answers.read_attributes(data)


@pytest.mark.parametrize("data", [b"", b"\x05", b"\x00\x00\x01\x00", b"\x03\x00\x01\x00" * 9])
def test_lengths_that_cannot_be_end_the_reading(data: bytes) -> None:
    assert answers.read_attributes(data) == {}


@SAME_EVERYWHERE
@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_an_end(data: bytes) -> None:
    assert len(answers.read_attributes(data)) <= len(data) // 4


def test_hardware_says_little() -> None:
    found = link(attribute(rtnl.IFLA_IFNAME, b"eth0\0"))
    assert (found.index, found.name, found.kind, found.mode, found.mac, found.alias) == (7, "eth0", "", "", "", "")
    assert (found.parent, found.parent_namespace, found.port_of, found.port_kind) == (0, None, 0, "")
    assert (found.up, found.carrier, found.ethernet) == (False, False, True)


def test_a_macvlan_in_another_namespace_than_its_master() -> None:
    data = attribute(rtnl.IFLA_MACVLAN_MODE, number(2))
    info = attribute(rtnl.IFLA_INFO_KIND, b"macvlan\0") + attribute(rtnl.IFLA_INFO_DATA, data)
    found = link(
        attribute(rtnl.IFLA_LINK, number(3)),
        attribute(rtnl.IFLA_LINK_NETNSID, number(0)),
        attribute(rtnl.IFLA_ADDRESS, bytes.fromhex("0200000000ff")),
        attribute(rtnl.IFLA_LINKINFO | NLA_F_NESTED, info),
        attribute(rtnl.IFLA_IFALIAS, b"mark\0"),
        flags=rtnl.IFF_UP | rtnl.IFF_LOWER_UP,
    )
    assert (found.kind, found.mode, found.parent, found.parent_namespace) == ("macvlan", "vepa", 3, 0)
    assert (found.mac, found.alias, found.up, found.carrier) == ("02:00:00:00:00:ff", "mark", True, True)


def test_a_master_whose_namespace_has_no_number() -> None:
    assert link(attribute(rtnl.IFLA_LINK_NETNSID, number(-1))).parent_namespace == -1


def test_others_data_is_not_taken_for_a_macvlans() -> None:
    data = attribute(rtnl.IFLA_MACVLAN_MODE, number(4))
    info = attribute(rtnl.IFLA_INFO_KIND, b"vxlan\0") + attribute(rtnl.IFLA_INFO_DATA, data)
    assert link(attribute(rtnl.IFLA_LINKINFO, info)).mode == ""
    unknown = attribute(rtnl.IFLA_INFO_KIND, b"macvlan\0") + attribute(
        rtnl.IFLA_INFO_DATA, attribute(rtnl.IFLA_MACVLAN_MODE, number(32))
    )
    assert link(attribute(rtnl.IFLA_LINKINFO, unknown)).mode == ""


def test_a_port_of_a_bridge_and_what_is_no_ethernet() -> None:
    info = attribute(rtnl.IFLA_INFO_SLAVE_KIND, b"bridge\0")
    found = link(attribute(rtnl.IFLA_MASTER, number(5)), attribute(rtnl.IFLA_LINKINFO, info), hardware=65534)
    assert (found.port_of, found.port_kind, found.ethernet) == (5, "bridge", False)


@pytest.mark.parametrize(
    ("short", "whole", "states"),
    [
        (0x40, None, {"tentative"}),
        (0x48, None, {"tentative", "failed"}),
        (0, 0x40, {"tentative"}),
        (0x80, 0x80, set()),
    ],
)
def test_the_flags_of_an_address_stand_in_two_places(short: int, whole: int | None, states: set[str]) -> None:
    message = HEADER + rtnl.IFADDRMSG.pack(rtnl.AF_INET6, 64, short, 0, 7)
    message += attribute(rtnl.IFA_ADDRESS, IPAddress("fd00::2").packed)
    if whole is not None:
        message += attribute(rtnl.IFA_FLAGS, number(whole))
    found = answers.read_address(message)
    assert (found.index, str(found.address)) == (7, "fd00::2/64")
    assert (found.tentative, found.dad_failed) == ("tentative" in states, "failed" in states)


def test_of_two_ends_the_local_one_is_ours() -> None:
    message = HEADER + rtnl.IFADDRMSG.pack(rtnl.AF_INET, 32, 0, 0, 7)
    message += attribute(rtnl.IFA_ADDRESS, bytes((10, 0, 0, 1))) + attribute(rtnl.IFA_LOCAL, bytes((10, 0, 0, 2)))
    assert answers.read_address(message).address == IPNetwork("10.0.0.2/32")


def test_a_route_with_several_next_hops() -> None:
    hops = b""
    for index, gateway in ((3, bytes((10, 1, 0, 1))), (4, b"")):
        via = attribute(rtnl.RTA_GATEWAY, gateway) if gateway else b""
        hops += rtnl.RTNEXTHOP.pack(rtnl.RTNEXTHOP.size + len(via), 0, 0, index) + via
    message = HEADER + rtnl.RTMSG.pack(rtnl.AF_INET, 0, 0, 0, 254, 3, 0, rtnl.RTN_UNICAST, 0)
    found = answers.read_route(message + attribute(rtnl.RTA_MULTIPATH, hops))
    assert found.hops == ((3, IPAddress("10.1.0.1")), (4, None))
    assert (str(found.route.dst), found.route.gw, found.route.table) == ("0.0.0.0/0", None, 254)


def test_an_unreachable_destination_is_no_way_there() -> None:
    message = HEADER + rtnl.RTMSG.pack(rtnl.AF_INET6, 128, 0, 0, 0, 3, 0, 7, 0)
    found = answers.read_route(
        message
        + attribute(rtnl.RTA_DST, IPAddress("fd00::9").packed)
        + attribute(rtnl.RTA_TABLE, number(1000))
        + attribute(rtnl.RTA_METRICS, attribute(rtnl.RTAX_MTU, number(1400)))
    )
    assert not found.unicast
    assert (str(found.route.dst), found.route.table, found.route.mtu) == ("fd00::9/128", 1000, 1400)


@pytest.mark.parametrize(("value", "text"), [(None, ""), (b"", ""), (b"eth0\0", "eth0"), (b"\xff\0\0", "\ufffd")])
def test_text(value: bytes | None, text: str) -> None:
    assert answers.read_text(value) == text


@pytest.mark.parametrize("kept", [False, True])
def test_a_macvlan_tells_whether_it_keeps_its_ipv6_addresses(kept: bool) -> None:  # noqa: FBT001 - a parameter
    sysctls = number(7) * rtnl.DEVCONF_KEEP_ADDR_ON_DOWN + number(kept) + number(7)
    families = attribute(rtnl.AF_INET6 | NLA_F_NESTED, attribute(rtnl.IFLA_INET6_CONF, sysctls))
    info = attribute(rtnl.IFLA_LINKINFO, attribute(rtnl.IFLA_INFO_KIND, b"macvlan\0"))
    assert link(info, attribute(rtnl.IFLA_AF_SPEC, families)).keeps_addresses is kept
    assert not link(info).keeps_addresses
