"""What a lease database would be, rebuilt from what is left of it or from a copy, and from the living interfaces."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conf.errors import StoreFailure
from console.survey.proofs import lacking, marked
from ipam.regular import read_regular
from ipam.store import salvage
from ipam.store.sqlite_errors import RESCUE
from ipam.store.view import SqliteView
from ipam.store.witness import Seen, Witness
from plugin.node import boot_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from console.configs.networks import Plugin
    from console.survey.holdings import Recorded
    from ipam.lease import Owner
    from ipam.store.replacement import Adoption


@dataclass(frozen=True)
class Rebuilt:
    """``trouble`` is what is wrong with the present database, "" if it is sound; ``origin`` what the new one is from.

    ``recorded`` is what ``content``, the present database or else the copy, has; ``adoptions`` what it lacks.
    """

    trouble: str
    origin: str
    content: bytes
    recorded: Sequence[Recorded]
    adoptions: Sequence[Adoption]


def from_what_is_left(state_dir: str, plugins: Sequence[Plugin], network: str) -> Rebuilt:
    """The present database, or of a damaged one the newest sound state.

    Raises StoreTooNew, TryAgain, and StoreFailure for a database that is merely out of reach.
    """
    trouble, recorded = _present(state_dir)
    if not trouble:
        return Rebuilt("", "the present database", b"", recorded, lacking(recorded, marked(network), plugins))
    with _scratch() as directory:
        nothing = Seen("", 0, holds=False)
        path, scratch = os.path.join(state_dir, "leases.db"), os.path.join(directory, "try")
        try:
            with closing(Witness(state_dir, boot_id())) as witness:
                seen = witness.seen() or nothing
            best = salvage.best_of(path, scratch, nothing, seen.generation)
        except OSError as error:
            raise StoreFailure(f"{error}; what is in it can only be rescued once it can be read", "") from error
        recorded = _recorded(best.content, directory)
    return Rebuilt(trouble, best.origin, best.content, recorded, lacking(recorded, marked(network), plugins))


def from_copy(file: str, state_dir: str, plugins: Sequence[Plugin], network: str) -> tuple[Rebuilt, Sequence[Recorded]]:
    """A copy, and what the present database has recorded. Raises StoreFailure for what is no sound copy."""
    trouble, present = _present(state_dir)
    try:
        content = read_regular(file, salvage.LARGEST)
    except OSError as error:
        raise StoreFailure(f"{file}: cannot be read: {error}; name what leases backup has written", "") from error
    with _scratch() as directory:
        if salvage.state_of(content, os.path.join(directory, "try")) is None:
            raise StoreFailure(f"{file}: it is no sound lease database; name what leases backup has written", "")
        recorded = _recorded(content, directory)
    return Rebuilt(trouble, file, content, recorded, lacking(recorded, marked(network), plugins)), present


def _present(state_dir: str) -> tuple[str, Sequence[Recorded]]:
    """What a rescue is to mend in the present database, or what it has recorded."""
    view = SqliteView(state_dir, boot_id())
    try:
        damage = view.damage()
        return damage, [] if damage else view.holdings()
    except StoreFailure as error:
        found, cure, _ = error.msg.partition(f"; {RESCUE.partition(':')[0]}")
        if not cure:
            raise
        return found, []


def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cni-macvlan-py-")


def _recorded(content: bytes, directory: str) -> Sequence[Recorded]:
    if not content:
        return []
    salvage.write_plain(content, os.path.join(directory, "leases.db"))
    return SqliteView(directory, boot_id()).holdings()


def robbed(rebuilt: Rebuilt, present: Sequence[Recorded]) -> list[Owner]:
    """Who is recorded now, of this boot, and would not be any more, or would lose an address."""
    kept = {known.owner: set(leased) for known, leased in rebuilt.recorded}
    for each in rebuilt.adoptions:
        for owner in each.displaced:
            kept.pop(owner, None)
        kept.setdefault(each.attachment.owner, set()).update(each.addresses)
    return [
        known.owner
        for known, leased in present
        if known.boot_id == boot_id() and not (known.owner in kept and kept[known.owner].issuperset(leased))
    ]
