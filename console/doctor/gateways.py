"""Checks of the gateways: whether they are where containers can reach them, and whether anybody answers for them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from conf.errors import CniError
from console.doctor import trial
from console.doctor.finding import WARNING, Finding, from_lint
from console.lint.gateways import outside
from ipam.lease import AssignedAddress
from ipam.ranges import canonical
from ipam.static import assigned
from link.addressing import completed
from link.netlink import Netlink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress

    from console.configs.meaning import Understood
    from console.doctor.patient import Patient
    from link.answers import Link


def subnets(patient: Patient) -> Iterator[Finding]:
    """Whether the gateways are in the networks of the containers."""
    for verdict in patient.our_verdicts:
        yield from map(from_lint, outside(verdict))


def answers(patient: Patient) -> Iterator[Finding]:
    """Whether somebody answers for each gateway that a container would use.

    A container of one of the other modes asks as this does; one in passthru has the master's own MAC address, and what
    the node knows of its neighbours has to do.
    """
    by_master: defaultdict[Link, list[Understood]] = defaultdict(list)
    for network in patient.our_networks:
        master = _master(patient, network)
        if master is not None and master.up and master.carrier:
            by_master[master].append(network)
    for master, networks in by_master.items():
        wanted = {each: network for network in networks for each in hops(network)}
        own = {each.address.ip for each in patient.addresses if each.index == master.index}
        for hop in own.intersection(wanted):
            yield _own(wanted[hop], hop, master)
        yield from _told(patient, master, {hop: wanted[hop] for hop in wanted if hop not in own})


def hops(network: Understood) -> list[IPAddress]:
    """The next hops of the routes that a container gets, and gateways that are written though no route goes by them."""
    config = network.ipam
    if config is None:
        return []
    given = [AssignedAddress(each.ranges[0].subnet, each.ranges[0].gateway) for each in network.range_sets]
    routes = completed(config.routes, (*given, *assigned(config)))
    written = [each.gateway for range_set in config.ranges for each in range_set]
    written += [each.gateway for each in config.addresses] + [route.gw for route in routes]
    return list(dict.fromkeys(each for each in written if each is not None and each.value))


def _told(patient: Patient, master: Link, wanted: dict[IPAddress, Understood]) -> Iterator[Finding]:
    """What was found out about these gateways, each with a network that has it."""
    with Netlink() as netlink:
        node = {each.address: each for each in netlink.neighbours(master.index)}
    mute = {hop for hop in wanted if hop in node and node[hop].failed}
    asked = [hop for hop, network in wanted.items() if network.request.link.mode != "passthru"]
    if patient.may_ask and asked:
        try:
            mute = mute.difference(asked) | trial.silent(master, asked)
        except CniError:  # which the check of the trial tells
            return
    for hop in sorted(mute):
        mac = node[hop].mac if hop in node and node[hop].known else ""
        yield _silent(wanted[hop], hop, master, mac)


def _silent(network: Understood, hop: IPAddress, master: Link, mac: str) -> Finding:
    text = f'network "{network.network}" has the gateway {canonical(hop)}, and nobody on the LAN of {master.name} '
    if mac:
        return Finding(
            WARNING,
            network.file,
            f"{text}answers a new MAC address for it, though the node itself knows it as {mac}",
            "have switch or hypervisor let other MAC addresses pass: port security, forged transmits",
        )
    return Finding(
        WARNING,
        network.file,
        f"{text}answers for it: containers get no further than their own network",
        'name the LAN\'s router as "gateway" of the range, or as "gw" of the route, or start it',
    )


def _own(network: Understood, hop: IPAddress, master: Link) -> Finding:
    return Finding(
        WARNING,
        network.file,
        f'network "{network.network}" has the gateway {canonical(hop)}, an address of {master.name} itself: a macvlan '
        "does not reach the node that it is on",
        "name another router, or give the node an interface of its own on that LAN (docs/modes.md)",
    )


def _master(patient: Patient, network: Understood) -> Link | None:
    wanted = network.request.link
    try:
        return None if wanted.link_in_container else patient.master(wanted)
    except CniError:  # which the check of usability tells
        return None
