"""STATUS: tell whether an ADD could be served now (SPEC 1.1, section 2, "STATUS")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import (
    IpamPluginMissing,
    MasterNotFound,
    MasterUnusable,
    StoreFailure,
    StoreTooNew,
    TryAgain,
    Unavailable,
)
from ipam.resolve import source_for
from plugin.link import macvlan
from plugin.link.netlink import Netlink

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.request import Request
    from plugin.node import Node


def status(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Raise Unavailable (50) for a missing master, an exhausted pool, a broken store or a missing IPAM executable."""
    try:
        source = source_for(request, node.means)
        if not request.link.link_in_container:  # that master is different for each container
            with Netlink() as host:
                macvlan.find_master(host, request.link, "on this node")
        source.status(request.network)
    except (IpamPluginMissing, MasterNotFound, MasterUnusable, StoreFailure, StoreTooNew, TryAgain) as error:
        raise Unavailable(error.msg, error.details) from error
    deliver(b"")
