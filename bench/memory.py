"""What an agent holds in memory after many attachments: it lives as long as the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.burst import burst
from bench.figures import LAUNCHER, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.contenders import Seat

MIB = 1 << 20


def measure(seat: Seat, containers: Sequence[Path], attachments: int, tell: Callable[[str], None]) -> Iterator[Figure]:
    """Attach and detach so many containers; table "memory" (MiB). The agent has to be fresh."""
    agent = seat.contender.agent
    if agent is None:
        raise ValueError("memory is that of an agent")

    def resident(line: str) -> Figure:
        return Figure("memory", line, LAUNCHER, "MiB", (agent.resident_bytes() / MIB,))

    yield resident("started")
    done = 0
    while done < attachments:
        burst(seat, containers[: attachments - done], done)
        if not done:
            yield resident(f"after the first {len(containers):,} attachments")
        done += len(containers)
        if not done % (10 * len(containers)):
            tell(f"{done:,} attachments")
    yield resident(f"after {attachments:,} attachments")
