"""Where an attachment's addresses come from: one interface over the pool, the host-local directory and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from netaddr import IPAddress

    from conf.ipam_config import Route
    from ipam.lease import Assignment, Attachment, Owner
    from ipam.store.files import Mark
    from ipam.store.transaction import SqliteTransaction


class Source(Protocol):
    """One way to serve ``ipam.type``. All but ``acquire`` may be called again without harm.

    ``directory`` is the host-local directory that holds its leases, "" for none. ``passed_on`` are descriptors that a
    process executed for it inherits: the lock of the container's namespace then outlives a caller that is killed.
    ``executed`` tells whether there is such a process; it may look for the interface, and bring it up. ``before_link``
    tells whether it needs the interface to take its addresses back.
    ``routes`` are those that the configuration asks for, None where only the ADD of such a process tells.
    """

    directory: str
    passed_on: tuple[int, ...]
    executed: bool
    before_link: bool
    routes: tuple[Route, ...] | None

    def acquire(self, attachment: Attachment, *, replace: bool, over: Attachment | None = None) -> Assignment:
        """Record the attachment and give it addresses, as far as that is possible before there is an interface.

        ``replace`` frees first what the owner holds here. Raises HeldElsewhere for a record that leads elsewhere and is
        not the one that it may be put ``over``. Leaves nothing behind when it raises.
        """

    def complete(self, assignment: Assignment) -> Assignment:
        """Give what can only be given to an interface; where it raises, ``release`` frees what was given."""

    def hand_back(self, owner: Owner) -> bool:
        """Free what the owner holds outside of the database, and tell whether nothing is held there any more.

        ``release`` does not try it once more where that failed.
        """

    def release(self, owner: Owner) -> None:
        """Free all that the owner holds and forget it."""

    def check(self, owner: Owner, addresses: Sequence[IPAddress]) -> None:
        """Raise CheckFailure unless the owner still holds these addresses."""

    def status(self, network: str) -> None:
        """Raise Unavailable or PoolExhausted where the next ``acquire`` would fail."""

    def held(self, network: str) -> Mapping[str, Mark]:
        """What is held outside of the database now, each lease with what tells it from a later one of its address."""

    def sweep(self, network: str, valid: Collection[tuple[str, str]] | None, held: Mapping[str, Mark]) -> int:
        """Free what was ``held`` and still is, by none of these (container id, ifname); None: nothing is invalid.

        Attachments that are recorded are not its business. Returns how many owners were found that way.
        """


class HeldElsewhere(Exception):
    """The ``former`` record of the attachment leads to what only another source can free, before it is replaced."""

    def __init__(self, former: Attachment) -> None:
        super().__init__(former)
        self.former = former


def take_over(
    tx: SqliteTransaction, attachment: Attachment, *, replace: bool, over: Attachment | None
) -> Attachment | None:
    """Record the attachment in place of its former record, which is returned. Raises HeldElsewhere.

    As IPAM plugin of another main plugin, without a device, we leave the record of one of ours as it is.
    """
    former = tx.attachment(attachment.owner)
    if former is not None:
        if former.device and not attachment.device:
            return former
        if former != over and _leads_elsewhere(former, attachment):
            raise HeldElsewhere(former)
        if replace:
            tx.release(attachment.owner)
    tx.record(attachment)
    return former


def _leads_elsewhere(former: Attachment, anew: Attachment) -> bool:
    """Whether a record leads to what the new one does not: another namespace, where the interface may be, or directory.

    To an executed plugin in any case: it may hold what an ADD that was killed got, or a DEL that was did not give back.
    """
    is_there = former.device != "" and former.netns_id != anew.netns_id
    return is_there or former.executed or former.ipam_dir not in {"", anew.ipam_dir}
