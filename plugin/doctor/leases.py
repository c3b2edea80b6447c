"""Checks of what is remembered: whose containers are gone, and how much of each pool is left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipam.ranges import canonical
from plugin.doctor.finding import ERROR, NOTICE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress

    from plugin.doctor.patient import Network, Patient

NEARLY_FULL = 0.9


def earlier_boot(patient: Patient) -> Iterator[Finding]:
    """What was recorded before the node started."""
    void = Counter(each.attachment.owner.network for each in patient.holdings if each.is_void)
    for network, count in void.items():
        yield Finding(
            NOTICE,
            f'network "{network}"',
            f"{count} attachments are recorded from before the node's last start",
            "nothing: the next ADD of the network frees what they hold",
        )


def leaked(patient: Patient) -> Iterator[Finding]:
    """Which containers have gone without a DEL."""
    alive = {each.identity for each in patient.namespaces}
    for each in patient.holdings:
        known = each.attachment
        if not each.is_void and known.netns_id not in alive:
            held = ", ".join(map(canonical, each.addresses))
            yield Finding(
                WARNING,
                f"container {known.owner.container_id}, {known.owner.ifname}",
                f'its namespace {known.netns} is gone, and network "{known.owner.network}" still has its record'
                + (f" and {held}" if held else ""),
                "cni-macvlan-py gc, or DEL of the container",
            )


def pool_full(patient: Patient) -> Iterator[Finding]:
    """How many addresses are left to give."""
    for network in patient.our_networks:
        held = _given(network, patient)
        for sets in network.ranges:
            used = sum(sets.gives(address) for address in held)
            if used > NEARLY_FULL * sets.capacity or used == sets.capacity:
                yield Finding(
                    ERROR if used >= sets.capacity else WARNING,
                    f'network "{network.told.network}"',
                    f"{used} of {sets.capacity} addresses of {sets.key} are given",
                    f"widen the range in {network.told.file}, or free what no container uses: cni-macvlan-py gc",
                )


def _given(network: Network, patient: Patient) -> list[IPAddress]:
    """Every address of the network that is not free."""
    name = network.told.network
    if network.data_dir:
        held = patient.held_in(network.data_dir)
        return [address for owner, leased in held.items() if owner.network == name for address in leased]
    ours = [each for each in patient.holdings if each.attachment.owner.network == name and not each.is_void]
    return [address for each in ours for address in each.addresses]
