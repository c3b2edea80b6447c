"""How full the pools are, as metrics: read from the stores when somebody asks, so that no call pays for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agent.sparing import Sparing
from conf.errors import CniError
from ipam.store.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "cni_macvlan_"
LABELS = ("network", "ranges", "directory")
# metric → its meaning, and where the number is
POOLS = {
    "pool_addresses": ("Addresses that a range set can give.", "size"),
    "pool_used": ("Addresses of it that are held.", "used"),
    "pool_free": ("Addresses of it that are not.", "free"),
    "pool_earlier_boot": ("Leases in it from before the node started: void, and free already.", "earlier"),
}

log = logging.getLogger(__name__)
log.addFilter(Sparing())


class PoolCollector(Collector):
    """Asks ``read_usage`` at each scrape; where that fails with a CniError, the pools are left out."""

    def __init__(self, read_usage: Callable[[], Usage]) -> None:
        self._read_usage = read_usage

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The same without numbers: to be registered is no reason to look."""
        return self._families(Usage(), readable=False)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What there is now."""
        try:
            return self._families(self._read_usage(), readable=True)
        except CniError as error:
            log.info("the stores could not be read for a scrape: %s", error)
            return self._families(Usage(), readable=False)

    def _families(self, usage: Usage, *, readable: bool) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            f"{PREFIX}stores_readable", "1 if leases and attachments could be read for this scrape, else 0.", readable
        )
        attachments = GaugeMetricFamily(f"{PREFIX}attachments", "Attachments on record.", labels=["network"])
        for network, count in usage.attachments:
            attachments.add_metric([network], count)
        yield attachments
        for name, (text, attribute) in POOLS.items():
            family = GaugeMetricFamily(PREFIX + name, text, labels=LABELS)
            for pool in usage.pools:
                family.add_metric([pool.network, pool.ranges, pool.directory], getattr(pool, attribute))
            yield family
