"""How many addresses each configured range has, and how many of them are given."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from conf.addresses import HOST_LOCAL, POOL
from conf.errors import CniError
from ipam.ranges import range_sets
from plugin.cli.networks import asking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipam.ranges import Range, RangeSet
    from plugin.cli.inventory import Holding
    from plugin.cli.networks import Plugin


@dataclass(frozen=True)
class Pool:
    """The ranges of one network; its leases are in host-local's ``data_dir``, or with "" in the database."""

    network: str
    data_dir: str
    sets: tuple[RangeSet, ...]


@dataclass(frozen=True)
class Usage:
    """Numbers of addresses: all that the range can give, those given, and those of holders that are gone."""

    network: str
    range: str
    size: int
    used: int
    stale: int

    @property
    def free(self) -> int:
        """How many could be given now."""
        return self.size - self.used

    def as_json(self) -> dict[str, str | int]:
        """The numbers for programs."""
        return {**asdict(self), "free": self.free}

    def as_row(self) -> tuple[str, ...]:
        """The numbers for people."""
        return self.network, self.range, *map(str, (self.size, self.used, self.free, self.stale))


def pools_of(plugins: Iterable[Plugin], passed_over: list[str]) -> list[Pool]:
    """The pools that configurations describe, each once; why one was passed over is added to the list."""
    pools = {}
    for plugin in plugins:
        if plugin.ipam_type in {POOL, HOST_LOCAL}:
            try:
                pool = _pool(plugin)
            except CniError as error:
                passed_over.append(f"{plugin}: {error.msg}")
            else:
                pools[pool.network, pool.data_dir, tuple(each.key for each in pool.sets)] = pool
    return list(pools.values())


def _pool(plugin: Plugin) -> Pool:
    from conf.ipam import read_ipam  # noqa: PLC0415 - pydantic takes 60 ms to import, and there may be no network
    from conf.strict import read_ipam_request  # noqa: PLC0415 - as above

    document = plugin.document()
    config = read_ipam(read_ipam_request(asking("ADD", ""), document))
    return Pool(document.network, config.data_dir if config.type == HOST_LOCAL else "", range_sets(config.ranges))


def count(pools: Iterable[Pool], holdings: Iterable[Holding]) -> list[Usage]:
    """The usage of each range of each pool."""
    held: dict[tuple[str, str], list[Holding]] = {}
    for holding in holdings:
        held.setdefault((holding.owner.network, holding.data_dir), []).append(holding)
    return [
        _used(pool, range_set, each, held.get((pool.network, pool.data_dir), []))
        for pool in pools
        for range_set in pool.sets
        for each in range_set.ranges
    ]


def _used(pool: Pool, range_set: RangeSet, part: Range, holdings: list[Holding]) -> Usage:
    given = [
        holding.fate.stale
        for holding in holdings
        for address in holding.addresses
        if address in part and range_set.gives(address)
    ]
    size = sum(last - first + 1 for first, last in part.without(range_set.gateways))
    return Usage(pool.network, str(part), size, len(given), sum(given))
