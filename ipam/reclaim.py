"""Freeing what a recorded attachment holds by its record alone, when nothing else is left to go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipam import pool

if TYPE_CHECKING:
    from ipam.lease import Attachment
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
