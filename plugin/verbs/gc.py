"""GC: remove what no valid attachment accounts for (SPEC 1.1, section 2, "GC")."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import CniError, InvalidNamespace, TryAgain, UnknownContainer, collected
from conf.request import read_valid_attachments
from ipam.reclaim import is_current, reclaim
from ipam.resolve import source_for_release, source_of_record
from link.netns import own_identity
from plugin.verbs import container
from plugin.verbs.detach import collecting, detach, worth_telling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from conf.document import Document
    from conf.environment import Environment
    from conf.request import Request
    from ipam.lease import Attachment
    from ipam.resolve import Means
    from ipam.source import Source
    from ipam.store.files import Mark
    from link.netns import Namespace
    from plugin.node import Node

log = logging.getLogger(__name__)


def gc(request: Request, node: Node, deliver: Callable[[bytes], None]) -> None:
    """Remove stale interfaces where their namespace still exists, then stale leases; go on after errors.

    Nothing goes but what a first look sees and what has not changed since: another runtime may attach meanwhile.
    Without ``cni.dev/valid-attachments`` nothing is known to be stale; a delegate is told all the same, and judges.
    """
    valid = read_valid_attachments(request.document)
    failures: list[CniError] = []
    kept: set[tuple[str, str]] = set()
    found = repaired = 0
    asked = Asked(request.environment, request.document, node.means)
    places: list[tuple[Source, Mapping[str, Mark]]] = []
    stale: list[Attachment] = []
    with collecting(failures):
        source = source_for_release(request, None, asked.means)
        places.append((source, source.held(request.network)))  # before the records: an ADD writes its record first
    try:
        stale = stale_of(request.network, valid, node)
    except CniError as error:
        failures.append(error)
        places.clear()
    for attachment in stale:
        is_leak = attachment.boot_id == node.boot_id
        was_removed = _try(attachment, node, asked, failures)
        if was_removed is not None:
            found, repaired = found + is_leak, repaired + (is_leak & was_removed)
        if not was_removed:  # a link that stays keeps its address, and so does who was attached anew meanwhile
            kept.add((attachment.owner.container_id, attachment.owner.ifname))
    for source, held in places:
        with collecting(failures):
            swept = source.sweep(request.network, None if valid is None else valid | kept, held)
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


@dataclass(frozen=True)
class Asked:
    """What a recorded IPAM plugin is asked with, beside what it was told at ADD: ipam/delegation.py says how."""

    environment: Environment
    document: Document | None
    means: Means


def discard(attachment: Attachment, node: Node, asked: Asked, left: list[CniError] | None = None) -> bool:
    """Remove a stale attachment, link first and lease second; False if it was recorded anew and is left alone.

    With ``left`` it is forgotten even where its IPAM plugin cannot free its addresses: the list gets why. Raises
    CniError.
    """
    owner = attachment.owner
    failures: list[CniError] = []
    is_gone = is_free = False
    with _home(attachment, node, asked) as (namespace, known):
        if (namespace is not None or attachment.executed) and not is_current(node.store, attachment):
            return False

        def remove() -> None:
            nonlocal is_gone
            if namespace is not None:
                container.remove_interface(namespace, owner, known)
            is_gone = True

        def release(source: Source) -> None:
            nonlocal is_free
            is_free = not attachment.executed or source.hand_back(owner)

        detach(
            lambda: source_of_record(attachment, asked.environment, asked.document, asked.means),
            owner, remove, failures, release,
        )  # fmt: skip
        if is_free or (is_gone and left is not None):
            if left is not None:
                left += failures
            return reclaim(node.store, attachment)
    raise collected(failures)


@contextmanager
def _home(attachment: Attachment, node: Node, asked: Asked) -> Iterator[tuple[Namespace | None, Attachment]]:
    """The attachment's namespace, locked, and the record that goes with it; None if it is gone, with the interface.

    Raises InvalidNamespace for the caller's own, in which nothing is removed: what is attached there stays, all of it.
    """
    found: Namespace | None = None
    known = attachment
    with ExitStack() as stack:
        if attachment.device and attachment.netns:
            with suppress(UnknownContainer, InvalidNamespace):
                namespace = stack.enter_context(closing(node.open_namespace(attachment.netns)))
                if namespace.identity == attachment.netns_id:
                    found = namespace
        if found is not None and found.identity == own_identity() and attachment.boot_id != node.boot_id:
            found = None  # after a reboot another namespace has the number
        elif found is None and (strayed := container.stray(attachment, node)):
            found, known = stack.enter_context(closing(strayed)), container.of_a_stray(attachment)
        if found is not None:
            container.require_foreign(found, asked.environment)
            node.lock(found)
        yield found, known


def stale_of(network: str, valid: Collection[tuple[str, str]] | None, node: Node) -> list[Attachment]:
    """What is recorded and not valid."""
    if valid is None:
        return []
    with node.store.transaction(network) as tx:
        return [each for each in tx.attachments() if (each.owner.container_id, each.owner.ifname) not in valid]


def _try(attachment: Attachment, node: Node, asked: Asked, failures: list[CniError]) -> bool | None:
    """Discard a stale attachment: None if it was recorded anew meanwhile, False if that did not succeed."""
    owner, patience = attachment.owner, asked.means.patience
    found: list[CniError] = []
    with collecting(found):
        if attachment.executed and patience.is_over:
            text = f"no time is left to free the addresses of {owner.container_id} {owner.ifname}; call GC again"
            raise TryAgain(text, f'"delegate_timeout" is {patience.seconds:g} s')
        return discard(attachment, node, asked) or None
    failures += worth_telling(found, owner)
    return False
