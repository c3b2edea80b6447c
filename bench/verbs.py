"""ADD, CHECK and DEL of one attachment at a time: contenders take turns, so that a busy machine slows them alike."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from bench.contenders import SUBNET, Attachment, Json, Seat, container_id
from bench.figures import ALONE, Figure
from bench.process import Cost, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WARM_UP: Final = 2  # rounds
ALONE_EVERY: Final = 4  # rounds; it takes ten times as long as the others
IPV6: Final = "fd00:9::/64"
# with their next hops: the reference's CHECK misses a route whose next hop is the gateway of ``ipam``
ROUTES: Final = [{"dst": f"10.{number}.0.0/16", "gw": "10.0.0.1"} for number in range(64, 69)]

CASES: Final[dict[str, Json]] = {
    "one address": {"ranges": [[{"subnet": SUBNET}]]},
    "dual stack": {"ranges": [[{"subnet": SUBNET}], [{"subnet": IPV6}]]},
    "five routes": {"ranges": [[{"subnet": SUBNET}]], "routes": ROUTES},
}


def measure(seats: Sequence[Seat], containers: Sequence[Path], rounds: int) -> Iterator[Figure]:
    """Measure every case; tables "calls" (ms of the clock) and "cpu" (ms of processors)."""
    for name, case in CASES.items():
        costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
        for number in range(-WARM_UP, rounds):
            # each contender follows each other one equally often
            first = number % len(seats)
            for place in (*range(first, len(seats)), *range(first)):
                seat = seats[place]
                if seat.contender.name == ALONE and number % ALONE_EVERY:
                    continue
                for verb, cost in cycle(Attachment(seat, containers[place], container_id(number + WARM_UP), case)):
                    if number >= 0:
                        costs[verb, seat.contender.name].append(cost)
        for (verb, contender), series in costs.items():
            line = f"{verb}, {name}"
            yield Figure("calls", line, contender, "ms", tuple(cost.wall for cost in series))
            yield Figure("cpu", line, contender, "ms", tuple(cost.cpu for cost in series))


def cycle(attachment: Attachment) -> Iterator[tuple[str, Cost]]:
    """Make, check and remove an attachment."""
    agent = attachment.seat.contender.agent
    yield "ADD", run(attachment.add, agent)
    attachment.remember()
    yield "CHECK", run(attachment.check, agent)
    yield "DEL", run(attachment.delete, agent)
