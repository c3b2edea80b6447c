"""What a test run makes once: its workers are processes, and each would make its own."""

from __future__ import annotations

import fcntl
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

SECONDS = 250.0
"""More than the making of most things takes on a busy machine, and less than a test may take."""


def once(factory: pytest.TempPathFactory, worker_id: str, name: str, make: Callable[[Path], object]) -> Path:
    """A directory of the run that ``make`` has filled: whoever comes first makes it, and all others wait for that."""
    own = factory.getbasetemp()
    place = (own if worker_id == "master" else own.parent) / name
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            begun = place.with_suffix(".begun")
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            make(begun)
            begun.rename(place)
    return place
