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
    from collections.abc import Callable

    from conf.errors import CniError
    from conf.request import Request
    from ipam.lease import Attachment
    from plugin.link.netns import Namespace
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
    namespace = _open(request, known, node)
    with ExitStack() as locked:
        if namespace is not None:
            locked.enter_context(closing(namespace))
            # The network has another name by now; in this very container there is one interface of that name.
            known = next((each for each in renamed if each.netns_id == namespace.identity), known)
            owner = known.owner if known else owner
            try:
                _lock(namespace, node)
            except TryAgain as error:
                raise collected([*failures, error]) from error

        def remove() -> None:
            if namespace is not None:
                container.remove_interface(namespace, owner, known)

        # Locked until all is freed, or an ADD that has waited for us would lose what it was given.
        detach(lambda: source_for_release(request, known, node.means), owner, remove, failures)
    failures = worth_telling(failures, owner)
    if failures:
        raise collected(failures)
    deliver(b"")


def _lock(namespace: Namespace, node: Node) -> None:
    """Have the namespace to ourselves; with a state directory that cannot be used nobody else has it either."""
    try:
        namespace.lock(node.settings.state_dir)
    except StoreFailure as error:
        log.warning("the namespace is not locked: %s", error)


def _open(request: Request, known: Attachment | None, node: Node) -> Namespace | None:
    """The container's namespace; None if it is gone.

    Without CNI_NETNS, or with one that leads nowhere, the recorded one is looked for: while the interface lives there,
    its address is in use.
    Raises InvalidNamespace for the caller's own, unless the container is known to have lived elsewhere: then its path
    came to name another process, and its namespace is gone.
    """
    environment = request.environment
    recorded = known.netns if known else ""
    paths = dict.fromkeys((environment.netns or recorded, recorded))
    found = (_open_if_there(path, node, is_recorded=path == recorded) for path in paths)
    namespace = next(filter(None, found), None)
    if namespace is None:
        return None
    try:
        container.require_foreign(namespace, environment)
    except InvalidNamespace:
        namespace.close()
        if known is None or known.netns_id == namespace.identity:
            raise
        return None
    return namespace


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
