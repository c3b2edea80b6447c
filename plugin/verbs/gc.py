"""GC: remove what no valid attachment accounts for (SPEC 1.1, section 2, "GC")."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from conf.errors import CniError, InvalidNamespace, UnknownContainer, collected
from conf.request import read_valid_attachments
from ipam.reclaim import is_current, reclaim
from ipam.resolve import source_for_release
from plugin.link.netns import own_identity
from plugin.verbs import container
from plugin.verbs.delete import collecting

if TYPE_CHECKING:
    from collections.abc import Callable

    from conf.request import Request
    from ipam.lease import Attachment
    from plugin.node import Node

log = logging.getLogger(__name__)


def gc(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Remove stale interfaces where their namespace still exists, then stale leases; go on after errors.

    Without ``cni.dev/valid-attachments`` nothing is known to be stale; a delegate is told all the same, and judges.
    """
    valid = read_valid_attachments(request.document)
    failures: list[CniError] = []
    kept: set[tuple[str, str]] = set()
    found = repaired = 0
    if valid is not None:
        stale: list[Attachment] = []
        with collecting(failures), node.store.transaction(request.network) as tx:
            stale = [a for a in tx.attachments() if (a.owner.container_id, a.owner.ifname) not in valid]
        for attachment in stale:
            is_leak = attachment.boot_id == node.boot_id
            found += is_leak
            with collecting(failures):
                if discard(attachment, node):
                    repaired += is_leak
                    continue
                found -= is_leak
            # A link that stays keeps its address, and so does who was attached anew meanwhile.
            kept.add((attachment.owner.container_id, attachment.owner.ifname))
    with collecting(failures):
        source = source_for_release(request, None, node.means)
        swept = source.sweep(request.network, None if valid is None else valid | kept)
        found, repaired = found + swept, repaired + swept
    tell_leaks(node, found, repaired)
    if failures:
        raise collected(failures)
    deliver(b"")


def tell_leaks(node: Node, found: int, repaired: int) -> None:
    """Tell of what a DEL should have removed; what a reboot leaves behind is in order."""
    if found:
        log.warning("%d attachments or leases were left behind, %d of them are removed", found, repaired)
    node.tell_leaks(found, repaired)


def discard(attachment: Attachment, node: Node) -> bool:
    """Remove a stale attachment, link first and lease second; False if it was recorded anew and is left alone."""
    _remove(attachment, node)
    return reclaim(node.store, attachment)


def _remove(attachment: Attachment, node: Node) -> None:
    """Remove the attachment's interface if its namespace, and what is recorded, is still as it was."""
    if not attachment.device:
        return
    try:
        namespace = node.open_namespace(attachment.netns)
    except (UnknownContainer, InvalidNamespace):
        return  # gone, and the interface with it
    with closing(namespace):
        if namespace.identity == attachment.netns_id != own_identity():
            namespace.lock(node.settings.state_dir)
            if is_current(node.store, attachment):
                container.remove_interface(namespace, attachment.owner, attachment)
