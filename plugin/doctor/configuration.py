"""Checks of the network configurations, each alone and all together."""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING

from conf.errors import CniError
from ipam.ranges import canonical
from plugin.doctor.finding import ERROR, NOTICE, WARNING, Finding, from_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipam.ranges import Range
    from plugin.doctor.patient import Network, Patient


def directory(patient: Patient) -> Iterator[Finding]:
    """Whether the directory of the configurations can be read."""
    try:
        os.listdir(patient.places.conf_dir)
    except FileNotFoundError:
        yield Finding(
            NOTICE,
            patient.places.conf_dir,
            "there is no such directory, hence no network that a runtime could use",
            "make it and write a network into it; --conf-dir names another",
        )
    except OSError as error:
        yield Finding(ERROR, patient.places.conf_dir, f"it cannot be read: {error.strerror}", "run as root")


def readable(patient: Patient) -> Iterator[Finding]:
    """Whether every file is a network configuration at all."""
    for file in patient.files:
        if file.error:
            yield Finding(
                ERROR, file.path, file.error, "mend the file: a runtime may refuse all networks because of it"
            )


def valid(patient: Patient) -> Iterator[Finding]:
    """Whether ADD would accept what this plugin is told."""
    for told in patient.plugins:
        if patient.is_ours(told):
            try:
                network = patient.understood(told)
            except CniError as error:
                yield from_error(ERROR, told.file, error)
                continue
            for where, key, _ in network.request.unknown_keys:
                found = f'"{where + key}" is not known and has no effect'
                yield Finding(NOTICE, told.file, found, "correct its spelling, or remove it")


def names(patient: Patient) -> Iterator[Finding]:
    """Whether two files make networks of one name."""
    found: dict[str, str] = {}
    for file in patient.files:
        for name in {told.network for told in file.plugins}:
            first = found.setdefault(name, file.path)
            if first != file.path:
                yield Finding(
                    ERROR,
                    file.path,
                    f'network "{name}" is also in {first}: runtimes take either, and both give the same leases',
                    "rename one of them, or remove its file",
                )


def shared_ranges(patient: Patient) -> Iterator[Finding]:
    """Whether an address could be given twice, because two networks of one wire keep leases of their own."""
    for one, two in combinations(patient.networks, 2):
        if not (one.ours or two.ours) or _same_leases(one, two) or not _may_share_wire(one, two, patient):
            continue
        for first, second in ((a, b) for a in _ranges(one) for b in _ranges(two) if a.overlaps(b)):
            yield Finding(
                ERROR,
                two.told.file,
                f'network "{two.told.network}" gives {second}, and network "{one.told.network}" of {one.told.file} '
                f"gives {first}: they do not know of each other's leases",
                "give each of them addresses of its own, by rangeStart and rangeEnd",
            )


def foreign_leases(patient: Patient) -> Iterator[Finding]:
    """Whether other users of host-local's directories hold addresses that we would give."""
    for owner, leased in patient.held_in(patient.places.data_dir).items():
        for network in patient.our_networks:
            doubtful = [canonical(address) for address in leased if network.gives(address)]
            if owner.network != network.told.network and doubtful:
                yield Finding(
                    WARNING,
                    os.path.join(patient.places.data_dir, owner.network),
                    f'container {owner.container_id} of network "{owner.network}" has {", ".join(doubtful)}, which '
                    f'network "{network.told.network}" gives too',
                    "exclude such addresses from the range; if that network is gone, remove the directory",
                )


def gateways(patient: Patient) -> Iterator[Finding]:
    """Whether the kernel will find every next hop on the container's networks."""
    for network in patient.our_networks:
        if network.ipam is None:
            continue
        near = [each.subnet for each in _ranges(network)] + [each.address.cidr for each in network.ipam.addresses]
        near += [route.dst for route in network.ipam.routes if route.dst.prefixlen]
        hops = [route.gw for route in network.ipam.routes] + [each.gateway for each in network.ipam.addresses]
        for hop in dict.fromkeys(hop for hop in hops if hop is not None):
            if not any(hop in each for each in near):
                yield Finding(
                    WARNING,
                    network.told.file,
                    f'network "{network.told.network}" has the gateway {canonical(hop)}, which is in none of its '
                    "subnets: the kernel refuses such routes",
                    "name a gateway inside of the subnet",
                )


def own_addresses(patient: Patient) -> Iterator[Finding]:
    """Whether a range holds an address of the node itself."""
    for network in patient.our_networks:
        for own in patient.addresses:
            if network.gives(own.address.ip):
                yield Finding(
                    ERROR,
                    network.told.file,
                    f'network "{network.told.network}" would give {canonical(own.address.ip)}, an address of this node',
                    f'exclude it: "exclude": ["{canonical(own.address.ip)}"], or narrow the range',
                )


def _ranges(network: Network) -> list[Range]:
    return [each for alternatives in network.ranges for each in alternatives.ranges]


def _same_leases(one: Network, two: Network) -> bool:
    return (one.told.network, one.data_dir) == (two.told.network, two.data_dir)


def _may_share_wire(one: Network, two: Network, patient: Patient) -> bool:
    """Two macvlan networks share their master's wire; of others nobody knows where their frames go."""
    return not (one.ours and two.ours) or _wire(one, patient) == _wire(two, patient)


def _wire(network: Network, patient: Patient) -> str:
    try:
        return patient.master(network.request.link).name
    except CniError:  # which the check of masters tells
        return network.request.link.master
