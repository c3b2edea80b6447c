"""Addresses, routes and what goes with them on one interface inside a container."""

from __future__ import annotations

import errno
import logging
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from conf.errors import AddressFailure, DuplicateAddress, MasterUnusable, TryAgain
from conf.ipam_config import SCOPE_LINK
from conf.link_config import LEAST_MTU_IPV6
from ipam.waiting import waiting
from link import loopback, messages, rtnl, sysctl
from link.netlink import KernelRefusal, Netlink

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netaddr import IPAddress, IPNetwork

    from conf.ipam_config import Route
    from ipam.lease import AssignedAddress
    from link.answers import Link, LinkAddress
    from link.netns import Namespace

log = logging.getLogger(__name__)

# RFC 4862 5.4.2: up to 1 s of random delay, then 1 s for each of dad_transmits (1) probes
DAD_SECONDS = 10.0
DAD_POLL_SECONDS = 0.25

CURES = {
    rtnl.RTM_NEWADDR: 'correct the address in "ipam"',
    rtnl.RTM_NEWROUTE: 'correct the route in "ipam"',
    rtnl.RTM_SETLINK: "look at the master, and at the kernel's log",
}
# what the kernel says of a next hop that it finds on no network of the interface: of IPv4, of IPv6
UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH}


def bring_up(container: Netlink, link: Link) -> None:
    """Bring an interface without addresses up."""
    _send(container, link, [(f'failed to set "{link.name}" UP', messages.set_up(link.index))])


def bring_down(container: Netlink, link: Link) -> None:
    """Bring an interface down, and have the kernel forget what it has configured by itself meanwhile."""
    _send(container, link, [(f'failed to set "{link.name}" down', messages.set_down(link.index))])


def apply(
    container: Netlink, namespace: Namespace, link: Link, addresses: tuple[AssignedAddress, ...], routes: list[Route]
) -> None:
    """Give the addresses, bring the link up and add the routes, in one conversation; then await IPv6 DAD.

    The link is down before: sysctls have to be in force when it comes up, and the kernel announces by gratuitous ARP
    and unsolicited NA what the link has at that moment. The caller removes the link, and then has the loopback
    switched back, if this raises AddressFailure, DuplicateAddress, MasterUnusable or TryAgain.
    """
    ipv6 = any(a.address.version == 6 for a in addresses)  # noqa: PLR2004 - the version of the protocol
    with ExitStack() as sockets:
        with namespace.entered():
            _set_sysctls(container, link, ipv6=ipv6)
            changes = sockets.enter_context(Netlink()) if ipv6 else None
        if changes is not None:
            changes.subscribe_ipv6_addresses()
        labelled = [
            (f'failed to add IP addr {a.address} to "{link.name}"', messages.add_address(link.index, a.address))
            for a in addresses
        ]
        labelled.append((f'failed to set "{link.name}" UP', messages.set_up(link.index)))
        labelled += [(_route_label(route, link), messages.add_route(link.index, route)) for route in routes]
        _send(container, link, labelled)
        if changes is not None:
            with waiting():
                _await_dad(container, changes, link, {str(a.address) for a in addresses})


def completed(routes: Iterable[Route], addresses: tuple[AssignedAddress, ...]) -> list[Route]:
    """The routes as the kernel is to have them, in the order in which it takes them.

    A route without a next hop goes by the gateway of the first address of its family that has one. No next hop have
    link-scoped routes, those to that very gateway where no address's network has it, and those whose next hop is
    written as 0.0.0.0 or ::. They come first: the kernel looks there for the next hops of all others.
    """
    first: dict[int, IPAddress] = {}
    for each in addresses:
        if each.gateway is not None and each.gateway.value:
            first.setdefault(each.gateway.version, each.gateway)
    networks = [each.address.cidr for each in addresses]
    with_hops = [_with_next_hop(route, first.get(route.dst.version), networks) for route in routes]
    return sorted(with_hops, key=lambda route: route.gw is not None)


def _with_next_hop(route: Route, gateway: IPAddress | None, networks: list[IPNetwork]) -> Route:
    if route.gw is not None:
        return route if route.gw.value else replace(route, gw=None)
    if gateway is None or (route.scope is not None and route.scope >= SCOPE_LINK):
        return route
    leads_there = route.dst.value == gateway.value and route.dst.size == 1
    if leads_there and not any(gateway in network for network in networks):
        return route
    return replace(route, gw=gateway)


def _send(container: Netlink, link: Link, labelled: list[tuple[str, messages.Message]]) -> None:
    try:
        container.send(*(message for _, message in labelled))
    except KernelRefusal as refusal:
        label, message = labelled[refusal.position]
        if refusal.errno in {errno.EBUSY, errno.EADDRINUSE} and message.type == rtnl.RTM_SETLINK:
            raise MasterUnusable(
                f"{label}: {refusal}: the MAC address {link.mac} is in use on the same master; "
                'choose another "mac" or leave it out',
                f"macvlan children of one master need different MAC addresses; interface index {link.index}",
            ) from refusal
        raise AddressFailure(
            f"{label}: {refusal}; {_cure(refusal, message)}", f"in the container, interface index {link.index}"
        ) from refusal


def _cure(refusal: KernelRefusal, message: messages.Message) -> str:
    if message.type == rtnl.RTM_NEWROUTE and refusal.errno in UNREACHABLE:
        cure = 'its "gw", or the "gateway", has to be in the subnet of an address or of a route without a next hop'
        return f"{CURES[message.type]}: {cure}"
    if message.type == rtnl.RTM_NEWROUTE and refusal.errno == errno.EEXIST:
        return 'this route is in "ipam.routes" twice, or the interface has it already: remove one of them'
    if message.type == rtnl.RTM_NEWADDR and refusal.errno == errno.EEXIST:
        return 'this address is in "ipam" twice, or the interface has it already: remove one of them'
    return CURES[message.type]


def _route_label(route: Route, link: Link) -> str:
    via = f" via {route.gw}" if route.gw is not None else ""
    return f"failed to add route '{route.dst}{via} dev {link.name}'"


def _set_sysctls(container: Netlink, link: Link, *, ipv6: bool) -> None:
    """What has to be in force before the link comes up. The thread is in the container's namespace."""
    for family, key in (("ipv4", "arp_notify"), ("ipv6", "ndisc_notify")):
        try:
            sysctl.write(family, link.name, key, "1")
        except OSError as error:  # a read-only /proc or a kernel without IPv6: the address works all the same
            log.info("%s of %s not set: %s", key, link.name, error)
    if not ipv6:
        return
    try:
        sysctl.write("ipv6", link.name, "keep_addr_on_down", "1")  # first: where it is set DEL looks at lo
        loopback.switch_on(container)
        sysctl.write("ipv6", link.name, "disable_ipv6", "0")
    except OSError as error:
        cure = "give the container a writable /proc/sys/net/ipv6"
        if link.mtu < LEAST_MTU_IPV6:
            cure = f"its MTU is {link.mtu}, and IPv6 needs {LEAST_MTU_IPV6}: raise that of the master"
        raise AddressFailure(
            f'failed to enable IPv6 on "{link.name}": {error}; {cure}, or give no IPv6 address',
            str(error.filename),
        ) from error


def _await_dad(container: Netlink, changes: Netlink, link: Link, wanted: set[str]) -> None:
    """Return when duplicate address detection (RFC 4862 5.4) is over for the wanted addresses.

    Without carrier the kernel puts detection off until there is one: then there is nothing to wait for.
    """
    deadline = time.monotonic() + DAD_SECONDS
    while True:
        found = [a for a in container.addresses(link.index, rtnl.AF_INET6) if str(a.address) in wanted]
        for address in found:
            if address.dad_failed:
                raise DuplicateAddress(
                    f'failed to settle addresses for "{link.name}": link {link.name} has address {address.address.ip} '
                    "in DADFAILED state; find the host that uses it, or exclude the address from the range",
                    "IPv6 duplicate address detection (RFC 4862) had an answer",
                )
        if not any(address.tentative for address in found) or not _has_carrier(container, link):
            return
        if time.monotonic() > deadline:
            raise TryAgain(
                f'failed to settle addresses for "{link.name}": {_names(found)} still tentative '
                f"after {DAD_SECONDS:.0f} s; try again, or lower the sysctl dad_transmits",
                "IPv6 duplicate address detection (RFC 4862) did not end",
            )
        changes.wait(DAD_POLL_SECONDS)


def _has_carrier(container: Netlink, link: Link) -> bool:
    now = container.link(index=link.index)
    return now is not None and now.carrier


def _names(addresses: list[LinkAddress]) -> str:
    return ", ".join(str(address.address.ip) for address in addresses if address.tentative)
