"""The policy of the pool: who gets which address, on whichever store, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.errors import AddressUnavailable, CheckFailure, PoolExhausted
from ipam.lease import AssignedAddress
from ipam.ranges import canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from netaddr import IPAddress

    from ipam.lease import Attachment, Owner
    from ipam.ranges import RangeSet
    from ipam.store import Register, Transaction


def acquire(
    tx: Transaction,
    attachment: Attachment,
    range_sets: Sequence[RangeSet],
    requested: Sequence[IPAddress] = (),
    *,
    replace: bool,
) -> tuple[AssignedAddress, ...]:
    """Give the attachment one address of each range set: the requested one that lies in it, else the next free one.

    With ``replace`` the owner's earlier addresses are freed first: an ADD that was killed half-way is repaired by the
    next one. Raises PoolExhausted or AddressUnavailable; let these leave the transaction, which then undoes it all.
    """
    wishes = _wishes(range_sets, requested)
    tx.prepare()
    if replace:
        tx.release(attachment.owner)
    held = tx.leases(attachment.owner)
    chosen = []
    for range_set, wish in zip(range_sets, wishes, strict=True):
        granted = None if wish is None else _as_wished(tx, range_set, wish)
        _refuse_second(range_set, held, attachment.owner)
        chosen.append((range_set, _next(tx, range_set) if granted is None else granted))
    # Chosen completely before the first is given: what policy refuses leaves no trace even in the store's journal.
    for range_set, address in chosen:
        tx.reserve(address, attachment, range_set)
    return tuple(AssignedAddress(sets.network_of(address), sets.gateway_of(address)) for sets, address in chosen)


def release(tx: Transaction, owner: Owner) -> list[IPAddress]:
    """Free what the owner holds and return it; nothing held is no error."""
    return tx.release(owner)


def check(tx: Transaction, owner: Owner, addresses: Sequence[IPAddress]) -> None:
    """Raise CheckFailure unless the owner holds an address, and all of these."""
    held = tx.leases(owner)
    missing = [canonical(each) for each in addresses if each not in held]
    if missing or not held:
        holds = ", ".join(map(canonical, held)) or "none"
        wanted = ", ".join(missing) or "any"
        text = f"host-local: Failed to find address added by container {owner.container_id}"
        cure = "delete and add the attachment again"
        raise CheckFailure(f"{text}; {cure}", f"{owner.ifname} should hold {wanted} and holds {holds}")


def sweep(tx: Transaction, valid: Collection[tuple[str, str]]) -> list[Owner]:
    """Free the addresses of every owner whose ``(container_id, ifname)`` is not valid, and return these owners.

    An owner of unknown ifname (host-local's older format) stays as long as its container has any valid attachment.
    """
    containers = {container_id for container_id, _ in valid}

    def stays(owner: Owner) -> bool:
        return (owner.container_id, owner.ifname) in valid or (not owner.ifname and owner.container_id in containers)

    stale = [owner for owner in tx.owners() if not stays(owner)]
    for owner in stale:
        tx.release(owner)
    return stale


def void_earlier_boot(register: Register, tx: Transaction, ipam_dir: str = "") -> list[Attachment]:
    """Free and forget what an earlier boot left in this store, and return it: those containers are gone.

    ``ipam_dir`` is the host-local directory that ``tx`` works on, "" for the database: attachments whose addresses
    are in another place stay, those of executed IPAM plugins among them, which may keep theirs through a reboot.
    """
    gone = [each for each in register.earlier_boot() if each.ipam_dir == ipam_dir and not each.executed]
    for each in gone:
        tx.release(each.owner)
        register.forget(each.owner)
    return gone


def _wishes(range_sets: Sequence[RangeSet], requested: Sequence[IPAddress]) -> list[IPAddress | None]:
    """Return the requested address of each set, the first that lies in it; every address must find a set."""
    left = list(dict.fromkeys(requested))
    wishes: list[IPAddress | None] = []
    for range_set in range_sets:
        wish = next((each for each in left if each in range_set), None)
        wishes.append(wish)
        if wish is not None:
            left.remove(wish)
    if left:
        text = f"failed to allocate all requested IPs: {' '.join(map(canonical, left))}"
        ranges = " and ".join(each.key for each in range_sets)
        outside = [each for each in left if not any(each in range_set for range_set in range_sets)]
        reason = f"{' and '.join(map(canonical, outside))} in none of the ranges: request an address from {ranges}"
        too_many = "request at most one address from each range set"
        raise AddressUnavailable(f"{text}; {reason if outside else too_many}", f"the sets are {ranges}")
    return wishes


def _next(tx: Transaction, range_set: RangeSet) -> IPAddress:
    address = tx.next_free(range_set)
    if address is None:
        text = f"no IP addresses available in range set: {range_set.key}"
        cure = "widen the ranges, or let GC free what no container uses"
        raise PoolExhausted(f"{_at(range_set)}: {text}; {cure}", f"addresses held: {range_set.capacity}, all there are")
    return address


def _as_wished(tx: Transaction, range_set: RangeSet, wish: IPAddress) -> IPAddress:
    if wish.value in range_set.gateways:
        text = f"requested ip {canonical(wish)} is subnet's gateway; request another"
        raise AddressUnavailable(f"{_at(range_set)}: {text}", f"the range set is {range_set.key}")
    holder = tx.holder(wish)
    if holder is not None or not range_set.gives(wish):
        reason = f"{holder.container_id} {holder.ifname} holds it" if holder else "it is excluded"
        text = f"requested IP address {canonical(wish)} is not available in range set {range_set.key}"
        raise AddressUnavailable(f"{_at(range_set)}: {text}; {reason}, request another", f"for {canonical(wish)}")
    return wish


def _refuse_second(range_set: RangeSet, held: Sequence[IPAddress], owner: Owner) -> None:
    for address in held:
        if address in range_set:
            text = f"{canonical(address)} has been allocated to {owner.container_id}"
            cure = f"duplicate allocation is not allowed; DEL {owner.ifname} first"
            raise AddressUnavailable(f"{_at(range_set)}: {text}, {cure}", f"{owner.ifname} holds an address of the set")


def _at(range_set: RangeSet) -> str:
    return f"failed to allocate for range {range_set.index}"
