"""rtnetlink requests as bytes, by pyroute2's codecs; the only module that imports pyroute2."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any

from netaddr import IPAddress

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from netaddr import IPNetwork

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

# linux/rtnetlink.h, linux/if_link.h, linux/if.h, linux/netlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
IFF_UP = 0x1
RTEXT_FILTER_SKIP_STATS = 0x8
RT_TABLE_UNSPEC, RT_TABLE_MAIN = 0, 254
MAX_HEADER_TABLE = 255  # larger numbers fit into the attribute only
RTN_UNICAST, RTPROT_BOOT = 1, 3
AF_INET, AF_INET6 = 2, 10
FAMILIES = {4: AF_INET, 6: AF_INET6}  # by version of the protocol
MACADDR_SET = 3
MACVLAN_FLAG_NOPROMISC = 0x1
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
MAX_IFALIAS = 254  # what do_setlink() takes of IFALIASZ (256)


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


@_remembered
def create_macvlan(wanted: MacvlanAttributes, netns_fd: int | None) -> Message:
    """A macvlan, down, made directly in the namespace of ``netns_fd`` (None: in the socket's own)."""
    data: list[tuple[str, Any]] = [("IFLA_MACVLAN_MODE", MACVLAN_MODES[wanted.mode])]
    if not wanted.promisc:
        data.append(("IFLA_MACVLAN_FLAGS", MACVLAN_FLAG_NOPROMISC))
    if wanted.source_macs:
        addresses = [("IFLA_MACVLAN_MACADDR", mac) for mac in wanted.source_macs]
        data += [("IFLA_MACVLAN_MACADDR_MODE", MACADDR_SET), ("IFLA_MACVLAN_MACADDR_DATA", {"attrs": addresses})]
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
    return _encode(ifinfmsg, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, {}, attributes)


@_remembered
def rename_link(index: int, name: str) -> Message:
    """Give a device that is down another name."""
    return _encode(ifinfmsg, RTM_SETLINK, 0, {"index": index}, [("IFLA_IFNAME", name)])


@_remembered
def set_up(index: int) -> Message:
    """Bring a device up."""
    return _encode(ifinfmsg, RTM_SETLINK, 0, {"index": index, "flags": IFF_UP, "change": IFF_UP}, [])


@_remembered
def set_alias(index: int, alias: str) -> Message:
    """Set a device's alias, cut to what the kernel holds."""
    return _encode(ifinfmsg, RTM_SETLINK, 0, {"index": index}, [("IFLA_IFALIAS", alias[:MAX_IFALIAS])])


@_remembered
def delete_link(index: int) -> Message:
    """Remove a device."""
    return _encode(ifinfmsg, RTM_DELLINK, 0, {"index": index}, [])


@_remembered
def get_link(name: str = "", index: int = 0) -> Message:
    """Ask for one device by name (or alternative name) or index."""
    attributes: list[tuple[str, Any]] = [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)]
    if name:
        # a name longer than IFNAMSIZ can only be an alternative one, and the kernel wants it in its own attribute
        attributes.append(("IFLA_IFNAME" if len(name.encode()) < 16 else "IFLA_ALT_IFNAME", name))  # noqa: PLR2004
    return _encode(ifinfmsg, RTM_GETLINK, 0, {"index": index}, attributes)


def dump_links() -> Message:
    """Ask for every device of the namespace."""
    return _encode(ifinfmsg, RTM_GETLINK, NLM_F_DUMP, {}, [("IFLA_EXT_MASK", RTEXT_FILTER_SKIP_STATS)])


def add_address(index: int, address: IPNetwork) -> Message:
    """An address with its prefix length; IPv4 gets the broadcast address of its network where there is one."""
    attributes = [("IFA_LOCAL", str(address.ip)), ("IFA_ADDRESS", str(address.ip))]
    if address.version == 4 and address.prefixlen <= 30:  # noqa: PLR2004 - RFC 3021: /31 has no broadcast
        attributes.append(("IFA_BROADCAST", str(IPAddress(address.last, 4))))
    fields = {"index": index, "family": FAMILIES[address.version], "prefixlen": address.prefixlen, "scope": 0}
    return _encode(ifaddrmsg, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, fields, attributes)


@_remembered
def dump_addresses(index: int, family: int = 0) -> Message:
    """Ask for the addresses of one device (strict checking makes the kernel filter)."""
    return _encode(ifaddrmsg, RTM_GETADDR, NLM_F_DUMP, {"index": index, "family": family}, [])


def add_route(index: int, route: Route) -> Message:
    """A route over the device; without NLM_F_EXCL equal destinations become alternatives, as in the reference."""
    table = route.table or RT_TABLE_MAIN
    fields = {
        "family": FAMILIES[route.dst.version],
        "dst_len": route.dst.prefixlen,
        "table": table if table <= MAX_HEADER_TABLE else RT_TABLE_UNSPEC,
        "proto": RTPROT_BOOT,
        "type": RTN_UNICAST,
        "scope": route.scope or 0,
    }
    attributes: list[tuple[str, Any]] = [("RTA_OIF", index), ("RTA_TABLE", table)]
    if route.dst.prefixlen:
        attributes.append(("RTA_DST", str(route.dst.ip)))
    if route.gw is not None:
        attributes.append(("RTA_GATEWAY", str(route.gw)))
    if route.priority:
        attributes.append(("RTA_PRIORITY", route.priority))
    metrics = [(key, value) for key, value in (("RTAX_MTU", route.mtu), ("RTAX_ADVMSS", route.advmss)) if value]
    if metrics:
        attributes.append(("RTA_METRICS", {"attrs": metrics}))
    return _encode(rtmsg, RTM_NEWROUTE, NLM_F_CREATE, fields, attributes)


@_remembered
def dump_routes(family: int, table: int) -> Message:
    """Ask for the routes of one family and table."""
    attributes = [("RTA_TABLE", table)] if table else []
    return _encode(
        rtmsg, RTM_GETROUTE, NLM_F_DUMP, {"family": family, "table": min(table, MAX_HEADER_TABLE)}, attributes
    )


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
    return Message(message_type, NLM_F_REQUEST | NLM_F_ACK | flags, bytes(message.data[16:]))
