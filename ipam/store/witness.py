"""What was last seen of a lease database, kept apart from it: by that a lost or older one is told from a new one.

A file for each state directory in ``/run``, whose content ends with the boot as interfaces do; where that cannot be
written, beside the database. It has two records of a fixed size, each written in one piece and never synced: the
state after the last transaction, and the database's file as it was when it was last known to be sound. Both are lower
bounds: a process that is killed before it writes one leaves the one before, by which nothing sound is refused.
"""

from __future__ import annotations

import errno
import os
from binascii import crc32
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

DIRECTORY: Final = "/run/cni-macvlan-py"
PREFIX: Final = "store"
BESIDE: Final = "leases.db-seen"
RECORD: Final = 256
"""Bytes of one record: a checksum, the boot's id, and at most four values."""
EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
"""Refusals that say nothing of whether there is a file."""


@dataclass(frozen=True)
class Seen:
    """The database after a transaction: its generation, that transaction's number, whether anything was attached."""

    generation: str
    number: int
    holds: bool


class Witness:
    """The file of one state directory; records of another boot count for nothing.

    What cannot be written is not kept: no call fails because of it. A file that may not be read was not seen, but
    where the system is out of descriptors or memory reading raises OSError.
    """

    def __init__(self, state_dir: str, boot_id: str) -> None:
        self._state_dir = state_dir
        self._boot_id = boot_id
        self._fd: int | None = None
        self._noted: tuple[bytes, Seen] | None = None  # the record that was written here last, and what it says

    def seen(self) -> Seen | None:
        """The state after the last transaction, None if none was seen in this boot."""
        generation, number, holds = self._read(0, 3) or ("", "", "")
        return Seen(generation, int(number), holds == "1") if number else None

    def note(self, seen: Seen) -> None:
        """Remember the state, which is committed, unless another process has noted a later one meanwhile.

        A later one that was empty hides nothing: an older copy may have its place by right.
        """
        with suppress(OSError):
            # Mostly nobody has written since we did: then it need not be understood.
            ours = self._noted if self._noted and self._bytes(0) == self._noted[0] else None
            before = ours[1] if ours else self.seen()
            is_late = before and before.generation == seen.generation and before.number > seen.number
            if not (before and before.holds and is_late):
                self._noted = self._write(0, seen.generation, str(seen.number), str(int(seen.holds))), seen

    def trusts(self, status: os.stat_result) -> bool:
        """Whether the file is as it was when ``trust`` was told of it: whoever writes to a file changes its times."""
        return self._read(1, 4) == _stamp(status)

    def trust(self, status: os.stat_result) -> None:
        """Remember that the database's file is sound as it is."""
        with suppress(OSError):
            self._write(1, *_stamp(status))

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __del__(self) -> None:
        """Let go of the file, as SQLite does of the database's: an agent drops stores that it has no use for."""
        self.close()

    def _read(self, position: int, count: int) -> list[str] | None:
        try:
            record = self._bytes(position).decode()
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return None
        except UnicodeDecodeError:
            return None
        checksum, _, rest = record.strip().partition("|")
        boot_id, *values = rest.split("|")
        return values if (checksum, boot_id, len(values)) == (_checksum(rest), self._boot_id, count) else None

    def _bytes(self, position: int) -> bytes:
        if self._fd is None:
            self._fd = self._opened(0)
        return os.pread(self._fd, RECORD, position * RECORD)

    def _write(self, position: int, *values: str) -> bytes:
        """Write a record and return its bytes."""
        if self._fd is None:
            self._fd = self._opened(os.O_CREAT)
        rest = "|".join((self._boot_id, *values))
        record = f"{_checksum(rest)}|{rest}".ljust(RECORD - 1).encode() + b"\n"
        os.pwrite(self._fd, record, position * RECORD)
        return record

    def _opened(self, how: int) -> int:
        """Open the file in ``/run``, or else the one beside the database. Raises OSError."""
        how |= os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            if how & os.O_CREAT:
                os.makedirs(DIRECTORY, mode=0o755, exist_ok=True)
            return os.open(place_of(self._state_dir), how, 0o600)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            return os.open(_beside(self._state_dir), how, 0o600)


def place_of(state_dir: str) -> str:
    """The file in ``/run`` of a state directory, whichever symbolic links lead to that."""
    name = os.path.realpath(state_dir).replace("%", "%25").replace("/", "%2f")
    return os.path.join(DIRECTORY, PREFIX + name)


def forget(state_dir: str) -> None:
    """Remove what was seen of a directory that is to begin anew, or is gone for good."""
    for path in (place_of(state_dir), _beside(state_dir)):
        with suppress(OSError):
            os.unlink(path)


def forget_all(directory: str) -> list[str]:
    """Remove what was seen of all state directories from a node's ``/run/cni-macvlan-py``; returns the files."""
    if not os.path.isdir(directory):
        return []
    found = sorted(each.path for each in os.scandir(directory) if each.name.startswith(PREFIX))
    for path in found:
        os.unlink(path)
    return found


def _beside(state_dir: str) -> str:
    return os.path.join(state_dir, BESIDE)


def _stamp(status: os.stat_result) -> list[str]:
    return [str(each) for each in (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)]


def _checksum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
