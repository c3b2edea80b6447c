"""DEL: detach the container (SPEC 1.1, section 2, "DEL"): link first, then lease, and always to the end."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from conf.errors import InvalidEnvironment, InvalidNamespace, StoreFailure, TryAgain, UnknownContainer, collected
from ipam.lease import Owner
from ipam.resolve import source_for_release
from plugin.verbs import container
from plugin.verbs.detach import collecting, detach, worth_telling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from conf.errors import CniError
    from conf.request import Request
    from ipam.lease import Attachment
    from link.netns import Namespace
    from plugin.node import Node

log = logging.getLogger(__name__)


def delete(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Remove the interface and free the addresses as far as they are there; raise what went wrong at the end."""
    environment = request.environment
    owner = Owner(request.network, environment.container_id, environment.ifname)
    failures: list[CniError] = []
    known: Attachment | None = None
    renamed: list[Attachment] = []
    with collecting(failures), node.store.transaction(owner.network) as tx:
        known = tx.attachment(owner)
        if known is None:
            renamed = tx.of_other_networks(owner)
    with ExitStack() as locked:
        namespaces = _open(request, known, node, locked)
        strays = _strays(known, namespaces, node, locked)
        # The network has another name by now; in this very container there is one interface of that name.
        homes = {each.identity for each in namespaces}
        known = next((each for each in renamed if each.netns_id in homes), known)
        owner = known.owner if known else owner
        try:
            for each in sorted([*namespaces, *strays], key=lambda namespace: namespace.identity):
                _lock(each, node)
        except TryAgain as error:
            raise collected([*failures, error]) from error

        def remove() -> None:
            for each in namespaces:
                container.remove_interface(each, owner, known)
            for each in strays:
                container.remove_interface(each, owner, known and container.of_a_stray(known))

        # Locked until all is freed, or an ADD that has waited for us would lose what it was given.
        detach(lambda: source_for_release(request, known, node.means), owner, remove, failures)
    failures = worth_telling(failures, owner)
    if failures:
        raise collected(failures)
    deliver(b"")


def _lock(namespace: Namespace, node: Node) -> None:
    """Have the namespace to ourselves; with a state directory that cannot be used nobody else has it either."""
    try:
        node.lock(namespace)
    except StoreFailure as error:
        log.warning("the namespace is not locked: %s", error)


def _open(request: Request, known: Attachment | None, node: Node, opened: ExitStack) -> list[Namespace]:
    """The container's namespaces, none if it is gone: that of CNI_NETNS, and the recorded one where that is another.

    While the interface lives where ADD has made it, its address is in use, whatever CNI_NETNS says by now.
    ``opened`` closes them. Raises InvalidNamespace for the caller's own, unless the container is known to have lived
    elsewhere: then its path came to name another process.
    """
    environment = request.environment
    recorded = known.netns if known else ""
    found: list[Namespace] = []
    for path in dict.fromkeys((environment.netns or recorded, recorded)):
        namespace = _open_if_there(path, node, is_recorded=path == recorded)
        if namespace is None:
            continue
        opened.enter_context(closing(namespace))
        is_home = known is None or namespace.identity == known.netns_id
        try:
            container.require_foreign(namespace, environment)
        except InvalidNamespace:
            if is_home:
                raise
            continue
        if is_home or path == (environment.netns or recorded):  # a path that was only recorded may be another's by now
            found.append(namespace)
        if is_home:
            break
    return found


def _strays(known: Attachment | None, found: Collection[Namespace], node: Node, opened: ExitStack) -> list[Namespace]:
    """The recorded namespace, where no path leads to it any more and it lives all the same."""
    if known is None or any(each.identity == known.netns_id for each in found):
        return []
    namespace = container.stray(known, node)
    return [opened.enter_context(closing(namespace))] if namespace else []


def _open_if_there(path: str, node: Node, *, is_recorded: bool) -> Namespace | None:
    """The namespace at a path, None where there is none; where no path can lead, an ADD has recorded another."""
    try:
        return node.open_namespace(path)
    except UnknownContainer:
        return None
    except InvalidNamespace as error:
        log.warning("the namespace is taken for gone: %s", error)
    except InvalidEnvironment:
        if is_recorded:
            raise
    return None
