"""What is made once: the workers of a test run are processes, and each would make its own."""

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
    """A directory of the run that ``make`` has filled."""
    own = factory.getbasetemp()
    return made((own if worker_id == "master" else own.parent) / name, make)


def made(place: Path, make: Callable[[Path], object]) -> Path:
    """The directory that ``make`` has filled: whoever comes first makes it, and all others wait for that."""
    begun = place.parent / f"{place.name}.begun"
    with (place.parent / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            make(begun)
            begun.rename(place)
    return place
