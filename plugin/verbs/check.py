"""CHECK: tell whether the container is as ADD left it (SPEC 1.1, section 2, "CHECK"), by meaning, not by text."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from conf.errors import CheckFailure, CniError, InvalidNetworkConfig
from conf.result import Interface, Result, ResultIp, read_result
from ipam.lease import AssignedAddress, Owner
from ipam.resolve import source_for
from plugin.link import addressing, macvlan, rtnl
from plugin.link.netlink import Netlink
from plugin.link.netns import Namespace
from plugin.verbs import container

if TYPE_CHECKING:
    from collections.abc import Callable

    from netaddr import IPNetwork

    from conf.addresses import Route
    from conf.request import Request
    from plugin.link.answers import KernelRoute, Link
    from plugin.node import Node

# where the reference's tuning plugin notes what it changed (its dataDir)
TUNING_DIR = Path("/run/cni/tuning")


def check(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Raise CheckFailure for the first thing that ADD would have made otherwise."""
    if request.prev_result is None:
        raise InvalidNetworkConfig("required prevResult missing", "CHECK gets ADD's result as prevResult")
    previous = read_result(request.prev_result, request.version, "prevResult")
    source = source_for(request, node.means)
    environment = request.environment
    with (
        container.opened(environment, node) as namespace,
        Netlink() as host,
        closing(container.netlink_in(namespace)) as inside,
    ):
        index, stated = _own_interface(previous, environment.ifname, namespace, node)
        link = macvlan.find(inside, environment.container_id, environment.ifname)
        if link is None or link.name != environment.ifname:
            found = f", it was renamed to {link.name}" if link else ""
            raise _differs(f"container Interface name in prevResult: {environment.ifname} not found{found}", namespace)
        outside = inside if request.link.link_in_container else host
        _check_link(request, link, stated, outside, namespace)
        ips = [ip for ip in previous.ips if ip.interface == index]
        _check_addresses(inside, link, ips, namespace)
        alone = sum(bool(interface.sandbox) for interface in previous.interfaces) == 1
        _check_routes(inside, link, previous, ips, alone=alone)
        owner = Owner(request.network, environment.container_id, environment.ifname)
        source.check(owner, [ip.address.ip for ip in ips])
    deliver(b"")


def _differs(text: str, namespace: Namespace) -> CheckFailure:
    return CheckFailure(f"{text}; delete and add the container again", f"in {namespace.path}")


def _own_interface(previous: Result, ifname: str, namespace: Namespace, node: Node) -> tuple[int, Interface]:
    """Our interface in prevResult, whichever of its names the namespace goes by (/run, /var/run, /proc/PID/ns/net)."""
    named = [(i, each) for i, each in enumerate(previous.interfaces) if each.name == ifname and each.sandbox]
    for index, interface in named:
        if _same_namespace(interface.sandbox, namespace, node):
            return index, interface
    if named:
        raise _differs(
            f"sandbox in prevResult {named[0][1].sandbox} doesn't match configured netns: {namespace.path}", namespace
        )
    raise _differs(f'prevResult has no interface "{ifname}" in a sandbox', namespace)


def _same_namespace(path: str, namespace: Namespace, node: Node) -> bool:
    if Path(path).resolve() == Path(namespace.path).resolve():
        return True
    try:
        with closing(node.open_namespace(path)) as other:
            return other.identity == namespace.identity
    except CniError:
        return False


def _check_link(request: Request, link: Link, stated: Interface, outside: Netlink, namespace: Namespace) -> None:
    wanted = request.link
    if link.kind != macvlan.KIND:
        raise _differs(
            f"error: Container interface {link.name} not of type macvlan but {link.kind or 'hardware'}", namespace
        )
    if link.mode != wanted.mode:
        raise _differs(f"container macvlan mode {link.mode} does not match expected value: {wanted.mode}", namespace)
    master = macvlan.find_master(outside, replace(wanted, mtu=0, mac=""), "on this node")
    if link.parent != macvlan.parent_of(master):
        raise _differs(f'the parent of {link.name} is not master "{master.name}"', namespace)
    tuned = _tuned(request)
    if "mac" not in tuned and stated.mac and link.mac != stated.mac.lower().replace("-", ":"):
        raise _differs(f"interface {link.name} Mac {stated.mac} doesn't match container Mac: {link.mac}", namespace)
    expected = stated.mtu or wanted.mtu
    # lowering the master's MTU takes the child's along
    if "mtu" not in tuned and expected and link.mtu not in {expected, min(expected, master.mtu)}:
        raise _differs(f"interface {link.name} has MTU {link.mtu}, expected {expected}", namespace)
    if not link.up:
        raise _differs(f"interface {link.name} is down", namespace)


def _tuned(request: Request) -> set[str]:
    """The settings that a chained tuning plugin changed after us: it keeps what they were before."""
    environment = request.environment
    path = TUNING_DIR / f"{environment.container_id}_{environment.ifname}.json"
    try:
        return set(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # not there: nothing was tuned
        return set()


def _check_addresses(inside: Netlink, link: Link, ips: list[ResultIp], namespace: Namespace) -> None:
    present = {str(found.address): found for found in inside.addresses(link.index)}
    for ip in ips:
        found = present.get(str(ip.address))
        if found is None:
            raise _differs(f"Failed to match addr {ip.address} on interface {link.name}", namespace)
        if found.dad_failed:
            raise _differs(f"address {ip.address} on interface {link.name} is a duplicate (DADFAILED)", namespace)


def _check_routes(inside: Netlink, link: Link, previous: Result, ips: list[ResultIp], *, alone: bool) -> None:
    """Every route of prevResult is there; ``alone``: ours is the only container interface, so all routes are ours.

    A route may have moved to another table of our interface, as the reference's sbr plugin does.
    """

    @cache
    def known(family: int, table: int) -> dict[IPNetwork, list[KernelRoute]]:
        by_destination: dict[IPNetwork, list[KernelRoute]] = {}
        for found in inside.routes(family, table):
            by_destination.setdefault(found.route.dst.cidr, []).append(found)
        return by_destination

    assigned = tuple(AssignedAddress(ip.address, ip.gateway) for ip in ips)
    for route in addressing.with_gateways(previous.routes, assigned):
        family = rtnl.FAMILIES[route.dst.version]
        table = route.table or rtnl.RT_TABLE_MAIN
        to = route.dst.cidr
        if any(_serves(found, route, link, alone=alone) for found in known(family, table).get(to, ())):
            continue
        anywhere = known(family, rtnl.RT_TABLE_UNSPEC).get(to, ()) if route.table is None else ()
        if any(_serves(found, route, link, alone=True) for found in anywhere):
            continue
        raise CheckFailure(
            f"Expected Route {route.dst}{f' via {route.gw}' if route.gw else ''} not found in routing table {table}; "
            "delete and add the container again",
            f"interface {link.name}",
        )


def _serves(found: KernelRoute, wanted: Route, link: Link, *, alone: bool) -> bool:
    """Whether a route of the kernel to the wanted destination does what is wanted."""
    if wanted.priority and found.route.priority != wanted.priority:
        return False
    return any(
        (index == link.index and (wanted.gw is None or gateway == wanted.gw)) or (not alone and index != link.index)
        for index, gateway in found.hops
    )
