"""Checks of what is remembered: whose containers are gone, and how much of each pool is left."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ipam.ranges import canonical
from plugin.doctor.finding import ERROR, NOTICE, WARNING, Finding
from plugin.survey.holdings import Fate
from plugin.survey.pools import usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.doctor.patient import Patient

NEARLY_FULL = 0.9


def earlier_boot(patient: Patient) -> Iterator[Finding]:
    """What was recorded before the node started."""
    void = Counter(each.owner.network for each in patient.holdings if each.fate is Fate.EARLIER_BOOT)
    for network, count in void.items():
        yield Finding(
            NOTICE,
            f'network "{network}"',
            f"{count} attachments are recorded from before the node's last start",
            "nothing: the next ADD of the network frees what they hold",
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
