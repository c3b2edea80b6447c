"""rtnetlink requests as bytes, by pyroute2's codecs; the only module that imports pyroute2."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

from conf.addresses import SCOPE_LINK
from plugin.link import rtnl

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from netaddr import IPAddress, IPNetwork

    from conf.addresses import Route
    from plugin.link.answers import Link

# pyroute2's package imports every protocol that it knows (150 ms of 200). An empty package in its place lets
# the codecs be imported alone; it is taken away again, so that `import pyroute2` elsewhere gets the real one.
_SPEC: ModuleSpec | None = find_spec("pyroute2") if "pyroute2" not in sys.modules else None
if _SPEC is not None:
    sys.modules["pyroute2"] = module_from_spec(_SPEC)
from pyroute2.netlink import nla, nlmsg_atoms  # noqa: E402 - after the package is in place
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # noqa: E402
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402

if _SPEC is not None:
    del sys.modules["pyroute2"]


class _MacvlanData(nla):  # type: ignore[misc] # pyroute2 is untyped
    """IFLA_INFO_DATA of a macvlan; pyroute2's own stops at attribute 6."""

    prefix = "IFLA_"
    nla_map = (
        ("IFLA_MACVLAN_UNSPEC", "none"),
        ("IFLA_MACVLAN_MODE", "uint32"),
        ("IFLA_MACVLAN_FLAGS", "uint16"),
        ("IFLA_MACVLAN_MACADDR_MODE", "uint32"),
        ("IFLA_MACVLAN_MACADDR", "l2addr"),
        ("IFLA_MACVLAN_MACADDR_DATA", "addresses"),
        ("IFLA_MACVLAN_MACADDR_COUNT", "uint32"),
        ("IFLA_MACVLAN_BC_QUEUE_LEN", "uint32"),
        ("IFLA_MACVLAN_BC_QUEUE_LEN_USED", "uint32"),
        ("IFLA_MACVLAN_BC_CUTOFF", "int32"),
    )

    class addresses(nla):  # type: ignore[misc] # noqa: N801 - a nested attribute is named like its type
        nla_map = ((4, "IFLA_MACVLAN_MACADDR", "l2addr"),)

    int32 = nlmsg_atoms.int32


ifinfmsg.ifinfo.data_map["macvlan"] = _MacvlanData


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


# Encoding takes pyroute2 up to 0.15 ms. In an agent's life the same requests come again and again: interface names,
# indexes and namespaces hardly differ from one container to the next. (Not for arguments that hold an IPNetwork:
# netaddr takes 10.1.0.2/24 and 10.1.0.3/24 for equal.)
_remembered = lru_cache(maxsize=128)


def create_macvlan(wanted: MacvlanAttributes, netns_fd: int | None, index: int = 0) -> Message:
    """A macvlan, down, made directly in the namespace of ``netns_fd`` (None: in the socket's own).

    ``index`` is the ifindex that it gets there; 0 leaves the choice to the kernel.
    """
    made = _create_macvlan(wanted, netns_fd)
    return replace(made, payload=rtnl.IFINFOMSG.pack(0, 0, index, 0, 0) + made.payload[rtnl.IFINFOMSG.size :])


@_remembered
def _create_macvlan(wanted: MacvlanAttributes, netns_fd: int | None) -> Message:
    data: list[tuple[str, Any]] = [("IFLA_MACVLAN_MODE", rtnl.MACVLAN_MODES[wanted.mode])]
    if not wanted.promisc:
        data.append(("IFLA_MACVLAN_FLAGS", rtnl.MACVLAN_FLAG_NOPROMISC))
    if wanted.source_macs:
        addresses = [("IFLA_MACVLAN_MACADDR", mac) for mac in wanted.source_macs]
        data += [("IFLA_MACVLAN_MACADDR_MODE", rtnl.MACADDR_SET), ("IFLA_MACVLAN_MACADDR_DATA", {"attrs": addresses})]
    if wanted.bcqueuelen:
        data.append(("IFLA_MACVLAN_BC_QUEUE_LEN", wanted.bcqueuelen))
    if wanted.bccutoff is not None:
        data.append(("IFLA_MACVLAN_BC_CUTOFF", wanted.bccutoff))
    attributes: list[tuple[str, Any]] = [("IFLA_IFNAME", wanted.name), ("IFLA_LINK", wanted.master.index)]
    if wanted.mtu:
        attributes.append(("IFLA_MTU", wanted.mtu))
    if wanted.mac:
        attributes.append(("IFLA_ADDRESS", wanted.mac))
    if netns_fd is not None:
        attributes.append(("IFLA_NET_NS_FD", netns_fd))
    info = [("IFLA_INFO_KIND", "macvlan"), ("IFLA_INFO_DATA", {"attrs": data})]
    attributes.append(("IFLA_LINKINFO", {"attrs": info}))
    return _encode(ifinfmsg, rtnl.RTM_NEWLINK, rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL, {}, attributes)


def create_device(kind: str, name: str, mtu: int = 0) -> Message:
    """A device for which a kind is enough: a bridge, or a veth pair of which the kernel names the other end."""
    info = _attribute(rtnl.IFLA_INFO_KIND, kind.encode())
    return _message(
        rtnl.RTM_NEWLINK,
        rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL,
        rtnl.IFINFOMSG.pack(0, 0, 0, 0, 0),
        _attribute(rtnl.IFLA_IFNAME, name.encode() + b"\0"),
        _number(rtnl.IFLA_MTU, mtu) if mtu else b"",
        _attribute(rtnl.IFLA_LINKINFO, info),
    )


@_remembered
def rename_link(index: int, name: str) -> Message:
    """Give a device that is down another name."""
    return _encode(ifinfmsg, rtnl.RTM_SETLINK, 0, {"index": index}, [("IFLA_IFNAME", name)])


def set_up(index: int) -> Message:
    """Bring a device up."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, rtnl.IFF_UP, rtnl.IFF_UP))


def set_down(index: int) -> Message:
    """Bring a device down."""
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, rtnl.IFF_UP))


def set_mac(index: int, mac: str) -> Message:
    """Give a device another MAC address."""
    attribute = _attribute(rtnl.IFLA_ADDRESS, bytes.fromhex(mac.replace(":", "")))
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0), attribute)


def set_alias(index: int, alias: str) -> Message:
    """Set a device's alias, cut to what the kernel holds."""
    attribute = _attribute(rtnl.IFLA_IFALIAS, alias.encode()[: rtnl.MAX_IFALIAS] + b"\0")
    return _message(rtnl.RTM_SETLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0), attribute)


def delete_link(index: int) -> Message:
    """Remove a device."""
    return _message(rtnl.RTM_DELLINK, 0, rtnl.IFINFOMSG.pack(0, 0, index, 0, 0))


@_remembered
def get_link(name: str = "", index: int = 0) -> Message:
    """Ask for one device by name (or alternative name) or index."""
    attributes: list[tuple[str, Any]] = [("IFLA_EXT_MASK", rtnl.RTEXT_FILTER_SKIP_STATS)]
    if name:
        # a name longer than IFNAMSIZ can only be an alternative one, and the kernel wants it in its own attribute
        attributes.append(("IFLA_IFNAME" if len(name.encode()) < 16 else "IFLA_ALT_IFNAME", name))  # noqa: PLR2004
    return _encode(ifinfmsg, rtnl.RTM_GETLINK, 0, {"index": index}, attributes)


def dump_links() -> Message:
    """Ask for every device of the namespace."""
    return _encode(ifinfmsg, rtnl.RTM_GETLINK, rtnl.NLM_F_DUMP, {}, [("IFLA_EXT_MASK", rtnl.RTEXT_FILTER_SKIP_STATS)])


def add_address(index: int, address: IPNetwork) -> Message:
    """An address with its prefix length; IPv4 gets the broadcast address of its network where there is one."""
    packed = address.ip.packed
    attributes = [_attribute(rtnl.IFA_LOCAL, packed), _attribute(rtnl.IFA_ADDRESS, packed)]
    if address.version == 4 and address.prefixlen <= 30:  # noqa: PLR2004 - RFC 3021: /31 has no broadcast
        attributes.append(_attribute(rtnl.IFA_BROADCAST, address.last.to_bytes(4)))
    header = rtnl.IFADDRMSG.pack(rtnl.FAMILIES[address.version], address.prefixlen, 0, 0, index)
    return _message(rtnl.RTM_NEWADDR, rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL, header, *attributes)


@_remembered
def dump_addresses(index: int, family: int = 0) -> Message:
    """Ask for the addresses of one device (strict checking makes the kernel filter)."""
    return _encode(ifaddrmsg, rtnl.RTM_GETADDR, rtnl.NLM_F_DUMP, {"index": index, "family": family}, [])


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


@_remembered
def dump_routes(family: int, table: int) -> Message:
    """Ask for the routes of one family and table."""
    attributes = [("RTA_TABLE", table)] if table else []
    fields = {"family": family, "table": min(table, rtnl.MAX_HEADER_TABLE)}
    return _encode(rtmsg, rtnl.RTM_GETROUTE, rtnl.NLM_F_DUMP, fields, attributes)


# What follows differs on every call, and is simple enough to be packed where pyroute2 would take 0.15 ms.


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


def _message(message_type: int, flags: int, *parts: bytes) -> Message:
    return Message(message_type, rtnl.NLM_F_REQUEST | rtnl.NLM_F_ACK | flags, b"".join(parts))


def _encode(
    codec: Any,  # noqa: ANN401 - a pyroute2 message class
    message_type: int,
    flags: int,
    fields: dict[str, int],
    attributes: list[Any],
) -> Message:
    message = codec()
    for key, value in fields.items():
        message[key] = value
    message["attrs"] = attributes
    message.encode()
    return _message(message_type, flags, bytes(message.data[16:]))
