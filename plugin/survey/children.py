"""Every macvlan interface of the node, wherever it lives, with what it says of itself."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import InvalidNamespace, UnknownContainer
from plugin.link import macvlan
from plugin.link.netns import open_namespace
from plugin.verbs.container import ALIAS_PREFIX, netlink_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plugin.link.answers import Link
    from plugin.link.netlink import Netlink
    from plugin.survey.namespaces import Inhabited


@dataclass(frozen=True)
class Child:
    """A macvlan interface, the namespace that it lives in, and its addresses with their prefix lengths."""

    home: Inhabited
    link: Link
    addresses: tuple[str, ...]

    @property
    def owner(self) -> tuple[str, str]:
        """Network and container id as its mark has them; both "" where it has none, for then it is not ours."""
        network, _, container_id = self.link.alias.removeprefix(ALIAS_PREFIX).partition(" ")
        return (network, container_id) if self.link.alias.startswith(ALIAS_PREFIX) else ("", "")


def children(places: Iterable[Inhabited]) -> Iterator[list[Child]]:
    """The macvlan interfaces of each namespace in turn; none for one that is gone by now. Raises KernelRefusal."""
    for place in places:
        try:
            namespace = open_namespace(place.path)
        except (UnknownContainer, InvalidNamespace):
            yield []
            continue
        # Its identity is asked again: the path of a namespace that has gone may be another's by now.
        with closing(namespace):
            yield list(_inside(place, netlink_in(namespace))) if namespace.identity == place.identity else []


def _inside(place: Inhabited, netlink: Netlink) -> Iterator[Child]:
    with netlink:
        for link in netlink.links():
            if link.kind == macvlan.KIND:
                addresses = netlink.addresses(link.index)
                yield Child(place, link, tuple(str(each.address) for each in addresses))
