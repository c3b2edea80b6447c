"""Bursts: many containers begin and end at once, as when a node starts or is drained."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.contenders import Attachment, Seat, container_id
from bench.figures import ALONE, Figure
from bench.process import run_many
from bench.verbs import CASES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

AT_ONCE: Final = 16


def measure(seats: Sequence[Seat], containers: Sequence[Path], rounds: int) -> Iterator[Figure]:
    """An ADD for each container, then a DEL for each; table "burst" (calls per second)."""
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        for seat in seats:
            if seat.contender.name == ALONE and number:
                continue
            added, deleted = burst(seat, containers, number)
            rates["ADD", seat.contender.name].append(len(containers) / added)
            rates["DEL", seat.contender.name].append(len(containers) / deleted)
    for (verb, contender), series in rates.items():
        yield Figure("burst", f"{len(containers)} {verb}s", contender, "/s", tuple(series))


def burst(seat: Seat, containers: Sequence[Path], number: int) -> tuple[float, float]:
    """Attach and detach every container; returns the seconds that each took."""
    attachments = [
        Attachment(seat, container, container_id(number * len(containers) + place), CASES["one address"])
        for place, container in enumerate(containers)
    ]
    added = run_many([attachment.add for attachment in attachments], AT_ONCE)
    for attachment in attachments:
        attachment.remember()
    return added, run_many([attachment.delete for attachment in attachments], AT_ONCE)
