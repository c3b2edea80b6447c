"""Every macvlan interface of the node, wherever it lives, with what it says of itself."""

from __future__ import annotations

import errno
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import CniError
from link import macvlan
from link.netlink import KernelRefusal
from link.netns import open_namespace, open_own
from plugin.verbs.container import ALIAS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console.survey.namespaces import Inhabited
    from link.answers import Link
    from link.netns import Namespace


@dataclass(frozen=True)
class Child:
    """A macvlan interface, the namespace that it lives in, and its addresses with their prefix lengths.

    ``parent`` is the ifindex of its parent in our own namespace, 0 if that lives elsewhere.
    """

    home: Inhabited
    link: Link
    addresses: tuple[str, ...]
    parent: int

    @property
    def owner(self) -> tuple[str, str]:
        """Network and container id as its mark has them; both "" where it has none, for then it is not ours."""
        network, _, container_id = self.link.alias.removeprefix(ALIAS_PREFIX).partition(" ")
        return (network, container_id) if self.link.alias.startswith(ALIAS_PREFIX) else ("", "")


def children(places: Iterable[Inhabited]) -> Iterator[list[Child]]:
    """The macvlan interfaces of each namespace in turn; none for one that is gone by now. Raises KernelRefusal."""
    with closing(open_own()) as ours:
        for place in places:
            try:
                namespace = open_namespace(place.path)
            except CniError:
                yield []
                continue
            # Its identity is asked again: the path of a namespace that has gone may be another's by now.
            with closing(namespace):
                yield list(_inside(place, namespace, ours)) if namespace.identity == place.identity else []


def _inside(place: Inhabited, namespace: Namespace, ours: Namespace) -> Iterator[Child]:
    with namespace.netlink() as netlink:
        found = [link for link in netlink.links() if link.kind == macvlan.KIND]
        at_home = None if namespace.identity == ours.identity else netlink.namespace_number(ours.descriptor)
        for link in found:
            try:
                addresses = tuple(str(each.address) for each in netlink.addresses(link.index))
            except KernelRefusal as refusal:
                if refusal.errno == errno.ENODEV:  # removed between the two looks
                    continue
                raise
            yield Child(place, link, addresses, link.parent if link.parent_namespace == at_home else 0)
