"""What was measured: a series of samples for one contender in one line of one table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Final

from tests.reference import NEW, OLD

REFERENCE: Final = f"reference {NEW}"
OLD_REFERENCE: Final = f"reference {OLD}"
REFERENCES: Final = {REFERENCE: NEW, OLD_REFERENCE: OLD}
LAUNCHER: Final = "agent, launcher"
DOOR: Final = "agent, Python door"
ALONE: Final = "Python door alone"
LAUNCHER_FILES: Final = "agent, launcher, host-local's files"


@dataclass(frozen=True)
class Figure:
    """A series of samples of one kind, in ``unit``."""

    table: str
    line: str
    contender: str
    unit: str
    samples: tuple[float, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other figure."""
        return self.table, self.line, self.contender

    @property
    def median(self) -> float:
        """The value that half of the samples reach."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """What one sample in twenty is below, and what one in twenty is above."""
        if len(self.samples) == 1:
            return self.samples[0], self.samples[0]
        low, *_, high = statistics.quantiles(self.samples, n=20, method="inclusive")
        return low, high


class Figures:
    """All figures of a run, in the order in which they were measured."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str, str], Figure] = {}

    def add(self, figure: Figure) -> None:
        """Take one more."""
        self._by_key[figure.key] = figure

    def get(self, table: str, line: str, contender: str) -> Figure | None:
        """The figure, None if it was not measured."""
        return self._by_key.get((table, line, contender))

    def ratio(self, figure: Figure, line: str = "", contender: str = REFERENCE) -> float | None:
        """How many times the median of another contender (and line) of its table it is; None if that is not there."""
        base = self.get(figure.table, line or figure.line, contender)
        return figure.median / base.median if base else None

    def tables(self) -> dict[str, list[Figure]]:
        """The figures by table."""
        found: dict[str, list[Figure]] = {}
        for figure in self._by_key.values():
            found.setdefault(figure.table, []).append(figure)
        return found
