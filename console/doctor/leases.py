"""Checks of what is remembered: whose containers are gone, and how much of each pool is left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from console.doctor.finding import ERROR, NOTICE, WARNING, Finding
from console.survey.holdings import Fate
from console.survey.occupancy import usage
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress

    from console.configs.meaning import Understood
    from console.doctor.patient import Patient
    from console.survey.holdings import Holding
    from ipam.lease import Owner

NEARLY_FULL = 0.9


def earlier_boot(patient: Patient) -> Iterator[Finding]:
    """What was recorded before the node started."""
    earlier = [each for each in patient.holdings if each.fate is Fate.EARLIER_BOOT]
    void = Counter(each.owner.network for each in earlier)
    kept = {each.owner.network for each in earlier if each.is_executed}
    for network, count in void.items():
        cure = "nothing: the next ADD of the network frees what they hold"
        if network in kept:
            cure = "cni-macvlan-py gc, for what executed IPAM plugins gave; the next ADD of the network frees the rest"
        yield Finding(
            NOTICE,
            f'network "{network}"',
            f"{count} attachments are recorded from before the node's last start",
            cure,
        )


def leaked(patient: Patient) -> Iterator[Finding]:
    """Which containers have gone without a DEL."""
    for each in patient.holdings:
        if each.fate is Fate.GONE and each.attachment:
            owner, held = each.owner, ", ".join(map(canonical, each.addresses))
            yield Finding(
                WARNING,
                f"container {owner.container_id}, {owner.ifname}",
                f'its namespace {each.attachment.netns} is gone, and network "{owner.network}" still has its record'
                + (f" and {held}" if held else ""),
                "cni-macvlan-py gc, or DEL of the container",
            )


def two_stores(patient: Patient) -> Iterator[Finding]:
    """Which containers hold addresses in another store than the one that their network allocates from now."""
    held = [each for each in patient.holdings if not each.fate.stale and each.boot == "this"]
    for network in patient.networks if held else ():
        here = {
            address: each.owner
            for each in held
            if (each.owner.network, each.data_dir) == (network.network, network.data_dir)
            for address in each.addresses
        }
        for each in held:
            if each.owner.network == network.network and each.data_dir != network.data_dir:
                yield from (_elsewhere(network, each, address, here) for address in _missed(network, each, here))


def _missed(network: Understood, holding: Holding, here: dict[IPAddress, Owner]) -> list[IPAddress]:
    """The addresses of a holding that the network gives, and does not know to be this owner's."""
    return [each for each in holding.addresses if network.gives(each) and here.get(each) != holding.owner]


def _elsewhere(network: Understood, holding: Holding, address: IPAddress, here: dict[IPAddress, Owner]) -> Finding:
    subject, other = f"container {holding.owner.container_id}, {holding.owner.ifname}", here.get(address)
    text = f'it holds {canonical(address)} of network "{network.network}" in {_named(holding.data_dir)}'
    now = _named(network.data_dir)
    if other:
        cure = "start one of the two anew"
        return Finding(ERROR, subject, f"{text}, and container {other.container_id} holds it in {now}", cure)
    cure = f'start the container anew, or "exclude" the address in {network.file} as long as it lives'
    return Finding(WARNING, subject, f"{text}; the network allocates from {now} now, where it is free", cure)


def _named(data_dir: str) -> str:
    return f"host-local's directory {data_dir}" if data_dir else "the lease database"


def pool_full(patient: Patient) -> Iterator[Finding]:
    """How many addresses are left to give, when the next ADD has freed what an earlier boot left.

    An exhausted range is as bad as STATUS finds it: by default it fails only who comes anew.
    """
    held = [each for each in patient.holdings if each.fate is not Fate.EARLIER_BOOT]
    severity = ERROR if patient.settings.status_exhausted == "error" else WARNING
    for network in patient.given_by_us:
        for range_set in network.range_sets:
            size, used = range_set.capacity, sum(each.used for each in usage(network, range_set, held))
            if used > NEARLY_FULL * size or used == size:
                yield Finding(
                    severity if used >= size else WARNING,
                    f'network "{network.network}"',
                    f"{used} of {size} addresses of {range_set.key} are given",
                    f"widen the range in {network.file}, or free what no container uses: cni-macvlan-py gc",
                )
