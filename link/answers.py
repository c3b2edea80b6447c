"""What the kernel answers, as values."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from netaddr import IPAddress, IPNetwork

from conf.ipam_config import Route
from link import rtnl

MODE_NAMES = {number: name for name, number in rtnl.MACVLAN_MODES.items()}


@dataclass(frozen=True)
class Link:
    """A network device; ``kind`` is "" for hardware, ``parent`` an ifindex.

    ``parent_namespace`` is the number by which the device's namespace knows the parent's, None where they are one.
    ``port_of`` is the ifindex of the bridge, bond or the like that the device is a port of, 0 for none, and
    ``port_kind`` that one's kind; ``mode`` is a macvlan's mode; ``carrier`` tells whether frames can leave.
    ``keeps_addresses`` is a macvlan's sysctl ``keep_addr_on_down``, which an ADD sets with an IPv6 address.
    """

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    carrier: bool
    ethernet: bool
    parent: int
    parent_namespace: int | None
    port_of: int
    port_kind: str
    alias: str
    mode: str
    keeps_addresses: bool = False


@dataclass(frozen=True)
class LinkAddress:
    """An address of a device as the kernel has it."""

    index: int
    address: IPNetwork
    tentative: bool
    dad_failed: bool


@dataclass(frozen=True)
class KernelRoute:
    """A route as the kernel has it; ``hops`` are (ifindex, gateway), ``unicast`` False for unreachable and the like."""

    route: Route
    hops: tuple[tuple[int, IPAddress | None], ...]
    unicast: bool


@dataclass(frozen=True)
class Neighbour:
    """What the kernel knows of an address on a device: ``failed`` if nobody answers, ``mac`` "" if nobody ever did."""

    index: int
    address: IPAddress
    mac: str
    known: bool
    failed: bool


def read_attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """The attributes from an offset to the end, by number; of equal ones the last."""
    found = {}
    # A device has forty of them: names that the loop need not look up save a third of it.
    unpack, size, mask = rtnl.ATTRIBUTE.unpack_from, rtnl.ATTRIBUTE.size, rtnl.TYPE_MASK
    last = len(data) - size
    while offset <= last:
        length, number = unpack(data, offset)
        if length < size:
            break
        found[number & mask] = data[offset + size : offset + length]
        offset += (length + 3) & ~3
    return found


def read_text(value: bytes | None) -> str:
    """A NUL-terminated string attribute, "" if absent."""
    return value.rstrip(b"\0").decode(errors="replace") if value else ""


def read_link(message: bytes) -> Link:
    """A rtnl.RTM_NEWLINK message."""
    _, kind_of_hardware, index, flags, _ = rtnl.IFINFOMSG.unpack_from(message, rtnl.NLMSGHDR_BYTES)
    attributes = read_attributes(message, rtnl.NLMSGHDR_BYTES + rtnl.IFINFOMSG.size)
    info = read_attributes(attributes.get(rtnl.IFLA_LINKINFO, b""))
    kind = read_text(info.get(rtnl.IFLA_INFO_KIND))
    data = read_attributes(info.get(rtnl.IFLA_INFO_DATA, b"")) if kind == "macvlan" else {}
    return Link(
        index=index,
        name=read_text(attributes.get(rtnl.IFLA_IFNAME)),
        kind=kind,
        mac=attributes.get(rtnl.IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(attributes.get(rtnl.IFLA_MTU)),
        up=bool(flags & rtnl.IFF_UP),
        carrier=bool(flags & rtnl.IFF_LOWER_UP),
        ethernet=kind_of_hardware == rtnl.ARPHRD_ETHER,
        parent=_number(attributes.get(rtnl.IFLA_LINK)),
        parent_namespace=_signed(attributes.get(rtnl.IFLA_LINK_NETNSID)),
        port_of=_number(attributes.get(rtnl.IFLA_MASTER)),
        port_kind=read_text(info.get(rtnl.IFLA_INFO_SLAVE_KIND)),
        alias=read_text(attributes.get(rtnl.IFLA_IFALIAS)),
        mode=MODE_NAMES.get(_number(data.get(rtnl.IFLA_MACVLAN_MODE)), ""),
        keeps_addresses=kind == "macvlan" and _keeps_addresses(attributes.get(rtnl.IFLA_AF_SPEC, b"")),
    )


def _keeps_addresses(families: bytes) -> bool:
    ipv6 = read_attributes(read_attributes(families).get(rtnl.AF_INET6, b""))
    position = 4 * rtnl.DEVCONF_KEEP_ADDR_ON_DOWN
    return _number(ipv6.get(rtnl.IFLA_INET6_CONF, b"")[position : position + 4]) != 0


def read_namespace_number(message: bytes) -> int | None:
    """A rtnl.RTM_NEWNSID message; below 0 stands for a namespace that has no number."""
    attributes = read_attributes(message, rtnl.NLMSGHDR_BYTES + rtnl.RTGENMSG.size)
    return _signed(attributes.get(rtnl.NETNSA_NSID))


def read_address(message: bytes) -> LinkAddress:
    """A rtnl.RTM_NEWADDR message."""
    _, prefix_length, flags, _, index = rtnl.IFADDRMSG.unpack_from(message, rtnl.NLMSGHDR_BYTES)
    attributes = read_attributes(message, rtnl.NLMSGHDR_BYTES + rtnl.IFADDRMSG.size)
    value = attributes.get(rtnl.IFA_LOCAL) or attributes.get(rtnl.IFA_ADDRESS) or b"\0\0\0\0"
    flags |= _number(attributes.get(rtnl.IFA_FLAGS))
    return LinkAddress(
        index=index,
        address=IPNetwork((int.from_bytes(value), prefix_length), version=_version(value)),
        tentative=bool(flags & rtnl.IFA_F_TENTATIVE),
        dad_failed=bool(flags & rtnl.IFA_F_DADFAILED),
    )


def read_route(message: bytes) -> KernelRoute:
    """A rtnl.RTM_NEWROUTE message."""
    family, length, _, _, table, _, scope, kind, _ = rtnl.RTMSG.unpack_from(message, rtnl.NLMSGHDR_BYTES)
    attributes = read_attributes(message, rtnl.NLMSGHDR_BYTES + rtnl.RTMSG.size)
    metrics = read_attributes(attributes.get(rtnl.RTA_METRICS, b""))
    gateway = _address(attributes.get(rtnl.RTA_GATEWAY))
    version = 4 if family == rtnl.AF_INET else 6
    route = Route(
        dst=IPNetwork((int.from_bytes(attributes.get(rtnl.RTA_DST, b"")), length), version=version),
        gw=gateway,
        mtu=_number(metrics.get(rtnl.RTAX_MTU)) or None,
        advmss=_number(metrics.get(rtnl.RTAX_ADVMSS)) or None,
        priority=_number(attributes.get(rtnl.RTA_PRIORITY)) or None,
        table=_number(attributes.get(rtnl.RTA_TABLE)) or table,
        scope=scope,
    )
    hops = _next_hops(attributes.get(rtnl.RTA_MULTIPATH, b"")) or ((_number(attributes.get(rtnl.RTA_OIF)), gateway),)
    return KernelRoute(route, hops, kind == rtnl.RTN_UNICAST)


def read_neighbour(message: bytes) -> Neighbour:
    """A rtnl.RTM_NEWNEIGH message."""
    _, index, state, _, _ = rtnl.NDMSG.unpack_from(message, rtnl.NLMSGHDR_BYTES)
    attributes = read_attributes(message, rtnl.NLMSGHDR_BYTES + rtnl.NDMSG.size)
    value = attributes.get(rtnl.NDA_DST, b"\0\0\0\0")
    return Neighbour(
        index=index,
        address=IPAddress(int.from_bytes(value), _version(value)),
        mac=attributes.get(rtnl.NDA_LLADDR, b"").hex(":"),
        known=bool(state & rtnl.NUD_KNOWN),
        failed=bool(state & rtnl.NUD_FAILED),
    )


def _next_hops(data: bytes) -> tuple[tuple[int, IPAddress | None], ...]:
    hops = []
    offset = 0
    while offset + rtnl.RTNEXTHOP.size <= len(data):
        length, _, _, index = rtnl.RTNEXTHOP.unpack_from(data, offset)
        attributes = read_attributes(data[offset + rtnl.RTNEXTHOP.size : offset + length])
        hops.append((index, _address(attributes.get(rtnl.RTA_GATEWAY))))
        offset += max((length + 3) & ~3, rtnl.RTNEXTHOP.size)
    return tuple(hops)


def _address(value: bytes | None) -> IPAddress | None:
    return IPAddress(int.from_bytes(value), _version(value)) if value else None


def _version(value: bytes) -> int:
    return 4 if len(value) == 4 else 6  # noqa: PLR2004 - the bytes and the version of IPv4 are both four


def _number(value: bytes | None) -> int:
    """A number in the machine's byte order, 0 if absent."""
    return int.from_bytes(value[:4], sys.byteorder) if value else 0


def _signed(value: bytes | None) -> int | None:
    """A number that may be below 0, None if absent."""
    return int.from_bytes(value, sys.byteorder, signed=True) if value else None
