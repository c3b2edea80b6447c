"""What an ADD takes where many leases are held already."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.contenders import Attachment, Json, container_id
from bench.figures import REFERENCES, Figure
from bench.process import run
from bench.verbs import CASES, WARM_UP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.contenders import Contender
    from bench.filling import Stock

CASE: Final[Json] = CASES["one address"]


def line_of(held: int) -> str:
    """The name of a line of the table."""
    return f"{held:,} leases"


def measure(
    contenders: Sequence[Contender], containers: Sequence[Path], stocks: dict[int, Stock], rounds: dict[int, int]
) -> Iterator[Figure]:
    """Measure ADD at each number of leases, so many rounds each; table "leases" (ms of the clock)."""
    for held, times in rounds.items():
        stock = stocks[held]
        seats = [each.at(stock.theirs if each.name in REFERENCES else stock.ours) for each in contenders]
        series: dict[str, list[float]] = defaultdict(list)
        for number in range(-1, times):
            for seat, container in zip(seats, containers, strict=False):
                attachment = Attachment(seat, container, container_id(number + WARM_UP), CASE)
                agent = seat.contender.agent
                cost = run(attachment.add, agent)
                attachment.remember()
                run(attachment.delete, agent)
                if number >= 0:
                    series[seat.contender.name].append(cost.wall)
        for name, samples in series.items():
            yield Figure("leases", line_of(held), name, "ms", tuple(samples))
