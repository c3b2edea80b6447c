"""What tells a database that lost something from a sound one, before anything is given from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipam.store import history
from ipam.store.soundness import unsound

if TYPE_CHECKING:
    import os
    from sqlite3 import Connection

    from ipam.store.witness import Seen, Witness


class Guard:
    """The guard of one state directory, which asks and tells its ``witness``."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self._sound: tuple[int, ...] = ()

    def is_missed(self) -> bool:
        """Whether a database that is not there, or has nothing in it, had attachments in this boot."""
        seen = self.witness.seen()
        return seen is not None and seen.holds

    def loss(self, connection: Connection) -> str:
        """What the database lacks of what was seen of it in this boot, "" for nothing."""
        seen = self.witness.seen()  # first: what is committed between the two looks is no loss
        return lost(seen, history.state(connection)) if seen else ""

    def damage(self, connection: Connection, status: os.stat_result) -> str:
        """What is wrong in a database whose file has this status, "" for nothing: it is read once for each."""
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if stamp == self._sound:
            return ""
        if not self.witness.trusts(status):
            if found := unsound(connection):
                return found
            self.witness.trust(status)
        self._sound = stamp
        return ""


def lost(seen: Seen, found: Seen) -> str:
    """What is lost between two states of a database, "" for nothing; of one that was empty nothing can be."""
    if not seen.holds:
        return ""
    if found.generation != seen.generation:
        return "it is another one than that which had leases before"
    if found.number < seen.number:
        return f"its last {seen.number - found.number} changes are lost: its log is damaged, or it is an older copy"
    return ""
