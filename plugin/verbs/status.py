"""STATUS: tell whether an ADD could be served now (SPEC 1.1, section 2, "STATUS")."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from conf.errors import (
    IpamPluginMissing,
    MasterNotFound,
    MasterUnusable,
    PoolExhausted,
    StoreFailure,
    StoreTooNew,
    TryAgain,
    Unavailable,
)
from ipam.resolve import source_for
from link import macvlan
from link.netlink import Netlink
from plugin.verbs import exhausted

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.request import Request
    from ipam.source import Source
    from plugin.node import Node

log = logging.getLogger(__name__)


def status(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Raise Unavailable (50) for a missing master, a missing IPAM executable, and as ``require_addresses``."""
    try:
        source = source_for(request, node.means)
        if not request.link.link_in_container:  # that master is different for each container
            with Netlink() as host:
                macvlan.find_master(host, request.link)
    except (IpamPluginMissing, MasterNotFound, MasterUnusable) as error:
        raise Unavailable(error.msg, error.details) from error
    require_addresses(source, request.network, node)
    deliver(b"")


def require_addresses(source: Source, network: str, node: Node) -> None:
    """Raise Unavailable for a store that cannot be used, and for an exhausted pool where the settings want that.

    Otherwise it is logged when a pool begins to be exhausted. containerd asks STATUS for the condition of the whole
    node, and a kubelet that is told of 50 neither starts nor restarts anything there, not even what holds its
    addresses already.
    """
    state_dir = node.settings.state_dir
    try:
        source.status(network)
    except PoolExhausted as error:
        if node.settings.status_exhausted == "error":
            raise Unavailable(error.msg, error.details) from error
        if exhausted.begins(state_dir, network):
            log.warning("the next ADD will fail: %s", error)
    except (StoreFailure, StoreTooNew, TryAgain) as error:
        raise Unavailable(error.msg, error.details) from error
    else:
        exhausted.ends(state_dir, network)
