"""The verbs of an IPAM plugin, for when another main plugin executes us as its ``ipam.type``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from conf.errors import InvalidNetworkConfig
from conf.ipam_config import STATIC
from conf.request import read_valid_attachments
from conf.result import Result, ResultIp, read_result
from ipam.lease import Owner
from ipam.reclaim import reclaim, reclaim_from
from ipam.resolve import acquire, built_in, source_for_release
from plugin.render import render_result
from plugin.verbs.gc import stale_of, tell_leaks
from plugin.verbs.status import require_addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from netaddr import IPAddress

    from conf.request import Request
    from plugin.node import Node


def add(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Give addresses; the result has no interfaces (SPEC 1.1, section 4, "IPAM")."""
    source = built_in(request, node.store)
    attachment = node.attachment(request, netns_id="", device="", ipam_dir=source.directory)
    with ExitStack() as undo:
        assignment = acquire(source, attachment, request.environment, node.means, replace=False)
        undo.callback(reclaim_from, node.store, attachment.owner, source.directory)
        ips = tuple(ResultIp(each.address, each.gateway) for each in assignment.addresses)
        node.go_on()
        deliver(render_result(Result(ips=ips, routes=assignment.routes, dns=assignment.dns), request.version))
        undo.pop_all()


def delete(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Free what the container holds; nothing held is no error."""
    owner = Owner(request.network, request.environment.container_id, request.environment.ifname)
    source = source_for_release(request, None, node.means)
    reclaim_from(node.store, owner, source.directory)
    deliver(b"")


def check(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Raise CheckFailure unless the container still holds an address, or was given all those of the configuration."""
    owner = Owner(request.network, request.environment.container_id, request.environment.ifname)
    # The result of a chain may hold addresses that others gave: a pool is not asked for all of them.
    stated = _stated(request) if request.ipam_type == STATIC else []
    built_in(request, node.store).check(owner, stated)
    deliver(b"")


def _stated(request: Request) -> list[IPAddress]:
    if request.prev_result is None:
        raise InvalidNetworkConfig("Required prevResult missing", "CHECK gets ADD's result as prevResult")
    return [ip.address.ip for ip in read_result(request.prev_result, request.version, "prevResult").ips]


def status(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Raise Unavailable where no address could be given, as STATUS of the main plugin does."""
    require_addresses(built_in(request, node.store), request.network, node)
    deliver(b"")


def gc(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Free what no valid attachment holds, but for what was attached since this call has begun."""
    valid = read_valid_attachments(request.document)
    source = source_for_release(request, None, node.means)
    held = source.held(request.network)  # before the records: an ADD writes its record first
    kept: set[tuple[str, str]] = set()
    found = 0
    for attachment in stale_of(request.network, valid, node):
        # What has an interface of ours is its main plugin's to remove.
        if not attachment.device and reclaim(node.store, attachment):
            found += attachment.boot_id == node.boot_id
        else:
            kept.add((attachment.owner.container_id, attachment.owner.ifname))
    found += source.sweep(request.network, None if valid is None else valid | kept, held)
    tell_leaks(node, found, found)
    deliver(b"")
