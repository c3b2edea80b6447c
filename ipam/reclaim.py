"""Freeing what recorded attachments hold by their records alone, for GC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipam import pool

if TYPE_CHECKING:
    from ipam.lease import Attachment, Owner
    from ipam.store.sqlite import SqliteStore


def is_current(store: SqliteStore, attachment: Attachment) -> bool:
    """Tell whether the record is still this one: its owner may have been attached anew since it was read."""
    with store.transaction(attachment.owner.network) as tx:
        return tx.attachment(attachment.owner) == attachment


def reclaim(store: SqliteStore, attachment: Attachment) -> bool:
    """Free the addresses that we gave to the attachment and forget it, or tell that it is not current.

    What another's IPAM plugin gave is handed back before. An ADD that comes meanwhile waits, records itself, and gets
    what was freed here, but nothing of what it was given is freed.
    """
    owner = attachment.owner
    with store.transaction(owner.network) as tx:
        if tx.attachment(owner) != attachment:
            return False
        if attachment.ipam_dir:
            _free_files(owner, attachment.ipam_dir)
        tx.forget(owner)
    return True


def reclaim_from(store: SqliteStore, owner: Owner, directory: str) -> None:
    """Free what another main plugin had us give the owner, where its record says, else in this host-local directory.

    A record with a device is that of a main plugin of ours, which may have an interface with what it leads to: it sees
    to that itself.
    """
    with store.transaction(owner.network) as tx:
        known = tx.attachment(owner)
        stays = known is not None and known.device != ""
        if known is not None and not stays:
            directory = known.ipam_dir
        if not (stays or directory):
            tx.forget(owner)
    if not directory or (known is not None and stays and known.ipam_dir == directory):
        return
    _free_files(owner, directory)
    if not stays:
        with store.transaction(owner.network) as tx:
            tx.forget(owner)


def _free_files(owner: Owner, directory: str) -> None:
    from ipam.store.files import FilesStore  # noqa: PLC0415 - no need of it for the other stores

    with FilesStore(directory).transaction(owner.network) as files:
        pool.release(files, owner)
