"""A bound for log lines that others cause: who is turned away a thousand times does not fill the disk with it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LINES: Final = 60
SECONDS: Final = 60.0


class Sparing(logging.Filter):
    """Lets ``LINES`` of each kind pass in ``SECONDS``; the last of them says so, and the next one how many it misses.

    Lines are of one kind that have the same text, whatever is filled in. The metrics count what is not told.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._count: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written."""
        kind, now = str(record.msg), self._clock()
        with self._lock:
            missing = 0
            if now - self._begun.setdefault(kind, now) >= SECONDS:
                self._begun[kind] = now
                missing = max(self._count.pop(kind, 0) - LINES, 0)
            count = self._count[kind] = self._count.get(kind, 0) + 1
        if missing:
            record.msg = f"{kind} ({missing} more of these before it)"
        elif count == LINES:
            record.msg = f"{kind} (more of these are not told for a while)"
        return count <= LINES
