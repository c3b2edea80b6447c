"""How many addresses each configured range has, and how many of them are given."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from conf.errors import CniError
from conf.ipam_config import HOST_LOCAL, POOL
from console.configs.meaning import Understood, understood

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console.configs.networks import Plugin
    from console.survey.holdings import Holding
    from ipam.ranges import RangeSet


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


def pools_of(plugins: Iterable[Plugin], passed_over: list[str]) -> list[Understood]:
    """The pools that configurations describe, each once; why one was passed over is added to the list."""
    pools = {}
    for plugin in plugins:
        if plugin.ipam_type in {POOL, HOST_LOCAL}:
            try:
                pool = understood(plugin, is_main=False)
            except CniError as error:
                passed_over.append(f"{plugin}: {error.msg}")
            else:
                pools[pool.network, pool.data_dir, tuple(each.key for each in pool.range_sets)] = pool
    return list(pools.values())


def usage(pool: Understood, range_set: RangeSet, holdings: Iterable[Holding]) -> Iterator[Usage]:
    """The usage of each range of one of a pool's sets."""
    held = [each for each in holdings if (each.owner.network, each.data_dir) == (pool.network, pool.data_dir)]
    for part in range_set.ranges:
        given = [
            each.fate.stale
            for each in held
            for address in each.addresses
            if address in part and range_set.gives(address)
        ]
        size = sum(last - first + 1 for first, last in part.without(range_set.gateways))
        yield Usage(pool.network, str(part), size, len(given), sum(given))
