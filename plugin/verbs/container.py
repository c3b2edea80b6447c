"""The container's side of a verb: its namespace, its socket, and which interface in it is ours."""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from conf.errors import InterfaceExists, InvalidEnvironment, InvalidNamespace, TryAgain, UnknownContainer
from link import loopback, macvlan
from link.netns import Namespace, own_identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conf.environment import Environment
    from ipam.lease import Attachment, Owner
    from link.answers import Link
    from plugin.node import Node

log = logging.getLogger(__name__)

ALIAS_PREFIX = "cni-macvlan-py "


@contextmanager
def opened(environment: Environment, node: Node) -> Iterator[Namespace]:
    """The container's namespace, locked against other calls of ours; never the caller's own.

    Raises UnknownContainer, InvalidNamespace, TryAgain or StoreFailure.
    """
    namespace = node.open_namespace(environment.netns)
    try:
        require_foreign(namespace, environment)
        node.lock(namespace)
        yield namespace
    finally:
        namespace.close()


def require_foreign(namespace: Namespace, environment: Environment) -> None:
    """Raise InvalidNamespace for the caller's own namespace: no container lives there."""
    if namespace.identity == own_identity() and not environment.netns_override:
        raise InvalidNamespace(
            "plugin's netns and netns from CNI_NETNS should not be the same",
            f"CNI_NETNS is {environment.netns}; nothing was touched",
        )


def alias_of(owner: Owner) -> str:
    """What a finished interface is marked with: the mark is the last step of an ADD."""
    return f"{ALIAS_PREFIX}{owner.network} {owner.container_id}"[: macvlan.MAX_ALIAS]


def is_unfinished(link: Link, known: Attachment | None) -> bool:
    """Whether the interface is what an ADD of this attachment left that died on its way."""
    return known is not None and link.kind == macvlan.KIND and not link.alias and not _is_anothers(link, known.owner)


def _is_anothers(link: Link, owner: Owner) -> bool:
    """Whether the interface was made for another attachment, and bears this one's name by a rename."""
    return macvlan.is_of_attachment(link) and link.index != macvlan.index_of(owner.container_id, owner.ifname)


def is_removable(link: Link, owner: Owner, known: Attachment | None, namespace: Namespace) -> bool:
    """Whether DEL or GC may take the interface for the one that ADD made.

    A namespace that is not the recorded one was given the path of one that is gone: only our own marks count there.
    """
    if link.kind != macvlan.KIND:
        return False
    if macvlan.is_of_attachment(link):
        return not _is_anothers(link, owner)
    if known is not None and known.netns_id != namespace.identity:
        return link.alias == alias_of(owner)
    return link.alias == alias_of(owner) or not link.alias.startswith(ALIAS_PREFIX)


def stray(known: Attachment, node: Node) -> Namespace | None:
    """The recorded namespace where it lives on without its path: by another name, or by a process that stayed.

    A number is given again soon: what is found may be another namespace. So a record ``of_a_stray`` goes with it, by
    which nothing is removed but what was made for the attachment. Raises TryAgain where it may not be opened.
    """
    if not known.device or known.boot_id != node.boot_id:
        return None
    if known.netns_id not in node.homes:
        _require_nobody(known.owner)
        return None
    try:
        namespace = node.open_namespace(node.homes[known.netns_id])
    except (UnknownContainer, InvalidNamespace, InvalidEnvironment):
        return None
    if namespace.identity == known.netns_id != own_identity():
        return namespace
    namespace.close()
    return None


def _require_nobody(owner: Owner) -> None:
    """Raise TryAgain where the owner's interface is up in the namespace of a process that we may not look at."""
    from link.homes import inhabitant  # noqa: PLC0415 - as in Node.homes

    if process := inhabitant(macvlan.index_of(owner.container_id, owner.ifname)):
        raise TryAgain(
            f'interface "{owner.ifname}" lives on in the namespace of process {process}, which may not be opened; '
            "let root open it, with CAP_SYS_PTRACE, and call again",
            "its path is gone; nothing was removed or released",
        )


def of_a_stray(known: Attachment) -> Attachment:
    """The record of an attachment that is looked for in what may not be its namespace."""
    return replace(known, netns_id="")


def require_gone(former: Attachment, node: Node) -> None:
    """Raise InterfaceExists where a recorded interface lives, which would keep an address that another is given."""
    if not former.device or former.boot_id != node.boot_id:
        return
    namespace: Namespace | None = None
    with suppress(UnknownContainer, InvalidNamespace, InvalidEnvironment):
        namespace = node.open_namespace(former.netns)
        if namespace.identity != former.netns_id:
            namespace.close()
            namespace = None
    known = former
    if namespace is None:
        namespace, known = stray(former, node), of_a_stray(former)
    if namespace is None:
        return
    owner = former.owner
    with closing(namespace), namespace.netlink() as container:
        link = macvlan.find(container, owner.container_id, owner.ifname)
        if link is None or not is_removable(link, owner, known, namespace):
            return
        raise InterfaceExists(
            f'interface "{owner.ifname}" of this container exists already, in {namespace.path}: file exists; '
            "call DEL first, with that as CNI_NETNS or none",
            f'it is "{link.name}" there, with index {link.index}',
        )


def remove_interface(namespace: Namespace, owner: Owner, known: Attachment | None) -> None:
    """Remove the attachment's interface if it is there and ours, and what was changed for it. Raises LinkFailure."""
    with namespace.netlink() as container:
        link = macvlan.find(container, owner.container_id, owner.ifname)
        if link is not None and is_removable(link, owner, known, namespace):
            macvlan.delete(container, link.index)
            if not link.keeps_addresses:  # it had no IPv6 address from us, for which the loopback would be changed
                return
        elif link is not None:
            log.warning("%s in %s is not ours (%s) and stays", link.name, namespace.path, link.kind or "hardware")
        loopback.switch_back(container, namespace)
