"""The node's file of locks: a byte of it for each container, which no process in a container can take."""

from __future__ import annotations

import errno
import os
from typing import Final

from conf.errors import StoreFailure, TryAgain
from ipam.patience import Patience
from ipam.regular import open_regular
from ipam.store.flock import lock_byte

LOCK_FILE: Final = "netns.lock"
LOCK_SECONDS: Final = 60.0
SHORT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""What the kernel answers where there is too little of something: another call may have had enough, and the lock."""


def patience() -> Patience:
    """How long one call may wait for all its locks together."""
    return Patience(LOCK_SECONDS, least=0)


def take(state_dir: str, number: int, what: str, patience: Patience) -> int:
    """Wait until nobody else has the byte of this number; closing the descriptor gives it back. ``what`` it locks.

    Raises TryAgain, or StoreFailure where there can be no such file.
    """
    path = os.path.join(state_dir, LOCK_FILE)
    try:
        descriptor = _open(path)
    except OSError as error:
        from ipam.store.privilege import cure_of_refusal  # noqa: PLC0415 - for a failure alone

        reason = f"{path}: {error.strerror}"
        details = "calls for one container are kept apart by locks of this file"
        if error.errno in SHORT:
            raise TryAgain(f"{reason}; call again, with more of these to spare", details) from error
        cure = cure_of_refusal(error, 'let root write there, or name another "state_dir" in the settings')
        raise StoreFailure(f"{reason}; {cure}", details) from error
    try:
        lock_byte(descriptor, number, patience.left(), what)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: str) -> int:
    how = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        return open_regular(path, how)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return open_regular(path, how)
