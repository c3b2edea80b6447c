"""Freeing what recorded attachments hold by their records alone, for GC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipam import pool

if TYPE_CHECKING:
    from collections.abc import Collection

    from ipam.lease import Attachment, Owner
    from ipam.store.sqlite import SqliteStore


def is_current(store: SqliteStore, attachment: Attachment) -> bool:
    """Tell whether the record is still this one: its owner may have been attached anew since it was read."""
    with store.transaction(attachment.owner.network) as tx:
        return tx.attachment(attachment.owner) == attachment


def reclaim(store: SqliteStore, attachment: Attachment) -> bool:
    """Free the addresses that we gave to the attachment and forget it, or tell that it is not current.

    Those of another's IPAM plugin are freed by that plugin's own GC; here they are only forgotten. An ADD that comes
    meanwhile waits, records itself, and gets what was freed here, but nothing of what it was given is freed.
    """
    owner = attachment.owner
    with store.transaction(owner.network) as tx:
        if tx.attachment(owner) != attachment:
            return False
        if attachment.ipam_dir:
            from ipam.store.files import FilesStore  # noqa: PLC0415 - no need of it for the other stores

            with FilesStore(attachment.ipam_dir).transaction(owner.network) as files:
                pool.release(files, owner)
        tx.forget(owner)
    return True


def forget_invalid(
    store: SqliteStore, network: str, valid: Collection[tuple[str, str]] | None, swept: Collection[Owner] = ()
) -> int:
    """Forget the network's attachments that are none of these (container id, ifname); None: all are valid.

    Returns how many owners these are, together with those ``swept``, and without those of an earlier boot.
    """
    if valid is None:
        return 0
    with store.transaction(network) as tx:
        earlier = {each.owner for each in tx.earlier_boot()}
        owners = [each.owner for each in tx.attachments()]
        invalid = [each for each in owners if (each.container_id, each.ifname) not in valid]
        for owner in invalid:
            tx.forget(owner)
    return len({*invalid, *swept} - earlier)
