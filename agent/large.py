"""Calls with much to read: they take turns, and what they took of memory is given back before the next."""

from __future__ import annotations

import ctypes
import gc
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from conf.errors import TryAgain
from ipam.waiting import waiting

if TYPE_CHECKING:
    from contextlib import ExitStack

LARGE: Final = 1 << 16
"""Bytes of stdin; a network's configuration has some hundred, GC's list a hundred for each attachment."""
TURN_SECONDS: Final = 60.0
M_MMAP_THRESHOLD: Final = -3  # malloc.h
M_ARENA_MAX: Final = -8
LARGE_BLOCK: Final = 1 << 17

_turn = threading.Lock()


def be_sparing() -> None:
    """Have the C library give large blocks back when they are free, before there are threads.

    Left to itself glibc keeps, for each thread that was ever given a large call, as much as that took (mallopt(3)).
    """
    with suppress(AttributeError):  # other libraries have no such thing, and keep less
        set_option = ctypes.CDLL(None).mallopt
        set_option(M_ARENA_MAX, 1)
        set_option(M_MMAP_THRESHOLD, LARGE_BLOCK)


def take_turn(size: int, turn: ExitStack) -> None:
    """Wait until no other large call is at work, if a call with so many bytes is one; ``turn`` ends with the call.

    The largest take tens of megabytes each while they are understood. Raises TryAgain.
    """
    if size <= LARGE:
        return
    with waiting():
        is_ours = _turn.acquire(timeout=TURN_SECONDS)
    if not is_ours:
        text = f"other calls with more than {LARGE} bytes on stdin have been at work for {TURN_SECONDS:.0f} s"
        raise TryAgain(f"{text}; call again", f"they take turns; this one has {size}")
    turn.callback(_end)


def _end() -> None:
    gc.collect()  # a failure's traceback holds the whole document, in a circle that is not looked for often
    _turn.release()
