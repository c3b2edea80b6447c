"""Short runs of the soak: nothing grows, and agents that die leave nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.soak import Soak

if TYPE_CHECKING:
    from pathlib import Path

GROWTH = 12288  # KiB that 225 cycles may cost at the beginning: each thread's allocator and SQLite's cache fill up


def test_nothing_grows(tmp_path: Path) -> None:
    """Descriptors and threads of an agent after 300 cycles are those of a fresh one; its memory stays what it was."""
    figures = Soak(tmp_path, cycles=300, parallel=4, kill_every=0).run()
    early, late = figures.memory
    assert figures.disturbed == 0
    assert late - early < GROWTH, figures


def test_agents_killed_and_replaced(tmp_path: Path) -> None:
    figures = Soak(tmp_path, cycles=150, parallel=8, kill_every=0.1).run()
    assert figures.killed + figures.replaced >= 2, figures
