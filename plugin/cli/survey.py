"""What commands about addresses look at first: the configurations of a directory, and all that is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugin.cli.inventory import take
from plugin.cli.networks import plugins_in
from plugin.cli.usage import pools_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin.cli.inventory import Holding
    from plugin.cli.networks import Plugin
    from plugin.cli.usage import Pool
    from plugin.node import Node


@dataclass(frozen=True)
class Survey:
    """``passed_over`` says which configurations are not among the plugins, or not among the pools, and why."""

    plugins: list[Plugin]
    pools: list[Pool]
    holdings: list[Holding]
    passed_over: list[str]


def survey(node: Node, conf_dir: str, data_dirs: Iterable[str]) -> Survey:
    """Look, and change nothing; raises StoreFailure, StoreTooNew or IoFailure."""
    passed_over: list[str] = []
    plugins = plugins_in(conf_dir, passed_over)
    pools = pools_of(plugins, passed_over)
    holdings = take(node, {*data_dirs, *(pool.data_dir for pool in pools)})
    return Survey(plugins, pools, holdings, passed_over)
