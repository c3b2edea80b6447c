"""ADD: attach the container (SPEC 1.1, section 2, "ADD")."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from conf.errors import CniError, InterfaceExists, IpamPluginFailure, collected
from conf.result import Interface, Result, ResultIp, read_result
from ipam.resolve import acquire, source_for
from ipam.store.privilege import failure_of
from link import addressing, loopback, macvlan, messages
from link.netlink import KernelRefusal, Netlink
from plugin.render import render_result
from plugin.verbs import container
from plugin.verbs.detach import detach

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.request import Request
    from ipam.lease import Assignment, Attachment, Owner
    from ipam.source import Source
    from link.answers import Link
    from link.netns import Namespace
    from plugin.node import Node

log = logging.getLogger(__name__)


def add(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Make the interface, give it its addresses and deliver the result; whatever fails, nothing is left."""
    previous = read_result(request.prev_result, request.version, "prevResult") if request.prev_result else Result()
    means = node.means
    source = source_for(request, means)
    environment = request.environment
    with (
        container.opened(environment, node) as namespace,
        Netlink() as host,
        closing(namespace.netlink()) as inside,
        ExitStack() as undo,
    ):
        outside = inside if request.link.link_in_container else host
        master = macvlan.find_master(outside, request.link)
        attachment = node.attachment(request, namespace.identity, macvlan.KIND, source.directory)
        _clear_the_way(inside, attachment, node)

        source.passed_on = namespace.locks
        assignment = acquire(
            source, attachment, environment, means,
            replace=True, require_gone=lambda former: container.require_gone(former, node),
        )  # fmt: skip
        made = ExitStack()
        undo.callback(loopback.switch_back, inside, namespace)
        undo.push(_detaching(source, attachment.owner, made))
        place = macvlan.Place(outside, inside, namespace)
        link = macvlan.create(place, _wanted(request, master), environment.container_id, made)
        assignment = source.complete(assignment)
        if request.ipam_type and not assignment.addresses:
            raise IpamPluginFailure(
                f'IPAM plugin returned missing IP config; "ipam.type" is "{request.ipam_type}": '
                "configure an address there",
                "a layer 2 attachment has no ipam.type",
            )
        if source.executed:
            addressing.bring_down(inside, link)
        _configure(inside, namespace, link, assignment)

        node.go_on()
        deliver(render_result(_result(request, previous, link, assignment), request.version))
        undo.pop_all()
        _mark_finished(inside, link, attachment)


def _detaching(source: Source, owner: Owner, made: ExitStack) -> Callable[[object, BaseException | None, object], None]:
    """The undo of what was ``made`` of the interface and ``source`` was asked for; all that fails is answered."""

    def undo(_: object, error: BaseException | None, __: object) -> None:
        failures = [error] if isinstance(error, CniError) else []
        if isinstance(error, OSError):
            failures.append(failure_of(error))
        before = len(failures)
        detach(lambda: source, owner, made.close, failures)
        if len(failures) > before:
            raise collected(failures) from error

    return undo


def _clear_the_way(inside: Netlink, attachment: Attachment, node: Node) -> None:
    """Remove what an ADD of this attachment left that was killed; raise InterfaceExists for anything else."""
    owner = attachment.owner
    existing = macvlan.find_by_index(inside, owner.container_id, owner.ifname) or inside.link(owner.ifname)
    if existing is None:
        return
    with node.store.transaction(owner.network) as tx:
        known = tx.attachment(owner)
    if not container.is_unfinished(existing, known):
        renamed = f', as "{existing.name}"' if existing.name != owner.ifname else ""
        raise InterfaceExists(
            f'interface "{owner.ifname}" exists in the container already{renamed}: file exists; '
            "call DEL first, or choose another CNI_IFNAME",
            f"it is a {existing.kind or 'hardware'} device with index {existing.index} in {attachment.netns}",
        )
    log.info("%s was left by an ADD that died: made anew", owner.ifname)
    macvlan.delete(inside, existing.index)


def _wanted(request: Request, master: Link) -> messages.MacvlanAttributes:
    link = request.link
    return messages.MacvlanAttributes(
        name=request.environment.ifname,
        master=master,
        mode=link.mode,
        mtu=link.mtu,
        mac=link.mac,
        bcqueuelen=link.bcqueuelen,
        bccutoff=link.bccutoff,
        promisc=link.promisc,
        source_macs=link.source_macs,
    )


def _configure(inside: Netlink, namespace: Namespace, link: Link, assignment: Assignment) -> None:
    if assignment.addresses:
        routes = addressing.completed(assignment.routes, assignment.addresses)
        addressing.apply(inside, namespace, link, assignment.addresses, routes)
    else:
        addressing.bring_up(inside, link)


def _result(request: Request, previous: Result, link: Link, assignment: Assignment) -> Result:
    """The chain's result so far with ours behind it (SPEC 1.1: prevResult is passed on)."""
    ours = Interface(request.environment.ifname, link.mac, request.environment.netns, link.mtu)
    index = len(previous.interfaces)
    return Result(
        interfaces=(*previous.interfaces, ours),
        ips=previous.ips + tuple(ResultIp(a.address, a.gateway, index) for a in assignment.addresses),
        routes=previous.routes + assignment.routes,
        dns=request.dns.merged(assignment.dns).merged(previous.dns),
    )


def _mark_finished(inside: Netlink, link: Link, attachment: Attachment) -> None:
    try:
        inside.send(messages.set_alias(link.index, container.alias_of(attachment.owner)))
    except KernelRefusal as refusal:  # the runtime has its answer; without the mark the next ADD would begin anew
        log.warning("%s not marked as finished: %s", link.name, refusal)
