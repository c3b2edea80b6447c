"""The node as ``show`` tells of it: masters, their children wherever they live, and what is remembered of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.survey.children import Child, children
from link.netlink import Netlink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from console.survey.namespaces import Inhabited
    from ipam.lease import Attachment
    from link.answers import Link

RECORDED, UNFINISHED, UNRECORDED, FOREIGN = "recorded", "unfinished", "unrecorded", "not ours"


@dataclass(frozen=True)
class Shown:
    """A child with its record; ``state`` is one of the words above."""

    child: Child
    record: Attachment | None
    state: str


@dataclass(frozen=True)
class Master:
    """A device of the node and what hangs on it; ``link`` is None for masters in other namespaces."""

    link: Link | None
    children: tuple[Shown, ...]


def masters(places: Iterable[Inhabited], records: Iterable[Attachment]) -> Iterator[Master | None]:
    """None for each namespace that was looked into; at the end every master that has children, in our order."""
    known = {(each.netns_id, each.owner.ifname): each for each in records}
    here: dict[int, list[Shown]] = {}
    elsewhere: list[Shown] = []
    with Netlink() as netlink:
        own = {link.index: link for link in netlink.links()}
    for found in children(places):
        for child in found:
            shown = _judged(child, known.get((child.home.identity, child.link.name)))
            (here.setdefault(child.parent, []) if child.parent in own else elsewhere).append(shown)
        yield None
    for index in sorted(here):
        yield Master(own[index], tuple(here[index]))
    if elsewhere:
        yield Master(None, tuple(elsewhere))


def _judged(child: Child, record: Attachment | None) -> Shown:
    if record is not None and not child.link.alias:
        return Shown(child, record, UNFINISHED)
    if record is not None and child.owner == (record.owner.network, record.owner.container_id):
        return Shown(child, record, RECORDED)
    return Shown(child, None, UNRECORDED if child.owner[0] else FOREIGN)
