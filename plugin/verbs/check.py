"""CHECK: tell whether the container is as ADD left it (SPEC 1.1, section 2, "CHECK"), by meaning, not by text."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from conf.errors import CheckFailure, CniError, InvalidNetworkConfig
from conf.result import Interface, Result, ResultIp, read_result
from conf.scalars import parse_mac
from ipam.lease import AssignedAddress, Owner
from ipam.resolve import source_for
from link import addressing, macvlan, rtnl
from link.netlink import Netlink
from link.netns import Namespace
from plugin.verbs import container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from netaddr import IPNetwork

    from conf.ipam_config import Route
    from conf.request import Request
    from link.answers import KernelRoute, Link
    from plugin.node import Node


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
        closing(namespace.netlink()) as inside,
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
        _check_routes(inside, link, _expected(previous, ips, source.routes, alone=alone))
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
    if os.path.realpath(path) == os.path.realpath(namespace.path):
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
    master = macvlan.find_master(outside, replace(wanted, mtu=0, mac=""))
    if link.parent != macvlan.parent_of(master):
        raise _differs(f'the parent of {link.name} is not master "{master.name}"', namespace)
    # A later plugin of the chain states the MAC that it gave, and no MTU: without one of our own any is right.
    if stated.mac and link.mac != _plain(stated.mac):
        raise _differs(f"interface {link.name} Mac {stated.mac} doesn't match container Mac: {link.mac}", namespace)
    expected = wanted.mtu and (stated.mtu or wanted.mtu)
    # lowering the master's MTU takes the child's along
    if expected and link.mtu not in {expected, min(expected, master.mtu)}:
        raise _differs(
            f'interface {link.name} has MTU {link.mtu}, expected {expected}; if a later plugin gives it, remove "mtu"',
            namespace,
        )
    if not link.up:
        raise _differs(f"interface {link.name} is down", namespace)


def _plain(mac: str) -> str:
    """A MAC of any spelling as the kernel's answers have it; what is none stays as it is."""
    try:
        return parse_mac(mac)
    except ValueError:
        return mac


def _check_addresses(inside: Netlink, link: Link, ips: list[ResultIp], namespace: Namespace) -> None:
    present = {str(found.address): found for found in inside.addresses(link.index)}
    for ip in ips:
        found = present.get(str(ip.address))
        if found is None:
            raise _differs(f"Failed to match addr {ip.address} on interface {link.name}", namespace)
        if found.dad_failed:
            raise _differs(f"address {ip.address} on interface {link.name} is a duplicate (DADFAILED)", namespace)


@dataclass(frozen=True)
class _Expected:
    """A route of prevResult, and what ADD may have made of it; ``foreign``: it may also be another plugin's."""

    stated: Route
    ours: tuple[Route, ...]
    foreign: bool


def _expected(
    previous: Result, ips: list[ResultIp], asked: tuple[Route, ...] | None, *, alone: bool
) -> Iterator[_Expected]:
    """What has to be there for each route; ``alone``: ours is the only interface of the container.

    The routes that were ``asked`` for are completed as at ADD. The result does not do for that: a runtime drops keys of
    a route that it does not know. Where None tells what was asked for, every route may be ours.
    """
    assigned = tuple(AssignedAddress(ip.address, ip.gateway) for ip in ips)
    for route in previous.routes:
        if asked is None:
            ours = addressing.completed([route], assigned) + addressing.completed([route], ())
            yield _Expected(route, tuple(ours), foreign=not alone)
        else:
            same = [each for each in asked if (each.dst, each.gw) == (route.dst, route.gw)]
            yield _Expected(route, tuple(addressing.completed(same, assigned)), foreign=not same)


def _check_routes(inside: Netlink, link: Link, routes: Iterable[_Expected]) -> None:
    """Each route is there; it may have moved to another table, as the reference's sbr plugin does."""

    @cache
    def known(family: int, table: int) -> dict[IPNetwork, list[KernelRoute]]:
        by_destination: dict[IPNetwork, list[KernelRoute]] = {}
        for found in inside.routes(family, table):
            by_destination.setdefault(found.route.dst.cidr, []).append(found)
        return by_destination

    def present(wanted: Route) -> Iterator[KernelRoute]:
        tables = [wanted.table or rtnl.RT_TABLE_MAIN] + [rtnl.RT_TABLE_UNSPEC] * (wanted.table is None)
        for table in tables:
            yield from known(rtnl.FAMILIES[wanted.dst.version], table).get(wanted.dst.cidr, ())

    for route in routes:
        if any(_serves(found, each, link) for each in route.ours for found in present(each)):
            continue
        if route.foreign and any(_serves_another(found, route.stated, link) for found in present(route.stated)):
            continue
        wanted = route.ours[0] if route.ours else route.stated
        raise CheckFailure(
            f"Expected Route {wanted.dst}{f' via {wanted.gw}' if wanted.gw is not None else ''} not found in routing "
            f"table {wanted.table or rtnl.RT_TABLE_MAIN}; delete and add the container again",
            f"interface {link.name}",
        )


def _serves(found: KernelRoute, wanted: Route, link: Link) -> bool:
    """Whether a route of the kernel to the wanted destination is what ADD made."""
    if wanted.priority and found.route.priority != wanted.priority:
        return False
    return any(index == link.index and gateway == wanted.gw for index, gateway in found.hops)


def _serves_another(found: KernelRoute, wanted: Route, link: Link) -> bool:
    """Whether a route of the kernel may be what another plugin made; by which gateway, is its affair."""
    by_none = wanted.gw is None or not wanted.gw.value
    return any(index != link.index or by_none or gateway == wanted.gw for index, gateway in found.hops)
