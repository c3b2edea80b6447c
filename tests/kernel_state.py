"""What the kernel has in a namespace, as plain data with everything random taken out, to be compared."""

from __future__ import annotations

import re
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.namespaces import Namespace

RTM_GETLINK, NLM_F_REQUEST = 18, 1
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_DATA = 3, 18, 2
IFLA_MACVLAN_BC_CUTOFF = 9
_NUMBERING = ("ifindex", "link_index", "link_netnsid", "link_netns", "parentbus", "parentdev", "ifalias")


def link(where: Namespace, ifname: str = "net1") -> dict[str, Any]:
    """The link as ``ip -d link`` shows it, without numbers that differ between runs."""
    (shown,) = where.ip("link", "show", "dev", ifname)
    shown["flags"].sort()
    return {key: value for key, value in shown.items() if key not in _NUMBERING}


def mode_of(where: Namespace, ifname: str = "net1") -> str:
    """The macvlan mode."""
    return str(link(where, ifname)["linkinfo"]["info_data"]["mode"])


def addresses(where: Namespace, ifname: str = "net1") -> list[str]:
    """Addresses with prefix length and flags, in the order of the kernel; link-local ones are left out."""
    (shown,) = where.ip("addr", "show", "dev", ifname)
    found = []
    for info in shown["addr_info"]:
        if info["scope"] != "link":
            flags = sorted(key for key, value in info.items() if value is True)
            broadcast = f" brd {info['broadcast']}" if "broadcast" in info else ""
            found.append(" ".join([f"{info['local']}/{info['prefixlen']}{broadcast}", info["scope"], *flags]))
    return found


def cidrs(where: Namespace, ifname: str = "net1") -> list[str]:
    """Global addresses with prefix length."""
    return [address.split()[0] for address in addresses(where, ifname)]


def routes(where: Namespace, ifname: str = "net1") -> list[dict[str, Any]]:
    """All unicast routes through the link, of both families and all tables; link-local networks are left out."""
    shown = where.ip("-4", "route", "show", "table", "all") + where.ip("-6", "route", "show", "table", "all")
    found = [
        {key: sorted(value) if key == "flags" else value for key, value in route.items() if key not in _NUMBERING}
        for route in shown
        if route.get("dev") == ifname and route["type"] == "unicast" and not route["dst"].startswith("fe80:")
    ]
    return sorted(found, key=repr)


def route(where: Namespace, dst: str, ifname: str = "net1") -> dict[str, Any]:
    """The one route to a destination (``default`` or a network), whatever its table."""
    (found,) = [entry for entry in routes(where, ifname) if entry["dst"] == dst]
    return found


def sysctls(where: Namespace, ifname: str = "net1") -> dict[str, str]:
    """Every interface sysctl of both families; values that name the random MAC are left out."""
    tree = f"/proc/sys/net/ipv4/conf/{ifname} /proc/sys/net/ipv6/conf/{ifname}"
    lines = where.run("sh", "-c", f"grep -rs . {tree}", check=False).splitlines()
    values = dict(line.removeprefix("/proc/sys/net/").split(":", 1) for line in lines)
    return {key: value for key, value in values.items() if "secret" not in key}


def snapshot(where: Namespace, ifname: str = "net1", *, random_mac: bool = True) -> dict[str, Any]:
    """Link, addresses, routes and sysctls; the MAC is left out when the kernel chose it."""
    shown = link(where, ifname)
    if random_mac:
        shown["address"] = "random"
        shown.get("linkinfo", {}).get("info_data", {}).pop("macaddr_data", None)
    return {
        "link": shown,
        "addresses": addresses(where, ifname),
        "routes": routes(where, ifname),
        "sysctls": sysctls(where, ifname),
    }


def without_random_mac(text: str) -> str:
    """The text with every MAC address replaced."""
    return re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "random", text)


def broadcast_cutoff(where: Namespace, ifname: str = "net1") -> int:
    """IFLA_MACVLAN_BC_CUTOFF, which Debian 12's ``ip`` does not show."""
    name = ifname.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(name), IFLA_IFNAME) + name
    body = bytes(16) + attribute + bytes(-len(attribute) % 4)
    with where.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(60)
        netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_GETLINK, NLM_F_REQUEST, 1, 0) + body)
        answer = netlink.recv(65536)
    data = _attributes(_attributes(_attributes(answer[32:])[IFLA_LINKINFO])[IFLA_INFO_DATA])
    return int(struct.unpack("=i", data[IFLA_MACVLAN_BC_CUTOFF])[0])


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= struct.calcsize("=HH"):
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[length + -length % 4 :]
    return found
