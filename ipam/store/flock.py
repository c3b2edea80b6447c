"""Advisory locks on an open file or directory, waited for no longer than agreed."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from conf.errors import TryAgain
from ipam.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_PAUSE: Final = 0.0005
SHORT_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.25
PART: Final = 20
"""Beyond a short pause none is longer than such a part of the wait before it: a hundred who wait cost little."""
FLOCK: Final = struct.Struct("@hhqqi")  # struct flock: type, whence, start, length, process


def lock(fd: int, wait: float, path: str) -> None:
    """Take the exclusive flock of ``fd``, opened from ``path``; raises TryAgain when ``wait`` seconds have passed.

    Closing the file gives the lock back.
    """
    _await(lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB), wait, f"the lock of {path}")


def lock_byte(fd: int, position: int, wait: float, what: str) -> None:
    """Take one byte of ``fd``, opened for writing, whether the file is so long or not: one file holds many locks.

    The lock is the open file description's (F_OFD_SETLK, Linux 3.15): threads exclude each other, and a process that
    inherits the descriptor keeps it. ``what`` is locked, in messages. Raises TryAgain as ``lock``.
    """
    byte = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, position, 1, 0)
    _await(lambda: fcntl.fcntl(fd, fcntl.F_OFD_SETLK, byte), wait, what)


def _await(attempt: Callable[[], object], wait: float, what: str) -> None:
    """Attempt it again and again, since a lock that is waited for cannot be given a limit without a signal."""
    if _succeeds(attempt):
        return
    began = time.monotonic()
    pause = FIRST_PAUSE
    with waiting():
        while (waited := time.monotonic() - began) < wait:
            time.sleep(min(pause, wait - waited))
            if _succeeds(attempt):
                return
            pause = min(2 * pause, max(waited / PART, SHORT_PAUSE), LONGEST_PAUSE)
    text = f"another process has held {what} for {wait:g} s; call again"
    raise TryAgain(text, "a lock is let go when its holder ends")


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked_directory(path: str, wait: float) -> Iterator[int]:
    """Make the directory if need be, and hold its lock; its descriptor. Raises as ``lock``, and OSError."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lock(directory, wait, path)
        yield directory
    finally:
        os.close(directory)
