"""rtnetlink requests as bytes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.ipam_config import SCOPE_LINK
from link import rtnl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress, IPNetwork

    from conf.ipam_config import Route
    from link.answers import Link


@dataclass(frozen=True)
class Message:
    """One encoded request: its type, its flags and what follows the netlink header."""

    type: int
    flags: int
    payload: bytes


@dataclass(frozen=True)
class MacvlanAttributes:
    """What a new macvlan gets; 0, "" and None leave the choice to the kernel."""

    name: str
    master: Link
    mode: str
    mtu: int = 0
    mac: str = ""
    bcqueuelen: int = 0
    bccutoff: int | None = None
    promisc: bool = True
    source_macs: tuple[str, ...] = ()


def create_macvlan(wanted: MacvlanAttributes, netns_fd: int | None, index: int = 0) -> Message:
    """A macvlan, down, made directly in the namespace of ``netns_fd`` (None: in the socket's own).

    ``index`` is the ifindex that it gets there; 0 leaves the choice to the kernel.
    """
    info = (_text(rtnl.IFLA_INFO_KIND, "macvlan"), _nested(rtnl.IFLA_INFO_DATA, *_macvlan_data(wanted)))
    return _message(
        rtnl.RTM_NEWLINK,
        rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL,
        rtnl.IFINFOMSG.pack(0, 0, index, 0, 0),
        _text(rtnl.IFLA_IFNAME, wanted.name),
        _number(rtnl.IFLA_LINK, wanted.master.index),
        _number(rtnl.IFLA_MTU, wanted.mtu) if wanted.mtu else b"",
        _mac(rtnl.IFLA_ADDRESS, wanted.mac) if wanted.mac else b"",
        _number(rtnl.IFLA_NET_NS_FD, netns_fd) if netns_fd is not None else b"",
        _nested(rtnl.IFLA_LINKINFO, *info),
    )


def _macvlan_data(wanted: MacvlanAttributes) -> Iterator[bytes]:
    yield _number(rtnl.IFLA_MACVLAN_MODE, rtnl.MACVLAN_MODES[wanted.mode])
    if not wanted.promisc:
        yield _attribute(rtnl.IFLA_MACVLAN_FLAGS, rtnl.MACVLAN_FLAG_NOPROMISC.to_bytes(2, sys.byteorder))
    if wanted.source_macs:
        yield _number(rtnl.IFLA_MACVLAN_MACADDR_MODE, rtnl.MACADDR_SET)
        macs = (_mac(rtnl.IFLA_MACVLAN_MACADDR, mac) for mac in wanted.source_macs)
        yield _nested(rtnl.IFLA_MACVLAN_MACADDR_DATA, *macs)
    if wanted.bcqueuelen:
        yield _number(rtnl.IFLA_MACVLAN_BC_QUEUE_LEN, wanted.bcqueuelen)
    if wanted.bccutoff is not None:
        yield _attribute(rtnl.IFLA_MACVLAN_BC_CUTOFF, wanted.bccutoff.to_bytes(4, sys.byteorder, signed=True))


def create_device(kind: str, name: str, mtu: int = 0) -> Message:
    """A device for which a kind is enough: a bridge, or a veth pair of which the kernel names the other end."""
    return _message(
        rtnl.RTM_NEWLINK,
        rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL,
        rtnl.IFINFOMSG.pack(0, 0, 0, 0, 0),
        _text(rtnl.IFLA_IFNAME, name),
        _number(rtnl.IFLA_MTU, mtu) if mtu else b"",
        _nested(rtnl.IFLA_LINKINFO, _text(rtnl.IFLA_INFO_KIND, kind)),
    )


def rename_link(index: int, name: str) -> Message:
    """Give a device that is down another name."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0), _text(rtnl.IFLA_IFNAME, name))


def set_up(index: int) -> Message:
    """Bring a device up."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, rtnl.IFF_UP, rtnl.IFF_UP))


def set_down(index: int) -> Message:
    """Bring a device down."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, rtnl.IFF_UP))


def set_mac(index: int, mac: str) -> Message:
    """Give a device another MAC address."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0), _mac(rtnl.IFLA_ADDRESS, mac))


def set_alias(index: int, alias: str) -> Message:
    """Set a device's alias, cut to what the kernel holds."""
    attribute = _attribute(rtnl.IFLA_IFALIAS, alias.encode()[: rtnl.MAX_IFALIAS] + b"\0")
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0), attribute)


def delete_link(index: int) -> Message:
    """Remove a device."""
    return _message(rtnl.RTM_DELLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0))


def get_link(name: str = "", index: int = 0) -> Message:
    """Ask for one device by name (or alternative name) or index."""
    # A name longer than IFNAMSIZ can only be an alternative one, and the kernel wants it in its own attribute.
    number = rtnl.IFLA_IFNAME if len(name.encode()) < rtnl.IFNAMSIZ else rtnl.IFLA_ALT_IFNAME
    return _message(
        rtnl.RTM_GETLINK,
        0,
        rtnl.IFINFOMSG.pack(0, 0, index, 0, 0),
        _number(rtnl.IFLA_EXT_MASK, rtnl.RTEXT_FILTER_SKIP_STATS),
        _text(number, name) if name else b"",
    )


def dump_links() -> Message:
    """Ask for every device of the namespace."""
    mask = _number(rtnl.IFLA_EXT_MASK, rtnl.RTEXT_FILTER_SKIP_STATS)
    return _message(rtnl.RTM_GETLINK, rtnl.NLM_F_DUMP, rtnl.IFINFOMSG.pack(0, 0, 0, 0, 0), mask)


def add_address(index: int, address: IPNetwork) -> Message:
    """An address with its prefix length; IPv4 gets the broadcast address of its network where there is one."""
    packed = address.ip.packed
    attributes = [_attribute(rtnl.IFA_LOCAL, packed), _attribute(rtnl.IFA_ADDRESS, packed)]
    if address.version == 4 and address.prefixlen <= 30:  # noqa: PLR2004 - RFC 3021: /31 has no broadcast
        attributes.append(_attribute(rtnl.IFA_BROADCAST, address.last.to_bytes(4)))
    header = rtnl.IFADDRMSG.pack(rtnl.FAMILIES[address.version], address.prefixlen, 0, 0, index)
    return _message(rtnl.RTM_NEWADDR, rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL, header, *attributes)


def dump_addresses(index: int, family: int = 0) -> Message:
    """Ask for the addresses of one device (strict checking makes the kernel filter)."""
    return _message(rtnl.RTM_GETADDR, rtnl.NLM_F_DUMP, rtnl.IFADDRMSG.pack(family, 0, 0, 0, index))


def add_route(index: int, route: Route) -> Message:
    """A route over the device; without rtnl.NLM_F_EXCL equal destinations become alternatives, as in the reference."""
    family, table = rtnl.FAMILIES[route.dst.version], route.table or rtnl.RT_TABLE_MAIN
    short = table if table <= rtnl.MAX_HEADER_TABLE else rtnl.RT_TABLE_UNSPEC
    header = rtnl.RTMSG.pack(
        family, route.dst.prefixlen, 0, 0, short, rtnl.RTPROT_BOOT, _scope(route), rtnl.RTN_UNICAST, 0
    )
    attributes = [_number(rtnl.RTA_OIF, index), _number(rtnl.RTA_TABLE, table)]
    if route.dst.prefixlen:
        attributes.append(_attribute(rtnl.RTA_DST, route.dst.ip.packed))
    if route.gw is not None:
        attributes.append(_attribute(rtnl.RTA_GATEWAY, route.gw.packed))
    if route.priority:
        attributes.append(_number(rtnl.RTA_PRIORITY, route.priority))
    given = ((rtnl.RTAX_MTU, route.mtu), (rtnl.RTAX_ADVMSS, route.advmss))
    metrics = [_number(key, value) for key, value in given if value]
    if metrics:
        attributes.append(_attribute(rtnl.RTA_METRICS, b"".join(metrics)))
    return _message(rtnl.RTM_NEWROUTE, rtnl.NLM_F_CREATE, header, *attributes)


def _scope(route: Route) -> int:
    """The scope asked for, else that of what is reached by the next hop, or without one on the link itself.

    In a wider scope than link the kernel finds nobody's next hop (fib_check_nh_v4_gw); of IPv6 it heeds none.
    """
    if route.scope is not None:
        return route.scope
    return SCOPE_LINK if route.gw is None else rtnl.RT_SCOPE_UNIVERSE


def dump_routes(family: int, table: int) -> Message:
    """Ask for the routes of one family and table."""
    header = rtnl.RTMSG.pack(family, 0, 0, 0, min(table, rtnl.MAX_HEADER_TABLE), 0, 0, 0, 0)
    return _message(rtnl.RTM_GETROUTE, rtnl.NLM_F_DUMP, header, _number(rtnl.RTA_TABLE, table) if table else b"")


def get_namespace_number(netns_fd: int) -> Message:
    """Ask by which number the socket's namespace knows another."""
    return _message(rtnl.RTM_GETNSID, 0, rtnl.RTGENMSG.pack(), _number(rtnl.NETNSA_FD, netns_fd))


def ask_neighbour(index: int, address: IPAddress) -> Message:
    """Have the kernel ask on a device who has an address, as for a packet to it, and remember the answer."""
    header = rtnl.NDMSG.pack(rtnl.FAMILIES[address.version], index, 0, rtnl.NTF_USE, 0)
    return _message(rtnl.RTM_NEWNEIGH, rtnl.NLM_F_CREATE, header, _attribute(rtnl.NDA_DST, address.packed))


def dump_neighbours() -> Message:
    """Ask for what the kernel knows of neighbours, on all devices: it filters by no index in the header."""
    return _message(rtnl.RTM_GETNEIGH, rtnl.NLM_F_DUMP, rtnl.NDMSG.pack(0, 0, 0, 0, 0))


def _attribute(number: int, value: bytes) -> bytes:
    return rtnl.ATTRIBUTE.pack(rtnl.ATTRIBUTE.size + len(value), number) + value + bytes(-len(value) % 4)


def _number(number: int, value: int) -> bytes:
    return _attribute(number, value.to_bytes(4, sys.byteorder))


def _text(number: int, value: str) -> bytes:
    return _attribute(number, value.encode() + b"\0")


def _mac(number: int, value: str) -> bytes:
    return _attribute(number, bytes.fromhex(value.replace(":", "")))


def _nested(number: int, *attributes: bytes) -> bytes:
    return _attribute(number, b"".join(attributes))


def _message(message_type: int, flags: int, *parts: bytes) -> Message:
    return Message(message_type, rtnl.NLM_F_REQUEST | rtnl.NLM_F_ACK | flags, b"".join(parts))
