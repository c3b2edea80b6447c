"""That a network has no free address: told when it begins, by whatever process, and not each time that it is seen."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

DIRECTORY: Final = "exhausted"
"""In the state directory: an empty file for each network of which it was told."""


def begins(state_dir: str, network: str) -> bool:
    """Whether nobody was told yet, as far as is known; from now on somebody is."""
    path = os.path.join(state_dir, DIRECTORY, network)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except OSError:  # told too often rather than never
        return True
    return True


def ends(state_dir: str, network: str) -> None:
    """The network has a free address: the next time that it has none is news."""
    with suppress(OSError):
        os.unlink(os.path.join(state_dir, DIRECTORY, network))
