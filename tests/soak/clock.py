"""The time of day as plugins and agent see it, which jumps while they run: clock.c is preloaded into them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("clock.c")
WEEK: Final = 7 * 86_400


class Clock:
    """A clock with its files in a directory; it is right until its first jump."""

    def __init__(self, directory: Path) -> None:
        self._offset = directory / "clock"
        self._offset.write_bytes(bytes(8))
        library = directory / "clock.so"
        subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        self.environment = {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(self._offset)}
        """What a process has to have in its environment."""

    def jump(self, place: float) -> None:
        """Be as far off as ``place``, 0 to 1, says: up to a week in either direction."""
        seconds = round((2 * place - 1) * WEEK)
        with self._offset.open("r+b", buffering=0) as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
