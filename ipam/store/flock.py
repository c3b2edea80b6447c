"""An advisory lock on an open file or directory, waited for no longer than agreed."""

from __future__ import annotations

import fcntl
import time
from typing import Final

from conf.errors import TryAgain

FIRST_PAUSE: Final = 0.0005
LONGEST_PAUSE: Final = 0.01


def lock(fd: int, wait: float, path: str) -> None:
    """Take the exclusive flock of ``fd``, opened from ``path``; raises TryAgain when ``wait`` seconds have passed.

    Polled, since a blocking flock cannot be given a limit without a signal. Closing the file gives the lock back.
    """
    deadline = time.monotonic() + wait
    pause = FIRST_PAUSE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                text = f"another process has held the lock of {path} for {wait:g} s; call again"
                raise TryAgain(text, "the lock is a flock(2), let go when its holder ends") from None
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
