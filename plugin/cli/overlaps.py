"""Addresses that two networks would both give on one LAN, and networks of one name."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from conf.addresses import BUILT_IN, STATIC
from conf.ipam import read_ipam
from ipam.ranges import Range, range_sets
from plugin.cli.findings import WARNING, Finding, at, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conf.request import Request
    from plugin.cli.networks import Plugin


@dataclass(frozen=True)
class Territory:
    """Addresses that one network gives on one master, and the key that says so."""

    plugin: Plugin
    network: str
    master: str
    span: Range
    key: str

    def clashes(self, other: Territory) -> bool:
        """Whether both would give one address on the same LAN without knowing of each other."""
        return self.network != other.network and self.master == other.master and self.span.overlaps(other.span)


def overlaps(judged: Iterable[tuple[Plugin, Request]]) -> Iterator[Finding]:
    """Each pair of ranges that overlap, at the later one."""
    everything = [territory for plugin, request in judged for territory in _territories(plugin, request)]
    for first, second in combinations(everything, 2):
        if first.clashes(second):
            there = first.plugin.network
            message = (
                f'{second.span} overlaps {first.span} of network "{first.network}" in {there.file}, on the same '
                f"{f'master {second.master}' if second.master else 'default master'}: an address could be given "
                "twice; give both one name, or narrow one of them"
            )
            yield at(second.plugin.network, place(second.plugin, second.key), WARNING, message)


def _territories(plugin: Plugin, request: Request) -> Iterator[Territory]:
    if request.ipam_type not in BUILT_IN:
        return
    master = request.link.master
    config = read_ipam(request)
    if config.type == STATIC:
        for index, each in enumerate(config.addresses):
            alone = Range(each.address, each.address.ip, each.address.ip)
            yield Territory(plugin, request.network, master, alone, f"ipam.addresses[{index}].address")
        return
    for configs, range_set in zip(config.ranges, range_sets(config.ranges), strict=True):
        for written, span in zip(configs, range_set.ranges, strict=True):
            yield Territory(plugin, request.network, master, span, f"{written.where}.subnet")


def doubled(plugins: Iterable[Plugin]) -> Iterator[Finding]:
    """Names that more than one file of a directory gives to its network."""
    first: dict[str, str] = {}
    for plugin in plugins:
        name, file = plugin.values.get("name"), plugin.network.file
        if isinstance(name, str) and not plugin.network.name and first.setdefault(name, file) != file:
            message = f'network "{name}" is in {first[name]} as well: a runtime takes one of them; rename the other'
            yield at(plugin.network, ("name",), WARNING, message)
