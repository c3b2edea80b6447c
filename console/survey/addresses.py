"""The node's addresses: the configurations of a directory that give them, and all that is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.configs.networks import Unreadable, networks_in
from console.survey.holdings import holdings_of
from console.survey.occupancy import pools_of, usage
from ipam.store.view import SqliteView
from plugin.node import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from console.configs.meaning import Understood
    from console.configs.networks import Plugin
    from console.survey.holdings import Holding
    from console.survey.occupancy import Usage


@dataclass(frozen=True)
class Addresses:
    """``passed_over`` says which configurations are not among the plugins, or not among the pools, and why."""

    plugins: list[Plugin]
    pools: list[Understood]
    holdings: list[Holding]
    passed_over: list[str]

    def networks(self) -> set[str]:
        """The names of all networks that are configured or hold something."""
        return {each.name for each in self.plugins if each.name} | {each.owner.network for each in self.holdings}

    def usage(self) -> list[Usage]:
        """The usage of each range of each pool."""
        sets = [(pool, range_set) for pool in self.pools for range_set in pool.range_sets]
        return [each for pool, range_set in sets for each in usage(pool, range_set, self.holdings)]


def configured(conf_dir: str, passed_over: list[str]) -> list[Plugin]:
    """The plugins of a directory's networks; which files are none, and why, is added to the list. Raises IoFailure."""
    plugins: list[Plugin] = []
    for network in networks_in(conf_dir):
        if isinstance(network, Unreadable):
            passed_over.append(f"{network.file}: {network.why}")
        else:
            plugins += network.plugins()
    return plugins


def addresses(state_dir: str, conf_dir: str, data_dirs: Iterable[str]) -> Addresses:
    """Look, and change nothing; raises StoreFailure, StoreTooNew or IoFailure."""
    passed_over: list[str] = []
    plugins = configured(conf_dir, passed_over)
    pools = pools_of(plugins, passed_over)
    recorded = SqliteView(state_dir, boot_id()).holdings()
    return Addresses(
        plugins, pools, holdings_of(recorded, {*data_dirs, *(pool.data_dir for pool in pools)}), passed_over
    )
