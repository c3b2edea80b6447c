"""Addresses that two networks would both give on one LAN, and networks of one name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from conf.ipam_config import STATIC
from console.lint.finding import ERROR, WARNING, Finding, at, place
from ipam.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conf.link_config import LinkConfig
    from console.configs.meaning import Understood
    from console.configs.networks import Network
    from ipam.ranges import Interval


@dataclass(frozen=True)
class Territory:
    """Addresses that a network gives, ``intervals`` of ``span``, the wire that it gives them on, and the key for it."""

    owner: Understood
    wire: str
    span: Range
    intervals: tuple[Interval, ...]
    key: str

    def clashes(self, other: Territory) -> bool:
        """Whether both would give one address on the same LAN without knowing of each other."""
        return (
            (self.owner.is_main or other.owner.is_main)
            and (self.owner.network, self.owner.data_dir) != (other.owner.network, other.owner.data_dir)
            and self._may_share_wire(other)
            and self.span.overlaps(other.span)
            and any(a <= d and c <= b for a, b in self.intervals for c, d in other.intervals)
        )

    def _may_share_wire(self, other: Territory) -> bool:
        """Two macvlan networks share their master's wire; of others nobody knows where their frames go."""
        return not (self.owner.is_main and other.owner.is_main) or self.wire == other.wire


def overlaps(owners: Iterable[Understood], wire: Callable[[LinkConfig], str] | None = None) -> Iterator[Finding]:
    """Each pair of ranges that overlap, at the later one; ``wire`` names the LAN that a link is on.

    Without ``wire`` there is no node that has all these networks: only what they call their masters can be compared.
    """
    severity = ERROR if wire else WARNING
    named = wire or (lambda link: link.master)
    everything = [territory for owner in owners for territory in _territories(owner, named(owner.request.link))]
    for first, second in combinations(everything, 2):
        if first.clashes(second):
            plugin, other = second.owner.plugin, first.owner
            message = (
                f'{second.span} overlaps {first.span} of network "{other.network}" in {other.file}, and neither knows '
                "of the other's leases; give each of them addresses of its own, by rangeStart and rangeEnd"
            )
            yield at(plugin.network, place(plugin, second.key), severity, message)


def _territories(owner: Understood, wire: str) -> Iterator[Territory]:
    config = owner.ipam
    if config is None:
        return
    if config.type == STATIC:
        for index, each in enumerate(config.addresses):
            alone = Range(each.address, each.address.ip, each.address.ip)
            yield Territory(owner, wire, alone, alone.without(()), f"ipam.addresses[{index}].address")
    for written, range_set in zip(config.ranges, owner.range_sets, strict=True):
        for one, span in zip(written, range_set.ranges, strict=True):
            yield Territory(owner, wire, span, span.without(range_set.gateways), f"{one.where}.subnet")


def doubled(networks: Iterable[Network]) -> Iterator[Finding]:
    """Names that more than one file of a directory gives to its network."""
    first: dict[str, str] = {}
    for network in networks:
        for name in {plugin.name for plugin in network.plugins()} - {"", network.name}:
            if first.setdefault(name, network.file) != network.file:
                message = (
                    f'network "{name}" is also in {first[name]}: runtimes take either, and both give the same leases; '
                    "rename one of them, or remove its file"
                )
                yield at(network, ("name",), WARNING, message)
