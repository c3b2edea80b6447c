"""Checks of the network configurations, each alone and all together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from console.configs.networks import Network
from console.doctor.finding import ERROR, WARNING, Finding, from_lint
from console.lint.file import whole
from console.lint.on_node import wire
from console.lint.overlaps import doubled, overlaps
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.doctor.patient import Patient


def readable(patient: Patient) -> Iterator[Finding]:
    """Whether every file is a network configuration at all."""
    for network in patient.configured:
        yield from map(from_lint, whole(network))


def valid(patient: Patient) -> Iterator[Finding]:
    """Whether ADD would accept what our plugins are told, and heed all of it."""
    for verdict in patient.verdicts:
        yield from map(from_lint, verdict.findings)


def names(patient: Patient) -> Iterator[Finding]:
    """Whether two files make networks of one name."""
    for finding in doubled(network for network in patient.configured if isinstance(network, Network)):
        yield from_lint(finding)


def shared_ranges(patient: Patient) -> Iterator[Finding]:
    """Whether an address could be given twice, because two networks of one wire keep leases of their own."""
    for finding in overlaps(patient.networks, wire):
        yield from_lint(finding)


def foreign_leases(patient: Patient) -> Iterator[Finding]:
    """Whether other users of host-local's directories hold addresses that we would give."""
    directory = patient.places.data_dir
    for holding in patient.holdings:
        owner = holding.owner
        for network in patient.our_networks if holding.data_dir == directory else ():
            doubtful = [canonical(address) for address in holding.addresses if network.gives(address)]
            if owner.network != network.network and doubtful:
                yield Finding(
                    WARNING,
                    os.path.join(directory, owner.network),
                    f'container {owner.container_id} of network "{owner.network}" has {", ".join(doubtful)}, which '
                    f'network "{network.network}" gives too',
                    "exclude such addresses from the range; if that network is gone, remove the directory",
                )


def own_addresses(patient: Patient) -> Iterator[Finding]:
    """Whether a range holds an address of the node itself."""
    for network in patient.our_networks:
        for own in patient.addresses:
            if network.gives(own.address.ip):
                yield Finding(
                    ERROR,
                    network.file,
                    f'network "{network.network}" would give {canonical(own.address.ip)}, an address of this node',
                    f'exclude it: "exclude": ["{canonical(own.address.ip)}"], or narrow the range',
                )
