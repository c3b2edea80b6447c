"""What living interfaces prove: who has which address, whatever a lease database says."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from netaddr import IPNetwork

from conf.ipam_config import BUILT_IN, POOL
from console.survey.children import children
from console.survey.namespaces import everywhere
from console.survey.occupancy import pools_of
from ipam.lease import Attachment, Owner
from ipam.store.replacement import Adoption
from link import macvlan
from plugin.node import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netaddr import IPAddress

    from console.configs.networks import Plugin
    from console.survey.children import Child
    from console.survey.holdings import Recorded

USUAL: Final = tuple(f"{kind}{number}" for kind in ("eth", "net", "macvlan") for number in range(16))
"""Names that runtimes give, among which that of a renamed interface is looked for."""


def marked(network: str) -> list[Child]:
    """Every finished interface of ours in the network, "" for all, wherever in the node it lives.

    The node is whose masters are in our own namespace: another's containers may be seen from here as well.
    """
    found = [child for each in children(everywhere()) for child in each if child.owner[0] and _is_of_this_node(child)]
    return [child for child in found if network in {"", child.owner[0]}]


def _is_of_this_node(child: Child) -> bool:
    """Whether its parent is here, or with it in its container."""
    return child.parent != 0 or child.link.parent_namespace is None


def lacking(recorded: Sequence[Recorded], living: Iterable[Child], plugins: Sequence[Plugin]) -> list[Adoption]:
    """What the records lack of what living interfaces prove, and whom these prove wrong.

    An owner whose own interface lives is never displaced: of two interfaces with one address the recorded one has it.
    """
    by_index = {macvlan.index_of(each.owner.container_id, each.owner.ifname): each for each, _ in recorded}
    alive = list(living)
    proven = {by_index[each.link.index].owner for each in alive if each.link.index in by_index}
    holders = {(each.owner.network, address): each.owner for each, leased in recorded for address in leased}
    found = []
    for child in alive:
        known = by_index.get(child.link.index)
        attachment = replace(known, boot_id=boot_id()) if known else _attachment(child, plugins)
        if attachment.ipam != POOL or attachment.executed:
            if known != attachment:
                found.append(Adoption(attachment, ()))
            continue
        places = {address: (attachment.owner.network, address) for address in _addresses(child)}
        others = {holders[place] for place in places.values() if place in holders} - {attachment.owner}
        missing = tuple(
            address
            for address, place in places.items()
            if holders.get(place) != attachment.owner and holders.get(place) not in proven
        )
        if missing or known != attachment:
            found.append(Adoption(attachment, missing, tuple(others - proven)))
            holders |= {places[address]: attachment.owner for address in missing}
            proven.add(attachment.owner)
    return found


def _addresses(child: Child) -> list[IPAddress]:
    """The interface's addresses but those that the kernel gives to each."""
    found = [IPNetwork(each).ip for each in child.addresses]
    return [each for each in found if not each.is_link_local()]


def _attachment(child: Child, plugins: Iterable[Plugin]) -> Attachment:
    """The record of an interface of which nothing is recorded, as its ADD would have made it."""
    network, container_id = child.owner
    names = (child.link.name, *USUAL)
    fitting = (each for each in names if macvlan.index_of(container_id, each) == child.link.index)
    ipam = next((each for each in plugins if each.name == network), None)
    ipam_type = ipam.ipam_type if ipam else POOL
    return Attachment(
        owner=Owner(network, container_id, next(fitting, child.link.name)),
        netns=child.home.path,
        netns_id=child.home.identity,
        device=macvlan.KIND,
        ipam=ipam_type,
        ipam_dir=_data_dir(ipam) if ipam and ipam_type in BUILT_IN else "",
        boot_id=boot_id(),
        created=int(time.time()),
        serial=int.from_bytes(os.urandom(7)),
    )


def _data_dir(plugin: Plugin) -> str:
    return next((pool.data_dir for pool in pools_of([plugin], [])), "")
