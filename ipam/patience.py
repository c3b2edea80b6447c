"""How long all that one call executes, or waits for, may take together."""

from __future__ import annotations

import time
from typing import Final

LEAST_SECONDS: Final = 5.0
"""For an execution: a DEL after an ADD that has used up the time of the call."""


class Patience:
    """So many seconds, which begin with the first execution or wait; ``least`` is what each may take at least."""

    def __init__(self, seconds: float, least: float = LEAST_SECONDS) -> None:
        self.seconds = seconds
        self._least = least
        self._deadline: float | None = None

    def left(self) -> float:
        """How many seconds an execution or wait may take that begins now."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self.seconds
        return max(self._deadline - now, min(self.seconds, self._least))

    @property
    def is_over(self) -> bool:
        """Whether nothing should be begun any more that can wait for another call."""
        return self._deadline is not None and time.monotonic() >= self._deadline
