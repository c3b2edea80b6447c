"""What a lease store is: short exclusive transactions on one network, the same for every kind of store."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netaddr import IPAddress

    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet


class Transaction(Protocol):
    """Exclusive access to one network's leases; leaving the ``with`` normally commits, an exception undoes."""

    def leases(self, owner: Owner) -> list[IPAddress]:
        """Every address that the owner holds in this network, in address order."""

    def holder(self, address: IPAddress) -> Owner | None:
        """Who holds the address, None if it is free."""

    def next_free(self, range_set: RangeSet) -> IPAddress | None:
        """The next address to give from the set in this store's order, None if none is left."""

    def prepare(self) -> None:
        """Make the network's place in the store, if it has none: comes before the first look for an address to give.

        Stores that need no lock on a place that is missing get theirs here. Verbs that give nothing do not call it.
        """

    def reserve(self, address: IPAddress, attachment: Attachment, range_set: RangeSet) -> None:
        """Give the address, which must be free and of the set, to the attachment."""

    def release(self, owner: Owner) -> list[IPAddress]:
        """Free all that the owner holds in this network and return it; nothing held is no error."""

    def owners(self) -> list[Owner]:
        """Every owner that holds an address in this network; ``ifname`` is "" where a store does not know it."""


class Register(Protocol):
    """The attachments of one network, remembered between verbs: what DEL and GC need when they are told nothing."""

    def record(self, attachment: Attachment) -> None:
        """Remember the attachment in place of what was known about its owner; leases stay as they are."""

    def attachment(self, owner: Owner) -> Attachment | None:
        """What is remembered about the owner, None if nothing is."""

    def of_other_networks(self, owner: Owner) -> list[Attachment]:
        """The attachments of the owner's container and interface name that were made for other networks."""

    def attachments(self) -> list[Attachment]:
        """Every attachment of this network, oldest record first."""

    def forget(self, owner: Owner) -> None:
        """Forget the owner, with the addresses that it still holds here; an unknown owner is no error."""

    def note_pools(self, directory: str, range_sets: Sequence[RangeSet]) -> None:
        """Remember the network's range sets for ``usage``; ``directory`` is host-local's, "" for leases here."""

    def earlier_boot(self) -> list[Attachment]:
        """The attachments of this network that another boot of the node left behind."""


class Store(Protocol):
    """A place where leases live, shared by all processes of the node."""

    def transaction(self, network: str) -> AbstractContextManager[Transaction]:
        """Begin an exclusive transaction; raises StoreFailure, StoreTooNew or TryAgain (lock not had in time)."""

    def probe(self, network: str) -> None:
        """Raise the error that the next transaction would raise for reasons that can be seen now (STATUS)."""
