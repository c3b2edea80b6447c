"""Compare the plugin with the reference plugins: ``make bench``, as root.

    PYTHONPATH=. python -m bench [--quick] [--json] [--soak N] [--only TABLE ...]

A whole run writes docs/benchmarks.md, docs/benchmarks.svg and build/bench.json; one with --quick or --only the last
alone. Progress goes to stderr. Exit status 1: a target was missed, and which is said last.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import burst, lease_numbers, memory, pool_size, start, verbs
from bench.agent import Agent
from bench.chart import chart
from bench.contenders import TREE, Contender, contenders, install
from bench.figures import ALONE, DOOR, LAUNCHER, LAUNCHER_FILES, REFERENCES, Figures
from bench.filling import fill
from bench.machine import facts
from bench.network import network
from bench.page import TABLES, lines, missed, page
from bench.process import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figure

CONTAINERS: Final = 100
MAIN: Final = (*REFERENCES, LAUNCHER, DOOR, ALONE)


@dataclass(frozen=True)
class Effort:
    """How often each thing is measured; ``leases`` maps numbers of leases to rounds."""

    rounds: int
    bursts: int
    starts: int
    pool: int
    leases: dict[int, int]
    soak: int


WHOLE: Final = Effort(60, 5, 20, 1000, {10: 20, 1000: 20, 10_000: 12, 50_000: 5}, 500)
QUICK: Final = Effort(12, 1, 8, 200, {10: 5, 10_000: 3}, 200)


def main() -> int:
    """Measure, write, judge."""
    chosen = _arguments()
    effort = QUICK if chosen.quick else WHOLE
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, _give_up)
    figures = Figures()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cni-macvlan-py-bench-") as scratch:
        _tell("installing the plugin, building the launcher")
        doors, launchers = install(Path(scratch))
        where = facts(doors / "cni-macvlan-py")
        with network(CONTAINERS) as containers:
            bench = Bench(Path(scratch), doors, launchers, containers, effort)
            for figure in bench.measure(chosen.only or list(TABLES), chosen.soak or effort.soak):
                figures.add(figure)
    _tell(f"done in {time.monotonic() - began:.0f} s")
    document = _document(where, figures)
    (TREE / "build").mkdir(exist_ok=True)
    (TREE / "build" / "bench.json").write_text(document)
    if not chosen.quick and not chosen.only:
        (TREE / "docs" / "benchmarks.md").write_text(page(where, figures))
        (TREE / "docs" / "benchmarks.svg").write_text(chart(figures))
    print(document if chosen.json else "\n".join(lines(figures)))
    shortfalls = missed(figures)
    for shortfall in shortfalls:
        print(f"target missed: {shortfall}", file=sys.stderr)
    return bool(shortfalls)


@dataclass(frozen=True)
class Bench:
    """Everything that the measurements need; ``doors`` and ``launchers`` are directories for CNI_PATH."""

    scratch: Path
    doors: Path
    launchers: Path
    containers: list[Path]
    effort: Effort

    def measure(self, tables: list[str], attachments: int) -> Iterator[Figure]:
        """Measure the tables; what an agent would disturb comes before there is one."""
        effort, scratch = self.effort, self.scratch
        agent = Agent(self.doors / "cni-macvlan-py", scratch / "agent")
        every = contenders(self.doors, self.launchers, agent)
        seats = {name: every[name].at(scratch / name.replace(" ", "-")) for name in MAIN}
        if "start" in tables:
            _tell("starts")
            compared = [seats[name] for name in (*REFERENCES, ALONE)]
            yield from start.measure(compared, self.containers, scratch / "app", effort.starts)
        stocks = {}
        if {"pool", "leases"} & set(tables):
            _tell("filling the lease stores")
            stocks = fill(scratch / "leases", list(effort.leases))
        if "pool" in tables:
            _tell("leases alone")
            yield from pool_size.measure(stocks, effort.pool)
        if "memory" in tables:
            _tell(f"memory, {attachments:,} attachments")
            yield from self._memory(attachments)
        with ExitStack() as running:
            if {"calls", "cpu", "burst", "leases"} & set(tables):
                running.enter_context(agent)
            if {"calls", "cpu"} & set(tables):
                _tell("single calls")
                yield from verbs.measure(list(seats.values()), self.containers, effort.rounds)
            if "burst" in tables:
                _tell("bursts")
                yield from burst.measure(list(seats.values()), self.containers, effort.bursts)
            if "leases" in tables:
                _tell("many leases")
                crowded = [every[name] for name in (*REFERENCES, LAUNCHER, DOOR, LAUNCHER_FILES)]
                yield from lease_numbers.measure(crowded, self.containers, stocks, effort.leases)

    def _memory(self, attachments: int) -> Iterator[Figure]:
        with Agent(self.doors / "cni-macvlan-py", self.scratch / "long-lived") as agent:
            contender: Contender = contenders(self.doors, self.launchers, agent)[LAUNCHER]
            seat = contender.at(self.scratch / "soak")
            yield from memory.measure(seat, self.containers, attachments, _tell)


def _document(where: dict[str, str], figures: Figures) -> str:
    """The figures for programs: samples as they were measured, and the ratios of medians to each reference."""
    measured = [
        {
            "table": each.table,
            "line": each.line,
            "contender": each.contender,
            "unit": each.unit,
            "median": each.median,
            "spread": each.spread,
            "ratios": {name: figures.ratio(each, contender=name) for name in REFERENCES},
            "samples": each.samples,
        }
        for series in figures.tables().values()
        for each in series
    ]
    return json.dumps({"machine": where, "figures": measured, "missed": missed(figures)}, indent=1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="measure little: a minute and a half, and noisy")
    parser.add_argument("--json", action="store_true", help="print all samples as one JSON document, not the tables")
    parser.add_argument("--soak", type=int, metavar="N", help="attachments for the agent's memory (default: 500)")
    parser.add_argument("--only", nargs="+", choices=list(TABLES), help="measure these tables alone")
    return parser.parse_args()


def _give_up(number: int, _frame: object) -> None:
    """End by way of every clean-up."""
    raise Failed(f"given up: {signal.strsignal(number)}")


def _tell(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
