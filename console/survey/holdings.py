"""Who holds which address: the leases of every store of the node, and whether their holders are still alive."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from conf.errors import CniError, InvalidNamespace, UnknownContainer
from console.survey.namespaces import everywhere
from ipam.store.view import files_held
from link.netns import open_namespace
from plugin.node import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netaddr import IPAddress

    from ipam.lease import Attachment, Owner

    Recorded = tuple[Attachment, tuple[IPAddress, ...]]
    """An attachment with the addresses that the database leases to it."""
    FilesOf = tuple[tuple[IPAddress, ...], float]
    """An owner's addresses in host-local's directory, and since when the first of them."""


class Fate(Enum):
    """What became of the namespace that an attachment was made in."""

    LIVE = "live"
    EARLIER_BOOT = "earlier boot"
    GONE = "namespace gone"
    UNKNOWN = "unknown"

    @property
    def stale(self) -> bool:
        """Whether nothing can be using the address any more."""
        return self in {Fate.EARLIER_BOOT, Fate.GONE}


@dataclass(frozen=True)
class Holding:
    """What one owner holds in host-local's ``data_dir``, or with "" in the database.

    ``attachment`` is None for a lease of another program, of which only the file tells; ``since`` is in seconds since
    the epoch. A pure layer 2 attachment holds no address.
    """

    owner: Owner
    addresses: tuple[IPAddress, ...]
    data_dir: str
    since: float
    fate: Fate
    attachment: Attachment | None = None

    @property
    def boot(self) -> str:
        """Which boot it is from: "this" or "earlier"; a file of another program was written before it or after."""
        earlier = self.fate is Fate.EARLIER_BOOT if self.attachment else self.since < _booted()
        return "earlier" if earlier else "this"

    @property
    def is_executed(self) -> bool:
        """Whether an IPAM plugin of another was executed for it, which alone knows the addresses."""
        return bool(self.attachment and self.attachment.executed)

    @property
    def pod(self) -> str:
        """As ``Attachment.pod``."""
        return self.attachment.pod if self.attachment else ""


def holdings_of(recorded: Sequence[Recorded], data_dirs: Iterable[str] = ()) -> list[Holding]:
    """Everything that is held, as the database has recorded it, and in the directories that it or the caller names.

    Nothing is changed. Raises StoreFailure for a directory that cannot be read.
    """
    by_file = {(known.ipam_dir, known.owner): known for known, _ in recorded if known.ipam_dir}
    files: dict[tuple[str, Owner], FilesOf] = {}
    for directory in {directory for directory, _ in by_file}.union(filter(None, data_dirs)):
        for address, owner, since in files_held(directory):
            addresses, first = files.get((directory, owner), ((), since))
            files[directory, owner] = (tuple(sorted((*addresses, address))), min(first, since))
    homes = cache(lambda: {each.identity: each.path for each in everywhere()})
    found = []
    for known, leased in recorded:
        held, _ = files.get((known.ipam_dir, known.owner), (leased, 0))
        found.append(Holding(known.owner, held, known.ipam_dir, known.created, _fate(known, homes), known))
    found += [
        Holding(owner, addresses, directory, since, Fate.UNKNOWN)
        for (directory, owner), (addresses, since) in files.items()
        if (directory, owner) not in by_file
    ]
    return sorted(found, key=lambda each: (each.owner.network, each.addresses[:1], each.owner.container_id))


def _fate(attachment: Attachment, homes: Callable[[], dict[str, str]]) -> Fate:
    """What became of the attachment's namespace; nothing outlives a boot. ``homes``: identity to path."""
    if attachment.boot_id != boot_id():
        return Fate.EARLIER_BOOT
    if not attachment.netns:
        return Fate.UNKNOWN
    try:
        with closing(open_namespace(attachment.netns)) as namespace:
            # As IPAM plugin of another we were told the path alone.
            if attachment.netns_id in {"", namespace.identity}:
                return Fate.LIVE
    except (UnknownContainer, InvalidNamespace):
        pass
    except CniError:
        return Fate.UNKNOWN
    # Without its path a namespace lives on by another name, or as long as a process does in it.
    path = homes().get(attachment.netns_id)
    return Fate.LIVE if path and _is_in(path, attachment) else Fate.GONE


def _is_in(path: str, attachment: Attachment) -> bool:
    """Whether the attachment's interface is in the namespace; the identity alone may be another's by now."""
    from link import macvlan  # noqa: PLC0415 - hardly ever needed
    from plugin.verbs import container  # noqa: PLC0415 - as above

    owner = attachment.owner
    with (
        suppress(CniError),
        closing(open_namespace(path)) as namespace,
        namespace.netlink() as inside,
    ):
        link = macvlan.find(inside, owner.container_id, owner.ifname)
        return link is not None and container.is_removable(link, owner, container.of_a_stray(attachment), namespace)
    return False


def _booted() -> float:
    """When this boot began, in seconds since the epoch."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
