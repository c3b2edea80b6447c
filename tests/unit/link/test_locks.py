"""The node's file of locks: who waits for several of them waits no longer for that."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from conf.errors import TryAgain
from ipam.patience import Patience
from link.locks import take

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 1.0
MANY = 20


def test_one_call_waits_for_all_its_locks_together(tmp_path: Path) -> None:
    """GC of a network asks for the lock of each container that is gone."""
    held = [take(str(tmp_path), number, "a container", Patience(0)) for number in range(MANY)]
    began = time.monotonic()
    patience = Patience(SECONDS, least=0)
    for number in range(MANY):
        with pytest.raises(TryAgain, match="another process has held container"):
            take(str(tmp_path), number, f"container {number}", patience)
    assert SECONDS <= time.monotonic() - began < SECONDS * MANY / 2
    os.close(take(str(tmp_path), MANY, "another", patience))  # which nobody holds
    for descriptor in held:
        os.close(descriptor)


def test_a_lock_is_had_soon_after_it_is_let_go(tmp_path: Path) -> None:
    held = take(str(tmp_path), 1, "a container", Patience(0))
    letting_go = threading.Timer(SECONDS, lambda: os.close(held))
    began = time.monotonic()
    letting_go.start()
    os.close(take(str(tmp_path), 1, "the same", Patience(60)))
    letting_go.join()
    assert time.monotonic() - began >= SECONDS
